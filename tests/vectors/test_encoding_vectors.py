"""The encoding's known answers: the fast encoding and the schema hash must repeat them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.schema import parse_schema
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.errors import DataError, MalformedError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/encoding/v1.json").read_text())
CASES = VECTORS["schemas"]
BAD_ROWS = [(case, bad) for case in CASES for bad in case["bad_rows"]]


def encode(tmp_path: Path, case: dict[str, Any], texts: list[str]) -> list[list[int]]:
    schema = parse_schema(json.dumps(case["schema"]))
    path = tmp_path / "table.csv"
    path.write_text("\n".join([",".join(schema.table_names), *texts]) + "\n", encoding="utf-8")
    rows: list[list[int]] = encode_table(TableSource(path), schema).rows.tolist()
    return rows


def test_there_are_vectors_of_every_kind() -> None:
    assert VECTORS["format"] == "cotrain/encoding-vectors/1"
    assert len(CASES) == 3
    assert len(BAD_ROWS) == 15
    assert len(VECTORS["bad_schemas"]) == 7


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_schema_hash(case: dict[str, Any]) -> None:
    schema = parse_schema(json.dumps(case["schema"]))
    assert schema.canonical().decode() == case["canonical"]
    tagged = b"cotrain/schema-hash/1\x00" + case["canonical"].encode()
    assert schema.digest().hex() == case["hash"] == hashlib.sha256(tagged).hexdigest()
    assert list(schema.encoded_names) == case["columns"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_rows(tmp_path: Path, case: dict[str, Any]) -> None:
    texts = [row["text"] for row in case["rows"]]
    assert encode(tmp_path, case, texts) == [row["encoded"] for row in case["rows"]]


@pytest.mark.parametrize(("case", "bad"), BAD_ROWS)
def test_bad_rows(tmp_path: Path, case: dict[str, Any], bad: dict[str, str]) -> None:
    with pytest.raises(DataError) as refused:
        encode(tmp_path, case, [case["rows"][0]["text"], bad["text"]])
    assert refused.value.code == bad["code"]
    assert str(refused.value).startswith("row 2, ")


@pytest.mark.parametrize("bad", VECTORS["bad_schemas"], ids=lambda bad: bad["name"])
def test_bad_schemas(bad: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_schema(json.dumps(bad["schema"]))
    assert refused.value.code == bad["code"]
