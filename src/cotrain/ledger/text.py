"""Strict text encodings of the ledger's formats: UTF-8, base64 and decimals."""

import base64
import re

from cotrain.errors import MalformedError

MAX_COUNT = (1 << 63) - 1
"""Largest tree size, index or timestamp: the bound of tlog-cosignature and of SQLite integers."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def decode_text(data: str | bytes, code: str, *, limit: int) -> str:
    """Return `data` as a string, if it is UTF-8 of at most `limit` bytes.

    Args:
        data: Bytes as read from a file, or a string as read from a JSON document.
        code: Error code to raise with.
        limit: Largest accepted length in bytes.

    Raises:
        MalformedError: `data` is too long, not UTF-8, or a string with lone surrogates.
    """
    try:
        raw = data if isinstance(data, bytes) else data.encode()
        text = raw.decode()
    except UnicodeError:
        raise MalformedError(code, "the text is not valid UTF-8") from None
    if len(raw) > limit:
        raise MalformedError(code, f"the text has {len(raw)} bytes, more than the {limit} allowed")
    return text


def encode_base64(data: bytes) -> str:
    """Return the standard padded base64 of `data` (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, code: str, *, size: int | None = None) -> bytes:
    """Return the bytes that `text` encodes, if it is their one canonical base64.

    Args:
        text: Standard padded base64 (RFC 4648 section 4), without white space.
        code: Error code to raise with.
        size: The number of bytes expected, if it is known.

    Raises:
        MalformedError: Wrong alphabet, padding, length, or non-zero trailing bits.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise MalformedError(code, f"not base64: {text[:80]!r}") from None
    if encode_base64(data) != text:
        raise MalformedError(code, f"not the canonical base64 of its bytes: {text[:80]!r}")
    if size is not None and len(data) != size:
        raise MalformedError(code, f"{len(data)} bytes where {size} belong: {text[:80]!r}")
    return data


def decode_decimal(text: str, code: str) -> int:
    """Return the number written as ASCII decimal without leading zeros, at most `MAX_COUNT`.

    Raises:
        MalformedError: Anything else.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_COUNT:
        raise MalformedError(code, f"not a decimal number below 2^63: {text[:80]!r}")
    return int(text)
