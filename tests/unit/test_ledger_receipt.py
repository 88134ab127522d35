"""Receipts: one text file that verifies alone, and nothing but the right one."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_keys import ALONE, LOG, ORIGIN, POLICY, cosigned, filled, note_of, sample

from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError
from cotrain.ledger.receipt import Receipt, make_receipt, verify_receipt
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import leaf_hash, verify_inclusion

ENTRIES = sample(11)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with filled(tmp_path_factory.mktemp("ledger") / "a", ENTRIES) as filled_ledger:
        yield filled_ledger


@pytest.fixture(scope="module")
def text(ledger: Ledger) -> str:
    return make_receipt(ledger, 6, ledger.latest_checkpoint() or "")


def test_a_receipt_has_the_form_of_the_specification(ledger: Ledger, text: str) -> None:
    head, _, note = text.partition("\n\n")
    tag, extra, index, *proof = head.split("\n")
    assert tag == "c2sp.org/tlog-proof@v1"
    assert extra == "extra " + base64.b64encode(ENTRIES[6]).decode()
    assert index == "index 6"
    assert [base64.b64decode(line) for line in proof] == ledger.inclusion(6, 11)
    assert note == ledger.latest_checkpoint()


def test_a_receipt_verifies_alone(text: str) -> None:
    for data in (text, text.encode()):
        verified = verify_receipt(data, POLICY)
        assert (verified.index, verified.entry) == (6, ENTRIES[6])
        assert verified.checkpoint.checkpoint.size == 11
        assert len(verified.checkpoint.cosigned_at) == 3
    assert Receipt.parse(text).encode() == text


def test_every_entry_has_a_receipt_under_every_later_checkpoint(ledger: Ledger) -> None:
    for size in range(1, 12):
        note = cosigned(note_of(ENTRIES[:size]))
        for index in range(size):
            verified = verify_receipt(make_receipt(ledger, index, note), POLICY)
            assert verified.entry == ENTRIES[index]


def test_a_receipt_without_its_entry(ledger: Ledger) -> None:
    text = make_receipt(ledger, 6, ledger.latest_checkpoint() or "", embed=False)
    assert "extra" not in text
    assert verify_receipt(text, POLICY, entry=ENTRIES[6]).entry == ENTRIES[6]
    for other in (ENTRIES[5], b""):
        with pytest.raises(ForgeryError):
            verify_receipt(text, POLICY, entry=other)
    with pytest.raises(UsageError) as caught:
        verify_receipt(text, POLICY)
    assert caught.value.code == "ledger-no-entry"


def test_a_given_entry_must_be_the_one_carried(text: str) -> None:
    assert verify_receipt(text, POLICY, entry=ENTRIES[6]).index == 6
    for other in (ENTRIES[5], b""):
        with pytest.raises(ForgeryError) as caught:
            verify_receipt(text, POLICY, entry=other)
        assert caught.value.code == "ledger-other-entry"


def test_every_flipped_byte_of_a_receipt_is_refused(text: str) -> None:
    raw = text.encode()
    for at in range(len(raw)):
        for bit in (1, 0x20, 0x80):
            with pytest.raises((MalformedError, ForgeryError)):
                verify_receipt(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :], POLICY)


def test_truncated_and_extended_receipts_are_refused(text: str) -> None:
    bad = [text[:end] for end in range(len(text))]
    bad += [text + tail for tail in ("\n", "x", " ", "\n\n", "\0")] + ["\n" + text, " " + text]
    for data in bad:
        with pytest.raises((MalformedError, ForgeryError)):
            verify_receipt(data, POLICY)


def lines(text: str) -> tuple[str, str, str, list[str], str]:
    head, _, note = text.partition("\n\n")
    tag, extra, index, *proof = head.split("\n")
    return tag, extra, index, proof, note


def joined(tag: str, extra: str, index: str, proof: list[str], note: str) -> str:
    return "\n".join((tag, extra, index, *proof)) + "\n\n" + note


def test_every_changed_line_is_refused(text: str) -> None:
    tag, extra, index, proof, note = lines(text)
    smaller = cosigned(note_of(ENTRIES[:9]))
    for bad in (
        joined("c2sp.org/tlog-proof@v2", extra, index, proof, note),
        joined(tag + " ", extra, index, proof, note),
        joined(tag, index, extra, proof, note),
        joined(tag, "extra ", index, proof, note),
        joined(tag, extra + "\n" + extra, index, proof, note),
        joined(tag, extra + " ", index, proof, note),
        joined(tag, "extra AB==", index, proof, note),
        joined(tag, extra, "index 7", proof, note),
        joined(tag, extra, "index 06", proof, note),
        joined(tag, extra, "index -6", proof, note),
        joined(tag, extra, "index", proof, note),
        joined(tag, extra, "index 6\nindex 6", proof, note),
        joined(tag, extra, "index 11", proof, note),
        joined(tag, extra, f"index {6 + (1 << 62)}", proof, note),
        joined(tag, extra, index, proof[:-1], note),
        joined(tag, extra, index, [*proof, proof[-1]], note),
        joined(tag, extra, index, proof[::-1], note),
        joined(tag, extra, index, [*proof[:-1], proof[-1] + " "], note),
        joined(tag, extra, index, [*proof[:-1], "AAAA"], note),
        joined(tag, extra, index, proof, "\n" + note),
        joined(tag, extra, index, proof, smaller),
        text.replace("\n", "\r\n"),
        text.replace("\n\n", "\n", 1),
    ):
        with pytest.raises((MalformedError, ForgeryError)):
            verify_receipt(bad, POLICY)
    verify_receipt(joined(tag, extra, index, proof, note), POLICY)


def test_a_receipt_of_another_ledger_or_policy_is_refused(ledger: Ledger) -> None:
    for note in (note_of([*ENTRIES[:10], b"x"]), note_of(sample(12))):
        with pytest.raises(ForgeryError) as caught:
            make_receipt(ledger, 6, note)
        assert caught.value.code == "ledger-fork"
    alone = make_receipt(ledger, 6, note_of(ENTRIES))
    assert verify_receipt(alone, ALONE).index == 6
    with pytest.raises(ForgeryError) as caught:
        verify_receipt(alone, POLICY)
    assert caught.value.code == "ledger-too-few-cosignatures"


def test_there_is_no_receipt_beyond_the_checkpoint(ledger: Ledger) -> None:
    with pytest.raises(UsageError):
        make_receipt(ledger, 9, note_of(ENTRIES[:9]))
    with pytest.raises(MalformedError):
        make_receipt(ledger, 0, "not a note")


def test_an_interior_node_cannot_pass_as_an_entry(ledger: Ledger) -> None:
    # Without the 0x00 and 0x01 prefixes, two leaf hashes side by side would be an entry.
    left, right = leaf_hash(ENTRIES[4]), leaf_hash(ENTRIES[5])
    proof = ledger.inclusion(4, 11)[1:]
    with pytest.raises(ForgeryError):
        verify_inclusion(leaf_hash(left + right), 2, 6, proof, ledger.root(11))


def test_the_receipt_of_the_only_entry(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "a") as ledger:
        ledger.append([b"only"])
        text = make_receipt(ledger, 0, ledger.issue_checkpoint(ORIGIN, LOG))
        assert "\nindex 0\n\n" in text
        assert verify_receipt(text, ALONE).entry == b"only"


def test_errors_are_ours(text: str) -> None:
    for bad in ("\ud800" + text, b"\xff", "", text * 4000):
        with pytest.raises(CotrainError):
            verify_receipt(bad, POLICY)


def test_an_empty_extra_line_is_malformed(text: str) -> None:
    tag, _, index, proof, note = lines(text)
    with pytest.raises(MalformedError):
        Receipt.parse(joined(tag, "extra ", index, proof, note))
    without = joined(tag, "", index, proof, note).replace("\n\n", "\n", 1)
    assert Receipt.parse(without).extra is None
