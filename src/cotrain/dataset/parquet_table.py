"""A Parquet file as batches of columns, each of text or of doubles.

Whole numbers and floats become doubles, decimals their exact text, booleans ``true`` and ``false``.
Dates, lists and other types have no meaning in a schema and are refused.

Spec: docs/spec/schema-and-encoding.md, section "Files".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from cotrain.agreement.numerals import BLANKS
from cotrain.dataset.csv_table import damaged_file
from cotrain.dataset.refusal import refused_table
from cotrain.errors import DataError

MAGIC = b"PAR1"
BATCH_ROWS = 1 << 13


class ParquetTable:
    """An opened Parquet file.

    Attributes:
        names: The names of the top-level columns, blanks at their ends removed.
    """

    def __init__(self, path: Path) -> None:
        """Read the footer of the file `path`.

        Raises:
            DataError: ``data-damaged-file``.
        """
        self._path = path
        try:
            self._schema = parquet.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise damaged_file(path, error) from error
        self.names = tuple(name.strip(BLANKS) for name in self._schema.names)

    def batches(self, indices: list[int]) -> Iterator[list[Any]]:
        """Yield the columns at `indices`, batch by batch, as Arrow arrays of strings or doubles.

        Raises:
            DataError: ``data-wrong-type`` or ``data-damaged-file``.
        """
        for index in indices:
            _check_type(self._schema.field(index).type, self.names[index])
        wanted = [self._schema.names[index] for index in indices]
        try:
            with parquet.ParquetFile(self._path, pre_buffer=False) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                    yield [_plain(batch.column(name)) for name in wanted]
        except (pa.ArrowException, OSError) as error:
            raise damaged_file(self._path, error) from error


def _check_type(kind: Any, name: str) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (_is_text(kind) or _is_number(kind) or _is_exact(kind)):
        raise _wrong_type(kind, name)


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_exact(kind: Any) -> bool:
    """Tell whether values of this type are best taken by their text."""
    return bool(pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind))


def _plain(column: Any) -> Any:
    """Return the column as strings or as doubles; a whole number rounds to the nearest double."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_number(column.type):
        return pc.cast(column, pa.float64(), safe=False)
    return pc.cast(column, pa.string())


def _wrong_type(kind: Any, name: str) -> DataError:
    return refused_table(
        "data-wrong-type",
        f"column {name!r} holds values of type {kind}",
        "Use numbers, text or booleans; turn dates into numbers such as an age in years.",
    )
