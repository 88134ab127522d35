"""Addresses: how they are written, and where contracts come to stand that an account creates.

An agreement names its contracts before they exist: the run's coordinator creates them with its first
transactions, and the address of a contract follows from its creator's account and transaction number.
"""

import rlp
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from cotrain.settlement.contracts import AGREEMENTS, CREDITS, MODEL_SHARES, REGISTRY

CREATED = (MODEL_SHARES, AGREEMENTS, REGISTRY, CREDITS)
"""What the coordinator of a run with its own contracts creates, in this order, with its first transactions."""

ZERO = "0x" + 40 * "0"


def created_address(creator: str, number: int) -> str:
    """Return where the contract stands that `creator`'s transaction `number` (from 0) creates: CREATE, not CREATE2."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(creator), number]))[12:])


def own_contracts(coordinator: str) -> dict[str, str]:
    """Return name to address of the contracts of a run whose coordinator creates them."""
    return {name: created_address(coordinator, number) for number, name in enumerate(CREATED)}


def model_address(contract: str, code: str, agreement: bytes) -> str:
    """Return where the share token of an agreement's model will stand.

    It is a copy of `code` (ERC-1167) made by CREATE2 with the agreement's name as salt.
    """
    proxy = (
        bytes.fromhex("3d602d80600a3d3981f3363d3d373d3d3d363d73")
        + to_canonical_address(code)
        + bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
    )
    preimage = b"\xff" + to_canonical_address(contract) + agreement + keccak(proxy)
    return to_checksum_address(keccak(preimage)[12:])
