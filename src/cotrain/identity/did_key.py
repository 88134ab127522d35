"""`did:key` names of Ed25519 public keys (W3C CCG did:key method, multicodec 0xed01, base58btc).

A name *is* the public key, so nobody can give it, take it away, or reassign it.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cotrain.errors import ForgeryError, MalformedError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519 = b"\xed\x01"
_PREFIX = "did:key:z"


def did_of(public_key: bytes) -> str:
    """Return the `did:key` of a 32-byte Ed25519 public key."""
    if len(public_key) != 32:
        raise _malformed(f"an Ed25519 key has 32 bytes, not {len(public_key)}")
    return _PREFIX + _base58(_ED25519 + public_key)


def public_key_of(did: str) -> bytes:
    """Return the 32-byte Ed25519 public key that `did` names.

    Raises:
        MalformedError: `did` is not the canonical did:key of an Ed25519 key.
    """
    if not did.startswith(_PREFIX) or len(did) > 80:
        raise _malformed(f"{did[:80]!r} does not start with {_PREFIX!r}")
    number = 0
    for letter in did[len(_PREFIX) :]:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            raise _malformed(f"{letter!r} is not a base58 digit")
        number = number * 58 + digit
    data = number.to_bytes(34, "big") if number < 1 << (34 * 8) else b""
    key = data[2:]
    if data[:2] != _ED25519 or did_of(key) != did:
        raise _malformed(f"{did[:80]!r} does not name an Ed25519 key")
    return key


def verify_signature(did: str, message: bytes, signature: bytes) -> None:
    """Check the Ed25519 signature of `message` by the key that `did` names.

    Raises:
        MalformedError: `did` is not a name.
        ForgeryError: the signature does not hold.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key_of(did)).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise ForgeryError(
            "identity-bad-signature",
            f"the signature of {did} does not hold",
            meaning="The record was changed after signing, or somebody else wrote it.",
            hint="Do not use the record; ask its author for the original.",
        ) from error


def _base58(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    digits = ""
    while number:
        number, rest = divmod(number, 58)
        digits = _ALPHABET[rest] + digits
    return digits


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "identity-malformed",
        f"not a did:key of an Ed25519 key: {what}",
        meaning="The name cannot be turned into a public key, so nothing can be checked against it.",
        hint="Copy the whole name as `cotrain init` printed it.",
    )
