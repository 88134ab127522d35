"""Segments of a dataset, and byte strings cut into pieces of known lengths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cotrain.commitment.pedersen import derive_blindings
from cotrain.dataset.registration import BLOCK_ROWS, POINT_BYTES, DatasetLayout, block_label
from cotrain.errors import MalformedError

NOTHING: Final[Mapping[int, bytes]] = MappingProxyType({})


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

    def _points(self) -> tuple[int, int]:
        """First point within the dataset, and the number of points."""
        return self.layout.place_of(self.first)[0], -(-self.count // self.layout.rows_per_point)

    def points_of(self, commitments: bytes) -> bytes:
        """Return the part of a dataset's commitments that is about this segment."""
        start, count = self._points()
        return commitments[POINT_BYTES * start : POINT_BYTES * (start + count)]

    def blindings_of(self, seed: bytes, replaced: Mapping[int, bytes] = NOTHING) -> bytes:
        """Return the blindings of those commitments, from the seed of `commit_dataset`.

        Args:
            seed: The seed.
            replaced: Commitment (counted over the dataset) to its own blinding, where rows were removed since.
        """
        start, count = self._points()
        block = self.first // BLOCK_ROWS
        within = start % self.layout.block_points(0, BLOCK_ROWS)
        derived = derive_blindings(seed, block_label(block), within + count)
        parts = (
            replaced.get(start + place, derived[POINT_BYTES * (within + place) :][:POINT_BYTES])
            for place in range(count)
        )
        return b"".join(parts) if replaced else derived[POINT_BYTES * within :]


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
