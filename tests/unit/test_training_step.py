"""The public step: rounding, decay, projection, release, and what it refuses."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from cotrain.errors import UsageError
from cotrain.training.algorithm import Algorithm
from cotrain.training.step import (
    initial_weights,
    project,
    release_weights,
    step_rate,
    take_step,
)

LOGISTIC = Algorithm(kind="logistic", features=2, shift=4)
SOFTMAX = Algorithm(kind="softmax", features=2, classes=3)
ZERO = initial_weights(LOGISTIC)


def test_initial_weights_are_zero() -> None:
    assert ZERO.tolist() == [0, 0]
    assert ZERO.dtype == np.int32
    assert initial_weights(SOFTMAX).shape == (6,)


def test_the_rate_moves_real_weights_by_the_mean_gradient() -> None:
    # One row of norm C with residual 1.0 has normalised gradient 1 and update 2^f C / 2^shift.
    rate = step_rate(LOGISTIC, 1)
    assert rate * (4096 * 4096 >> 4) == LOGISTIC.learning_rate * 4096
    assert step_rate(LOGISTIC, 10) == rate / 10


def test_halves_round_up() -> None:
    assert step_rate(LOGISTIC, 1) == Fraction(1, 64)
    moved = [int(take_step(LOGISTIC, ZERO, [u, 0], 1)[0]) for u in (31, 32, 33, -31, -32, -33)]
    assert moved == [0, -1, -1, 0, 0, 1]


def test_weight_decay_shrinks_the_old_weights() -> None:
    algorithm = replace(LOGISTIC, l2=Fraction(1, 40))
    after = take_step(algorithm, np.array([1000, -1005]), [0, 0], 5)
    assert after.tolist() == [900, -905]  # 100.5 rounds up to 101 from above, -100.5 to -100.


def test_a_large_sum_of_noise_is_exact_too() -> None:
    after = take_step(LOGISTIC, ZERO, [2**70, -1], 1)
    assert after.tolist() == [-131072, 0]


@pytest.mark.parametrize("vector", [[3, 4], [-3, 4], [0, 0], [131072, 0], [0, -131072]])
def test_a_vector_within_the_bound_is_not_touched(vector: list[int]) -> None:
    assert project(vector, 131072) == vector


def test_projection_truncates_toward_zero() -> None:
    assert project([30, -40], 10) == [6, -8]
    assert project([31, -40], 10) == [6, -7]
    assert project([2, 2], 2) == [1, 1]
    assert project([1, 1], 1) == [0, 0]


def test_each_class_is_projected_alone() -> None:
    weights = np.array([131072, 0, 5, 6, 0, -131072])
    after = take_step(SOFTMAX, weights, [-(1 << 40), 0, 0, 0, 0, 0], 1)
    assert after.tolist() == [131072, 0, 5, 6, 0, -131072]


def test_release_is_the_mean_of_the_last_half() -> None:
    iterates = [np.array([n, -n]) for n in (100, 100, 1, 2, 4)]
    assert release_weights(LOGISTIC, iterates).tolist() == [2, -2]
    assert release_weights(LOGISTIC, iterates[:4]).tolist() == [2, -1]  # 1.5 and -1.5, half up
    assert release_weights(LOGISTIC, iterates[:1]).tolist() == [100, -100]
    assert release_weights(replace(LOGISTIC, averaging="none"), iterates).tolist() == [4, -4]


def test_a_rounded_mean_stays_within_the_bound() -> None:
    algorithm = replace(LOGISTIC, weight_bound=5)
    iterates = [np.array([3, 4]), np.array([3, 4]), np.array([4, 3])]
    # The last two average to (3.5, 3.5), which rounds to (4, 4), longer than 5.
    assert release_weights(algorithm, iterates).tolist() == [3, 3]


@pytest.mark.parametrize("rows", [0, -1, 1.0, True])
def test_the_number_of_rows_is_a_positive_integer(rows: Any) -> None:
    with pytest.raises(UsageError, match=f"{rows} rows"):
        take_step(LOGISTIC, ZERO, [0, 0], rows)


@pytest.mark.parametrize("updates", [[0], [0, 0, 0], [0, 0.5], np.zeros(2), np.zeros((1, 2), int)])
def test_the_update_sum_is_one_integer_per_weight(updates: Any) -> None:
    with pytest.raises(UsageError) as refusal:
        take_step(LOGISTIC, ZERO, updates, 1)
    assert refusal.value.code == "training-bad-shape"


def test_weights_above_the_bound_are_refused() -> None:
    with pytest.raises(UsageError, match="longer than the weight bound"):
        take_step(LOGISTIC, np.array([131072, 1]), [0, 0], 1)
    with pytest.raises(UsageError, match="longer than the weight bound"):
        release_weights(LOGISTIC, [np.array([131072, 1])])


def test_a_run_without_rounds_releases_nothing() -> None:
    with pytest.raises(UsageError, match="without a completed round"):
        release_weights(LOGISTIC, [])
