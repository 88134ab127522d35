"""A transaction as a node lists it, turned back into the bytes that were signed (EIP-1559, EIP-2930, EIP-155)."""

from collections.abc import Mapping
from typing import Any, Final

import rlp
from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError
from cotrain.settlement.chain.types import (
    ACCESS_LIST,
    DYNAMIC_FEE,
    FIRST_PROTECTED_V,
    LEGACY,
)

_FEES: Final = {
    DYNAMIC_FEE: ("maxPriorityFeePerGas", "maxFeePerGas"),
    ACCESS_LIST: ("gasPrice",),
    LEGACY: ("gasPrice",),
}

LET_OWNER_SIGN: Final = (
    "Let the owner put its signed revocation on the ledger too (`cotrain data revoke`) and start again: then the run "
    "goes on, if the transaction did nothing else there. Otherwise it cannot go on, and what the contracts hold comes "
    "back by their own deadlines."
)


def encode_sent(listed: Mapping[str, Any]) -> bytes:
    """Return the signed bytes of a transaction; they are checked against its hash.

    Raises:
        RefusedError: it is of another type than 0, 1 or 2, or counts on every chain.
        OutsideError: the node lists something else than its hash says.
    """
    kind = int(listed.get("type") or "0x0", 16)
    if kind not in _FEES:
        raise _other_type(listed["hash"], kind)
    if kind == LEGACY and int(listed["v"], 16) < FIRST_PROTECTED_V:
        raise _unprotected(listed["hash"])
    raw = _prefix(kind) + bytes(rlp.encode(_fields(kind, listed)))
    if "0x" + keccak(raw).hex() != listed["hash"]:
        raise OutsideError(
            "node-nonsense",
            f"the node lists a transaction that has not the hash {listed['hash']}",
            meaning="It leaves something out, or changed it.",
            hint="Try another node of the same chain.",
        )
    return raw


def _fields(kind: int, listed: Mapping[str, Any]) -> list[Any]:
    said = [
        *(_number(listed[name]) for name in ("nonce", *_FEES[kind], "gas")),
        _data(listed["to"] or "0x"),
        _number(listed["value"]),
        _data(listed["input"]),
    ]
    signature = [_number(listed[name]) for name in ("r", "s")]
    if kind == LEGACY:
        return [*said, _number(listed["v"]), *signature]
    parity = _number(listed.get("yParity", listed["v"]))
    return [_number(listed["chainId"]), *said, _access_list(listed), parity, *signature]


def _access_list(listed: Mapping[str, Any]) -> list[Any]:
    return [
        [_data(entry["address"]), [_data(key) for key in entry["storageKeys"]]]
        for entry in listed.get("accessList") or []
    ]


def _prefix(kind: int) -> bytes:
    return b"" if kind == LEGACY else bytes([kind])


def _other_type(digest: str, kind: int) -> RefusedError:
    return RefusedError(
        "chain-transaction-other-type",
        f"an owner's revocation is the transaction {digest}, of type {kind}; only types 0, 1 and 2 can be run again",
        meaning="It cannot stand on the ledger, where everybody runs every transaction again before signing a payment.",
        hint=LET_OWNER_SIGN,
    )


def _unprotected(digest: str) -> RefusedError:
    return RefusedError(
        "chain-transaction-unprotected",
        f"an owner's revocation is the transaction {digest}, which is bound to no chain (EIP-155)",
        meaning="Whoever saw it on any other chain could have sent it here, so it is not the owner's word about this "
        "run, and cannot stand on the ledger.",
        hint=LET_OWNER_SIGN,
    )


def _data(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _number(text: str) -> bytes:
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
