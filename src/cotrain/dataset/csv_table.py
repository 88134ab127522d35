"""A comma-separated file, plain or gzip, as batches of text columns.

Everything is read as text, so that a value that is not a number can be named with its row. The file
is streamed: memory does not grow with it. A quoted field may hold commas and line ends; blank lines
are skipped and not counted; a UTF-8 byte order mark is skipped.

Spec: docs/spec/schema-and-encoding.md, section "Files".
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from cotrain.agreement.numerals import BLANKS
from cotrain.dataset.refusal import refused_table, shown
from cotrain.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 4 << 20
"""Bytes of text per batch, and so the longest row that is accepted."""
MAX_HEADER_BYTES = 1 << 20
_RAGGED = re.compile(r"Row #([0-9]+): Expected ([0-9]+) columns, got ([0-9]+): (.*)", re.DOTALL)
"""Arrow's words; it counts the header as row 1."""


class CsvTable:
    """An opened CSV file.

    Attributes:
        names: The header's names, blanks at their ends removed.
    """

    def __init__(self, path: Path) -> None:
        """Read the header of the file `path`.

        Raises:
            DataError: An empty, damaged or non-UTF-8 file.
        """
        self._path = path
        header = _first_record(path)
        self.names = _names(header)
        self._is_only_header = not header.endswith((b"\n", b"\r")) and b"\r" not in header

    def batches(self, indices: list[int]) -> Iterator[list[Any]]:
        """Yield the columns at `indices`, batch by batch, as Arrow string arrays of equal length.

        Raises:
            DataError: A ragged row, a row that is too long, text that is not UTF-8, a damaged file.
        """
        first_row = 1
        try:
            for batch in self._stream(indices):
                columns = [batch.column(position) for position in range(len(indices))]
                for index, column in zip(indices, columns, strict=True):
                    _check_utf8(column, first_row, self.names[index])
                yield columns
                first_row += batch.num_rows
        except pa.ArrowInvalid as error:
            raise _refused_text(str(error), first_row) from error
        except OSError as error:
            raise damaged_file(self._path, error) from error

    def _stream(self, indices: list[int]) -> Iterator[Any]:
        if self._is_only_header:
            return
        numbered = [str(index) for index in range(len(self.names))]
        compression = "gzip" if is_gzip(self._path) else None
        with pa.input_stream(str(self._path), compression=compression) as stream:
            yield from arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(
                    use_threads=False,  # errors then carry the number of the row
                    block_size=BLOCK_BYTES,
                    column_names=numbered,
                    skip_rows_after_names=1,
                ),
                arrow_csv.ParseOptions(newlines_in_values=True),
                arrow_csv.ConvertOptions(
                    check_utf8=False,  # checked by us, to name the row
                    include_columns=[numbered[index] for index in indices],
                    column_types=dict.fromkeys(numbered, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )


def is_gzip(path: Path) -> bool:
    """Tell whether the file begins as gzip does, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def damaged_file(path: Path, error: Exception) -> DataError:
    """Return the error for a file whose bytes cannot be read to the end."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return refused_table(
        "data-damaged-file",
        f"{path.name} cannot be read: {reason}",
        "Copy or export the file again; it may have been cut short.",
    )


def _first_record(path: Path) -> bytes:
    """Return the first line, or the first lines when a quoted name holds a line end."""
    opener = gzip.open if is_gzip(path) else open
    try:
        with opener(path, "rb") as file:
            record = file.readline(MAX_HEADER_BYTES)
            while record.count(b'"') % 2 == 1 and (line := file.readline(MAX_HEADER_BYTES)):
                record += line
                if len(record) > MAX_HEADER_BYTES:
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise damaged_file(path, error) from error
    if not record:
        raise refused_table("data-empty-file", "the file is empty", "Choose another file.")
    return record


def _names(header: bytes) -> tuple[str, ...]:
    if len(header) >= MAX_HEADER_BYTES and b"\r" not in header:
        raise _bad_header(f"it is longer than {MAX_HEADER_BYTES >> 20} MiB")
    try:
        text = header.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8("the header") from error
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        raise _bad_header(str(error)) from error
    return tuple(name.strip(BLANKS) for name in names)


def _bad_header(reason: str) -> DataError:
    return refused_table(
        "data-bad-header",
        f"the header is not comma-separated text: {reason}",
        "Export the table as CSV: comma-separated, UTF-8, names in the first line.",
    )


def _check_utf8(column: Any, first_row: int, name: str) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        for index, raw in enumerate(column.cast(pa.binary()).to_pylist()):
            if raw is not None and not _is_utf8(raw):
                value = raw.decode("utf-8", "backslashreplace")
                where = f"row {first_row + index}, column {name!r}: {shown(value)}"
                raise _not_utf8(where) from error
        raise


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(where: str) -> DataError:
    return refused_table(
        "data-not-utf8",
        f"{where} is not UTF-8 text",
        "Save the file again with the encoding UTF-8.",
    )


def _refused_text(reason: str, first_row: int) -> DataError:
    """Word what Arrow says about a batch that it could not parse."""
    if ragged := _RAGGED.search(reason):
        row, expected, actual, text = ragged.groups()
        return refused_table(
            "data-ragged-row",
            f"row {int(row) - 1} has {actual} fields, the header has {expected}: {shown(text)}",
            "Every row needs as many fields as the header; quote fields that hold commas, and "
            "look for a quote that is never closed.",
        )
    if "straddling" in reason:
        return refused_table(
            "data-long-row",
            f"a row after row {first_row - 1} is longer than {BLOCK_BYTES >> 20} MiB",
            "Look for a quote that is never closed.",
        )
    return refused_table(
        "data-not-a-table",
        f"after row {first_row - 1}: {reason.splitlines()[0]}",
        "Export the table as CSV: comma-separated, UTF-8, names in the first line.",
    )
