"""Numbers written as text: the canonical decimals of a schema and the numbers in a table's cells.

A schema writes every bound as a *canonical decimal*, one spelling per number, so that equal
schemas have equal bytes. A table's cells are freer (``1``, ``1.0`` and ``1e0`` are one number):
`code_key` says when a cell means the same as a code of the schema.

Spec: docs/spec/schema-and-encoding.md, section "Cells".
"""

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import Field

MAX_DECIMAL_CHARS = 32

CANONICAL_DECIMAL = r"0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]"
_CANONICAL = re.compile(CANONICAL_DECIMAL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

DecimalText = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{0,17}[1-9])?$")]
"""A number of an agreement, not below zero: one spelling, at most 18 digits after the point."""

BLANKS = " \t"
"""The characters that are ignored at both ends of a cell and of a header name."""


def canonical_decimal(value: Decimal) -> str:
    """Return the one spelling of a finite `value`: no exponent, needless zero or minus zero."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def check_canonical_decimal(text: str) -> str:
    """Return `text` if it is a canonical decimal of at most 32 characters.

    Raises:
        ValueError: If it is not; the message gives the canonical spelling where there is one.
    """
    if len(text) <= MAX_DECIMAL_CHARS and _CANONICAL.fullmatch(text):
        return text
    number = parse_number(text)
    if number is None or len(text) > MAX_DECIMAL_CHARS:
        raise ValueError(f"{text[:40]!r} is not a decimal number such as '28' or '-2.6'")
    raise ValueError(f"write {canonical_decimal(Decimal(text))!r}, not {text!r}")


def parse_number(text: str) -> float | None:
    """Return the IEEE double nearest to the decimal number `text`; None if it is no finite number.

    The grammar is ``[+-] digits [. digits] [e [+-] digits]`` in ASCII, without blanks, commas or
    underscores; ``nan`` and ``inf`` are not numbers.
    """
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def code_key(text: str) -> str | float:
    """Return what a cell or a code is compared by: its number if it is one, else its text.

    Two texts mean the same code exactly when their keys are equal, so that ``1.0``, as many tools
    write a whole number in a column with gaps, means the code ``1``.
    """
    text = text.strip(BLANKS)
    number = parse_number(text)
    return text if number is None else number
