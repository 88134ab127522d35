"""What holds for every word, table, seed and sequence of charges."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.errors import RefusedError
from cotrain.privacy.budget import BudgetBook
from cotrain.privacy.rdp import Accountant, Sensitivity, SkellamEvent, bound_sensitivity
from cotrain.privacy.sampler import apply_table, draw_words, sample_noise
from cotrain.privacy.sampling_error import cdf_error_bound, one_sample_error
from cotrain.privacy.skellam import build_table

words64 = st.integers(0, 2**64 - 1)
variances = st.integers(1, 3000)
seeds = st.binary(min_size=32, max_size=32)
events = st.builds(
    SkellamEvent,
    st.builds(Sensitivity, st.integers(1, 50), st.integers(1, 500), st.integers(1, 100)),
    st.integers(10**4, 10**7),
    st.integers(1, 9),
    st.integers(1, 20),
)


@given(variances, st.lists(words64, min_size=2, max_size=20))
def test_a_greater_word_draws_no_smaller_value(variance: int, words: list[int]) -> None:
    table = build_table(variance)
    drawn = apply_table(table, np.array(sorted(words), dtype=np.uint64))
    assert (np.diff(drawn) >= 0).all()
    assert np.abs(drawn).max() <= table.radius


@given(variances, st.lists(words64, min_size=1, max_size=20))
def test_the_complement_of_a_word_draws_the_opposite_value(variance: int, words: list[int]) -> None:
    table, array = build_table(variance), np.array(words, dtype=np.uint64)
    assert np.array_equal(apply_table(table, ~array), -apply_table(table, array))


@given(variances)
def test_every_table_is_symmetric_ordered_and_within_its_bounds(variance: int) -> None:
    table = build_table(variance)
    low, high = table.thresholds[1:], table.thresholds[1:][::-1]
    assert np.array_equal(low, ~high + np.uint64(1))
    assert (table.thresholds[1:] >= table.thresholds[:-1]).all()
    assert table.thresholds[0] == 0
    assert table.total_variation <= one_sample_error(variance)
    assert table.total_variation <= table.cdf_error <= cdf_error_bound(variance)


@given(seeds, st.integers(0, 20_000), st.integers(0, 20_000))
@settings(max_examples=30)
def test_fewer_samples_are_a_prefix_of_more(seed: bytes, one: int, other: int) -> None:
    table, (few, many) = build_table(100), sorted((one, other))
    assert np.array_equal(sample_noise(table, seed, many)[:few], sample_noise(table, seed, few))
    assert np.array_equal(apply_table(table, draw_words(seed, few)), sample_noise(table, seed, few))


@given(st.lists(events, min_size=1, max_size=5), st.randoms())
@settings(max_examples=50)
def test_the_order_of_events_does_not_matter_and_each_costs_something(
    happened: list[SkellamEvent], shuffler: object
) -> None:
    shuffled = list(happened)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    accountant = Accountant().after(happened)
    assert accountant == Accountant().after(shuffled)
    before = Accountant().after(happened[:-1])
    assert all(now > then for now, then in zip(accountant.costs, before.costs, strict=True))
    assert accountant.distance > before.distance
    assert accountant.epsilon(1e-6) >= before.epsilon(1e-6)


@given(
    st.integers(1, 200),
    st.lists(st.integers(-20, 20), min_size=1, max_size=8),
    st.lists(st.integers(-(10**6), 10**6), min_size=8, max_size=8),
    st.integers(0, 12),
)
def test_one_record_never_moves_a_rounded_sum_by_more_than_the_bound(
    residual: int, row: list[int], rest: list[int], shift: int
) -> None:
    norm = int(np.ceil(np.sqrt(sum(entry * entry for entry in row)))) or 1
    bound = bound_sensitivity(residual, norm, shift, len(row))
    half = 1 << shift >> 1
    moved = [
        ((other + residual * entry + half) >> shift) - ((other + half) >> shift)
        for entry, other in zip(row, rest, strict=False)
    ]
    assert sum(step * step for step in moved) <= bound.l2**2
    assert sum(abs(step) for step in moved) <= bound.l1


@given(st.lists(st.tuples(st.integers(0, 3), events), max_size=12), st.floats(0.01, 3))
@settings(max_examples=25, deadline=None)
def test_a_book_never_exceeds_its_limit(
    rounds: list[tuple[int, SkellamEvent]], limit: float
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        BudgetBook.open(Path(folder) / "book.sqlite") as book,
    ):
        book.set_limit("d", limit, 1e-6)
        for number, event in rounds:
            before = book.history("d")
            try:
                book.charge("d", "run", number, event)
            except RefusedError:
                assert book.history("d") == before
        assert book.balance("d").epsilon_spent <= limit
        assert len({charge.round_number for charge in book.history("d")}) == len(book.history("d"))
