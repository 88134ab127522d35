"""The score of an owner: what its updates did, to first order, for the public validation loss; and its price.

s = sum over rounds of <validation gradient, update> is first-order in-run data Shapley (Wang et al. 2024,
arXiv 2406.11011): what an owner would be paid if the loss were linear in each round. It is released once, with noise
of its own (statement S8, docs/spec/statements.md); the noise that is in the updates already is not counted on.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import UsageError
from cotrain.privacy.calibration import PrivacyTarget, calibrate
from cotrain.privacy.rdp import Sensitivity, SkellamEvent

NOISE_BITS = 14
"""The noise of a released score is kept near 2^14 in its unit, so that the table of the proof stays small."""


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


def score_sensitivity(gradients: NDArray[np.int32], update: Sensitivity) -> int:
    """Return how much one row can change the exact score: its change of each update, times that gradient's length.

    The gradients are public, so their true lengths are used; each is rounded up.
    """
    squares = (gradients.astype(object) ** 2).sum(axis=1)
    return sum(math.isqrt(int(square)) + 1 for square in squares) * update.l2


@dataclass(frozen=True)
class ScoreRelease:
    """How scores are released in a run, the same for all owners.

    Attributes:
        shift: Bits that rounding removes.
        sensitivity: How much one row can change the rounded score.
        variance: Of the noise; None without noise.
    """

    shift: int
    sensitivity: int
    variance: int | None

    @classmethod
    def derive(
        cls, gradients: NDArray[np.int32], update: Sensitivity, target: PrivacyTarget | None
    ) -> Self:
        """Derive shift and noise from public numbers alone.

        Args:
            gradients: The validation gradients of the run.
            update: How much one row can change one update.
            target: Epsilon and delta for the score alone, one release; None for no noise.

        Raises:
            RefusedError: no noise reaches the target.
        """
        exact = score_sensitivity(gradients, update)
        if target is None:
            return cls(max(0, exact.bit_length() - NOISE_BITS), 0, None)
        # The noise is about sensitivity times a few over epsilon: leave room for it below 2^NOISE_BITS.
        spare = max(0, math.ceil(math.log2(8 / target.epsilon)))
        shift = max(0, exact.bit_length() + spare - NOISE_BITS)
        rounded = (exact >> shift) + 2  # one for what is cut off, one for the rounding
        sensitivity = Sensitivity(l2=rounded, l1=rounded, dimension=1)
        return cls(shift, rounded, calibrate(target, sensitivity, 1))

    def event(self) -> SkellamEvent | None:
        """Return the release as an event, taken alone.

        That its cost may be added to that of the rounds is not proven, because the updates' noise protects both
        (docs/spec/contribution.md, "Security").
        """
        if self.variance is None:
            return None
        sensitivity = Sensitivity(l2=self.sensitivity, l1=self.sensitivity, dimension=1)
        return SkellamEvent(sensitivity, self.variance, 1)

    def rounded(self, score: int) -> int:
        """Return the score as it is released, before noise: floor(score / 2^shift + 1/2)."""
        return (score + ((1 << self.shift) >> 1)) >> self.shift
