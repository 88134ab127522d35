"""Opening the sum of a round and checking it against the commitments, with no key.

Steps (docs/spec/protocol.md, step 11): recover the key sum from the released shares; subtract it from the
sum of the ciphertexts; read the fields; split them into the sum of updates and the sum of blindings; check
that these open the product of the survivors' commitments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.commitment.pedersen import sum_commitments, verify_opening
from cotrain.encryption.cipher import open_sum
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.sharing import recover_key_sum

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
LIMBS = 16
LIMB_BITS = 16


@dataclass(frozen=True)
class UpdateShape:
    """Shape of an update and of its encryption, the same for every party of a run.

    Attributes:
        dimension: Entries of an update.
        width: Entries under one commitment.
        rows: Commitments of an update.
        bound: Largest absolute value of an entry.
        parameters: The cipher's parameters.
    """

    dimension: int
    width: int
    rows: int
    bound: int
    parameters: SumParameters

    @property
    def field_count(self) -> int:
        """Fields in a ciphertext."""
        return self.dimension + LIMBS * self.rows


@dataclass(frozen=True)
class OpenedSum:
    """What a round reveals.

    Attributes:
        update: int64, shape (dimension,): the sum of the survivors' noised updates.
        blinding: 32 bytes a commitment: the sum of their blindings.
        key: int32: the sum of their one-round keys.
    """

    update: NDArray[np.int64]
    blinding: bytes = field(repr=False)
    key: NDArray[np.int32] = field(repr=False)


def to_fields(update: NDArray[np.int64], blindings: bytes, bound: int) -> NDArray[np.uint64]:
    """Lay out one update and its blindings as non-negative fields.

    Args:
        update: int64, shape (dimension,), each entry within `bound`.
        blindings: 32 bytes (little-endian scalar) for each commitment.
        bound: Offset that makes the entries non-negative.

    Returns:
        uint64, shape (dimension + 16 * commitments,).
    """
    limbs = np.frombuffer(blindings, dtype="<u2").astype(np.uint64)
    return np.concatenate([(update + bound).astype(np.uint64), limbs])


def from_fields(
    fields: NDArray[np.uint64], shape: UpdateShape, parties: int
) -> tuple[NDArray[np.int64], bytes]:
    """Split summed fields into the sum of updates and the sum of blindings (mod the group order)."""
    update = fields[: shape.dimension].astype(np.int64) - parties * shape.bound
    limbs = fields[shape.dimension :].reshape(shape.rows, LIMBS)
    blindings = b"".join(
        (
            sum(int(limb) << (LIMB_BITS * place) for place, limb in enumerate(row)) % GROUP_ORDER
        ).to_bytes(32, "little")
        for row in limbs
    )
    return update, blindings


def open_update_sum(
    shape: UpdateShape,
    context: bytes,
    ciphertexts: Sequence[bytes],
    threshold: int,
    releases: Sequence[tuple[int, bytes]],
) -> OpenedSum:
    """Open the sum of the survivors' updates.

    Args:
        shape: Shape of each update.
        context: What binds the ciphertexts to this run and round.
        ciphertexts: One for each survivor.
        threshold: Releases that determine the key sum; further ones must agree.
        releases: (index of the holder, its summed share), already verified.

    Raises:
        ForgeryError: the shares or the ciphertexts are not what they should be.
    """
    parties = len(ciphertexts)
    key = recover_key_sum(shape.parameters, parties, threshold, releases)
    fields = open_sum(shape.parameters, shape.field_count, ciphertexts, key, context)
    update, blinding = from_fields(fields, shape, parties)
    return OpenedSum(update, blinding, key)


def check_sum(shape: UpdateShape, commitments: Sequence[bytes], opened: OpenedSum) -> None:
    """Check that the opened sum is what the survivors committed to, together.

    Raises:
        ForgeryError: the sum does not open the product of their commitments.
    """
    verify_opening(sum_commitments(commitments), opened.update, shape.width, opened.blinding)
