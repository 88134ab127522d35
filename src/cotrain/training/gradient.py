"""The gradient of a party's rows, exactly, and its rounding: steps 1 to 5 of docs/spec/training.md.

The arithmetic is in `crates/training`; `cotrain.training.twin` is the same in plain Python. Rows
arrive whole (`gradient`) or block by block (`GradientSum`); the result is the same bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from cotrain._native import training as native
from cotrain.errors import DataError, UsageError
from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import table_for

Rows = NDArray[np.int16]
Sums = NDArray[np.int64]
Weights = NDArray[np.int32]

_MEANINGS = {
    "training-bad-label": (
        "The label column holds a value that the agreed model does not know.",
        "Labels are 0 or 1 (logistic), 0 to K-1 (softmax), -2^f to 2^f (linear).",
    ),
    "training-row-above-bound": (
        "One record could move the model further than the privacy budget assumes.",
        "Encode the data with the agreed schema, which scales every row down to the bound.",
    ),
    "training-too-many-rows": (
        "The sum could leave the 64-bit range in which it is exact.",
        "Split the data among several runs, or agree on fewer residual bits.",
    ),
}
_SHAPE_MEANING = "The rows were not encoded for this algorithm."


def gradient(algorithm: Algorithm, rows: Rows, weights: NDArray[np.integer]) -> Sums:
    """Return the exact gradient of the loss, summed over `rows`.

    Args:
        algorithm: The agreed model.
        rows: int16, shape (n, d + 1): features, then the label; zero rows are padding and add
            nothing.
        weights: int32 or int64, shape (K d,), row-major.

    Returns:
        int64, shape (K d,), in units of 2^-f times a feature unit.

    Raises:
        DataError: wrong dtype or shape, a row above the bound, a label that the model does not
            know.
        UsageError: weights of the wrong shape or dtype, or above the weight bound.
    """
    total = GradientSum(algorithm, weights)
    total.add_block(rows)
    return total.total


class GradientSum:
    """The gradient of a dataset that streams through in blocks.

    Attributes:
        algorithm: The agreed model.
        rows: How many rows were added.
        total: int64, shape (K d,): the exact gradient of those rows.
    """

    def __init__(self, algorithm: Algorithm, weights: NDArray[np.integer]) -> None:
        """Start at zero.

        Args:
            algorithm: The agreed model.
            weights: int32 or int64, shape (K d,), row-major.

        Raises:
            UsageError: weights of the wrong shape or dtype, or above the weight bound.
        """
        self.algorithm = algorithm
        self.rows = 0
        self.total: Sums = np.zeros(algorithm.dimension, dtype=np.int64)
        self._kernel = _kernel(algorithm, checked_weights(algorithm, weights))

    def add_block(self, rows: Rows) -> None:
        """Add the gradient of `rows`, int16 of shape (n, d + 1); a refused block leaves no trace.

        Raises:
            DataError: as `gradient`.
        """
        block = _checked_shape(self.algorithm, rows)
        count = self.rows + len(block)
        if count > self.algorithm.row_limit:
            raise _data_error(
                "training-too-many-rows", f"{count} rows exceed {self.algorithm.row_limit}"
            )
        try:
            self.total = self._kernel.add_rows(block, self.total)
        except ValueError as error:
            raise _data_error(*error.args) from error
        self.rows = count

    def update(self) -> Sums:
        """Return the rounded gradient: the update before noise, int64 of shape (K d,)."""
        return round_gradient(self.algorithm, self.total)


def round_gradient(algorithm: Algorithm, total: Sums) -> Sums:
    """Return floor((total + 2^(shift-1)) / 2^shift), half rounded up: step 5.

    Args:
        algorithm: Names the shift.
        total: int64, shape (K d,).
    """
    if algorithm.shift == 0:
        return total.copy()
    # The bit below the cut decides, so nothing is added that could overflow.
    return (total >> algorithm.shift) + ((total >> (algorithm.shift - 1)) & 1)


def check_rows(algorithm: Algorithm, rows: Rows) -> None:
    """Check that every row keeps the row bound and bears a label that the model knows: step 1.

    Args:
        algorithm: The agreed model.
        rows: int16, shape (n, d + 1).

    Raises:
        DataError: wrong dtype or shape, or the first bad row, counted from 0.
    """
    block = _checked_shape(algorithm, rows)
    shape = (algorithm.features, algorithm.classes)
    scales = (algorithm.row_bits, algorithm.residual_bits)
    try:
        native.check_rows(algorithm.kind, shape, scales, block)
    except ValueError as error:
        raise _data_error(*error.args) from error


def checked_weights(algorithm: Algorithm, weights: NDArray[np.integer]) -> Weights:
    """Return `weights` as int32 if they fit `algorithm`.

    Args:
        algorithm: The agreed model.
        weights: int32 or int64, shape (K d,), row-major.

    Raises:
        UsageError: wrong dtype or shape, or a weight vector longer than the weight bound.
    """
    array = np.asarray(weights)
    if array.dtype not in (np.int32, np.int64):
        raise _weight_error("training-bad-shape", f"weights are {array.dtype}, not int32 or int64")
    if array.shape != (algorithm.dimension,):
        what = f"weights have shape {array.shape}, not ({algorithm.dimension},)"
        raise _weight_error("training-bad-shape", what)
    limit = algorithm.weight_bound
    for index, vector in enumerate(array.reshape(algorithm.classes, algorithm.features).tolist()):
        if sum(weight * weight for weight in vector) > limit * limit:
            what = f"weight vector {index} is longer than the weight bound {limit}"
            raise _weight_error("training-weights-above-bound", what)
    return array.astype(np.int32)


def _kernel(algorithm: Algorithm, weights: Weights) -> native.GradientKernel:
    table = table_for(algorithm)
    return native.GradientKernel(
        algorithm.kind,
        (algorithm.features, algorithm.classes),
        (algorithm.row_bits, algorithm.residual_bits, algorithm.margin_shift),
        np.zeros(0, dtype=np.int32) if table is None else table.as_array(),
        algorithm.weight_bound,
        weights,
    )


def _checked_shape(algorithm: Algorithm, rows: Rows) -> Rows:
    array = np.asarray(rows)
    if array.dtype != np.int16:
        raise _data_error("training-bad-shape", f"rows are {array.dtype}, not int16")
    if array.ndim != 2 or array.shape[1] != algorithm.columns:
        what = (
            f"rows have shape {array.shape}, not (n, {algorithm.columns}): features, then the label"
        )
        raise _data_error("training-bad-shape", what)
    return np.ascontiguousarray(array)


def _data_error(code: str, what: str) -> DataError:
    hint = "Encode the table again with the schema of the agreement."
    meaning, hint = _MEANINGS.get(code, (_SHAPE_MEANING, hint))
    return DataError(code, what, meaning=meaning, hint=hint)


def _weight_error(code: str, what: str) -> UsageError:
    return UsageError(
        code,
        what,
        meaning="These weights are not those of a model of this algorithm.",
        hint="Take the weights that the last round of this run ended with.",
    )
