"""The ledger's known answers: still made, still accepted or refused, and checked by other code.

`independent_receipt` is a second verifier, written from the specifications with hashlib and the
Ed25519 of `cryptography` alone; it must agree with ours on every vector.
"""

import base64
import hashlib
import importlib.util
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cotrain.errors import CotrainError
from cotrain.ledger.follower import Follower
from cotrain.ledger.note import VerifierKey
from cotrain.ledger.policy import Policy
from cotrain.ledger.receipt import verify_receipt
from cotrain.ledger.tiles import Tile, bundle_path, decode_bundle, tile_path
from cotrain.ledger.tree import verify_consistency, verify_inclusion

FOLDER = Path(__file__).parents[2] / "vectors"
FILE = FOLDER / "ledger" / "v1.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
ENTRIES = [entry.encode() for entry in VECTORS["entries"]]
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["tree"]["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["tree"]["roots"]]


def our_policy() -> Policy:
    said = VECTORS["policy"]
    witnesses = tuple(VerifierKey.parse(key) for key in said["witnesses"])
    return Policy(said["origin"], VerifierKey.parse(said["log_key"]), witnesses, said["threshold"])


def test_the_generator_still_makes_the_file() -> None:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate_ledger.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == FILE.read_text(encoding="utf-8")


def test_leaves_and_roots_are_those_of_the_definition() -> None:
    assert [hashlib.sha256(b"\0" + entry).digest() for entry in ENTRIES] == LEAVES
    assert [defined_root(ENTRIES[:size]) for size in range(len(ENTRIES) + 1)] == ROOTS


def defined_root(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if len(entries) < 2:
        return hashlib.sha256(b"".join(b"\0" + entry for entry in entries)).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = defined_root(entries[:split]), defined_root(entries[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("case", VECTORS["tree"]["inclusion"])
def test_inclusion_proofs(case: dict[str, Any]) -> None:
    proof = [bytes.fromhex(item) for item in case["proof"]]
    index, size = case["index"], case["size"]
    verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])
    assert climbed(LEAVES[index], index, size, proof) == ROOTS[size]


@pytest.mark.parametrize("case", VECTORS["tree"]["consistency"])
def test_consistency_proofs(case: dict[str, Any]) -> None:
    proof = [bytes.fromhex(item) for item in case["proof"]]
    old, new = case["old"], case["new"]
    verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
    for bad in (proof[1:], [*proof, ROOTS[1]]):
        if bad != proof:
            with pytest.raises(CotrainError):
                verify_consistency(old, new, bad, ROOTS[old], ROOTS[new])


def test_the_good_checkpoint_and_receipt() -> None:
    assert our_policy().verify(VECTORS["checkpoint"]).checkpoint.root == ROOTS[-1]
    verified = verify_receipt(VECTORS["receipt"], our_policy())
    assert (verified.index, verified.entry) == (6, ENTRIES[6])
    assert independent_receipt(VECTORS["receipt"]) == (6, ENTRIES[6])
    independent_checkpoint(VECTORS["checkpoint"])


@pytest.mark.parametrize("case", VECTORS["bad_checkpoints"], ids=lambda case: case["why"])
def test_bad_checkpoints(case: dict[str, str]) -> None:
    refused_by_both(case, our_policy().verify, independent_checkpoint)


@pytest.mark.parametrize("case", VECTORS["bad_receipts"], ids=lambda case: case["why"])
def test_bad_receipts(case: dict[str, str]) -> None:
    refused_by_both(case, lambda text: verify_receipt(text, our_policy()), independent_receipt)


def refused_by_both(
    case: dict[str, str], ours: Callable[[str], object], theirs: Callable[[str], object]
) -> None:
    with pytest.raises(CotrainError) as caught:
        ours(case["text"])
    assert caught.value.code == case["code"]
    with pytest.raises((AssertionError, ValueError, InvalidSignature)):
        theirs(case["text"])


def test_the_follower_bundle_and_paths() -> None:
    follower = Follower.decode(VECTORS["follower"])
    assert (follower.size, follower.frontier.root()) == (len(ENTRIES), ROOTS[-1])
    assert decode_bundle(bytes.fromhex(VECTORS["bundle"]), 3) == ENTRIES[:3]
    for case in VECTORS["paths"]:
        number, width = case["number"], case["width"]
        if case["level"] == "entries":
            assert bundle_path(number, width) == case["path"]
        else:
            assert tile_path(Tile(case["level"], number, width)) == case["path"]


# A second verifier


def independent_receipt(text: str) -> tuple[int, bytes]:
    head, note = text.split("\n\n", 1)
    tag, extra, index_line, *proof = head.split("\n")
    assert tag == "c2sp.org/tlog-proof@v1"
    assert extra.startswith("extra ")
    assert index_line.startswith("index ")
    index = decimal(index_line[6:])
    entry = base64.b64decode(extra[6:], validate=True)
    size, root = independent_checkpoint(note)
    hashes = [base64.b64decode(line, validate=True) for line in proof]
    assert all(len(item) == 32 for item in hashes)
    assert climbed(hashlib.sha256(b"\0" + entry).digest(), index, size, hashes) == root
    return index, entry


def climbed(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Rebuild the root from the top down: split the tree as RFC 9162 does, siblings last first."""
    if size == 1:
        assert not proof
        assert index == 0
        return leaf
    split = 1 << (size - 1).bit_length() - 1
    assert proof
    *below, sibling = proof
    if index < split:
        pair = climbed(leaf, index, split, below) + sibling
    else:
        pair = sibling + climbed(leaf, index - split, size - split, below)
    return hashlib.sha256(b"\1" + pair).digest()


def independent_checkpoint(note: str) -> tuple[int, bytes]:
    said = VECTORS["policy"]
    assert all(ord(char) >= 32 or char == "\n" for char in note)
    body, signatures = note.rsplit("\n\n", 1)
    assert signatures.endswith("\n")
    origin, size, root = body.split("\n")
    assert origin == said["origin"]
    message, log_signed, cosigners = (body + "\n").encode(), False, set()
    for line in signatures[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014"
        raw = base64.b64decode(encoded, validate=True)
        if (name, raw[:4]) == (said["log_key"].split("+")[0], key_id(said["log_key"])):
            key_of(said["log_key"]).verify(raw[4:], message)
            log_signed = True
        for witness in said["witnesses"]:
            if (name, raw[:4]) == (witness.split("+")[0], key_id(witness)):
                (time,) = struct.unpack(">Q", raw[4:12])
                key_of(witness).verify(raw[12:], b"cosignature/v1\ntime %d\n" % time + message)
                cosigners.add(witness)
    assert log_signed
    assert len(cosigners) >= said["threshold"]
    return decimal(size), base64.b64decode(root, validate=True)


def decimal(text: str) -> int:
    assert str(int(text)) == text
    return int(text)


def key_id(vkey: str) -> bytes:
    name, _, key = vkey.split("+", 2)
    return hashlib.sha256(name.encode() + b"\n" + base64.b64decode(key)).digest()[:4]


def key_of(vkey: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(vkey.split("+", 2)[2])[1:])
