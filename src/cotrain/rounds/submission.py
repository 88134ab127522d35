"""What an owner sends in a round: train, noise, commit, encrypt, share the key (step 5 of the protocol).

Everything random is derived from one 32-byte seed that is fresh for each opened round. Rounding and clipping
happen before the noise is added, and never after.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.aggregation.opening import to_fields
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.encryption.cipher import encrypt, generate_key
from cotrain.encryption.sealing import seal
from cotrain.encryption.sharing import deal
from cotrain.privacy.sampler import sample_noise
from cotrain.privacy.skellam import build_table
from cotrain.records.kinds import SubmissionBody
from cotrain.records.record import Message, RecordSigner, blob_ref, sign_record
from cotrain.rounds.end_rules import sum_context
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RoundState, RunState
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


def noised_update(
    plan: RunPlan, rows: NDArray[np.int16], weights: Weights, secrets: RoundSecrets
) -> NDArray[np.int64]:
    """Return the update with this party's share of the noise added: int64, shape (dimension,)."""
    update = train(plan, rows, weights)
    if plan.noise is None:
        return update
    table = build_table(plan.noise.local_variance)
    return update + sample_noise(table, secrets.derive("noise"), plan.dimension)


def share_info(run: str, number: int, owner: str, holder: str) -> bytes:
    """Return the HPKE `info` that binds a sealed share to its run, round, sender and receiver."""
    return sum_context(run, number) + f"/{owner}/{holder}".encode()


def build_submission(
    signer: RecordSigner, state: RunState, rows: NDArray[np.int16], secrets: RoundSecrets
) -> Message:
    """Build one owner's submission for the current round.

    Args:
        signer: The owner.
        state: The ledger's state; a round is open.
        rows: int16, shape (n, columns): exactly the committed rows.
        secrets: Fresh for this opening of this round.
    """
    plan, current = state.derived, state.current
    update = noised_update(plan, rows, state.weights[-1], secrets)
    blindings = derive_blindings(secrets.derive("blinding"), b"update", plan.shape.rows)
    commitments = commit(update, plan.shape.width, blindings)
    fields = to_fields(update, blindings, plan.shape.bound)
    key = generate_key(secrets.derive("key"))
    context = sum_context(state.terms.digest, current.number)
    ciphertext = encrypt(plan.parameters, fields, key, context, secrets.derive("error"))
    key_commitments, shares = deal(
        plan.parameters, key, current.threshold, len(current.holders), secrets.derive("sharing")
    )
    sealed = _seal_shares(state, current, signer.did, shares, secrets)
    body = SubmissionBody(
        round=current.number,
        opening=current.opening,
        commitments=blob_ref(commitments),
        ciphertext=blob_ref(ciphertext),
        key_commitments=blob_ref(key_commitments),
        sealed_shares=blob_ref(sealed),
    )
    blobs = {
        blob_ref(data).sha256: data for data in (commitments, ciphertext, key_commitments, sealed)
    }
    return Message(sign_record(signer, state.terms.digest, body), blobs)


def _seal_shares(
    state: RunState, current: RoundState, owner: str, shares: list[bytes], secrets: RoundSecrets
) -> bytes:
    sealed = []
    for holder, share in zip(current.holders, shares, strict=True):
        info = share_info(state.terms.digest, current.number, owner, holder)
        key = bytes.fromhex(state.sealing_keys[holder])
        sealed.append(seal(key, info, b"", share, secrets.derive(f"seal/{holder}")))
    return b"".join(sealed)
