"""The SQLite file of a ledger: its tables, its creation, and what is checked on opening it.

Nothing in the file is ever updated or deleted; triggers refuse it. They guard against mistakes.
Against someone with a hex editor the hashes guard (`fsck.py`), and against the ledger's owner the
cosigners.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from cotrain.errors import CotrainError, MalformedError, OutsideError, UsageError

APPLICATION_ID = 0x43544C47
"""``CTLG``: marks an SQLite file as one of ours."""

VERSION = 1
_LOCK_TIMEOUT = 30.0

_TABLES = """
CREATE TABLE entry (
    idx INTEGER PRIMARY KEY,
    data BLOB NOT NULL CHECK (length(data) BETWEEN 1 AND 65535)
) STRICT;
CREATE TABLE node (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob (
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    data BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE signature (
    size INTEGER NOT NULL REFERENCES checkpoint,
    name TEXT NOT NULL,
    key_id BLOB NOT NULL CHECK (length(key_id) = 4),
    value BLOB NOT NULL,
    UNIQUE (size, name, key_id)
) STRICT;
-- REPLACE would delete a row without firing the DELETE triggers, so insertion is guarded too.
CREATE TRIGGER entry_in_order BEFORE INSERT ON entry
    WHEN NEW.idx IS NOT (SELECT coalesce(max(idx) + 1, 0) FROM entry)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER node_once BEFORE INSERT ON node
    WHEN EXISTS (SELECT 1 FROM node WHERE level = NEW.level AND idx = NEW.idx)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER checkpoint_once BEFORE INSERT ON checkpoint
    WHEN EXISTS (SELECT 1 FROM checkpoint WHERE size = NEW.size)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER blob_once BEFORE INSERT ON blob
    WHEN EXISTS (SELECT 1 FROM blob WHERE digest = NEW.digest)
    BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER signature_once BEFORE INSERT ON signature
    WHEN EXISTS (SELECT 1 FROM signature
                 WHERE size = NEW.size AND name = NEW.name AND key_id = NEW.key_id)
    BEGIN SELECT RAISE(IGNORE); END;
"""

_NAMES = ("entry", "node", "blob", "checkpoint", "signature")


def create_file(path: Path) -> None:
    """Create an empty ledger file, whole or not at all.

    Raises:
        UsageError: There is something at `path` already.
        OutsideError: The file cannot be written.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with storage_errors(path), closing(sqlite3.connect(draft, isolation_level=None)) as new:
            new.execute("PRAGMA journal_mode = WAL")
            new.executescript(f"BEGIN;\n{_schema()}\nCOMMIT;")
        os.link(draft, path)  # unlike a rename, never replaces a file
        draft.unlink()
        _sync_directory(path.parent)
    except FileExistsError:
        draft.unlink()
        raise UsageError(
            "ledger-exists", f"{path} exists already", hint="Open it, or choose another path."
        ) from None
    except OSError as error:
        raise OutsideError("ledger-storage", f"cannot create {path}: {error}") from error


def open_file(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection to a ledger file whose header and schema are ours.

    Raises:
        UsageError: There is no such file.
        MalformedError: Not a ledger, of an unknown version, or damaged.
        OutsideError: The file cannot be read or locked.
    """
    if not path.is_file():
        raise UsageError("ledger-not-found", f"there is no ledger at {path}")
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    with storage_errors(path):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT)
        try:
            _check_header(connection, path)
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ours: damaged bytes, or else the outside world."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_damage(error):
            raise damaged(path, str(error)) from error
        raise OutsideError(
            "ledger-storage",
            f"{path}: {error}",
            hint="Check that the disk has room, and that the directory can be written.",
        ) from error
    except UnicodeDecodeError as error:  # stored text, or a name in SQLite's own message
        raise damaged(path, "it holds text that is not UTF-8") from error


def damaged(path: Path, what: str) -> CotrainError:
    """Return the error for a file that was a ledger once."""
    return MalformedError(
        "ledger-damaged",
        f"{path} is damaged: {what}",
        meaning="The file was changed or cut off outside of this program.",
        hint="Restore it from a backup, an export, or another party's copy.",
    )


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python: text that is not UTF-8
        return isinstance(error, sqlite3.OperationalError)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _check_header(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise MalformedError("ledger-not-a-ledger", f"{path} is not a ledger")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise MalformedError(
            "ledger-unknown-version",
            f"{path} is of ledger version {version}; this program knows version {VERSION}",
            hint="Use a newer version of cotrain.",
        )
    if _layout(connection) != _expected_layout():
        raise damaged(path, "its tables or triggers are not those of a ledger")


def _schema() -> str:
    """Return the whole schema: header, tables, and triggers that refuse UPDATE and DELETE."""
    guards = (
        f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name}\n"
        "    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
        for name in _NAMES
        for verb in ("UPDATE", "DELETE")
    )
    header = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};"
    return "\n".join((header, _TABLES, *guards))


def _layout(connection: sqlite3.Connection) -> list[tuple[str, str, str, str | None]]:
    return connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    ).fetchall()


@cache
def _expected_layout() -> list[tuple[str, str, str, str | None]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_schema())
        return _layout(connection)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
