"""Parties that cheat where only a proof can catch them. For simulations and tests.

Each is refused on the ledger under its own name, and the round goes on without it; a liar at registration keeps the
run from beginning. They lie in every round from `since` on.
"""

from abc import abstractmethod
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cotrain.aggregation.opening import to_fields
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.dataset.registration import commit_dataset
from cotrain.encryption.cipher import encrypt, generate_key
from cotrain.records.kinds import BlobRef, SubmissionBody
from cotrain.records.record import Message
from cotrain.rounds.end_rules import sum_context
from cotrain.rounds.state import NoiseWords, RunState
from cotrain.rounds.submission import SubmissionSecrets, build_submission, train
from cotrain.rounds.words import WordSecrets
from cotrain.testing.lying import Liar


class MissingProof(Liar):
    """Submits without a proof. Caught: refused on the ledger."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Leave the proof out."""
        return self._restate(message, proof=None)


class MissingDatasetProof(MissingProof):
    """Registers without a proof. Caught: refused on the ledger; the run does not begin."""

    lies_in = "dataset"


class FlippedProof(Liar):
    """Sends a proof with one bit changed. Caught: refused on the ledger."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Change a bit in the middle."""
        proof = bytearray(self._proof_of(message))
        proof[len(proof) // 2] ^= 1
        return self._restate(message, {"proof": bytes(proof)})

    def _proof_of(self, message: Message) -> bytes:
        ref = getattr(message.record.body, "proof", None)
        assert isinstance(ref, BlobRef)  # noqa: S101 - only for runs with proofs
        return message.blobs[ref.sha256]


class FlippedDatasetProof(FlippedProof):
    """Registers with a proof with one bit changed. Caught: refused on the ledger; the run does not begin."""

    lies_in = "dataset"


class ShortProof(FlippedProof):
    """Sends a proof that is a byte too short. Caught: refused on the ledger, before it is looked at."""

    def twist(self, message: Message) -> list[Message]:
        """Leave the last byte out."""
        return self._restate(message, {"proof": self._proof_of(message)[:-1]})


class OldProof(FlippedProof):
    """Sends its first proof with its second submission. Caught: refused on the ledger."""

    first: bytes | None = None

    def twist(self, message: Message) -> list[Message]:
        """Keep the first, bring it ever after."""
        self.first = self.first or self._proof_of(message)
        return self._restate(message, {"proof": self.first})


class ForeignProof(FlippedProof):
    """Sends another owner's proof of the round before. Caught: refused on the ledger."""

    since = 1

    def twist(self, message: Message) -> list[Message]:
        """Take the first other owner's proof from the ledger."""
        refs = (
            record.body.proof
            for record in self.view.records
            if isinstance(record.body, SubmissionBody) and record.author != self.did
        )
        ref = next(ref for ref in refs if ref is not None)
        return self._restate(message, {"proof": self.view.fetch(ref)})


class AnotherUpdate(Liar):
    """Commits to and encrypts another update than it proved. Caught: refused on the ledger."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Move the first entry by one, in commitment and ciphertext alike; keep the proof."""
        plan, update = self.view.state.derived, self._update()
        update[0] += 1 if update[0] < plan.shape.bound else -1
        blindings = self._own_secrets().update_blindings(plan)
        return self._restate(message, self._committed(update, blindings))

    def _committed(self, update: NDArray[np.int64], blindings: bytes) -> dict[str, bytes]:
        """Return commitment and ciphertext of an update; they fit each other."""
        state, secrets = self.view.state, self.secrets
        shape, key = state.derived.shape, generate_key(self.secrets.derive("key"))
        fields = to_fields(update, blindings, shape.bound)
        context = sum_context(state.terms.digest, state.current.number)
        error = secrets.derive("error")
        return {
            "commitments": commit(update, shape.width, blindings),
            "ciphertext": encrypt(state.derived.parameters, fields, key, context, error),
        }


class WithoutNoise(AnotherUpdate):
    """Commits to and encrypts its update without noise, and proves the one with noise. Caught: refused."""

    def twist(self, message: Message) -> list[Message]:
        """Leave the noise out; keep the proof."""
        state, secrets = self.view.state, self._own_secrets()
        update = train(state.derived, secrets.rows, state.weights[-1])
        blindings = secrets.update_blindings(state.derived)
        return self._restate(message, self._committed(update, blindings))


class ReplacedCommitment(AnotherUpdate):
    """Commits to its proven update anew after the proof. Caught: the proof is of one commitment; refused."""

    def twist(self, message: Message) -> list[Message]:
        """Take other blindings."""
        seed, rows = self.secrets.derive("other blinding"), self.view.state.derived.shape.rows
        blindings = derive_blindings(seed, b"update", rows)
        return self._restate(message, self._committed(self._update(), blindings))


class OtherHistory(Liar):
    """Makes and proves a whole submission, properly, for a ledger that is not the ledger."""

    lies_in = "submission"

    def twist(self, message: Message) -> list[Message]:
        """Submit for the other ledger."""
        del message
        state, secrets = self.pretend(copy(self.view.state), self._own_secrets())
        return [build_submission(self.identity, state, secrets, self._prove_update)]

    @abstractmethod
    def pretend(
        self, state: RunState, secrets: SubmissionSecrets
    ) -> tuple[RunState, SubmissionSecrets]:
        """Return the other ledger's state, and the secrets that go with it."""


class OtherWeights(OtherHistory):
    """Trains on other weights than the model's, and proves that. Caught: refused on the ledger."""

    def pretend(
        self, state: RunState, secrets: SubmissionSecrets
    ) -> tuple[RunState, SubmissionSecrets]:
        """Add one to each weight."""
        state.weights = [*state.weights[:-1], state.weights[-1] + np.int32(1)]
        return state, secrets


class ChosenCoins(OtherHistory):
    """Draws its noise with coins of its own choice, and proves that. Caught: refused on the ledger."""

    def pretend(
        self, state: RunState, secrets: SubmissionSecrets
    ) -> tuple[RunState, SubmissionSecrets]:
        """Take another beacon."""
        state.round = replace(state.current, beacon="1" * 64)
        return state, secrets


class OldWords(OtherHistory):
    """Draws its noise from the words of its first submission again, and proves that. Caught: refused."""

    since = 1
    first: tuple[NoiseWords, WordSecrets] | None = None

    def pretend(
        self, state: RunState, secrets: SubmissionSecrets
    ) -> tuple[RunState, SubmissionSecrets]:
        """Take the first words."""
        assert self.first is not None  # noqa: S101 - by `_due_words`
        state.noise_words = {**state.noise_words, self.did: self.first[0]}
        return state, replace(secrets, words=self.first[1])

    def _due_words(self, state: RunState) -> WordSecrets | None:
        words = super()._due_words(state)
        if words is not None:
            self.first = self.first or (state.noise_words[self.did], words)
        return words


class OtherRows(OtherHistory):
    """Trains on rows that it registered only in part, and proves that. Caught: refused on the ledger."""

    def pretend(
        self, state: RunState, secrets: SubmissionSecrets
    ) -> tuple[RunState, SubmissionSecrets]:
        """Commit to the rows with one label changed, and take that for what was registered."""
        rows = secrets.rows.copy()
        rows[0, -1] = 1 - rows[0, -1]
        schema_hash = state.terms.data_schema.digest().hex()
        made = commit_dataset(rows, schema_hash, secrets.dataset_seed)
        registered = replace(state.datasets[self.did], commitments=made.commitments)
        state.datasets = {**state.datasets, self.did: registered}
        return state, replace(secrets, rows=rows)
