"""A follower goes forward along one history and refuses every other."""

from dataclasses import replace

import pytest
from ledger_keys import (
    LOG_KEY,
    NOW,
    ORIGIN,
    STRANGER,
    WITNESS_KEYS,
    WITNESSES,
    Key,
    cosigned,
    note_of,
    sample,
)

from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError
from cotrain.ledger.follower import Follower
from cotrain.ledger.note import parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.tree import Frontier

ENTRIES = sample(20)
START = Follower(ORIGIN, LOG_KEY)
AT_7 = START.advance(ENTRIES[:7], note_of(ENTRIES[:7]))


def refused(follower: Follower, entries: list[bytes], note: str) -> str:
    before = follower.encode()
    with pytest.raises((MalformedError, ForgeryError)) as caught:
        follower.advance(entries, note)
    assert follower.encode() == before
    return caught.value.code


def test_a_follower_goes_along() -> None:
    follower = START
    for start, stop in ((0, 0), (0, 1), (1, 7), (7, 7), (7, 16), (16, 20)):
        follower = follower.advance(ENTRIES[start:stop], note_of(ENTRIES[:stop]))
        assert follower.size == stop
    assert follower == START.advance(ENTRIES, note_of(ENTRIES))


def test_a_rollback_is_refused() -> None:
    assert refused(AT_7, [], note_of(ENTRIES[:6])) == "ledger-rollback"
    assert refused(AT_7, ENTRIES[:6], note_of(ENTRIES[:6])) == "ledger-rollback"
    assert refused(AT_7, [], note_of([])) == "ledger-rollback"


def test_a_fork_is_refused() -> None:
    other = [b"other", *ENTRIES[1:]]
    assert refused(AT_7, [], note_of(other[:7])) == "ledger-fork"
    assert refused(AT_7, ENTRIES[7:9], note_of(other[:9])) == "ledger-fork"
    assert refused(AT_7, other[7:9], note_of(other[:9])) == "ledger-fork"
    assert refused(AT_7, [b"changed"], note_of(ENTRIES[:8])) == "ledger-fork"
    assert refused(AT_7, ENTRIES[8:6:-1], note_of(ENTRIES[:9])) == "ledger-fork"


def test_entries_must_lead_exactly_to_the_checkpoint() -> None:
    for entries in ([], ENTRIES[7:8], ENTRIES[7:10], ENTRIES[:9]):
        assert refused(AT_7, entries, note_of(ENTRIES[:9])) == "ledger-wrong-count"
    assert refused(AT_7, ENTRIES[7:8], note_of(ENTRIES[:7])) == "ledger-wrong-count"


def test_only_the_log_is_followed() -> None:
    nine = ENTRIES[:9]
    assert refused(AT_7, nine[7:], note_of(nine, STRANGER)) == "ledger-unsigned"
    assert refused(AT_7, nine[7:], note_of(nine, Key(ORIGIN, 66))) == "ledger-unsigned"
    assert refused(AT_7, nine[7:], note_of(nine, origin="log.example/b")) == "ledger-wrong-origin"
    assert refused(AT_7, nine[7:], note_of(nine).replace("9", "8", 1)) == "ledger-bad-signature"
    assert refused(AT_7, nine[7:], "nonsense") == "ledger-bad-note"


def test_an_empty_log_with_a_wrong_root_is_a_fork() -> None:
    false = note_of([]).replace("47DEQ", "47DEP")
    assert refused(START, [], false) == "ledger-bad-signature"
    with pytest.raises(ForgeryError) as caught:
        replace(START, frontier=Frontier(1, (bytes(32),))).advance([], note_of([b"x"]))
    assert caught.value.code == "ledger-fork"


def test_a_follower_cosigns_what_it_saw() -> None:
    note = AT_7.cosign(WITNESSES[0], NOW)
    verified = Policy(ORIGIN, LOG_KEY, WITNESS_KEYS, 1).verify(note)
    assert verified.cosigned_at == {WITNESSES[0].name: NOW}
    assert (verified.checkpoint.size, verified.checkpoint.root) == (7, AT_7.frontier.root())
    with pytest.raises(UsageError) as caught:
        START.cosign(WITNESSES[0], NOW)
    assert caught.value.code == "ledger-nothing-seen"


def test_a_follower_keeps_only_the_line_of_the_log() -> None:
    follower = START.advance(ENTRIES[:7], cosigned(note_of(ENTRIES[:7])))
    assert follower == AT_7
    assert len(parse_note(follower.note or "").signatures) == 1


@pytest.mark.parametrize("follower", [START, AT_7, START.advance([], note_of([]))])
def test_a_follower_survives_its_journal(follower: Follower) -> None:
    again = Follower.decode(follower.encode())
    assert again == follower == Follower.decode(follower.encode().encode())
    entries = ENTRIES[follower.size :]
    assert again.advance(entries, note_of(ENTRIES)).size == 20


def test_every_flipped_byte_of_a_journal_is_refused() -> None:
    raw = AT_7.encode().encode()
    for at in range(len(raw)):
        for bit in (1, 0x20, 0x80):
            with pytest.raises((MalformedError, ForgeryError)):
                Follower.decode(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :])


def test_truncated_and_extended_journals_are_refused() -> None:
    text = AT_7.encode()
    bad = [text[:end] for end in range(len(text))]
    bad += [text + tail for tail in ("\n", "x", "\n\n", " ")] + ["\n" + text]
    for data in bad:
        with pytest.raises(CotrainError):
            Follower.decode(data)


def test_a_journal_must_belong_together() -> None:
    text = AT_7.encode()
    head, _, note = text.partition("\n\n")
    ahead = START.advance(ENTRIES[:11], note_of(ENTRIES[:11]))  # as many peaks as 7 entries
    for bad in (
        text.replace("@v1", "@v2"),
        text.replace("size 7", "size 07"),
        text.replace("size 7", "size 11"),
        text.replace("size 7", "size 8"),
        text.replace("log log", "log  log"),
        text.replace(f"origin {ORIGIN}", ORIGIN),
        head + "\n\n",
        head + "\n\n" + note_of(ENTRIES[:6]),
        ahead.encode().partition("\n\n")[0] + "\n\n" + note,
        head + "\n\n" + note_of(ENTRIES[:7], STRANGER),
    ):
        with pytest.raises((MalformedError, ForgeryError)):
            Follower.decode(bad)
