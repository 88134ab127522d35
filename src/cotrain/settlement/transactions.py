"""Acts as signed transactions (EIP-1559), and signed transactions read again."""

from dataclasses import dataclass
from typing import Any

import rlp
from eth_account import Account as EthAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from cotrain.errors import MalformedError
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import Fees
from cotrain.settlement.chain.signing import Account

MAX_TRANSACTION_BYTES = 1 << 20


@dataclass(frozen=True)
class Transaction:
    """A signed transaction, read.

    Attributes:
        hash: 32 bytes.
        sender: Who signed it.
        chain_id: EIP-155.
        number: The sender's count of transactions before it (nonce).
        to: The contract that is called; None when one is created.
        value: Money of the chain itself that goes along.
        data: What is said.
    """

    hash: bytes
    sender: str
    chain_id: int
    number: int
    to: str | None
    value: int
    data: bytes


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
    """Read a signed transaction.

    Raises:
        MalformedError: it is not one of type 2, or its signature is not one.
    """
    if not 0 < len(raw) <= MAX_TRANSACTION_BYTES or raw[0] != 2:
        raise _malformed("it is not of type 2")
    try:
        fields: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        sender = EthAccount.recover_transaction(HexBytes(raw))
        spelling = rlp.encode(rlp.decode(raw[1:]))
    except Exception as error:  # the library raises a dozen kinds, and all mean the same
        raise _malformed(str(error)) from error
    if spelling != raw[1:]:
        raise _malformed("it has a second spelling")
    to = bytes(fields["to"])
    return Transaction(
        hash=keccak(raw),
        sender=sender,
        chain_id=int(fields["chainId"]),
        number=int(fields["nonce"]),
        to=to_checksum_address(to) if to else None,
        value=int(fields["value"]),
        data=bytes(fields["data"]),
    )


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "transaction-malformed",
        f"not a signed transaction: {why}",
        meaning="The entry is damaged, or comes from another version.",
        hint="Compare with another copy of the ledger.",
    )
