"""The SQLite ledger: appending, reading, proving, checkpoints, opening, and what it refuses."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledger_keys import (
    ALONE,
    LOG,
    NOW,
    ORIGIN,
    POLICY,
    WITNESSES,
    Key,
    cosigned,
    filled,
    note_of,
    sample,
)

from cotrain.errors import CotrainError, ForgeryError, MalformedError, OutsideError, UsageError
from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.note import parse_note
from cotrain.ledger.schema import APPLICATION_ID
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with filled(tmp_path / "ledger.sqlite", sample(5)) as filled_ledger:
        yield filled_ledger


def code_of(caught: pytest.ExceptionInfo[CotrainError]) -> str:
    assert caught.value.diagnostics()["what"]
    return caught.value.code


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger:
        assert (ledger.size, ledger.root(0), ledger.entries(0, 0)) == (0, EMPTY_ROOT, [])
        assert ledger.append([b"one", b"two"]) == range(2)
        assert ledger.append([]) == range(2, 2)
        assert ledger.append([b"two"]) == range(2, 3)
        assert ledger.entries(0, 3) == [b"one", b"two", b"two"]
        assert ledger.entry(1) == b"two"
        assert ledger.root(3) == root_of([leaf_hash(e) for e in (b"one", b"two", b"two")])


@pytest.mark.parametrize("batches", [[1] * 70, [70], [1, 2, 3, 64], [33, 37]])
def test_proofs_do_not_depend_on_how_entries_came(tmp_path: Path, batches: list[int]) -> None:
    entries, at = sample(70), 0
    leaves = [leaf_hash(entry) for entry in entries]
    with Ledger.create(tmp_path / "a") as ledger:
        for batch in batches:
            ledger.append(entries[at : at + batch])
            at += batch
        for size in range(1, 71):
            assert ledger.root(size) == root_of(leaves[:size])
            index = size * 7 % size if size % 3 else size // 2
            assert ledger.inclusion(index, size) == inclusion_proof(leaves[:size], index)
            old = size * 5 // 8
            assert ledger.consistency(old, size) == consistency_proof(leaves[:size], old)
        verify_all(ledger)


def test_a_blob_is_found_by_its_hash_and_kept_once(ledger: Ledger) -> None:
    digest = ledger.put_blob(b"proof")
    assert digest == hashlib.sha256(b"proof").digest() == ledger.put_blob(b"proof")
    assert ledger.blob(digest) == b"proof"
    assert ledger.blob_digests().count(digest) == 1
    assert ledger.blob(ledger.put_blob(b"")) == b""
    with pytest.raises(UsageError) as caught:
        ledger.blob(bytes(32))
    assert code_of(caught) == "ledger-no-blob"


@pytest.mark.parametrize("bad", [b"", bytes(65536)])
def test_an_impossible_entry_spoils_the_whole_append(ledger: Ledger, bad: bytes) -> None:
    blobs = ledger.blob_digests()
    with pytest.raises(UsageError) as caught:
        ledger.append([b"fine", bad], [b"blob"])
    assert code_of(caught) == "ledger-bad-entry"
    assert (ledger.size, ledger.blob_digests()) == (5, blobs)
    assert ledger.append([bytes(65535)]) == range(5, 6)


def test_a_failing_append_leaves_nothing(ledger: Ledger) -> None:
    def broken() -> Iterator[bytes]:
        yield b"blob"
        raise OSError

    before = ledger.blob_digests()
    with pytest.raises(OSError):  # noqa: PT011 - only the rollback matters
        ledger.append([b"entry"], broken())
    assert (ledger.size, ledger.blob_digests()) == (5, before)
    assert ledger.append([b"entry"]) == range(5, 6)
    verify_all(ledger)


def test_reading_out_of_range_is_refused(ledger: Ledger) -> None:
    for call in (
        lambda: ledger.entry(5),
        lambda: ledger.entry(-1),
        lambda: ledger.entries(3, 2),
        lambda: ledger.entries(0, 6),
        lambda: ledger.root(6),
        lambda: ledger.root(-1),
        lambda: ledger.inclusion(5, 5),
        lambda: ledger.inclusion(0, 6),
        lambda: ledger.consistency(3, 6),
        lambda: ledger.consistency(4, 3),
        lambda: ledger.nodes(0, 0, 6),
        lambda: ledger.root(1 << 70),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert code_of(caught) == "ledger-out-of-range"
    assert ledger.checkpoint(1 << 70) is None


def test_two_processes_share_a_ledger(ledger: Ledger) -> None:
    with (
        Ledger.open(ledger.path) as second,
        Ledger.open(ledger.path, read_only=True) as reader,
    ):
        assert second.append([b"x"]) == range(5, 6)
        assert ledger.append([b"y"]) == range(6, 7)
        assert reader.entries(5, 7) == [b"x", b"y"]
        with pytest.raises(OutsideError):
            reader.append([b"z"])
        verify_all(reader)


def test_everything_survives_closing(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sample(300)) as ledger:
        root, note = ledger.root(300), ledger.latest_checkpoint()
    with Ledger.open(tmp_path / "a", read_only=True) as again:
        assert (again.root(300), again.latest_checkpoint()) == (root, note)
        verify_all(again, POLICY)


# Checkpoints


def test_cosignatures_gather_on_a_checkpoint(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger:
        ledger.append(sample(3))
        note = ledger.issue_checkpoint(ORIGIN, LOG)
        for witness in WITNESSES:
            ledger.add_checkpoint(cosign(parse_note(note), witness, NOW).encode(), POLICY)
            ledger.add_checkpoint(cosign(parse_note(note), witness, NOW + 5).encode(), POLICY)
        verified = POLICY.verify(ledger.checkpoint(3) or "")
        assert verified.cosigned_at == {witness.name: NOW for witness in WITNESSES}
        assert ledger.issue_checkpoint(ORIGIN, LOG) == verified.note.encode()
        ledger.append(sample(1))
        assert ledger.latest_checkpoint() == verified.note.encode()
        ledger.issue_checkpoint(ORIGIN, LOG)
        assert ledger.checkpoint_sizes() == [3, 4]
        assert ledger.checkpoint(2) is None


def test_an_empty_ledger_has_a_checkpoint_too(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger:
        assert ledger.latest_checkpoint() is None
        assert ledger.issue_checkpoint(ORIGIN, LOG) == note_of([])
        verify_all(ledger, ALONE)


def test_only_checkpoints_of_this_tree_are_kept(ledger: Ledger) -> None:
    ledger.append(sample(3))
    extended = Checkpoint(ORIGIN, 5, ledger.root(5), ("extension",))
    for note, code in (
        (note_of(sample(9)), "ledger-checkpoint-ahead"),
        (note_of([b"x", *sample(6)]), "ledger-fork"),
        (note_of([b"x", *sample(4)]), "ledger-fork"),
        (note_of(sample(3), Key("stranger", 9)), "ledger-unsigned"),
        (sign_checkpoint(extended, LOG).encode(), "ledger-other-checkpoint"),
    ):
        with pytest.raises(ForgeryError) as caught:
            ledger.add_checkpoint(note, POLICY)
        assert code_of(caught) == code
    assert ledger.checkpoint_sizes() == [5]
    ledger.add_checkpoint(note_of(sample(4)), POLICY)
    assert ledger.checkpoint_sizes() == [4, 5]


def test_a_ledger_has_one_origin(ledger: Ledger) -> None:
    with pytest.raises(ForgeryError) as caught:
        ledger.issue_checkpoint("log.example/other", Key("log.example/other", 9))
    assert code_of(caught) == "ledger-wrong-origin"


def test_lines_of_strangers_are_not_kept(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger:
        ledger.append(sample(2))
        ledger.add_checkpoint(cosigned(note_of(sample(2))), ALONE)
        assert ledger.checkpoint(2) == note_of(sample(2))


# Append-only


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET rowid = rowid + 100",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0} ORDER BY 1 LIMIT 1",
        "REPLACE INTO {0} SELECT * FROM {0} ORDER BY 1 LIMIT 1",
    ],
)
@pytest.mark.parametrize("table", ["entry", "node", "blob", "checkpoint", "signature"])
def test_triggers_refuse_any_change(ledger: Ledger, statement: str, table: str) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as raw:
        before = list(raw.iterdump())
        sql = statement.format(table)
        if table == "node":
            sql = sql.replace("rowid", "level")
        if "REPLACE" in sql and table in ("blob", "signature"):
            raw.execute(
                sql
            )  # ignored rather than refused: keeping the same thing twice is no error
        else:
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(sql)
        assert list(raw.iterdump()) == before
    verify_all(ledger, POLICY)


def test_a_gap_in_the_entries_is_refused(ledger: Ledger) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as raw:
        for index in (-1, 4, 6, 100):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute("INSERT INTO entry VALUES (?, x'00')", (index,))


# Opening


def test_creating_never_replaces_a_file(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Ledger.create(ledger.path)
    assert code_of(caught) == "ledger-exists"
    (tmp_path / "text").write_text("text")
    with pytest.raises(UsageError):
        Ledger.create(tmp_path / "text")
    assert (tmp_path / "text").read_text() == "text"
    verify_all(ledger)


def test_creating_gets_over_an_attempt_that_died(tmp_path: Path) -> None:
    (tmp_path / "a.new").write_bytes(b"half a ledger")
    Ledger.create(tmp_path / "a").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "a", tmp_path / "file" / "a"):
        with pytest.raises(OutsideError) as caught:
            Ledger.create(path)
        assert code_of(caught) == "ledger-storage"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError) as caught:
            Ledger.open(path)
        assert code_of(caught) == "ledger-not-found"
    assert not (tmp_path / "none").exists()


def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#%41 \u00fc"
    Ledger.create(path).close()
    with Ledger.open(path) as ledger:
        assert ledger.append([b"x"]) == range(1)


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\0", bytes(8192)])
def test_a_file_that_is_not_a_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    for read_only in (True, False):
        with pytest.raises(MalformedError):
            Ledger.open(tmp_path / "a", read_only=read_only)
    assert (tmp_path / "a").read_bytes() == content


def test_another_sqlite_file_is_not_a_ledger(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a")) as raw:
        raw.execute("CREATE TABLE t (x)")
    with pytest.raises(MalformedError) as caught:
        Ledger.open(tmp_path / "a")
    assert code_of(caught) == "ledger-not-a-ledger"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("PRAGMA user_version = 2", "ledger-unknown-version"),
        ("PRAGMA user_version = 0", "ledger-unknown-version"),
        (f"PRAGMA application_id = {APPLICATION_ID + 1}", "ledger-not-a-ledger"),
        ("DROP TRIGGER entry_no_update", "ledger-damaged"),
        ("CREATE TRIGGER t BEFORE INSERT ON entry BEGIN SELECT 1; END", "ledger-damaged"),
        ("CREATE VIEW v AS SELECT 1", "ledger-damaged"),
        ("ALTER TABLE blob ADD COLUMN more TEXT", "ledger-damaged"),
    ],
)
def test_a_changed_file_is_not_opened(ledger: Ledger, change: str, code: str) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as raw:
        raw.execute(change)
    with pytest.raises(MalformedError) as caught:
        Ledger.open(ledger.path)
    assert code_of(caught) == code


def test_a_busy_or_closed_ledger_is_an_outside_error(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(OutsideError):
        _ = ledger.size


def test_a_checkpoint_can_be_served_without_the_lines_of_others(ledger: Ledger) -> None:
    note = ledger.issue_checkpoint(ORIGIN, LOG)
    for signer in WITNESSES:
        ledger.add_checkpoint(cosign(parse_note(note), signer, NOW).encode(), POLICY)
    chosen = ledger.latest_checkpoint((LOG.name, WITNESSES[0].name))
    assert chosen is not None
    names = [line.name for line in parse_note(chosen).signatures]
    assert names == [LOG.name, WITNESSES[0].name]
    everybody = ledger.latest_checkpoint()
    assert everybody is not None
    assert len(parse_note(everybody).signatures) == 1 + len(WITNESSES)
