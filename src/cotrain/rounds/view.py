"""A party's own view of the ledger: nothing is believed that was not checked here.

Each batch of entries is checked against the signed checkpoint (it extends what was seen before), then each
record against the rules. Only then is the checkpoint cosigned.
"""

from collections.abc import Sequence
from typing import Protocol

from cotrain.errors import CotrainError, ForgeryError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.follower import Follower
from cotrain.ledger.policy import Policy
from cotrain.ledger.tree import Frontier, leaf_hash
from cotrain.records.canonical import sha256
from cotrain.records.kinds import BlobRef
from cotrain.records.record import Record, decode_record
from cotrain.rounds.rules import apply_record
from cotrain.rounds.state import RunState


class Board(Protocol):
    """What serves the ledger to readers: the coordinator, or a copy."""

    def size(self) -> int:
        """Return the number of entries under the latest checkpoint."""
        ...

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return the entries from `start` up to and without `stop`."""
        ...

    def blob(self, sha256_hex: str) -> bytes:
        """Return the blob with this hash."""
        ...

    def checkpoint(self) -> str:
        """Return the latest checkpoint, a signed note."""
        ...


class View:
    """What one reader has read and checked.

    Args:
        policy: Whose log it is.
    """

    def __init__(self, policy: Policy) -> None:
        self.follower = Follower(policy.origin, policy.log_key)
        self.state = RunState()
        self.records: list[Record] = []

    def advance(self, board: Board, pinned: Follower | None = None) -> bool:
        """Read everything new from `board`; tell whether there was anything.

        Args:
            board: Who serves the ledger.
            pinned: What this reader remembers from before a restart; the ledger must extend it.

        Raises:
            ForgeryError: the board forks, rolls back, or serves an entry that breaks a rule.
        """
        note = board.checkpoint()
        start, stop = self.follower.size, board.size()
        entries = list(board.entries(start, stop)) if stop > start else []
        if start == 0 and pinned is not None:
            _check_pinned(pinned, entries)
        self.follower = self.follower.advance(entries, note)
        for index, entry in enumerate(entries, start):
            self._apply(index, entry, board)
        return bool(entries)

    def _apply(self, index: int, entry: bytes, board: Board) -> None:
        def blobs(ref: BlobRef) -> bytes:
            return fetch_blob(board, ref)

        try:
            record = decode_record(entry, verify_signature)
            apply_record(self.state, record, blobs)
        except CotrainError as error:
            raise ForgeryError(
                "view-bad-entry",
                f"entry {index} of the ledger is wrong: {error}",
                meaning="The coordinator logged what the rules forbid; nothing after it counts.",
                hint=error.hint
                or "Stop, keep this copy of the ledger, and tell the other parties.",
            ) from error
        self.records.append(record)


def _check_pinned(pinned: Follower, entries: Sequence[bytes]) -> None:
    seen = Frontier().extend(leaf_hash(entry) for entry in entries[: pinned.size])
    if seen != pinned.frontier:
        raise ForgeryError(
            "ledger-fork",
            f"the ledger does not begin with the {pinned.size} entries that this party read before",
            meaning="The coordinator shows another history than before this party's restart.",
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
