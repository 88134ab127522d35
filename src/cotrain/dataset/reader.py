"""Read from a table exactly what a schema asks for: its columns, one owner's rows, the row limits.

The rows come in blocks, so that memory does not grow with the file. Cells are not looked at here:
`cotrain.dataset.cells` does.

Spec: docs/spec/schema-and-encoding.md, steps 1 to 3.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cotrain.agreement.numerals import BLANKS, code_key
from cotrain.agreement.schema import Schema
from cotrain.dataset.csv_table import CsvTable
from cotrain.dataset.parquet_table import MAGIC, ParquetTable
from cotrain.dataset.refusal import refused_table, shown
from cotrain.errors import DataError, OutsideError, UsageError

_SHOWN_NAMES = 12


@dataclass(frozen=True)
class TableSource:
    """Where a data owner's rows are.

    Attributes:
        path: A CSV file, plain or gzip, or a Parquet file; told apart by content, not by name.
        owner_column: Name of the column that says whose row it is, if there are several owners.
        owner: The value in that column of the rows to read.
    """

    path: Path
    owner_column: str | None = None
    owner: str | None = None

    def __post_init__(self) -> None:
        if (self.owner_column is None) != (self.owner is None):
            raise UsageError(
                "data-half-an-owner",
                "an owner and the column that names owners are given together or not at all",
                hint="Give both.",
            )


@dataclass(frozen=True)
class ColumnBlock:
    """Some rows of a table, column by column.

    Attributes:
        rows: Numbers of the rows in the file, int64 of shape (n,), counted from 1.
        columns: One Arrow array of n strings or doubles per column asked for.
    """

    rows: npt.NDArray[np.int64]
    columns: tuple[Any, ...]


def open_table(path: Path) -> CsvTable | ParquetTable:
    """Open a file and check its header (spec step 1).

    Raises:
        OutsideError: ``data-unreadable-file``.
        DataError: A damaged or empty file, a header without names or with a name twice.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
        table = ParquetTable(path) if magic == MAGIC else CsvTable(path)
    except OSError as error:
        raise OutsideError(
            "data-unreadable-file",
            f"cannot read {path}: {error.strerror}",
            hint="Check the path and its permissions.",
        ) from error
    _check_header(table.names)
    return table


def ignored_columns(source: TableSource, schema: Schema) -> tuple[str, ...]:
    """Return the names of the columns in the file that the schema does not use."""
    used = {*schema.table_names, source.owner_column}
    names = open_table(source.path).names
    return tuple(
        name or f"column {position} (without a name)"
        for position, name in enumerate(names, start=1)
        if name not in used
    )


def read_blocks(source: TableSource, schema: Schema) -> Iterator[ColumnBlock]:
    """Yield the schema's columns, in the order of ``schema.table_names`` (spec steps 2 and 3).

    Raises:
        OutsideError: ``data-unreadable-file``.
        DataError: A missing column, an unknown owner, too few or too many rows, or a file that
            cannot be read as a table. The row limits are known to hold only at the end.
    """
    count = 0
    for block in read_columns(source, list(schema.table_names)):
        count += len(block.rows)
        if count > schema.max_rows:
            raise refused_table(
                "data-too-many-rows",
                f"{_whose(source)} has more than {schema.max_rows} rows",
                "Use fewer rows, or agree on a schema with a larger max_rows.",
            )
        yield block
    if count == 0 and source.owner is not None:
        raise _unknown_owner(source)
    if count < schema.min_rows:
        raise refused_table(
            "data-too-few-rows",
            f"{_whose(source)} has {count} rows, the schema asks for at least {schema.min_rows}",
            "Too few rows would be exposed by what is learned from them; do not take part.",
        )


def read_columns(source: TableSource, names: list[str]) -> Iterator[ColumnBlock]:
    """Yield the named columns of the source's rows, block by block (spec step 2).

    Raises:
        OutsideError: ``data-unreadable-file``.
        DataError: ``data-missing-column``, or a file that cannot be read as a table.
    """
    table = open_table(source.path)
    wanted = list(names)
    if source.owner_column is not None and source.owner_column not in wanted:
        wanted.append(source.owner_column)
    _check_present(wanted, table.names)
    first = 1
    for columns in table.batches([table.names.index(name) for name in wanted]):
        size = len(columns[0])
        block = ColumnBlock(np.arange(first, first + size, dtype=np.int64), tuple(columns))
        first += size
        if source.owner_column is not None:
            owners = columns[wanted.index(source.owner_column)]
            block = _selected(block, _is_owner(owners, source.owner or ""))
        if len(block.rows) > 0:
            yield ColumnBlock(block.rows, block.columns[: len(names)])


def list_owners(path: Path, owner_column: str) -> dict[str, int]:
    """Return how many rows each owner has, in the order in which they first appear.

    Rows whose owner is empty are counted under the empty string.
    """
    counts: dict[str, int] = {}
    for block in read_columns(TableSource(path), [owner_column]):
        for entry in pc.value_counts(block.columns[0]).to_pylist():
            owner = _owner_text(entry["values"])
            counts[owner] = counts.get(owner, 0) + int(entry["counts"])
    return counts


def _selected(block: ColumnBlock, keep: npt.NDArray[np.bool_]) -> ColumnBlock:
    mask = pa.array(keep)
    return ColumnBlock(block.rows[keep], tuple(column.filter(mask) for column in block.columns))


def _is_owner(column: Any, owner: str) -> npt.NDArray[np.bool_]:
    encoded = column.dictionary_encode()
    wanted = code_key(owner)
    same = [code_key(_owner_text(value)) == wanted for value in encoded.dictionary.to_pylist()]
    table = np.array([*same, wanted == ""], dtype=np.bool_)  # the last one is for null
    owners: npt.NDArray[np.bool_] = table[encoded.indices.fill_null(len(same)).to_numpy()]
    return owners


def _owner_text(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip(BLANKS)


def _check_header(names: tuple[str, ...]) -> None:
    if not any(names):
        raise refused_table(
            "data-bad-header",
            "the header has no names",
            "The first line of a CSV file must name its columns.",
        )
    seen: set[str] = set()
    for name in filter(None, names):
        if name in seen:
            raise refused_table(
                "data-duplicate-column",
                f"the header names {shown(name)} twice",
                "Rename or remove one of the two columns.",
            )
        seen.add(name)


def _check_present(wanted: list[str], names: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in names]
    if not missing:
        return
    hint = f"The file has: {_listed(list(names))}."
    close = difflib.get_close_matches(missing[0], names, n=1)
    if close:
        hint = f"Did you mean {close[0]!r}? " + hint
    elif len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        hint = "The header looks separated by semicolons or tabs; export with commas."
    raise refused_table("data-missing-column", f"the file has no column {_listed(missing)}", hint)


def _unknown_owner(source: TableSource) -> DataError:
    owners = list_owners(source.path, source.owner_column or "")
    return refused_table(
        "data-unknown-owner",
        f"column {source.owner_column!r} names no row of owner {shown(source.owner)}",
        f"The owners are: {_listed(list(owners))}." if owners else "The file has no rows.",
    )


def _whose(source: TableSource) -> str:
    return "the file" if source.owner is None else f"owner {shown(source.owner)}"


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    listed = ", ".join(shown(name) for name in names[:_SHOWN_NAMES])
    return f"{listed} and {more} more" if more > 0 else listed
