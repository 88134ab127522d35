"""A transaction as a node lists it, turned back into the bytes that were signed (EIP-1559)."""

from collections.abc import Mapping
from typing import Any

import rlp
from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError


def encode_sent(listed: Mapping[str, Any]) -> bytes:
    """Return the signed bytes of a transaction; they are checked against its hash.

    Raises:
        RefusedError: it is not of type 2.
        OutsideError: the node lists something else than its hash says.
    """
    if listed["type"] != "0x2":
        raise RefusedError(
            "chain-transaction-other-type",
            f"the transaction {listed['hash']} is not of type 2",
            meaning="It cannot stand on the ledger, and nobody could run it again from there.",
            hint="Send it with `cotrain data revoke --node`, which signs what the ledger can hold.",
        )
    numbers = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")
    access = [
        [_data(entry["address"]), [_data(key) for key in entry["storageKeys"]]]
        for entry in listed.get("accessList") or []
    ]
    parity = listed.get("yParity", listed["v"])
    fields = [
        *(_number(listed[name]) for name in numbers),
        _data(listed["to"] or "0x"),
        _number(listed["value"]),
        _data(listed["input"]),
        access,
        *(_number(value) for value in (parity, listed["r"], listed["s"])),
    ]
    raw = b"\x02" + bytes(rlp.encode(fields))
    if "0x" + keccak(raw).hex() != listed["hash"]:
        raise OutsideError(
            "node-nonsense",
            f"the node lists a transaction that has not the hash {listed['hash']}",
            meaning="It leaves something out, or changed it.",
            hint="Try another node of the same chain.",
        )
    return raw


def _data(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _number(text: str) -> bytes:
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
