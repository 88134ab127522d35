"""Accounts: derived from an identity, silent about their key, and recovered from what they signed."""

import hashlib

import pytest
from eth_account import Account as EthAccount
from eth_utils.crypto import keccak
from probe.calls import Caller, an_account

from cotrain.errors import ForgeryError
from cotrain.identity.keys import Identity
from cotrain.settlement.chain.signing import Account, account_of, recover

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = hashlib.sha256(b"said").digest()


class FixedIdentity(Identity):
    """An identity whose secret is chosen: INSECURE, to reach the ends of the range."""

    def __init__(self, value: int) -> None:
        super().__init__(bytes(32))
        self._chosen = value.to_bytes(32, "big")

    def secret(self, label: str) -> bytes:
        assert label
        return self._chosen


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (0, 1),
        (1, 2),
        (ORDER - 2, ORDER - 1),
        (ORDER - 1, 1),
        (ORDER, 2),
        (2**256 - 1, 2**256 - ORDER + 1),
    ],
)
def test_every_secret_makes_a_valid_key(secret: int, key: int) -> None:
    expected = EthAccount.from_key(key.to_bytes(32, "big")).address
    assert account_of(FixedIdentity(secret)).address == expected


def test_one_identity_has_one_account() -> None:
    assert an_account().address == an_account().address != an_account(1).address


def test_an_account_does_not_show_its_key() -> None:
    secret = hashlib.sha256(b"key").digest()
    account = Account(secret)
    shown = f"{account!r} {account} {account:}"
    assert account.address in shown
    assert secret.hex() not in shown
    assert str(int.from_bytes(secret, "big")) not in shown


def test_who_signed_a_digest() -> None:
    account = an_account()
    signature = account.sign(DIGEST)
    assert recover(DIGEST, signature) == account.address
    assert recover(keccak(DIGEST), signature) != account.address
    assert account.sign(DIGEST) == signature


def bad_signatures() -> dict[str, bytes]:
    good = an_account().sign(DIGEST)
    high = (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    return {
        "empty": b"",
        "short": good[:-1],
        "long": good + b"\0",
        "v of 0": good[:64] + b"\0",
        "v of 29": good[:64] + b"\x1d",
        "second form": good[:32] + high + bytes([55 - good[64]]),
        "no r": bytes(32) + good[32:],
        "no s": good[:32] + bytes(32) + good[64:],
        "r of the order": ORDER.to_bytes(32, "big") + good[32:],
    }


@pytest.mark.parametrize("name", bad_signatures())
def test_signatures_that_contracts_would_refuse(name: str) -> None:
    with pytest.raises(ForgeryError) as refused:
        recover(DIGEST, bad_signatures()[name])
    assert refused.value.code == "account-bad-signature"


def test_a_transaction_names_its_sender() -> None:
    caller = Caller()
    assert EthAccount.recover_transaction(caller.create()) == caller.account.address
