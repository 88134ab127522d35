"""A small JSON Schema checker: exactly the keywords that docs/spec/report.schema.json uses, all others refused."""

import json
import re
from pathlib import Path
from typing import Any

SCHEMA_PATH = Path(__file__).parents[2] / "docs" / "spec" / "report.schema.json"
KNOWN = {
    "$defs", "$ref", "$schema", "title", "type", "properties", "required", "additionalProperties",
    "propertyNames", "items", "minItems", "maxItems", "enum", "const", "pattern", "minimum", "anyOf",
}  # fmt: skip
TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def problems(value: Any, rule: Any = None, where: str = "report") -> list[str]:
    """Return where `value` breaks the schema of reports, one line each."""
    root = json.loads(SCHEMA_PATH.read_bytes())
    return list(_check(value, root if rule is None else rule, where, root))


def _check(value: Any, rule: Any, where: str, root: Any) -> list[str]:
    assert rule is not False
    assert set(rule) <= KNOWN, f"{where}: unknown keywords {set(rule) - KNOWN}"
    if "$ref" in rule:
        return _check(value, root["$defs"][rule["$ref"].removeprefix("#/$defs/")], where, root)
    if "anyOf" in rule:
        tried = [_check(value, option, where, root) for option in rule["anyOf"]]
        return [] if not all(tried) else tried[0]
    if not _has_type(value, rule):
        return [f"{where}: {value!r} is not {rule['type']}"]
    found = _check_simple(value, rule, where)
    if isinstance(value, dict):
        found += _check_object(value, rule, where, root)
    if isinstance(value, list):
        for place, item in enumerate(value):
            found += _check(item, rule["items"], f"{where}[{place}]", root)
    return found


def _has_type(value: Any, rule: Any) -> bool:
    names = rule.get("type", [])
    for name in [names] if isinstance(names, str) else names:
        if isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)):
            return True
    return not names


def _check_simple(value: Any, rule: Any, where: str) -> list[str]:
    broken = [
        "const" in rule and value != rule["const"],
        "enum" in rule and value not in rule["enum"],
        "pattern" in rule and not re.search(rule["pattern"], value),
        "minimum" in rule and value is not None and value < rule["minimum"],
        "minItems" in rule and len(value) < rule["minItems"],
        "maxItems" in rule and len(value) > rule["maxItems"],
    ]
    return [f"{where}: {value!r} breaks {rule}"] if any(broken) else []


def _check_object(value: Any, rule: Any, where: str, root: Any) -> list[str]:
    known, others = rule.get("properties", {}), rule.get("additionalProperties", True)
    found = [
        f"{where}: {name} is missing" for name in rule.get("required", []) if name not in value
    ]
    for name, item in value.items():
        inner = f"{where}.{name}"
        if "propertyNames" in rule:
            found += _check(name, rule["propertyNames"], inner, root)
        if name in known:
            found += _check(item, known[name], inner, root)
        elif others is False:
            found.append(f"{inner} is not in the schema")
        elif others is not True:
            found += _check(item, others, inner, root)
    return found
