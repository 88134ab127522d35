"""Small cases proven by the slow prover of `reference/`, made once for all tests."""

from functools import cache
from typing import Any

from reference.examples import EXAMPLES
from reference.vectors import Case, read_cases

NAMES = [make.__name__ for make in EXAMPLES]


@cache
def document(name: str) -> dict[str, Any]:
    """The document of one example, by the name of its function."""
    (make,) = (make for make in EXAMPLES if make.__name__ == name)
    return make()


def judge(name: str, **changes: object) -> str:
    """The verdict on an example with some members changed."""
    (case,) = read_cases({"cases": [document(name) | changes]})
    return case.judge()


def flipped(name: str, offset: int, bit: int = 0) -> str:
    """The verdict on an example with one bit of its proof flipped."""
    proof = bytearray.fromhex(document(name)["proof"])
    proof[offset] ^= 1 << bit
    return judge(name, proof=proof.hex())


def proof_size(name: str) -> int:
    """The length of a proof."""
    return len(bytes.fromhex(document(name)["proof"]))


__all__ = ["NAMES", "Case", "document", "flipped", "judge", "proof_size"]
