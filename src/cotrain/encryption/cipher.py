"""Encrypt under a one-round key, add ciphertexts, open the sum (`docs/spec/encryption.md`).

A ciphertext is ``c = a s + T e + m`` with a public `a` that everyone derives from `context`, so the
sum of ciphertexts opens with the sum of keys alone. A key serves one message: `encrypt` refuses the
second. To send the same bytes after a restart, keep them, or make key and ciphertext again from the
same seeds *and the same message*.

This module draws no randomness: seeds are 32 secret uniform bytes, each for one use.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cotrain._native import lattice as native
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.refusals import native_refusals
from cotrain.errors import UsageError


def generate_key(seed: bytes) -> native.SecretKey:
    """Derive a one-round key from 32 secret uniform bytes; the same seed gives the same key.

    Raises:
        UsageError: The seed is not 32 bytes long.
    """
    with native_refusals():
        return native.SecretKey(seed)


def encrypt(
    parameters: SumParameters,
    fields: NDArray[np.uint64],
    key: native.SecretKey,
    context: bytes,
    seed: bytes,
) -> bytes:
    """Encrypt one message.

    Args:
        parameters: The run's parameters.
        fields: uint64, shape (n,), n >= 1, each in ``[0, max_field]``.
        key: A key that has not encrypted.
        context: Names the agreement and the round; the same bytes for all who encrypt for one sum,
            and for no other sum.
        seed: 32 secret uniform bytes for the error.

    Returns:
        ``parameters.ciphertext_bytes(n)`` bytes.

    Raises:
        RefusedError: ``key-already-used``.
        UsageError: A field above the maximum, no field, an array of another kind, a seed of another
            length.
    """
    if fields.dtype != np.uint64 or fields.ndim != 1:
        what = f"fields are an array of type {fields.dtype} with {fields.ndim} dimensions"
        raise UsageError("fields-array", what, hint="Pass a one-dimensional uint64 array.")
    with native_refusals():
        return key.encrypt(parameters.bounds, np.ascontiguousarray(fields), context, seed)


def check_ciphertext(parameters: SumParameters, field_count: int, ciphertext: bytes) -> None:
    """Check that bytes are the canonical encoding of some ciphertext of `field_count` fields.

    Whether it encrypts what its sender committed to is not visible here.

    Raises:
        MalformedError: Wrong length, a coefficient of q or more, or padding bits that are not zero.
        UsageError: No fields.
    """
    with native_refusals():
        native.check_ciphertext(parameters.bounds, field_count, ciphertext)


def sum_ciphertexts(
    parameters: SumParameters, field_count: int, ciphertexts: Sequence[bytes]
) -> bytes:
    """Add ciphertexts, or sums of them.

    The result has the length of one ciphertext, so many can be added as they arrive.

    Raises:
        MalformedError: As `check_ciphertext`, of any of them.
        UsageError: None given, or no fields.
    """
    with native_refusals():
        return native.sum_ciphertexts(parameters.bounds, field_count, list(ciphertexts))


def open_sum(
    parameters: SumParameters,
    field_count: int,
    ciphertexts: Sequence[bytes],
    key_sum: NDArray[np.int32],
    context: bytes,
) -> NDArray[np.uint64]:
    """Add ciphertexts and open the sum.

    Args:
        parameters: The run's parameters.
        field_count: Fields in each message.
        ciphertexts: At most ``parameters.parties``, one for each key in `key_sum`.
        key_sum: int32, shape (2048,), from `cotrain.encryption.sharing.recover_key_sum`.
        context: The bytes that the parties encrypted with.

    Returns:
        uint64, shape (field_count,): each field summed over the parties, exact.

    Raises:
        ForgeryError: ``error-too-large`` or ``sum-too-large``: the sum is not one that honest
            parties make. A lie that stays in range passes: check the sum against the commitments.
        MalformedError: As `check_ciphertext`.
        UsageError: None given, more than there are parties, or no fields.
    """
    total = sum_ciphertexts(parameters, field_count, ciphertexts)
    return open_total(parameters, field_count, (total, len(ciphertexts)), key_sum, context)


def open_total(
    parameters: SumParameters,
    field_count: int,
    total: tuple[bytes, int],
    key_sum: NDArray[np.int32],
    context: bytes,
) -> NDArray[np.uint64]:
    """Open a sum that is added already; otherwise as `open_sum`.

    `total` is (sum of ciphertexts, how many).
    """
    with native_refusals():
        return native.open_total(
            parameters.bounds, field_count, total, np.ascontiguousarray(key_sum), context
        )
