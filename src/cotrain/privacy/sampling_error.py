"""How far sampled noise is from the Skellam law, bounded without building a table.

A table rounds the distribution function to multiples of 2^-64 and cuts its tails. One sample is
therefore up to `one_sample_error` away from Skellam(m) in total variation. What an observer sees
is the *sum* over the honest parties, and there the rounding errors smooth out: the bound for a sum
no longer grows with the spread. Statements and proofs: ``docs/spec/noise.md``, section 6. All
bounds are exact rationals.
"""

from fractions import Fraction
from math import isqrt

from cotrain.errors import UsageError
from cotrain.privacy.skellam import check_variance

_UNIT = Fraction(1, 1 << 64)
_ROOT_DIGITS = 10**9


def radius_bound(variance: int) -> int:
    """Return a k with ``P(|X| >= k) < 2^-64``, hence no smaller than the radius of the table.

    Bernstein: ``P(X >= k) <= exp(-k^2 / (2 (m + k/3)))``; the exponent reaches ``ln 2^65 < 45.06``
        at this k.
    """
    check_variance(variance)
    return 17 + isqrt(226 + 91 * variance)


def cdf_error_bound(variance: int) -> Fraction:
    """Return an upper bound of ``sum_k |F'(k) - F(k)|`` for the table of Skellam(`variance`)."""
    return _UNIT * (Fraction(21, 20) * radius_bound(variance) + 2)


def one_sample_error(variance: int) -> Fraction:
    """Return an upper bound of the total variation distance of one sample from Skellam(m)."""
    return min(Fraction(1), cdf_error_bound(variance))


def sum_error(variance: int, samples: int) -> Fraction:
    """Return the same for the sum of `samples` samples against Skellam(`samples` x `variance`).

    Args:
        variance: Variance of each sample.
        samples: How many independent samples are added, at least 1.

    Raises:
        UsageError: ``noise-bad-variance`` or ``noise-no-samples``.
    """
    if samples < 1:
        raise UsageError("noise-no-samples", f"a sum of {samples} samples hides nothing")
    if samples == 1:
        return one_sample_error(variance)
    return min(Fraction(1), _smoothed(cdf_error_bound(variance), variance, samples))


def _smoothed(cdf_error: Fraction, variance: int, samples: int) -> Fraction:
    """Return ``h |E| P(0) + 2 |E|^2``: the distance of a sum of h >= 2 samples."""
    return samples * cdf_error * _centre_bound(variance) + 2 * cdf_error * cdf_error


def _centre_bound(variance: int) -> Fraction:
    """Return an upper bound of ``P(X = 0) <= sqrt(pi / (8 m)) < 0.6267 / sqrt(m)``."""
    root = Fraction(isqrt(variance * _ROOT_DIGITS**2), _ROOT_DIGITS)
    return Fraction(6267, 10_000) / root
