"""The static layout of a log (https://c2sp.org/tlog-tiles): paths, widths and bundles only."""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cotrain.errors import MalformedError, UsageError

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_ENTRY_SIZE = (1 << 16) - 1
"""Largest entry that the uint16 length prefix of a bundle can hold."""

_LENGTH = struct.Struct(">H")


class Tile(NamedTuple):
    """One tile: `width` hashes from `number` * 256 on, of the tree level 8 * `level`."""

    level: int
    number: int
    width: int


def tile_path(tile: Tile) -> str:
    """Return the path of a tile: ``tile/<L>/<N>[.p/<W>]``."""
    return f"tile/{tile.level}/{_numbered(tile.number, tile.width)}"


def bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle: ``tile/entries/<N>[.p/<W>]``."""
    return f"tile/entries/{_numbered(number, width)}"


def blob_path(digest: bytes) -> str:
    """Return the path of a blob. This one is ours: tlog-tiles knows no blobs."""
    return f"blob/{digest.hex()}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of a tree of `size` leaves, on each level the partial one last."""
    level = 0
    while size >> TILE_HEIGHT * level:
        full, rest = divmod(size >> TILE_HEIGHT * level, TILE_WIDTH)
        for number in range(full):
            yield Tile(level, number, TILE_WIDTH)
        if rest:
            yield Tile(level, full, rest)
        level += 1


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries, each with its length as big-endian uint16.

    Raises:
        UsageError: An entry is larger than `MAX_ENTRY_SIZE`.
    """
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise UsageError(
                "ledger-bad-entry",
                f"an entry of {len(entry)} bytes does not fit in a bundle ({MAX_ENTRY_SIZE})",
                hint="Keep entries small: put the payload into a blob and its hash into the entry.",
            )
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle.

    Raises:
        MalformedError: `data` does not hold exactly that many entries.
    """
    entries, at = [], 0
    for _ in range(width):
        start = at + _LENGTH.size
        if start > len(data):
            raise _bad_bundle(width)
        at = start + _LENGTH.unpack_from(data, at)[0]
        entries.append(data[start:at])
    if at != len(data):
        raise _bad_bundle(width)
    return entries


def _numbered(number: int, width: int) -> str:
    """Return ``<N>[.p/<W>]``: 1234067 becomes ``x001/x234/067``."""
    if number < 0 or not 1 <= width <= TILE_WIDTH:
        raise UsageError("ledger-out-of-range", f"there is no tile {number} of width {width}")
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    path = "/".join(groups)
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _bad_bundle(width: int) -> MalformedError:
    return MalformedError("ledger-bad-bundle", f"the bundle does not hold exactly {width} entries")
