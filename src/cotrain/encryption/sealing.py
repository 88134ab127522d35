"""Seal a share to its receiver: HPKE (RFC 9180) in base mode, single shot.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. The primitives are
pyca/cryptography's; its own
HPKE draws the ephemeral key itself, while a party that restarts must send the same bytes again, so
the key schedule is composed here, with the ephemeral key derived (RFC 9180, section 7.1.3) from
bytes that the caller passes. Steps as in `docs/spec/key-sharing.md`; what is sealed here opens with
any HPKE, and the other way round.

Not done here: sender authentication (records are signed), more than one message for each ephemeral
key.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cotrain.errors import ForgeryError, MalformedError, UsageError

SEAL_OVERHEAD: Final = 48
"""Bytes that sealing adds: an encapsulated key (32) and a tag (16)."""

_KEM_SUITE: Final = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE: Final = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0003))
_BASE_MODE: Final = b"\x00"


def seal(public_key: bytes, info: bytes, aad: bytes, plaintext: bytes, ikm: bytes) -> bytes:
    """Seal `plaintext` so that only the owner of `public_key` opens it.

    Args:
        public_key: X25519, 32 bytes.
        info: What the message is for; the opener passes the same bytes.
        aad: Further bytes that are authenticated but not sent.
        plaintext: Any length.
        ikm: 32 secret uniform bytes, drawn for this message alone: reuse for another message under
            the same key and info would repeat a nonce.

    Returns:
        The encapsulated key (32 bytes), then the ciphertext: ``len(plaintext) + SEAL_OVERHEAD``
        bytes.

    Raises:
        MalformedError: ``sealing-key``: not 32 bytes, or a point of small order.
        UsageError: ``seed-length``.
    """
    if len(ikm) != 32:
        raise UsageError(
            "seed-length", f"the seed of a sealed message has {len(ikm)} bytes, not 32"
        )
    ephemeral = _derive_private_key(ikm)
    encapsulated = ephemeral.public_key().public_bytes_raw()
    secret = _shared_secret(ephemeral, public_key, encapsulated + public_key)
    key, nonce = _key_schedule(secret, info)
    return encapsulated + ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def open_sealed(private_key: bytes, info: bytes, aad: bytes, sealed: bytes) -> bytes:
    """Open what `seal` made for this key, info and aad.

    Args:
        private_key: X25519, 32 bytes.
        info: As sealed.
        aad: As sealed.
        sealed: The bytes that `seal` returned.

    Raises:
        ForgeryError: ``sealed-share-does-not-open``: changed, cut, or meant for another key, info
            or aad.
        UsageError: ``sealing-key``: the private key is not 32 bytes long.
    """
    if len(private_key) != 32:
        raise UsageError("sealing-key", f"the private key has {len(private_key)} bytes, not 32")
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    own = X25519PrivateKey.from_private_bytes(private_key)
    try:
        secret = _shared_secret(
            own, encapsulated, encapsulated + own.public_key().public_bytes_raw()
        )
        key, nonce = _key_schedule(secret, info)
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, MalformedError) as error:
        raise ForgeryError(
            "sealed-share-does-not-open",
            f"{len(sealed)} sealed bytes do not open",
            meaning="They were changed, or sealed for another receiver, round or sender.",
            hint="Complain about the sender, who can answer by showing the share.",
        ) from error


def _shared_secret(own: X25519PrivateKey, other: bytes, kem_context: bytes) -> bytes:
    """RFC 9180, section 4.1: ExtractAndExpand of the Diffie-Hellman value."""
    try:
        agreed = own.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:
        what = "not an X25519 public key that can agree on a secret"
        raise MalformedError("sealing-key", what) from error
    pseudorandom = _labeled_extract(_KEM_SUITE, b"", b"eae_prk", agreed)
    return _labeled_expand(_KEM_SUITE, pseudorandom, b"shared_secret", kem_context, 32)


def _key_schedule(secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180, section 5.1, base mode: the key and the nonce of the first message."""
    psk_id_hash = _labeled_extract(_SUITE, b"", b"psk_id_hash", b"")
    info_hash = _labeled_extract(_SUITE, b"", b"info_hash", info)
    context = _BASE_MODE + psk_id_hash + info_hash
    pseudorandom = _labeled_extract(_SUITE, secret, b"secret", b"")
    key = _labeled_expand(_SUITE, pseudorandom, b"key", context, 32)
    return key, _labeled_expand(_SUITE, pseudorandom, b"base_nonce", context, 12)


def check_public_key(public_key: bytes) -> None:
    """Check that something can be sealed to a key, so that nobody can join with one that stops the senders.

    Raises:
        MalformedError: ``sealing-key``: not 32 bytes, or a point of small order.
    """
    if len(public_key) != 32:
        raise MalformedError(
            "sealing-key", f"an X25519 public key has 32 bytes, not {len(public_key)}"
        )
    _shared_secret(_derive_private_key(bytes(32)), public_key, b"")


def _derive_private_key(ikm: bytes) -> X25519PrivateKey:
    """RFC 9180, section 7.1.3: DeriveKeyPair for X25519."""
    pseudorandom = _labeled_extract(_KEM_SUITE, b"", b"dkp_prk", ikm)
    return X25519PrivateKey.from_private_bytes(
        _labeled_expand(_KEM_SUITE, pseudorandom, b"sk", b"", 32)
    )


def _labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180, section 4: LabeledExtract. HKDF-Extract is HMAC with the salt as key (RFC 5869)."""
    extract = HMAC(salt or bytes(32), SHA256())
    extract.update(b"HPKE-v1" + suite + label + ikm)
    return extract.finalize()


def _labeled_expand(
    suite: bytes, pseudorandom: bytes, label: bytes, info: bytes, size: int
) -> bytes:
    """RFC 9180, section 4: LabeledExpand."""
    labeled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), size, labeled).derive(pseudorandom)
