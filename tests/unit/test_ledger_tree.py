"""The tree against the known answers of RFC 6962's first implementation and against pymerkle."""

import hashlib

import pytest
from pymerkle import InmemoryTree

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves, roots and proofs of certificate-transparency's merkle_tree_test.
RFC_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
RFC_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
RFC_INCLUSION = [  # index, size, proof
    (
        0,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 "
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e "
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
        ),
    ),
    (
        5,
        8,
        (
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b "
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 "
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
        ),
    ),
    (2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
]
RFC_CONSISTENCY = [  # old size, new size, proof
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 "
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e "
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
        ),
    ),
    (
        6,
        8,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a "
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 "
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
        ),
    ),
    (
        2,
        5,
        (
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e "
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
        ),
    ),
]


def hashes_of(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in RFC_LEAVES[:size]]
    assert root_of(leaves).hex() == RFC_ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "proof"), RFC_INCLUSION)
def test_known_inclusion_proofs(index: int, size: int, proof: str) -> None:
    leaves = [leaf_hash(entry) for entry in RFC_LEAVES[:size]]
    expected = [bytes.fromhex(item) for item in proof.split()]
    assert inclusion_proof(leaves, index) == expected
    verify_inclusion(leaves[index], index, size, expected, root_of(leaves))


@pytest.mark.parametrize(("old", "new", "proof"), RFC_CONSISTENCY)
def test_known_consistency_proofs(old: int, new: int, proof: str) -> None:
    leaves = [leaf_hash(entry) for entry in RFC_LEAVES[:new]]
    expected = [bytes.fromhex(item) for item in proof.split()]
    assert consistency_proof(leaves, old) == expected
    verify_consistency(old, new, expected, root_of(leaves[:old]), root_of(leaves))


def test_pymerkle_agrees_on_roots_and_proofs() -> None:
    tree = InmemoryTree.init_from_entries([b"%d" % n for n in range(300)], algorithm="sha256")
    leaves = hashes_of(300)
    for size in range(1, 301):
        assert root_of(leaves[:size]) == tree.get_root(size)
    for size in (*range(1, 20), 255, 256, 257, 300):
        for index in range(0, size, 1 + size // 11):
            theirs = tree.prove_inclusion(index + 1, size).path
            assert [leaves[index], *inclusion_proof(leaves[:size], index)] == theirs


def test_consistency_proofs_lead_to_the_roots_of_pymerkle() -> None:
    # pymerkle's consistency proofs have a layout of their own, so its roots are the yardstick.
    tree = InmemoryTree.init_from_entries([b"%d" % n for n in range(300)], algorithm="sha256")
    leaves = hashes_of(300)
    for new in (*range(1, 20), 64, 255, 257, 300):
        for old in range(1, new, 1 + new // 11):
            proof = consistency_proof(leaves[:new], old)
            assert proof == subproof(old, leaves[:new], known=True)
            verify_consistency(old, new, proof, tree.get_root(old), tree.get_root(new))


def subproof(m: int, leaves: list[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 section 2.1.4.1, word for word."""
    n = len(leaves)
    if m == n:
        return [] if known else [root_of(leaves)]
    k = max(1 << bit for bit in range(n.bit_length()) if 1 << bit < n)
    if m <= k:
        return [*subproof(m, leaves[:k], known=known), root_of(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), root_of(leaves[:k])]


def test_every_proof_up_to_40_verifies() -> None:
    leaves = hashes_of(40)
    roots = [root_of(leaves[:n]) for n in range(41)]
    for size in range(1, 41):
        for index in range(size):
            proof = inclusion_proof(leaves[:size], index)
            verify_inclusion(leaves[index], index, size, proof, roots[size])
        for old in range(size + 1):
            proof = consistency_proof(leaves[:size], old)
            verify_consistency(old, size, proof, roots[old], roots[size])


def test_no_inclusion_proof_fits_another_leaf_index_or_root() -> None:
    leaves = hashes_of(21)
    root = root_of(leaves)
    proof = inclusion_proof(leaves, 13)
    for index in range(-1, 23):
        for leaf in leaves:
            if (index, leaf) != (13, leaves[13]):
                with pytest.raises(ForgeryError) as caught:
                    verify_inclusion(leaf, index, 21, proof, root)
                assert caught.value.code == "ledger-bad-inclusion"
    with pytest.raises(ForgeryError):
        verify_inclusion(leaves[13], 13, 21, proof, root_of(leaves[:20]))


def test_a_proof_that_is_too_long_or_too_short_is_refused() -> None:
    leaves = hashes_of(21)
    root, old = root_of(leaves), root_of(leaves[:13])
    inclusion, consistency = inclusion_proof(leaves, 13), consistency_proof(leaves, 13)
    for bad in (inclusion[:-1], inclusion[1:], [*inclusion, root], [root, *inclusion], []):
        with pytest.raises(ForgeryError):
            verify_inclusion(leaves[13], 13, 21, bad, root)
    for bad in (consistency[:-1], consistency[1:], [*consistency, root], [root, *consistency], []):
        with pytest.raises(ForgeryError):
            verify_consistency(13, 21, bad, old, root)


def test_a_root_cannot_stand_for_a_larger_tree() -> None:
    leaves = hashes_of(4)
    old, new, proof = root_of(leaves[:3]), root_of(leaves), consistency_proof(leaves, 3)
    verify_consistency(3, 4, proof, old, new)
    for size in (5, 6, 7, 8, 100):
        with pytest.raises(ForgeryError):
            verify_consistency(3, size, proof, old, new)
        with pytest.raises(ForgeryError):
            verify_inclusion(leaves[2], 2, size, inclusion_proof(leaves, 2), new)


def test_every_flipped_byte_of_a_proof_is_refused() -> None:
    leaves = hashes_of(11)
    root, old = root_of(leaves), root_of(leaves[:6])
    inclusion, consistency = inclusion_proof(leaves, 4), consistency_proof(leaves, 6)
    for at in range(32 * len(inclusion)):
        with pytest.raises(ForgeryError):
            verify_inclusion(leaves[4], 4, 11, flipped(inclusion, at), root)
    for at in range(32 * len(consistency)):
        with pytest.raises(ForgeryError):
            verify_consistency(6, 11, flipped(consistency, at), old, root)


def flipped(proof: list[bytes], at: int) -> list[bytes]:
    joined = bytearray(b"".join(proof))
    joined[at] ^= 1
    return [bytes(joined[n : n + 32]) for n in range(0, len(joined), 32)]


@pytest.mark.parametrize(("old", "new"), [(9, 8), (-1, 8)])
def test_impossible_sizes_are_not_consistent(old: int, new: int) -> None:
    with pytest.raises(ForgeryError):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(UsageError):
        consistency_proof(hashes_of(new), old)


def test_an_empty_or_equal_old_tree_needs_an_empty_proof_and_the_right_root() -> None:
    root = root_of(hashes_of(5))
    verify_consistency(0, 5, [], EMPTY_ROOT, root)
    verify_consistency(5, 5, [], root, root)
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    for old, new, proof, old_root, new_root in (
        (0, 5, [root], EMPTY_ROOT, root),
        (0, 5, [], root, root),
        (5, 5, [root], root, root),
        (5, 5, [], EMPTY_ROOT, root),
        (0, 0, [], EMPTY_ROOT, root),
    ):
        with pytest.raises(ForgeryError):
            verify_consistency(old, new, proof, old_root, new_root)


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    for index in (-1, 5):
        with pytest.raises(UsageError):
            inclusion_proof(hashes_of(5), index)


def test_hashes_of_a_wrong_length_are_malformed() -> None:
    leaves = hashes_of(2)
    for leaf, proof, root in (
        (b"", [leaves[1]], root_of(leaves)),
        (leaves[0], [leaves[1] + b"\0"], root_of(leaves)),
        (leaves[0], [leaves[1]], root_of(leaves)[:31]),
    ):
        with pytest.raises(MalformedError):
            verify_inclusion(leaf, 0, 2, proof, root)


def test_a_frontier_grows_like_the_tree() -> None:
    leaves, frontier = hashes_of(130), Frontier()
    for size in range(131):
        assert (frontier.size, frontier.root()) == (size, root_of(leaves[:size]))
        assert frontier.extend(leaves[size:]).root() == root_of(leaves)
        frontier = frontier.extend(leaves[size : size + 1])


def test_growing_completes_each_node_once() -> None:
    _, nodes = Frontier().grow(hashes_of(100))
    assert len({(node.level, node.place) for node in nodes}) == len(nodes)
    assert len(nodes) == sum(100 >> level for level in range(7))


@pytest.mark.parametrize(
    ("size", "peaks"), [(-1, ()), (3, (EMPTY_ROOT,)), (1, (b"short",)), (1 << 63, (EMPTY_ROOT,))]
)
def test_an_impossible_frontier_is_malformed(size: int, peaks: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedError):
        Frontier(size, peaks)
