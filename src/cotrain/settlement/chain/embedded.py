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

from cotrain.errors import ForgeryError, MalformedError, OutsideError
from cotrain.ports import Clock
from cotrain.settlement.chain.chain import Fees, Head, LogEntry, Receipt
from cotrain.settlement.chain.engine import EMPTY_STATE, Engine

NOBODY = "0x" + 40 * "0"

_TABLES = """
CREATE TABLE node (hash BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE block (
  number INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL,
  succeeded INTEGER NOT NULL, gas INTEGER NOT NULL, state_root TEXT NOT NULL, output BLOB NOT NULL);
CREATE TABLE event (
  block INTEGER NOT NULL, place INTEGER NOT NULL, address TEXT NOT NULL, topics BLOB NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY (block, place)) WITHOUT ROWID;
CREATE INDEX event_address ON event (address, block, place);
CREATE TABLE chain (id INTEGER NOT NULL);
"""
_APPLICATION = 0x434F5443  # "COTC", in the header of the file
_VERSION = 1


class EmbeddedChain:
    """A chain in one file; implements `Chain`.

    Args:
        path: The file; made if it is not there. One process at a time.
        chain_id: EIP-155; that of the file if it is there.
        clock: For the time of each block.

    Raises:
        OutsideError: the file cannot be used, is in use, or is of another chain.
        MalformedError: it is no chain, or of another version.
        ForgeryError: the state of its last block is not there.
    """

    def __init__(self, path: Path, chain_id: int, clock: Clock) -> None:
        self._path, self._clock, self._id = path, clock, chain_id
        with self._disk():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._lock()
            self._prepare()
            self._check_edge()
        except BaseException:
            self._db.close()
            raise
        self._engine = Engine(chain_id, _SqliteNodes(self._db))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def chain_id(self) -> int:
        """The chain's number."""
        return self._id

    def send(
        self, raw: bytes, *, replaced: Sequence[bytes] = (), offer: Fees | None = None
    ) -> Receipt:
        """Carry out a signed transaction; one that was carried out before is only answered again."""
        del replaced, offer  # nothing waits here, and nothing costs a fee
        found = self._find(keccak(raw))
        if found is not None:
            return found
        return self._carry_out(raw, max(self._clock.now(), self.head().time))

    def adopt(self, steps: Sequence[tuple[int, bytes]]) -> None:
        """Carry out the transactions of a chain that this one goes on with, each at its time; again does no harm.

        Args:
            steps: Time and signed transaction of each block, the first one first.

        Raises:
            ForgeryError: the file holds other blocks.
            MalformedError: one is no transaction.
            RefusedError: one cannot enter a block.
        """
        for number, (time, raw) in enumerate(steps, 1):
            if number > self.head().block:
                self._carry_out(raw, time)
            elif (found := self._find(keccak(raw))) is None or found.block != number:
                raise ForgeryError(
                    "chain-other-history",
                    f"block {number} of the chain {self._path} is not that of the chain it goes on with",
                    meaning="The file is of another run, or the base model is of another one than when it began.",
                    hint="Give another run folder, or the base model that this run began with.",
                )

    def _carry_out(self, raw: bytes, time: int) -> Receipt:
        head = self.head()
        block = head.block + 1
        with self._disk(), self._atomic():
            done = self._engine.execute(head.state_root, block, time, raw)
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
            block, time, done.succeeded, done.gas, done.events, done.state_root, done.output, raw
        )

    def check_can_enter(self, raw: bytes) -> None:
        """Run a signed transaction and keep nothing of it; what `send` would raise is raised."""
        if self._find(keccak(raw)) is not None:
            return
        head = self.head()
        time = max(self._clock.now(), head.time)
        with self._disk():
            self._engine.check_can_enter(head.state_root, head.block + 1, time, raw)

    def find(self, raw: bytes) -> Receipt | None:
        """Return the receipt of a transaction that was carried out; None of any other."""
        return self._find(keccak(raw))

    def call(self, to: str, data: bytes, sender: str = NOBODY) -> bytes:
        """Return what a contract answers at the present time."""
        head = self.head()
        time = max(self._clock.now(), head.time)
        with self._disk():
            return self._engine.call(head.state_root, head.block + 1, time, to, data, sender)

    def nonce(self, account: str) -> int:
        """Return how many transactions an account has sent."""
        with self._disk():
            return self._engine.nonce(self.head().state_root, account)

    def balance(self, account: str) -> int:
        """Return nothing: there is no money on this chain, and nothing to pay."""
        del account
        return 0

    def fees(self) -> Fees:
        """Return nothing: this chain costs nothing."""
        return Fees()

    def head(self) -> Head:
        """Return the last block; block 0 is the empty state."""
        with self._disk():
            row = self._db.execute(
                "SELECT number, time, state_root FROM block ORDER BY number DESC LIMIT 1"
            ).fetchone()
        return Head(0, 0, EMPTY_STATE) if row is None else Head(*row)

    def steps(self) -> Iterator[tuple[int, bytes]]:
        """Yield time and signed transaction of every block, in order: what `replay` takes."""
        with self._disk():
            yield from self._db.execute("SELECT time, raw FROM block ORDER BY number")

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order."""
        with self._disk():
            rows = self._db.execute(
                "SELECT address, topics, data, block, place FROM event"
                " WHERE address = ? AND block >= ? ORDER BY block, place",
                (address, first_block),
            ).fetchall()
        return [_event(*row) for row in rows]

    def sent_in(self, entry: LogEntry) -> bytes:
        """Return the signed transaction in which a contract told something."""
        with self._disk():
            (raw,) = self._db.execute(
                "SELECT raw FROM block WHERE number = ?", (entry.block,)
            ).fetchone()
        return bytes(raw)

    def told_in(self, entry: LogEntry, *, deep: bool = False) -> Receipt | None:
        """Return the receipt of the transaction in which a contract told something."""
        del deep  # a block counts when it is there
        return self.find(self.sent_in(entry))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _find(self, digest: bytes) -> Receipt | None:
        with self._disk():
            row = self._db.execute(
                "SELECT number, time, succeeded, gas, state_root, output, raw FROM block WHERE hash = ?",
                (digest,),
            ).fetchone()
            if row is None:
                return None
            events = self._db.execute(
                "SELECT address, topics, data, block, place FROM event WHERE block = ? ORDER BY place",
                (row[0],),
            ).fetchall()
        number, time, succeeded, gas, root, output, raw = row
        told = tuple(_event(*event) for event in events)
        return Receipt(number, time, bool(succeeded), gas, told, root, output, raw)

    def _lock(self) -> None:
        """Take the file for this process alone, until it is closed or the process ends."""
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise self._failed(error) from error
            raise OutsideError(
                "chain-in-use",
                f"the chain {self._path} is in use by another process",
                meaning="A chain has one process that carries out transactions; nothing was changed.",
                hint="Wait for the other process, or end it.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._no_chain(str(error)) from error

    def _prepare(self) -> None:
        """Make the tables of a new file; of an old one check what it says it is."""
        with self._disk(), self._atomic():
            application = self._db.execute("PRAGMA application_id").fetchone()[0]
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            empty = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
            if empty:
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.execute("INSERT INTO chain VALUES (?)", (self._id,))
                self._db.execute(f"PRAGMA application_id={_APPLICATION}")
                self._db.execute(f"PRAGMA user_version={_VERSION}")
            elif (application, version) != (_APPLICATION, _VERSION):
                raise self._no_chain(f"its header says {application:#x}, version {version}")

    def _check_edge(self) -> None:
        with self._disk():
            (found,) = self._db.execute("SELECT id FROM chain").fetchone()
            root = bytes.fromhex(self.head().state_root)
            known = self._db.execute("SELECT 1 FROM node WHERE hash = ?", (root,)).fetchone()
        if found != self._id:
            raise OutsideError(
                "chain-other-id",
                f"{self._path} is chain {found}, not {self._id}",
                meaning="Signatures for one chain count for nothing on another.",
                hint="Give the chain file of this run.",
            )
        if known is None and self.head().block:
            raise ForgeryError(
                "chain-state-missing",
                f"the chain {self._path} does not hold the state of its last block",
                meaning="The file was changed by something other than Cotrain.",
                hint="Make it again from the transactions on the ledger.",
            )

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if (
                self._db.in_transaction
            ):  # SQLite may have rolled back by itself, on a full disk for one
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> OutsideError:
        return OutsideError(
            "chain-failed",
            f"the chain {self._path} cannot be used: {error}",
            meaning="Nothing was carried out that was not answered; nothing is lost.",
            hint="Check the disk and the rights to the file, then start again.",
        )

    def _no_chain(self, why: str) -> MalformedError:
        return MalformedError(
            "chain-bad-file",
            f"{self._path} is not a chain of this version: {why}",
            meaning="It is another file, or of another version of Cotrain.",
            hint="Give the chain file of this run.",
        )


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
        """Keep the node: another part of the state may hold the same one."""

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(row[0]) for row in self._db.execute("SELECT hash FROM node"))

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM node").fetchone()[0])


def _event(address: str, topics: bytes, data: bytes, block: int, place: int) -> LogEntry:
    split = tuple(topics[start : start + 32] for start in range(0, len(topics), 32))
    return LogEntry(address, split, data, block, place)
