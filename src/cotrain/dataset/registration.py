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
        blindings = derive_blindings(
            seed, f"dataset/{number}".encode(), layout.block_points(start, stop)
        )
        points.append(commit(block.reshape(-1), layout.width, blindings))
    commitments = b"".join(points)
    return DatasetCommitment(layout, dataset_root(layout, schema_hash, commitments), commitments)


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
