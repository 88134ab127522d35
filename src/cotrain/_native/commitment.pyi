"""`cotrain._native.commitment`: Pedersen vector commitments over ristretto255.

Points and scalars are 32 canonical bytes each, lists are concatenations; arrays are one-dimensional
and contiguous. Every function raises `ValueError(code, sentence)` for what it refuses; the codes
are those of `docs/spec/commitment.md`. `cotrain.commitment.pedersen` is the typed face.
"""

import numpy as np
from numpy.typing import NDArray

MAX_WIDTH: int
"""Largest number of entries in a row, 65,536."""

def generator(index: int) -> bytes:
    """Return the point `G_index` (32 bytes), `0 <= index < MAX_WIDTH`."""

def blinding_generator() -> bytes:
    """Return the point `H` (32 bytes), which carries the blinding."""

def row_count(entries: int, width: int) -> int:
    """Return `ceil(entries / width)` for `1 <= width <= MAX_WIDTH`."""

def commit_i16(values: NDArray[np.int16], width: int, blindings: bytes) -> bytes:
    """Commit to int16 entries, shape (n,); 32 bytes of blinding for each row of `width`.

    Returns:
        32 bytes for each row. Releases the interpreter lock; time depends on the values.
    """

def commit_i64(values: NDArray[np.int64], width: int, blindings: bytes) -> bytes:
    """Commit to int64 entries, shape (n,); otherwise as `commit_i16`."""

def derive_blindings(seed: bytes, label: bytes, count: int) -> bytes:
    """Expand a secret seed of 32 bytes into `count` scalars (32 bytes each)."""

def check_commitments(commitments: bytes, entries: int, width: int) -> None:
    """Check that bytes are canonical points, one for each row of `entries` values."""

def sum_commitments(lists: list[bytes]) -> bytes:
    """Add lists of commitments of equal length, row by row."""

def add_blindings(lists: list[bytes]) -> bytes:
    """Add lists of scalars of equal length, row by row, modulo the group order."""

def verify_opening(
    commitments: bytes,
    values: NDArray[np.int16] | NDArray[np.int64],
    width: int,
    blindings: bytes,
) -> None:
    """Check that `commitments` commit to exactly these values under these blindings."""
