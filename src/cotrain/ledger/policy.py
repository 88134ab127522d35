"""Whom to believe about a log: its key, and how many of which cosigners.

This is the one place where signatures turn into trust; receipts, followers and the store all pass
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from cotrain.errors import ForgeryError, UsageError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.cosignature import verify_cosignature
from cotrain.ledger.note import (
    Note,
    Signature,
    SignatureType,
    VerifierKey,
    parse_note,
    verify_note_signature,
)


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint whose signatures hold under a policy.

    Attributes:
        checkpoint: What the log says.
        note: The signed note, reduced to one verified line of each key of the policy.
        cosigned_at: Unix time at which each cosigner says it signed, by key name.
    """

    checkpoint: Checkpoint
    note: Note
    cosigned_at: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a checkpoint must show to be believed.

    Attributes:
        origin: The log's origin line.
        log_key: The log's Ed25519 key.
        witnesses: Keys of cosigners, distinct in name and in key.
        threshold: How many of them must have cosigned.
    """

    origin: str
    log_key: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()
    threshold: int = 0

    def __post_init__(self) -> None:
        # An Ed25519 cosignature does not commit to the cosigner's name, so one key under two names
        # would count twice, and the log's own key would let the log vouch for itself.
        names = {key.name for key in self.witnesses}
        keys = {key.public_key for key in self.witnesses} - {self.log_key.public_key}
        if not len(names) == len(keys) == len(self.witnesses):
            raise _bad_policy("cosigners need distinct names and keys, and not the log's key")
        if self.log_key.type is not SignatureType.ED25519:
            raise _bad_policy("the log's key is not of the type that signs checkpoints")
        if any(key.type is not SignatureType.COSIGNATURE for key in self.witnesses):
            raise _bad_policy("a cosigner's key is not of the type that cosigns")
        if not 0 <= self.threshold <= len(self.witnesses):
            raise _bad_policy(f"{self.threshold} cosignatures of {len(self.witnesses)} cosigners")

    def without_threshold(self) -> Self:
        """Return the policy that asks for no cosignature, but checks those that are there."""
        return replace(self, threshold=0) if self.threshold else self

    def verify(self, data: str | bytes) -> VerifiedCheckpoint:
        """Check a checkpoint's note. Steps 1-4 of docs/spec/ledger.md, "Believe a checkpoint".

        Lines of keys that are not in the policy are ignored. A line of a key of the policy must
        verify.

        Raises:
            MalformedError: Not a signed note, or not a checkpoint.
            ForgeryError: Wrong origin, a signature that does not hold, or too few of them.
        """
        # Step 1: parse the note and its text.
        note = parse_note(data)
        checkpoint = Checkpoint.parse(note.text)
        # Step 2: the origin is the one asked for.
        if checkpoint.origin != self.origin:
            raise ForgeryError(
                "ledger-wrong-origin", f"a checkpoint of {checkpoint.origin!r}, not {self.origin!r}"
            )
        # Step 3: the log signed.
        log_lines = self._log_lines(note)
        # Step 4: enough distinct cosigners signed.
        cosignatures, times = self._cosignatures(note)
        if len(times) < self.threshold:
            raise ForgeryError(
                "ledger-too-few-cosignatures",
                f"{len(times)} cosigners where {self.threshold} are required",
                meaning="Too few parties say that they saw this history of the log.",
                hint="Ask for a receipt or checkpoint made after more parties cosigned.",
            )
        kept = replace(note, signatures=(*log_lines, *cosignatures))
        return VerifiedCheckpoint(checkpoint, kept, times)

    def _log_lines(self, note: Note) -> list[Signature]:
        """Verify every line of the log's key; return the first."""
        lines = [line for line in note.signatures if line.is_by(self.log_key)]
        for line in lines:
            verify_note_signature(self.log_key, note.text, line)
        if not lines:
            raise ForgeryError(
                "ledger-unsigned",
                f"the checkpoint is not signed by {self.log_key.encode()}",
                meaning="Nobody vouches that this is the log's checkpoint.",
            )
        return lines[:1]

    def _cosignatures(self, note: Note) -> tuple[list[Signature], dict[str, int]]:
        """Verify every line of a known cosigner; return the first of each, and its time."""
        known = {key.name: key for key in self.witnesses}  # names are distinct
        first: dict[str, Signature] = {}
        times: dict[str, int] = {}
        for line in note.signatures:
            key = known.get(line.name)
            if key is None or key.key_id != line.key_id:
                continue
            timestamp = verify_cosignature(key, note.text, line)
            if key.name not in first:
                first[key.name], times[key.name] = line, timestamp
        return list(first.values()), times


def _bad_policy(what: str) -> UsageError:
    return UsageError("ledger-bad-policy", what)
