"""The fast encoding and its slow twin agree, bit for bit and refusal for refusal."""

import csv
import math
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cotrain.agreement.numerals import canonical_decimal, parse_number
from cotrain.agreement.schema import (
    FORMAT,
    BinaryTarget,
    CategoryColumn,
    ClassesTarget,
    Column,
    FlagColumn,
    IndicatorColumn,
    MissingRule,
    NumericColumn,
    NumericTarget,
    Schema,
    Target,
    parse_schema,
)
from cotrain.dataset.encoding import ceil_sqrt, encode_table, scale_to_bound
from cotrain.dataset.reader import TableSource
from cotrain.dataset.twin import encode_row
from cotrain.errors import DataError

MISSING_CODES = ("?", "-9", "NaN", "0.0")
NUMBERS = st.decimals(-200, 200, places=3).map(canonical_decimal)
ODD_TEXTS = ["", " ", "NA", "?", "-9", "-9.0", "nan", "NaN", "inf", "-Infinity", "+1", "1.", ".5"]
ODD_TEXTS += ["1e999", "1e-999", "1_0", "0x1", "1,5", "٣", "1e", "-", "-0", "0", "1", "1.0", "True"]
ODD_TEXTS += ["false", "a", " b ", "A", "none", "é", "1e1", "00012", "9007199254740993", "'", '"']
CELLS = st.one_of(
    NUMBERS,
    st.floats().map(repr),
    st.sampled_from(ODD_TEXTS),
    st.text("0123456789.eE+-", max_size=8),
    st.tuples(st.sampled_from(["", " ", "\t"]), NUMBERS).map("".join),
)


def rules(replacements: list[str]) -> st.SearchStrategy[MissingRule | None]:
    codes = st.lists(st.sampled_from(MISSING_CODES[:3]), unique=True).map(tuple)
    rule = st.builds(MissingRule, values=codes, replace_with=st.sampled_from(replacements))
    return st.none() | rule


@st.composite
def numeric_columns(draw: st.DrawFn, name: str) -> NumericColumn:
    bounds = st.lists(st.decimals(-150, 150, places=2), min_size=4, max_size=4, unique=True)
    ends = [canonical_decimal(number) for number in sorted(draw(bounds))]
    missing = draw(rules(ends))
    return NumericColumn(
        name=name, unit="1", min=ends[0], low=ends[1], high=ends[2], max=ends[3], missing=missing
    )


def columns(name: str) -> st.SearchStrategy[Column]:
    flag_rules = rules(["0", "0.5", "1"])
    return st.one_of(
        numeric_columns(name),
        st.builds(
            CategoryColumn,
            name=st.just(name),
            categories=st.just(("a", "b", "1", "NA")),
            missing=rules(["a", "1", "none"]),
        ),
        st.builds(FlagColumn, name=st.just(name), missing=flag_rules),
        st.builds(IndicatorColumn, name=st.just(name), missing=rules(["0", "1"])),
    )


TARGETS: st.SearchStrategy[Target] = st.sampled_from(
    [
        BinaryTarget(name="y"),
        BinaryTarget(name="y", negative="a", positive="b"),
        ClassesTarget(name="y", categories=("a", "1", "0")),
        NumericTarget(name="y", unit="1", min="-9.5", max="120", residual_bits=9),
    ]
)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    count = draw(st.integers(1, 4))
    bound = 1 << draw(st.integers(6, 14))
    return Schema(
        format=FORMAT,
        name="drawn",
        columns=tuple(draw(columns(f"x{index}")) for index in range(count)),
        target=draw(TARGETS),
        row_bound=bound,
        feature_scale=draw(st.integers(2, bound)),
        min_rows=1,
    )


def likely_cell(draw: st.DrawFn, column: Column | Target) -> str:
    """Return a text that the column accepts, most of the time."""
    match column:
        case NumericColumn() | NumericTarget():
            share = draw(st.floats(0, 1))
            low, high = float(column.min), float(column.max)
            return repr(min(max(low + share * (high - low), low), high))
        case CategoryColumn() | ClassesTarget():
            return draw(st.sampled_from(column.categories))
        case BinaryTarget():
            return draw(st.sampled_from([column.negative, column.positive]))
        case _:
            return draw(st.sampled_from(["0", "1", "1.0", "false", "True"]))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Schema, list[dict[str, str]]]:
    schema = draw(schemas())
    odd = draw(st.booleans())
    rows = []
    for _ in range(1 if odd else draw(st.integers(1, 6))):
        row = {
            column.name: likely_cell(draw, column) for column in (*schema.columns, schema.target)
        }
        if odd:
            row[draw(st.sampled_from(schema.table_names))] = draw(CELLS)
        rows.append(row)
    return schema, rows


def fast(schema: Schema, rows: list[dict[str, str]]) -> list[list[int]] | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, schema.table_names)
            writer.writeheader()
            writer.writerows(rows)
        try:
            encoded: list[list[int]] = encode_table(TableSource(path), schema).rows.tolist()
        except DataError as error:
            return error.code
        return encoded


def slow(schema: Schema, rows: list[dict[str, str]]) -> list[list[int]] | str:
    try:
        return [encode_row(row, schema) for row in rows]
    except DataError as error:
        return error.code


@settings(max_examples=100, deadline=None)
@given(tables())
def test_fast_and_slow_agree(table: tuple[Schema, list[dict[str, str]]]) -> None:
    schema, rows = table
    encoded = slow(schema, rows)
    assert fast(schema, rows) == encoded
    if isinstance(encoded, list):
        low, high = schema.label_range
        for row in encoded:
            assert sum(entry * entry for entry in row[:-1]) <= schema.row_bound**2
            assert low <= row[-1] <= high


def test_the_comparison_meets_both_outcomes() -> None:
    schema = Schema(
        format=FORMAT,
        name="both",
        columns=(NumericColumn(name="x", unit="1", min="0", max="1"),),
        target=BinaryTarget(name="y"),
        min_rows=1,
    )
    assert fast(schema, [{"x": "1", "y": "1"}]) == [[2048, 2048, 1]]
    assert fast(schema, [{"x": "2", "y": "1"}]) == "data-out-of-bounds"
    assert slow(schema, [{"x": "2", "y": "1"}]) == "data-out-of-bounds"


@settings(max_examples=40, deadline=None)
@given(schemas())
def test_a_schema_survives_its_canonical_json(schema: Schema) -> None:
    again = parse_schema(schema.canonical())
    assert again == schema
    assert again.digest() == schema.digest()


@given(st.integers(0, (1 << 52) - 1))
@example(0)
@example((1 << 52) - 1)
@example(67108863**2)
def test_ceil_sqrt_is_exact(square: int) -> None:
    root = int(ceil_sqrt(np.array([square], dtype=np.int64))[0])
    assert root * root >= square
    assert root == 0 or (root - 1) ** 2 < square


@given(
    st.lists(st.integers(-32767, 32767), min_size=1, max_size=40),
    st.integers(6, 14).map(lambda bits: 1 << bits),
)
def test_scaling_keeps_the_bound_signs_and_short_rows(row: list[int], bound: int) -> None:
    scaled = scale_to_bound(np.array(row, dtype=np.int64)[:, np.newaxis], bound)[:, 0].tolist()
    norm = sum(entry * entry for entry in row)
    assert sum(entry * entry for entry in scaled) <= bound**2
    assert all(one * other >= 0 for one, other in zip(row, scaled, strict=True))
    if norm <= bound**2:
        assert scaled == row
    else:  # no more is taken away than floor and the rounded root must take
        root = math.isqrt(norm - 1) + 1
        assert [abs(entry) for entry in scaled] == [abs(entry) * bound // root for entry in row]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_read_back_from_its_text(number: float) -> None:
    assert parse_number(repr(number)) == number
