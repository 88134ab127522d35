"""Write a ledger as static files (https://c2sp.org/tlog-tiles), and check such files again.

The directory can be served by any web server, mirrored, or archived. Blobs lie beside it under
``blob/<sha256>``.
"""

import hashlib
import os
from pathlib import Path

from cotrain.errors import ForgeryError, OutsideError, UsageError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.note import parse_note
from cotrain.ledger.policy import Policy, VerifiedCheckpoint
from cotrain.ledger.store import Ledger
from cotrain.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    blob_path,
    bundle_path,
    decode_bundle,
    encode_bundle,
    tile_path,
    tiles_of,
)
from cotrain.ledger.tree import Frontier, leaf_hash

_CHECKPOINT = "checkpoint"


def export_tiles(ledger: Ledger, directory: Path) -> Checkpoint:
    """Write the largest checkpoint of a ledger, its tiles, entry bundles, and all blobs.

    The checkpoint is written last and every file appears whole, so a reader at any moment finds all
    tiles of the checkpoint that it finds. Exporting again into the same directory adds what is new.

    Returns:
        The checkpoint.

    Raises:
        UsageError: The ledger has no checkpoint.
        ForgeryError: The ledger is damaged, or the directory holds a checkpoint of more entries.
        OutsideError: The directory cannot be written.
    """
    note = ledger.latest_checkpoint()
    if note is None:
        raise UsageError("ledger-no-checkpoint", "the ledger has no checkpoint to export")
    checkpoint = Checkpoint.parse(parse_note(note).text)
    for tile in tiles_of(checkpoint.size):
        _write(directory / tile_path(tile), read_tile(ledger, tile))
        if tile.level == 0:
            bundle = read_bundle(ledger, tile.number, tile.width)
            _write(directory / bundle_path(tile.number, tile.width), bundle)
    for digest in ledger.blob_digests():
        _write(directory / blob_path(digest), ledger.blob(digest))
    _write(directory / _CHECKPOINT, note.encode())
    return checkpoint


def read_tile(ledger: Ledger, tile: Tile) -> bytes:
    """Return the bytes of one tile: `width` hashes of 32 bytes."""
    start = tile.number * TILE_WIDTH
    return b"".join(ledger.nodes(tile.level * TILE_HEIGHT, start, start + tile.width))


def read_bundle(ledger: Ledger, number: int, width: int = TILE_WIDTH) -> bytes:
    """Return the bytes of one entry bundle."""
    start = number * TILE_WIDTH
    return encode_bundle(ledger.entries(start, start + width))


def verify_export(directory: Path, policy: Policy) -> VerifiedCheckpoint:
    """Check an exported directory: signatures, every entry, every tile, every blob.

    Raises:
        MalformedError: A file is not what its name says.
        ForgeryError: The policy refuses the checkpoint, or a file is not under it.
        OutsideError: A file is missing or cannot be read.
    """
    verified = policy.verify(_read(directory / _CHECKPOINT))
    size = verified.checkpoint.size
    frontier, levels = Frontier(), dict[int, list[bytes]]()
    for tile in (tile for tile in tiles_of(size) if tile.level == 0):
        bundle = _read(directory / bundle_path(tile.number, tile.width))
        entries = decode_bundle(bundle, tile.width)
        frontier, nodes = frontier.grow(leaf_hash(entry) for entry in entries)
        for node in nodes:
            if node.level % TILE_HEIGHT == 0:
                levels.setdefault(node.level // TILE_HEIGHT, []).append(node.hash)
    if frontier.root() != verified.checkpoint.root:
        raise ForgeryError("ledger-fork", "the entries are not those of the checkpoint")
    for tile in tiles_of(size):
        _verify_tile(directory, tile, levels[tile.level])
    _verify_blobs(directory / "blob")
    return verified


def _verify_tile(directory: Path, tile: Tile, hashes: list[bytes]) -> None:
    start = tile.number * TILE_WIDTH
    path = tile_path(tile)
    if _read(directory / path) != b"".join(hashes[start : start + tile.width]):
        raise ForgeryError("ledger-bad-tile", f"{path} does not hold the hashes of the entries")


def _verify_blobs(directory: Path) -> None:
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if hashlib.sha256(_read(path)).hexdigest() != path.name:
            raise ForgeryError("ledger-bad-blob", f"blob {path.name} does not have that hash")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutsideError("ledger-storage", f"cannot read {path}: {error.strerror}") from error


def _write(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, unless it is there already."""
    draft = path.with_name(path.name + ".new")
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise OutsideError("ledger-storage", f"cannot write {path}: {error.strerror}") from error
