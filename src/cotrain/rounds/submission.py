"""What an owner sends in a round: train, noise, commit, prove, encrypt, share the key (step 5 of the protocol).

Everything random is derived from one 32-byte seed that is fresh for each opened round, except the noise: its words
were committed to before. Rounding and clipping happen before the noise is added, and never after.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.aggregation.opening import to_fields
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.encryption.cipher import encrypt, generate_key
from cotrain.encryption.sealing import seal
from cotrain.encryption.sharing import deal
from cotrain.proofs.submission import SubmissionWitness, prove_submission
from cotrain.records.kinds import SubmissionBody
from cotrain.records.record import Message, RecordSigner, blob_ref, sign_record
from cotrain.rounds.end_rules import sum_context
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.round_rules import coins_of, submission_claim
from cotrain.rounds.state import RoundState, RunState
from cotrain.rounds.words import WordSecrets
from cotrain.training.gradient import Weights, gradient, round_gradient


@dataclass(frozen=True)
class RoundSecrets:
    """Secret seeds of one owner for one opened round, all derived from `seed`."""

    seed: bytes = field(repr=False)

    def derive(self, label: str) -> bytes:
        """Return 32 secret bytes for the use `label`."""
        return hmac.new(
            self.seed, b"cotrain/round-secret/1/" + label.encode(), hashlib.sha256
        ).digest()


def train(plan: RunPlan, rows: NDArray[np.int16], weights: Weights) -> NDArray[np.int64]:
    """Return the rounded update of `rows` at `weights`, before noise: int64, shape (dimension,)."""
    return round_gradient(plan.algorithm, gradient(plan.algorithm, rows, weights))


@dataclass(frozen=True)
class SubmissionSecrets:
    """What only the owner knows of its submission.

    Attributes:
        rows: int16, shape (n, columns): exactly the committed rows.
        dataset_seed: The seed of the dataset's commitments.
        round: Fresh for this opening of this round.
        words: The noise words, committed to before; None without noise.
        next_words: Those of the next submission; None without noise.
        replaced: Commitment of the dataset to its own blinding, where rows were removed since.
    """

    rows: NDArray[np.int16] = field(repr=False)
    dataset_seed: bytes = field(repr=False)
    round: RoundSecrets
    words: WordSecrets | None = None
    next_words: WordSecrets | None = None
    replaced: Mapping[int, bytes] = field(repr=False, default_factory=dict)

    @property
    def blinding_seed(self) -> bytes:
        """The 32 bytes from which the blindings of the commitment to the update are derived."""
        return self.round.derive("blinding")

    def update_blindings(self, plan: RunPlan) -> bytes:
        """Return the blindings of the commitment to the update."""
        return derive_blindings(self.blinding_seed, b"update", plan.shape.rows)


def noised_update(state: RunState, owner: str, secrets: SubmissionSecrets) -> NDArray[np.int64]:
    """Return an owner's update with its share of the noise added: int64, shape (dimension,)."""
    plan = state.derived
    update = train(plan, secrets.rows, state.weights[-1])
    if secrets.words is None:
        return update
    return update + secrets.words.draw(plan, coins_of(state, owner))


def share_info(run: str, number: int, owner: str, holder: str) -> bytes:
    """Return the HPKE `info` that binds a sealed share to its run, round, sender and receiver."""
    return sum_context(run, number) + f"/{owner}/{holder}".encode()


@dataclass(frozen=True)
class CommittedUpdate:
    """An update under its commitment: C_U of the protocol.

    Attributes:
        values: int64, shape (dimension,).
        commitments: 32 bytes a commitment.
    """

    values: NDArray[np.int64] = field(repr=False)
    commitments: bytes


Prover = Callable[[RunState, CommittedUpdate, SubmissionSecrets], bytes]


def build_submission(
    signer: RecordSigner, state: RunState, secrets: SubmissionSecrets, prove: Prover
) -> Message:
    """Build one owner's submission for the current round.

    Args:
        signer: The owner.
        state: The ledger's state; a round is open.
        secrets: Its secrets.
        prove: Makes the proof of the update; called only if the agreement asks for proofs.
    """
    plan, current = state.derived, state.current
    update, blindings = noised_update(state, signer.did, secrets), secrets.update_blindings(plan)
    committed = CommittedUpdate(update, commit(update, plan.shape.width, blindings))
    parts = {"commitments": committed.commitments}
    if secrets.next_words is not None:
        parts["next_words"] = secrets.next_words.commit(plan)
    if state.terms.is_proven:
        parts["proof"] = prove(state, committed, secrets)
    fields = to_fields(update, blindings, plan.shape.bound)
    parts |= _encrypt(state, signer.did, fields, secrets.round)
    refs = {name: blob_ref(data) for name, data in parts.items()}
    body = SubmissionBody(
        round=current.number,
        opening=current.opening,
        commitments=refs["commitments"],
        ciphertext=refs["ciphertext"],
        key_commitments=refs["key_commitments"],
        sealed_shares=refs["sealed_shares"],
        next_words=refs.get("next_words"),
        proof=refs.get("proof"),
    )
    blobs = {refs[name].sha256: data for name, data in parts.items()}
    return Message(sign_record(signer, state.terms.digest, body), blobs)


def prove_update(
    state: RunState, owner: str, update: CommittedUpdate, secrets: SubmissionSecrets
) -> bytes:
    """Return the proof that an update is the one that the agreement asks of its owner.

    Raises:
        DataError: it is not.
    """
    plan, words = state.derived, secrets.words
    witness = SubmissionWitness(
        rows=secrets.rows,
        dataset_seed=secrets.dataset_seed,
        update=update.values,
        update_blindings=secrets.update_blindings(plan),
        words=np.empty(0, dtype=np.uint64) if words is None else words.words(plan),
        words_blindings=b"" if words is None else words.blindings(plan),
        replaced=secrets.replaced,
    )
    statement = submission_claim(state, owner, update.commitments).statement
    return prove_submission(statement, witness, secrets.round.derive("proof"))


def _encrypt(
    state: RunState, owner: str, fields: NDArray[np.uint64], secrets: RoundSecrets
) -> dict[str, bytes]:
    """Return the ciphertext, and the shares of its key: commitments to them, and the sealed shares."""
    parameters, current = state.derived.parameters, state.current
    key = generate_key(secrets.derive("key"))
    context = sum_context(state.terms.digest, current.number)
    ciphertext = encrypt(parameters, fields, key, context, secrets.derive("error"))
    sizes = current.threshold, len(current.holders)
    key_commitments, shares = deal(parameters, key, *sizes, secrets.derive("sharing"))
    sealed = _seal_shares(state, current, owner, shares, secrets)
    return {
        "ciphertext": ciphertext,
        "key_commitments": key_commitments,
        "sealed_shares": sealed,
    }


def _seal_shares(
    state: RunState, current: RoundState, owner: str, shares: list[bytes], secrets: RoundSecrets
) -> bytes:
    sealed = []
    for holder, share in zip(current.holders, shares, strict=True):
        info = share_info(state.terms.digest, current.number, owner, holder)
        key = bytes.fromhex(state.sealing_keys[holder])
        sealed.append(seal(key, info, b"", share, secrets.derive(f"seal/{holder}")))
    return b"".join(sealed)
