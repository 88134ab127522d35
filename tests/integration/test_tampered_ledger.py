"""Somebody with an SQLite editor: whatever is changed in a finished run's file, the audit says so."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cotrain.audit.auditor import audit
from cotrain.errors import CotrainError, ForgeryError, MalformedError
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import BODIES

Change = Callable[[sqlite3.Connection], None]


@pytest.fixture(scope="module")
def original(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "ledger.db"
    with (
        closing(sqlite3.connect(finished.world.path)) as source,
        closing(sqlite3.connect(path)) as to,
    ):
        source.backup(to)
    return path


@pytest.fixture
def tampered(original: Path, tmp_path: Path) -> Callable[[Change], CotrainError]:
    """Return what the audit says of a copy that was changed, its guarding triggers restored."""

    def look(change: Change) -> CotrainError:
        path = tmp_path / "ledger.db"
        shutil.copy(original, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            guards = triggers.fetchall()
            for name, _ in guards:
                file.execute(f"DROP TRIGGER {name}")
            file.execute("PRAGMA ignore_check_constraints = ON")
            change(file)
            for _, sql in guards:
                file.execute(sql)
        with pytest.raises((ForgeryError, MalformedError)) as caught:
            check(path)
        return caught.value

    return look


def check(path: Path) -> None:
    with Ledger.open(path, read_only=True) as ledger:
        audit(ledger)


def entries_of(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as file:
        return [row[0] for row in file.execute("SELECT data FROM entry ORDER BY idx")]


def put(file: sqlite3.Connection, index: int, data: bytes) -> None:
    file.execute("UPDATE entry SET data = ? WHERE idx = ?", (data, index))


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def names(error: CotrainError, index: int) -> bool:
    return f"entry {index} " in str(error) or f"entry {index}:" in str(error)


def test_the_untouched_copy_passes(original: Path) -> None:
    check(original)


def test_an_altered_entry_is_named(
    original: Path, tampered: Callable[[Change], CotrainError]
) -> None:
    for index, data in enumerate(entries_of(original)):
        place = (index * 37) % len(data)
        error = tampered(lambda file, i=index, d=data, p=place: put(file, i, flip(d, p)))  # type: ignore[misc]
        assert names(error, index)


def test_a_removed_a_swapped_a_doubled_entry_is_named(
    original: Path, tampered: Callable[[Change], CotrainError]
) -> None:
    entries = entries_of(original)
    last = len(entries) - 1
    for index in (0, 7, last - 1):
        error = tampered(
            lambda file, i=index: file.execute("DELETE FROM entry WHERE idx = ?", (i,))  # type: ignore[misc]
        )
        assert names(error, index)

        def swap(file: sqlite3.Connection, index: int = index) -> None:
            put(file, index, entries[index + 1])
            put(file, index + 1, entries[index])

        assert names(tampered(swap), index)
        error = tampered(lambda file, i=index: put(file, i + 1, entries[i]))  # type: ignore[misc]
        assert names(error, index + 1)


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_truncated_ledger(
    kept: int, original: Path, tampered: Callable[[Change], CotrainError]
) -> None:
    count = kept % len(entries_of(original))
    tampered(lambda file: void(file.execute("DELETE FROM entry WHERE idx >= ?", (count,))))


def void(result: object) -> None:
    del result


def test_an_added_entry(original: Path, tampered: Callable[[Change], CotrainError]) -> None:
    entries = entries_of(original)
    added = (len(entries), entries[-1])
    tampered(lambda file: void(file.execute("INSERT INTO entry VALUES (?, ?)", added)))


def test_every_node_and_every_blob(
    original: Path, tampered: Callable[[Change], CotrainError]
) -> None:
    with closing(sqlite3.connect(original)) as file:
        blobs = file.execute("SELECT rowid, data FROM blob WHERE length(data) > 0").fetchall()
        nodes = file.execute("SELECT level, idx, hash FROM node").fetchall()
    for row, data in blobs[::7]:
        other = flip(data, len(data) // 2)
        values = (other, row)
        tampered(
            lambda file, v=values: file.execute("UPDATE blob SET data = ? WHERE rowid = ?", v)  # type: ignore[misc]
        )
        tampered(lambda file, r=row: file.execute("DELETE FROM blob WHERE rowid = ?", (r,)))  # type: ignore[misc]
    for level, index, value in nodes[::5]:
        node = (flip(value, 3), level, index)
        tampered(
            lambda file, v=node: file.execute(  # type: ignore[misc]
                "UPDATE node SET hash = ? WHERE level = ? AND idx = ?", v
            )
        )


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query).fetchall()


def test_every_byte_of_the_last_checkpoint(original: Path, tmp_path: Path) -> None:
    """Its text and each line of signature, cosignatures included, byte by byte."""
    [(size, text)] = rows(original, "SELECT size, text FROM checkpoint ORDER BY size DESC LIMIT 1")
    lines = rows(original, f"SELECT rowid, value, key_id FROM signature WHERE size = {size}")  # noqa: S608
    assert len(lines) == 5
    for place in range(0, len(text), 11):
        look_at_checkpoint(original, tmp_path, "text", flip(text.encode(), place).decode(), size)
    for row, value, _ in lines:
        for place in range(0, len(value), 29):
            look_at_signature(original, tmp_path, flip(value, place), row)


def test_signatures_of_earlier_checkpoints_are_checked(original: Path, tmp_path: Path) -> None:
    """Found by this test: only those of the last were."""
    lines = rows(original, "SELECT rowid, value FROM signature ORDER BY rowid")
    for row, value in lines[:: len(lines) // 6]:
        look_at_signature(original, tmp_path, flip(value, 20), row)


@pytest.mark.slow
def test_really_every_byte_of_the_last_checkpoint(original: Path, tmp_path: Path) -> None:
    [(size, text)] = rows(original, "SELECT size, text FROM checkpoint ORDER BY size DESC LIMIT 1")
    lines = rows(original, f"SELECT rowid, value, key_id FROM signature WHERE size = {size}")  # noqa: S608
    for place in range(len(text)):
        look_at_checkpoint(original, tmp_path, "text", flip(text.encode(), place).decode(), size)
    for row, value, _ in lines:
        for place in range(len(value)):
            look_at_signature(original, tmp_path, flip(value, place), row)


def look_at_checkpoint(original: Path, folder: Path, column: str, value: str, size: int) -> None:
    statement = f"UPDATE checkpoint SET {column} = ? WHERE size = ?"  # noqa: S608
    tamper_and_check(original, folder, statement, (value, size))


def look_at_signature(original: Path, folder: Path, value: bytes, row: int) -> None:
    tamper_and_check(
        original, folder, "UPDATE signature SET value = ? WHERE rowid = ?", (value, row)
    )


def tamper_and_check(
    original: Path, folder: Path, statement: str, values: tuple[object, ...]
) -> None:
    path = folder / "ledger.db"
    shutil.copy(original, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        guards = file.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            file.execute(f"DROP TRIGGER {name}")
        assert file.execute(statement, values).rowcount == 1
        for _, sql in guards:
            file.execute(sql)
    with pytest.raises((ForgeryError, MalformedError)):
        check(path)


def test_no_checkpoint_no_audit(tampered: Callable[[Change], CotrainError]) -> None:
    def remove(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM signature")
        file.execute("DELETE FROM checkpoint")

    assert tampered(remove).code == "audit-no-checkpoint"


def test_entries_that_nobody_signed(tampered: Callable[[Change], CotrainError]) -> None:
    def remove(file: sqlite3.Connection) -> None:
        [(size,)] = file.execute("SELECT max(size) FROM checkpoint").fetchall()
        file.execute("DELETE FROM signature WHERE size = ?", (size,))
        file.execute("DELETE FROM checkpoint WHERE size = ?", (size,))

    assert tampered(remove).code == "audit-unsigned-entries"


def test_an_audit_of_another_run_is_said(original: Path) -> None:
    with Ledger.open(original, read_only=True) as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger, expected_run="0" * 64)
    assert caught.value.code == "audit-other-run"


def test_an_empty_ledger_proves_nothing(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "l") as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger)
    assert caught.value.code == "audit-empty"


# Bytes of single entries, beneath the tree: whoever could also recompute it.


NOT_IN_IT = {
    *("revocation", "refusal", "abort", "answer"),
    "removal",  # test_removal.py has it
    *("transaction", "receipt", "approval"),  # test_money_in_a_run.py has these
    *("score", "tally"),  # test_paid_by_contribution.py has these
    "successor",  # test_base_model.py has it
}


def one_of_each_kind(finished: Any) -> Iterator[tuple[int, bytes]]:
    for kind in BODIES:
        if kind not in NOT_IN_IT:
            index = finished.first(kind)
            yield index, finished.records[index].data


def test_every_byte_of_a_record_of_each_kind_is_signed(finished: Any) -> None:
    from cotrain.identity.did_key import verify_signature
    from cotrain.records.record import decode_record

    for _, data in one_of_each_kind(finished):
        decode_record(data, verify_signature)
        for place in range(len(data)):
            with pytest.raises((MalformedError, ForgeryError)):
                decode_record(flip(data, place), verify_signature)


@pytest.mark.slow
def test_every_byte_of_two_entries_in_the_file(
    original: Path, tampered: Callable[[Change], CotrainError]
) -> None:
    entries = entries_of(original)
    for index in (12, len(entries) - 1):
        for place in range(len(entries[index])):
            other = flip(entries[index], place)
            error = tampered(lambda file, i=index, o=other: put(file, i, o))  # type: ignore[misc]
            assert names(error, index)
