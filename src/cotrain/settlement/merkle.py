"""Merkle trees as OpenZeppelin's `MerkleProof` verifies them: pairs are hashed in rising order.

A leaf is hashed twice, so that no inner node can stand for one. Leaves are sorted, so that a set has one root.
"""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from cotrain.errors import UsageError

EMPTY = bytes(32)


def leaf(types: Sequence[str], values: Sequence[object]) -> bytes:
    """Return the hash of one leaf."""
    return keccak(keccak(encode(types, values)))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over a set of leaves; 32 zero bytes of none."""
    return _levels(leaves)[-1][0] if leaves else EMPTY


def merkle_proof(leaves: Sequence[bytes], wanted: bytes) -> list[bytes]:
    """Return the siblings from a leaf to the root.

    Raises:
        UsageError: the leaf is not there.
    """
    levels = _levels(leaves)
    if not leaves or wanted not in levels[0]:
        raise UsageError("merkle-no-leaf", "the tree has no such leaf")
    place, proof = levels[0].index(wanted), []
    for level in levels[:-1]:
        sibling = place ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        place //= 2
    return proof


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the tree level by level; a node without a sibling moves up as it is."""
    levels = [sorted(set(leaves))]
    while len(levels[-1]) > 1:
        level = levels[-1]
        pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
        levels.append(
            [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
        )
    return levels
