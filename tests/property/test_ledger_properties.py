"""Properties of the ledger over generated trees, histories and bytes."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.errors import CotrainError, ForgeryError
from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.follower import Follower
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.note import SignatureType, VerifierKey, parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.receipt import Receipt, make_receipt, verify_receipt
from cotrain.ledger.store import Ledger
from cotrain.ledger.text import decode_base64, decode_decimal, encode_base64
from cotrain.ledger.tiles import decode_bundle, encode_bundle
from cotrain.ledger.tree import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=70)


class Signer:
    name = "log.example"
    _secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public_key = _secret.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._secret.sign(message)


KEY = VerifierKey.of(Signer(), SignatureType.ED25519)
POLICY = Policy("log.example", KEY)


def note_of(entries: list[bytes]) -> str:
    root = root_of([leaf_hash(entry) for entry in entries])
    return sign_checkpoint(Checkpoint("log.example", len(entries), root), Signer()).encode()


@settings(deadline=None)
@given(entries=ENTRIES, data=st.data())
def test_a_proof_shows_its_entry_and_no_other(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = inclusion_proof(leaves, index), root_of(leaves)
    verify_inclusion(leaves[index], index, len(leaves), proof, root)
    other = data.draw(st.integers(0, len(leaves) - 1))
    if leaves[other] != leaves[index]:
        with pytest.raises(ForgeryError):
            verify_inclusion(leaves[other], index, len(leaves), proof, root)
        with pytest.raises(ForgeryError):
            verify_inclusion(leaves[index], other, len(leaves), proof, root)


@settings(deadline=None)
@given(entries=ENTRIES, data=st.data())
def test_only_a_prefix_is_consistent(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    old = data.draw(st.integers(0, len(leaves)))
    proof, root = consistency_proof(leaves, old), root_of(leaves)
    verify_consistency(old, len(leaves), proof, root_of(leaves[:old]), root)
    if old:
        changed = [*leaves[: old - 1], leaf_hash(b"something else, longer than any entry is drawn")]
        with pytest.raises(ForgeryError):
            verify_consistency(old, len(leaves), proof, root_of(changed), root)


@settings(deadline=None)
@given(
    old=st.integers(-2, 40),
    new=st.integers(-2, 40),
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=7),
    roots=st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
)
def test_random_proofs_show_nothing(
    old: int, new: int, proof: list[bytes], roots: tuple[bytes, bytes]
) -> None:
    with pytest.raises(ForgeryError):
        verify_inclusion(leaf_hash(b"entry"), old, new, proof, roots[0])
    if not (0 < old == new and not proof and roots[0] == roots[1]):
        with pytest.raises(ForgeryError):
            verify_consistency(old, new, proof, *roots)


@settings(deadline=None)
@given(entries=ENTRIES, cuts=st.lists(st.integers(0, 70), max_size=6))
def test_a_frontier_does_not_depend_on_the_batches(entries: list[bytes], cuts: list[int]) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    frontier, at = Frontier(), 0
    for cut in [*sorted(min(cut, len(leaves)) for cut in cuts), len(leaves)]:
        frontier = frontier.extend(leaves[at:cut])
        at = cut
    assert (frontier.size, frontier.root()) == (len(leaves), root_of(leaves))


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(ENTRIES, min_size=1, max_size=4), data=st.data())
def test_a_ledger_keeps_what_it_is_given(batches: list[list[bytes]], data: st.DataObject) -> None:
    entries = [entry for batch in batches for entry in batch]
    leaves = [leaf_hash(entry) for entry in entries]
    with tempfile.TemporaryDirectory() as folder, Ledger.create(Path(folder) / "a") as ledger:
        for batch in batches:
            ledger.append(batch, batch)
        assert ledger.entries(0, ledger.size) == entries
        size = data.draw(st.integers(1, len(entries)))
        index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
        assert ledger.root(size) == root_of(leaves[:size])
        assert ledger.inclusion(index, size) == inclusion_proof(leaves[:size], index)
        assert ledger.consistency(old, size) == consistency_proof(leaves[:size], old)
        verify_all(ledger)
        text = make_receipt(ledger, index, note_of(entries[:size]))
        assert verify_receipt(text, POLICY).entry == entries[index]
        assert Receipt.parse(text).encode() == text


@settings(deadline=None)
@given(entries=ENTRIES, data=st.data())
def test_a_follower_accepts_only_the_extension_of_what_it_saw(
    entries: list[bytes], data: st.DataObject
) -> None:
    seen = data.draw(st.integers(0, len(entries)))
    follower = Follower("log.example", KEY).advance(entries[:seen], note_of(entries[:seen]))
    follower = Follower.decode(follower.encode())
    assert follower.advance(entries[seen:], note_of(entries)).size == len(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    forked = [*entries[:at], entries[at] + b"!", *entries[at + 1 :]]
    with pytest.raises(ForgeryError) as caught:
        follower.advance(forked[seen:], note_of(forked) if at < seen else note_of(entries))
    assert caught.value.code == "ledger-fork"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_survive(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_base64_has_one_spelling(data: bytes) -> None:
    assert decode_base64(encode_base64(data), "test") == data


NOTE = note_of([b"entry"])
RECEIPT = Receipt(0, (), NOTE, b"entry").encode()
JOURNAL = Follower("log.example", KEY).advance([b"entry"], NOTE).encode()
PARSERS: list[tuple[str, Callable[[str | bytes], object]]] = [
    (NOTE, parse_note),
    (NOTE, POLICY.verify),
    (NOTE, lambda data: Follower("log.example", KEY).advance([b"entry"], data)),
    (RECEIPT, Receipt.parse),
    (RECEIPT, lambda data: verify_receipt(data, POLICY)),
    (JOURNAL, Follower.decode),
]
TEXT_PARSERS: list[Callable[[str], object]] = [
    VerifierKey.parse,
    Checkpoint.parse,
    lambda text: decode_decimal(text, "test"),
    lambda text: decode_base64(text, "test"),
]
ODD = st.one_of(st.text(alphabet="\n \u2014+=0aA/\ud800\u0661\x00"), st.text())


def ours_or_fine(parse: Callable[[], object]) -> None:
    code = "ledger-fine"
    try:
        parse()
    except CotrainError as error:
        code = error.code
    assert code.startswith(("ledger-", "test"))


@settings(deadline=None)
@given(data=st.one_of(st.binary(max_size=200), ODD))
def test_random_input_raises_only_our_errors(data: str | bytes) -> None:
    for _, parser in PARSERS:
        ours_or_fine(lambda parser=parser: parser(data))  # type: ignore[misc]
    if isinstance(data, str):
        for text_parser in TEXT_PARSERS:
            ours_or_fine(lambda parser=text_parser: parser(data))  # type: ignore[misc]
    else:
        ours_or_fine(lambda: decode_bundle(data, len(data) % 5))


@settings(deadline=None)
@given(start=st.integers(0, 400), stop=st.integers(0, 400), patch=st.binary(max_size=12))
def test_patched_input_is_refused_or_unchanged(start: int, stop: int, patch: bytes) -> None:
    for good, parser in PARSERS:
        raw = good.encode()
        bad = raw[:start] + patch + raw[max(start, stop) :]
        if parser in (parse_note, Receipt.parse) or bad == raw:
            ours_or_fine(lambda parser=parser, bad=bad: parser(bad))  # type: ignore[misc]
        else:
            with pytest.raises(CotrainError):
                parser(bad)


@settings(deadline=None)
@given(text=ODD)
def test_what_a_parser_accepts_it_writes_back(text: str) -> None:
    for candidate in (text, NOTE + text, RECEIPT + text, text + NOTE):
        for parse in (parse_note, Receipt.parse):
            try:
                parsed = parse(candidate)
            except CotrainError:
                continue
            assert parsed.encode() == candidate
