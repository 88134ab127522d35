"""Pedersen vector commitments to small signed integers, in rows (`docs/spec/commitment.md`).

A vector of n entries is cut into rows of `width` entries; every row has one commitment (a
ristretto255 point, 32 bytes) and one secret blinding (a scalar, 32 bytes). Lists of them are
concatenated bytes.

Blindings are secrets and must be fresh for every commitment. This module draws none: the caller
expands 32 bytes of its `Entropy` with `derive_blindings`. Python cannot wipe bytes: keep them
short-lived.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from cotrain._native import commitment as native
from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError

DEFAULT_WIDTH: Final = 1024
"""Entries in a row, unless there is a reason for others (`docs/adr/0003-commitment-layout.md`)."""

Entries = NDArray[np.int16] | NDArray[np.int64]
"""What can be committed to: one-dimensional int16 or int64."""


def row_count(entries: int, width: int) -> int:
    """Return the number of rows, hence of commitments and blindings, of a vector.

    Raises:
        UsageError: Unless `1 <= width <= 65536` and `entries >= 0`.
    """
    with _refusals():
        return native.row_count(entries, width)


def derive_blindings(seed: bytes, label: bytes, count: int) -> bytes:
    """Expand a fresh secret seed into blindings (step 3).

    Args:
        seed: 32 secret uniform bytes, drawn for this commitment alone.
        label: What the blindings are for; separates several uses of one seed.
        count: Number of blindings, one for each row.

    Returns:
        32 bytes for each blinding.

    Raises:
        MalformedError: The seed is not 32 bytes long.
    """
    with _refusals():
        return native.derive_blindings(seed, label, count)


def commit(values: Entries, width: int, blindings: bytes) -> bytes:
    """Commit to a vector (step 4).

    Args:
        values: Entries, shape (n,), int16 or int64; any value is allowed.
        width: Entries in a row; the last row is padded with zeros.
        blindings: 32 bytes for each row.

    Returns:
        32 bytes for each row.

    Raises:
        UsageError: A width or an array that cannot be committed to.
        MalformedError: Blindings that are not one reduced scalar for each row.
    """
    entries = _contiguous(values)
    with _refusals():
        if entries.dtype == np.int16:
            return native.commit_i16(entries, width, blindings)  # type: ignore[arg-type]
        return native.commit_i64(entries, width, blindings)  # type: ignore[arg-type]


def check_commitments(commitments: bytes, entries: int, width: int) -> None:
    """Check commitments that somebody else sent (step 6): length and canonical points.

    Args:
        commitments: 32 bytes for each row.
        entries: Number of entries that they must be about; the shape never comes from the bytes.
        width: Entries in a row.

    Raises:
        UsageError: A width out of range.
        MalformedError: A wrong length, or a point that is not canonical.
    """
    with _refusals():
        native.check_commitments(commitments, entries, width)


def sum_commitments(lists: Sequence[bytes]) -> bytes:
    """Add commitments row by row (step 7): the sum commits to the sum of the vectors.

    Raises:
        MalformedError: No list, lists of different lengths, or a point that is not canonical.
    """
    with _refusals():
        return native.sum_commitments(list(lists))


def add_blindings(lists: Sequence[bytes]) -> bytes:
    """Add blindings row by row modulo the group order (step 7).

    Raises:
        MalformedError: No list, lists of different lengths, or a scalar that is not reduced.
    """
    with _refusals():
        return native.add_blindings(list(lists))


def verify_opening(commitments: bytes, values: Entries, width: int, blindings: bytes) -> None:
    """Check that commitments open to exactly these values under these blindings (step 8).

    Args:
        commitments: 32 bytes for each row.
        values: Claimed entries, shape (n,), int16 or int64; they and `width` alone fix the shape.
        width: Entries in a row.
        blindings: Claimed blindings, 32 bytes for each row.

    Raises:
        UsageError: A width or an array that cannot be committed to.
        MalformedError: Bytes of a wrong length, or a point or scalar that is not canonical.
        ForgeryError: Well-formed commitments to something else (code `commitment-does-not-open`).
    """
    entries = _contiguous(values)
    with _refusals():
        native.verify_opening(commitments, entries, width, blindings)


def _contiguous(values: Entries) -> Entries:
    """Return the same entries in one piece of memory, or refuse an array of another kind."""
    if values.ndim != 1 or values.dtype not in (np.int16, np.int64):
        what = f"cannot commit to an array of {values.ndim} dimensions and type {values.dtype}"
        hint = "Pass a one-dimensional int16 or int64 array."
        raise UsageError("commitment-entries", what, hint=hint)
    return cast("Entries", np.ascontiguousarray(values))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the compiled module refuses into the exceptions of Cotrain."""
    try:
        yield
    except OverflowError as error:
        raise UsageError("commitment-width", "a size is negative or beyond 64 bits") from error
    except ValueError as error:
        code, what = error.args
        raise _refusal(str(code), str(what)) from error


def _refusal(code: str, what: str) -> CotrainError:
    """Return the exception of a code, by whose fault it is."""
    match code:
        case "commitment-does-not-open":
            meaning = "Somebody claims values or blindings that were not committed to."
            return ForgeryError(code, what, meaning=meaning, hint="Ask each party for its opening.")
        case "commitment-width":
            return UsageError(code, what, hint="Choose a row width between 1 and 65536.")
        case _:
            return MalformedError(code, what, meaning="The bytes are not what the shape needs.")
