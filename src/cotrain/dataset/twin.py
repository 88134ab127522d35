"""The encoding once more, slowly: one row at a time, in plain Python, from the spec alone.

It shares no code with `cells` and `encoding` and must agree with them bit for bit; the property
tests hold the two against each other. Use it to learn what the encoding does, or to port it.

Spec: docs/spec/schema-and-encoding.md, steps 4 to 10.
"""

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from cotrain.agreement.schema import (
    BinaryTarget,
    CategoryColumn,
    ClassesTarget,
    Column,
    FlagColumn,
    MissingRule,
    NumericColumn,
    NumericTarget,
    Schema,
)
from cotrain.errors import DataError

_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def encode_row(row: Mapping[str, str | None], schema: Schema) -> list[int]:
    """Encode one row of text cells as d + 1 integers, the label last.

    Raises:
        DataError: With the same code as the fast encoding.
    """
    scale = schema.feature_scale
    entries: list[int] = []
    for column in schema.columns:
        entries += _encode_cell(column, (row[column.name] or "").strip(" \t"), scale)
    entries.append(scale)
    return [*_scale_down(entries, schema.row_bound), _encode_label(row, schema)]


def _encode_cell(column: Column, text: str, scale: int) -> list[int]:
    if isinstance(column, NumericColumn):
        return [_encode_number(column, text, scale)]
    if isinstance(column, CategoryColumn):
        index = _category(column, text)
        return [scale if index == position else 0 for position in range(len(column.categories))]
    value = _flag(text, column.missing)
    if isinstance(column, FlagColumn):
        return [{"0": -scale, "0.5": 0, "1": scale}[value]]
    return [{"0": 0, "1": scale}[value]]


def _encode_number(column: NumericColumn, text: str, scale: int) -> int:
    # Step 4: what means missing is replaced.
    rule = column.missing
    missing = text in {"", "NA"} or _listed(text, rule)
    if missing and rule is None:
        raise DataError("data-missing-value", text)
    # Step 5: the rest must be a number within the bounds.
    value = _number(rule.replace_with if missing and rule is not None else text)
    if value < float(column.min) or value > float(column.max):
        raise DataError("data-out-of-bounds", text)
    # Step 7: the linear map.
    low, high = Fraction(column.low), Fraction(column.high)
    whole = round((value - float((low + high) / 2)) * float(2 * scale / (high - low)))
    return max(-32767, min(32767, whole))


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        words = {"nan", "inf", "infinity"}
        not_finite = text.lower().removeprefix("-").removeprefix("+") in words
        raise DataError("data-not-finite" if not_finite else "data-not-a-number", text)
    value = float(text)
    if math.isinf(value):
        raise DataError("data-not-finite", text)
    return value


def _same(text: str, code: str) -> bool:
    """Tell whether a cell means a code: the same text, or both numbers and equal."""
    if text == code:
        return True
    if not (_NUMBER.fullmatch(text) and _NUMBER.fullmatch(code)):
        return False
    return float(text) == float(code) and math.isfinite(float(text))


def _listed(text: str, rule: MissingRule | None) -> bool:
    return rule is not None and any(_same(text, code) for code in rule.values)


def _category(column: CategoryColumn, text: str) -> int:
    for index, category in enumerate(column.categories):
        if _same(text, category):
            return index
    replacement = _replaced(text, column.missing)
    if replacement in column.categories:
        return column.categories.index(replacement)
    return -1


def _flag(text: str, rule: MissingRule | None) -> str:
    if _same(text, "0") or text in {"false", "False"}:
        return "0"
    if _same(text, "1") or text in {"true", "True"}:
        return "1"
    return _replaced(text, rule)


def _replaced(text: str, rule: MissingRule | None) -> str:
    """Return what replaces a text that is no code of its column, if it means missing."""
    if text not in {"", "NA"} and not _listed(text, rule):
        raise DataError("data-unknown-code", text)
    if rule is None:
        raise DataError("data-missing-value", text)
    return rule.replace_with


def _scale_down(entries: list[int], bound: int) -> list[int]:
    # Step 9: exact integers.
    square = sum(entry * entry for entry in entries)
    if square <= bound * bound:
        return entries
    root = math.isqrt(square - 1) + 1
    return [(1 if entry > 0 else -1) * (abs(entry) * bound // root) for entry in entries]


def _encode_label(row: Mapping[str, str | None], schema: Schema) -> int:
    # Steps 6 and 10: a label is never missing.
    target = schema.target
    text = (row[target.name] or "").strip(" \t")
    if isinstance(target, NumericTarget):
        return _encode_numeric_label(target, text)
    for index, code in enumerate(_label_codes(target)):
        if _same(text, code):
            return index
    raise DataError("data-missing-value" if text in {"", "NA"} else "data-unknown-code", text)


def _label_codes(target: BinaryTarget | ClassesTarget) -> tuple[str, ...]:
    if isinstance(target, BinaryTarget):
        return target.negative, target.positive
    return target.categories


def _encode_numeric_label(target: NumericTarget, text: str) -> int:
    limit = 1 << target.residual_bits
    column = NumericColumn(name=target.name, unit=target.unit, min=target.min, max=target.max)
    return max(-limit, min(limit, _encode_number(column, text, limit)))
