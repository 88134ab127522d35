"""Scores of owners: exact, bounded, priced; and pools divided by them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.contribution.payouts import Standing, divide_pool
from cotrain.contribution.rules import by_rows, divide
from cotrain.contribution.score import SCORE_SENSITIVITY, TOTAL_LENGTH, ScorePlan, exact_score
from cotrain.contribution.validation import ceil_length, check_validation, validation_gradients
from cotrain.errors import RefusedError, UsageError
from cotrain.privacy.calibration import Crowd, NoisePlan, PrivacyTarget
from cotrain.privacy.rdp import Accountant, Sensitivity
from cotrain.privacy.shared_noise import left_for_scores
from cotrain.rounds.plan import sensitivity_of
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient, round_gradient
from cotrain.training.step import initial_weights, take_step

ALGORITHM = (
    Algorithm(kind="logistic", features=3, row_bound=1024).with_default_rate().with_default_shift()
)
ROUNDS = 4
LENGTH = 1 << 24
DELTA = 1e-5
CROWD = Crowd(4, 1, 1)


def rows(seed: int, count: int, sign: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    features = generator.integers(-500, 500, (count, 2))
    label = (sign * features[:, 0] > 0).astype(int)
    bias = np.full((count, 1), 300)
    return np.hstack([features, bias, label[:, None]]).astype(np.int16)


def trained(tables: list[np.ndarray], length: int = LENGTH) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the validation gradients and each table's updates of a small run."""
    weights, updates = [initial_weights(ALGORITHM)], []
    for _ in range(ROUNDS):
        made = [round_gradient(ALGORITHM, gradient(ALGORITHM, t, weights[-1])) for t in tables]
        updates.append(made)
        weights.append(
            take_step(ALGORITHM, weights[-1], np.sum(made, axis=0), sum(map(len, tables)))
        )
    gradients = validation_gradients(ALGORITHM, rows(9, 40), weights[:-1], length)
    return gradients, [np.array(own) for own in zip(*updates, strict=True)]


def test_who_helps_scores_above_zero_and_who_harms_below() -> None:
    gradients, updates = trained([rows(1, 60), rows(2, 60), rows(3, 60, sign=-1)])
    helper, other, liar = (exact_score(gradients, own) for own in updates)
    assert helper > 0
    assert other > 0
    assert liar < 0


def test_a_score_is_the_sum_of_all_products_without_overflow() -> None:
    gradients = np.array([[2**30, -(2**30)], [3, 0]], dtype=np.int32)
    updates = np.array([[2**40, -(2**40)], [-5, 7]], dtype=np.int64)
    assert exact_score(gradients, updates) == 2 * 2**70 - 15
    with pytest.raises(UsageError):
        exact_score(gradients, updates[:1])


def test_scores_of_all_add_up_to_that_of_the_sum() -> None:
    """Linear in the updates: what the opened sums tell of all scores together is exactly their sum."""
    gradients, updates = trained([rows(1, 30), rows(2, 50)])
    whole = exact_score(gradients, np.sum(updates, axis=0))
    assert sum(exact_score(gradients, own) for own in updates) == whole


def test_one_row_moves_a_score_by_no_more_than_its_update_times_the_gradients() -> None:
    base = [rows(1, 30), rows(2, 30)]
    gradients, updates = trained(base)
    bound = LENGTH * sensitivity_of(ALGORITHM).l2
    weights = [initial_weights(ALGORITHM)]
    for number in range(ROUNDS - 1):
        total = np.sum([own[number] for own in updates], axis=0)
        weights.append(take_step(ALGORITHM, weights[-1], total, 60))
    # The same public weights, one row of the first owner replaced by the zero row.
    for place in range(0, 30, 3):
        less = base[0].copy()
        less[place] = 0
        changed = np.array(
            [round_gradient(ALGORITHM, gradient(ALGORITHM, less, at)) for at in weights]
        )
        change = abs(exact_score(gradients, changed) - exact_score(gradients, updates[0]))
        assert 0 < change <= bound


def plan_of(
    epsilon: float, crowd: Crowd = CROWD, part: float = 0.75
) -> tuple[NoisePlan, ScorePlan]:
    update = sensitivity_of(ALGORITHM)
    target = PrivacyTarget(part * epsilon, DELTA, ROUNDS)
    noise = NoisePlan.derive(target, crowd, update, scored=True)
    spent = Accountant().after([noise.event().repeated(ROUNDS)])
    return noise, ScorePlan.derive(update, crowd, spent, PrivacyTarget(epsilon, DELTA, ROUNDS))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_rounds_and_scores_together_cost_what_was_agreed_and_hardly_less(epsilon: float) -> None:
    noise, plan = plan_of(epsilon)
    assert plan.event is not None
    cost = Accountant().after([noise.event().repeated(ROUNDS), plan.event]).epsilon(DELTA)
    assert 0.999 * epsilon < cost <= epsilon
    assert (plan.variance or 0) ** 0.5 < 2**17


@pytest.mark.parametrize("crowd", [Crowd(4, 1, 1), Crowd(3, 1, 0), Crowd(1000, 100, 100)])
def test_the_agreed_length_keeps_the_scores_of_all_within_their_sensitivity(crowd: Crowd) -> None:
    """The bound of the note, with every length and rounding at its worst."""
    _, plan = plan_of(2.0, crowd)
    moved = plan.length * left_for_scores(sensitivity_of(ALGORITHM), crowd.honest)
    assert moved / 2**plan.shift + crowd.parties**0.5 <= SCORE_SENSITIVITY
    assert plan.length > TOTAL_LENGTH // 4


def test_less_of_epsilon_for_the_scores_is_more_noise_in_them() -> None:
    much, little = plan_of(2.0, part=0.5)[1], plan_of(2.0, part=0.95)[1]
    assert (much.variance or 0) < (little.variance or 0)


def test_crowds_and_budgets_that_allow_no_scores() -> None:
    update = sensitivity_of(ALGORITHM)
    target = PrivacyTarget(1.0, DELTA, ROUNDS)
    with pytest.raises(RefusedError, match="too many"):
        ScorePlan.derive(update, Crowd(300_000, 1, 1), Accountant(), target)
    noise = NoisePlan.derive(target, CROWD, update, scored=True)
    spent = Accountant().after([noise.event().repeated(2 * ROUNDS)])
    with pytest.raises(RefusedError, match="no noise"):
        ScorePlan.derive(update, CROWD, spent, target)


def test_without_noise_scores_are_exact_up_to_rounding() -> None:
    plan = ScorePlan.exact(1 << 40)
    assert plan.variance is None
    assert (1 << 40) * plan.length >> plan.shift < 1 << 63
    assert plan.rounded(-1 << plan.shift) == -1


@pytest.mark.parametrize("length", [1 << 12, 1 << 20, TOTAL_LENGTH])
def test_validation_gradients_keep_to_their_length_and_use_it(length: int) -> None:
    made, _ = trained([rows(1, 60), rows(2, 60)], length)
    total = sum(ceil_length(one.astype(np.int64)) for one in made)
    assert 0.9 * length < total <= length


def test_scaling_keeps_the_direction() -> None:
    fine, coarse = (
        trained([rows(1, 60)], length)[0].astype(float) for length in (1 << 28, 1 << 14)
    )
    ratio = (fine * coarse).sum() / np.linalg.norm(fine) / np.linalg.norm(coarse)
    assert ratio > 0.9999


def test_a_gradient_of_zeros_stays_zero() -> None:
    padding = np.zeros((2, 4), dtype=np.int16)
    made = validation_gradients(ALGORITHM, padding, [initial_weights(ALGORITHM)], LENGTH)
    assert not made.any()


@given(st.lists(st.integers(-(2**42) + 1, 2**42 - 1), min_size=1, max_size=9))
def test_lengths_are_exact(entries: list[int]) -> None:
    length, square = ceil_length(np.array(entries, dtype=np.int64)), sum(x * x for x in entries)
    assert length * length >= square
    assert length == 0 or (length - 1) ** 2 < square


def test_rounds_and_rows_that_allow_no_scores() -> None:
    with pytest.raises(RefusedError, match="rounds"):
        check_validation(ALGORITHM, 10, 10_000, 1 << 12)
    wide = replace(ALGORITHM, features=1_000)
    check_validation(wide, 10, 4_096, TOTAL_LENGTH)
    for algorithm, rounds in ((ALGORITHM, 4_097), (replace(ALGORITHM, features=20_000), 4_000)):
        with pytest.raises(RefusedError, match="proof of a score"):
            check_validation(algorithm, 10, rounds, TOTAL_LENGTH)
    with pytest.raises(RefusedError, match="too much for the proof"):
        ScorePlan.derive(
            Sensitivity(1 << 33, 1 << 34, 4), CROWD, Accountant(), PrivacyTarget(1, DELTA, 1)
        )
    with pytest.raises(RefusedError, match="rows"):
        check_validation(ALGORITHM, 1 << 28, 1, LENGTH)


WEIGHTS = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 10**9), min_size=1)


@given(st.integers(0, 10**30), WEIGHTS)
def test_every_unit_is_given_and_nobody_is_off_by_more_than_one(
    pool: int, weights: dict[str, int]
) -> None:
    parts = divide(pool, weights)
    assert sum(parts.values()) == pool
    total = sum(weights.values())
    for did, part in parts.items():
        ideal = Fraction(pool, len(weights)) if total == 0 else Fraction(pool * weights[did], total)
        assert abs(part - ideal) < 1


@given(st.integers(0, 10**12), WEIGHTS)
def test_the_order_of_the_owners_changes_nothing(pool: int, weights: dict[str, int]) -> None:
    assert divide(pool, weights) == divide(pool, dict(reversed(weights.items())))


@given(st.integers(1, 10**12), WEIGHTS, st.integers(1, 10**6))
def test_a_higher_score_never_pays_less(pool: int, weights: dict[str, int], more: int) -> None:
    did = min(weights)
    raised = weights | {did: weights[did] + more}
    assert divide(pool, raised)[did] >= divide(pool, weights)[did]


def parts_of(pool: int, floor: int, **standings: Standing) -> dict[str, int]:
    parts = divide_pool(pool, 10 * pool, floor, standings)
    assert sum(part.amount for part in parts.values()) == pool
    assert sum(part.units for part in parts.values()) == 10 * pool
    return {did: part.amount for did, part in parts.items()}


def scored(score: int | None, rounds: int = 4, *, withdrew: bool = False) -> Standing:
    return Standing(rounds, score, withdrew)


def test_scores_below_zero_pay_nothing_and_take_nothing() -> None:
    assert parts_of(100, 0, a=scored(30), b=scored(-50), c=scored(10)) == {"a": 75, "c": 25}
    assert parts_of(90, 0, a=scored(-1), b=scored(-5), c=scored(0)) == {"a": 30, "b": 30, "c": 30}
    assert parts_of(100, 40, a=scored(1), b=scored(-1)) == {"a": 80, "b": 20}
    assert by_rows(10, {"a": 1, "b": 2}) == {"a": 3, "b": 7}


def test_silence_pays_nothing_and_withdrawal_by_rounds_only() -> None:
    silent, left = scored(None), scored(None, 1, withdrew=True)
    assert parts_of(100, 50, a=scored(7), b=silent) == {"a": 100}
    assert parts_of(100, 50, a=scored(7), b=left) == {"a": 90, "b": 10}
    assert parts_of(100, 0, a=scored(7), b=left) == {"a": 100}


def test_a_pool_that_nobody_scored_for_goes_by_rounds() -> None:
    assert parts_of(100, 10, a=scored(None, 3), b=scored(None, 1)) == {"a": 75, "b": 25}
    left = scored(None, 1, withdrew=True)
    assert parts_of(100, 10, a=scored(None, 3), b=left) == {"a": 75, "b": 25}


@given(st.integers(0, 10**12), st.integers(0, 100), st.lists(st.integers(-50, 50), min_size=1))
def test_pools_are_given_away_to_the_last_unit(pool: int, floor: int, scores: list[int]) -> None:
    parts_of(pool, floor, **{f"o{place}": scored(score) for place, score in enumerate(scores)})


@pytest.mark.parametrize("wrong", [lambda: divide(1, {}), lambda: divide(-1, {"a": 1})])
def test_pools_that_cannot_be_divided(wrong: object) -> None:
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]
    with pytest.raises(UsageError):
        divide(1, {"a": -1})
