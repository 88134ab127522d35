"""Scores of owners: exact, bounded, priced; and pools divided by them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.contribution.rules import by_rows, by_scores, divide, equal_parts
from cotrain.contribution.score import ScoreRelease, exact_score, score_sensitivity
from cotrain.contribution.validation import validation_gradients, validation_shift
from cotrain.errors import UsageError
from cotrain.privacy.calibration import PrivacyTarget
from cotrain.privacy.rdp import Accountant
from cotrain.rounds.plan import sensitivity_of
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient, round_gradient
from cotrain.training.step import initial_weights, take_step

ALGORITHM = (
    Algorithm(kind="logistic", features=3, row_bound=1024).with_default_rate().with_default_shift()
)
ROUNDS = 4


def rows(seed: int, count: int, sign: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    features = generator.integers(-500, 500, (count, 2))
    label = (sign * features[:, 0] > 0).astype(int)
    bias = np.full((count, 1), 300)
    return np.hstack([features, bias, label[:, None]]).astype(np.int16)


def trained(tables: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the validation gradients and each table's updates of a small run."""
    weights, updates = [initial_weights(ALGORITHM)], []
    for _ in range(ROUNDS):
        made = [round_gradient(ALGORITHM, gradient(ALGORITHM, t, weights[-1])) for t in tables]
        updates.append(made)
        weights.append(
            take_step(ALGORITHM, weights[-1], np.sum(made, axis=0), sum(map(len, tables)))
        )
    gradients = validation_gradients(ALGORITHM, rows(9, 40), weights[:-1])
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


def test_one_row_changes_a_score_by_no_more_than_its_sensitivity() -> None:
    base = [rows(1, 30), rows(2, 30)]
    gradients, updates = trained(base)
    bound = score_sensitivity(gradients, sensitivity_of(ALGORITHM))
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


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_a_release_costs_what_was_agreed(epsilon: float) -> None:
    gradients, updates = trained([rows(1, 30), rows(2, 30)])
    target = PrivacyTarget(epsilon, 1e-5, 1)
    release = ScoreRelease.derive(gradients, sensitivity_of(ALGORITHM), target)
    event = release.event()
    assert event is not None
    assert Accountant().after([event]).epsilon(1e-5) <= epsilon
    # After rounding, one row still moves it by no more than the sensitivity that the noise is made for.
    exact = score_sensitivity(gradients, sensitivity_of(ALGORITHM))
    for score in (exact_score(gradients, own) for own in updates):
        moved = release.rounded(score + exact) - release.rounded(score)
        assert moved <= release.sensitivity
    assert (release.variance or 0) ** 0.5 < 2**15


def test_without_a_target_there_is_no_noise() -> None:
    gradients, _ = trained([rows(1, 30), rows(2, 30)])
    release = ScoreRelease.derive(gradients, sensitivity_of(ALGORITHM), None)
    assert release.event() is None
    assert release.rounded(-1 << release.shift) == -1


def test_validation_gradients_fit_their_bits_whatever_the_rows() -> None:
    extreme = np.array([[1023, 0, 0, 0]] * 50, dtype=np.int16)
    for bits in (8, 16, 31):
        made = validation_gradients(ALGORITHM, extreme, [initial_weights(ALGORITHM)], bits)
        assert np.abs(made.astype(np.int64)).max() < 1 << (bits - 1)
    assert validation_shift(ALGORITHM, 50, 8) > validation_shift(ALGORITHM, 50, 31)
    for bits in (7, 32):
        with pytest.raises(UsageError):
            validation_shift(ALGORITHM, 50, bits)


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


def test_scores_below_zero_pay_nothing_and_take_nothing() -> None:
    assert by_scores(100, {"a": 30, "b": -50, "c": 10}) == {"a": 75, "b": 0, "c": 25}
    assert by_scores(90, {"a": -1, "b": -50, "c": 0}) == equal_parts(90, {"a": 0, "b": 0, "c": 0})
    assert by_scores(100, {"a": 1, "b": -1}, floor_percent=40) == {"a": 80, "b": 20}
    assert by_rows(10, {"a": 1, "b": 2}) == {"a": 3, "b": 7}


@pytest.mark.parametrize("wrong", [lambda: divide(1, {}), lambda: divide(-1, {"a": 1})])
def test_pools_that_cannot_be_divided(wrong: object) -> None:
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]
    with pytest.raises(UsageError):
        divide(1, {"a": -1})
    with pytest.raises(UsageError):
        by_scores(1, {"a": 1}, floor_percent=101)
