"""Transactions that create and call the probe, `Probe.sol`; `probe.hex` is what its compiler made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rlp
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cotrain.identity.keys import Identity
from cotrain.settlement.chain.chain import Fees
from cotrain.settlement.chain.signing import Account, account_of

CODE = bytes.fromhex((Path(__file__).parent / "probe.hex").read_text())
CHAIN = 31337
GAS = 500_000


def an_account(number: int = 0) -> Account:
    return account_of(Identity(bytes([number]) * 32))


def function(signature: str, *arguments: Any) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",") if arguments else []
    return keccak(signature.encode())[:4] + encode(types, arguments)


def answer(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    return tuple(decode(types, data))


@dataclass
class Caller:
    """One account and its next number; `to` is the probe it created with its first transaction.

    `kind` is the type of its transactions (EIP-2718): those of types 0 and 1 offer a gas price.
    """

    account: Account = field(default_factory=an_account)
    chain_id: int = CHAIN
    number: int = 0
    fees: Fees = field(default_factory=Fees)
    kind: int = 2

    @property
    def to(self) -> str:
        owner = bytes.fromhex(self.account.address[2:])
        return to_checksum_address(keccak(rlp.encode([owner, 0]))[12:])

    def create(self) -> bytes:
        return self.sign(CODE, to=None, gas=2_000_000)

    def call(self, signature: str, *arguments: Any, **more: Any) -> bytes:
        return self.sign(function(signature, *arguments), **{"to": self.to, **more})

    def sign(self, data: bytes, *, to: str | None, gas: int = GAS, **more: Any) -> bytes:
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": self.number,
            "gas": gas,
            "to": to or b"",
            "value": 0,
            "data": data,
            **self._of_kind(),
        }
        self.number += 1
        return self.account.sign_transaction({**fields, **more})

    def _of_kind(self) -> dict[str, Any]:
        if self.kind == 0:
            return {"gasPrice": self.fees.most}
        if self.kind == 1:
            return {"type": 1, "gasPrice": self.fees.most, "accessList": []}
        fees = {"maxFeePerGas": self.fees.most, "maxPriorityFeePerGas": self.fees.tip}
        return {"type": 2, **fees, "accessList": []}


def story(caller: Caller) -> Iterator[bytes]:
    """Yield transactions that touch what contracts of this project use: storage, events, reverts, create2, TSTORE."""
    yield caller.create()
    yield caller.call("add(uint256,bytes)", 5, b"first")
    yield caller.call("tell(uint256)", 7)
    yield caller.call("refuse(string)", "not now")
    yield caller.call("lend()")
    yield caller.call("lend()")
    yield caller.call("burn()", gas=60_000)
    yield caller.call("spawn(bytes32)", bytes(32))
    yield caller.call("spawn(bytes32)", bytes(32), gas=90_000)
    yield caller.call("forget(uint256)", 5)
    yield caller.call("add(uint256,bytes)", 1, bytes(100))
    yield caller.call("tell(uint256)", 300, gas=30_000)
    yield caller.sign(b"nobody is here", to="0x" + "11" * 20, gas=30_000)
