"""The encoding: the linear map, rounding, the row bound, labels and the fingerprint."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cotrain.agreement.schema import (
    FORMAT,
    BinaryTarget,
    ClassesTarget,
    IndicatorColumn,
    NumericColumn,
    NumericTarget,
    Schema,
    Target,
    load_schema,
)
from cotrain.data import heart
from cotrain.dataset.encoding import (
    EncodedDataset,
    ceil_sqrt,
    encode_cells,
    encode_features,
    encode_labels,
    encode_table,
    linear_map,
    scale_to_bound,
)
from cotrain.dataset.fingerprint import dataset_fingerprint
from cotrain.dataset.reader import TableSource
from cotrain.errors import UsageError

KEY = bytes(range(32))


def numeric_schema(count: int, bound: int, scale: int) -> Schema:
    columns = tuple(
        NumericColumn(name=f"x{index}", unit="1", min="-100", max="100", low="-1", high="1")
        for index in range(count)
    )
    return Schema(
        format=FORMAT,
        name="numbers",
        columns=columns,
        target=BinaryTarget(name="y"),
        row_bound=bound,
        feature_scale=scale,
        min_rows=1,
    )


@pytest.fixture(scope="module")
def dataset() -> EncodedDataset:
    return encode_table(TableSource(heart.TABLE_PATH), load_schema(heart.SCHEMA_PATH))


def test_the_map_is_rounded_once_from_exact_rationals() -> None:
    assert linear_map("0.1", "0.3", 1) == (0.2, 10.0)  # in doubles, 0.3 - 0.1 is not 0.2
    assert linear_map("0", "3", 1) == (1.5, 2 / 3)


def test_halves_round_to_even_and_ends_map_to_the_scale() -> None:
    schema = numeric_schema(1, 16384, 1000)
    cells = np.array([[-1.0, 1.0, 0.0005, 0.0015, 0.0025, -0.0005, -0.0015]])
    encoded = encode_features(cells, schema)[:, 0]
    assert encoded.tolist() == [-1000, 1000, 0, 2, 2, 0, -2]


def test_a_value_far_out_is_cut_before_the_row_is_scaled() -> None:
    schema = numeric_schema(1, 16384, 16384)
    first, bias = encode_features(np.array([[100.0]]), schema)[0]
    root = math.isqrt(32767**2 + 16384**2 - 1) + 1
    assert (first, bias) == (32767 * 16384 // root, 16384 * 16384 // root)


def test_a_row_at_the_bound_is_left_alone_and_one_above_is_not() -> None:
    entries = np.array([[64, 64], [0, 1]])
    assert scale_to_bound(entries, 64).T.tolist() == [[64, 0], [63, 0]]


def test_the_sign_is_kept_and_floor_acts_on_the_magnitude() -> None:
    assert scale_to_bound(np.array([[-100], [100], [1]]), 64).T.tolist() == [[-45, 45, 0]]


def test_no_row_of_the_heart_table_is_above_the_bound(dataset: EncodedDataset) -> None:
    norms = (dataset.features.astype(np.int64) ** 2).sum(axis=1)
    assert norms.max() <= 4096**2
    assert norms.max() > 4090**2


def test_the_widest_rows_stay_exact() -> None:
    entries = np.full((1 << 12, 2), 32767, dtype=np.int64)
    entries[:, 1] = -32767
    scaled = scale_to_bound(entries, 1 << 14)
    assert (scaled**2).sum(axis=0).max() <= 1 << 28
    assert scaled.T.tolist() == [[256] * 4096, [-256] * 4096]


@pytest.mark.parametrize("root", [1, 2, 3, 4096, (1 << 23) - 1, 1 << 23, (1 << 26) - 1])
def test_ceil_sqrt_around_squares(root: int) -> None:
    squares = np.array([root * root - 1, root * root, root * root + 1], dtype=np.int64)
    expected = [math.isqrt(int(value) - 1) + 1 if value else 0 for value in squares]
    assert ceil_sqrt(squares).tolist() == expected


def test_indicators_are_zero_or_the_scale() -> None:
    schema = numeric_schema(1, 4096, 100).model_copy(
        update={"columns": (IndicatorColumn(name="seen"),)}
    )
    assert encode_features(np.array([[0.0, 1.0]]), schema).tolist() == [[0, 100], [100, 100]]


@pytest.mark.parametrize(
    ("target", "values", "labels"),
    [
        (BinaryTarget(name="y"), [0.0, 1.0], [0, 1]),
        (ClassesTarget(name="y", categories=("a", "b", "c")), [2.0, 0.0], [2, 0]),
        (
            NumericTarget(name="y", unit="m", min="0", max="10", residual_bits=3),
            [0.0, 5.0, 10.0, 5.3125, 5.9375],
            [-8, 0, 8, 0, 2],
        ),
    ],
)
def test_labels(target: Target, values: list[float], labels: list[int]) -> None:
    assert encode_labels(np.array(values), target).tolist() == labels


def test_the_bound_does_not_shrink_the_label() -> None:
    schema = numeric_schema(1, 64, 64)
    rows = encode_cells(np.array([[1.0], [1.0]]), schema)
    assert rows.tolist() == [[45, 45, 1]]
    assert rows.dtype == np.int16


def test_an_encoded_dataset_is_read_only(dataset: EncodedDataset) -> None:
    assert dataset.row_count == 920
    assert dataset.names[-2:] == ("bias", "target")
    assert dataset.features.shape == (920, 14)
    assert dataset.labels.sum() == 509
    with pytest.raises(ValueError, match="read-only"):
        dataset.rows[0, 0] = 1


def test_the_fingerprint_recognises_the_same_rows(dataset: EncodedDataset) -> None:
    again = encode_table(TableSource(heart.TABLE_PATH), load_schema(heart.SCHEMA_PATH))
    fingerprint = dataset_fingerprint(dataset, KEY)
    assert dataset_fingerprint(again, KEY) == fingerprint
    assert len(fingerprint) == 64
    columns_first = replace(dataset, rows=np.asfortranarray(dataset.rows))
    assert dataset_fingerprint(columns_first, KEY) == fingerprint


def test_the_fingerprint_differs_for_anything_else(dataset: EncodedDataset) -> None:
    changed = dataset.rows.copy()
    changed[919, 0] += 1
    others = [
        replace(dataset, rows=changed),
        replace(dataset, rows=dataset.rows[::-1]),
        replace(dataset, rows=dataset.rows[:-1]),
        replace(dataset, rows=dataset.rows.reshape(460, 30)),
        replace(dataset, schema_digest=bytes(32)),
    ]
    fingerprints = {dataset_fingerprint(other, KEY) for other in (dataset, *others)}
    fingerprints.add(dataset_fingerprint(dataset, bytes(32)))
    assert len(fingerprints) == 7


def test_a_short_fingerprint_key_is_refused(dataset: EncodedDataset) -> None:
    with pytest.raises(UsageError) as refused:
        dataset_fingerprint(dataset, KEY[:31])
    assert refused.value.code == "data-short-fingerprint-key"


def test_the_encoding_of_a_row_does_not_depend_on_other_rows(tmp_path: Path) -> None:
    schema = numeric_schema(1, 4096, 2048)
    path = tmp_path / "table.csv"
    path.write_text("x0,y\n0.5,1\n")
    alone = encode_table(TableSource(path), schema).rows[0].tolist()
    path.write_text("x0,y\n0.5,1\n99,0\n-99,0\n")
    assert encode_table(TableSource(path), schema).rows[0].tolist() == alone
