"""Segments of a dataset, and byte strings cut into pieces of known lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cotrain.commitment.pedersen import derive_blindings
from cotrain.dataset.registration import BLOCK_ROWS, POINT_BYTES, DatasetLayout
from cotrain.errors import MalformedError


@dataclass(frozen=True)
class Segment:
    """A run of rows of one block that one proof is about.

    Attributes:
        layout: Of the whole dataset.
        first: First row.
        count: Number of rows.
    """

    layout: DatasetLayout
    first: int
    count: int

    @property
    def stop(self) -> int:
        """The row after the last one."""
        return self.first + self.count

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Rows and columns of the dataset, first row and rows of the segment."""
        return self.layout.rows, self.layout.columns, self.first, self.count

    @property
    def _rows_per_point(self) -> int:
        return self.layout.width // self.layout.padded_columns

    def _points(self) -> tuple[int, int]:
        """First point within the block, and the number of points."""
        within = self.first % BLOCK_ROWS
        return within // self._rows_per_point, -(-self.count // self._rows_per_point)

    def points_of(self, commitments: bytes) -> bytes:
        """Return the part of a dataset's commitments that is about this segment."""
        start, count = self._points()
        # All blocks but the last are full, so the points before this block are a multiple.
        block = self.first // BLOCK_ROWS
        start += block * -(-BLOCK_ROWS // self._rows_per_point)
        return commitments[POINT_BYTES * start : POINT_BYTES * (start + count)]

    def blindings_of(self, seed: bytes) -> bytes:
        """Return the blindings of those commitments, from the seed of `commit_dataset`."""
        start, count = self._points()
        label = f"dataset/{self.first // BLOCK_ROWS}".encode()
        blindings = derive_blindings(seed, label, start + count)
        return blindings[POINT_BYTES * start :]


def segments(layout: DatasetLayout, rows: int) -> Iterator[Segment]:
    """Cut each block of a dataset into segments of `rows` rows; the last ones may be shorter."""
    for start, stop in layout.blocks():
        for first in range(start, stop, rows):
            yield Segment(layout, first, min(rows, stop - first))


def cut(data: bytes, lengths: Sequence[int], what: str) -> list[bytes]:
    """Cut `data` into pieces of exactly these lengths.

    Raises:
        MalformedError: `data` is shorter or longer than all of them together.
    """
    if len(data) != sum(lengths):
        raise MalformedError(
            "proof-length",
            f"{what}: it has {len(data)} bytes, the statement needs {sum(lengths)}",
            meaning="The bytes are not a proof of a statement of this shape.",
            hint="Fetch the proof again; its author may use another version.",
        )
    pieces, offset = [], 0
    for length in lengths:
        pieces.append(data[offset : offset + length])
        offset += length
    return pieces
