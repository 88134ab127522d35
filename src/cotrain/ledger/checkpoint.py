"""Checkpoints (https://c2sp.org/tlog-checkpoint): a log's signed statement of its size and root."""

from dataclasses import dataclass
from typing import Self

from cotrain.errors import MalformedError
from cotrain.ledger.note import Note, Signer, sign_note
from cotrain.ledger.text import MAX_COUNT, decode_base64, decode_decimal, encode_base64
from cotrain.ledger.tree import HASH_SIZE

_BAD = "ledger-bad-checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says.

    Attributes:
        origin: The log's name, one line.
        size: Number of entries.
        root: Merkle root over them, 32 bytes.
        extensions: Further opaque lines; we write none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any("\n" in line for line in lines):
            raise MalformedError(_BAD, "a checkpoint has an empty or a broken line")
        if not 0 <= self.size <= MAX_COUNT or len(self.root) != HASH_SIZE:
            raise MalformedError(_BAD, "a checkpoint has an impossible size or root")

    def encode(self) -> str:
        """Return the note text."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a note's text says (tlog-checkpoint, section "Note text").

        Raises:
            MalformedError: It is not the text of a checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise MalformedError(_BAD, "a checkpoint has at least three lines")
        size = decode_decimal(lines[1], _BAD)
        root = decode_base64(lines[2], _BAD, size=HASH_SIZE)
        return cls(lines[0], size, root, tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """Return the checkpoint signed by its log.

    The caller owes the specification that it never signs two checkpoints that are inconsistent;
    `Ledger.issue_checkpoint` keeps that promise for a ledger.
    """
    return sign_note(checkpoint.encode(), signer)
