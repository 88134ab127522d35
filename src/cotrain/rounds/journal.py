"""A party's journal: what it must remember to go on after a crash without ever saying two things.

Before a record is sent it is written here, byte for byte; after a restart the same bytes are sent again. Round
secrets are destroyed once the round is over: deleted pages are overwritten (SQLite `secure_delete`) and the
write-ahead log is emptied. What the disk itself keeps of overwritten blocks is beyond this program.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path

from cotrain.errors import CotrainError, OutsideError
from cotrain.identity.did_key import verify_signature
from cotrain.records.record import Message, check_blobs, decode_record


class SqliteJournal:
    """A `Store` in one SQLite file; every `put` is flushed to the disk before it returns.

    Every method raises `OutsideError` when the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._disk():
            path.touch(mode=0o600, exist_ok=True)  # it holds round secrets
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
            # One process at a time: two agents of one home could say two different things.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS journal (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
            )

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        with self._disk():
            row = self._db.execute("SELECT value FROM journal WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Store `value` durably under `key`."""
        with self._disk():
            self._db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (key, value))

    def delete(self, prefix: str) -> None:
        """Destroy all keys that begin with `prefix`."""
        statement = "DELETE FROM journal WHERE substr(key, 1, ?) = ?"
        with self._disk():
            if self._db.execute(statement, (len(prefix), prefix)).rowcount:
                # The write-ahead log still holds what was written before: empty it.
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise OutsideError(
                "journal-failed",
                f"the journal {self._path} cannot be used: {error}",
                meaning="Without it this party could say two different things after a crash, so it says nothing.",
                hint="Check the disk and the permissions of the folder, and that no other program uses this home. "
                "Never put an older copy in its place.",
            ) from error


class MemoryJournal:
    """A `Store` in memory, for simulations: it outlives the party object that uses it."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Store `value` under `key`."""
        self._values[key] = value

    def delete(self, prefix: str) -> None:
        """Destroy all keys that begin with `prefix`."""
        for key in [key for key in self._values if key.startswith(prefix)]:
            del self._values[key]


def pack_message(message: Message) -> bytes:
    """Return a message as bytes for the journal: a JSON header line, then record and blobs end to end."""
    parts = [message.record.data, *message.blobs.values()]
    header = json.dumps({"sizes": [len(part) for part in parts], "blobs": list(message.blobs)})
    return header.encode() + b"\n" + b"".join(parts)


def unpack_message(data: bytes) -> Message:
    """Return the message that `pack_message` packed.

    Raises:
        OutsideError: the bytes are damaged.
    """
    try:
        head, _, body = data.partition(b"\n")
        header = json.loads(head)
        ends = list(accumulate(header["sizes"], initial=0))
        parts = [body[start:end] for start, end in pairwise(ends)]
        blobs = dict(zip(header["blobs"], parts[1:], strict=True))
        message = Message(decode_record(parts[0], verify_signature), blobs)
        check_blobs(message)
    except (ValueError, KeyError, TypeError, IndexError, CotrainError) as error:
        raise OutsideError(
            "journal-damaged",
            f"a message in the journal cannot be read: {error}",
            meaning="This party no longer knows what it said, so it says nothing more in this step.",
            hint="Go on without this party; it can take part again under a new agreement.",
        ) from error
    return message
