"""The schema: what it accepts, derives, hashes and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cotrain.agreement.numerals import canonical_decimal, check_canonical_decimal, parse_number
from cotrain.agreement.schema import (
    FORMAT,
    BinaryTarget,
    FlagColumn,
    NumericColumn,
    Schema,
    load_schema,
    parse_schema,
)
from cotrain.data import heart
from cotrain.errors import MalformedError, OutsideError

AGE = {"kind": "numeric", "name": "age", "unit": "years", "min": "0", "max": "120"}
PAIN = {"kind": "category", "name": "pain", "categories": ["typical", "other"]}
BASE: dict[str, Any] = {
    "format": FORMAT,
    "name": "example",
    "columns": [AGE, PAIN],
    "target": {"kind": "binary", "name": "sick"},
}


def parse(**changes: Any) -> Schema:
    return parse_schema(json.dumps(BASE | changes))


def refusal(**changes: Any) -> str:
    with pytest.raises(MalformedError) as refused:
        parse(**changes)
    assert refused.value.code == "schema-malformed"
    assert refused.value.hint
    return str(refused.value)


def test_defaults_are_written_out_so_that_equal_schemas_have_one_hash() -> None:
    spelled_out = parse(
        columns=[AGE | {"low": "0", "high": "120"}, PAIN],
        row_bound=4096,
        feature_scale=2048,
        derived_from_data=False,
    )
    assert spelled_out == parse()
    assert spelled_out.digest() == parse().digest()
    assert b'"feature_scale":2048' in parse().canonical()


def test_canonical_json_is_read_back_as_the_same_schema() -> None:
    schema = load_schema(heart.SCHEMA_PATH)
    assert parse_schema(schema.canonical()) == schema
    assert parse_schema(schema.canonical()).canonical() == schema.canonical()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "another"},
        {"row_bound": 8192},
        {"feature_scale": 100},
        {"derived_from_data": True},
        {"min_rows": 21},
        {"columns": [PAIN, AGE]},
        {"columns": [AGE | {"high": "119"}, PAIN]},
        {"columns": [AGE | {"missing": {"replace_with": "50"}}, PAIN]},
        {"target": {"kind": "binary", "name": "sick", "positive": "2"}},
    ],
)
def test_any_change_changes_the_hash(changes: dict[str, Any]) -> None:
    assert parse(**changes).digest() != parse().digest()


def test_encoded_names_follow_the_columns_then_bias_then_target() -> None:
    schema = parse(columns=[AGE, PAIN, {"kind": "flag", "name": "male"}])
    assert schema.encoded_names == ("age", "pain=typical", "pain=other", "male", "bias", "sick")
    assert schema.feature_count == 5
    assert schema.table_names == ("age", "pain", "male", "sick")


@pytest.mark.parametrize(
    ("target", "limits"),
    [
        ({"kind": "binary", "name": "y"}, (0, 1)),
        ({"kind": "classes", "name": "y", "categories": ["a", "b", "c"]}, (0, 2)),
        (
            {
                "kind": "numeric",
                "name": "y",
                "unit": "m",
                "min": "-1",
                "max": "1",
                "residual_bits": 6,
            },
            (-64, 64),
        ),
    ],
)
def test_label_range(target: dict[str, Any], limits: tuple[int, int]) -> None:
    assert parse(target=target).label_range == limits


def test_it_is_frozen_and_built_in_python_under_the_same_rules() -> None:
    schema = Schema(
        format=FORMAT,
        name="python",
        columns=(FlagColumn(name="male"),),
        target=BinaryTarget(name="sick"),
    )
    assert schema.feature_scale == 2048
    with pytest.raises(ValidationError, match="frozen"):
        schema.row_bound = 8192  # type: ignore[misc]
    with pytest.raises(ValidationError, match="min <= low"):
        NumericColumn(name="age", unit="years", min="2", max="1")


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (AGE | {"min": "120"}, "min <= low < high <= max"),
        (AGE | {"low": "-1"}, "min <= low < high <= max"),
        (AGE | {"high": "121"}, "min <= low < high <= max"),
        (AGE | {"low": "50", "high": "50"}, "min <= low < high <= max"),
        (AGE | {"max": "120.0"}, "max: write '120', not '120.0'"),
        (AGE | {"max": "1e2"}, "max: write '100', not '1e2'"),
        (AGE | {"min": "-0"}, "min: write '0', not '-0'"),
        (AGE | {"min": "nan"}, "min: 'nan' is not a decimal number"),
        (AGE | {"max": "9" * 33}, "is not a decimal number"),
        (AGE | {"max": 120}, "max: Input should be a valid string"),
        (AGE | {"unit": ""}, "unit: "),
        (AGE | {"scale": "2"}, "scale: no such field"),
        (AGE | {"missing": {"replace_with": "200"}}, "replace_with 200 is outside 0..120"),
        (AGE | {"missing": {"replace_with": "none"}}, "'none' is not a decimal number"),
        (AGE | {"missing": {"values": ["0"]}}, "missing.replace_with: Field required"),
        (
            AGE | {"missing": {"values": ["0", "0"], "replace_with": "1"}},
            "'0' and '0' are the same",
        ),
        (
            AGE | {"missing": {"values": ["0", "0.0"], "replace_with": "1"}},
            "'0' and '0.0' are the same",
        ),
        ({"kind": "flag", "name": "age", "missing": {"replace_with": "2"}}, "is none of 0, 0.5, 1"),
        ({"kind": "indicator", "name": "age", "missing": {"replace_with": "0.5"}}, "none of 0, 1"),
        (
            {"kind": "flag", "name": "age", "missing": {"values": ["1"], "replace_with": "0"}},
            "'1' and '1' are the same",
        ),
        ({"kind": "category", "name": "age", "categories": []}, "at least 1 item"),
        ({"kind": "category", "name": "age", "categories": ["a", "a"]}, "'a' and 'a' are the same"),
        ({"kind": "category", "name": "age", "categories": ["1", "1.0"]}, "are the same"),
        ({"kind": "category", "name": "age", "categories": [" a"]}, "begins or ends with a blank"),
        ({"kind": "category", "name": "age", "categories": ["a\n"]}, "control character"),
        (
            {
                "kind": "category",
                "name": "age",
                "categories": ["none"],
                "missing": {"replace_with": "none"},
            },
            "ambiguous",
        ),
        (
            {
                "kind": "category",
                "name": "age",
                "categories": ["a"],
                "missing": {"values": ["a"], "replace_with": "none"},
            },
            "are the same",
        ),
        ({"kind": "date", "name": "age"}, "'date'"),
        ({"name": "age"}, "kind"),
    ],
)
def test_a_bad_column_is_named(column: dict[str, Any], complaint: str) -> None:
    message = refusal(columns=[PAIN, column])
    assert "column 'age'" in message
    assert complaint in message


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"columns": [AGE, AGE]}, "column 'age' is listed twice"),
        ({"columns": []}, "columns: "),
        ({"columns": ["age"]}, "column number 1"),
        ({"columns": 3}, "columns: "),
        (
            {"columns": [PAIN, {"kind": "flag", "name": "pain=other"}]},
            "column 'pain' and 'pain=other' both encode to 'pain=other'",
        ),
        ({"columns": [{"kind": "flag", "name": "bias"}]}, "both encode to 'bias'"),
        ({"target": {"kind": "binary", "name": "age"}}, "'age' is both a feature and the target"),
        ({"target": {"kind": "binary", "name": "bias"}}, "both encode to 'bias'"),
        (
            {"target": {"kind": "binary", "name": "y", "positive": "0.0"}},
            "target: the negative and positive codes '0' and '0.0' are the same",
        ),
        ({"target": {"kind": "binary", "name": "y", "missing": {}}}, "target: missing"),
        ({"target": {"kind": "classes", "name": "y", "categories": ["a"]}}, "target: categories"),
        (
            {"target": {"kind": "numeric", "name": "y", "unit": "1", "min": "1", "max": "1"}},
            "target: needs min < max",
        ),
        (
            {
                "target": {
                    "kind": "numeric",
                    "name": "y",
                    "unit": "1",
                    "min": "0",
                    "max": "1",
                    "residual_bits": 15,
                }
            },
            "target: residual_bits",
        ),
        ({"row_bound": 1000}, "power of two"),
        ({"row_bound": 32}, "row_bound"),
        ({"row_bound": 32768}, "row_bound"),
        ({"row_bound": True}, "row_bound"),
        ({"row_bound": "4096"}, "row_bound"),
        ({"feature_scale": 0}, "feature_scale"),
        ({"feature_scale": None}, "feature_scale"),
        ({"min_rows": 0}, "min_rows"),
        ({"min_rows": 50, "max_rows": 49}, "min_rows 50 is above max_rows 49"),
        ({"format": "cotrain/schema/2"}, "format"),
        ({"comment": "hello"}, "comment: no such field"),
    ],
)
def test_a_bad_schema_is_refused(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal(**changes)


@pytest.mark.parametrize("field", ["format", "name", "columns", "target"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(MalformedError, match=field):
        parse_schema(json.dumps({name: BASE[name] for name in BASE if name != field}))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "schema-not-json"),
        (b"{", "schema-not-json"),
        (b"\xff", "schema-not-json"),
        (b"[" * 200_000, "schema-not-json"),
        (b"1" * 5000, "schema-not-json"),
        (b" " * (1 << 24) + b"{}", "schema-not-json"),
        (b'{"row_bound": 1.0}', "schema-not-plain"),
        (b'{"row_bound": 1e3}', "schema-not-plain"),
        (b'{"row_bound": NaN}', "schema-not-plain"),
        (b'{"name": "a", "name": "b"}', "schema-not-plain"),
        (b"[]", "schema-malformed"),
        (b"null", "schema-malformed"),
        (b'{"name": "\\ud800"}', "schema-malformed"),
    ],
)
def test_text_that_is_no_plain_json_is_refused(text: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_schema(text)
    assert refused.value.code == code


def test_an_unreadable_file_is_the_outside_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(OutsideError) as refused:
        load_schema(tmp_path / "absent.json")
    assert refused.value.code == "schema-unreadable"


@pytest.mark.parametrize("text", ["0", "28", "-2.6", "0.5", "-0.001", "1000"])
def test_canonical_decimals(text: str) -> None:
    assert check_canonical_decimal(text) == text


@pytest.mark.parametrize(
    "text", ["", "00", "01", "+1", "1.", ".5", "0.50", "-0.0", "1e1", "1 ", "٣"]
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|is not a decimal"):
        check_canonical_decimal(text)


def test_canonical_decimal_has_one_spelling() -> None:
    from decimal import Decimal

    assert [canonical_decimal(Decimal(text)) for text in ("1E+2", "-0.0", "2.50", "0")] == [
        "100",
        "0",
        "2.5",
        "0",
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_0", "0x1", "1,5", " 1", "٣", "-", "1e"])
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_the_carried_schemas_are_valid_and_public() -> None:
    folder = Path(__file__).parents[2] / "benchmarks" / "schemas"
    for path in (heart.SCHEMA_PATH, *sorted(folder.glob("*.json"))):
        assert not load_schema(path).derived_from_data
    assert load_schema(folder / "digits.json").feature_count == 65
