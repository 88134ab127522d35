"""The Merkle tree of RFC 9162 section 2.1 over SHA-256: hashes, roots, proofs.

Pure functions: no storage, no signatures. A *node* (level, place) is the complete subtree over the
leaves [place * 2^level, (place + 1) * 2^level); it never changes once it exists. Every root and
every proof is made of nodes, so whoever stores nodes answers in O(log n).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.text import MAX_COUNT

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 section 2.1.1)."""

Range = tuple[int, int]
"""Leaves [start, stop)."""


class Node(NamedTuple):
    """The hash of one complete subtree."""

    level: int
    place: int
    hash: bytes


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees of falling size; `EMPTY_ROOT` if there are none."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def range_nodes(start: int, stop: int) -> list[tuple[int, int]]:
    """Return (level, place) of the nodes whose `fold` is the hash over the leaves [start, stop).

    Args:
        start: First leaf; a multiple of every power of two that occurs in `stop - start`.
        stop: One past the last leaf.
    """
    width, at, nodes = stop - start, start, []
    for level in reversed(range(width.bit_length())):
        if width >> level & 1:
            nodes.append((level, at >> level))
            at += 1 << level
    return nodes


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append leaves and to give the root, in O(log n) memory.

    Attributes:
        size: Number of leaves.
        peaks: Hashes of the maximal complete subtrees, left to right; one for each one bit of
            `size`.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_COUNT or len(self.peaks) != self.size.bit_count():
            raise MalformedError(
                "ledger-bad-frontier", f"{len(self.peaks)} peaks do not make a tree of {self.size}"
            )
        _check_hashes(self.peaks)

    def root(self) -> bytes:
        """Return the root of the tree."""
        return fold(self.peaks)

    def extend(self, leaf_hashes: Iterable[bytes]) -> Self:
        """Return the frontier after appending leaf hashes (32 bytes each)."""
        return self.grow(leaf_hashes)[0]

    def grow(self, leaf_hashes: Iterable[bytes]) -> tuple[Self, list[Node]]:
        """Return the frontier after appending leaf hashes, and every node that this completes."""
        peaks, size, nodes = list(self.peaks), self.size, []
        for leaf in leaf_hashes:
            node = Node(0, size, leaf)
            nodes.append(node)
            while node.place & 1:
                above = node_hash(peaks.pop(), node.hash)
                node = Node(node.level + 1, node.place >> 1, above)
                nodes.append(node)
            peaks.append(node.hash)
            size += 1
        return type(self)(size, tuple(peaks)), nodes


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over a list of leaf hashes."""
    return Frontier().extend(leaf_hashes).root()


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the subtrees whose hashes prove leaf `index` in the tree of `size`.

    RFC 9162 section 2.1.3.1; the leaf's sibling first.

    Raises:
        UsageError: There is no such leaf.
    """
    if not 0 <= index < size:
        raise UsageError("ledger-out-of-range", f"there is no entry {index} in a tree of {size}")
    start, stop, ranges = 0, size, []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    """Return the subtrees whose hashes prove that a tree is a prefix of another.

    RFC 9162 section 2.1.4.1. Empty for equal sizes and, as tlog-witness has it, for an empty old
    tree.

    Raises:
        UsageError: The old tree is larger than the new one.
    """
    if not 0 <= old_size <= new_size:
        raise UsageError("ledger-out-of-range", f"no tree of {old_size} within one of {new_size}")
    if old_size in (0, new_size):
        return []
    start, stop, ranges = 0, new_size, []
    while stop != old_size:
        middle = start + _split(stop - start)
        if old_size <= middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:  # else the verifier knows this subtree: it is the old root itself
        ranges.append((start, stop))
    return ranges[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the inclusion proof of one leaf, computed from all leaf hashes."""
    return [root_of(leaf_hashes[a:b]) for a, b in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the consistency proof from the first `old_size` leaves to all of them."""
    return [root_of(leaf_hashes[a:b]) for a, b in consistency_ranges(old_size, len(leaf_hashes))]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` is the leaf hash at `index` in the tree of `size` leaves and `root`.

    The steps of RFC 9162 section 2.1.3.2.

    Raises:
        MalformedError: A hash does not have 32 bytes.
        ForgeryError: The proof does not hold.
    """
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise _not_included(index, size)
    place, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _not_included(index, size)
        if place & 1 or place == last:
            computed = node_hash(sibling, computed)
            place, last = _climb(place, last)
        else:
            computed = node_hash(computed, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or computed != root:
        raise _not_included(index, size)


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of `old_size` is a prefix of the tree of `new_size`.

    The steps of RFC 9162 section 2.1.4.2; the RFC leaves out an empty old tree, which is a prefix
    of every tree with an empty proof.

    Raises:
        MalformedError: A hash does not have 32 bytes.
        ForgeryError: The proof does not hold.
    """
    _check_hashes((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size:
        raise _not_consistent(old_size, new_size)
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        empty_tree_lies = new_size == 0 and new_root != EMPTY_ROOT
        if proof or old_root != expected or empty_tree_lies:
            raise _not_consistent(old_size, new_size)
        return
    if _consistency_roots(old_size, new_size, proof, old_root) != (old_root, new_root):
        raise _not_consistent(old_size, new_size)


def _consistency_roots(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes] | None:
    """Return the old and new root that the proof leads to; None if its length is wrong."""
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return None
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            place, last = _climb(place, last)
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


def _climb(place: int, last: int) -> tuple[int, int]:
    """Skip the levels on which a right-edge node has no sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _split(width: int) -> int:
    """Return the largest power of two smaller than `width` (at least 2)."""
    return 1 << (width - 1).bit_length() - 1


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for item in hashes:
        if len(item) != HASH_SIZE:
            raise MalformedError("ledger-bad-hash", f"a hash has {len(item)} bytes instead of 32")


def _not_included(index: int, size: int) -> ForgeryError:
    return ForgeryError(
        "ledger-bad-inclusion",
        f"the proof does not show the entry at index {index} of a tree of {size}",
        meaning="The entry is not where its proof says, or entry, proof or root were changed.",
    )


def _not_consistent(old_size: int, new_size: int) -> ForgeryError:
    return ForgeryError(
        "ledger-bad-consistency",
        f"the proof does not show that the tree of {old_size} is a prefix of that of {new_size}",
        meaning="The log rewrote history, or proof or roots were changed.",
    )
