"""Signed notes (https://c2sp.org/signed-note): text signed by one or more Ed25519 keys.

The parser accepts exactly what the specification describes and keeps signature lines as they came.
It never judges them: an unknown key is not an error here. Who must have signed is said in
`policy.py`.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.text import decode_base64, decode_text, encode_base64

MAX_NOTE_SIZE = 1 << 20
MAX_SIGNATURES = 4096
"""A limit that the specification asks for; it leaves room for 1,000 parties several times over."""

_PREFIX = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_BAD_NOTE = "ledger-bad-note"
_BAD_VKEY = "ledger-bad-vkey"


class KeyPair(Protocol):
    """Whoever can sign with one Ed25519 key."""

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of `message`, 64 bytes."""
        ...


class Signer(KeyPair, Protocol):
    """A key pair with the name under which it signs notes."""

    @property
    def name(self) -> str:
        """Key name: no spaces, no plus sign; for a log, best its origin."""
        ...


@dataclass(frozen=True, slots=True)
class NamedSigner:
    """A key pair that signs notes under a name of the caller's choice, such as its did:key."""

    name: str
    key_pair: KeyPair

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 bytes."""
        return self.key_pair.public_key

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of `message`, 64 bytes."""
        return self.key_pair.sign(message)


class SignatureType(IntEnum):
    """Signature type identifier bytes that we use."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that someone trusts, written as a vkey (signed-note, section "Verifier keys").

    Attributes:
        name: Key name.
        type: What the key signs: notes of a log, or cosignatures.
        public_key: Ed25519 public key, 32 bytes.
    """

    name: str
    type: SignatureType
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name, _BAD_VKEY)
        if len(self.public_key) != 32:
            raise MalformedError(_BAD_VKEY, f"the key of {self.name!r} does not have 32 bytes")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || type || public key)[:4]."""
        material = self.name.encode() + b"\n" + bytes([self.type]) + self.public_key
        return hashlib.sha256(material).digest()[:4]

    def encode(self) -> str:
        """Return the vkey: ``name+hex(key id)+base64(type || public key)``."""
        material = encode_base64(bytes([self.type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def of(cls, signer: Signer, kind: SignatureType) -> Self:
        """Return the key that verifies what `signer` signs as `kind`."""
        return cls(signer.name, kind, signer.public_key)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key of a vkey.

        Raises:
            MalformedError: Not a vkey of a known type, or its key ID is not that of its key.
        """
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise MalformedError(_BAD_VKEY, f"not of the form name+id+key: {text[:80]!r}")
        material = decode_base64(parts[2], _BAD_VKEY, size=33)
        if material[0] not in tuple(SignatureType):
            raise MalformedError(_BAD_VKEY, f"unknown signature type {material[0]}")
        key = cls(parts[0], SignatureType(material[0]), material[1:])
        if parts[1] != key.key_id.hex():
            raise MalformedError(
                _BAD_VKEY, f"key ID {parts[1][:80]!r} where {key.key_id.hex()} belongs"
            )
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line.

    Attributes:
        name: Name of the key.
        key_id: 4 bytes.
        value: What the key's algorithm makes, at least 1 byte.
    """

    name: str
    key_id: bytes
    value: bytes

    def encode(self) -> str:
        """Return the line, with its newline."""
        return f"{_PREFIX}{self.name} {encode_base64(self.key_id + self.value)}\n"

    def is_by(self, key: VerifierKey) -> bool:
        """Return whether name and key ID are those of `key`; this says nothing of validity."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note.

    Attributes:
        text: The signed text, ending in a newline.
        signatures: The signature lines in their order, none of them judged yet.
    """

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> str:
        """Return the note as it is stored and sent."""
        return self.text + "\n" + "".join(line.encode() for line in self.signatures)

    def with_signatures(self, signatures: Iterable[Signature]) -> Self:
        """Return the note with more signature lines, leaving out those that it has."""
        new = dict.fromkeys((*self.signatures, *signatures))
        return replace(self, signatures=tuple(new))


def parse_note(data: str | bytes) -> Note:
    """Return the text and the signature lines of a signed note.

    Raises:
        MalformedError: `data` is not a signed note (signed-note, section "Format").
    """
    whole = decode_text(data, _BAD_NOTE, limit=MAX_NOTE_SIZE)
    if _CONTROL.search(whole):
        raise MalformedError(_BAD_NOTE, "the note contains a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise MalformedError(_BAD_NOTE, "the note does not end in signature lines")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise MalformedError(_BAD_NOTE, f"the note has more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_parse_line(row) for row in rows))


def sign_note(text: str, signer: Signer) -> Note:
    """Return `text` signed by one Ed25519 key (signed-note, section "Ed25519 signatures").

    Raises:
        UsageError: `text` has no final newline or a control character, or the signer errs.
        MalformedError: `text` is not Unicode, or too long.
    """
    if not text.endswith("\n") or _CONTROL.search(text):
        raise UsageError("ledger-bad-text", "a note's text is lines of printable text")
    raw = decode_text(text, "ledger-bad-text", limit=MAX_NOTE_SIZE).encode()
    key = VerifierKey.of(signer, SignatureType.ED25519)
    value = make_signature(signer, raw)
    return Note(text, (Signature(key.name, key.key_id, value),))


def verify_note_signature(key: VerifierKey, text: str, signature: Signature) -> None:
    """Check a log's Ed25519 signature of a note's text.

    Raises:
        ForgeryError: The line is not that key's, or the signature does not verify.
    """
    if key.type is not SignatureType.ED25519 or not signature.is_by(key):
        raise ForgeryError("ledger-wrong-key", f"the line is not by key {key.encode()}")
    verify_ed25519(key, signature.value, text.encode())


def make_signature(signer: Signer, message: bytes) -> bytes:
    """Return the signature of `message`, checked: a signer that errs must not reach the ledger.

    Raises:
        UsageError: The signer's signature does not verify under its public key.
    """
    value = signer.sign(message)
    try:
        verify_ed25519(VerifierKey.of(signer, SignatureType.ED25519), value, message)
    except ForgeryError as error:
        raise UsageError("ledger-bad-signer", f"{signer.name} signs wrongly: {error}") from error
    return value


def verify_ed25519(key: VerifierKey, signature: bytes, message: bytes) -> None:
    """Check one Ed25519 signature (RFC 8032, 64 bytes) over `message`.

    Raises:
        ForgeryError: It does not verify.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except InvalidSignature:
        raise ForgeryError(
            "ledger-bad-signature",
            f"the signature by {key.name} does not verify",
            meaning="The text or the signature was changed, or another key signed.",
        ) from None


def _parse_line(row: str) -> Signature:
    name, space, encoded = row.removeprefix(_PREFIX).partition(" ")
    if not row.startswith(_PREFIX) or not space:
        raise MalformedError(_BAD_NOTE, f"not a signature line: {row[:80]!r}")
    _check_name(name, _BAD_NOTE)
    raw = decode_base64(encoded, _BAD_NOTE)
    if len(raw) < 5:
        raise MalformedError(_BAD_NOTE, f"the signature by {name!r} is too short")
    return Signature(name, raw[:4], raw[4:])


def _check_name(name: str, code: str) -> None:
    bad = not name or "+" in name or any(c.isspace() for c in name) or _CONTROL.search(name)
    if bad:
        raise MalformedError(code, f"not a key name: {name[:80]!r}")
    decode_text(name, code, limit=MAX_NOTE_SIZE)
