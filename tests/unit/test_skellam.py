"""The sampling table against mpmath and published figures; the sampler against plain counting."""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import mpmath
import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from scipy import stats

from cotrain._native import noise
from cotrain.errors import UsageError
from cotrain.privacy import sampling_error, skellam
from cotrain.privacy.sampler import apply_table, draw_words, sample_noise
from cotrain.privacy.sampling_error import (
    cdf_error_bound,
    one_sample_error,
    radius_bound,
    sum_error,
)
from cotrain.privacy.skellam import MAX_VARIANCE, SkellamTable, build_table

SEED = bytes(range(32))
UNIT = Fraction(1, 2**64)
VARIANCES = (1, 2, 3, 7, 50, 900)


def _pmf(variance: int, radius: int) -> list[mpmath.mpf]:
    """P(0), ..., P(radius) of Skellam(variance), from mpmath's Bessel functions alone."""
    with mpmath.workdps(60):
        return [mpmath.besseli(k, variance) * mpmath.exp(-variance) for k in range(radius + 1)]


def _words_per_value(table: SkellamTable) -> list[int]:
    """How many of the 2^64 words draw each value from -K to K."""
    bounds = [*(int(low) for low in table.thresholds), 2**64]
    return [high - low for low, high in pairwise(bounds)]


@cache
def _reference(variance: int) -> tuple[list[mpmath.mpf], list[mpmath.mpf]]:
    """The pmf and the tails P(X >= k), k >= 0, far enough out for all that is asked of them."""
    pmf = _pmf(variance, radius_bound(variance) + 60)
    with mpmath.workdps(60):
        tails, total = [], mpmath.mpf(0)
        for probability in reversed(pmf):
            total += probability
            tails.append(total)
    return pmf, tails[::-1]


@pytest.mark.parametrize("variance", VARIANCES)
def test_each_probability_is_within_one_unit_of_mpmath(variance: int) -> None:
    table, (pmf, _) = build_table(variance), _reference(variance)
    counts = _words_per_value(table)
    with mpmath.workdps(60):
        for k in range(-table.radius, table.radius + 1):
            assert abs(mpmath.mpf(counts[k + table.radius]) - pmf[abs(k)] * 2**64) < 1.001


def test_the_comparison_with_mpmath_notices_a_neighbouring_variance() -> None:
    counts = _words_per_value(build_table(400))
    pmf = _pmf(401, 10)
    assert abs(mpmath.mpf(counts[len(counts) // 2]) - pmf[0] * 2**64) > 2**40


@pytest.mark.parametrize("variance", VARIANCES)
def test_each_threshold_is_the_nearest_integer_to_the_distribution_function(variance: int) -> None:
    table, (_, tails) = build_table(variance), _reference(variance)
    with mpmath.workdps(60):
        for k in range(1, table.radius + 1):
            words_above = 2**64 - int(table.thresholds[k + table.radius])
            assert abs(words_above - tails[k] * 2**64) < 0.501


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_radius_is_the_smallest_with_a_tail_below_one_word(variance: int) -> None:
    radius, (_, tails) = build_table(variance).radius, _reference(variance)
    assert 2 * tails[radius + 1] < mpmath.mpf(2) ** -64 <= 2 * tails[radius]
    assert radius < radius_bound(variance)


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_stated_errors_are_true_and_tight(variance: int) -> None:
    table, (pmf, tails) = build_table(variance), _reference(variance)
    counts, radius = _words_per_value(table), table.radius
    with mpmath.workdps(60):
        wrong = sum(
            abs(mpmath.mpf(counts[k + radius]) / 2**64 - pmf[abs(k)])
            for k in range(-radius, radius + 1)
        )
        distance = wrong / 2 + tails[radius + 1]
        below = [(2**64 - int(low)) for low in table.thresholds[radius + 1 :]]
        cdf = 2 * (
            sum(abs(mpmath.mpf(n) / 2**64 - tails[k]) for k, n in enumerate(below, start=1))
            + sum(tails[radius + 1 :])
        )
        for stated, true in ((table.total_variation, distance), (table.cdf_error, cdf)):
            stated_units = mpmath.mpf(stated.numerator) / stated.denominator * 2**64
            assert true * 2**64 <= stated_units <= true * 2**64 + 0.01


@pytest.mark.parametrize("variance", [*range(1, 40), 99, 1000, 12_345, 10**6, 1500**2])
def test_the_bounds_known_beforehand_hold_for_the_table(variance: int) -> None:
    table = build_table(variance)
    assert table.total_variation <= one_sample_error(variance)
    assert table.cdf_error <= cdf_error_bound(variance)
    assert table.radius <= radius_bound(variance)
    assert one_sample_error(variance) < 60 * UNIT * (table.radius + 1)


@pytest.mark.parametrize(
    ("poisson_mean", "published"),
    [
        (1, 0.6542541612768356),
        (10, 0.5448901559424127),
        (100, 0.5141135799745580),
        (1000, 0.5044605891382528),
    ],
)
def test_published_values_of_the_distribution_function_at_zero(
    poisson_mean: int, published: float
) -> None:
    """R package skellam, pskellam(0, mu, mu), as quoted in the tests of SciPy (gh-11474).

    The figures are doubles; the last is 3e-14 off what mpmath says.
    """
    table = build_table(2 * poisson_mean)  # the variance is the sum of both Poisson means
    assert int(table.thresholds[table.radius + 1]) / 2**64 == pytest.approx(published, abs=1e-13)


def test_the_convention_is_variance_not_poisson_mean() -> None:
    table = build_table(1)
    assert int(table.thresholds[table.radius + 1]) / 2**64 != pytest.approx(0.65425416, abs=1e-3)


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_table_is_exactly_symmetric_and_ordered(variance: int) -> None:
    table = build_table(variance)
    counts = _words_per_value(table)
    assert counts == counts[::-1]
    assert min(counts) >= 0
    assert counts[0] >= 1
    assert sum(counts) == 2**64
    assert not table.thresholds.flags.writeable


def test_tables_are_known_by_their_hash() -> None:
    assert build_table(100).sha256() == (
        "c84c02acaa1b46ad680b9bd52fa525349ade82060dab0a7b97631203b83ad07e"
    )
    assert build_table(100).sha256() != build_table(101).sha256()


@pytest.mark.parametrize("variance", [0, -1, MAX_VARIANCE + 1])
def test_a_variance_out_of_range_is_refused(variance: int) -> None:
    with pytest.raises(UsageError) as caught:
        build_table(variance)
    assert caught.value.code == "noise-bad-variance"


def test_a_table_whose_error_is_too_wide_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    build_table.cache_clear()
    monkeypatch.setattr(skellam, "_start", lambda variance: variance * 93 // 1000)
    with pytest.raises(ArithmeticError):
        build_table(10_000)
    monkeypatch.undo()
    assert build_table(10_000).radius > 900


@pytest.mark.parametrize(("variance", "parties"), [(30, 2), (30, 3), (400, 2)])
def test_the_error_of_a_sum_is_bounded_and_far_below_that_of_its_parts(
    variance: int, parties: int
) -> None:
    table = build_table(variance)
    one = np.array(_words_per_value(table), dtype=object)
    total = one
    for _ in range(parties - 1):
        total = np.convolve(total, one)
    radius = parties * table.radius
    pmf = _pmf(parties * variance, radius)
    with mpmath.workdps(80):
        wrong = sum(
            abs(mpmath.mpf(int(total[k + radius])) / 2 ** (64 * parties) - pmf[abs(k)])
            for k in range(-radius, radius + 1)
        )
        bound = sum_error(variance, parties)
        assert wrong / 2 <= mpmath.mpf(bound.numerator) / bound.denominator
        assert wrong / 2 < 0.2 * float(parties * table.total_variation)


@pytest.mark.parametrize("parties", [2, 3, 5])
def test_the_bound_of_a_sum_holds_for_the_worst_rounding_and_is_no_larger_than_needed(
    parties: int,
) -> None:
    """All of the error at one threshold: `size` of the mass moves from 1 to 0."""
    variance, size, edge = 100, 1e-6, 120
    law = stats.skellam(variance / 2, variance / 2).pmf(np.arange(-edge, edge + 1))
    moved = law.copy()
    moved[edge] += size
    moved[edge + 1] -= size
    exact, sampled = law, moved
    for _ in range(parties - 1):
        exact, sampled = np.convolve(exact, law), np.convolve(sampled, moved)
    distance = np.abs(exact - sampled).sum() / 2
    bound = float(sampling_error._smoothed(Fraction(size), variance, parties))
    assert distance <= bound
    # The proof counts one of the h - 1 exact laws that smooth an error; together they do more.
    assert distance * (parties - 1) ** 0.5 > 0.5 * bound


def test_the_error_of_a_sum_does_not_grow_with_the_spread() -> None:
    assert sum_error(10**8, 10) < 70 * UNIT
    assert one_sample_error(10**8) > 50_000 * UNIT
    assert sum_error(10**8, 1) == one_sample_error(10**8)
    with pytest.raises(UsageError):
        sum_error(10**8, 0)


def test_words_are_the_chacha20_key_stream() -> None:
    cipher = Cipher(algorithms.ChaCha20(SEED, bytes(16)), mode=None)
    stream = cipher.encryptor().update(bytes(8 * 20_000))
    assert np.array_equal(draw_words(SEED, 20_000), np.frombuffer(stream, dtype="<u8"))


def test_samples_are_the_inverse_distribution_function_at_the_words() -> None:
    table = build_table(2_250_000)
    words = draw_words(SEED, 50_000)
    counted = np.searchsorted(table.thresholds, words, side="right") - 1 - table.radius
    assert np.array_equal(apply_table(table, words), counted)
    assert np.array_equal(sample_noise(table, SEED, 50_000), counted)
    assert not np.array_equal(sample_noise(table, SEED[::-1], 50_000), counted)


def test_the_interval_of_each_value_is_closed_below_and_open_above() -> None:
    table = build_table(50)
    values = np.arange(-table.radius, table.radius + 1)
    inhabited = np.array(_words_per_value(table)) > 0
    assert np.array_equal(apply_table(table, table.thresholds)[inhabited], values[inhabited])
    below = table.thresholds[1:] - np.uint64(1)
    expected = np.searchsorted(table.thresholds, below, side="right") - 1 - table.radius
    assert np.array_equal(apply_table(table, below), expected)
    assert (apply_table(table, below) < values[1:]).all()


def _chi_square(samples: npt.NDArray[np.int64], variance: int) -> float:
    """P-value of the samples under Skellam(variance), with SciPy's own distribution."""
    edge = int(3.5 * variance**0.5)
    values = np.arange(-edge, edge + 1)
    law = stats.skellam(variance / 2, variance / 2)
    expected = np.array([law.cdf(-edge - 1), *law.pmf(values), law.sf(edge)])
    clipped = np.clip(samples, -edge - 1, edge + 1) + edge + 1
    found = np.bincount(clipped, minlength=len(expected))
    return float(stats.chisquare(found, expected / expected.sum() * len(samples)).pvalue)


def test_a_million_samples_fit_the_law() -> None:
    samples = sample_noise(build_table(100), SEED, 1_000_000)
    assert _chi_square(samples, 100) > 0.001
    assert _chi_square(samples, 102) < 1e-6
    assert abs(samples.mean()) < 5 * 10 / 1000
    assert samples.var() == pytest.approx(100, rel=0.01)


def test_samples_of_neighbouring_words_of_a_seed_are_uncorrelated() -> None:
    samples = sample_noise(build_table(100), SEED, 1_000_000).astype(np.float64)
    correlation = np.corrcoef(samples[:-1], samples[1:])[0, 1]
    assert abs(correlation) < 5 / 1000
    smoothed = samples[:-1] + samples[1:]
    assert np.corrcoef(smoothed[:-1], smoothed[1:])[0, 1] > 0.4


@pytest.mark.parametrize(
    ("seed", "count", "code"),
    [
        (bytes(31), 1, "noise-bad-seed"),
        (bytes(33), 1, "noise-bad-seed"),
        (b"", 1, "noise-bad-seed"),
        (bytes(32), -1, "noise-bad-count"),
        (bytes(32), 2**31 + 1, "noise-bad-count"),
    ],
)
def test_a_bad_seed_or_count_is_refused(seed: bytes, count: int, code: str) -> None:
    for call in (
        lambda: draw_words(seed, count),
        lambda: sample_noise(build_table(1), seed, count),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[:-1], "odd number"),
        (lambda table: table[:1], "odd number"),
        (lambda table: table + np.uint64(1), "first threshold"),
        (lambda table: np.sort(table)[::-1] - table[-1], "below the one before"),
        (lambda table: np.where(np.arange(len(table)) == 5, table + np.uint64(1), table), "mirror"),
    ],
    ids=["even", "no noise", "first not zero", "descending", "biased by one word"],
)
def test_a_tampered_table_is_refused(change: object, message: str) -> None:
    assert callable(change)
    bad = np.ascontiguousarray(change(build_table(50).thresholds))
    with pytest.raises(ValueError, match=message):
        noise.sample(bad, SEED, 1)
    with pytest.raises(ValueError, match=message):
        noise.apply(bad, np.zeros(1, np.uint64))
