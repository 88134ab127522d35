"""Receipts (https://c2sp.org/tlog-proof): a text file that shows that an entry is in the log.

The specification leaves the `extra` line to the application. We put the entry itself there, so that
one file can be verified alone; it needs no trust, because the proof starts from its hash.
"""

from dataclasses import dataclass
from typing import Self

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.note import MAX_NOTE_SIZE, parse_note
from cotrain.ledger.policy import Policy, VerifiedCheckpoint
from cotrain.ledger.store import Ledger
from cotrain.ledger.text import decode_base64, decode_decimal, decode_text, encode_base64
from cotrain.ledger.tree import HASH_SIZE, leaf_hash, verify_inclusion

_TAG = "c2sp.org/tlog-proof@v1"
_BAD = "ledger-bad-receipt"
_MAX_SIZE = MAX_NOTE_SIZE + (1 << 17)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A parsed tlog-proof; nothing in it is verified yet.

    Attributes:
        index: Index of the entry.
        proof: Inclusion proof, hashes of 32 bytes, the leaf's sibling first.
        note: The checkpoint, verbatim.
        extra: The entry, or None if the file does not carry it.
    """

    index: int
    proof: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    def encode(self) -> str:
        """Return the text of the file."""
        extra = [] if self.extra is None else [f"extra {encode_base64(self.extra)}"]
        lines = [_TAG, *extra, f"index {self.index}", *map(encode_base64, self.proof), ""]
        return "\n".join(lines) + "\n" + self.note

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Return the parts of a tlog-proof file (tlog-proof, section "Format").

        Raises:
            MalformedError: Not a tlog-proof, or its checkpoint is not a signed note.
        """
        text = decode_text(data, _BAD, limit=_MAX_SIZE)
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != _TAG:
            raise MalformedError(_BAD, f"not a file of the form {_TAG}")
        extra = _take(lines, "extra ")
        index = _take(lines, "index ")
        if index is None:
            raise MalformedError(_BAD, "the receipt has no index line where one belongs")
        parse_note(note)
        return cls(
            decode_decimal(index, _BAD),
            tuple(decode_base64(line, _BAD, size=HASH_SIZE) for line in lines),
            note,
            None if extra is None else _decode_extra(extra),
        )


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt has shown.

    Attributes:
        index: Index of the entry.
        entry: The entry.
        checkpoint: The checkpoint that it is under, and who cosigned it when.
    """

    index: int
    entry: bytes
    checkpoint: VerifiedCheckpoint


def make_receipt(ledger: Ledger, index: int, note: str | bytes, *, embed: bool = True) -> str:
    """Return the receipt of one entry under a checkpoint.

    Args:
        ledger: The ledger, at least as large as the checkpoint says.
        index: Index of the entry.
        note: A checkpoint of that ledger with the cosignatures that the reader will ask for.
        embed: Whether the receipt carries the entry.

    Raises:
        UsageError: The entry is not under that checkpoint.
        ForgeryError: The checkpoint is not of this ledger.
    """
    parsed = parse_note(note)
    checkpoint = Checkpoint.parse(parsed.text)
    if checkpoint.size > ledger.size or checkpoint.root != ledger.root(checkpoint.size):
        raise ForgeryError("ledger-fork", "the checkpoint is not one of this ledger")
    proof = ledger.inclusion(index, checkpoint.size)
    extra = ledger.entry(index) if embed else None
    return Receipt(index, tuple(proof), parsed.encode(), extra).encode()


def verify_receipt(
    data: str | bytes, policy: Policy, *, entry: bytes | None = None
) -> VerifiedReceipt:
    """Check that an entry is in the log. Steps 1-4 of tlog-proof, section "Verifying a tlog proof".

    Args:
        data: The receipt.
        policy: Whom to believe.
        entry: The entry, if the receipt does not carry it; if it does, they must be equal.

    Raises:
        MalformedError: Not a receipt.
        ForgeryError: It does not show that the entry is in the log.
        UsageError: There is no entry to verify.
    """
    receipt = Receipt.parse(data)
    # Step 1: the leaf hash.
    subject = _subject(receipt, entry)
    # Steps 2 and 3: origin, the log's signature, cosignatures.
    verified = policy.verify(receipt.note)
    # Step 4: the inclusion proof.
    size, root = verified.checkpoint.size, verified.checkpoint.root
    verify_inclusion(leaf_hash(subject), receipt.index, size, receipt.proof, root)
    return VerifiedReceipt(receipt.index, subject, verified)


def _subject(receipt: Receipt, entry: bytes | None) -> bytes:
    if entry is None:
        if receipt.extra is None:
            raise UsageError(
                "ledger-no-entry",
                "the receipt does not carry its entry",
                hint="Give the entry beside the receipt.",
            )
        return receipt.extra
    if receipt.extra not in (None, entry):
        raise ForgeryError("ledger-other-entry", "the receipt is of another entry")
    return entry


def _take(lines: list[str], prefix: str) -> str | None:
    """Remove the first line and return what follows `prefix`, if it starts with that."""
    if not lines or not lines[0].startswith(prefix):
        return None
    return lines.pop(0).removeprefix(prefix)


def _decode_extra(text: str) -> bytes:
    extra = decode_base64(text, _BAD)
    if not extra:
        raise MalformedError(_BAD, "an empty extra line must be left out")
    return extra
