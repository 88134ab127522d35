"""Write `encoding/v1.json`: schemas, rows of text, and the integers or the refusal they lead to.

The expected values come from the slow twin; the tests compare the fast encoding with them. Run it
only when the format changes, under a new version.
"""

import json
from pathlib import Path
from typing import Any

from cotrain.agreement.schema import FORMAT, Schema, parse_schema
from cotrain.dataset.twin import encode_row
from cotrain.errors import DataError, MalformedError

TARGET = {"kind": "binary", "name": "sick"}
AGE = {"kind": "numeric", "name": "age", "unit": "years", "min": "0", "max": "120"}
AGE |= {"low": "35", "high": "75"}
OLDPEAK: dict[str, Any] = {
    "kind": "numeric",
    "name": "oldpeak",
    "unit": "mm",
    "min": "-5",
    "max": "10",
}
OLDPEAK |= {"low": "-1.1", "high": "2.6", "missing": {"values": ["-9", "?"], "replace_with": "0.5"}}
PAIN = {"kind": "category", "name": "pain", "categories": ["typical", "none at all", "3"]}
FLAG = {"kind": "flag", "name": "male", "missing": {"replace_with": "0.5"}}
SEEN = {"kind": "indicator", "name": "seen"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "defaults": {"columns": [AGE, OLDPEAK, PAIN, FLAG, SEEN], "target": TARGET},
    "unscaled": {
        "columns": [AGE, OLDPEAK],
        "target": {"kind": "classes", "name": "stage", "categories": ["I", "II", "III"]},
        "row_bound": 16384,
        "feature_scale": 1000,
    },
    "regression": {
        "columns": [PAIN | {"missing": {"values": ["0"], "replace_with": "none"}}],
        "target": {
            "kind": "numeric",
            "name": "pressure",
            "unit": "mm Hg",
            "min": "60",
            "max": "260.5",
            "residual_bits": 10,
        },
        "row_bound": 64,
        "derived_from_data": True,
    },
}
ROWS = {
    "defaults": [
        "55,0.75,typical,1,1,1",
        "0,-5,none at all,0,0,0",
        " 120 ,10,3.0,,True,1.0",
        "63,?,3,NA,false,0",
        "3.5e1,-9.00,typical,1.0,0,1",
    ],
    "bad_defaults": [
        "120.0001,0,typical,1,1,1",
        "x,0,typical,1,1,1",
        "nan,0,typical,1,1,1",
        ",0,typical,1,1,1",
        "55,0,Typical,1,1,1",
        "55,0,,1,1,1",
        "55,0,typical,2,1,1",
        "55,0,typical,1,,1",
        "55,0,typical,1,1,",
        "55,0,typical,1,1,yes",
    ],
    "unscaled": ["35,-1.1,I", "75,2.6,II", "55.01,0.75,III", "55.03,0.7481,I", "120,10,I"],
    "bad_unscaled": ["55,0,IV", "55,-5.1,I"],
    "regression": ["typical,60", "0,260.5", ",160.25", "3,160.35", "none at all,100"],
    "bad_regression": ["typical,59.9", "typical,", "1,100"],
}
BAD_SCHEMAS: dict[str, dict[str, Any]] = {
    "unknown_field": {"columns": [AGE | {"scale": "1"}], "target": TARGET},
    "not_canonical": {"columns": [AGE | {"max": "120.0"}], "target": TARGET},
    "range_order": {"columns": [AGE | {"low": "-1"}], "target": TARGET},
    "same_name": {"columns": [AGE, AGE], "target": TARGET},
    "collision": {
        "columns": [PAIN, {"kind": "flag", "name": "pain=3"}],
        "target": TARGET,
    },
    "row_bound": {"columns": [AGE], "target": TARGET, "row_bound": 4095},
    "fraction": {"columns": [AGE], "target": TARGET, "row_bound": 4096.0},
}


def build() -> dict[str, Any]:
    """Return the vectors."""
    head = {"format": FORMAT, "min_rows": 1}
    return {
        "format": "cotrain/encoding-vectors/1",
        "schemas": [_case(name, head | {"name": name} | SCHEMAS[name]) for name in SCHEMAS],
        "bad_schemas": [
            {"name": name, "schema": raw, "code": _refused_schema(raw)}
            for name, fields in BAD_SCHEMAS.items()
            for raw in [head | {"name": name} | fields]
        ],
    }


def _case(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    schema = parse_schema(json.dumps(raw))
    return {
        "name": name,
        "schema": raw,
        "canonical": schema.canonical().decode(),
        "hash": schema.digest().hex(),
        "columns": schema.encoded_names,
        "rows": [{"text": text, "encoded": _encode(text, schema)} for text in ROWS[name]],
        "bad_rows": [
            {"text": text, "code": _refused_row(text, schema)} for text in ROWS[f"bad_{name}"]
        ],
    }


def _encode(text: str, schema: Schema) -> list[int]:
    return encode_row(dict(zip(schema.table_names, text.split(","), strict=True)), schema)


def _refused_row(text: str, schema: Schema) -> str:
    try:
        _encode(text, schema)
    except DataError as error:
        return error.code
    raise AssertionError(f"{text} was accepted")


def _refused_schema(raw: dict[str, Any]) -> str:
    try:
        parse_schema(json.dumps(raw))
    except MalformedError as error:
        return error.code
    raise AssertionError(f"{raw} was accepted")


if __name__ == "__main__":
    path = Path(__file__).parent / "encoding" / "v1.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(build(), indent=1) + "\n")
