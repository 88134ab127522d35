"""Rules of erasure: when an owner's data and secrets have done their service, and what it signs then.

Spec: docs/spec/erasure.md. The record is a certificate: its author's word that nothing of these kinds is kept any
more. No ledger can show that a secret is gone.
"""

from typing import Final

from cotrain.records.kinds import ErasureBody
from cotrain.records.record import Record
from cotrain.rounds.refusals import counted_already, expect, mismatch, not_allowed, out_of_turn
from cotrain.rounds.state import BlobSource, Change, Erasure, Phase, RunState

ROWS: Final = "rows"
SECRETS: Final = (
    "dataset-blindings",
    "noise-words",
    "round-secrets",
    "sealing-key",
    "coin",
)
"""What every certificate names, in this order; `rows` comes before them where the rows are erased too."""

SCORE_SECRETS: Final = ("score-openings", "score-word")
"""What a certificate names too where a pool is divided by scores."""

_BETWEEN_ROUNDS = frozenset(
    {Phase.BETWEEN, Phase.ANCHORING, Phase.SCORING, Phase.APPROVING, Phase.PAYING}
)
_IN_A_ROUND = frozenset({Phase.SUBMITTING, Phase.CHECKING, Phase.RELEASING})


def erasing_key(run: str) -> str:
    """Return under which key a journal remembers that its owner has begun to erase a run."""
    return f"{run}/erasing"


def secrets_of(state: RunState) -> tuple[str, ...]:
    """Return the secrets that a certificate of this run names."""
    return SECRETS if state.derived.scores is None else (*SECRETS, *SCORE_SECRETS)


def erasure_reason(state: RunState, owner: str) -> str | None:
    """Return why an owner's data and secrets are of no more use: `withdrawn`, `settled` or `aborted`.

    None while they are: as long as the run goes on, and for an owner that withdrew, until the round is over in which
    it takes part.
    """
    if owner in state.revoked and _is_free(state, owner):
        return "withdrawn"
    return {Phase.FINISHED: "settled", Phase.ABORTED: "aborted"}.get(state.phase)


def erasure_rule(state: RunState, record: Record, body: ErasureBody, blobs: BlobSource) -> Change:
    """After the end, or after its withdrawal: an owner certifies once that nothing is kept any more."""
    del blobs
    owner, entry = record.author, state.tree.size
    if "data_owner" not in state.terms.party(owner).roles:
        raise not_allowed(record, "a data owner")
    if owner in state.erased:
        raise counted_already(record)
    reason = erasure_reason(state, owner)
    if reason is None:
        raise out_of_turn(record, state.phase.value)
    registered = state.datasets.get(owner)
    expect(record, "the dataset", body.dataset, registered.root if registered else None)
    expect(record, "the reason", body.reason, reason)
    secrets = secrets_of(state)
    if tuple(body.destroyed) not in (secrets, (ROWS, *secrets)):
        raise mismatch(record, "that it destroyed", body.destroyed, [*secrets])
    erasure = Erasure(entry, reason, ROWS in body.destroyed, body.time)

    def change() -> None:
        state.erased[owner] = erasure

    return change


def _is_free(state: RunState, owner: str) -> bool:
    """Tell whether no round that is under way needs this owner's secrets."""
    if state.phase in _IN_A_ROUND:
        return owner not in state.current.owners
    return state.phase in _BETWEEN_ROUNDS | {Phase.FINISHED, Phase.ABORTED}
