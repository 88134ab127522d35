"""Where a row stands in a dataset's commitment, and what replaces it; across blocks and widths."""

import numpy as np
import pytest

from cotrain.commitment.pedersen import derive_blindings
from cotrain.dataset.registration import DatasetLayout, commit_dataset, point_blinding
from cotrain.errors import ForgeryError
from cotrain.proofs.pieces import segments
from cotrain.proofs.removal import RemovalStatement, commit_rows, point_of, replace_point

SCHEMA, SEED, FRESH = "5c" * 32, bytes(range(32)), bytes([7]) * 32
SHAPES = [(5, 4), (300, 33), (8_192 + 40, 20), (9, 1_500)]


def table(count: int, columns: int) -> np.ndarray:
    return np.random.default_rng(count).integers(-900, 900, (count, columns)).astype(np.int16)


@pytest.mark.parametrize(("count", "columns"), SHAPES)
def test_each_commitment_is_that_of_its_rows(count: int, columns: int) -> None:
    rows, layout = table(count, columns), DatasetLayout(count, columns)
    committed = commit_dataset(rows, SCHEMA, SEED)
    for row in {0, 1, count // 2, count - 1}:
        point, place = layout.place_of(row)
        start, stop = layout.rows_of(point)
        assert start <= row < stop
        assert row - start == place
        made = commit_rows(layout, rows[start:stop], point_blinding(layout, SEED, point))
        assert made == point_of(committed.commitments, point)
    assert layout.place_of(count - 1)[0] == layout.points - 1


@pytest.mark.parametrize(("count", "columns"), SHAPES)
def test_a_removal_is_proven_wherever_the_row_stands(count: int, columns: int) -> None:
    rows, layout = table(count, columns), DatasetLayout(count, columns)
    commitments = commit_dataset(rows, SCHEMA, SEED).commitments
    row = count - 1
    point, place = layout.place_of(row)
    start, stop = layout.rows_of(point)
    left = rows[start:stop].copy()
    left[place] = 0
    blindings = point_blinding(layout, SEED, point), derive_blindings(FRESH, b"removal", 1)
    after = commit_rows(layout, left, blindings[1])
    claim = RemovalStatement(layout, row, point_of(commitments, point), after, b"run")
    proof = claim.prove(rows[start:stop], blindings, FRESH)
    assert len(proof) == claim.proof_bytes()
    claim.verify(proof)
    with pytest.raises(ForgeryError):
        RemovalStatement(layout, row, claim.after, claim.before, b"run").verify(proof)
    replaced = replace_point(commitments, point, after)
    assert len(replaced) == len(commitments)
    assert point_of(replaced, point) == after
    assert replaced[: 32 * point] == commitments[: 32 * point]


def test_segments_take_the_blinding_of_a_replaced_commitment() -> None:
    layout = DatasetLayout(8_192 + 40, 20)
    first = layout.place_of(8_192)[0]
    own = derive_blindings(FRESH, b"removal", 1)
    for segment in segments(layout, 64):
        plain, changed = segment.blindings_of(SEED), segment.blindings_of(SEED, {first: own})
        if segment.first == 8_192:
            assert changed == own + plain[32:]
        else:
            assert changed == plain
