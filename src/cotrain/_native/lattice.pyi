"""`cotrain._native.lattice`: sums under one-round RLWE keys, and verifiable shares of those keys.

`bounds` is always (parties, largest field); everything else is derived from it. Arrays are
one-dimensional and contiguous. Every function raises `ValueError(code, sentence)` for what it
refuses; the codes are those of `docs/spec/encryption.md` and `docs/spec/key-sharing.md`.
`cotrain.encryption` is the typed face of this module.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

DEGREE: int
"""Degree of the ring, 2048: entries of a key."""
MODULUS: int
"""The ciphertext modulus q, the largest prime below 2^53 that is 1 mod 4096."""
COEFFICIENT_BITS: int
"""Bits of a coefficient on the wire, 53."""
NOISE_BOUND: int
"""Largest absolute value of a key or error coefficient, 42."""
MAX_PARTIES: int
"""Most ciphertexts in one sum, 65,536."""
MAX_HOLDERS: int
"""Most holders of shares, 65,536."""

class SecretKey:
    """A one-round key; wiped when dropped, never printed, encrypts once."""

    def __new__(cls, seed: bytes) -> Self:
        """Derive the key from 32 secret uniform bytes."""

    @property
    def used(self) -> bool:
        """Whether the key has encrypted."""

    def encrypt(
        self, bounds: tuple[int, int], fields: NDArray[np.uint64], context: bytes, seed: bytes
    ) -> bytes:
        """Encrypt fields, shape (n,), each at most the largest field; refused the second time.

        Returns:
            `ciphertext_bytes(bounds, n)` bytes. Releases the interpreter lock.
        """

    def deal(
        self, bounds: tuple[int, int], threshold: int, holders: int, seed: bytes
    ) -> tuple[bytes, list[bytes]]:
        """Share the key: 32 bytes of commitment for each of the threshold; a share a holder."""

def derive_parameters(parties: int, max_field: int) -> dict[str, int]:
    """Return the numbers of `cotrain.encryption.parameters.SumParameters`, by name."""

def ciphertext_bytes(bounds: tuple[int, int], fields: int) -> int:
    """Return the length of a ciphertext of this many fields."""

def check_ciphertext(bounds: tuple[int, int], fields: int, ciphertext: bytes) -> None:
    """Check that bytes are the canonical encoding of some ciphertext of this many fields."""

def sum_ciphertexts(bounds: tuple[int, int], fields: int, ciphertexts: list[bytes]) -> bytes:
    """Add ciphertexts or sums of them; the result has the length of one."""

def open_total(
    bounds: tuple[int, int],
    fields: int,
    total: tuple[bytes, int],
    key_sum: NDArray[np.int32],
    context: bytes,
) -> NDArray[np.uint64]:
    """Open (sum of ciphertexts, how many) with the sum of their keys, shape (2048,).

    Returns:
        Each field's sum, shape (fields,).
    """

def verify_share(bounds: tuple[int, int], commitments: bytes, holder: int, share: bytes) -> None:
    """Check one share, or sum of shares, against the commitments to its polynomial."""

def find_bad_shares(
    bounds: tuple[int, int], holder: int, dealings: list[tuple[bytes, bytes]]
) -> list[int]:
    """Return the places of the bad (commitments, share) that many dealers sent to one holder."""

def sum_commitments(commitments: list[bytes]) -> bytes:
    """Add the commitments of several dealers, all of equal length."""

def sum_shares(bounds: tuple[int, int], shares: list[bytes]) -> bytes:
    """Add the shares that one holder has from several dealers."""

def recover(
    bounds: tuple[int, int], summands: int, threshold: int, shares: list[tuple[int, bytes]]
) -> NDArray[np.int32]:
    """Rebuild the sum of `summands` keys, shape (2048,), from (holder, sum of shares)."""
