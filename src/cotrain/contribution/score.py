"""The score of an owner: what its updates did, to first order, for the public validation loss; and its price.

s = sum over rounds of <validation gradient, update> is first-order in-run data Shapley (Wang et al. 2024,
arXiv 2406.11011): what an owner would be paid if the loss were linear in each round. It is released once, with noise
of its own (statement S8, docs/spec/statements.md). Everything but the gradients is known before the first round.
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import RefusedError, UsageError
from cotrain.privacy.calibration import DERIVE_MARGIN, Crowd, PrivacyTarget, smallest_variance
from cotrain.privacy.rdp import Accountant, Sensitivity, SkellamEvent
from cotrain.privacy.shared_noise import left_for_scores
from cotrain.privacy.skellam import MAX_VARIANCE

SCORE_SENSITIVITY: Final = 1 << 10
"""How far all released scores together move by one row (Euclidean norm): part of the specification."""

MAX_SHIFT: Final = 48
"""Limit of statement S8 (docs/spec/statements.md)."""

TOTAL_LENGTH: Final = 1 << 28
"""Bound of the lengths of all validation gradients of a run, added up."""


def exact_score(gradients: NDArray[np.int32], updates: NDArray[np.int64]) -> int:
    """Return the sum of all products, exactly.

    Args:
        gradients: int32, shape (rounds, dimension).
        updates: int64, shape (rounds, dimension): of the rounds in which the owner was counted, zeros elsewhere.

    Raises:
        UsageError: the shapes differ.
    """
    if gradients.shape != updates.shape:
        raise UsageError(
            "contribution-shapes",
            f"gradients of shape {gradients.shape}, updates of shape {updates.shape}",
        )
    pairs = zip(gradients.ravel().tolist(), updates.ravel().tolist(), strict=True)
    return sum(left * right for left, right in pairs)


@dataclass(frozen=True)
class ScorePlan:
    """How scores are released in a run: the same for all owners, and known before the first round.

    Attributes:
        shift: Bits that rounding removes from a score.
        length: What the lengths of the run's validation gradients, each rounded up, may add up to.
        event: What the scores of all owners cost a row, together; None without noise.
    """

    shift: int
    length: int
    event: SkellamEvent | None

    @property
    def variance(self) -> int | None:
        """Variance of the noise of each score; None without noise."""
        return None if self.event is None else self.event.local_variance

    @classmethod
    def exact(cls, update_length: int) -> Self:
        """Return the plan of a run without noise, in which updates are no longer than `update_length`."""
        return cls(max(0, (TOTAL_LENGTH * update_length).bit_length() - 62), TOTAL_LENGTH, None)

    @classmethod
    def derive(
        cls, update: Sensitivity, crowd: Crowd, spent: Accountant, target: PrivacyTarget
    ) -> Self:
        """Return the plan with the least noise that keeps rounds and scores within a target.

        Args:
            update: How much one row can change one round's sum.
            crowd: The owners, each of whom releases a score.
            spent: What all rounds cost, the noise counted owner by owner (`split_sensitivity`).
            target: (epsilon, delta) for rounds and scores together.

        Raises:
            RefusedError: no noise reaches the target.
        """
        owners = crowd.parties
        left = SCORE_SENSITIVITY - math.isqrt(owners - 1) - 1  # each score is rounded
        if left < SCORE_SENSITIVITY // 2:
            raise _too_many(owners)
        reach = left_for_scores(update, crowd.honest)
        shift = max(0, (TOTAL_LENGTH * reach // left).bit_length() - 1)
        length = min(TOTAL_LENGTH, (left << shift) // reach)
        if shift > MAX_SHIFT:
            raise _too_coarse(update)
        l1 = math.isqrt(owners * SCORE_SENSITIVITY**2)
        sensitivity = Sensitivity(SCORE_SENSITIVITY, l1, owners)

        def is_enough(variance: int) -> bool:
            after = spent.after([SkellamEvent(sensitivity, variance, 1)])
            return after.epsilon(target.delta) <= target.epsilon * (1 - DERIVE_MARGIN)

        variance = smallest_variance(is_enough, MAX_VARIANCE)
        if variance is None:
            raise _out_of_reach(target)
        return cls(shift, length, SkellamEvent(sensitivity, variance, 1))

    def rounded(self, score: int) -> int:
        """Return the score as it is released, before noise: floor(score / 2^shift + 1/2)."""
        return (score + ((1 << self.shift) >> 1)) >> self.shift


def _too_many(owners: int) -> RefusedError:
    return RefusedError(
        "contribution-crowd",
        f"{owners} data owners are too many for scores",
        meaning=f"Rounding their scores would move them by more than half of the sensitivity {SCORE_SENSITIVITY}.",
        hint="Agree on shares instead of scores.",
    )


def _too_coarse(update: Sensitivity) -> RefusedError:
    return RefusedError(
        "contribution-too-coarse",
        f"one row can change an update by up to {update.l2}, too much for the proof of a score",
        meaning=f"A score would have to be rounded by more than {MAX_SHIFT} bits.",
        hint="Raise the algorithm's shift, or agree on shares instead of scores.",
    )


def _out_of_reach(target: PrivacyTarget) -> RefusedError:
    return RefusedError(
        "contribution-out-of-reach",
        f"no noise that can be sampled keeps rounds and scores within epsilon {target.epsilon} at delta {target.delta}",
        meaning="The rounds leave too little of the privacy budget to the scores.",
        hint="Leave more of epsilon to the scores, or agree on shares instead.",
    )
