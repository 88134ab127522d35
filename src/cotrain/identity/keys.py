"""A party's keys: one Ed25519 key that signs, and secrets derived from the same 32-byte seed.

The seed is the only thing to keep safe and to back up. Private keys never leave this object; its `repr`
shows the public name only.
"""

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cotrain.errors import OutsideError, UsageError
from cotrain.identity.did_key import did_of

_FILE_TAG = "cotrain-identity-v1:"


class Identity:
    """One party's signing identity.

    Args:
        seed: 32 secret uniform bytes.
        name: Human name, e.g. ``"Cleveland"``; not unique, not trusted.
    """

    def __init__(self, seed: bytes, name: str = "") -> None:
        if len(seed) != 32:
            raise UsageError("identity-bad-seed", f"a seed has 32 bytes, not {len(seed)}")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(self._derive("signing"))
        self.name = name
        self._public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self.did})"

    @property
    def public_key(self) -> bytes:
        """The 32-byte Ed25519 public key."""
        return self._public

    @property
    def did(self) -> str:
        """The public name, `did:key:z...`."""
        return did_of(self._public)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature (RFC 8032, deterministic) of `message`."""
        return self._key.sign(message)

    def secret(self, label: str) -> bytes:
        """Return 32 secret bytes for the use named `label` (HMAC-SHA-256 of the seed)."""
        return self._derive("secret/" + label)

    def save(self, path: Path) -> None:
        """Write the seed to a new file that only its owner can read.

        Raises:
            OutsideError: the file exists already (it is never overwritten) or cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{_FILE_TAG}{self._seed.hex()}:{self.name}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutsideError(
                "identity-not-written",
                f"the identity file {path} was not written: {error.strerror}",
                meaning="No new identity was made; an existing one is never overwritten.",
                hint="Choose another folder, or keep using the identity that is there.",
            ) from error

    def _derive(self, label: str) -> bytes:
        return hmac.new(
            self._seed, b"cotrain/identity/1/" + label.encode(), hashlib.sha256
        ).digest()


def load_identity(path: Path) -> Identity:
    """Read an identity file.

    Raises:
        OutsideError: the file cannot be read, or is not an identity file.
    """
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        tag, _, rest = text.partition(":")
        seed, _, name = rest.partition(":")
        if f"{tag}:" != _FILE_TAG:
            raise UsageError("identity-bad-tag", "it does not begin with the identity tag")  # noqa: TRY301
        return Identity(bytes.fromhex(seed), name)
    except (OSError, ValueError, UsageError) as error:
        raise OutsideError(
            "identity-not-read",
            f"the identity file {path} cannot be used: {error}",
            meaning="Without its key this party can sign nothing.",
            hint="Give the folder that `cotrain init` made, or restore the file from your backup.",
        ) from error
