"""Understand every cell of a table as its schema says, or refuse it with its row, column and value.

A cell becomes one double: the number of a numeric column; the index of a category (-1 for none);
0, 1/2 or 1 for a flag or indicator; the class or number of the target. A missing cell is replaced
by the schema's constant, so no NaN is left.

Spec: docs/spec/schema-and-encoding.md, section "Cells" and steps 4 to 6.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cotrain.agreement.numerals import BLANKS, code_key, parse_number
from cotrain.agreement.schema import (
    BinaryTarget,
    CategoryColumn,
    ClassesTarget,
    FlagColumn,
    IndicatorColumn,
    MissingRule,
    NumericColumn,
    NumericTarget,
    Schema,
)
from cotrain.dataset.reader import ColumnBlock
from cotrain.dataset.refusal import refused_cell, shown
from cotrain.errors import DataError

MISSING_TEXTS = ("", "NA")
"""What means *missing* in every column, unless it is one of the column's own codes."""
NAN_TEXT = "NaN"
"""The code by which a schema says that a NaN, or this text, means *missing*."""
FLAG_CODES = {"0": 0.0, "1": 1.0} | dict.fromkeys(("false", "False"), 0.0)
FLAG_CODES |= dict.fromkeys(("true", "True"), 1.0)
NO_CATEGORY = -1.0


class CellReader:
    """Turns the schema's columns of a block into doubles."""

    def __init__(self, schema: Schema) -> None:
        """Prepare one reader per column of `schema`, the target last."""
        self._readers = [_reader_of(column) for column in (*schema.columns, schema.target)]

    def read(self, block: ColumnBlock) -> npt.NDArray[np.float64]:
        """Return the cells of `block`, doubles of shape (columns + 1, n), the target last.

        Raises:
            DataError: The first cell, column by column, that does not fit the schema.
        """
        cells = np.empty((len(self._readers), len(block.rows)), dtype=np.float64)
        for values, reader, column in zip(cells, self._readers, block.columns, strict=True):
            values[:] = reader.read(column, block.rows)
        return cells


@dataclass(frozen=True)
class NumericCells:
    """Reads the cells of a numeric column or target."""

    column: NumericColumn | NumericTarget

    @property
    def _rule(self) -> MissingRule | None:
        return self.column.missing if isinstance(self.column, NumericColumn) else None

    def read(self, column: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return n doubles within the schema's bounds.

        Args:
            column: Arrow array of n strings or doubles.
            rows: Numbers of the rows in the file, for messages.

        Raises:
            DataError: ``data-not-a-number``, ``data-not-finite``, ``data-missing-value`` or
                ``data-out-of-bounds``.
        """
        numbers = self._from_doubles(column) if _is_doubles(column) else self._parse(column, rows)
        values = np.array(numbers.fill_null(0.0))
        missing = np.asarray(pc.is_null(numbers)) | np.isin(values, _number_codes(self._rule))
        if missing.any():
            values[missing] = self._replacement(column, rows, missing)
        if not np.isfinite(values).all():
            index = int(np.isfinite(values).argmin())
            raise _refused_number(column[index].as_py(), int(rows[index]), self.column.name)
        self._check_bounds(values, column, rows)
        return values

    def _from_doubles(self, column: Any) -> Any:
        """Return the doubles with nulls for NaN, if the schema says that NaN means missing."""
        if self._rule is not None and NAN_TEXT in self._rule.values:
            return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        return column

    def _parse(self, texts: Any, rows: npt.NDArray[np.int64]) -> Any:
        """Return the texts' numbers, with nulls for missing ones; the clean case comes first."""
        numbers = _cast(texts)
        if numbers is None:
            texts = self._without_missing(texts)
            numbers = _cast(texts)
        return self._parse_each(texts, rows) if numbers is None else numbers

    def _without_missing(self, texts: Any) -> Any:
        codes = () if self._rule is None else self._rule.values
        texts = pc.utf8_trim(texts, BLANKS)
        missing = pc.is_in(texts, pa.array([*MISSING_TEXTS, *codes]))
        return pc.if_else(missing, pa.scalar(None, pa.string()), texts)

    def _parse_each(self, texts: Any, rows: npt.NDArray[np.int64]) -> Any:
        numbers: list[float | None] = []
        for text, row in zip(texts.to_pylist(), rows.tolist(), strict=True):
            number = None if text is None else parse_number(text)
            if text is not None and number is None:
                raise _refused_number(text, row, self.column.name)
            numbers.append(number)
        return pa.array(numbers, pa.float64())

    def _replacement(
        self, column: Any, rows: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_]
    ) -> float:
        if self._rule is None:
            index = int(missing.argmax())
            raise _refused_missing(column[index].as_py(), int(rows[index]), self.column.name)
        return float(self._rule.replace_with)

    def _check_bounds(
        self, values: npt.NDArray[np.float64], column: Any, rows: npt.NDArray[np.int64]
    ) -> None:
        low, high = self.column.min, self.column.max
        outside = (values < float(low)) | (values > float(high))
        if outside.any():
            index = int(outside.argmax())
            raise refused_cell(
                "data-out-of-bounds",
                int(rows[index]),
                self.column.name,
                f"{shown(column[index].as_py())} is outside {low}..{high} {self.column.unit}",
                "Correct the value or its unit, or leave the row out; if it means that the value "
                "is missing, the schema must list it under missing.values.",
            )


class CodeCells:
    """Reads the cells of a column that holds one of a few codes."""

    def __init__(
        self, name: str, codes: Mapping[str, float], rule: MissingRule | None, what: str
    ) -> None:
        """Prepare to read a column.

        Args:
            name: Name of the column, for messages.
            codes: The double that each code stands for.
            rule: What means missing, or None.
            what: What a value must be, for messages, e.g. ``a flag``.
        """
        self._name = name
        self._what = what
        self._codes = {code_key(code): value for code, value in codes.items()}
        self._missing = {*MISSING_TEXTS}.difference(self._codes)
        self._missing_keys: set[str | float] = {*self._missing}
        self._replacement: float | None = None
        if rule is not None:
            self._missing_keys |= {code_key(code) for code in rule.values}
            self._replacement = codes.get(rule.replace_with, _special(rule.replace_with))

    def read(self, column: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the n doubles that the codes stand for.

        Args:
            column: Arrow array of n strings or doubles.
            rows: Numbers of the rows in the file, for messages.

        Raises:
            DataError: ``data-unknown-code`` or ``data-missing-value``.
        """
        encoded = column.dictionary_encode()
        distinct = [*encoded.dictionary.to_pylist(), None]
        meanings = np.array([self._meaning(value) for value in distinct], dtype=np.float64)
        positions = encoded.indices.fill_null(len(distinct) - 1).to_numpy()
        values: npt.NDArray[np.float64] = meanings[positions]
        refused = np.isnan(values)
        if refused.any():
            index = int(refused.argmax())
            raise self._refuse(column[index].as_py(), int(rows[index]))
        return values

    def _meaning(self, value: str | float | None) -> float:
        """Return what a cell stands for, NaN if nothing."""
        key = _cell_key(value)
        if key in self._codes:
            return self._codes[key]
        if key in self._missing_keys and self._replacement is not None:
            return self._replacement
        return math.nan

    def _refuse(self, value: str | float | None, row: int) -> DataError:
        if _cell_key(value) in self._missing_keys:
            return _refused_missing(value, row, self._name)
        return refused_cell(
            "data-unknown-code",
            row,
            self._name,
            f"{shown(value)} is not {self._what}",
            "Correct the value, or agree on a schema that lists it.",
        )


def _reader_of(column: object) -> NumericCells | CodeCells:
    match column:
        case NumericColumn() | NumericTarget():
            return NumericCells(column)
        case CategoryColumn():
            return CodeCells(
                column.name, _indexed(column.categories), column.missing, "one of the categories"
            )
        case FlagColumn() | IndicatorColumn():
            return CodeCells(column.name, FLAG_CODES, column.missing, "0 or 1")
        case BinaryTarget():
            codes = {column.negative: 0.0, column.positive: 1.0}
            return CodeCells(column.name, codes, None, f"one of {', '.join(map(shown, codes))}")
        case ClassesTarget():
            return CodeCells(column.name, _indexed(column.categories), None, "one of the classes")
        case _:
            raise TypeError(f"{type(column).__name__} is not a column of the schema")


def _indexed(codes: Iterable[str]) -> dict[str, float]:
    return {code: float(index) for index, code in enumerate(codes)}


def _special(replacement: str) -> float:
    """Return what a `replace_with` that is no code stands for: a neutral flag, or no category."""
    return 0.5 if replacement == "0.5" else NO_CATEGORY


def _cell_key(value: str | float | None) -> str | float:
    if value is None:
        return ""
    if isinstance(value, str):
        return code_key(value)
    return value if math.isfinite(value) else NAN_TEXT if math.isnan(value) else str(value)


def _number_codes(rule: MissingRule | None) -> list[float]:
    numbers = () if rule is None else (parse_number(code) for code in rule.values)
    return [number for number in numbers if number is not None]


def _is_doubles(column: Any) -> bool:
    return bool(pa.types.is_float64(column.type))


def _cast(texts: Any) -> Any | None:
    """Return the texts' finite numbers as doubles, or None if they are not all numbers."""
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    finite = pc.all(pc.is_finite(numbers)).as_py()  # None if there are only nulls
    return None if finite is False else numbers


def _refused_number(value: str | float, row: int, column: str) -> DataError:
    try:
        finite = math.isfinite(float(value))
    except ValueError:
        finite = True
    if not finite:
        return refused_cell(
            "data-not-finite",
            row,
            column,
            f"{shown(value)} is not a finite number",
            "Leave the cell empty if the value is missing; the schema must then say what replaces "
            "it.",
        )
    return refused_cell(
        "data-not-a-number",
        row,
        column,
        f"{shown(value)} is not a number",
        "Write numbers as 1234.5, without units or thousands separators; if it means that the "
        "value is missing, the schema must list it under missing.values.",
    )


def _refused_missing(value: str | float | None, row: int, column: str) -> DataError:
    return refused_cell(
        "data-missing-value",
        row,
        column,
        "the cell is empty" if value is None else f"{shown(value)} means that the value is missing",
        "Leave the row out, or agree on a schema whose column has a rule for missing values.",
    )
