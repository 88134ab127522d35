"""Public validation gradients: which direction would have helped on rows that everybody knows.

Everybody computes the same integers from public rows and public weights (docs/spec/contribution.md).
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import RefusedError
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient

MAX_ROUNDS: Final = 1 << 12
MAX_PRODUCTS: Final = 1 << 26
"""Limits of statement S8 (docs/spec/statements.md)."""

_FACTOR_BITS: Final = 20
_GRADIENT_BITS: Final = 62 - _FACTOR_BITS
_HALF_BITS: Final = 22


def validation_gradients(
    algorithm: Algorithm,
    rows: NDArray[np.int16],
    weights: Sequence[NDArray[np.integer]],
    length: int,
) -> NDArray[np.int32]:
    """Return the gradient of the loss on public rows at the weights of each round, scaled by one common factor.

    Args:
        algorithm: The agreed model.
        rows: int16, shape (n, columns): encoded by the agreement's schema.
        weights: The public weights at the beginning of each round.
        length: What the lengths of the scaled gradients, each rounded up, may add up to; below 2^29.

    Returns:
        int32, shape (rounds, dimension): floor(gradient f / 2^s + 1/2) with the largest factor f / 2^s that has at most
        20 bits and keeps to `length`.

    Raises:
        DataError: the rows do not fit the algorithm.
        RefusedError: there are so many rounds that rounding alone exceeds `length`.
    """
    exact = np.array([gradient(algorithm, rows, at) for at in weights], dtype=np.int64)
    check_validation(algorithm, len(rows), len(exact), length)
    total = sum(ceil_length(one) for one in exact)
    # Rounding moves an entry by at most a half, a gradient by at most half the root of its entries.
    room = length - len(exact) * _rounding(algorithm)
    shift = max(0, total.bit_length() - room.bit_length() + _FACTOR_BITS - 1)
    factor = min((room << shift) // max(total, 1), (1 << _FACTOR_BITS) - 1)
    half = (1 << shift) >> 1
    return ((exact * factor + half) >> shift).astype(np.int32)


def check_validation(algorithm: Algorithm, rows: int, rounds: int, length: int) -> None:
    """Check that gradients of so many rows and rounds can be scaled to `length`.

    Raises:
        RefusedError: they cannot.
    """
    if rounds * _rounding(algorithm) > length // 8:
        raise RefusedError(
            "contribution-rounds",
            f"{rounds} rounds with {algorithm.dimension} weights are too many for scores",
            meaning="Rounding the validation gradients would take more than an eighth of their precision.",
            hint="Run fewer rounds, or agree on shares instead of scores.",
        )
    if rounds > MAX_ROUNDS or rounds * algorithm.dimension > MAX_PRODUCTS:
        raise RefusedError(
            "contribution-too-large",
            f"{rounds} rounds with {algorithm.dimension} weights are too many for the proof of a score",
            meaning=f"It is about at most {MAX_ROUNDS} rounds and {MAX_PRODUCTS} entries of all updates together.",
            hint="Run fewer rounds, or agree on shares instead of scores.",
        )
    if (rows * algorithm.residual_bound * algorithm.row_bound).bit_length() > _GRADIENT_BITS:
        raise RefusedError(
            "contribution-rows",
            f"{rows} validation rows are too many for scores",
            meaning=f"Their gradient could exceed {_GRADIENT_BITS} bits.",
            hint="Name fewer validation rows.",
        )


def ceil_length(vector: NDArray[np.integer]) -> int:
    """Return the Euclidean norm of an integer vector, exact and rounded up.

    Args:
        vector: Shape (dimension,), int64, entries below 2^42 in magnitude, at most 2^18 of them.
    """
    high, low = vector >> _HALF_BITS, vector & ((1 << _HALF_BITS) - 1)
    squares, products, rest = (
        int(np.dot(a, b)) for a, b in ((high, high), (high, low), (low, low))
    )
    square = (squares << (2 * _HALF_BITS)) + (products << (_HALF_BITS + 1)) + rest
    return 0 if square == 0 else math.isqrt(square - 1) + 1


def _rounding(algorithm: Algorithm) -> int:
    return math.isqrt(algorithm.dimension) // 2 + 2
