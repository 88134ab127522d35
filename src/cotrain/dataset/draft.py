"""Propose a schema for a user's file, so that writing one does not begin with a blank page.

A draft reads bounds off the rows. Such bounds *leak*: a minimum and a maximum are the values of two
people. So a draft carries ``derived_from_data: true``, every report repeats it, and the first
warning says what to do: replace each bound by one that is known without looking.

Guide: docs/guide/write-a-schema.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final

import pydantic

from cotrain.agreement.numerals import BLANKS, canonical_decimal, code_key
from cotrain.agreement.schema import (
    FORMAT,
    BinaryTarget,
    CategoryColumn,
    ClassesTarget,
    Column,
    FlagColumn,
    MissingRule,
    NumericColumn,
    NumericTarget,
    Schema,
    Target,
)
from cotrain.dataset.cells import FLAG_CODES, MISSING_TEXTS
from cotrain.dataset.reader import TableSource, open_table, read_columns
from cotrain.errors import UsageError

LEAK_WARNING: Final = (
    "THE BOUNDS IN THIS DRAFT WERE READ OFF YOUR ROWS AND TELL OTHERS ABOUT THEM. Replace every "
    "min, max, low, high and replace_with by what is known without looking (physiological limits, "
    "the instrument's range, the form's rules) and every list of categories by the code book's; "
    "only then set derived_from_data to false."
)
MAX_DRAFT_ROWS: Final = 50_000
"""A draft looks at the first rows only; a person has to correct it anyway."""
MAX_CATEGORIES: Final = 50
"""A text column with more distinct values than this is left out of the draft."""
MAX_CLASSES: Final = 20
"""A numeric target with more distinct values than this is drafted as a number."""
UNIT_UNKNOWN: Final = "unit?"
_FLAG_KEYS = {code_key(code) for code in FLAG_CODES}


@dataclass(frozen=True)
class Draft:
    """A proposed schema and what its reader must know.

    Attributes:
        schema: The proposal; its `derived_from_data` is true.
        warnings: Sentences for people, the most important first.
    """

    schema: Schema
    warnings: tuple[str, ...]


@dataclass
class ColumnContent:
    """What was seen in one column: its distinct texts by key, its numbers, how much was missing."""

    name: str
    texts: dict[str | float, str] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=list)
    present: int = 0
    missing: int = 0

    def add(self, value: str | float | None) -> None:
        """Take one cell into account."""
        text = "" if value is None else str(value).strip(BLANKS)
        if text in MISSING_TEXTS:
            self.missing += 1
            return
        self.present += 1
        key = code_key(text)
        self.texts.setdefault(key, text)
        if isinstance(key, float):
            self.numbers.append(key)

    @property
    def is_numeric(self) -> bool:
        """Tell whether every value is a number."""
        return len(self.numbers) == self.present

    @property
    def is_flag(self) -> bool:
        """Tell whether every value is one of the words for 0 and 1."""
        return self.texts.keys() <= _FLAG_KEYS

    def quantile(self, share: float) -> float:
        """Return the number below which about `share` of the numbers lie."""
        return sorted(self.numbers)[int(share * (len(self.numbers) - 1))]


def draft_schema(path: Path, target: str, owner_column: str | None = None) -> Draft:
    """Propose a schema for the table in the file `path`.

    Args:
        path: The user's own file; CSV, plain or gzip, or Parquet.
        target: Name of the column to predict.
        owner_column: Name of the column that says whose row it is; left out of the schema.

    Raises:
        UsageError: ``draft-impossible``: no usable column, or a target that cannot be predicted.
        DataError, OutsideError: The file cannot be read; see `cotrain.dataset.reader`.
    """
    names = [name for name in open_table(path).names if name and name != owner_column]
    if target not in names:
        names.append(target)  # the reader then says that it is missing, and what there is
    contents, cut = _look_at(path, names)
    warnings = [LEAK_WARNING]
    if cut:
        warnings.append(f"Only the first {MAX_DRAFT_ROWS} rows were looked at.")
    columns = []
    for content in contents:
        if content.name != target:
            column, warning = _draft_column(content)
            columns += [column] if column else []
            warnings += [f"Column {content.name!r} {warning}"] if warning else []
    return Draft(_draft(path, columns, contents[names.index(target)]), tuple(warnings))


def round_outward(value: float, rounding: str) -> str:
    """Return `value` as a canonical decimal of at most two significant digits.

    Args:
        value: A finite double, taken at its shortest decimal spelling.
        rounding: ``ROUND_FLOOR``, ``ROUND_CEILING`` or ``ROUND_HALF_EVEN`` of `decimal`.
    """
    number = Decimal(repr(value))
    if number == 0:
        return "0"
    return canonical_decimal(number.quantize(Decimal(1).scaleb(number.adjusted() - 1), rounding))


def _look_at(path: Path, names: list[str]) -> tuple[list[ColumnContent], bool]:
    contents = [ColumnContent(name) for name in names]
    left = MAX_DRAFT_ROWS
    for block in read_columns(TableSource(path), names):
        for content, column in zip(contents, block.columns, strict=True):
            for value in column.slice(0, left).to_pylist():
                content.add(value)
        if len(block.rows) > left:
            return contents, True
        left -= len(block.rows)
    return contents, False


def _draft_column(content: ColumnContent) -> tuple[Column | None, str]:
    """Return the proposed column, or None, and a warning, or nothing."""
    if len(content.texts) < 2:
        return None, "was left out: it always says the same."
    if not content.is_numeric and len(content.texts) > MAX_CATEGORIES:
        return None, f"was left out: it is text with more than {MAX_CATEGORIES} different values."
    try:
        return _propose(content)
    except pydantic.ValidationError:
        return None, "was left out: its values are too long or hold control characters."


def _propose(content: ColumnContent) -> tuple[Column, str]:
    if content.is_flag:
        return FlagColumn(name=content.name, missing=_rule(content, "0.5")), ""
    if not content.is_numeric:
        return _draft_category(content), ""
    if content.present == len(content.texts) > 2:
        warning = "has a different value in each row: remove it if it is an identifier."
        return _draft_numeric(content), warning
    return _draft_numeric(content), ""


def _draft_numeric(content: ColumnContent) -> NumericColumn:
    least = round_outward(min(content.numbers), ROUND_FLOOR)
    most = round_outward(max(content.numbers), ROUND_CEILING)
    low = round_outward(content.quantile(0.05), ROUND_FLOOR)
    high = round_outward(content.quantile(0.95), ROUND_CEILING)
    if Decimal(low) >= Decimal(high):
        low, high = least, most
    return NumericColumn(
        name=content.name,
        unit=UNIT_UNKNOWN,
        min=least,
        max=most,
        low=low,
        high=high,
        missing=_rule(content, round_outward(content.quantile(0.5), ROUND_HALF_EVEN)),
    )


def _draft_category(content: ColumnContent) -> CategoryColumn:
    categories = tuple(sorted(content.texts.values()))
    replacement = next(text for text in categories if text != "none")
    if "none" not in categories:
        replacement = "none"
    return CategoryColumn(
        name=content.name, categories=categories, missing=_rule(content, replacement)
    )


def _rule(content: ColumnContent, replacement: str) -> MissingRule | None:
    return MissingRule(replace_with=replacement) if content.missing else None


def _draft(path: Path, columns: Iterable[Column], target: ColumnContent) -> Schema:
    try:
        return Schema(
            format=FORMAT,
            name=path.name.split(".")[0],
            columns=tuple(columns),
            target=_draft_target(target),
            derived_from_data=True,
        )
    except pydantic.ValidationError as error:
        raise _impossible(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _draft_target(content: ColumnContent) -> Target:
    codes = sorted(content.texts.values(), key=_in_order)
    if len(codes) < 2:
        raise _impossible(f"the target {content.name!r} always says the same")
    if len(codes) == 2:
        return BinaryTarget(name=content.name, negative=codes[0], positive=codes[1])
    if len(codes) <= MAX_CLASSES:
        return ClassesTarget(name=content.name, categories=tuple(codes))
    if not content.is_numeric:
        raise _impossible(f"the target {content.name!r} is text with {len(codes)} values")
    least = round_outward(min(content.numbers), ROUND_FLOOR)
    most = round_outward(max(content.numbers), ROUND_CEILING)
    return NumericTarget(name=content.name, unit=UNIT_UNKNOWN, min=least, max=most)


def _in_order(text: str) -> tuple[bool, float, str]:
    key = code_key(text)
    return (False, key, text) if isinstance(key, float) else (True, 0.0, text)


def _impossible(reason: str) -> UsageError:
    return UsageError(
        "draft-impossible",
        f"no schema can be drafted: {reason}",
        hint="Write the schema by hand; see docs/guide/write-a-schema.md.",
    )
