"""Cosignatures with Ed25519 (https://c2sp.org/tlog-cosignature).

A cosignature says: at this time, the largest consistent tree that I saw of this log had this root.
Whoever makes one must have followed the log (`Follower.cosign`) and must have stored what it saw
before.
"""

import struct

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.note import (
    Note,
    Signature,
    SignatureType,
    Signer,
    VerifierKey,
    make_signature,
    verify_ed25519,
)
from cotrain.ledger.text import MAX_COUNT

_TIMESTAMP = struct.Struct(">Q")
_SIZE = _TIMESTAMP.size + 64


def cosign(note: Note, signer: Signer, timestamp: int) -> Note:
    """Return a checkpoint's note with the cosignature of `signer` added.

    Args:
        note: A checkpoint that the signer has verified and followed.
        signer: The cosigner.
        timestamp: Seconds since the Unix epoch.

    Raises:
        UsageError: The timestamp is out of range.
    """
    if not 0 <= timestamp <= MAX_COUNT:
        raise UsageError("ledger-bad-timestamp", f"{timestamp} is not a Unix time")
    key = VerifierKey.of(signer, SignatureType.COSIGNATURE)
    value = make_signature(signer, signed_message(note.text, timestamp))
    line = Signature(key.name, key.key_id, _TIMESTAMP.pack(timestamp) + value)
    return note.with_signatures((line,))


def verify_cosignature(key: VerifierKey, text: str, signature: Signature) -> int:
    """Check a cosignature of a checkpoint's text and return its Unix timestamp in seconds.

    Raises:
        MalformedError: The signature is not a `timestamped_signature`.
        ForgeryError: The line is not that key's, or the signature does not verify.
    """
    if key.type is not SignatureType.COSIGNATURE or not signature.is_by(key):
        raise ForgeryError("ledger-wrong-key", f"the line is not by key {key.encode()}")
    if len(signature.value) != _SIZE:
        raise MalformedError(
            "ledger-bad-cosignature", f"the cosignature by {key.name} does not have {_SIZE} bytes"
        )
    (timestamp,) = _TIMESTAMP.unpack_from(signature.value)
    if timestamp > MAX_COUNT:
        raise MalformedError("ledger-bad-cosignature", f"{key.name} signed after the end of time")
    verify_ed25519(key, signature.value[_TIMESTAMP.size :], signed_message(text, timestamp))
    return int(timestamp)


def signed_message(text: str, timestamp: int) -> bytes:
    """Return what a cosigner signs (tlog-cosignature, section "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
