"""What the commands share in how they speak: JSON on demand, tables, files read and written whole."""

import json
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cotrain.errors import OutsideError, UsageError

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)


def emit(value: dict[str, Any], *, as_json: bool, show: Callable[[], None]) -> None:
    """Print `value` as JSON, or let `show` print it for a person."""
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        show()


def console() -> Console:
    """Return the console for results."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())


def messages() -> Console:
    """Return the console for everything that is not a result."""
    return Console(stderr=True, highlight=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table; the first column is left-aligned, the others right-aligned."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left")
    for row in rows:
        made.add_row(*row)
    return made


def fraction(option: str, text: object) -> Fraction | None:
    """Return the fraction that an option gives, None if it was left out.

    Raises:
        UsageError: it is not a fraction.
    """
    if text is None:
        return None
    try:
        return Fraction(str(text))
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(
            "option-not-a-fraction",
            f"--{option} {text!r} is not a fraction",
            hint="Write 4 or 1/2.",
        ) from error


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        OutsideError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutsideError(
            "file-not-read",
            f"{path} cannot be read: {error.strerror}",
            hint="Check the path and your right to read it.",
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutsideError: it cannot be written; an earlier file is untouched.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutsideError(
            "file-not-written",
            f"{path} cannot be written: {error.strerror}",
            meaning="Nothing was changed.",
            hint="Check the folder and the space on the disk.",
        ) from error
