"""A merlin 3 transcript, and challenges modulo the group order (docs/spec/argument.md, Steps)."""

import hashlib

from reference.field import ORDER
from reference.strobe import Strobe


class Transcript:
    """What was said so far; every challenge depends on all of it."""

    def __init__(self, application: bytes) -> None:
        self._strobe = Strobe(b"Merlin v1.0")
        self.append_message(b"dom-sep", application)

    def append_message(self, label: bytes, message: bytes) -> None:
        """Absorb a message."""
        self._strobe.meta_ad(label + len(message).to_bytes(4, "little"))
        self._strobe.ad(message)

    def challenge_bytes(self, label: bytes, count: int) -> bytes:
        """Draw bytes."""
        self._strobe.meta_ad(label + count.to_bytes(4, "little"))
        return self._strobe.prf(count)

    def append_long(self, label: bytes, message: bytes) -> None:
        """Absorb "long": the length and the SHA-512 of the message."""
        length = len(message).to_bytes(8, "little")
        self.append_message(label, length + hashlib.sha512(message).digest())

    def challenge(self, label: str) -> int:
        """Draw a "challenge": 64 bytes, little endian, modulo l."""
        return int.from_bytes(self.challenge_bytes(label.encode(), 64), "little") % ORDER

    def challenges(self, label: str, count: int) -> list[int]:
        """Draw a vector, entry by entry."""
        return [self.challenge(label) for _ in range(count)]
