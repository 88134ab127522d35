"""What the commands share in how they speak: JSON on demand, tables and lists that fit the terminal."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 100
NAME_WIDTH = 28


def emit(value: dict[str, Any], *, as_json: bool, show: Callable[[], None]) -> None:
    """Print `value` as JSON, or let `show` print it for a person."""
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        show()


def console() -> Console:
    """Return the console for results."""
    return Console(file=sys.stdout, highlight=False, width=_width(sys.stdout.isatty()))


def messages() -> Console:
    """Return the console for everything that is not a result."""
    return Console(file=sys.stderr, highlight=False, width=_width(sys.stderr.isatty()))


def _width(terminal: bool) -> int | None:
    """Return the width of a pipe, None for rich's own measure of a terminal (or of COLUMNS)."""
    return None if terminal or "COLUMNS" in os.environ else PIPE_WIDTH


def plain(text: str) -> str:
    """Return `text` without control characters: names come from others and could rewrite the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def tell(text: str, style: str = "") -> None:
    """Print a message on stderr, wrapped at words."""
    messages().print(Text(plain(text), style=style))


def say(text: str = "", style: str = "") -> None:
    """Print a paragraph of a result, wrapped at words."""
    console().print(Text(plain(text), style=style))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table; the first column is left-aligned and never wraps, the others right-aligned."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        if place:
            made.add_column(column, justify="right")
        else:
            made.add_column(column, no_wrap=True, max_width=NAME_WIDTH, overflow="ellipsis")
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    return made


def print_table(title: str, made: Table) -> None:
    """Print a table under its title, and an empty line."""
    say(title, "bold")
    console().print(made)
    say()


def bullets(lines: Iterable[str], marks: Iterable[str] | None = None) -> Table:
    """Return lines that wrap with a hanging indent, each behind its mark."""
    made = Table.grid(padding=(0, 1))
    made.add_column(justify="right", no_wrap=True)
    made.add_column()
    texts = list(lines)
    for mark, line in zip(marks or ["-"] * len(texts), texts, strict=True):
        made.add_row(Text(f"  {mark}"), Text(plain(line)))
    return made


def bar_of(bars: Progress, description: str) -> Callable[[int, int], None]:
    """Return what shows progress in a bar of its own, which appears with the first progress."""
    tasks: list[TaskID] = []

    def show(done: int, total: int) -> None:
        if not tasks:
            tasks.append(bars.add_task(description, total=total))
        bars.update(tasks[0], completed=done, total=total)

    return show


def progress_bars() -> Progress:
    """Return progress bars on stderr; silent when it is not a terminal."""
    out = messages()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )
