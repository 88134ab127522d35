"""Registering a dataset: commitments to its encoded rows, in blocks, under one root.

Spec: docs/spec/dataset.md. The rows (features, bias, label) are padded with zero columns to a power of two and
cut into blocks of `BLOCK_ROWS` rows; each block is committed in Hyrax rows of `DATASET_WIDTH` entries, so that
one block can be proven, or replaced, by itself. The commitments hide the rows perfectly.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.commitment.pedersen import commit, derive_blindings, row_count
from cotrain.errors import MalformedError

DATASET_WIDTH = 1024
BLOCK_ROWS = 8192
POINT_BYTES = 32
_TAG = b"cotrain/dataset/1"


@dataclass(frozen=True)
class DatasetLayout:
    """Shape of a committed dataset; everybody computes it from public numbers.

    Attributes:
        rows: Number of rows of the owner.
        columns: Encoded columns: features, bias and label.
    """

    rows: int
    columns: int

    @property
    def padded_columns(self) -> int:
        """Columns after padding with zeros to a power of two."""
        return 1 << (self.columns - 1).bit_length()

    @property
    def width(self) -> int:
        """Entries under one commitment: a whole number of rows."""
        return max(DATASET_WIDTH, self.padded_columns)

    @property
    def rows_per_point(self) -> int:
        """Rows under one commitment."""
        return self.width // self.padded_columns

    def place_of(self, row: int) -> tuple[int, int]:
        """Return the commitment that a row is under, counted over the whole dataset, and its place there."""
        block, within = divmod(row, BLOCK_ROWS)
        point, place = divmod(within, self.rows_per_point)
        return block * self.block_points(0, BLOCK_ROWS) + point, place

    def rows_of(self, point: int) -> tuple[int, int]:
        """Return (first row, end row) of what is under one commitment."""
        block, within = divmod(point, self.block_points(0, BLOCK_ROWS))
        start = block * BLOCK_ROWS + within * self.rows_per_point
        end = min(start + self.rows_per_point, (block + 1) * BLOCK_ROWS, self.rows)
        return start, end

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield (first row, end row) of each block."""
        for start in range(0, self.rows, BLOCK_ROWS):
            yield start, min(start + BLOCK_ROWS, self.rows)

    def block_points(self, start: int, stop: int) -> int:
        """Return the number of commitments of one block."""
        return row_count((stop - start) * self.padded_columns, self.width)

    @property
    def points(self) -> int:
        """Number of commitments of the whole dataset."""
        return sum(self.block_points(start, stop) for start, stop in self.blocks())


@dataclass(frozen=True)
class DatasetCommitment:
    """The public side of a registered dataset.

    Attributes:
        layout: Its shape.
        root: SHA-256 (hex) over shape, schema and block digests.
        commitments: 32 bytes a point, block after block.
    """

    layout: DatasetLayout
    root: str
    commitments: bytes = field(repr=False)


def commit_dataset(rows: NDArray[np.int16], schema_hash: str, seed: bytes) -> DatasetCommitment:
    """Commit to encoded rows.

    Args:
        rows: int16, shape (n, columns): features, bias, label.
        schema_hash: SHA-256 (hex) of the schema by which they were encoded.
        seed: 32 secret bytes, fresh for each registration; the blindings are derived from it.

    Returns:
        Commitments and root; the same bytes for the same arguments.
    """
    layout = DatasetLayout(rows.shape[0], rows.shape[1])
    points = []
    for number, (start, stop) in enumerate(layout.blocks()):
        block = np.zeros((stop - start, layout.padded_columns), dtype=np.int16)
        block[:, : layout.columns] = rows[start:stop]
        blindings = derive_blindings(seed, block_label(number), layout.block_points(start, stop))
        points.append(commit(block.reshape(-1), layout.width, blindings))
    commitments = b"".join(points)
    return DatasetCommitment(layout, dataset_root(layout, schema_hash, commitments), commitments)


def point_blinding(layout: DatasetLayout, seed: bytes, point: int) -> bytes:
    """Return the blinding of one commitment, from the seed of `commit_dataset`."""
    block, within = divmod(point, layout.block_points(0, BLOCK_ROWS))
    blindings = derive_blindings(seed, block_label(block), within + 1)
    return blindings[POINT_BYTES * within :]


def block_label(number: int) -> bytes:
    """Return the label under which the blindings of a block are derived."""
    return f"dataset/{number}".encode()


def dataset_root(layout: DatasetLayout, schema_hash: str, commitments: bytes) -> str:
    """Return the root of a dataset from its public parts.

    Raises:
        MalformedError: `commitments` has not the length that the layout demands.
    """
    if len(commitments) != POINT_BYTES * layout.points:
        raise MalformedError(
            "dataset-commitments-length",
            f"{layout.rows} rows of {layout.columns} columns need {layout.points} commitments, "
            f"got {len(commitments)} bytes",
            meaning="The registration does not fit its own number of rows.",
            hint="Register the dataset again.",
        )
    root = hashlib.sha256(_TAG)
    root.update(bytes.fromhex(schema_hash))
    root.update(
        b"".join(n.to_bytes(8, "little") for n in (layout.rows, layout.columns, layout.width))
    )
    offset = 0
    for number, (start, stop) in enumerate(layout.blocks()):
        end = offset + POINT_BYTES * layout.block_points(start, stop)
        block = hashlib.sha256(
            _TAG + b"/block" + number.to_bytes(8, "little") + commitments[offset:end]
        )
        root.update(block.digest())
        offset = end
    return root.hexdigest()
