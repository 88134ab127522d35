"""What an algorithm derives, and the fields that it refuses."""

from dataclasses import replace
from fractions import Fraction
from math import isqrt
from typing import Any

import pytest

from cotrain.errors import MalformedError, UsageError
from cotrain.training.algorithm import Algorithm, parse_rational

LOGISTIC = Algorithm(kind="logistic", features=15)
SOFTMAX = Algorithm(kind="softmax", features=65, classes=10)
LINEAR = Algorithm(kind="linear", features=8)


def test_logistic_defaults() -> None:
    assert (LOGISTIC.dimension, LOGISTIC.columns) == (15, 16)
    assert (LOGISTIC.margin_shift, LOGISTIC.index_limit) == (18, 32 * 64)
    assert LOGISTIC.residual_bound == 4096
    assert LOGISTIC.record_sensitivity == 1 << 24


def test_softmax_residual_bound_is_the_ceiling_of_root_two() -> None:
    bound = SOFTMAX.residual_bound
    assert (bound - 1) ** 2 < 2 * 4096**2 <= bound**2
    assert SOFTMAX.record_sensitivity == bound * 4096
    assert SOFTMAX.dimension == 650


def test_linear_quotients_are_predictions_in_target_units() -> None:
    # A row of norm C along weights of norm 2^weight_bits predicts 1.0, which is 2^f.
    assert (4096 << LINEAR.weight_bits) >> LINEAR.margin_shift == LINEAR.residual_scale


@pytest.mark.parametrize("weight_bound", [1, 63, 64, 65, 299, 300, 131071, 131072])
def test_the_index_limit_is_the_smallest_that_covers_every_quotient(weight_bound: int) -> None:
    algorithm = replace(LOGISTIC, row_bound=64, weight_bound=weight_bound)
    reach, limit = 64 * weight_bound, algorithm.index_limit
    assert -reach >> algorithm.margin_shift == -limit
    assert reach >> algorithm.margin_shift in (limit, limit - 1)


def test_max_abs_update_is_attained_and_not_exceeded() -> None:
    algorithm = replace(LOGISTIC, shift=18)
    for rows in (0, 1, 7, 1000):
        assert algorithm.max_abs_update(rows) == (rows * (1 << 24) + (1 << 17)) >> 18
    assert LOGISTIC.max_abs_update(3) == 3 << 24


def test_max_abs_update_knows_the_row_limit() -> None:
    limit = LOGISTIC.row_limit
    assert limit * 4096 * 32767 < 2**63 <= (limit + 1) * 4096 * 32767
    assert LOGISTIC.max_abs_update(limit) < 2**63
    with pytest.raises(UsageError, match="max_rows"):
        LOGISTIC.max_abs_update(limit + 1)


@pytest.mark.parametrize("algorithm", [LOGISTIC, SOFTMAX, LINEAR, replace(LOGISTIC, features=5000)])
def test_the_default_shift_leaves_a_record_as_much_as_promised(algorithm: Algorithm) -> None:
    shifted = algorithm.with_default_shift()
    wanted = max(64, 16 * (isqrt(algorithm.dimension - 1) + 1))
    assert shifted.record_sensitivity >> shifted.shift >= wanted * 15 // 16
    assert shifted.record_sensitivity >> (shifted.shift + 2) < wanted


def test_update_sensitivity_adds_what_rounding_can_move() -> None:
    assert LOGISTIC.update_sensitivity == LOGISTIC.record_sensitivity
    assert replace(LOGISTIC, shift=18).update_sensitivity == 64 + 4
    assert replace(LOGISTIC, features=16, shift=18).update_sensitivity == 64 + 4
    assert replace(LOGISTIC, features=17, shift=18).update_sensitivity == 64 + 5


def test_the_default_rate_follows_the_curvature() -> None:
    rates = [a.with_default_rate().learning_rate for a in (LINEAR, LOGISTIC, SOFTMAX)]
    assert rates == [1, 4, 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "poisson"),
        ("kind", ["logistic"]),
        ("features", 0),
        ("features", True),
        ("features", 15.0),
        ("features", (1 << 20) + 1),
        ("classes", 2),
        ("row_bound", 4095),
        ("row_bound", 0),
        ("row_bound", 1 << 15),
        ("residual_bits", 0),
        ("residual_bits", 15),
        ("weight_bits", -1),
        ("weight_bits", 25),
        ("weight_bound", 0),
        ("weight_bound", (1024 << 12) + 1),
        ("shift", -1),
        ("shift", 49),
        ("learning_rate", Fraction(0)),
        ("learning_rate", Fraction(-1)),
        ("learning_rate", 4),
        ("learning_rate", 0.5),
        ("learning_rate", Fraction(1, 10**10)),
        ("l2", Fraction(-1, 2)),
        ("l2", Fraction(1, 3)),
        ("averaging", "all"),
    ],
)
def test_a_refusal_names_field_and_value(field: str, value: Any) -> None:
    with pytest.raises(UsageError) as refusal:
        replace(LOGISTIC, **{field: value})
    assert refusal.value.code == "algorithm-out-of-range"
    assert str(refusal.value).startswith(f"{field} is ")
    assert str(value)[:40] in str(refusal.value)
    assert "must be" in str(refusal.value)


def test_the_bounds_themselves_are_accepted() -> None:
    largest = replace(LOGISTIC, row_bound=1 << 14, residual_bits=14, shift=48)
    assert largest.record_sensitivity == 1 << 28
    assert replace(LOGISTIC, features=1 << 20).dimension == 1 << 20
    assert replace(LOGISTIC, l2=Fraction(1, 4)).l2 == Fraction(1, 4)
    assert replace(LOGISTIC, learning_rate=Fraction(1, 10**10 - 1)).margin_shift == 18


def test_a_margin_finer_than_its_quotient_is_refused() -> None:
    assert replace(LOGISTIC, row_bound=64, weight_bits=0, weight_bound=9).margin_shift == 0
    with pytest.raises(UsageError, match="weight_bits is 0, it must be at least 1"):
        replace(LOGISTIC, row_bound=32, weight_bits=0, weight_bound=9)


def test_softmax_needs_two_classes_and_a_bounded_dimension() -> None:
    with pytest.raises(UsageError, match="classes is 1"):
        replace(SOFTMAX, classes=1)
    with pytest.raises(UsageError, match="features x classes"):
        replace(SOFTMAX, features=1 << 19, classes=3)


@pytest.mark.parametrize("algorithm", [LOGISTIC, SOFTMAX, replace(LINEAR, l2=Fraction(1, 100))])
def test_a_document_is_read_as_it_was_written(algorithm: Algorithm) -> None:
    document = algorithm.to_document()
    assert Algorithm.from_document(document) == algorithm
    assert all(type(value) in (int, str) for value in document.values())


@pytest.mark.parametrize("name", LOGISTIC.to_document())
def test_a_document_without_a_field_is_refused(name: str) -> None:
    document = LOGISTIC.to_document()
    del document[name]
    with pytest.raises(MalformedError, match=name):
        Algorithm.from_document(document)


@pytest.mark.parametrize("text", ["2/4", "1/1", "01", "1.5", "-1", "+1", " 1", "1/0", "", 4, None])
def test_a_rational_has_one_spelling(text: Any) -> None:
    with pytest.raises(MalformedError, match="l2"):
        parse_rational("l2", text)


def test_rationals() -> None:
    assert [parse_rational("l2", text) for text in ("0", "4", "1/100")] == [0, 4, Fraction(1, 100)]
