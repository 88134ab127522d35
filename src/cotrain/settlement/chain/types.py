"""Types of transactions (EIP-2718), and which of them can stand on a ledger and be run again."""

from typing import Final

LEGACY: Final = 0
ACCESS_LIST: Final = 1
DYNAMIC_FEE: Final = 2

LOGGED_TYPES: Final = frozenset({LEGACY, ACCESS_LIST, DYNAMIC_FEE})
"""What a wallet may have made of an owner's own revocation; `cotrain` itself makes type 2 only."""

FIRST_PROTECTED_V: Final = 35
"""The least v of a transaction of type 0 that counts on one chain only (EIP-155): 35 + 2 chain + parity."""

_FIRST_LIST: Final = 0xC0


def type_of(raw: bytes) -> int:
    """Return the type that the first byte of a signed transaction says; those older than types are an RLP list."""
    return LEGACY if raw[0] >= _FIRST_LIST else raw[0]
