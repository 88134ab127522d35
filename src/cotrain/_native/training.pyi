"""`cotrain._native.training`: exact integer gradients; called by `cotrain.training.gradient` only.

Every error is a `ValueError` with two arguments, a stable code and a message.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

class GradientKernel:
    """One model at one set of weights (docs/spec/training.md, steps 1 to 4)."""

    def __new__(
        cls,
        kind: str,
        shape: tuple[int, int],
        scales: tuple[int, int, int],
        table: NDArray[np.int32],
        weight_bound: int,
        weights: NDArray[np.int32],
    ) -> Self:
        """Check the model and prepare its weights.

        Args:
            kind: ``linear``, ``logistic`` or ``softmax``.
            shape: Feature columns d (the bias included) and weight vectors K.
            scales: log2 of the row bound, residual bits f, bits between a margin and its quotient.
            table: Values over [-L, L] (sigmoid, units of 2^-f) or [0, 2L] (exponential, units of
                2^-14); empty for linear.
            weight_bound: Largest L2 norm of a weight vector, at most 2^28.
            weights: Shape (K d,), row-major.

        Raises:
            ValueError: `training-bad-model`.
        """

    def add_rows(self, rows: NDArray[np.int16], total: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return `total` plus the gradient of `rows`.

        Args:
            rows: Shape (n, d + 1), C-contiguous: features, then the label.
            total: Shape (K d,), units of 2^-f times a feature unit.

        Raises:
            ValueError: `training-bad-shape`, `training-too-many-rows`, or of the first bad row
                `training-row-above-bound` or `training-bad-label`.
        """

def check_rows(
    kind: str, shape: tuple[int, int], scales: tuple[int, int], rows: NDArray[np.int16]
) -> None:
    """Check the norm and the label of every row.

    Args:
        kind: As above.
        shape: As above.
        scales: log2 of the row bound and residual bits f.
        rows: Shape (n, d + 1), C-contiguous.

    Raises:
        ValueError: as `GradientKernel.add_rows`.
    """
