"""A ledger in one SQLite file: append, read, prove, keep checkpoints.

Rules it keeps: an append is one transaction, on disk before it returns; nothing is ever changed or
removed; every byte string that is read is checked against its hash; only checkpoints of this very
tree are stored. It does not judge what an entry says, nor who may append.

Any number of processes may read while one appends. A `Ledger` belongs to the thread that opened it.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Self

from cotrain.errors import ForgeryError, UsageError
from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.note import Note, Signature, SignatureType, Signer, VerifierKey, parse_note
from cotrain.ledger.policy import Policy, VerifiedCheckpoint
from cotrain.ledger.schema import create_file, damaged, open_file, storage_errors
from cotrain.ledger.text import MAX_COUNT
from cotrain.ledger.tiles import MAX_ENTRY_SIZE
from cotrain.ledger.tree import (
    Frontier,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    range_nodes,
)


class Ledger:
    """An append-only Merkle log with blobs beside it. Use as a context manager, or `close` it."""

    def __init__(self, connection: Connection, path: Path) -> None:
        """Wrap a checked connection; use `create` or `open`."""
        self._connection = connection
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Create an empty ledger file and open it.

        Raises:
            UsageError: Something exists at `path`.
            OutsideError: It cannot be written.
        """
        create_file(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open a ledger file.

        Checks the header, the schema, the right edge of the tree and the last checkpoint;
        `verify_all` in `fsck.py` checks all the rest.

        Raises:
            UsageError: There is no such file.
            MalformedError: Not a ledger, of an unknown version, or damaged.
            ForgeryError: The tree is not complete, or the last checkpoint is not of this tree.
            OutsideError: The file cannot be read or locked.
        """
        ledger = cls(open_file(path, read_only=read_only), path)
        try:
            ledger._check_edge()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the file. Nothing is lost without it: every append is on disk when it returns."""
        with storage_errors(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    # Appending

    def append(self, entries: Sequence[bytes], blobs: Iterable[bytes] = ()) -> range:
        """Append entries, and keep blobs, in one transaction that is on disk when this returns.

        Args:
            entries: Each of 1 to 65,535 bytes.
            blobs: Byte strings to be found again by their SHA-256; those already here are kept
                once.

        Returns:
            The indices of the new entries.

        Raises:
            UsageError: An entry is empty or too large; nothing is appended.
            OutsideError: The disk refused; nothing is appended.
        """
        for entry in entries:
            _check_entry(entry)
        with self._transaction():
            start = self.size
            _, nodes = self.frontier(start).grow(leaf_hash(entry) for entry in entries)
            insert = self._connection.executemany
            insert("INSERT INTO entry VALUES (?, ?)", enumerate(entries, start))
            insert("INSERT INTO node VALUES (?, ?, ?)", nodes)
            insert("INSERT INTO blob VALUES (?, ?)", _addressed(blobs))
        return range(start, start + len(entries))

    def put_blob(self, data: bytes) -> bytes:
        """Keep a blob, once, and return its SHA-256 (32 bytes)."""
        self.append([], [data])
        return hashlib.sha256(data).digest()

    def add_checkpoint(self, note: str | bytes, policy: Policy) -> VerifiedCheckpoint:
        """Keep a checkpoint of this tree, or add cosignatures to one that is kept.

        Only lines of the policy's keys are kept, the first of each key. The threshold is not asked
        for: cosignatures come one by one.

        Raises:
            MalformedError: Not a checkpoint.
            ForgeryError: The policy refuses it, or it is not a checkpoint of this tree.
        """
        verified = policy.without_threshold().verify(note)
        self._check_ours(verified.checkpoint)
        with self._transaction():
            self._keep_checkpoint(verified)
        return verified

    def issue_checkpoint(self, origin: str, signer: Signer) -> str:
        """Sign and keep a checkpoint of the present size.

        The signed tree is on disk before it is signed, so a crash cannot make the log forget what
        it promised; restoring an old copy of the file can, and then followers will say so.

        Returns:
            The checkpoint's note, with the cosignatures known so far.
        """
        size = self.size
        note = sign_checkpoint(Checkpoint(origin, size, self.root(size)), signer).encode()
        self.add_checkpoint(note, Policy(origin, VerifierKey.of(signer, SignatureType.ED25519)))
        return self.checkpoint(size) or note

    # Reading

    @property
    def size(self) -> int:
        """Number of entries."""
        rows = self._rows("SELECT coalesce(max(idx) + 1, 0) FROM entry")
        return int(rows[0][0])

    def entry(self, index: int) -> bytes:
        """Return one entry.

        Raises:
            UsageError: There is no such entry.
            ForgeryError: The stored bytes do not match their leaf hash.
        """
        return self.entries(index, index + 1)[0]

    def entries(self, start: int, stop: int) -> list[bytes]:
        """Return the entries [start, stop).

        Raises:
            UsageError: They are not all there.
            ForgeryError: Stored bytes do not match their leaf hash; the message names the first.
        """
        self._check_range(start, stop)
        rows = self._rows(
            "SELECT e.idx, e.data, n.hash FROM entry e "
            "LEFT JOIN node n ON n.level = 0 AND n.idx = e.idx "
            "WHERE e.idx >= ? AND e.idx < ? ORDER BY e.idx",
            (start, stop),
        )
        for expected, (index, data, leaf) in enumerate(rows, start):
            if index != expected or leaf_hash(_bytes(self.path, data)) != leaf:
                raise tampered(f"entry {expected} is not what was appended")
        if len(rows) != stop - start:
            raise tampered(f"entry {start + len(rows)} is missing")
        return [data for _, data, _ in rows]

    def blob(self, digest: bytes) -> bytes:
        """Return the blob with this SHA-256 (32 bytes).

        Raises:
            UsageError: It is not here.
            ForgeryError: The stored bytes do not have that hash.
        """
        rows = self._rows("SELECT data FROM blob WHERE digest = ?", (digest,))
        if not rows:
            raise UsageError("ledger-no-blob", f"there is no blob {digest.hex()}")
        data = _bytes(self.path, rows[0][0])
        if hashlib.sha256(data).digest() != digest:
            raise tampered(f"blob {digest.hex()} is not what was stored")
        return data

    def blob_digests(self) -> list[bytes]:
        """Return the SHA-256 of every blob, in the order in which they came."""
        rows = self._rows("SELECT digest FROM blob ORDER BY rowid")
        return [_bytes(self.path, row[0]) for row in rows]

    def checkpoint_sizes(self) -> list[int]:
        """Return the tree sizes of which a checkpoint is kept, ascending."""
        return [int(row[0]) for row in self._rows("SELECT size FROM checkpoint ORDER BY size")]

    def checkpoint(self, size: int, names: Collection[str] | None = None) -> str | None:
        """Return the note of the checkpoint of that size with its cosignatures, or None.

        Args:
            size: Of the tree.
            names: Whose lines to return; None for all. A log with many witnesses need not send
                each of them the lines of all others.
        """
        texts = self._rows("SELECT text FROM checkpoint WHERE size = ?", (min(size, MAX_COUNT),))
        if not texts:
            return None
        query, chosen = (
            "SELECT name, key_id, value FROM signature WHERE size = ?",
            tuple(names or ()),
        )
        if names is not None:
            query += f" AND name IN ({', '.join('?' * len(chosen))})"
        rows = self._rows(query + " ORDER BY rowid", (size, *chosen))
        lines = (Signature(str(n), _bytes(self.path, k), _bytes(self.path, v)) for n, k, v in rows)
        return Note(str(texts[0][0]), tuple(lines)).encode()

    def latest_checkpoint(self, names: Collection[str] | None = None) -> str | None:
        """Return the note of the largest checkpoint, or None; `names` as for `checkpoint`."""
        rows = self._rows("SELECT max(size) FROM checkpoint")
        return None if rows[0][0] is None else self.checkpoint(int(rows[0][0]), names)

    # Proving

    def root(self, size: int) -> bytes:
        """Return the root of the tree of the first `size` entries."""
        return self.frontier(size).root()

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the tree of the first `size` entries."""
        self._check_range(0, size)
        return Frontier(size, tuple(self._node(*node) for node in range_nodes(0, size)))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that entry `index` is in the tree of the first `size` entries."""
        self._check_range(0, size)
        return [self._range_hash(*part) for part in inclusion_ranges(index, size)]

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the tree of `old_size` is a prefix of that of `new_size`."""
        self._check_range(old_size, new_size)
        return [self._range_hash(*part) for part in consistency_ranges(old_size, new_size)]

    def nodes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Return the hashes of the complete subtrees [start, stop) of one level."""
        self._check_range(start << level, stop << level)
        rows = self._rows(
            "SELECT hash FROM node WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx",
            (level, start, stop),
        )
        if len(rows) != stop - start:
            raise tampered(f"nodes are missing on level {level} in [{start}, {stop})")
        return [_bytes(self.path, row[0]) for row in rows]

    def node_count(self) -> int:
        """Return the number of stored nodes."""
        return int(self._rows("SELECT count(*) FROM node")[0][0])

    # Within

    def _node(self, level: int, index: int) -> bytes:
        rows = self._rows("SELECT hash FROM node WHERE level = ? AND idx = ?", (level, index))
        if not rows:
            raise tampered(f"node {index} of level {level} is missing")
        return _bytes(self.path, rows[0][0])

    def _range_hash(self, start: int, stop: int) -> bytes:
        return fold([self._node(*node) for node in range_nodes(start, stop)])

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with storage_errors(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with storage_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _check_range(self, start: int, stop: int) -> None:
        size = self.size
        if not 0 <= start <= stop <= size:
            raise UsageError(
                "ledger-out-of-range", f"[{start}, {stop}) is not within the {size} entries"
            )

    def _check_edge(self) -> None:
        """Check the last checkpoint against the stored tree, and that its right edge is there."""
        self.root(self.size)
        latest = self.latest_checkpoint()
        if latest is not None:
            self._check_ours(Checkpoint.parse(parse_note(latest).text))

    def _check_ours(self, checkpoint: Checkpoint) -> None:
        """Refuse a checkpoint of a larger tree than ours, of another tree, or of another log."""
        if checkpoint.size > self.size:
            raise ForgeryError(
                "ledger-checkpoint-ahead",
                f"a checkpoint of {checkpoint.size} entries where the ledger has {self.size}",
                meaning="The ledger file was rolled back, or the checkpoint is of another ledger.",
                hint="Restore the newest copy of the ledger before appending anything.",
            )
        kept = self._rows("SELECT text FROM checkpoint ORDER BY size LIMIT 1")
        if kept and not str(kept[0][0]).startswith(f"{checkpoint.origin}\n"):
            raise ForgeryError(
                "ledger-wrong-origin", f"{checkpoint.origin!r} is not the origin of this ledger"
            )
        if checkpoint.root != self.root(checkpoint.size):
            raise ForgeryError(
                "ledger-fork",
                f"the checkpoint of {checkpoint.size} entries has another root than the ledger",
                meaning="The log signed two histories, or the ledger file was changed.",
            )

    def _keep_checkpoint(self, verified: VerifiedCheckpoint) -> None:
        size, text = verified.checkpoint.size, verified.note.text
        kept = self._rows("SELECT text FROM checkpoint WHERE size = ?", (size,))
        if not kept:
            self._connection.execute("INSERT INTO checkpoint VALUES (?, ?)", (size, text))
        elif kept != [(text,)]:
            raise ForgeryError(
                "ledger-other-checkpoint",
                f"another checkpoint of {size} entries is kept already",
                meaning="Its extension lines differ.",
            )
        self._connection.executemany(
            "INSERT INTO signature VALUES (?, ?, ?, ?)",
            [(size, line.name, line.key_id, line.value) for line in verified.note.signatures],
        )


def tampered(what: str) -> ForgeryError:
    """Return the error for stored bytes that contradict their hashes."""
    return ForgeryError(
        "ledger-tampered",
        what,
        meaning="The ledger file was changed after it was written.",
        hint="Restore it from a backup, an export, or another party's copy.",
    )


def _check_entry(entry: bytes) -> None:
    if not 1 <= len(entry) <= MAX_ENTRY_SIZE:
        raise UsageError(
            "ledger-bad-entry",
            f"an entry has {len(entry)} bytes; 1 to {MAX_ENTRY_SIZE} are possible",
            hint="Put the payload into a blob and its hash into the entry.",
        )


def _addressed(blobs: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return ((hashlib.sha256(blob).digest(), blob) for blob in blobs)


def _bytes(path: Path, value: object) -> bytes:
    """Return a stored value that must be bytes: a damaged file may hold any type anywhere."""
    if not isinstance(value, bytes):
        raise damaged(path, f"a {type(value).__name__} stands where bytes belong")
    return value
