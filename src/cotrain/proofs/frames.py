"""Files that begin with a line that names their format and a line of canonical JSON; then come plain bytes."""

from collections.abc import Callable, Sequence
from typing import Any

from cotrain.errors import MalformedError
from cotrain.records import canonical

Progress = Callable[[int, int], None]
_MAX_HEADER = 1 << 16


def quiet(done: int, total: int) -> None:
    """Show no progress."""
    del done, total


def encode_header(tag: str, header: dict[str, Any]) -> bytes:
    """Return the two lines."""
    return tag.encode() + b"\n" + canonical.encode(header) + b"\n"


def decode_header(tag: str, data: bytes, fields: Sequence[str]) -> tuple[dict[str, Any], bytes]:
    """Return the header and the bytes after it.

    Args:
        tag: The format, version included.
        data: A whole file.
        fields: What the header has, no more and no less; `format` repeats the tag.

    Raises:
        MalformedError: Another format or version, or a header that is not canonical.
    """
    found, _, rest = data.partition(b"\n")
    if found != tag.encode():
        shown = found[:40].decode("ascii", "replace")
        raise _malformed(tag, f"it begins with {shown!r}")
    line, end, body = rest.partition(b"\n")
    if not end or len(line) > _MAX_HEADER:
        raise _malformed(tag, "its header has no end")
    header = canonical.decode(line)
    if not isinstance(header, dict) or set(header) != set(fields):
        raise _malformed(tag, f"its header has exactly the fields {', '.join(sorted(fields))}")
    if header["format"] != tag:
        raise _malformed(tag, f"its header names the format {str(header['format'])[:40]!r}")
    return header, body


def _malformed(tag: str, what: str) -> MalformedError:
    return MalformedError(
        "proof-format",
        f"this is not a file of format {tag}: {what}",
        meaning="The file is another one, damaged, or was written by another version.",
        hint="Compare its first line, and fetch it again from its author.",
    )
