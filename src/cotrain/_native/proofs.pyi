"""`cotrain._native.proofs`: the statements of `docs/spec/statements.md`, one segment each.

Points, scalars and proofs are bytes; arrays are contiguous. Every function raises `ValueError(code,
sentence)` for what it refuses, and `ValueError("proof-witness", sentence, place, column)` for a witness
that does not satisfy the statement. Proving and checking release the interpreter lock.
`cotrain.proofs` is the typed face.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: int
"""Rows of a block of a committed dataset, 8192."""
UPDATE_WIDTH: int
"""Entries under one commitment of a gradient, update or list of words, 1024."""

class Equation:
    """What remains of a proof to be checked: a sum of points that must be the identity."""

def check_all(equations: list[Equation]) -> None:
    """Check many proofs by one multiplication."""

def dataset_segment_rows(columns: int) -> int:
    """Return the rows of a segment of S1."""

def gradient_segment_rows(kind: str, columns: int, classes: int) -> int:
    """Return the rows of a segment of S2."""

class DatasetStatement:
    """S1: the rows of a segment satisfy the schema."""

    def __new__(
        cls,
        context: bytes,
        place: tuple[int, int, int, int],
        scales: tuple[int, int],
        labels: tuple[int, int],
        kinds: bytes,
        groups: list[int],
    ) -> Self:
        """Take rows, columns, first row, count; log2 C, S; label range; kinds and groups of features."""

    def proof_bytes(self) -> int:
        """Return the length of every proof."""

    def prove(self, rows: NDArray[np.int16], points: bytes, secrets: bytes, fresh: bytes) -> bytes:
        """Prove for rows, shape (count, columns), their points and blindings, with 32 fresh bytes."""

    def reduce(self, points: bytes, proof: bytes) -> Equation:
        """Check everything but the last multiplication."""

class GradientStatement:
    """S2: a commitment opens to the exact gradient over the rows of a segment."""

    def __new__(
        cls,
        context: bytes,
        place: tuple[int, int, int, int],
        kind: str,
        shape: tuple[int, int],
        scales: tuple[int, int, int, int],
        table: tuple[NDArray[np.int32], bytes],
        weights: NDArray[np.int32],
    ) -> Self:
        """Take the place as in `DatasetStatement`; d, K; log2 C, f, s, L; table and its SHA-256; weights."""

    def proof_bytes(self) -> int:
        """Return the length of every proof, without the points of the gradient."""

    def prove(
        self,
        rows: NDArray[np.int16],
        points: bytes,
        secrets: tuple[bytes, bytes],
        fresh: bytes,
    ) -> tuple[NDArray[np.int64], bytes, bytes]:
        """Return gradient, its points and the proof; `secrets` are blindings of rows and of gradient."""

    def reduce(self, points: bytes, gradient: bytes, proof: bytes) -> Equation:
        """Check everything but the last multiplication."""

class UpdateStatement:
    """S3 and S4: C_U opens to the rounded gradient plus drawn noise."""

    def __new__(
        cls,
        context: bytes,
        entries: int,
        scales: tuple[int, int],
        noise: tuple[NDArray[np.uint64], bytes, bytes] | None,
    ) -> Self:
        """Take K d; shift and B; thresholds, their SHA-256 and coins."""

    def proof_bytes(self) -> int:
        """Return the length of every proof."""

    def prove(
        self,
        points: tuple[bytes, bytes, bytes],
        gradient: NDArray[np.int64],
        update: NDArray[np.int64],
        words: NDArray[np.uint64],
        secrets: tuple[bytes, bytes, bytes],
        fresh: bytes,
    ) -> bytes:
        """Prove; points and blindings are those of gradient, update and words."""

    def reduce(self, points: tuple[bytes, bytes, bytes], proof: bytes) -> Equation:
        """Check everything but the last multiplication."""

class RemovalStatement:
    """S9: a commitment to rows opens to what another one opens to, with one row set to zero."""

    def __new__(cls, context: bytes, width: int, padded: int, row: int) -> Self:
        """Take entries of a commitment, entries of a row, and the row's place within the commitment."""

    def proof_bytes(self) -> int:
        """Return the length of every proof."""

    def prove(
        self,
        points: tuple[bytes, bytes],
        rows: NDArray[np.int64],
        secrets: tuple[bytes, bytes],
        fresh: bytes,
    ) -> bytes:
        """Prove for the entries before; points and blindings are those before and after."""

    def reduce(self, points: tuple[bytes, bytes], proof: bytes) -> Equation:
        """Check everything but the last multiplication."""

class ContributionStatement:
    """S8: a score is the rounded inner product of committed updates with public gradients, plus noise."""

    def __new__(
        cls,
        context: bytes,
        gradients: NDArray[np.int32],
        shift: int,
        noise: tuple[NDArray[np.uint64], bytes, bytes] | None,
        score: int,
    ) -> Self:
        """Take gradients, shape (rounds, K d); shift; thresholds, their SHA-256 and coins; the score."""

    def proof_bytes(self) -> int:
        """Return the length of every proof."""

    def prove(
        self,
        points: tuple[list[bytes], bytes],
        updates: NDArray[np.int64],
        words: NDArray[np.uint64],
        secrets: tuple[list[bytes], bytes],
        fresh: bytes,
    ) -> bytes:
        """Prove for updates, shape (rounds, K d), and the words under the first point of their commitment.

        Points and blindings are those of each update, and that point's.
        """

    def reduce(self, points: tuple[list[bytes], bytes], proof: bytes) -> Equation:
        """Check everything but the last multiplication."""

def inner_product(gradients: NDArray[np.int32], updates: NDArray[np.int64]) -> int:
    """Return the sum of the products of all entries, exactly; both of one shape (rounds, K d)."""
