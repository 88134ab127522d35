"""Scores beside sums: the accountant's price is at least the true divergence of everything that is seen.

The whole view of a small run (one sum of one entry, and a score of each owner) is enumerated, with the exact Skellam
law, for neighbouring inputs. docs/proofs/scores-and-sums.md proves the bound; this checks it, and that neither event
alone would do.
"""

from itertools import product
from math import exp, isqrt, log

import numpy as np
import pytest
from scipy.special import ive

from cotrain.errors import UsageError
from cotrain.privacy.rdp import Sensitivity, SkellamEvent, renyi_cost
from cotrain.privacy.shared_noise import left_for_scores, split_sensitivity

ORDERS = (2, 4, 8)
Law = dict[tuple[int, ...], float]


def skellam(variance: int, reach: int) -> dict[int, float]:
    return {k: float(ive(abs(k), variance)) for k in range(-reach, reach + 1)}


def view(change: int, gradient: int, shift: int, noise: tuple[int, int]) -> Law:
    """Return the law of (sum, score of owner 1, score of owner 2); owner 1's update is `change`, owner 2's is 0."""
    rounds, scores = (skellam(variance, 7 * isqrt(variance) + 5) for variance in noise)
    half = (1 << shift) >> 1
    seen: dict[tuple[int, int, int], float] = {}
    for (one, p), (two, q) in product(rounds.items(), rounds.items()):
        exact = [(gradient * u + half) >> shift for u in (change + one, two)]
        place = (change + one + two, exact[0], exact[1])
        seen[place] = seen.get(place, 0.0) + p * q
    law: Law = {}
    for (total, first, second), p in seen.items():
        for (e, q), (f, r) in product(scores.items(), scores.items()):
            place = (total, first + e, second + f)
            law[place] = law.get(place, 0.0) + p * q * r
    return law


def divergence(left: Law, right: Law, order: int) -> float:
    total = sum(
        exp(order * log(p) + (1 - order) * log(right[place]))
        for place, p in left.items()
        if p > 1e-280 and right.get(place, 0.0) > 1e-280
    )
    return log(total) / (order - 1)


def prices(change: int, gradient: int, shift: int, noise: tuple[int, int]) -> list[SkellamEvent]:
    bound = Sensitivity(l2=change, l1=change, dimension=1)
    rounds = SkellamEvent(split_sensitivity(bound, 2), noise[0], 1)
    moved = (
        -(-gradient * left_for_scores(bound, 2) // (1 << shift)) + 2
    )  # rounded up, and two roundings
    scores = SkellamEvent(Sensitivity(moved, 2 * moved, 2), noise[1], 1)
    return [rounds, scores]


CASES = [
    (2, 1, 0, (3, 4)),  # change, gradient, shift, (variance of updates, of scores)
    (1, 3, 1, (2, 6)),
    (3, 2, 2, (4, 3)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("change", "gradient", "shift", "noise"), CASES)
def test_the_price_is_at_least_the_true_divergence(
    change: int, gradient: int, shift: int, noise: tuple[int, int]
) -> None:
    with_row, without = view(change, gradient, shift, noise), view(0, gradient, shift, noise)
    for order in ORDERS:
        price = float(
            sum(renyi_cost(event, order) for event in prices(change, gradient, shift, noise))
        )
        assert divergence(with_row, without, order) <= price
        assert divergence(without, with_row, order) <= price


@pytest.mark.slow
def test_the_price_of_the_sum_alone_is_too_little() -> None:
    """The same noise protects both: who charges for the sums only, and gives scores away, breaks the promise."""
    change, gradient, shift, noise = 2, 1, 0, (3, 1)
    true = divergence(view(change, gradient, shift, noise), view(0, gradient, shift, noise), 2)
    alone = SkellamEvent(Sensitivity(change, change, 1), noise[0], 2)
    assert true > float(renyi_cost(alone, 2))


@pytest.mark.parametrize("honest", [1, 2, 3, 10, 97])
def test_whole_parts_of_a_change_are_within_the_bound(honest: int) -> None:
    generator = np.random.default_rng(honest)
    for size in (1, 5, 300):
        for scale in (1, 20, 5000):
            change = generator.integers(-scale, scale + 1, size)
            l2, l1 = isqrt(int((change**2).sum()) + 1) + 1, max(1, int(np.abs(change).sum()))
            bound = split_sensitivity(Sensitivity(l2, l1, size), honest)
            quotient, rest = np.divmod(np.abs(change), honest)
            parts = np.array([quotient + (place < rest) for place in range(honest)])
            assert (parts.sum(axis=0) == np.abs(change)).all()
            assert int((parts**2).sum()) <= bound.l2**2
            assert int(parts.sum()) <= bound.l1
            assert bound.dimension == honest * size


def test_one_owner_hides_everything_itself() -> None:
    bound = Sensitivity(l2=7, l1=20, dimension=9)
    assert split_sensitivity(bound, 1) == bound


def test_many_owners_share_what_is_to_be_hidden() -> None:
    bound = Sensitivity(l2=1000, l1=31_000, dimension=1000)
    assert split_sensitivity(bound, 100).l2 < 200
    assert left_for_scores(bound, 100) < 1200
    with pytest.raises(UsageError):
        SkellamEvent(split_sensitivity(bound, 100), 0, 1)
