"""The exact sampling table of the Skellam law, as 64-bit thresholds.

Skellam(m) is the difference of two independent Poisson(m/2) variables: mean 0, **variance m**,
``P(k) = exp(-m) I_k(m)`` with ``I`` the modified Bessel function of the first kind. This is
``Sk_{0,m}`` in Agarwal, Kairouz, Liu, "The Skellam Mechanism for Differentially Private Federated
Learning" (NeurIPS 2021).

Everything is interval arithmetic on Python integers: no float, hence the same table on every
machine, and an error bound that is computed, not estimated. Steps as in ``docs/spec/noise.md``,
section 3.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import isqrt

import numpy as np
import numpy.typing as npt

from cotrain.errors import UsageError

MAX_VARIANCE = 10**10
"""The largest variance of a table: about 950,000 values on either side of zero."""

_BITS = 128  # of the fixed point in which ratios and weights are computed
_ONE = 1 << _BITS
_FINE = 32  # bits below one 2^-64 unit to which tail probabilities are known
_MAX_WIDTH = 1 << (_FINE - 20)  # widest interval accepted: 2^-20 of a unit


@dataclass(frozen=True)
class SkellamTable:
    """A sampling table: the value ``k`` is drawn by the words ``u`` with ``t_k <= u < t_{k+1}``.

    Attributes:
        variance: Variance m of the Skellam law.
        radius: Largest value K that can be drawn; the smallest K with ``P(|X| > K) < 2^-64``.
        thresholds: uint64, shape (2K + 1,), read-only: ``t_-K = 0, ..., t_K``. Never decreasing,
            symmetric.
        total_variation: Upper bound on the total variation distance between one sample and
            Skellam(m).
        cdf_error: Upper bound on ``sum_k |F'(k) - F(k)|``, the L1 distance of the two distribution
            functions.
    """

    variance: int
    radius: int
    thresholds: npt.NDArray[np.uint64]
    total_variation: Fraction
    cdf_error: Fraction

    def sha256(self) -> str:
        """Return the table's identity: hex SHA-256 of the thresholds as little-endian words."""
        return hashlib.sha256(self.thresholds.astype("<u8").tobytes()).hexdigest()


@dataclass(frozen=True)
class _Tails:
    """What is known of ``S_k = P(X >= k)``, in units of 2^-96.

    Attributes:
        low: Lower bounds for k = 1..start; entry 0 is unused.
        slack: No ``S_k`` is further than this above its lower bound.
        rest: Upper bound of the sum of ``S_k`` over k > start.
    """

    low: list[int]
    slack: int
    rest: int


@lru_cache(maxsize=4)
def build_table(variance: int) -> SkellamTable:
    """Return the sampling table of Skellam(`variance`).

    Args:
        variance: Positive integer, at most `MAX_VARIANCE`.

    Raises:
        UsageError: ``noise-bad-variance``.
        ArithmeticError: The error bound came out too wide; a defect of this module, never of its
            input.
    """
    check_variance(variance)
    lows, highs = _ratios(variance, _start(variance))
    return _round_table(variance, _tails(*_weights(lows, highs), last_ratio=highs[-1]))


def check_variance(variance: int) -> None:
    """Raise `UsageError` unless `variance` is from 1 to `MAX_VARIANCE`."""
    if variance < 1:
        raise UsageError("noise-bad-variance", f"the noise variance is {variance}, not positive")
    if variance > MAX_VARIANCE:
        raise UsageError(
            "noise-bad-variance",
            f"the noise variance {variance} is above {MAX_VARIANCE}",
            meaning="The sampling table would not fit in a sensible amount of memory.",
            hint="Round the gradient more coarsely (a larger shift); that shrinks the noise too.",
        )


def _start(variance: int) -> int:
    """Return the index from which the ratios are followed down (step 1).

    From here to K the ratios' intervals shrink by about ``exp(-(start^2 - K^2) / variance) <
    2^-128``. Nothing rests on this choice: too small a start is caught by the width test of step
    5.
    """
    return isqrt(182 * variance) + 80


def _first_ratio(variance: int, k: int) -> tuple[int, int]:
    """Return bounds of ``r_k = I_{k+1} / I_k`` in units of 2^-128, from their decrease (step 1).

    ``1 / r_{k-1} = 2k/m + r_k`` and ``r_{k+1} <= r_k <= r_{k-1}`` put ``r_k`` between the positive
    roots of ``r^2 + 2(k+1)/m r = 1`` and ``r^2 + 2k/m r = 1``.
    """
    more = -(-(2 * (k + 1) << _BITS) // variance)
    less = (2 * k << _BITS) // variance
    low = (isqrt(more * more + 4 * _ONE * _ONE) - more) // 2
    high = (isqrt(less * less + 4 * _ONE * _ONE) + 1 - less) // 2 + 1
    return low, high


def _ratios(variance: int, start: int) -> tuple[list[int], list[int]]:
    """Return bounds of ``I_{k+1} / I_k`` for k = 0..start-1, in units of 2^-128 (step 2)."""
    numerator = variance << (2 * _BITS)
    low, high = _first_ratio(variance, start)
    lows, highs = [0] * start, [0] * start
    for k in range(start - 1, -1, -1):
        step = (2 * (k + 1)) << _BITS
        low, high = (
            numerator // (step + variance * high),
            -(-numerator // (step + variance * low)),
        )
        lows[k], highs[k] = low, high
    return lows, highs


def _weights(lows: list[int], highs: list[int]) -> tuple[list[int], list[int]]:
    """Return bounds of ``I_k / I_0`` for k = 0..start, in units of 2^-128 (step 3)."""
    low, high = _ONE, _ONE
    weights_low, weights_high = [low], [high]
    for ratio_low, ratio_high in zip(lows, highs, strict=True):
        low = low * ratio_low >> _BITS
        high = -(-high * ratio_high >> _BITS)
        weights_low.append(low)
        weights_high.append(high)
    return weights_low, weights_high


def _tails(weights_low: list[int], weights_high: list[int], *, last_ratio: int) -> _Tails:
    """Sum the weights from the far end and divide by the sum of all (step 4).

    The ratios decrease with k (the law is log-concave), so what lies beyond `start` is below a geometric series
    with the last ratio; the same holds for the tails themselves.
    """
    sums_low = list(accumulate(reversed(weights_low[1:])))
    beyond = _geometric_rest(weights_high[-1], last_ratio)
    sums_high = list(accumulate(reversed(weights_high[1:]), initial=beyond))[1:]
    norm_low, norm_high = _ONE + 2 * sums_low[-1], _ONE + 2 * sums_high[-1]
    low = [(value << (64 + _FINE)) // norm_high for value in reversed(sums_low)]
    high = [-(-(value << (64 + _FINE)) // norm_low) for value in reversed(sums_high)]
    slack = max(above - below for below, above in zip(low, high, strict=True))
    return _Tails([0, *low], slack, _geometric_rest(high[-1], last_ratio))


def _geometric_rest(last: int, ratio: int) -> int:
    """Return an upper bound of ``last * (r + r^2 + ...)`` for r = `ratio` / 2^128 < 1."""
    return -(-last * ratio // (_ONE - ratio))


def _round_table(variance: int, tails: _Tails) -> SkellamTable:
    """Round the tails to whole units, mirror them, and count every error (steps 5 to 7)."""
    if tails.slack > _MAX_WIDTH:
        raise ArithmeticError(f"tails of Skellam({variance}) known only to {tails.slack} / 2^96")
    words = [(tail + (1 << (_FINE - 1))) >> _FINE for tail in tails.low]
    radius = next(k for k in range(len(words) - 1, 0, -1) if words[k])
    right = np.array(words[1 : radius + 1], dtype=np.uint64)
    # As many words lie below t_{-k+1} as lie from t_k on: w_k of them.
    thresholds = np.concatenate([np.zeros(1, np.uint64), right[::-1], ~right + np.uint64(1)])
    thresholds.setflags(write=False)
    errors = [(word << _FINE) - tail for word, tail in zip(words, tails.low, strict=True)]
    return SkellamTable(
        variance=variance,
        radius=radius,
        thresholds=thresholds,
        total_variation=_total_variation(errors, radius, tails.slack),
        cdf_error=_cdf_error(errors, tails),
    )


def _total_variation(errors: list[int], radius: int, slack: int) -> Fraction:
    """Bound half of ``sum_k |P'(k) - P(k)|``, from ``P(k) = S_k - S_{k+1}`` (step 6)."""
    centre = 2 * abs(errors[1]) + 2 * slack  # P(0) = 1 - 2 S_1
    sides = sum(abs(errors[k] - errors[k + 1]) + slack for k in range(1, radius + 1))
    outside = abs(errors[radius + 1]) + slack  # no word draws |k| > K
    return Fraction(centre + 2 * (sides + outside), 2 << (64 + _FINE))


def _cdf_error(errors: list[int], tails: _Tails) -> Fraction:
    """Bound ``sum_k |F'(k) - F(k)|``, inside and outside the table (step 7)."""
    one_side = sum(abs(error) + tails.slack for error in errors[1:]) + tails.rest
    return Fraction(2 * one_side, 1 << (64 + _FINE))
