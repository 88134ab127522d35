"""The schema of a table: its columns, their public bounds, and how a row becomes integers.

Every data owner of an agreement encodes its own table by the same schema.
So a schema holds only what is *public*: bounds known without looking at anyone's rows. It is a
closed vocabulary of frozen values with one canonical encoding (RFC 8785) and one hash.

What this module does not do: read tables (`cotrain.dataset.reader`) or encode rows
(`cotrain.dataset.encoding`).

Spec: docs/spec/schema-and-encoding.md, sections "Format" and "Hash".
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import rfc8785
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails

from cotrain.agreement.numerals import (
    BLANKS,
    CANONICAL_DECIMAL,
    MAX_DECIMAL_CHARS,
    check_canonical_decimal,
    code_key,
)
from cotrain.errors import MalformedError, OutsideError

FORMAT: Final = "cotrain/schema/1"
BIAS: Final = "bias"
"""Name of the constant column that every encoded row ends with, before its label."""
NONE: Final = "none"
"""`replace_with` of a category column whose missing values encode as no category at all."""

MIN_ROW_BOUND: Final = 64
MAX_ROW_BOUND: Final = 1 << 14
MAX_ROWS: Final = 1 << 26
MAX_FEATURES: Final = 1 << 16
MAX_CATEGORIES: Final = 1024
MAX_NAME_CHARS: Final = 100
PRINTABLE: Final = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
"""What of a name's rule a pattern can say; `_check_text` knows the control characters beyond ASCII too."""

MAX_SCHEMA_BYTES: Final = 1 << 24
_HASH_TAG: Final = b"cotrain/schema-hash/1\x00"


def _check_text(text: str) -> str:
    if text.strip(BLANKS) != text or not text.isprintable():
        raise ValueError(f"{text[:40]!r} begins or ends with a blank, or holds a control character")
    return text


def _check_distinct(codes: Iterable[str], what: str) -> None:
    seen: dict[str | float, str] = {}
    for code in codes:
        key = code_key(code)
        if key in seen:
            raise ValueError(f"{what} {seen[key]!r} and {code!r} are the same")
        seen[key] = code


def _unique_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    _check_distinct(codes, "the codes")
    return codes


Text = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_CHARS, json_schema_extra={"pattern": PRINTABLE}),
    AfterValidator(_check_text),
]
DecimalText = Annotated[
    str,
    AfterValidator(check_canonical_decimal),
    WithJsonSchema(
        {"type": "string", "pattern": f"^({CANONICAL_DECIMAL})$", "maxLength": MAX_DECIMAL_CHARS}
    ),
]
Codes = Annotated[tuple[Text, ...], AfterValidator(_unique_codes)]
Categories = Annotated[Codes, Field(min_length=1, max_length=MAX_CATEGORIES)]


class _Value(BaseModel):
    """A frozen value of the closed vocabulary: unknown fields and wrong types are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class MissingRule(_Value):
    """What stands for a missing value, and the constant that replaces it.

    Attributes:
        values: Codes that mean *missing*, besides an empty cell, a null and ``NA``.
        replace_with: A number for a numeric column; ``0``, ``0.5`` or ``1`` for a flag; ``0`` or
            ``1`` for an indicator; a category or ``none`` for a category column.
    """

    values: Codes = ()
    replace_with: Text


class NumericColumn(_Value):
    """A measured quantity; `low` maps to -1, `high` to +1, linearly and beyond.

    Attributes:
        unit: Unit of every bound and value, e.g. ``mm Hg``; ``1`` for a pure number.
        min: Smallest valid value; a value below is refused.
        max: Largest valid value; a value above is refused.
        low: Lower end of the typical range; `min` if left out.
        high: Upper end of the typical range; `max` if left out.
    """

    kind: Literal["numeric"] = "numeric"
    name: Text
    unit: Text
    min: DecimalText
    max: DecimalText
    low: DecimalText = Field(default_factory=lambda valid: valid["min"])
    high: DecimalText = Field(default_factory=lambda valid: valid["max"])
    missing: MissingRule | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        low, high = Decimal(self.low), Decimal(self.high)
        if not Decimal(self.min) <= low < high <= Decimal(self.max):
            raise ValueError(
                f"needs min <= low < high <= max, but these are "
                f"{self.min}, {self.low}, {self.high}, {self.max}"
            )
        if self.missing is not None:
            replacement = Decimal(check_canonical_decimal(self.missing.replace_with))
            if not Decimal(self.min) <= replacement <= Decimal(self.max):
                raise ValueError(f"replace_with {replacement} is outside {self.min}..{self.max}")
        return self

    def encoded_names(self) -> tuple[str, ...]:
        """Return the names of the encoded columns: the one name."""
        return (self.name,)


class CategoryColumn(_Value):
    """One of a public list of values; one encoded column each, 0 or +1."""

    kind: Literal["category"] = "category"
    name: Text
    categories: Categories
    missing: MissingRule | None = None

    @model_validator(mode="after")
    def _check_missing(self) -> Self:
        if self.missing is None:
            return self
        _check_distinct((*self.categories, *self.missing.values), "the category and missing codes")
        _check_replacement(self.missing, (*self.categories, NONE))
        if NONE in self.categories and self.missing.replace_with == NONE:
            raise ValueError("replace_with 'none' is ambiguous: there is a category of that name")
        return self

    def encoded_names(self) -> tuple[str, ...]:
        """Return the names of the encoded columns: ``name=category``, in the order of the list."""
        return tuple(f"{self.name}={category}" for category in self.categories)


class FlagColumn(_Value):
    """A yes or no that is asked of every row: 0 encodes as -1, 1 as +1, a neutral 0.5 as 0."""

    kind: Literal["flag"] = "flag"
    name: Text
    missing: MissingRule | None = None

    @model_validator(mode="after")
    def _check_missing(self) -> Self:
        _check_flag_rule(self.missing, ("0", "0.5", "1"))
        return self

    def encoded_names(self) -> tuple[str, ...]:
        """Return the names of the encoded columns: the one name."""
        return (self.name,)


class IndicatorColumn(_Value):
    """One column of a category that the table already holds one-hot: 0 encodes as 0, 1 as +1."""

    kind: Literal["indicator"] = "indicator"
    name: Text
    missing: MissingRule | None = None

    @model_validator(mode="after")
    def _check_missing(self) -> Self:
        _check_flag_rule(self.missing, ("0", "1"))
        return self

    def encoded_names(self) -> tuple[str, ...]:
        """Return the names of the encoded columns: the one name."""
        return (self.name,)


Column = Annotated[
    NumericColumn | CategoryColumn | FlagColumn | IndicatorColumn, Field(discriminator="kind")
]


class BinaryTarget(_Value):
    """What a yes-or-no model predicts; the label is 0 for `negative` and 1 for `positive`."""

    kind: Literal["binary"] = "binary"
    name: Text
    negative: Text = "0"
    positive: Text = "1"

    @model_validator(mode="after")
    def _check_codes(self) -> Self:
        _check_distinct((self.negative, self.positive), "the negative and positive codes")
        return self


class ClassesTarget(_Value):
    """What a classifier predicts; the label is the index of the value in `categories`."""

    kind: Literal["classes"] = "classes"
    name: Text
    categories: Annotated[Codes, Field(min_length=2, max_length=MAX_CATEGORIES)]


class NumericTarget(_Value):
    """What a regression predicts; `min` maps to -2^f and `max` to +2^f, f being `residual_bits`."""

    kind: Literal["numeric"] = "numeric"
    name: Text
    unit: Text
    min: DecimalText
    max: DecimalText
    residual_bits: Annotated[int, Field(ge=1, le=14)] = 12

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not Decimal(self.min) < Decimal(self.max):
            raise ValueError(f"needs min < max, but these are {self.min}, {self.max}")
        return self


Target = Annotated[BinaryTarget | ClassesTarget | NumericTarget, Field(discriminator="kind")]


class Schema(_Value):
    """The columns, the target and the bounds that every table of an agreement satisfies.

    Attributes:
        format: Always ``cotrain/schema/1``.
        name: What the table is, for people.
        columns: The columns that a model sees, in the order of the encoded columns.
        target: The column that a model predicts; it is never missing.
        row_bound: C, a power of two in 64..16384: no encoded row has an L2 norm above it.
        feature_scale: S, the integer that stands for +1 before a row is scaled down; C/2 if left
            out.
        min_rows: A table with fewer rows is refused.
        max_rows: A table with more rows is refused.
        derived_from_data: True if bounds were read off someone's rows; they then tell something
            about those rows, and every report says so.
    """

    format: Literal["cotrain/schema/1"]
    name: Text
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MAX_FEATURES)]
    target: Target
    row_bound: Annotated[int, Field(ge=MIN_ROW_BOUND, le=MAX_ROW_BOUND)] = 4096
    feature_scale: Annotated[int, Field(ge=2, le=MAX_ROW_BOUND)] = Field(
        default_factory=lambda valid: valid["row_bound"] // 2
    )
    min_rows: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 20
    max_rows: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1 << 21
    derived_from_data: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.row_bound & (self.row_bound - 1):
            raise ValueError(f"row_bound must be a power of two, not {self.row_bound}")
        if self.min_rows > self.max_rows:
            raise ValueError(f"min_rows {self.min_rows} is above max_rows {self.max_rows}")
        _check_names([column.name for column in self.columns], self.target.name)
        _check_encoded_names(self._encoded_owners(), self.target.name)
        if self.feature_count > MAX_FEATURES:
            raise ValueError(f"{self.feature_count} encoded features; at most {MAX_FEATURES}")
        return self

    def _encoded_owners(self) -> Iterator[tuple[str, str]]:
        for column in self.columns:
            for encoded in column.encoded_names():
                yield encoded, column.name
        yield BIAS, "the constant column"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the encoded feature columns in order; the last one is ``bias``."""
        return tuple(encoded for encoded, _ in self._encoded_owners())

    @property
    def feature_count(self) -> int:
        """d, the number of encoded feature columns, bias included, label not included."""
        return len(self.feature_names)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """Names of all d + 1 encoded columns: the features, then the label."""
        return (*self.feature_names, self.target.name)

    @property
    def table_names(self) -> tuple[str, ...]:
        """Names of the columns that a table must have: the columns, then the target."""
        return (*(column.name for column in self.columns), self.target.name)

    @property
    def label_range(self) -> tuple[int, int]:
        """Smallest and largest integer that a label may encode to."""
        match self.target:
            case BinaryTarget():
                return 0, 1
            case ClassesTarget():
                return 0, len(self.target.categories) - 1
            case NumericTarget():
                return -(1 << self.target.residual_bits), 1 << self.target.residual_bits

    def has_columns_of(self, other: "Schema") -> bool:
        """Return whether rows of both mean the same; how many there may be is not compared."""
        left_out = {"min_rows", "max_rows"}
        return self.model_dump(exclude=left_out) == other.model_dump(exclude=left_out)

    def canonical(self) -> bytes:
        """Return the canonical JSON (RFC 8785) with every default written out."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True))

    def digest(self) -> bytes:
        """Return the 32-byte schema hash: SHA-256 of the tag and the canonical JSON."""
        return hashlib.sha256(_HASH_TAG + self.canonical()).digest()


def parse_schema(data: bytes | str) -> Schema:
    """Read a schema from JSON; any spacing and key order, left-out defaults allowed.

    Raises:
        MalformedError: ``schema-not-json``, ``schema-not-plain`` (a fraction, a duplicate key) or
            ``schema-malformed``, which names the columns at fault.
    """
    if len(data) > MAX_SCHEMA_BYTES:
        raise _not_json(f"the schema has more than {MAX_SCHEMA_BYTES} bytes")
    try:
        raw = json.loads(
            data,
            object_pairs_hook=_refuse_duplicates,
            parse_float=_refuse_fraction,
            parse_constant=_refuse_fraction,
        )
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(f"the schema is not JSON: {error}") from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise _not_json(f"the schema holds an impossible number: {error}") from error
    try:
        return Schema.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise _malformed(error, raw) from error


def load_schema(path: Path) -> Schema:
    """Read the schema in the file `path`.

    Raises:
        OutsideError: ``schema-unreadable``.
        MalformedError: As `parse_schema`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutsideError(
            "schema-unreadable",
            f"cannot read the schema {path}: {error.strerror}",
            hint="Check the path and its permissions.",
        ) from error
    return parse_schema(data)


def _check_names(columns: list[str], target: str) -> None:
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise ValueError(f"column {name!r} is listed twice")
        seen.add(name)
    if target in seen:
        raise ValueError(f"column {target!r} is both a feature and the target")


def _check_encoded_names(encoded_owners: Iterable[tuple[str, str]], target: str) -> None:
    owners: dict[str, str] = {target: target}
    for encoded, owner in encoded_owners:
        if encoded in owners:
            raise ValueError(f"column {owners[encoded]!r} and {owner!r} both encode to {encoded!r}")
        owners[encoded] = owner


def _check_flag_rule(rule: MissingRule | None, replacements: tuple[str, ...]) -> None:
    if rule is not None:
        _check_distinct(("0", "1", *rule.values), "the flag and missing codes")
        _check_replacement(rule, replacements)


def _check_replacement(rule: MissingRule, allowed: tuple[str, ...]) -> None:
    if rule.replace_with not in allowed:
        raise ValueError(f"replace_with {rule.replace_with!r} is none of {', '.join(allowed)}")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise MalformedError(
            "schema-not-plain",
            f"the schema has the key {double!r} twice in one object",
            hint="Keep one of the two.",
        )
    return members


def _refuse_fraction(text: str) -> Any:
    raise MalformedError(
        "schema-not-plain",
        f"the schema holds the number {text}",
        meaning="A schema has whole numbers and strings only: it needs one canonical encoding.",
        hint=f'Write it as a string: "{text}".',
    )


def _not_json(what: str) -> MalformedError:
    return MalformedError(
        "schema-not-json", what, hint="See docs/guide/write-a-schema.md for an example."
    )


def _malformed(error: ValidationError, raw: Any) -> MalformedError:
    problems = [_problem(item, raw) for item in _causes(error)]
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return MalformedError(
        "schema-malformed",
        "; ".join(problems[:3]) + more,
        meaning="The schema is not one that this version understands; nothing was guessed.",
        hint="Correct the schema; docs/guide/write-a-schema.md lists every field.",
    )


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors that are not mere consequences of others."""
    found = error.errors()
    consequences = {"default_factory_not_called"}
    if len(found) > 1:
        consequences.add("too_short")  # the list of the columns that were valid
    return [item for item in found if item["type"] not in consequences] or found


def _problem(item: ErrorDetails, raw: Any) -> str:
    """Word one validation error with the column's own name in place of its number."""
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "no such field"
    match item["loc"]:
        case ("columns", int(index), *rest):
            return f"column {_column_name(raw, index)}: {_field(rest)}{message}"
        case ("target", *rest):
            return f"target: {_field(rest)}{message}"
        case _:
            return f"{_field(list(item['loc']))}{message}"


def _column_name(raw: Any, index: int) -> str:
    column = raw["columns"][index]
    name = column.get("name") if isinstance(column, dict) else None
    return repr(name[:40]) if isinstance(name, str) else f"number {index + 1}"


def _field(path: list[int | str]) -> str:
    kinds = {"numeric", "category", "flag", "indicator", "binary", "classes"}
    words = [str(part) for part in path if part not in kinds]
    return ".".join(words) + ": " if words else ""
