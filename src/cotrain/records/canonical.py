"""Canonical JSON (RFC 8785): one value, one byte string.

Only strings, booleans, null, integers of at most 53 bits, lists and objects are allowed: no floating-point
numbers, so that no two machines can disagree on a digit. `decode` accepts exactly what `encode` produces.
"""

import hashlib
import json
from typing import Any

import rfc8785

from cotrain.errors import MalformedError

MAX_BYTES = 1 << 20
_MAX_INTEGER = 2**53 - 1


def encode(value: Any) -> bytes:
    """Return the RFC 8785 bytes of `value`.

    Raises:
        MalformedError: `value` holds something that canonical JSON of this project does not allow.
    """
    try:
        _refuse_foreign(value)
        return bytes(rfc8785.dumps(value))
    except (ValueError, RecursionError) as error:  # text that is not Unicode, endless nesting
        raise _malformed(str(error) or type(error).__name__) from error


def decode(data: bytes) -> Any:
    """Return the value whose canonical bytes are exactly `data`.

    Raises:
        MalformedError: not JSON, not canonical, a duplicate key, a float, or larger than `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise _malformed(f"{len(data)} bytes exceed the limit of {MAX_BYTES}")
    try:
        value = json.loads(
            data.decode("utf-8"), parse_float=_refuse_number, parse_constant=_refuse_number
        )
        again = encode(value)
    except (ValueError, RecursionError) as error:
        raise _malformed(str(error) or type(error).__name__) from error
    if again != data:
        raise _malformed("the bytes are not the canonical form of their value")
    return value


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _refuse_number(text: str) -> Any:
    raise ValueError(f"the number {text[:20]} is not an integer")


def _refuse_foreign(value: Any) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise _malformed(f"the integer {value} does not fit in 53 bits")
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_foreign(item)
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for item in value.values():
            _refuse_foreign(item)
    else:
        raise _malformed(f"a {type(value).__name__} cannot stand in a record")


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "record-not-canonical",
        f"not a canonical record: {what}",
        meaning="The bytes are damaged, or were written by a program that does not follow RFC 8785.",
        hint="Fetch the record again from its author or from another copy of the ledger.",
    )
