"""A party's own view of the ledger: nothing is believed that was not checked here.

Each batch of entries is checked against the signed checkpoint (it extends what was seen before), then each
record against the rules. Only then is the checkpoint cosigned. A view that found a wrong entry under a signed
checkpoint raises the same error for ever: it must not step over the entry and go on.
"""

from collections.abc import Sequence
from typing import Protocol

from cotrain.errors import CotrainError, ForgeryError, OutsideError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.follower import Follower
from cotrain.ledger.note import parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.tree import Frontier, leaf_hash
from cotrain.records.canonical import sha256
from cotrain.records.kinds import BlobRef
from cotrain.records.record import Record, decode_record
from cotrain.rounds.claims import ProofVerifier
from cotrain.rounds.refusals import expect
from cotrain.rounds.rules import apply_record
from cotrain.rounds.state import RunState
from cotrain.rounds.witness import origin_of


class Board(Protocol):
    """What serves the ledger to readers: the coordinator, or a copy."""

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return the entries from `start` up to and without `stop`."""
        ...

    def blob(self, sha256_hex: str) -> bytes:
        """Return the blob with this hash."""
        ...

    def checkpoint(self, witness: str = "") -> str:
        """Return the latest checkpoint, a signed note.

        Args:
            witness: Whose cosignature must be among the lines if it has arrived; others may be left out.
        """
        ...


class View:
    """What one reader has read and checked.

    Args:
        policy: Whose log it is.

    Attributes:
        follower: The tree seen so far.
        state: What the entries say.
        records: The entries.
        cosigners: Whose cosignatures the last checkpoint read claims to have, unverified.
    """

    def __init__(self, policy: Policy) -> None:
        self.follower = Follower(policy.origin, policy.log_key)
        self._verifier = ProofVerifier()
        self.state = RunState(verify_proof=self._verifier)
        self.records: list[Record] = []
        self.cosigners: tuple[str, ...] = ()
        self._convicted: ForgeryError | None = None
        self._board: Board | None = None

    def verifying_seconds(self) -> float:
        """Return how long this reader verified proofs; for reports, nothing is decided by it."""
        return self._verifier.seconds

    def advance(self, board: Board, pinned: Follower | None = None, *, witness: str = "") -> bool:
        """Read everything new from `board`; tell whether there was anything.

        Args:
            board: Who serves the ledger.
            pinned: What this reader remembers from before a restart; the ledger must extend it.
            witness: The name under which this reader cosigns.

        Raises:
            ForgeryError: the board forks, rolls back, or serves an entry that breaks a rule.
        """
        if self._convicted is not None:
            raise self._convicted
        self._board = board
        note = board.checkpoint(witness)
        parsed = parse_note(note)
        # The size is the checkpoint's: the log may have grown since it was signed.
        start, stop = self.follower.size, Checkpoint.parse(parsed.text).size
        entries = list(board.entries(start, stop)) if stop > start else []
        if start == 0 and pinned is not None:
            _check_pinned(pinned, entries)
        follower = self.follower.advance(entries, note)
        for index, entry in enumerate(entries, start):
            self._take(index, entry, board)
        # Only now: a reader that was interrupted halfway, say by a lost blob, reads the same again.
        self.follower = follower
        self.cosigners = tuple(line.name for line in parsed.signatures)
        return bool(entries)

    def fetch(self, ref: BlobRef) -> bytes:
        """Return a blob that is for this reader, from the board last read.

        Raises:
            ForgeryError: the board has other bytes.
            OutsideError: nothing was read yet.
        """
        if self._board is None:
            raise OutsideError("view-no-board", "no board was read yet")
        return fetch_blob(self._board, ref)

    def _take(self, index: int, entry: bytes, board: Board) -> None:
        """Apply an entry, or see that it is the one that was applied before an interruption."""
        if index >= len(self.records):
            self._apply(index, entry, board)
        elif self.records[index].data != entry:
            raise _fork(len(self.records))

    def _apply(self, index: int, entry: bytes, board: Board) -> None:
        try:
            record = decode_record(entry, verify_signature)
        except CotrainError as error:
            raise self._convict(index, error) from error
        # Not within a `try`: that a blob does not arrive, or arrives damaged, convicts nobody.
        blobs = {ref.sha256: fetch_blob(board, ref) for ref in record.common_blobs}
        try:
            apply_record(self.state, record, lambda ref: blobs[ref.sha256])
            expect(record, "the log", self.follower.origin, origin_of(self.state.terms.digest))
        except CotrainError as error:
            raise self._convict(index, error) from error
        self.records.append(record)

    def _convict(self, index: int, error: CotrainError) -> ForgeryError:
        """Return the error for a wrong entry under a signed checkpoint; the view stays where it is for ever."""
        self._convicted = ForgeryError(
            "view-bad-entry",
            f"entry {index} of the ledger is wrong: {error}",
            meaning="The coordinator logged what the rules forbid; nothing after it counts.",
            hint=error.hint or "Stop, keep this copy of the ledger, and tell the other parties.",
        )
        return self._convicted


def _check_pinned(pinned: Follower, entries: Sequence[bytes]) -> None:
    seen = Frontier().extend(leaf_hash(entry) for entry in entries[: pinned.size])
    if seen != pinned.frontier:
        raise _fork(pinned.size)


def _fork(count: int) -> ForgeryError:
    return ForgeryError(
        "ledger-fork",
        f"the ledger does not begin with the {count} entries that this party read before",
        meaning="The coordinator shows another history than before.",
        hint="Keep both checkpoints and tell the other parties: they convict the coordinator.",
    )


def fetch_blob(board: Board, ref: BlobRef) -> bytes:
    """Return the bytes of `ref`, checked.

    Raises:
        ForgeryError: the board has other bytes, or none.
    """
    blob = board.blob(ref.sha256)
    if len(blob) != ref.size or sha256(blob) != ref.sha256:
        raise ForgeryError(
            "view-bad-blob",
            f"the blob {ref.sha256[:16]}... has other bytes than its name says",
            meaning="The data beside the ledger were changed or lost.",
            hint="Fetch the blob from another copy of the ledger.",
        )
    return blob
