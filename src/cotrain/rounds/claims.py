"""What the proofs of a run say, and checking them.

A claim is built from what everybody knows: the rules build it from the ledger (`cotrain.rounds.setup_rules`,
`cotrain.rounds.round_rules`), the prover from its own view of the same ledger. A proof is valid for one claim only:
the claim's context names run, owner, round and opening.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from cotrain.agreement.schema import Schema
from cotrain.errors import CotrainError
from cotrain.proofs.contribution import ContributionStatement
from cotrain.proofs.registration import registration_proof_bytes, verify_registration
from cotrain.proofs.removal import RemovalStatement
from cotrain.proofs.submission import (
    SubmissionStatement,
    submission_proof_bytes,
    verify_submission,
)


@dataclass(frozen=True)
class RegistrationClaim:
    """A registered dataset satisfies the schema, and its owner can open the commitments.

    Attributes:
        schema: The agreement's schema.
        rows: Registered number of rows.
        commitments: Registered commitments.
        context: What binds the proof to run and owner.
    """

    KIND: ClassVar[str] = "dataset"
    schema: Schema
    rows: int
    commitments: bytes = field(repr=False)
    context: bytes = field(repr=False)

    def proof_bytes(self) -> int:
        """Return the one length that a proof of this claim has."""
        return registration_proof_bytes(self.schema, self.rows)

    def verify(self, proof: bytes) -> None:
        """Check a proof of this claim.

        Raises:
            ForgeryError: it is not one.
            MalformedError: it is no proof at all.
        """
        verify_registration(self.schema, self.rows, self.commitments, self.context, proof)

    def parts(self) -> tuple[bytes, ...]:
        """Return what sets this claim apart from others of the same run."""
        return (self.context, self.rows.to_bytes(8, "little"), self.commitments)


@dataclass(frozen=True)
class SubmissionClaim:
    """A submitted update is the agreed step on the registered rows, with the agreed noise.

    Attributes:
        statement: The statement, in the terms of `cotrain.proofs`.
    """

    KIND: ClassVar[str] = "submission"
    statement: SubmissionStatement

    def proof_bytes(self) -> int:
        """Return the one length that a proof of this claim has."""
        said = self.statement
        return submission_proof_bytes(said.algorithm, said.schema, said.local_variance, said.rows)

    def verify(self, proof: bytes) -> None:
        """Check a proof of this claim.

        Raises:
            ForgeryError: it is not one.
            MalformedError: it is no proof at all.
        """
        verify_submission(self.statement, proof)

    def parts(self) -> tuple[bytes, ...]:
        """Return what sets this claim apart from others of the same run: its context names the dataset."""
        said = self.statement
        return (said.context, said.weights.tobytes(), said.words, said.coins, said.update)


class _Statement(Protocol):
    def proof_bytes(self) -> int: ...
    def verify(self, proof: bytes) -> None: ...


class _StatedClaim:
    """A claim that is one statement with one proof."""

    statement: _Statement

    def proof_bytes(self) -> int:
        """Return the one length that a proof of this claim has."""
        return self.statement.proof_bytes()

    def verify(self, proof: bytes) -> None:
        """Check a proof of this claim.

        Raises:
            ForgeryError: it is not one.
            MalformedError: it is no proof at all.
        """
        self.statement.verify(proof)


@dataclass(frozen=True)
class ScoreClaim(_StatedClaim):
    """A released score is what the owner's counted updates and its committed word make it.

    Attributes:
        statement: The statement, in the terms of `cotrain.proofs`.
    """

    KIND: ClassVar[str] = "score"
    statement: ContributionStatement

    def parts(self) -> tuple[bytes, ...]:
        """Return what sets this claim apart from others of the same run."""
        said = self.statement
        score = said.score.to_bytes(8, "little", signed=True)
        return (
            said.context,
            score,
            said.coins,
            said.words,
            said.gradients.tobytes(),
            *said.updates,
        )


@dataclass(frozen=True)
class RemovalClaim(_StatedClaim):
    """A commitment of a registered dataset was replaced by one in which one row is zero, and nothing else changed.

    Attributes:
        statement: The statement, in the terms of `cotrain.proofs`.
    """

    KIND: ClassVar[str] = "removal"
    statement: RemovalStatement

    def parts(self) -> tuple[bytes, ...]:
        """Return what sets this claim apart from others of the same run."""
        said = self.statement
        return (said.context, said.row.to_bytes(8, "little"), said.before, said.after)


Claim = RegistrationClaim | SubmissionClaim | ScoreClaim | RemovalClaim
ProofCheck = Callable[[Claim, bytes], None]


class ProofVerifier:
    """Verifies every proof that it is shown, and keeps how long that took.

    Attributes:
        seconds: Wall-clock seconds; for reports, nothing is decided by them.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, claim: Claim, proof: bytes) -> None:
        """Check a proof; see `RegistrationClaim.verify`."""
        start = time.perf_counter()
        try:
            claim.verify(proof)
        finally:
            self.seconds += time.perf_counter() - start


class RememberingVerifier(ProofVerifier):
    """Verifies each proof once: a coordinator meets it on arrival, when it logs it, and whenever it is sent again."""

    MOST: ClassVar[int] = 4096

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, CotrainError | None] = {}

    def __call__(self, claim: Claim, proof: bytes) -> None:
        """Check a proof, or repeat what came of the same one for the same claim."""
        name = _name_of(claim, proof)
        if name not in self._known:
            if len(self._known) >= self.MOST:
                self._known.clear()
            self._known[name] = self._outcome(claim, proof)
        known = self._known[name]
        if known is not None:
            raise _afresh(known)

    def _outcome(self, claim: Claim, proof: bytes) -> CotrainError | None:
        try:
            super().__call__(claim, proof)
        except CotrainError as error:
            return _afresh(error)
        return None


def _afresh(error: CotrainError) -> CotrainError:
    """Return the same error without its traceback, which would keep claim and proof in memory."""
    told = error.diagnostics()
    return type(error)(told["code"], told["what"], meaning=told["meaning"], hint=told["hint"])


def _name_of(claim: Claim, proof: bytes) -> bytes:
    digest = hashlib.sha256(claim.KIND.encode())
    for part in (*claim.parts(), proof):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()
