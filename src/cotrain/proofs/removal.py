"""S9: one row was taken out of a committed dataset, and nothing else changed.

The commitment that the row is under is replaced by another one; the proof shows that it opens to the same rows, with
this one set to zero (`docs/spec/statements.md`, "S9 removal"; `docs/proofs/removal.md`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.commitment.pedersen import commit
from cotrain.dataset.registration import POINT_BYTES, DatasetLayout
from cotrain.proofs.refusals import refusals

_WHAT = "proof of a removed row"


@dataclass(frozen=True)
class RemovalStatement:
    """What is claimed; every number in it is public.

    Attributes:
        layout: Shape of the dataset.
        row: The row that is removed, from 0.
        before: The commitment that it is under: 32 bytes.
        after: What replaces it: 32 bytes.
        context: Names run, owner and dataset.
    """

    layout: DatasetLayout
    row: int
    before: bytes
    after: bytes
    context: bytes

    def proof_bytes(self) -> int:
        """Return the length of every proof of such a statement."""
        with refusals(_WHAT):
            return self._native().proof_bytes()

    def verify(self, proof: bytes) -> None:
        """Check a proof.

        Raises:
            MalformedError: Bytes of another length, or points or scalars that are not canonical.
            ForgeryError: The proof does not hold.
        """
        with refusals(_WHAT):
            native.check_all([self._native().reduce((self.before, self.after), proof)])

    def prove(
        self, rows: NDArray[np.int16], blindings: tuple[bytes, bytes], entropy: bytes
    ) -> bytes:
        """Prove it.

        Args:
            rows: int16: the rows under the commitment, as they were before.
            blindings: Of the commitments before and after; 32 bytes each, the second one fresh.
            entropy: 32 fresh secret bytes.
        """
        values = padded_rows(self.layout, rows)
        with refusals(_WHAT):
            return self._native().prove((self.before, self.after), values, blindings, entropy)

    def _native(self) -> native.RemovalStatement:
        _, place = self.layout.place_of(self.row)
        return native.RemovalStatement(
            self.context, self.layout.width, self.layout.padded_columns, place
        )


def padded_rows(layout: DatasetLayout, rows: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return rows as they stand under one commitment: int64, one after the other, each padded with zeros."""
    block = np.zeros((len(rows), layout.padded_columns), dtype=np.int64)
    block[:, : layout.columns] = rows
    return block.reshape(-1)


def commit_rows(layout: DatasetLayout, rows: NDArray[np.int16], blinding: bytes) -> bytes:
    """Return the commitment to the rows under one point: 32 bytes."""
    return commit(padded_rows(layout, rows), layout.width, blinding)


def replace_point(commitments: bytes, point: int, after: bytes) -> bytes:
    """Return the commitments of a dataset with one of them replaced."""
    start = POINT_BYTES * point
    return commitments[:start] + after + commitments[start + POINT_BYTES :]


def point_of(commitments: bytes, point: int) -> bytes:
    """Return one commitment of a dataset."""
    return commitments[POINT_BYTES * point :][:POINT_BYTES]
