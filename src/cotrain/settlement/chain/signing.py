"""An account on a chain: a secp256k1 key derived from a party's identity."""

from collections.abc import Mapping
from typing import Any

from eth_account import Account as EthAccount
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from cotrain.errors import ForgeryError
from cotrain.identity.keys import Identity

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER = _ORDER // 2


class Account:
    """A key that signs for one account; its `repr` shows the address only."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address: str = self._key.public_key.to_checksum_address()

    def __repr__(self) -> str:
        return f"Account({self.address})"

    def sign(self, digest: bytes) -> bytes:
        """Return r, s, v (65 bytes, v 27 or 28, s in the lower half; RFC 6979) under a 32-byte digest."""
        signature = self._key.sign_msg_hash(digest)
        return signature.to_bytes()[:64] + bytes([27 + signature.v])

    def sign_transaction(self, fields: Mapping[str, Any]) -> bytes:
        """Return a signed transaction, ready to be sent."""
        signed = EthAccount.sign_transaction(dict(fields), self._key.to_bytes())
        return bytes(signed.raw_transaction)


def account_of(identity: Identity) -> Account:
    """Return the account of a party.

    Its key is 256 secret bits of the identity, taken modulo the order less one, plus one: never zero, and
    uniform up to 2^-127.
    """
    secret = int.from_bytes(identity.secret("evm-account"), "big")
    return Account((secret % (_ORDER - 1) + 1).to_bytes(32, "big"))


def recover(digest: bytes, signature: bytes) -> str:
    """Return the address whose key signed a digest.

    Raises:
        ForgeryError: it is no signature, or has a second form that contracts refuse.
    """
    if len(signature) != 65 or signature[64] not in {27, 28}:
        raise _bad_signature("it has not the form r, s, v")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise _bad_signature("s is in the upper half")
    try:
        made = Signature(signature[:64] + bytes([signature[64] - 27]))
        return str(made.recover_public_key_from_msg_hash(digest).to_checksum_address())
    except (BadSignature, ValidationError) as error:
        raise _bad_signature(str(error)) from error


def _bad_signature(why: str) -> ForgeryError:
    return ForgeryError(
        "account-bad-signature",
        f"not a signature by an account: {why}",
        meaning="The contracts would refuse it.",
        hint="Sign again with `cotrain`.",
    )
