"""A run's own chain: EVM state and blocks in one SQLite file, one transaction a block.

State, block and events enter in one SQLite transaction, so a process can die at any moment: what was answered is
there, what was not answered can be sent again. The chain is as trustworthy as whoever runs it and as everybody's
replay (`replay`): it orders and executes, it cannot forge.
"""

import sqlite3
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from eth_utils.crypto import keccak

from cotrain.errors import OutsideError
from cotrain.ports import Clock
from cotrain.settlement.chain.chain import Fees, Head, LogEntry, Receipt
from cotrain.settlement.chain.engine import EMPTY_STATE, Engine

NOBODY = "0x" + 40 * "0"

_TABLES = """
CREATE TABLE IF NOT EXISTS node (hash BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (
  number INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL,
  succeeded INTEGER NOT NULL, gas INTEGER NOT NULL, state_root TEXT NOT NULL, output BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS event (
  block INTEGER NOT NULL, place INTEGER NOT NULL, address TEXT NOT NULL, topics BLOB NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY (block, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_address ON event (address, block, place);
CREATE TABLE IF NOT EXISTS chain (id INTEGER NOT NULL);
"""


class EmbeddedChain:
    """A chain in one file; implements `Chain`.

    Args:
        path: The file; made if it is not there. One process at a time.
        chain_id: EIP-155; that of the file if it is there.
        clock: For the time of each block.

    Raises:
        OutsideError: the file cannot be used, is in use, or is of another chain.
    """

    def __init__(self, path: Path, chain_id: int, clock: Clock) -> None:
        self._path, self._clock, self._id = path, clock, chain_id
        with self._disk():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
            self._check_id()
        self._nodes = _SqliteNodes(self._db)
        self._engine = Engine(chain_id, self._nodes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def chain_id(self) -> int:
        """The chain's number."""
        return self._id

    def send(self, raw: bytes) -> Receipt:
        """Carry out a signed transaction; one that was carried out before is only answered again."""
        found = self._find(keccak(raw))
        if found is not None:
            return found
        head = self.head()
        block, time = head.block + 1, max(self._clock.now(), head.time)
        with self._disk(), self._atomic():
            done = self._engine.execute(self._root(), block, time, raw)
            self._db.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    block,
                    time,
                    keccak(raw),
                    raw,
                    done.succeeded,
                    done.gas,
                    done.state_root,
                    done.output,
                ),
            )
            rows = [
                (block, place, event.address, b"".join(event.topics), event.data)
                for place, event in enumerate(done.events)
            ]
            self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)
        return Receipt(
            block, time, done.succeeded, done.gas, done.events, done.state_root, done.output
        )

    def call(self, to: str, data: bytes, sender: str = NOBODY) -> bytes:
        """Return what a contract answers at the present time."""
        head = self.head()
        time = max(self._clock.now(), head.time)
        with self._disk():
            return self._engine.call(self._root(), head.block + 1, time, to, data, sender)

    def nonce(self, account: str) -> int:
        """Return how many transactions an account has sent."""
        with self._disk():
            return self._engine.nonce(self._root(), account)

    def fees(self) -> Fees:
        """Return nothing: this chain costs nothing."""
        return Fees()

    def head(self) -> Head:
        """Return the last block; block 0 is the empty state."""
        with self._disk():
            row = self._db.execute(
                "SELECT number, time FROM block ORDER BY number DESC LIMIT 1"
            ).fetchone()
        return Head(0, 0) if row is None else Head(*row)

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order."""
        with self._disk():
            rows = self._db.execute(
                "SELECT address, topics, data FROM event WHERE address = ? AND block >= ? ORDER BY block, place",
                (address, first_block),
            ).fetchall()
        return [_event(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _root(self) -> str:
        row = self._db.execute(
            "SELECT state_root FROM block ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return EMPTY_STATE if row is None else str(row[0])

    def _find(self, digest: bytes) -> Receipt | None:
        with self._disk():
            row = self._db.execute(
                "SELECT number, time, succeeded, gas, state_root, output FROM block WHERE hash = ?",
                (digest,),
            ).fetchone()
            if row is None:
                return None
            events = self._db.execute(
                "SELECT address, topics, data FROM event WHERE block = ? ORDER BY place", (row[0],)
            ).fetchall()
        number, time, succeeded, gas, root, output = row
        told = tuple(_event(*event) for event in events)
        return Receipt(number, time, bool(succeeded), gas, told, root, output)

    def _check_id(self) -> None:
        row = self._db.execute("SELECT id FROM chain").fetchone()
        if row is None:
            self._db.execute("INSERT INTO chain VALUES (?)", (self._id,))
        elif row[0] != self._id:
            raise OutsideError(
                "chain-other-id",
                f"{self._path} is chain {row[0]}, not {self._id}",
                meaning="Signatures for one chain count for nothing on another.",
                hint="Give the chain file of this run.",
            )

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise OutsideError(
                "chain-failed",
                f"the chain {self._path} cannot be used: {error}",
                meaning="Nothing was carried out that was not answered; nothing is lost.",
                hint="Check the disk, and that no other process works in this run; then start again.",
            ) from error


class _SqliteNodes(MutableMapping[bytes, bytes]):
    """Trie nodes in the chain's file. Written within the transaction of a block."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getitem__(self, key: bytes) -> bytes:
        row = self._db.execute("SELECT value FROM node WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO node VALUES (?, ?)", (bytes(key), bytes(value)))

    def __delitem__(self, key: bytes) -> None:
        """Keep the node: earlier states may need it."""

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(row[0]) for row in self._db.execute("SELECT hash FROM node"))

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM node").fetchone()[0])


def _event(address: str, topics: bytes, data: bytes) -> LogEntry:
    split = tuple(topics[start : start + 32] for start in range(0, len(topics), 32))
    return LogEntry(address, split, data)
