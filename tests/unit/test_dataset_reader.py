"""Reading tables: formats, owners, blocks, drafts, and every refusal with its row and hint."""

import csv
import gzip
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cotrain.agreement.schema import (
    FORMAT,
    BinaryTarget,
    CategoryColumn,
    ClassesTarget,
    FlagColumn,
    MissingRule,
    NumericColumn,
    NumericTarget,
    Schema,
    load_schema,
)
from cotrain.data import heart
from cotrain.dataset import csv_table
from cotrain.dataset.draft import LEAK_WARNING, draft_schema, round_outward
from cotrain.dataset.encoding import encode_blocks, encode_table
from cotrain.dataset.reader import TableSource, ignored_columns, list_owners
from cotrain.errors import CotrainError, DataError, OutsideError, UsageError

SCHEMA = Schema(
    format=FORMAT,
    name="people",
    columns=(
        NumericColumn(name="age", unit="years", min="0", max="120", low="20", high="80"),
        NumericColumn(
            name="chol",
            unit="mg/dl",
            min="50",
            max="700",
            missing=MissingRule(values=("0", "?"), replace_with="240"),
        ),
        CategoryColumn(
            name="pain",
            categories=("typical", "other", "NA"),
            missing=MissingRule(replace_with="none"),
        ),
        FlagColumn(name="male", missing=MissingRule(values=("-9",), replace_with="0.5")),
    ),
    target=BinaryTarget(name="sick"),
    row_bound=16384,
    feature_scale=1000,
    min_rows=1,
    max_rows=1000,
)
HEADER = "age,chol,pain,male,sick\n"
GOOD = "50,375,typical,1,1\n"


def write(tmp_path: Path, text: str | bytes) -> TableSource:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return TableSource(path)


def encode(tmp_path: Path, text: str | bytes) -> list[list[int]]:
    rows: list[list[int]] = encode_table(write(tmp_path, text), SCHEMA).rows.tolist()
    return rows


def refuse(source: TableSource, schema: Schema = SCHEMA) -> CotrainError:
    with pytest.raises(CotrainError) as refused:
        encode_table(source, schema)
    assert refused.value.hint, refused.value.code
    return refused.value


def test_a_row_becomes_integers(tmp_path: Path) -> None:
    text = HEADER + GOOD + "80,0,other,0,0\n20,?,NA,,1\n35,NA,,-9,0\n"
    assert encode(tmp_path, text) == [
        [0, 0, 1000, 0, 0, 1000, 1000, 1],
        [1000, -415, 0, 1000, 0, -1000, 1000, 0],
        [-1000, -415, 0, 0, 1000, 0, 1000, 1],
        [-500, -415, 0, 0, 0, 0, 1000, 0],
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + GOOD,
        HEADER + GOOD.strip(),
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD).replace("\n", "\r"),
        HEADER + "\n" + GOOD + "\n",
        "sick,male,pain,note,chol,age\n1,1,typical,hello,375,50\n",
        ",age,chol,pain,male,sick\n0,50,375,typical,1,1\n",
        'age,chol,"pain",male,sick\n"50",375,"typical",1,1\n',
        '"a\nb",age,chol,pain,male,sick\n"x\ny,",50,375,typical,1,1\n',
        " age,chol\t,pain,male,sick\n 50 ,\t375, typical ,1 , 1\n",
        HEADER + "5e1,375.0,typical,1.0,+1\n",
        HEADER + "50,375,typical,True,1.00\n",
    ],
)
def test_the_same_row_in_many_spellings(tmp_path: Path, text: str) -> None:
    assert encode(tmp_path, text) == [[0, 0, 1000, 0, 0, 1000, 1000, 1]]


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    assert encode(tmp_path, gzip.compress((HEADER + GOOD).encode()))[0][-1] == 1


CELL_REFUSALS = [
    ("x,375,typical,1,1", "data-not-a-number", "age", "'x'"),
    ('"1,5",375,typical,1,1', "data-not-a-number", "age", "'1,5'"),
    ("1_0,375,typical,1,1", "data-not-a-number", "age", "'1_0'"),
    ("nan,375,typical,1,1", "data-not-finite", "age", "'nan'"),
    ("50,-Infinity,typical,1,1", "data-not-finite", "chol", "'-Infinity'"),
    ("50,1e999,typical,1,1", "data-not-finite", "chol", "'1e999'"),
    ("-0.5,375,typical,1,1", "data-out-of-bounds", "age", "outside 0..120 years"),
    ("50,700.1,typical,1,1", "data-out-of-bounds", "chol", "outside 50..700 mg/dl"),
    ("50,375,Typical,1,1", "data-unknown-code", "pain", "'Typical'"),
    ("50,375,typical,2,1", "data-unknown-code", "male", "'2'"),
    ("50,375,typical,0.5,1", "data-unknown-code", "male", "'0.5'"),
    ("50,375,typical,1,2", "data-unknown-code", "sick", "'2'"),
    (",375,typical,1,1", "data-missing-value", "age", "empty"),
    (" ,375,typical,1,1", "data-missing-value", "age", "missing"),
    ("NA,375,typical,1,1", "data-missing-value", "age", "'NA'"),
    ("50,375,typical,1,", "data-missing-value", "sick", "empty"),
    ("50,375,typical,1,NA", "data-missing-value", "sick", "'NA'"),
    ("9" * 100 + ",375,typical,1,1", "data-out-of-bounds", "age", "9...'"),
]


@pytest.mark.parametrize(("row", "code", "column", "shown"), CELL_REFUSALS)
def test_a_bad_cell_is_named(tmp_path: Path, row: str, code: str, column: str, shown: str) -> None:
    error = refuse(write(tmp_path, HEADER + GOOD * 2 + row + "\n" + GOOD))
    assert isinstance(error, DataError)
    assert error.code == code
    assert str(error).startswith(f"row 3, column {column!r}: ")
    assert shown in str(error)
    assert len(str(error)) < 150


FILE_REFUSALS = [
    (b"", "data-empty-file", "empty"),
    (b"\n\n", "data-bad-header", "no names"),
    (b",,,\n1,2,3,4\n", "data-bad-header", "no names"),
    (b'"age"x,"b\n', "data-bad-header", "comma-separated"),
    (b"age,chol,age\n1,2,3\n", "data-duplicate-column", "'age' twice"),
    (b"age , age\n1,2\n", "data-duplicate-column", "'age' twice"),
    (b"age,chol,pain,male\n1,2,3,4\n", "data-missing-column", "'sick'"),
    (b"age;chol;pain;male;sick\n", "data-missing-column", "'age'"),
    (HEADER.encode(), "data-too-few-rows", "0 rows"),
    (HEADER.strip().encode(), "data-too-few-rows", "0 rows"),
    (HEADER.encode() + GOOD.encode() * 1001, "data-too-many-rows", "1000"),
    (HEADER.encode() + GOOD.encode() + b"1,2\n", "data-ragged-row", "row 2 has 2 fields"),
    (HEADER.encode() + b"\n" + GOOD.encode() + b"1,2,3,4,5,6\n", "data-ragged-row", "row 2 has 6"),
    (HEADER.encode() + GOOD.encode() + b"1,2,\xff,1,1\n", "data-not-utf8", "row 2, column 'pain'"),
    (HEADER.encode() + GOOD.encode() + b"\xff,2\n", "data-ragged-row", "row 2 has 2 fields"),
    (b"\xff\xfea\x00g\x00e\x00", "data-not-utf8", "header"),
    (
        gzip.compress(HEADER.encode() + GOOD.encode(), mtime=0)[:-12],
        "data-damaged-file",
        "table.csv",
    ),
    (
        gzip.compress(HEADER.encode() + bytes(range(256)) * 9, mtime=0)[:200],
        "data-damaged-file",
        "table.csv",
    ),
    (b"\x1f\x8b", "data-damaged-file", "table.csv"),
    (b"PAR1 and no more", "data-damaged-file", "table.csv"),
    (b"PAR1", "data-damaged-file", "table.csv"),
]


@pytest.mark.parametrize(("content", "code", "shown"), FILE_REFUSALS)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, code: str, shown: str) -> None:
    error = refuse(write(tmp_path, content))
    assert isinstance(error, DataError)
    assert error.code == code
    assert shown in str(error)


def test_a_quote_that_is_never_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 1 << 10)
    error = refuse(write(tmp_path, HEADER + GOOD * 100 + '"' + GOOD * 300))
    assert error.code == "data-long-row"
    assert "quote" in error.hint


def test_too_few_rows_is_a_matter_of_the_schema(tmp_path: Path) -> None:
    schema = SCHEMA.model_copy(update={"min_rows": 3})
    assert refuse(write(tmp_path, HEADER + GOOD * 2), schema).code == "data-too-few-rows"
    assert encode_table(write(tmp_path, HEADER + GOOD * 3), schema).row_count == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        error = refuse(TableSource(path))
        assert isinstance(error, OutsideError)
        assert error.code == "data-unreadable-file"


def test_a_close_name_is_suggested(tmp_path: Path) -> None:
    assert "'Age'" in refuse(write(tmp_path, "Age,chol,pain,male,sick\n")).hint


def test_rows_are_counted_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 64)
    for bad, found in (("x,375,typical,1,1\n", "row 42, column"), ("x\n", "row 42 has 1 fields")):
        assert found in str(refuse(write(tmp_path, HEADER + GOOD * 41 + bad + GOOD * 9)))
    assert len(encode(tmp_path, HEADER + GOOD * 50)) == 50


def test_extra_columns_are_ignored_and_reported(tmp_path: Path) -> None:
    text = ",note,age,chol,pain,male,sick\n0,\n"
    source = write(tmp_path, text)
    assert ignored_columns(source, SCHEMA) == ("column 1 (without a name)", "note")


def owners_file(tmp_path: Path) -> Path:
    rows = [f"{owner},{GOOD}" for owner in ("A", "B", " A", "", "7.0", "B")]
    return write(tmp_path, "org," + HEADER + "".join(rows)).path


def test_owners_are_listed_and_filtered(tmp_path: Path) -> None:
    path = owners_file(tmp_path)
    assert list_owners(path, "org") == {"A": 2, "B": 2, "": 1, "7.0": 1}
    assert encode_table(TableSource(path, "org", "A"), SCHEMA).row_count == 2
    assert encode_table(TableSource(path, "org", "7"), SCHEMA).row_count == 1
    assert ignored_columns(TableSource(path, "org", "A"), SCHEMA) == ()


def test_an_unknown_owner_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    error = refuse(TableSource(owners_file(tmp_path), "org", "C"))
    assert error.code == "data-unknown-owner"
    assert "'A', 'B'" in error.hint
    assert refuse(TableSource(owners_file(tmp_path), "orgs", "A")).code == "data-missing-column"


def test_an_owner_needs_its_column(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        TableSource(tmp_path, owner="A")
    with pytest.raises(UsageError):
        TableSource(tmp_path, owner_column="org")


def test_rows_of_other_owners_are_not_judged_but_keep_their_numbers(tmp_path: Path) -> None:
    text = "org," + HEADER + f"A,{GOOD}B,x,x,x,x,x\nA,y,375,typical,1,1\n"
    path = write(tmp_path, text).path
    assert "row 3, column 'age'" in str(refuse(TableSource(path, "org", "A")))
    assert "row 2, column 'age'" in str(refuse(TableSource(path, "org", "B")))


def parquet_file(tmp_path: Path, **columns: Any) -> TableSource:
    good = {"age": [50], "chol": [375.0], "pain": ["typical"], "male": [True], "sick": [1]}
    path = tmp_path / "table.bin"
    parquet.write_table(pa.table(good | columns), path)
    return TableSource(path)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"age": pa.array([50], pa.int8()), "sick": pa.array([1.0], pa.float32())},
        {"age": pa.array(["50"]), "pain": pa.array(["typical"]).dictionary_encode()},
        {"chol": pa.array(["375.00"]).cast(pa.decimal128(9, 2)), "male": pa.array([1])},
        {"pain": pa.array(["typical"], pa.large_string()), "extra": pa.array([[1, 2]])},
    ],
)
def test_parquet_types(tmp_path: Path, columns: dict[str, Any]) -> None:
    rows = encode_table(parquet_file(tmp_path, **columns), SCHEMA).rows.tolist()
    assert rows == [[0, 0, 1000, 0, 0, 1000, 1000, 1]]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"age": pa.array([0], pa.date32())}, "data-wrong-type"),
        ({"age": pa.array([[1.0]])}, "data-wrong-type"),
        ({"age": pa.array([True])}, "data-not-a-number"),
        ({"age": pa.array([float("nan")])}, "data-not-finite"),
        ({"chol": pa.array([float("inf")])}, "data-not-finite"),
        ({"age": pa.array([None], pa.float64())}, "data-missing-value"),
        ({"age": pa.nulls(1)}, "data-missing-value"),
        ({"age": pa.array([121])}, "data-out-of-bounds"),
        ({"pain": pa.array([1.5])}, "data-unknown-code"),
        ({"sick": pa.array([float("nan")])}, "data-unknown-code"),
    ],
)
def test_bad_parquet_values(tmp_path: Path, columns: dict[str, Any], code: str) -> None:
    assert refuse(parquet_file(tmp_path, **columns)).code == code


def test_nan_means_missing_where_the_schema_says_so(tmp_path: Path) -> None:
    column = NumericColumn(
        name="age",
        unit="years",
        min="0",
        max="100",
        missing=MissingRule(values=("NaN",), replace_with="50"),
    )
    schema = SCHEMA.model_copy(update={"columns": (column,)})
    source = parquet_file(tmp_path, age=pa.array([float("nan")]))
    assert encode_table(source, schema).rows.tolist() == [[0, 1000, 1]]
    assert encode_table(write(tmp_path, "age,sick\nNaN,1\n"), schema).rows.tolist() == [
        [0, 1000, 1]
    ]


def test_a_cut_parquet_file(tmp_path: Path) -> None:
    source = parquet_file(tmp_path)
    source.path.write_bytes(source.path.read_bytes()[:-1])
    assert refuse(source).code == "data-damaged-file"


def test_csv_and_parquet_agree(tmp_path: Path) -> None:
    with gzip.open(heart.TABLE_PATH, "rt") as file:
        rows = list(csv.DictReader(file))
    table = pa.table({name: [row[name] or None for row in rows] for name in rows[0]})
    parquet.write_table(table, tmp_path / "heart.parquet", row_group_size=100)
    schema = load_schema(heart.SCHEMA_PATH)
    for owner in heart.HOSPITALS:
        one = encode_table(TableSource(heart.TABLE_PATH, "org", owner), schema)
        two = encode_table(TableSource(tmp_path / "heart.parquet", "org", owner), schema)
        np.testing.assert_array_equal(one.rows, two.rows)


def test_the_heart_table_has_its_four_hospitals() -> None:
    assert list_owners(heart.TABLE_PATH, heart.OWNER_COLUMN) == {
        "Cleveland": 303,
        "Hungary": 294,
        "Switzerland": 123,
        "VA Long Beach": 200,
    }
    assert "CC BY 4.0" in heart.TABLE_PATH.with_name("ATTRIBUTION.md").read_text()


@pytest.mark.parametrize("size", [1, 7, 100, 920, 10_000])
def test_blocks_are_the_table_cut_up(size: int) -> None:
    schema, source = load_schema(heart.SCHEMA_PATH), TableSource(heart.TABLE_PATH)
    blocks = list(encode_blocks(source, schema, size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    assert 0 < len(blocks[-1]) <= size
    np.testing.assert_array_equal(np.concatenate(blocks), encode_table(source, schema).rows)


def test_the_lending_table_fits_its_schema() -> None:
    folder = os.environ.get("COTRAIN_DATA_DIR")
    if folder is None:
        pytest.skip("COTRAIN_DATA_DIR does not say where the table is")
    path = Path(folder) / "lending_club_8_states.csv.gz"
    schema = load_schema(Path(__file__).parents[2] / "benchmarks/schemas/lending_club.json")
    assert encode_table(TableSource(path), schema).rows.shape == (5140, 20)


def draft_file(tmp_path: Path, target: list[str]) -> Path:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "age", "colour", "flag", "free", "same", "y"])
    for index, value in enumerate(target):
        colour = ("red", "none", "")[index % 3]
        writer.writerow(
            [index * 1000, 21 + index % 57, colour, index % 2, f"text {index}", "x", value]
        )
    return write(tmp_path, file.getvalue()).path


def test_a_draft_fits_its_own_file_and_says_that_it_leaks(tmp_path: Path) -> None:
    path = draft_file(tmp_path, ["yes", "no"] * 100)
    draft = draft_schema(path, "y")
    assert draft.schema.derived_from_data
    assert draft.warnings[0] == LEAK_WARNING
    kinds = {column.name: column.kind for column in draft.schema.columns}
    assert kinds == {"id": "numeric", "age": "numeric", "colour": "category", "flag": "flag"}
    text = " ".join(draft.warnings)
    assert "'id' has a different value in each row" in text
    assert "'free' was left out" in text
    assert "'same' was left out" in text
    assert draft.schema.target == BinaryTarget(name="y", negative="no", positive="yes")
    assert encode_table(TableSource(path), draft.schema).row_count == 200


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (["a", "b", "c"] * 20, ClassesTarget),
        ([str(value / 7) for value in range(60)], NumericTarget),
    ],
)
def test_drafted_targets(tmp_path: Path, target: list[str], kind: type) -> None:
    path = draft_file(tmp_path, target)
    draft = draft_schema(path, "y")
    assert isinstance(draft.schema.target, kind)
    assert encode_table(TableSource(path), draft.schema).row_count == 60


@pytest.mark.parametrize("target", [["a"] * 30, [f"text {index}" for index in range(30)]])
def test_a_target_that_cannot_be_predicted(tmp_path: Path, target: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        draft_schema(draft_file(tmp_path, target), "y")
    assert refused.value.code == "draft-impossible"


def test_a_draft_needs_its_target_and_a_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'z'"):
        draft_schema(draft_file(tmp_path, ["a", "b"]), "z")
    with pytest.raises(UsageError) as refused:
        draft_schema(write(tmp_path, "y\n0\n1\n").path, "y")
    assert refused.value.code == "draft-impossible"


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [
        (0.0, "0", "0"),
        (123.4, "120", "130"),
        (-123.4, "-130", "-120"),
        (0.00777, "0.0077", "0.0078"),
        (28.0, "28", "28"),
        (1e-7, "0.0000001", "0.0000001"),
    ],
)
def test_bounds_are_rounded_outward(value: float, down: str, up: str) -> None:
    assert round_outward(value, "ROUND_FLOOR") == down
    assert round_outward(value, "ROUND_CEILING") == up
