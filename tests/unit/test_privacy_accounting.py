"""Costs against exact calculation, the Gaussian limit and dp-accounting; calibration; plans."""

import math
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import mpmath
import numpy as np
import numpy.typing as npt
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.rdp import RdpAccountant

from cotrain.errors import CotrainError, ForgeryError, RefusedError, UsageError
from cotrain.privacy import calibration
from cotrain.privacy.calibration import (
    Crowd,
    NoisePlan,
    PrivacyTarget,
    calibrate,
    local_variance,
)
from cotrain.privacy.rdp import (
    ORDERS,
    Accountant,
    Sensitivity,
    SkellamEvent,
    bound_sensitivity,
    renyi_cost,
    total_variation,
)
from cotrain.privacy.skellam import build_table

TARGET = PrivacyTarget(epsilon=2.0, delta=1e-6, rounds=20)
CROWD = Crowd(parties=10, colluders=3, dropouts=2)
SENSITIVITY = bound_sensitivity(2**15, 2**12, 17, 30)


def _scalar(shift: int, variance: int, honest: int = 1, count: int = 1) -> SkellamEvent:
    return SkellamEvent(Sensitivity(shift, shift, 1), variance, honest, count)


def _epsilon(*events: SkellamEvent, delta: float = 1e-6) -> float:
    return Accountant().after(events).epsilon(delta)


def _exact_renyi(shift: int, variance: int, order: int) -> mpmath.mpf:
    """Renyi divergence of Skellam(variance) from itself shifted, by summing the pmf."""
    with mpmath.workdps(40):
        radius = int(16 * variance**0.5) + 60
        scaled = [mpmath.besseli(k, variance) for k in range(radius + shift + 1)]
        terms = (
            scaled[abs(x)] ** order * scaled[abs(x - shift)] ** (1 - order)
            for x in range(-radius, radius + 1)
        )
        return mpmath.log(mpmath.fsum(terms) * mpmath.exp(-variance)) / (order - 1)


@pytest.mark.parametrize("variance", [1, 4, 25, 200])
@pytest.mark.parametrize("shift", [1, 2, 5])
def test_the_cost_is_above_the_exact_renyi_divergence_and_close_to_it(
    shift: int, variance: int
) -> None:
    for order in (2, 3, 8, 32):
        exact = _exact_renyi(shift, variance, order)
        cost = renyi_cost(_scalar(shift, variance), order)
        assert exact <= mpmath.mpf(cost.numerator) / cost.denominator
        if 4 * order * shift <= variance:
            assert float(cost) <= 1.15 * float(exact)


def test_reading_the_variance_as_a_poisson_mean_would_cost_too_little() -> None:
    """The convention matters: with ``mu`` half the variance, the bound would be half the truth."""
    exact = _exact_renyi(1, 25, 2)
    assert float(renyi_cost(_scalar(1, 25), 2)) >= float(exact)
    assert float(renyi_cost(_scalar(1, 2 * 25), 2)) < 0.6 * float(exact)


def test_the_cost_is_the_published_formula() -> None:
    """Corollary 3.6 by hand: D2 = 3, D1 = 5, variance 2 x 50, order 4, 7 times."""
    event = SkellamEvent(Sensitivity(3, 5, 9), local_variance=50, honest=2, count=7)
    exact = 7 * (Fraction(4 * 9, 200) + min(Fraction(7 * 9 + 30, 40_000), Fraction(15, 200)))
    assert exact <= renyi_cost(event, 4) < exact + Fraction(1, 2**90)
    noisy = SkellamEvent(Sensitivity(30, 50, 9), local_variance=1, honest=1)
    second = Fraction(3 * 50, 2)
    assert renyi_cost(noisy, 4) == Fraction(4 * 900, 2) + second


@pytest.mark.parametrize("order", [1, 0, -2])
def test_orders_below_two_are_refused(order: int) -> None:
    with pytest.raises(UsageError):
        renyi_cost(_scalar(1, 10), order)


def test_much_noise_costs_what_gaussian_noise_costs() -> None:
    """dp-accounting's own Gaussian accountant, same orders, as the limit of a large variance."""
    l2, dimension, rounds = 1000, 30, 50
    event = SkellamEvent(Sensitivity(l2, 5000, dimension), 2 * 10**8, 5, rounds)
    reference = RdpAccountant(list(ORDERS))
    reference.compose(GaussianDpEvent(math.sqrt(event.variance) / l2), rounds)
    gaussian = reference.get_epsilon(1e-6)
    assert gaussian <= _epsilon(event) <= 1.0001 * gaussian
    little = SkellamEvent(Sensitivity(2, 4, dimension), 4, 5, rounds)
    reference = RdpAccountant(list(ORDERS))
    reference.compose(GaussianDpEvent(math.sqrt(little.variance) / 2), rounds)
    assert _epsilon(little) > 1.05 * reference.get_epsilon(1e-6)


def _table_pmf(variance: int) -> npt.NDArray[np.float64]:
    """The law that the sampler really draws from, -K..K."""
    bounds = [*(int(low) for low in build_table(variance).thresholds), 2**64]
    return np.array([(high - low) / 2**64 for low, high in pairwise(bounds)])


def _hockey_stick(law: npt.NDArray[np.float64], shift: int, rounds: int, epsilon: float) -> float:
    """Exact delta of `rounds` releases in one dimension, by enumerating all outcomes."""
    pad = np.zeros(shift)
    first, second = np.concatenate([law, pad]), np.concatenate([pad, law])
    joint = [reduce(np.multiply.outer, [side] * rounds) for side in (first, second)]
    return float(np.maximum(joint[0] - math.exp(epsilon) * joint[1], 0).sum())


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize(("shift", "honest"), [(1, 1), (3, 1), (2, 3)])
def test_the_sampled_noise_is_exactly_as_private_as_claimed(
    shift: int, honest: int, rounds: int
) -> None:
    variance, delta = 30, 1e-4
    law = reduce(np.convolve, [_table_pmf(variance)] * honest)
    law = law[law > 1e-13]  # 3-dimensional enumeration; what is cut off adds less than 1e-10
    event = _scalar(shift, variance, honest, rounds)
    epsilon = _epsilon(event, delta=delta)
    assert _hockey_stick(law, shift, rounds, epsilon) <= delta
    assert _hockey_stick(law, shift, rounds, 0.6 * epsilon) > delta


def test_more_of_anything_bad_costs_more() -> None:
    base = SkellamEvent(SENSITIVITY, 10**7, 5, 20)
    wider = replace(SENSITIVITY, l2=SENSITIVITY.l2 + 1)
    assert _epsilon(replace(base, count=21)) > _epsilon(base)
    assert _epsilon(replace(base, local_variance=10**7 - 1)) > _epsilon(base)
    assert _epsilon(replace(base, honest=4)) > _epsilon(base)
    assert _epsilon(replace(base, sensitivity=wider)) > _epsilon(base)
    assert _epsilon(base, delta=1e-7) > _epsilon(base, delta=1e-6)
    assert _epsilon() == 0.0


def test_composition_adds_order_by_order() -> None:
    one = SkellamEvent(SENSITIVITY, 10**7, 5, 20)
    two = SkellamEvent(SENSITIVITY, 7 * 10**6, 2, 3)
    together = Accountant().after([one, two])
    assert together == Accountant().after([two]).after([one])
    assert together.costs[0] == renyi_cost(one, 2) + renyi_cost(two, 2)
    assert _epsilon(one.repeated(3)) == pytest.approx(_epsilon(one, one, one), rel=1e-12)
    assert _epsilon(one, two) > max(_epsilon(one), _epsilon(two))


def test_the_sampling_error_is_part_of_delta() -> None:
    event = SkellamEvent(SENSITIVITY, 10**7, 5, 20)
    accountant = Accountant().after([event])
    assert accountant.distance == total_variation(event) > 0
    exact = Accountant(accountant.costs, Fraction(0))
    tiny = 4e-15  # of the size of the sampling error itself
    assert accountant.epsilon(tiny) > 1.001 * exact.epsilon(tiny)
    assert accountant.sampling_delta(3.0) >= (1 + Fraction(math.exp(3.0))) * accountant.distance
    assert exact.sampling_delta(3.0) == 0


def test_a_delta_below_the_sampling_error_cannot_be_met() -> None:
    event = SkellamEvent(SENSITIVITY, 10**7, 5, 20)
    assert math.isinf(_epsilon(event, delta=float(total_variation(event))))
    assert math.isinf(_epsilon(SkellamEvent(Sensitivity(10**6, 10**6, 1), 1, 1)))


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-6, math.nan])
def test_a_delta_that_is_no_probability_is_refused(delta: float) -> None:
    with pytest.raises(UsageError):
        _epsilon(_scalar(1, 10), delta=delta)


@pytest.mark.parametrize(("honest", "count", "variance"), [(0, 1, 10), (1, 0, 10), (1, 1, 0)])
def test_an_event_without_noise_or_release_is_refused(
    honest: int, count: int, variance: int
) -> None:
    with pytest.raises(UsageError):
        SkellamEvent(SENSITIVITY, variance, honest, count)


def _round_shift(values: npt.NDArray[np.int64], shift: int) -> npt.NDArray[np.int64]:
    return (values + (1 << shift >> 1)) >> shift


def test_no_record_moves_the_rounded_sum_by_more_than_the_sensitivity() -> None:
    generator = np.random.default_rng(1)
    residual, row_bound, shift, dimension = 100, 60, 6, 12
    bound = bound_sensitivity(residual, row_bound, shift, dimension)
    worst_l2, worst_l1 = 0.0, 0
    for _ in range(20_000):
        row = generator.normal(size=dimension) * generator.random(dimension) ** 4
        row = np.trunc(row / np.linalg.norm(row) * row_bound).astype(np.int64)
        rest = generator.integers(-5000, 5000, dimension)
        moved = _round_shift(rest + residual * row, shift) - _round_shift(rest, shift)
        worst_l2 = max(worst_l2, float(np.linalg.norm(moved)))
        worst_l1 = max(worst_l1, int(np.abs(moved).sum()))
    assert worst_l2 <= bound.l2
    assert worst_l1 <= bound.l1
    assert worst_l2 > residual * row_bound / 2**shift, "rounding does add to the sensitivity"


def test_sensitivities_by_hand() -> None:
    assert bound_sensitivity(10, 7, 0, 100) == Sensitivity(l2=70, l1=700, dimension=100)
    assert bound_sensitivity(10, 7, 3, 100) == Sensitivity(l2=9 + 10, l1=190, dimension=100)
    assert bound_sensitivity(10, 7, 3, 101).l2 == 9 + 11
    assert bound_sensitivity(1, 1, 0, 10**6) == Sensitivity(l2=1, l1=1, dimension=10**6)


@pytest.mark.parametrize(
    "arguments", [(0, 1, 0, 1), (1, 0, 0, 1), (1, 1, -1, 1), (1, 1, 0, 0), (-1, -1, 0, 1)]
)
def test_a_sensitivity_of_nothing_is_refused(arguments: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError):
        bound_sensitivity(*arguments)


def test_calibration_reaches_the_target_and_no_smaller_grid_value_does() -> None:
    total = calibrate(TARGET, SENSITIVITY, honest=5)
    event = SkellamEvent(SENSITIVITY, -(-total // 5), 5, TARGET.rounds)
    assert _epsilon(event) <= TARGET.epsilon
    less = total - 10 ** (len(str(total)) - 4)
    assert _epsilon(replace(event, local_variance=-(-less // 5))) > TARGET.epsilon * (1 - 2e-6)


def test_the_grid_has_four_digits_and_no_gaps() -> None:
    values = [calibration._grid(index) for index in range(1, 40_000)]
    assert values[:3] == [1, 2, 3]
    assert values == sorted(set(values))
    assert all(value % 10 ** max(0, len(str(value)) - 4) == 0 for value in values)
    assert max(b / a for a, b in pairwise(values[999:])) <= 1.001


def test_what_no_noise_can_reach_is_refused() -> None:
    million = Sensitivity(10**6, 10**9, 10**6)
    with pytest.raises(RefusedError) as caught:
        calibrate(PrivacyTarget(0.01, 1e-6, 1000), million, honest=1)
    assert caught.value.code == "privacy-out-of-reach"
    assert calibrate(PrivacyTarget(8.0, 1e-6, 1), Sensitivity(1, 1, 1), honest=1) < 10


def test_honest_survivors_alone_reach_the_total() -> None:
    for total in (1, 4, 5, 6, 12_340):
        assert local_variance(total, CROWD) * CROWD.honest >= total
        assert (local_variance(total, CROWD) - 1) * CROWD.honest < total


@pytest.mark.parametrize("crowd", [Crowd(5, 3, 2), Crowd(2, 5, 0), Crowd(1, 0, 1)])
def test_a_crowd_without_an_honest_survivor_is_refused(crowd: Crowd) -> None:
    with pytest.raises(RefusedError) as caught:
        NoisePlan.derive(TARGET, crowd, SENSITIVITY)
    assert caught.value.code == "privacy-no-honest-party"


@pytest.mark.parametrize("numbers", [(0, 0, 0), (3, -1, 0), (3, 0, -1)])
def test_a_crowd_of_nonsense_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        Crowd(*numbers)


@pytest.mark.parametrize(
    "numbers", [(0.0, 1e-6, 1), (math.inf, 1e-6, 1), (1.0, 0.0, 1), (1.0, 1.0, 1), (1.0, 1e-6, 0)]
)
def test_a_target_of_nonsense_is_refused(numbers: tuple[float, float, int]) -> None:
    with pytest.raises(UsageError):
        PrivacyTarget(*numbers)


def test_a_derived_plan_keeps_its_promises() -> None:
    plan = NoisePlan.derive(TARGET, CROWD, SENSITIVITY)
    plan.verify()
    assert plan == NoisePlan.derive(TARGET, CROWD, SENSITIVITY)
    assert plan.epsilon_outside < plan.epsilon_worst <= TARGET.epsilon
    assert plan.epsilon_worst > 0.99 * TARGET.epsilon
    assert plan.table_radius == build_table(plan.local_variance).radius
    assert _epsilon(plan.event().repeated(TARGET.rounds)) <= TARGET.epsilon


def test_a_lone_party_can_plan_for_itself() -> None:
    plan = NoisePlan.derive(TARGET, Crowd(1, 0, 0), SENSITIVITY)
    plan.verify()
    assert plan.epsilon_outside == plan.epsilon_worst


def test_plans_do_not_hang_on_the_last_bit_of_a_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's logarithm may differ in its last bits; the derived integers may not."""
    plans = [NoisePlan.derive(PrivacyTarget(e, 1e-6, 20), CROWD, SENSITIVITY) for e in (1.0, 3.0)]
    exact = Accountant.epsilon
    for error in (1e-13, -1e-13):
        monkeypatch.setattr(
            Accountant, "epsilon", lambda self, delta, e=error: exact(self, delta) * (1 + e)
        )
        for plan in plans:
            assert NoisePlan.derive(plan.target, CROWD, SENSITIVITY) == plan
            plan.verify()


@pytest.mark.parametrize(
    "change",
    [
        {"local_variance": 1},
        {"total_variance": 5},
        {"table_radius": 10},
        {"epsilon_worst": 1.0},
        {"epsilon_outside": 0.5},
        {"target": PrivacyTarget(1.9, 1e-6, 20)},
        {"target": PrivacyTarget(2.0, 1e-6, 21)},
        {"target": PrivacyTarget(2.0, 1e-7, 20)},
        {"crowd": Crowd(10, 4, 2)},
        {"sensitivity": replace(SENSITIVITY, l2=SENSITIVITY.l2 * 2)},
    ],
    ids=str,
)
def test_a_plan_with_a_false_number_is_caught(change: dict[str, object]) -> None:
    plan = NoisePlan.derive(TARGET, CROWD, SENSITIVITY)
    with pytest.raises(ForgeryError) as caught:
        replace(plan, **change).verify()  # type: ignore[arg-type]
    assert caught.value.code == "privacy-false-plan"


def test_a_plan_with_less_noise_is_caught_even_if_it_is_consistent() -> None:
    plan = NoisePlan.derive(TARGET, CROWD, SENSITIVITY)
    weak = replace(plan, total_variance=500, local_variance=100, table_radius=94)
    with pytest.raises(CotrainError, match="target"):
        weak.verify()
