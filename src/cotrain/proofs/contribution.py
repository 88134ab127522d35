"""S8: one score for an owner and a run is what its committed updates make it, plus noise that nobody chose.

The score is the sum over rounds of the inner product of the owner's update with a public validation
gradient: first-order in-run data Shapley, linear in the hidden updates. It is rounded, gets noise from one
committed word and one public coin, and is released once (`docs/spec/statements.md`, "S8 contribution";
what it says and what not: `docs/proofs/contribution.md`).

This module does not decide which rounds count, which words are used or where validation gradients come
from: whoever verifies takes them from the ledger, never from the owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cotrain._native import noise as native_noise
from cotrain._native import proofs as native
from cotrain.dataset.registration import POINT_BYTES
from cotrain.errors import DataError, UsageError
from cotrain.privacy.skellam import build_table
from cotrain.proofs.refusals import refusals

_WHAT = "proof of a contribution"
_MOST = 1 << 63
_MOST_SHIFT = 48


@dataclass(frozen=True)
class ScoreRule:
    """How a score is released; the same for all owners of a run.

    Attributes:
        shift: Bits that rounding removes, 0 to 48.
        variance: Variance of the noise of the released score, in its own unit; None without noise.
    """

    shift: int
    variance: int | None


@dataclass(frozen=True)
class ContributionOpening:
    """What an owner keeps of its rounds until the settlement; all of it is secret.

    Attributes:
        updates: int64, shape (rounds, dimension): what each C_U commits to.
        update_blindings: Blindings of each C_U.
        words: uint64, shape (dimension,): the noise words whose first one is used; none without noise.
        words_blindings: Blindings of their commitment; empty without noise.
    """

    updates: NDArray[np.int64] = field(repr=False)
    update_blindings: tuple[bytes, ...] = field(repr=False)
    words: NDArray[np.uint64] = field(repr=False)
    words_blindings: bytes = field(repr=False)


@dataclass(frozen=True)
class ContributionStatement:
    """What is claimed; every number in it is public.

    Attributes:
        rule: Rounding and noise.
        gradients: int32, shape (rounds, dimension): the validation gradient of each round that counts.
        updates: C_U of each of these rounds, in the same order.
        words: Commitment to the noise words for the round after the last one; empty without noise.
        coins: 32 bytes from which the coin is drawn; empty without noise.
        score: The released score, an integer of 64 bits.
        context: Names run, owner and rounds.
    """

    rule: ScoreRule
    gradients: NDArray[np.int32] = field(repr=False)
    updates: tuple[bytes, ...] = field(repr=False)
    words: bytes = field(repr=False)
    coins: bytes = field(repr=False)
    score: int
    context: bytes

    def verify(self, proof: bytes) -> None:
        """Check a proof.

        Raises:
            MalformedError: Bytes of another length, or points or scalars that are not canonical.
            ForgeryError: The proof does not hold.
            UsageError: No statement has this shape.
        """
        with refusals(_WHAT):
            native.check_all([self._native().reduce(self._points(), proof)])

    def prove(self, opening: ContributionOpening, entropy: bytes) -> bytes:
        """Prove it; `prove_contribution` computes the score too.

        Args:
            opening: What makes it true.
            entropy: 32 fresh secret bytes.

        Raises:
            DataError: The score is not what updates, gradients and word make it.
            UsageError: Shapes that do not fit each other.
        """
        # The proof opens the words under the first commitment, and of these the first word.
        words = np.ascontiguousarray(opening.words[: native.UPDATE_WIDTH])
        secrets = (list(opening.update_blindings), opening.words_blindings[:POINT_BYTES])
        updates = _int64(opening.updates)
        try:
            with refusals(_WHAT):
                return self._native().prove(self._points(), updates, words, secrets, entropy)
        except DataError as error:
            raise DataError(
                error.code,
                str(error),
                meaning="No proof exists of a false score, so none was made.",
                hint="Let `prove_contribution` compute the score, from the updates as they were committed to.",
            ) from error

    def proof_bytes(self) -> int:
        """Return the length of every proof of such a statement.

        Raises:
            UsageError: No statement has this shape.
        """
        with refusals(_WHAT):
            return self._native().proof_bytes()

    def _points(self) -> tuple[list[bytes], bytes]:
        return list(self.updates), self.words[:POINT_BYTES]

    def _native(self) -> native.ContributionStatement:
        gradients = _int32(self.gradients)
        noisy = self.rule.variance is not None
        if noisy != bool(self.coins) or noisy != bool(self.words):
            raise _misfit("noise needs coins and words, and only noise does")
        if noisy and len(self.coins) != 32:
            raise _misfit("coins are drawn from 32 bytes")
        if not (0 <= self.rule.shift <= _MOST_SHIFT and -_MOST <= self.score < _MOST):
            raise _misfit("the shift is 0 to 48, the score an integer of 64 bits")
        noise = None
        if self.rule.variance is not None:
            noise = (*_noise_table(self.rule.variance), self.coins)
        return native.ContributionStatement(
            self.context, gradients, self.rule.shift, noise, self.score
        )


def release_score(
    rule: ScoreRule,
    gradients: NDArray[np.int32],
    opening: ContributionOpening,
    coins: bytes,
) -> int:
    """Return the score that this owner releases: rounded inner product plus drawn noise.

    Args:
        rule: Rounding and noise.
        gradients: int32, shape (rounds, dimension).
        opening: Updates and words.
        coins: 32 bytes from which the coin is drawn; empty without noise.

    Raises:
        DataError: The score exceeds 64 bits.
        UsageError: Shapes that do not fit each other.
    """
    if not 0 <= rule.shift <= _MOST_SHIFT:
        raise _misfit("the shift is 0 to 48")
    with refusals(_WHAT):
        total = native.inner_product(_int32(gradients), _int64(opening.updates))
    score = (total + ((1 << rule.shift) >> 1)) >> rule.shift
    if rule.variance is not None:
        if len(coins) != 32 or not len(opening.words):
            raise _misfit("noise needs 32 bytes of coins and a word")
        drawn = opening.words[:1] + native_noise.words(coins, 1)
        score += int(native_noise.apply(_noise_table(rule.variance)[0], drawn)[0])
    if not -_MOST <= score < _MOST:
        raise DataError(
            "contribution-range",
            f"the score {score} exceeds 64 bits",
            meaning="Scores are released as integers of 64 bits.",
            hint="Agree on a larger shift.",
        )
    return score


def prove_contribution(
    rule: ScoreRule,
    gradients: NDArray[np.int32],
    public: tuple[Sequence[bytes], bytes, bytes],
    opening: ContributionOpening,
    context: bytes,
    entropy: bytes,
) -> tuple[ContributionStatement, bytes]:
    """Compute the score of an owner and prove it.

    Args:
        rule: Rounding and noise.
        gradients: int32, shape (rounds, dimension): validation gradients of the rounds that count.
        public: C_U of each of these rounds, the commitment to the words, the coins; the last two are
            empty without noise.
        opening: What the owner kept.
        context: Names run, owner and rounds.
        entropy: 32 fresh secret bytes.

    Returns:
        The statement, which has the score, and its proof.

    Raises:
        DataError: The score exceeds 64 bits.
        UsageError: Shapes that do not fit each other.
    """
    updates, words, coins = public
    score = release_score(rule, gradients, opening, coins)
    statement = ContributionStatement(rule, gradients, tuple(updates), words, coins, score, context)
    return statement, statement.prove(opening, entropy)


@lru_cache(maxsize=4)
def _noise_table(variance: int) -> tuple[NDArray[np.uint64], bytes]:
    table = build_table(variance)
    return table.thresholds, bytes.fromhex(table.sha256())


def _int32(gradients: NDArray[np.int32]) -> NDArray[np.int32]:
    if gradients.dtype != np.int32 or gradients.ndim != 2:
        raise _misfit("gradients are an int32 array of shape (rounds, dimension)")
    return np.ascontiguousarray(gradients)


def _int64(updates: NDArray[np.int64]) -> NDArray[np.int64]:
    if updates.dtype != np.int64 or updates.ndim != 2:
        raise _misfit("updates are an int64 array of shape (rounds, dimension)")
    return np.ascontiguousarray(updates)


def _misfit(what: str) -> UsageError:
    return UsageError(
        "statement-shape",
        f"{_WHAT}: {what}",
        meaning="No honest run gives these numbers.",
        hint="Compare shapes with docs/spec/statements.md, S8.",
    )
