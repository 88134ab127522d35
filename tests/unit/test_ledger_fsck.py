"""Whatever is changed in the file behind our back is found, and the first wrong place is named."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledger_keys import ALONE, LOG, LOG_KEY, ORIGIN, POLICY, WITNESS_KEYS, filled, note_of, sample

from cotrain.errors import CotrainError, ForgeryError, MalformedError
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.policy import Policy
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import Frontier, leaf_hash

ENTRIES = sample(40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with filled(tmp_path / "ledger.sqlite", ENTRIES[:30]) as ledger:
        ledger.append(ENTRIES[30:])
    return tmp_path / "ledger.sqlite"


def edit(path: Path, *statements: str) -> None:
    """Change the file as someone would who knows SQL: lift the triggers, edit, put them back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = triggers.fetchall()
        for name, _ in kept:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)
        for _, sql in kept:
            raw.execute(sql)


def found(path: Path, policy: Policy | None = None) -> str:
    with pytest.raises(CotrainError) as caught, Ledger.open(path, read_only=True) as ledger:
        verify_all(ledger, policy)
    return str(caught.value)


def test_an_untouched_ledger_is_fine(path: Path) -> None:
    edit(path)
    with Ledger.open(path) as ledger:
        verify_all(ledger)
        verify_all(ledger, POLICY)


@pytest.mark.parametrize("index", [0, 1, 7, 29, 38, 39])
def test_the_first_wrong_entry_is_named(path: Path, index: int) -> None:
    edit(path, f"UPDATE entry SET data = CAST('x' || data AS BLOB) WHERE idx >= {index}")  # noqa: S608
    assert f"entry {index} is not what was appended" in found(path)


def test_every_flipped_byte_of_an_entry_is_found(path: Path) -> None:
    raw = path.read_bytes()
    at = raw.index(ENTRIES[17])
    for offset in range(len(ENTRIES[17])):
        bad = bytearray(raw)
        bad[at + offset] ^= 1
        path.write_bytes(bad)
        with Ledger.open(path, read_only=True) as ledger, pytest.raises(ForgeryError) as caught:
            verify_all(ledger)
        assert str(caught.value) == "entry 17 is not what was appended"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM entry WHERE idx = 7", "entry 7 "),
        ("DELETE FROM entry WHERE idx >= 31", "do not belong to its 31 entries"),
        ("DELETE FROM entry WHERE idx >= 12", "30 entries where the ledger has 12"),
        ("INSERT INTO entry VALUES (40, x'00')", "node 40 of level 0 is missing"),
        ("UPDATE entry SET idx = 1000 WHERE idx = 39", "missing"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 0 AND idx = 9", "entry 9 "),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 2 AND idx = 3", r"\[12, 16\)"),
        ("UPDATE node SET idx = 99 WHERE level = 1 AND idx = 3", "missing on level 1"),
        ("DELETE FROM node WHERE level = 1 AND idx = 3", "missing on level 1"),
        ("INSERT INTO node VALUES (1, 99, zeroblob(32))", "nodes that do not belong"),
        ("UPDATE blob SET data = x'00' WHERE rowid = 2", "blob "),
        ("UPDATE blob SET digest = zeroblob(32) WHERE rowid = 2", "blob 0000"),
        ("UPDATE checkpoint SET size = 29", "says 30|ends|signature"),
        ("UPDATE checkpoint SET text = replace(text, '30', '31')", "31"),
        ("UPDATE checkpoint SET text = replace(text, '30', '030')", "decimal"),
        ("UPDATE checkpoint SET text = 'nonsense'", "signature lines|three lines|not"),
        ("DELETE FROM signature", "signature lines"),
    ],
)
def test_any_other_change_is_found(path: Path, change: str, expected: str) -> None:
    edit(path, change)
    assert any(part in found(path) for part in expected.replace("\\", "").split("|"))


def test_a_missing_entry_is_not_read(path: Path) -> None:
    edit(path, "DELETE FROM entry WHERE idx = 7")
    with Ledger.open(path) as ledger:
        assert ledger.entries(0, 7) == ENTRIES[:7]
        for start, stop in ((7, 8), (0, 8), (7, 9), (0, 40)):
            with pytest.raises(ForgeryError, match=r"entry 7 is"):
                ledger.entries(start, stop)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("size = 19 WHERE size = 20", "kept for 19 says 20 entries"),
        ("text = replace(text, '20', '21') WHERE size = 20", "kept for 20 says 21 entries"),
        ("text = '{other}' WHERE size = 20", "first 20 entries are not those of the checkpoint"),
    ],
)
def test_an_older_checkpoint_is_checked_too(path: Path, change: str, expected: str) -> None:
    other = note_of([b"other", *ENTRIES[1:20]]).partition("\n\n")[0] + "\n"
    with Ledger.open(path) as ledger:
        ledger.add_checkpoint(note_of(ENTRIES[:20]), ALONE)
    sizes = "UPDATE signature SET size = 19 WHERE size = 20" if "19" in change else "SELECT 1"
    edit(path, f"UPDATE checkpoint SET {change.format(other=other)}", sizes)  # noqa: S608
    assert expected in found(path)


def test_entries_cut_off_under_a_checkpoint_are_missed(path: Path) -> None:
    with Ledger.open(path) as ledger:
        edit(
            path,
            "DELETE FROM entry WHERE idx >= 12",
            "DELETE FROM node WHERE (idx + 1) << level > 12",
        )
        with pytest.raises(ForgeryError, match="entry 12 is missing under a checkpoint of 30"):
            verify_all(ledger)
    with pytest.raises(ForgeryError) as caught:
        Ledger.open(path)
    assert caught.value.code == "ledger-checkpoint-ahead"


def test_a_history_rewritten_with_all_its_hashes_is_found(path: Path) -> None:
    forged = [*ENTRIES[:20], b"forged", *ENTRIES[21:]]
    _, nodes = Frontier().grow(leaf_hash(entry) for entry in forged)
    edit(
        path,
        "UPDATE entry SET data = CAST('forged' AS BLOB) WHERE idx = 20",
        *(
            f"UPDATE node SET hash = x'{n.hash.hex()}' "  # noqa: S608 - our own numbers
            f"WHERE level = {n.level} AND idx = {n.place}"
            for n in nodes
        ),
    )
    with pytest.raises(ForgeryError) as caught:
        Ledger.open(path)
    assert caught.value.code == "ledger-fork"


def test_signatures_are_checked_under_a_policy(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.issue_checkpoint(ORIGIN, LOG)
        verify_all(ledger, ALONE)
        with pytest.raises(ForgeryError) as caught:  # the largest checkpoint is not cosigned
            verify_all(ledger, POLICY)
        assert caught.value.code == "ledger-too-few-cosignatures"
        verify_all(ledger, Policy(ORIGIN, LOG_KEY, WITNESS_KEYS))
    edit(path, "UPDATE signature SET value = zeroblob(72) WHERE rowid = 2")
    assert "does not verify" in found(path, POLICY.without_threshold())


def test_a_value_of_a_wrong_type_is_damage(path: Path) -> None:
    raw, entry = bytearray(path.read_bytes()), ENTRIES[17]
    blob, text = (bytes([3, 0, 12 + 2 * len(entry) + kind]) + entry for kind in (0, 1))
    path.write_bytes(raw.replace(blob, text))
    with Ledger.open(path, read_only=True) as ledger, pytest.raises(MalformedError) as caught:
        verify_all(ledger)
    assert "a str stands where bytes belong" in str(caught.value)


def intact(path: Path) -> Iterator[bytes]:
    with Ledger.open(path, read_only=True) as ledger:
        verify_all(ledger, POLICY)
        yield from ledger.entries(0, ledger.size)


def test_any_flipped_byte_of_the_file_is_found_or_harmless(path: Path) -> None:
    raw = path.read_bytes()
    harmless = 0
    for at in range(0, len(raw), 241):
        bad = bytearray(raw)
        bad[at] ^= 0xFF
        path.write_bytes(bad)
        try:
            assert list(intact(path)) == ENTRIES
            harmless += 1
        except CotrainError:
            pass
    assert 0 < harmless < len(raw) // 241


def test_a_truncated_file_is_found(path: Path) -> None:
    raw = path.read_bytes()
    for end in range(0, len(raw), 4096):
        path.write_bytes(raw[:end])
        with pytest.raises(CotrainError):
            list(intact(path))
