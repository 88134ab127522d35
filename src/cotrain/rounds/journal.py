"""A party's journal: what it must remember to go on after a crash without ever saying two things.

Before a record is sent it is written here, byte for byte; after a restart the same bytes are sent again. Round
secrets are destroyed once the round is over (a deleted page is overwritten: SQLite `secure_delete`).
"""

import json
import sqlite3
from pathlib import Path

from cotrain.errors import OutsideError
from cotrain.identity.did_key import verify_signature
from cotrain.records.record import Message, decode_record


class SqliteJournal:
    """A `Store` in one SQLite file; every `put` is flushed to the disk before it returns."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS journal (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
            )
        except sqlite3.Error as error:
            raise OutsideError(
                "journal-not-opened",
                f"the journal {path} cannot be used: {error}",
                meaning="Without it this party could say two different things after a crash, so it says nothing.",
                hint="Check the disk and the permissions of the folder; restore the file from a backup.",
            ) from error

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        row = self._db.execute("SELECT value FROM journal WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Store `value` durably under `key`."""
        self._db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (key, value))

    def delete(self, prefix: str) -> None:
        """Destroy all keys that begin with `prefix`."""
        self._db.execute("DELETE FROM journal WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


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
    """Return the message that `pack_message` packed."""
    head, _, body = data.partition(b"\n")
    header = json.loads(head)
    parts, offset = [], 0
    for size in header["sizes"]:
        parts.append(body[offset : offset + size])
        offset += size
    record = decode_record(parts[0], verify_signature)
    return Message(record, dict(zip(header["blobs"], parts[1:], strict=True)))
