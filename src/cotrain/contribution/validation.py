"""Public validation gradients: which direction would have helped on rows that everybody knows.

Everybody computes the same integers from public rows and public weights (docs/spec/contribution.md).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import UsageError
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient

MIN_BITS, MAX_BITS = 8, 31


def validation_shift(algorithm: Algorithm, rows: int, bits: int) -> int:
    """Return by how many bits gradients of so many rows are shifted, so that each entry fits in `bits` with its sign.

    Raises:
        UsageError: `bits` is not from 8 to 31.
    """
    if not MIN_BITS <= bits <= MAX_BITS:
        raise UsageError(
            "contribution-bits",
            f"validation gradients of {bits} bits: from {MIN_BITS} to {MAX_BITS} are possible",
        )
    largest = rows * algorithm.residual_bound * algorithm.row_bound
    return max(0, largest.bit_length() - (bits - 1))


def validation_gradients(
    algorithm: Algorithm,
    rows: NDArray[np.int16],
    weights: Sequence[NDArray[np.integer]],
    bits: int = 24,
) -> NDArray[np.int32]:
    """Return the gradient of the loss on public rows at the weights of each round, scaled to `bits` bits.

    Args:
        algorithm: The agreed model.
        rows: int16, shape (n, columns): encoded by the agreement's schema.
        weights: The public weights at the beginning of each round.
        bits: Of an entry, its sign included.

    Returns:
        int32, shape (rounds, dimension): floor(gradient / 2^shift + 1/2).

    Raises:
        DataError: the rows do not fit the algorithm.
        UsageError: `bits` is out of range.
    """
    shift = validation_shift(algorithm, len(rows), bits)
    half = (1 << shift) >> 1
    exact = [gradient(algorithm, rows, at) for at in weights]
    return np.array([(found + half) >> shift for found in exact], dtype=np.int32)
