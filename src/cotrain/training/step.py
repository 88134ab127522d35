"""The public step: from the opened sum to the next weights, and from all weights to the release.

Anyone can recompute it from public values. Plain Python integers; no floating point, no randomness.
The step numbers are those of docs/spec/training.md.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import UsageError
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import Weights, checked_weights


def initial_weights(algorithm: Algorithm) -> Weights:
    """Return the weights before the first round: zeros, int32, shape (K d,)."""
    return np.zeros(algorithm.dimension, dtype=np.int32)


def take_step(
    algorithm: Algorithm,
    weights: NDArray[np.integer],
    update_sum: NDArray[np.integer] | Sequence[int],
    total_rows: int,
) -> Weights:
    """Return the weights after one round: steps 6 to 8.

    Args:
        algorithm: The agreed model.
        weights: int32 or int64, shape (K d,): the weights at which the updates were computed.
        update_sum: K d integers: the sum of the survivors' updates, noise included.
        total_rows: Public number of rows of the survivors together, at least 1.

    Returns:
        int32, shape (K d,); each weight vector has norm at most the weight bound.

    Raises:
        UsageError: a shape, dtype or count that does not fit, or weights above the bound.
    """
    old = [int(w) for w in checked_weights(algorithm, weights)]
    updates = _checked_updates(algorithm, update_sum)
    if type(total_rows) is not int or total_rows < 1:
        raise _error("training-no-rows", f"the survivors have {total_rows} rows")
    rate = step_rate(algorithm, total_rows)
    decay = algorithm.learning_rate * algorithm.l2
    pairs = zip(old, updates, strict=True)
    moved = [w - _scaled(rate, u) - _scaled(decay, w) for w, u in pairs]  # Steps 6 and 7.
    return _project_vectors(algorithm, moved)


def step_rate(algorithm: Algorithm, total_rows: int) -> Fraction:
    """Return how far one unit of the update sum moves a weight: step 6.

    It is learning_rate 2^weight_bits 2^shift / (N 2^f C): a step of `learning_rate` along the mean
    gradient of rows normalised to norm 1.
    """
    gain = 1 << (algorithm.weight_bits + algorithm.shift)
    unit = total_rows * algorithm.residual_scale * algorithm.row_bound
    return algorithm.learning_rate * gain / unit


def release_weights(algorithm: Algorithm, iterates: Sequence[NDArray[np.integer]]) -> Weights:
    """Return the weights to release after the last round: step 9.

    Args:
        algorithm: Says whether to average.
        iterates: The weights after each round, in order, each int32 or int64 of shape (K d,).

    Returns:
        int32, shape (K d,): the last iterate, or the rounded mean of the last ceil(T/2) of T.

    Raises:
        UsageError: no iterate, or one that does not fit.
    """
    if not iterates:
        raise _error("training-no-rounds", "a run without a completed round has no model")
    tail = iterates[len(iterates) // 2 :] if algorithm.averaging == "tail" else iterates[-1:]
    checked = [checked_weights(algorithm, weights).astype(np.int64) for weights in tail]
    share = Fraction(1, len(checked))
    mean = [_scaled(share, int(total)) for total in np.sum(checked, axis=0)]
    return _project_vectors(algorithm, mean)


def project(vector: Iterable[int], bound: int) -> list[int]:
    """Return `vector` scaled down to L2 norm at most `bound`, truncated toward zero: step 8.

    The divisor is the norm rounded up, so the result is certainly within the bound.
    """
    entries = list(vector)
    square = sum(entry * entry for entry in entries)
    if square <= bound * bound:
        return entries
    norm = isqrt(square - 1) + 1
    return [abs(entry) * bound // norm * (1 if entry >= 0 else -1) for entry in entries]


def _project_vectors(algorithm: Algorithm, weights: Sequence[int]) -> Weights:
    d = algorithm.features
    vectors = [weights[k * d : (k + 1) * d] for k in range(algorithm.classes)]
    projected = [entry for v in vectors for entry in project(v, algorithm.weight_bound)]
    return np.array(projected, dtype=np.int32)


def _scaled(factor: Fraction, value: int) -> int:
    """Return factor x value rounded to the nearest integer, half up."""
    return (2 * factor.numerator * value + factor.denominator) // (2 * factor.denominator)


def _checked_updates(
    algorithm: Algorithm, update_sum: NDArray[np.integer] | Sequence[int]
) -> list[int]:
    if isinstance(update_sum, np.ndarray) and not np.issubdtype(update_sum.dtype, np.integer):
        raise _error("training-bad-shape", f"the update sum is {update_sum.dtype}, not integer")
    updates = update_sum.tolist() if isinstance(update_sum, np.ndarray) else list(update_sum)
    if len(updates) != algorithm.dimension or any(type(u) is not int for u in updates):
        what = f"the update sum is not {algorithm.dimension} integers"
        raise _error("training-bad-shape", what)
    return updates


def _error(code: str, what: str) -> UsageError:
    return UsageError(
        code,
        what,
        meaning="The public step cannot be taken from these values.",
        hint="Recompute them from the records of the round.",
    )
