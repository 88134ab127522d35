"""What a prover does with points: commitments to vectors and values, in variable time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from reference.field import ORDER
from reference.ristretto import (
    IDENTITY,
    Point,
    add,
    blinding_generator,
    encode,
    entry_generator,
    multi_scalar,
    value_generator,
)

Opening = tuple[int, int]  # value, blinding
Entries = Sequence[int]


class Scalars:
    """Numbers modulo l from a seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed, self._count = seed, 0

    def draw(self) -> int:
        """Return the next one."""
        self._count += 1
        octets = hashlib.sha512(self._seed + self._count.to_bytes(8, "little")).digest()
        return int.from_bytes(octets, "little") % ORDER


@dataclass(frozen=True)
class CommittedMatrix:
    """The entries of an input, and a blinding for each of its commitments."""

    entries: tuple[int, ...]
    width: int
    blindings: tuple[int, ...]

    @property
    def points(self) -> bytes:
        """Its commitments."""
        rows = (self.entries[b * self.width :][: self.width] for b in range(len(self.blindings)))
        return b"".join(
            encode(commit_row(row, blinding))
            for row, blinding in zip(rows, self.blindings, strict=True)
        )


def commit_input(entries: Sequence[int], width: int, rng: Scalars) -> CommittedMatrix:
    """Commit to an input matrix with fresh blindings."""
    blindings = tuple(rng.draw() for _ in range(-(-len(entries) // width)))
    return CommittedMatrix(tuple(entries), width, blindings)


def add_matrices(matrices: Sequence[CommittedMatrix]) -> CommittedMatrix:
    """The sum of committed matrices, entries and blindings."""
    entries = tuple(map(sum, zip(*(m.entries for m in matrices), strict=True)))
    blindings = tuple(map(sum, zip(*(m.blindings for m in matrices), strict=True)))
    return CommittedMatrix(entries, matrices[0].width, blindings)


def commit_row(row: Entries, blinding: int) -> Point:
    """The sum of entries times G_0, G_1, ... plus blinding times H."""
    generators = [entry_generator(t) if entry else IDENTITY for t, entry in enumerate(row)]
    return add(multi_scalar(row, generators), multiply_fixed(blinding_generator(), blinding))


@cache
def _multiples(point: Point) -> list[list[Point]]:
    """For each hexadecimal digit of a scalar, its sixteen multiples."""
    tables = []
    for _ in range(64):
        tables.append([IDENTITY])
        for _ in range(15):
            tables[-1].append(add(tables[-1][-1], point))
        point = add(tables[-1][-1], point)
    return tables


def multiply_fixed(point: Point, scalar: int) -> Point:
    """Scalar times a point that is used often."""
    total, scalar = IDENTITY, scalar % ORDER
    for digit, table in enumerate(_multiples(point)):
        total = add(total, table[scalar >> 4 * digit & 15])
    return total


def commit_value(opening: Opening) -> Point:
    """Value V + blinding H."""
    value, blinding = opening
    return add(
        multiply_fixed(value_generator(), value), multiply_fixed(blinding_generator(), blinding)
    )


def commit_opening(
    scalars: Sequence[int], places: Sequence[int], value: int, blinding: int
) -> Point:
    """The sum of scalar times the generator of its place, and a value."""
    generators = [entry_generator(t) for t in places]
    return add(multi_scalar(scalars, generators), commit_value((value, blinding)))
