"""Acts as signed transactions (EIP-1559), and signed transactions read again, also those of the older types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rlp
from eth_account import Account as EthAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from rlp.sedes import Binary, List, big_endian_int, binary

from cotrain.errors import MalformedError
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Fees
from cotrain.settlement.chain.signing import Account
from cotrain.settlement.chain.types import (
    DYNAMIC_FEE,
    FIRST_PROTECTED_V,
    LEGACY,
    LOGGED_TYPES,
    type_of,
)

MAX_TRANSACTION_BYTES = 1 << 20

_LEGACY_NAMES: Final = ("nonce", "gasPrice", "gas", "to", "value", "data", "v", "r", "s")
_LEGACY_FIELDS: Final = List(
    [big_endian_int] * 3
    + [Binary.fixed_length(20, allow_empty=True), big_endian_int, binary]
    + [big_endian_int] * 3
)


@dataclass(frozen=True)
class Transaction:
    """A signed transaction, read.

    Attributes:
        hash: 32 bytes.
        type: EIP-2718; 0 for those that are older than types.
        sender: Who signed it.
        chain_id: EIP-155.
        number: The sender's count of transactions before it (nonce).
        fees: What it offers; of the older types the gas price, as both.
        gas: Gas limit.
        to: The contract that is called; None when one is created.
        value: Money of the chain itself that goes along.
        data: What is said.
        access_list: Storage that it names beforehand (EIP-2930), which costs gas; none of a type 0.
    """

    hash: bytes
    type: int
    sender: str
    chain_id: int
    number: int
    fees: Fees
    gas: int
    to: str | None
    value: int
    data: bytes
    access_list: tuple[Any, ...] = ()


def sign_act(account: Account, act: Act, chain_id: int, number: int, fees: Fees) -> bytes:
    """Return an act as a signed transaction, ready to be sent."""
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": number,
        "maxFeePerGas": fees.most,
        "maxPriorityFeePerGas": fees.tip,
        "gas": act.gas,
        "to": b"" if act.to is None else act.to,
        "value": 0,
        "data": act.data,
        "accessList": [],
    }
    return account.sign_transaction(fields)


def read_transaction(raw: bytes) -> Transaction:
    """Read a signed transaction of type 2, 1, or 0 for one chain (EIP-155).

    Raises:
        MalformedError: it is none of these, or its signature is not one.
    """
    if not 0 < len(raw) <= MAX_TRANSACTION_BYTES or (kind := type_of(raw)) not in LOGGED_TYPES:
        raise _malformed("it is not of type 0, 1 or 2")
    try:
        fields = _legacy_fields(raw) if kind == LEGACY else _typed_fields(raw)
        sender = EthAccount.recover_transaction(HexBytes(raw))
    except Exception as error:  # the library raises a dozen kinds, and all mean the same
        raise _malformed(str(error)) from error
    to = bytes(fields["to"])
    return Transaction(
        hash=keccak(raw),
        type=kind,
        sender=sender,
        chain_id=int(fields["chainId"]),
        number=int(fields["nonce"]),
        fees=_fees(kind, fields),
        gas=int(fields["gas"]),
        to=to_checksum_address(to) if to else None,
        value=int(fields["value"]),
        data=bytes(fields["data"]),
        access_list=tuple(fields.get("accessList", ())),
    )


def _fees(kind: int, fields: Mapping[str, Any]) -> Fees:
    if kind == DYNAMIC_FEE:
        return Fees(int(fields["maxFeePerGas"]), int(fields["maxPriorityFeePerGas"]))
    return Fees(int(fields["gasPrice"]), int(fields["gasPrice"]))


def _typed_fields(raw: bytes) -> dict[str, Any]:
    if rlp.encode(rlp.decode(raw[1:])) != raw[1:]:
        raise ValueError("it has a second spelling")
    fields: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return fields


def _legacy_fields(raw: bytes) -> dict[str, Any]:
    """Return the fields of a transaction of type 0, and the chain that is hidden in v (EIP-155)."""
    fields = dict(zip(_LEGACY_NAMES, rlp.decode(raw, _LEGACY_FIELDS), strict=True))
    if fields["v"] < FIRST_PROTECTED_V:
        raise ValueError("it is not bound to a chain (EIP-155)")
    return {**fields, "chainId": (fields["v"] - FIRST_PROTECTED_V) // 2}


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "transaction-malformed",
        f"not a signed transaction: {why}",
        meaning="The entry is damaged, or comes from another version.",
        hint="Compare with another copy of the ledger.",
    )
