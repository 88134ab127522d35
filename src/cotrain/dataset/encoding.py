"""What becomes of a row: d bounded integers and a label, the same on every machine.

Each cell becomes an integer by public constants alone, then the row is scaled down to the schema's
L2 bound C. That bound is what later limits the influence of one row on a gradient, and it is
proven once, when the dataset is registered. Nothing here depends on other rows: no mean, no
variance, no quantile of the data, and hence no privacy cost.

Spec: docs/spec/schema-and-encoding.md, steps 7 to 10. `cotrain.dataset.twin` is the slow version.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, assert_never

import numpy as np
import numpy.typing as npt

from cotrain.agreement.schema import (
    CategoryColumn,
    Column,
    FlagColumn,
    IndicatorColumn,
    NumericColumn,
    NumericTarget,
    Schema,
    Target,
)
from cotrain.dataset.cells import CellReader
from cotrain.dataset.reader import TableSource, read_blocks

Doubles = npt.NDArray[np.float64]

MAX_ENTRY: Final = 32767
"""Largest magnitude of a feature before its row is scaled down."""
ROWS_PER_BLOCK: Final = 8192


@dataclass(frozen=True)
class EncodedDataset:
    """A data owner's rows as the proofs see them.

    Attributes:
        schema_digest: The 32-byte hash of the schema that encoded them.
        names: Names of the d + 1 columns: the features, ``bias``, the target.
        rows: int16 of shape (n, d + 1), read-only; the label is the last column.
    """

    schema_digest: bytes
    names: tuple[str, ...]
    rows: npt.NDArray[np.int16]

    @property
    def row_count(self) -> int:
        """n, the number of rows."""
        return int(self.rows.shape[0])

    @property
    def features(self) -> npt.NDArray[np.int16]:
        """int16 view of shape (n, d), the bias column last."""
        return self.rows[:, :-1]

    @property
    def labels(self) -> npt.NDArray[np.int16]:
        """int16 view of shape (n,)."""
        return self.rows[:, -1]


def encode_table(source: TableSource, schema: Schema) -> EncodedDataset:
    """Read and encode all rows of `source`.

    Memory is that of the result and a few blocks.

    Raises:
        OutsideError: ``data-unreadable-file``.
        DataError: The table does not fit the schema; see docs/spec/schema-and-encoding.md.
    """
    blocks: list[npt.NDArray[np.int16] | None] = list(_encoded_batches(source, schema))
    count = sum(len(block) for block in blocks if block is not None)
    rows = np.empty((count, len(schema.encoded_names)), dtype=np.int16)
    start = 0
    for index, block in enumerate(blocks):
        if block is not None:
            rows[start : start + len(block)] = block
            start += len(block)
            blocks[index] = None  # freed as it is copied, so that the rows are held once
    rows.flags.writeable = False
    return EncodedDataset(schema.digest(), schema.encoded_names, rows)


def encode_blocks(
    source: TableSource, schema: Schema, rows_per_block: int = ROWS_PER_BLOCK
) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the encoded rows in order, int16 of shape (rows_per_block, d + 1); the last is shorter.

    Raises:
        OutsideError: ``data-unreadable-file``.
        DataError: As `encode_table`, but possibly only after blocks were yielded: use none of them
            before the last one has come.
    """
    return _regrouped(_encoded_batches(source, schema), rows_per_block)


def encode_cells(cells: Doubles, schema: Schema) -> npt.NDArray[np.int16]:
    """Encode the cells that `cotrain.dataset.cells` has understood.

    Args:
        cells: Doubles of shape (columns + 1, n), the target last.
        schema: The schema by which they were read.

    Returns:
        int16 of shape (n, d + 1), the label last; the L2 norm of no row's features is above C.
    """
    features = encode_features(cells[:-1], schema)
    labels = encode_labels(cells[-1], schema.target)
    return np.concatenate([features, labels[:, np.newaxis]], axis=1)


def encode_features(cells: Doubles, schema: Schema) -> npt.NDArray[np.int16]:
    """Encode feature cells of shape (columns, n) as int16 of shape (n, d) (spec steps 7 to 9)."""
    scale = schema.feature_scale
    entries = np.empty((schema.feature_count, cells.shape[1]), dtype=np.int64)
    first = 0
    for column, values in zip(schema.columns, cells, strict=True):
        width = len(column.encoded_names())
        entries[first : first + width] = _encode_column(column, values, scale)
        first += width
    entries[first] = scale  # the bias
    return scale_to_bound(entries, schema.row_bound).T.astype(np.int16)


def encode_labels(values: Doubles, target: Target) -> npt.NDArray[np.int16]:
    """Encode n target cells as int16 labels (spec step 10)."""
    if isinstance(target, NumericTarget):
        limit = 1 << target.residual_bits
        values = _map_linearly(values, target.min, target.max, limit, limit)
    return values.astype(np.int16)


def linear_map(low: str, high: str, scale: int) -> tuple[float, float]:
    """Return the doubles (centre, slope) of v -> (v - centre) * slope (spec step 7).

    The exact rationals (low + high) / 2 and 2 scale / (high - low), each rounded once to the
    nearest double, ties to even.
    """
    exact_low, exact_high = Fraction(low), Fraction(high)
    return float((exact_low + exact_high) / 2), float(2 * scale / (exact_high - exact_low))


def scale_to_bound(entries: npt.NDArray[np.int64], bound: int) -> npt.NDArray[np.int64]:
    """Scale down every row whose L2 norm is above `bound` (spec step 9).

    With t = ceil(sqrt(sum of squares)), each entry becomes sign(x) * floor(|x| * bound / t). As
    floor only shrinks and t >= norm, the new norm is at most bound * norm / t <= bound.

    Args:
        entries: int64 of shape (d, n), a row of the table per column, magnitudes up to 32767.
        bound: C, at most 2^14, so that all products stay below 2^63.
    """
    squares = np.einsum("ij,ij->j", entries, entries)
    roots = np.maximum(ceil_sqrt(squares), bound)  # t = C leaves a row as it is
    scaled: npt.NDArray[np.int64] = np.sign(entries) * (np.abs(entries) * bound // roots)
    return scaled


def ceil_sqrt(squares: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the smallest integers t >= 0 with t * t >= `squares`, for 0 <= squares < 2^52.

    Exact: a double holds such an integer s, and IEEE 754 rounds its root correctly. A root that is
    no integer lies more than 1 / 2t >= 2^-27 above the integer below it, while half the spacing of
    doubles there is at most 2^-28, so it is not rounded down to that integer; nor above t, which
    is a double.
    """
    return np.ceil(np.sqrt(squares.astype(np.float64))).astype(np.int64)


def _encode_column(column: Column, values: Doubles, scale: int) -> Doubles:
    """Return the encoded columns of one column, whole doubles of shape (width, n)."""
    encoded: Doubles
    match column:
        case NumericColumn():
            encoded = _map_linearly(values, column.low, column.high, scale, MAX_ENTRY)
        case CategoryColumn():
            indices = np.arange(len(column.categories), dtype=np.float64)
            encoded = (values == indices[:, np.newaxis]) * float(scale)
        case FlagColumn():
            encoded = (2.0 * values - 1.0) * scale
        case IndicatorColumn():
            encoded = values * scale
        case _:
            assert_never(column)
    return encoded


def _map_linearly(values: Doubles, low: str, high: str, scale: int, limit: int) -> Doubles:
    centre, slope = linear_map(low, high, scale)
    whole: Doubles = np.rint((values - centre) * slope).clip(-limit, limit)
    return whole


def _encoded_batches(source: TableSource, schema: Schema) -> Iterator[npt.NDArray[np.int16]]:
    reader = CellReader(schema)
    for block in read_blocks(source, schema):
        yield encode_cells(reader.read(block), schema)


def _regrouped(
    batches: Iterable[npt.NDArray[np.int16]], size: int
) -> Iterator[npt.NDArray[np.int16]]:
    held: list[npt.NDArray[np.int16]] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= size:
            rows = np.concatenate(held)
            whole = len(rows) - len(rows) % size
            yield from np.split(rows[:whole], whole // size)
            held = [rows[whole:]]
    rest = np.concatenate(held) if held else None
    if rest is not None and len(rest) > 0:
        yield rest
