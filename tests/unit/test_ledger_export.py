"""Static files: paths and widths of tlog-tiles, export, and checking what was exported."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_keys import ALONE, LOG, ORIGIN, POLICY, filled, sample

from cotrain.errors import CotrainError, ForgeryError, MalformedError, OutsideError, UsageError
from cotrain.ledger.export import export_tiles, verify_export
from cotrain.ledger.store import Ledger
from cotrain.ledger.tiles import (
    Tile,
    bundle_path,
    decode_bundle,
    encode_bundle,
    tile_path,
    tiles_of,
)
from cotrain.ledger.tree import leaf_hash, root_of


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 5, 256), "tile/0/005"),
        (Tile(1, 999, 256), "tile/1/999"),
        (Tile(2, 1000, 256), "tile/2/x001/000"),
        (Tile(0, 1234067, 256), "tile/0/x001/x234/067"),
        (Tile(63, 7, 1), "tile/63/007.p/1"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
    ],
)
def test_paths_of_tiles(tile: Tile, path: str) -> None:
    assert tile_path(tile) == path


def test_paths_of_bundles() -> None:
    assert bundle_path(1234067) == "tile/entries/x001/x234/067"
    assert bundle_path(0, 255) == "tile/entries/000.p/255"
    for number, width in ((-1, 256), (0, 0), (0, 257)):
        with pytest.raises(UsageError):
            bundle_path(number, width)


def test_the_tiles_of_the_examples_in_the_specification() -> None:
    tiles = list(tiles_of(70_000))
    assert sum(tile.width == 256 and tile.level == 0 for tile in tiles) == 273
    partial = [tile for tile in tiles if tile.width < 256]
    assert partial == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert Tile(1, 0, 256) in tiles
    assert len(tiles) == 273 + 1 + len(partial)
    assert list(tiles_of(256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_bundles() -> None:
    entries = [b"a", bytes(65535), b"c"]
    data = encode_bundle(entries)
    assert data[:3] == b"\x00\x01a"
    assert data[3:5] == b"\xff\xff"
    assert decode_bundle(data, 3) == entries
    with pytest.raises(UsageError) as caught:
        encode_bundle([b"a", bytes(65536)])
    assert caught.value.code == "ledger-bad-entry"


@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_bundle_of_another_width_is_malformed(width: int) -> None:
    with pytest.raises(MalformedError):
        decode_bundle(encode_bundle([b"a", b"b"]), width)


def test_truncated_and_extended_bundles_are_malformed() -> None:
    data = encode_bundle([b"abc", b"def"])
    for bad in (*(data[:end] for end in range(len(data))), data + b"\0", data + b"\0\0"):
        with pytest.raises(MalformedError):
            decode_bundle(bad, 2)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_an_export_verifies(tmp_path: Path, size: int) -> None:
    with filled(tmp_path / "a", sample(size)) as ledger:
        checkpoint = export_tiles(ledger, tmp_path / "out")
    assert verify_export(tmp_path / "out", POLICY).checkpoint == checkpoint
    files = {p.relative_to(tmp_path / "out").as_posix() for p in files_of(tmp_path / "out")}
    expected = {tile_path(tile) for tile in tiles_of(size)} | {"checkpoint"}
    assert {name for name in files if not name.startswith(("blob/", "tile/entries/"))} == expected


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_tiles_hold_the_hashes_that_the_specification_says(tmp_path: Path) -> None:
    entries = sample(600)
    leaves = [leaf_hash(entry) for entry in entries]
    with filled(tmp_path / "a", entries) as ledger:
        export_tiles(ledger, tmp_path)
    assert (tmp_path / "tile/0/001").read_bytes() == b"".join(leaves[256:512])
    assert (tmp_path / "tile/0/002.p/88").read_bytes() == b"".join(leaves[512:])
    upper = root_of(leaves[:256]) + root_of(leaves[256:512])
    assert (tmp_path / "tile/1/000.p/2").read_bytes() == upper
    bundle = (tmp_path / "tile/entries/002.p/88").read_bytes()
    assert decode_bundle(bundle, 88) == entries[512:]


def test_exporting_again_adds_what_is_new(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with filled(tmp_path / "a", sample(300)) as ledger:
        export_tiles(ledger, out)
        first = {path: path.stat().st_mtime_ns for path in files_of(out)}
        ledger.append(sample(300), [b"new blob"])
        export_tiles(ledger, out)  # the new entries have no checkpoint yet
        assert verify_export(out, POLICY).checkpoint.size == 300
        ledger.issue_checkpoint(ORIGIN, LOG)
        assert export_tiles(ledger, out).size == 600
    assert verify_export(out, ALONE).checkpoint.size == 600
    kept = [path for path in first if path.name != "checkpoint"]
    assert all(path.stat().st_mtime_ns == first[path] for path in kept)
    assert not [path for path in files_of(out) if path.suffix == ".new"]


def test_a_ledger_without_checkpoint_is_not_exported(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger, pytest.raises(UsageError) as caught:
        export_tiles(ledger, tmp_path / "out")
    assert caught.value.code == "ledger-no-checkpoint"
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with filled(tmp_path / "a", sample(3)) as ledger, pytest.raises(OutsideError):
        export_tiles(ledger, tmp_path / "out")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("change", [flip, cut, extend, Path.unlink])
def test_every_changed_or_missing_file_is_found(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with filled(tmp_path / "a", sample(300)) as ledger:
        export_tiles(ledger, tmp_path / "out")
    for path in files_of(tmp_path / "out"):
        data = path.read_bytes()
        change(path)
        if change is Path.unlink and path.parent.name == "blob":
            verify_export(tmp_path / "out", POLICY)  # which blobs there must be, entries say
        else:
            with pytest.raises(CotrainError):
                verify_export(tmp_path / "out", POLICY)
        path.write_bytes(data)
    verify_export(tmp_path / "out", POLICY)


def test_a_whole_other_log_is_found(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sample(5)) as ledger:
        export_tiles(ledger, tmp_path / "out")
    with filled(tmp_path / "b", sample(6)[1:]) as ledger:
        export_tiles(ledger, tmp_path / "other")
    (tmp_path / "other/checkpoint").replace(tmp_path / "out/checkpoint")
    with pytest.raises(ForgeryError) as caught:
        verify_export(tmp_path / "out", POLICY)
    assert caught.value.code == "ledger-fork"
