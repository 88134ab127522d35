"""Gradients from Python: streaming, the limits of the formats, and whose fault a refusal is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain._native import training as native
from cotrain.errors import DataError, UsageError
from cotrain.training import twin
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import GradientSum, check_rows, gradient, round_gradient

LOGISTIC = Algorithm(kind="logistic", features=3)
SOFTMAX = Algorithm(kind="softmax", features=3, classes=4)
LINEAR = Algorithm(kind="linear", features=3)
EVERY = [LOGISTIC, SOFTMAX, LINEAR]
LABELS = {"logistic": (0, 1), "softmax": (0, 3), "linear": (-4096, 4096)}


def _rows(algorithm: Algorithm, count: int, seed: int = 0) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    reach = int(algorithm.row_bound / algorithm.features**0.5)
    features = random.integers(-reach, reach + 1, (count, algorithm.features))
    low, high = LABELS[algorithm.kind]
    labels = random.integers(low, high + 1, (count, 1))
    return np.hstack([features, labels]).astype(np.int16)


def _weights(algorithm: Algorithm, seed: int = 0) -> NDArray[np.int32]:
    reach = int(algorithm.weight_bound / algorithm.features**0.5)
    drawn = np.random.default_rng(seed).integers(-reach, reach + 1, algorithm.dimension)
    return drawn.astype(np.int32)


def test_by_hand() -> None:
    # Row (4096, 0, 0) and weights (4096, 0, 0) have real margin 1, index 64, midpoint 64.5/64:
    # 4096 sigmoid(1.0078125) = 3000.78 -> 3001. The label is 1.
    rows = np.array([[4096, 0, 0, 1]], dtype=np.int16)
    total = gradient(LOGISTIC, rows, np.array([4096, 0, 0]))
    assert total.tolist() == [(3001 - 4096) * 4096, 0, 0]


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda a: a.kind)
def test_blocks_add_up_to_the_whole(algorithm: Algorithm) -> None:
    rows, weights = _rows(algorithm, 500), _weights(algorithm)
    total = GradientSum(algorithm, weights)
    for start in range(0, 500, 70):
        total.add_block(rows[start : start + 70])
    assert total.rows == 500
    assert total.total.tolist() == gradient(algorithm, rows, weights).tolist()


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda a: a.kind)
def test_padding_and_order_change_nothing(algorithm: Algorithm) -> None:
    rows, weights = _rows(algorithm, 40), _weights(algorithm)
    padded = np.vstack([np.zeros((5, 4), dtype=np.int16), rows[::-1]])
    assert (
        gradient(algorithm, padded, weights).tolist() == gradient(algorithm, rows, weights).tolist()
    )


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda a: a.kind)
def test_no_rows_no_gradient(algorithm: Algorithm) -> None:
    empty = np.zeros((0, 4), dtype=np.int16)
    assert not gradient(algorithm, empty, _weights(algorithm)).any()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_memory_layout_and_weight_type_do_not_matter(dtype: Any) -> None:
    rows, weights = _rows(LOGISTIC, 40), _weights(LOGISTIC)
    expected = gradient(LOGISTIC, rows, weights).tolist()
    assert gradient(LOGISTIC, np.asfortranarray(rows), weights.astype(dtype)).tolist() == expected
    strided = np.repeat(rows, 2, axis=0)[::2]
    assert gradient(LOGISTIC, strided, np.repeat(weights, 2)[::2]).tolist() == expected


def test_a_refused_block_leaves_no_trace() -> None:
    total = GradientSum(LOGISTIC, _weights(LOGISTIC))
    total.add_block(_rows(LOGISTIC, 9))
    before = total.total.tolist()
    bad = _rows(LOGISTIC, 9)
    bad[8, 3] = 2
    with pytest.raises(DataError, match="row 8: 2 is not a label"):
        total.add_block(bad)
    assert (total.rows, total.total.tolist()) == (9, before)


@pytest.mark.parametrize(
    ("algorithm", "label"),
    [(LOGISTIC, 2), (LOGISTIC, -1), (SOFTMAX, 4), (SOFTMAX, -1), (LINEAR, 4097), (LINEAR, -4097)],
)
def test_a_bad_label_is_named(algorithm: Algorithm, label: int) -> None:
    rows = _rows(algorithm, 5)
    rows[3, 3] = label
    for attempt in (gradient, lambda a, r, _: check_rows(a, r)):
        with pytest.raises(DataError, match=f"row 3: {label} is not a label") as refusal:
            attempt(algorithm, rows, _weights(algorithm))
        assert refusal.value.code == "training-bad-label"
        assert refusal.value.meaning
        assert refusal.value.hint


def test_a_row_above_the_bound_is_named() -> None:
    rows = np.array([[4096, 0, 0, 1], [0, 4096, 0, 1], [-4096, 1, 0, 1]], dtype=np.int16)
    check_rows(LOGISTIC, rows[:2])
    for attempt in (gradient, lambda a, r, _: check_rows(a, r)):
        with pytest.raises(DataError, match="row 2: the features are longer") as refusal:
            attempt(LOGISTIC, rows, _weights(LOGISTIC))
        assert refusal.value.code == "training-row-above-bound"


def test_the_most_negative_entry_is_above_every_bound() -> None:
    algorithm = replace(LOGISTIC, row_bound=1 << 14, weight_bound=1 << 17)
    with pytest.raises(DataError, match="row 0"):
        check_rows(algorithm, np.array([[-32768, 0, 0, 0]], dtype=np.int16))


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((2, 4), dtype=np.int32),
        np.zeros((2, 4)),
        np.zeros((2, 3), dtype=np.int16),
        np.zeros((2, 5), dtype=np.int16),
        np.zeros(4, dtype=np.int16),
        np.zeros((1, 2, 4), dtype=np.int16),
    ],
)
def test_rows_of_another_shape_or_type_are_refused(rows: Any) -> None:
    for attempt in (gradient, lambda a, r, _: check_rows(a, r)):
        with pytest.raises(DataError, match=r"rows (are|have)") as refusal:
            attempt(LOGISTIC, rows, _weights(LOGISTIC))
        assert refusal.value.code == "training-bad-shape"


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        (np.zeros(2, dtype=np.int32), "training-bad-shape"),
        (np.zeros((1, 3), dtype=np.int32), "training-bad-shape"),
        (np.zeros(3), "training-bad-shape"),
        (np.zeros(3, dtype=np.int16), "training-bad-shape"),
        (np.array([131072, 1, 0]), "training-weights-above-bound"),
        (np.array([0, 0, -131073]), "training-weights-above-bound"),
        (np.array([0, 1 << 32, 0]), "training-weights-above-bound"),
        (np.array([0, 0, -(1 << 63)]), "training-weights-above-bound"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: Any, code: str) -> None:
    with pytest.raises(UsageError) as refusal:
        gradient(LOGISTIC, _rows(LOGISTIC, 1), weights)
    assert refusal.value.code == code


def test_each_class_has_its_own_weight_bound() -> None:
    weights = np.zeros(12, dtype=np.int32)
    weights[[0, 3, 6, 9]] = 131072
    gradient(SOFTMAX, _rows(SOFTMAX, 1), weights)
    weights[10] = 1
    with pytest.raises(UsageError, match="weight vector 3"):
        gradient(SOFTMAX, _rows(SOFTMAX, 1), weights)


def test_more_rows_than_fit_in_64_bits_are_refused() -> None:
    total = GradientSum(LOGISTIC, _weights(LOGISTIC))
    total.rows = LOGISTIC.row_limit - 1
    total.add_block(_rows(LOGISTIC, 1))
    with pytest.raises(DataError) as refusal:
        total.add_block(_rows(LOGISTIC, 1))
    assert refusal.value.code == "training-too-many-rows"


@pytest.mark.parametrize("shift", [0, 1, 2, 18, 48])
def test_rounding_equals_the_twin_at_the_edges(shift: int) -> None:
    algorithm = replace(LOGISTIC, shift=shift)
    half = (1 << shift) // 2
    edges = [0, 1, -1, half, half - 1, -half, -half - 1, 3 * half, 2**63 - 1, -(2**63)]
    rounded = round_gradient(algorithm, np.array(edges, dtype=np.int64))
    assert rounded.tolist() == twin.round_gradient(algorithm, edges)


def test_the_largest_update_is_the_promised_one() -> None:
    # All rows at the bound and wrong with full confidence attain max_abs_update.
    algorithm = replace(LOGISTIC, shift=7)
    rows = np.tile(np.array([4096, 0, 0, 0], dtype=np.int16), (50, 1))
    total = GradientSum(algorithm, np.array([131072, 0, 0]))
    total.add_block(rows)
    assert total.update().tolist() == [algorithm.max_abs_update(50), 0, 0]


def _kernel(**changes: Any) -> native.GradientKernel:
    empty = np.zeros(0, dtype=np.int32)
    arguments = {
        "kind": "linear",
        "shape": (1, 1),
        "scales": (12, 12, 12),
        "table": empty,
        "weight_bound": 9,
        "weights": np.zeros(1, dtype=np.int32),
    }
    return native.GradientKernel(**{**arguments, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "poisson"},
        {"shape": (0, 1)},
        {"shape": (1, 2)},
        {"scales": (15, 12, 12)},
        {"scales": (12, 15, 12)},
        {"scales": (12, 12, 39)},
        {"weight_bound": (1 << 28) + 1},
        {"weight_bound": -1},
        {"table": np.zeros(1, dtype=np.int32)},
        {"weights": np.array([10], dtype=np.int32)},
        {"kind": "logistic"},
    ],
)
def test_the_compiled_kernel_checks_its_model_itself(changes: dict[str, Any]) -> None:
    _kernel()
    with pytest.raises(ValueError, match="training-bad-model"):
        _kernel(**changes)


def test_the_compiled_kernel_checks_shape_and_range_itself() -> None:
    rows, zero = np.array([[1, 0]], dtype=np.int16), np.zeros(1, dtype=np.int64)
    assert _kernel().add_rows(rows, zero).tolist() == [0]
    with pytest.raises(ValueError, match="training-bad-shape"):
        _kernel().add_rows(np.zeros((1, 4), dtype=np.int16), zero)
    with pytest.raises(ValueError, match="training-bad-shape"):
        _kernel().add_rows(np.asfortranarray(np.zeros((3, 2), dtype=np.int16)), zero)
    for total in (np.array([2**63 - 1]), np.zeros(2, dtype=np.int64)):
        with pytest.raises(ValueError, match="training-too-many-rows"):
            _kernel().add_rows(rows, total)
