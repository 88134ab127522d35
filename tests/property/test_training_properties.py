"""For any algorithm, rows and weights: kernel equals twin, and the promised bounds hold."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from typing import Any, get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.errors import DataError
from cotrain.training import twin
from cotrain.training.algorithm import Algorithm, Kind
from cotrain.training.gradient import GradientSum, check_rows, gradient, round_gradient
from cotrain.training.step import initial_weights, project, release_weights, take_step

Rows = list[list[int]]
Case = tuple[Algorithm, Rows, list[int]]


@st.composite
def algorithms(draw: st.DrawFn) -> Algorithm:
    kind: Kind = draw(st.sampled_from(get_args(Kind)))
    row_bits, residual_bits = draw(st.integers(0, 14)), draw(st.integers(1, 14))
    needed = (residual_bits if kind == "linear" else 6) - row_bits
    weight_bits = draw(st.integers(max(0, needed), 20))
    return Algorithm(
        kind=kind,
        features=draw(st.one_of(st.integers(1, 8), st.sampled_from([127, 128, 129]))),
        classes=draw(st.integers(2, 5)) if kind == "softmax" else 1,
        row_bound=1 << row_bits,
        residual_bits=residual_bits,
        weight_bits=weight_bits,
        weight_bound=draw(st.integers(1, min(1 << 28, 16 << weight_bits))),
        shift=draw(st.integers(0, 30)),
        learning_rate=draw(st.fractions(Fraction(1, 100), 16, max_denominator=100)),
        l2=draw(st.sampled_from([Fraction(0), Fraction(1, 16), Fraction(1, 1000)])),
    )


@st.composite
def bounded_vectors(draw: st.DrawFn, length: int, bound: int) -> list[int]:
    """Anything of norm at most `bound`: one entry at the bound, all alike, zero, or random."""
    shape = draw(st.sampled_from(["axis", "alike", "zero", "random"]))
    sign = draw(st.sampled_from([-1, 1]))
    if shape == "axis":
        vector = [0] * length
        vector[draw(st.integers(0, length - 1))] = sign * bound
        return vector
    each = isqrt(bound * bound // length)
    if shape == "alike":
        return [sign * each] * length
    seed = draw(st.integers(0, 2**32 - 1)) if shape == "random" else 0
    reach = each if shape == "random" else 0
    return [int(x) for x in np.random.default_rng(seed).integers(-reach, reach + 1, length)]


def _labels(algorithm: Algorithm) -> st.SearchStrategy[int]:
    scale = algorithm.residual_scale
    if algorithm.kind == "linear":
        return st.sampled_from([-scale, -1, 0, 1, scale]) | st.integers(-scale, scale)
    return st.integers(0, max(1, algorithm.classes - 1))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An algorithm, rows (possibly all alike, or none) and weights within their bounds."""
    algorithm = draw(algorithms())
    features = bounded_vectors(algorithm.features, algorithm.row_bound)
    row = st.tuples(features, _labels(algorithm)).map(lambda pair: [*pair[0], pair[1]])
    alike = st.tuples(row, st.integers(1, 20)).map(lambda pair: [pair[0]] * pair[1])
    rows = draw(st.lists(row, max_size=6) | alike)
    vector = bounded_vectors(algorithm.features, algorithm.weight_bound)
    weights = [entry for _ in range(algorithm.classes) for entry in draw(vector)]
    return algorithm, rows, weights


def _array(algorithm: Algorithm, rows: Rows) -> Any:
    return np.array(rows, dtype=np.int16).reshape(-1, algorithm.columns)


def _norm_at_most(vector: list[int], bound: int) -> bool:
    return sum(entry * entry for entry in vector) <= bound * bound


@given(cases())
@settings(max_examples=300, deadline=None)
def test_kernel_equals_twin(case: Case) -> None:
    algorithm, rows, weights = case
    total = GradientSum(algorithm, np.array(weights))
    total.add_block(_array(algorithm, rows))
    expected = twin.gradient(algorithm, rows, weights)
    assert total.total.tolist() == expected
    assert total.update().tolist() == twin.round_gradient(algorithm, expected)


@given(cases(), st.data())
@settings(deadline=None)
def test_any_partition_has_the_gradient_of_the_union(case: Case, data: st.DataObject) -> None:
    algorithm, rows, weights = case
    cut = data.draw(st.integers(0, len(rows)))
    whole = gradient(algorithm, _array(algorithm, rows), np.array(weights))
    parts = [
        gradient(algorithm, _array(algorithm, p), np.array(weights))
        for p in (rows[:cut], rows[cut:])
    ]
    assert (parts[0] + parts[1]).tolist() == whole.tolist()


@given(cases())
@settings(deadline=None)
def test_each_row_keeps_to_the_sensitivity(case: Case) -> None:
    algorithm, rows, weights = case
    for row in rows[:1]:
        features, label = row[:-1], row[-1]
        quotient = twin.quotients(algorithm, features, weights)
        assert all(abs(q) <= algorithm.index_limit for q in quotient)
        assert _norm_at_most(twin.residuals(algorithm, quotient, label), algorithm.residual_bound)
        alone = twin.gradient(algorithm, [row], weights)
        assert _norm_at_most(alone, algorithm.record_sensitivity)
        with_it = GradientSum(algorithm, np.array(weights))
        with_it.add_block(_array(algorithm, rows))
        without = GradientSum(algorithm, np.array(weights))
        without.add_block(_array(algorithm, rows[1:]))
        moved = (with_it.update() - without.update()).tolist()
        assert _norm_at_most(moved, algorithm.update_sensitivity)


@given(cases())
@settings(deadline=None)
def test_updates_keep_to_their_largest_value(case: Case) -> None:
    algorithm, rows, weights = case
    total = gradient(algorithm, _array(algorithm, rows), np.array(weights))
    largest = algorithm.max_abs_update(len(rows))
    assert all(abs(entry) <= largest for entry in round_gradient(algorithm, total).tolist())


@given(cases(), st.data())
@settings(deadline=None)
def test_rows_are_valid_for_the_kernel_when_they_are_for_the_twin(
    case: Case, data: st.DataObject
) -> None:
    algorithm, rows, _ = case
    entry = st.integers(-32768, 32767) | st.integers(-3, 3)
    for row in rows[:1]:
        changed = list(row)
        changed[data.draw(st.integers(0, len(row) - 1))] = data.draw(entry)
        check_rows(algorithm, _array(algorithm, [row]))
        assert _accepts(algorithm, changed) == twin.row_is_valid(algorithm, changed)


def _accepts(algorithm: Algorithm, row: list[int]) -> bool:
    try:
        check_rows(algorithm, _array(algorithm, [row]))
    except DataError:
        return False
    return True


@given(cases(), st.integers(1, 10**9), st.data())
@settings(deadline=None)
def test_a_step_stays_within_the_bound(case: Case, rows: int, data: st.DataObject) -> None:
    algorithm, _, weights = case
    entry = st.integers(-(2**60), 2**60) | st.integers(-9, 9)
    update = data.draw(st.lists(entry, min_size=len(weights), max_size=len(weights)))
    after = take_step(algorithm, np.array(weights), update, rows)
    released = release_weights(algorithm, [np.array(weights), after, after])
    for vectors in (after, released):
        for vector in vectors.reshape(algorithm.classes, -1).tolist():
            assert _norm_at_most(vector, algorithm.weight_bound)


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=9), st.integers(1, 2**28))
@settings(deadline=None)
def test_projection_loses_less_than_two_units_per_entry(vector: list[int], bound: int) -> None:
    projected = project(vector, bound)
    assert _norm_at_most(projected, bound)
    square = sum(entry * entry for entry in vector)
    if square > bound * bound:
        for entry, result in zip(vector, projected, strict=True):
            exact = abs(entry) * bound / square**0.5
            assert exact * (1 + 1e-9) + 1e-6 >= abs(result) > exact - 2
            assert result * entry >= 0


@given(cases(), st.lists(st.integers(0, 6), min_size=1, max_size=4))
@settings(deadline=None)
def test_distributed_training_equals_centralised_bit_for_bit(case: Case, cuts: list[int]) -> None:
    # Without rounding (shift 0) and noise, any split among parties gives the model of one owner.
    drawn, rows, _ = case
    algorithm = replace(drawn, shift=0)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parties = [rows[a:b] for a, b in pairwise(edges)]
    count = max(1, len(rows))
    together, alone = initial_weights(algorithm), initial_weights(algorithm)
    for _ in range(3):
        updates = [_update(algorithm, party, together) for party in parties]
        together = take_step(algorithm, together, np.sum(updates, axis=0), count)
        alone = take_step(algorithm, alone, _update(algorithm, rows, alone), count)
    assert together.tolist() == alone.tolist()


@given(cases(), st.integers(0, 6))
@settings(deadline=None)
def test_with_rounding_the_parties_sum_is_at_most_half_a_unit_each_away(
    case: Case, cut: int
) -> None:
    algorithm, rows, weights = case
    parties = [rows[:cut], rows[cut:]]
    updates = [_update(algorithm, party, np.array(weights)) for party in parties]
    exact = twin.gradient(algorithm, rows, weights)
    for entry, total in zip(np.sum(updates, axis=0).tolist(), exact, strict=True):
        assert abs((entry << algorithm.shift) - total) <= len(parties) << algorithm.shift >> 1


def _update(algorithm: Algorithm, rows: Rows, weights: Any) -> Any:
    total = GradientSum(algorithm, weights)
    total.add_block(_array(algorithm, rows))
    return total.update()
