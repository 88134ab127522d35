"""What a party remembers of a log, so that the log cannot show it two histories.

A follower reads every entry, keeps only the right edge of the tree and the last checkpoint, and
refuses a checkpoint that does not extend them. Two parties who exchange their last checkpoints (or
cosign them for each other) find out if the log shows each of them something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.note import MAX_NOTE_SIZE, Signer, VerifierKey, parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.text import decode_base64, decode_decimal, decode_text, encode_base64
from cotrain.ledger.tree import HASH_SIZE, Frontier, leaf_hash

_TAG = "cotrain/ledger-follower@v1"
_BAD = "ledger-bad-follower"
_MAX_SIZE = MAX_NOTE_SIZE + (1 << 14)


@dataclass(frozen=True, slots=True)
class Follower:
    """The state of one follower of one log: a value; `advance` returns the next one.

    Store `encode()` before acting on it, and above all before sending a cosignature: a follower who
    forgets what it cosigned can be made to cosign a fork.

    Attributes:
        origin: The log's origin.
        log_key: The log's key.
        frontier: Right edge of the tree seen so far.
        note: The last checkpoint seen, signed by the log; None before the first.
    """

    origin: str
    log_key: VerifierKey
    frontier: Frontier = field(default_factory=Frontier)
    note: str | None = None

    @property
    def size(self) -> int:
        """Number of entries seen."""
        return self.frontier.size

    def advance(self, entries: Sequence[bytes], note: str | bytes) -> Self:
        """Return the follower after the entries that lead to a checkpoint.

        Steps 1-4 of docs/spec/ledger.md, "Follow a log".

        Args:
            entries: All entries from index `size` up to the checkpoint's size.
            note: The checkpoint.

        Raises:
            MalformedError: `note` is not a checkpoint.
            ForgeryError: `note` is not signed by the log, is of a smaller tree than seen before
                (``ledger-rollback``), is not of the entries that were seen (``ledger-fork``), or
                the number of entries does not lead to it (``ledger-wrong-count``).
        """
        # Step 1: the log signed it.
        verified = Policy(self.origin, self.log_key).verify(note)
        checkpoint = verified.checkpoint
        # Step 2: the log did not shrink.
        if checkpoint.size < self.size:
            raise ForgeryError(
                "ledger-rollback",
                f"a checkpoint of {checkpoint.size} entries after one of {self.size}",
                meaning="The log lost or withholds entries, or an old checkpoint was sent again.",
                hint="Ask again; if it stays so, show both checkpoints to the other parties.",
            )
        # Step 3: these are exactly the entries in between.
        if checkpoint.size != self.size + len(entries):
            raise ForgeryError(
                "ledger-wrong-count",
                f"{len(entries)} entries lead from {self.size} not to {checkpoint.size}",
            )
        # Step 4: what was seen before and these entries make the signed root.
        frontier = self.frontier.extend(leaf_hash(entry) for entry in entries)
        if frontier.root() != checkpoint.root:
            raise self._fork(checkpoint)
        return replace(self, frontier=frontier, note=verified.note.encode())

    def cosign(self, signer: Signer, timestamp: int) -> str:
        """Return the last checkpoint with the log's signature and a cosignature of `signer`.

        Args:
            signer: The party that follows.
            timestamp: Seconds since the Unix epoch.

        Raises:
            UsageError: No checkpoint has been seen.
        """
        if self.note is None:
            raise UsageError("ledger-nothing-seen", f"no checkpoint of {self.origin!r} seen yet")
        return cosign(parse_note(self.note), signer, timestamp).encode()

    def encode(self) -> str:
        """Return the state as text for a journal."""
        head = (_TAG, f"log {self.log_key.encode()}", f"origin {self.origin}", f"size {self.size}")
        lines = (*head, *map(encode_base64, self.frontier.peaks), "")
        return "\n".join(lines) + "\n" + (self.note or "")

    @classmethod
    def decode(cls, data: str | bytes) -> Self:
        """Return the follower that `encode` wrote, after checking that it belongs together.

        Raises:
            MalformedError: Not the text of a follower, or not in its one spelling.
            ForgeryError: Its checkpoint is not signed by its log, or not of its entries.
        """
        text = decode_text(data, _BAD, limit=_MAX_SIZE)
        head, _, note = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) < 4 or lines[0] != _TAG:
            raise MalformedError(_BAD, f"not a file of the form {_TAG}")
        log_key = VerifierKey.parse(lines[1].removeprefix("log "))
        size = decode_decimal(lines[3].removeprefix("size "), _BAD)
        peaks = tuple(decode_base64(line, _BAD, size=HASH_SIZE) for line in lines[4:])
        origin = lines[2].removeprefix("origin ")
        follower = cls(origin, log_key, Frontier(size, peaks), note or None)
        if follower.encode() != text:
            raise MalformedError(_BAD, "not the one spelling of a follower")
        follower._check_note()
        return follower

    def _check_note(self) -> None:
        """Check that the last checkpoint is signed, and is of the entries seen."""
        if self.note is not None:
            self.advance([], self.note)
        elif self.size:
            raise MalformedError(_BAD, f"{self.size} entries were seen, but no checkpoint")

    def _fork(self, checkpoint: Checkpoint) -> ForgeryError:
        return ForgeryError(
            "ledger-fork",
            f"the checkpoint of {checkpoint.size} entries is not of the entries seen",
            meaning="The log signed a history that differs from the one it showed, or the entries "
            "were changed on their way.",
            hint="Keep both checkpoints: if the entries are as the log sent them, they convict it.",
        )
