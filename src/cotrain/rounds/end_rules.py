"""Rules of how things end: result, abort, finish, refusal (docs/spec/protocol.md, steps 11 and 12)."""

import numpy as np

from cotrain.aggregation.opening import OpenedSum, check_sum, open_update_sum
from cotrain.errors import CotrainError, ForgeryError
from cotrain.identity.did_key import verify_signature
from cotrain.records.kinds import AbortBody, FinishBody, RefusalBody, ResultBody
from cotrain.records.record import Record, decode_record
from cotrain.rounds.money import begin_ending, has_due_transaction, leave_unpaid
from cotrain.rounds.refusals import by_coordinator, expect, mismatch, out_of_turn
from cotrain.rounds.state import (
    BlobSource,
    Change,
    CountedUpdate,
    Phase,
    RoundState,
    RunState,
    next_beacon,
    weights_bytes,
    weights_digest,
)
from cotrain.training.gradient import Weights
from cotrain.training.model import Model
from cotrain.training.step import release_weights, take_step

SUM_DOES_NOT_OPEN = "sum-does-not-open"
CONTRACT_REFUSED = "contract-refused"
APPROVALS_MISSING = "approvals-missing"
_ABORTS = {
    "below-quorum": {Phase.REGISTERING, Phase.BETWEEN, Phase.SUBMITTING, Phase.CHECKING},
    "signatures-missing": {Phase.SIGNING},
    "releases-missing": {Phase.RELEASING},
    SUM_DOES_NOT_OPEN: {Phase.RELEASING},
    CONTRACT_REFUSED: {
        Phase.FUNDING,
        Phase.BETWEEN,
        Phase.ANCHORING,
        Phase.APPROVING,
        Phase.PAYING,
    },
    APPROVALS_MISSING: {Phase.APPROVING},
    "expired": {Phase.SIGNING, Phase.REGISTERING, Phase.BETWEEN},
}


def sum_context(run: str, number: int) -> bytes:
    """Return what binds a round's ciphertexts and shares to it."""
    return b"cotrain/round/1/" + bytes.fromhex(run) + number.to_bytes(8, "little")


def open_round(state: RunState) -> OpenedSum:
    """Open the current round's sum from the released shares and check it against the commitments.

    Raises:
        ForgeryError: too few releases, or the sum does not open the product of the commitments.
    """
    current, plan = state.current, state.derived
    if len(current.releases) < current.threshold:
        raise ForgeryError(
            "round-too-few-releases",
            f"{len(current.releases)} key holders released, {current.threshold} are needed",
            meaning="The key sum is not determined yet.",
            hint="Wait for more key holders.",
        )
    survivors = [current.submissions[owner] for owner in current.survivors]
    releases = [(current.key_index(holder), share) for holder, share in current.releases.items()]
    context = sum_context(state.terms.digest, current.number)
    ciphertexts = [submission.ciphertext for submission in survivors]
    opened = open_update_sum(plan.shape, context, ciphertexts, current.threshold, releases)
    check_sum(plan.shape, [submission.commitments for submission in survivors], opened)
    return opened


def step(state: RunState, opened: OpenedSum) -> Weights:
    """Return the next model: one public, deterministic step on the opened sum."""
    rows = sum(state.datasets[owner].rows for owner in state.current.survivors)
    return take_step(state.derived.algorithm, state.weights[-1], opened.update, rows)


def result_rule(state: RunState, record: Record, body: ResultBody, blobs: BlobSource) -> Change:
    """Step 11: exactly the sum, blinding, key sum and model that everybody computes."""
    by_coordinator(record, state.terms.coordinator.did)
    if state.phase is not Phase.RELEASING:
        raise out_of_turn(record, state.phase.value)
    current = state.current
    expect(record, "round", body.round, current.number)
    expect(record, "survivors", body.survivors, current.survivors_record)
    opened = open_round(state)
    weights = step(state, opened)
    expect(record, "update sum", blobs(body.update_sum), update_bytes(opened))
    expect(record, "blinding sum", blobs(body.blinding_sum), opened.blinding)
    expect(record, "key sum", blobs(body.key_sum), key_bytes(opened))
    expect(record, "weights", blobs(body.weights), weights_bytes(weights))
    expect(record, "model", body.model, weights_digest(weights))

    def change() -> None:
        state.weights.append(weights)
        state.opened.append((current.number, current.survivors))
        _count_updates(state, current)
        state.beacon = next_beacon(state.terms.digest, current.number, key_bytes(opened))
        current.result = record.digest
        state.phase = Phase.BETWEEN if state.money is None else Phase.ANCHORING

    return change


def abort_rule(state: RunState, record: Record, body: AbortBody, blobs: BlobSource) -> Change:
    """Instead of any step: the run cannot go on. A claim that everybody can check is checked."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    phases = _ABORTS.get(body.code)
    if phases is None or state.phase not in phases:
        raise out_of_turn(record, state.phase.value)
    expect(record, "round", body.round, state.round.number if state.round else 0)
    if _is_false(state, body.code):
        raise mismatch(record, "the reason", body.code, "that the run can go on")

    def change() -> None:
        if state.phase in {Phase.APPROVING, Phase.PAYING}:
            leave_unpaid(state)
            return
        state.abort = (body.code, body.reason)
        begin_ending(state)

    return change


def finish_rule(state: RunState, record: Record, body: FinishBody, blobs: BlobSource) -> Change:
    """Step 12: after the last round, the released model that everybody computes."""
    by_coordinator(record, state.terms.coordinator.did)
    if state.phase is not Phase.BETWEEN or has_due_transaction(state):
        raise out_of_turn(record, state.phase.value)
    expect(record, "rounds", body.rounds, state.next_round)
    expect(record, "rounds", body.rounds, state.terms.rounds)
    expected = released_model(state)
    expect(record, "model", blobs(body.model), expected)

    def change() -> None:
        state.released_model = expected
        begin_ending(state)

    return change


def refusal_rule(state: RunState, record: Record, body: RefusalBody, blobs: BlobSource) -> Change:
    """At any time: the coordinator keeps a record that it did not log, as evidence that its author signed."""
    by_coordinator(record, state.terms.coordinator.did)
    evidence = decode_record(blobs(body.evidence), verify_signature)
    expect(record, "author", body.author, evidence.author)
    expect(record, "kind", body.refused, evidence.kind)
    return lambda: state.refusals.append((body.author, body.refused, body.code))


def released_model(state: RunState) -> bytes:
    """Return the canonical bytes of the model that the run releases."""
    terms, algorithm = state.terms, state.derived.algorithm
    weights = release_weights(algorithm, state.weights[1:])
    schema = terms.data_schema.digest().hex()
    return Model.of(algorithm, weights, schema=schema, agreement=terms.digest).encode()


def update_bytes(opened: OpenedSum) -> bytes:
    """Return the opened sum as little-endian int64."""
    return opened.update.astype("<i8").tobytes()


def key_bytes(opened: OpenedSum) -> bytes:
    """Return the key sum as little-endian int32."""
    return np.asarray(opened.key).astype("<i4").tobytes()


def _count_updates(state: RunState, current: RoundState) -> None:
    """Keep what a score will be proven from."""
    if state.derived.scores is None:
        return
    for owner in current.survivors:
        commitments = current.submissions[owner].commitments
        update = CountedUpdate(current.number, current.beacon, commitments)
        state.counted.setdefault(owner, []).append(update)


def _is_false(state: RunState, code: str) -> bool:
    """Return whether everybody can see that the run could go on, whatever the coordinator says."""
    least = state.terms.quorum.survivors
    if code == CONTRACT_REFUSED:
        return state.money is None or state.money.refused is None
    if code == APPROVALS_MISSING:
        return has_due_transaction(state)
    match state.phase:
        case Phase.BETWEEN:
            finished = state.next_round == state.terms.rounds
            return finished or (code == "below-quorum" and state.can_open())
        case Phase.SUBMITTING:
            return len(state.current.submissions) >= least
        case Phase.CHECKING:
            current = state.current
            return (
                len(current.checks) >= current.threshold
                and len(current.submissions) - len(current.excluded()) >= least
            )
        case Phase.RELEASING:
            enough = len(state.current.releases) >= state.current.threshold
            return enough != (code == SUM_DOES_NOT_OPEN) or (enough and _opens(state))
        case _:
            return False


def _opens(state: RunState) -> bool:
    try:
        open_round(state)
    except CotrainError:
        return False
    return True
