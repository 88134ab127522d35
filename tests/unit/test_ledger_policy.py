"""Checkpoints, cosignatures, and whom to believe."""

import base64
import hashlib
import struct
from dataclasses import replace

import pytest
from ledger_keys import (
    ALONE,
    LOG,
    LOG_KEY,
    NOW,
    ORIGIN,
    POLICY,
    STRANGER,
    WITNESS_KEYS,
    WITNESSES,
    Key,
    cosigned,
    note_of,
    sample,
)

from cotrain.errors import ForgeryError, MalformedError, UsageError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.cosignature import cosign, verify_cosignature
from cotrain.ledger.note import Signature, SignatureType, VerifierKey, parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.tree import EMPTY_ROOT

NOTE = cosigned(note_of(sample(5)))
ROOT = base64.b64encode(EMPTY_ROOT).decode()


def refused(note: str | bytes, policy: Policy = POLICY) -> str:
    with pytest.raises((MalformedError, ForgeryError)) as caught:
        policy.verify(note)
    return caught.value.code


def lines_of(note: str) -> list[str]:
    return note.splitlines(keepends=True)


def test_a_cosigned_checkpoint_is_believed() -> None:
    verified = POLICY.verify(NOTE)
    assert (verified.checkpoint.origin, verified.checkpoint.size) == (ORIGIN, 5)
    assert verified.cosigned_at == {witness.name: NOW for witness in WITNESSES[:3]}
    assert verified.note.encode() == NOTE


def test_the_bytes_of_a_checkpoint_are_those_of_the_specification() -> None:
    text = f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    checkpoint = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert checkpoint.encode() == text
    assert Checkpoint.parse(text) == checkpoint
    with_more = Checkpoint.parse(text + "more\nand more\n")
    assert with_more.extensions == ("more", "and more")
    assert with_more.encode() == text + "more\nand more\n"


def test_the_bytes_of_a_cosignature_are_those_of_the_specification() -> None:
    line = parse_note(NOTE).signatures[1]
    witness = WITNESSES[0]
    key_id = hashlib.sha256(witness.name.encode() + b"\n\x04" + witness.public_key).digest()[:4]
    body = NOTE[: NOTE.index("\n\n") + 1]
    signature = witness.sign(b"cosignature/v1\ntime %d\n" % NOW + body.encode())
    value = key_id + struct.pack(">Q", NOW) + signature
    assert line.encode() == f"\u2014 {witness.name} {base64.b64encode(value).decode()}\n"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        f"{ORIGIN}\n0\n",
        f"{ORIGIN}\n0\n{ROOT}",
        f"{ORIGIN}\n0\n{ROOT}\n\n",
        f"{ORIGIN}\n0\n{ROOT}\nno newline",
        f"{ORIGIN}\n0\n{ROOT}\n\nmore\n",
        f"\n0\n{ROOT}\n",
        f"{ORIGIN}\n\n{ROOT}\n",
        f"{ORIGIN}\n01\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n+1\n{ROOT}\n",
        f"{ORIGIN}\n1.0\n{ROOT}\n",
        f"{ORIGIN}\n0x1\n{ROOT}\n",
        f"{ORIGIN}\n\u0661\n{ROOT}\n",
        f"{ORIGIN}\n{1 << 63}\n{ROOT}\n",
        f"{ORIGIN}\n0\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n0\n{ROOT} \n",
        f"{ORIGIN}\n0\n{ROOT[:-2]}V=\n",
        f"{ORIGIN}\n0\nAAAA\n",
        f"{ORIGIN}\n0\n{base64.b64encode(bytes(33)).decode()}\n",
    ],
)
def test_malformed_checkpoints(bad: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse(bad)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 0, EMPTY_ROOT, ()),
        ("a\nb", 0, EMPTY_ROOT, ()),
        ("a", -1, EMPTY_ROOT, ()),
        ("a", 0, b"", ()),
        ("a", 0, EMPTY_ROOT, ("",)),
        ("a", 0, EMPTY_ROOT, ("x\ny",)),
    ],
)
def test_impossible_checkpoints(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(MalformedError):
        Checkpoint(origin, size, root, extensions)


def test_every_flipped_byte_of_a_checkpoint_is_refused() -> None:
    raw = NOTE.encode()
    for at in range(len(raw)):
        for bit in (1, 0x20, 0x80):
            refused(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :])


def test_truncated_and_extended_checkpoints_are_refused() -> None:
    for end in range(len(NOTE)):
        refused(NOTE[:end])
    for tail in ("\n", " ", "x", "\n\n", "\u2014 a\n", "\0"):
        refused(NOTE + tail)


def test_another_origin_is_refused() -> None:
    note = cosigned(note_of(sample(5), origin="log.example/other"))
    assert refused(note) == "ledger-wrong-origin"


def test_the_log_must_sign() -> None:
    *body, _, one, two, three = lines_of(NOTE)
    assert refused("".join((*body, one, two, three))) == "ledger-unsigned"
    impostor = Key(LOG.name, 77)
    assert refused(cosigned(note_of(sample(5), impostor))) == "ledger-unsigned"
    assert refused(cosigned(note_of(sample(5), replace(LOG, name="log")))) == "ledger-unsigned"


def test_a_cosignature_of_the_log_key_is_not_the_signature_of_the_log() -> None:
    body = parse_note(note_of(sample(5)))
    only = replace(cosign(body, LOG, NOW), signatures=cosign(body, LOG, NOW).signatures[1:])
    assert refused(only.encode(), ALONE) == "ledger-unsigned"


def test_too_few_cosigners_are_refused() -> None:
    note = cosigned(note_of(sample(5)), 2)
    assert refused(note) == "ledger-too-few-cosignatures"
    assert len(replace(POLICY, threshold=2).verify(note).cosigned_at) == 2
    assert POLICY.without_threshold().verify(note).cosigned_at


def test_a_cosigner_counts_once() -> None:
    note = parse_note(cosigned(note_of(sample(5)), 2))
    again = cosign(cosign(note, WITNESSES[0], NOW + 1), WITNESSES[1], NOW + 2)
    assert refused(again.encode()) == "ledger-too-few-cosignatures"
    assert refused(note.encode() + lines_of(note.encode())[-1]) == "ledger-too-few-cosignatures"
    verified = replace(POLICY, threshold=2).verify(again.encode())
    assert verified.note == note  # one line of each key is kept


def test_lines_of_unknown_keys_are_ignored() -> None:
    note = cosign(parse_note(NOTE), STRANGER, NOW)
    garbage = Signature(WITNESSES[3].name, b"\0\0\0\0", b"not a signature")
    same_id = Signature("someone.else", WITNESS_KEYS[3].key_id, b"not a signature")
    verified = POLICY.verify(note.with_signatures((garbage, same_id)).encode())
    assert verified.note.encode() == NOTE
    refused(cosign(parse_note(cosigned(note_of(sample(5)), 2)), STRANGER, NOW).encode())


def test_a_false_line_of_a_known_key_spoils_the_note() -> None:
    note = parse_note(NOTE)
    for key, code in ((LOG_KEY, "ledger-bad-signature"), (WITNESS_KEYS[3], "ledger-bad-signature")):
        size = 64 if key is LOG_KEY else 72
        false = Signature(key.name, key.key_id, bytes(size))
        assert refused(note.with_signatures((false,)).encode()) == code
    for size in (71, 73, 64):
        false = Signature(WITNESSES[3].name, WITNESS_KEYS[3].key_id, bytes(size))
        assert refused(note.with_signatures((false,)).encode()) == "ledger-bad-cosignature"


def test_a_cosignature_of_another_checkpoint_or_time_is_refused() -> None:
    line = parse_note(NOTE).signatures[1]
    other = parse_note(note_of(sample(6)))
    assert refused(other.with_signatures((line,)).encode()) == "ledger-bad-signature"
    later = replace(line, value=struct.pack(">Q", NOW + 1) + line.value[8:])
    with pytest.raises(ForgeryError):
        verify_cosignature(WITNESS_KEYS[0], parse_note(NOTE).text, later)
    assert verify_cosignature(WITNESS_KEYS[0], parse_note(NOTE).text, line) == NOW


def test_a_timestamp_beyond_the_limit_is_malformed() -> None:
    text, witness = parse_note(NOTE).text, WITNESSES[0]
    time = 1 << 63
    signature = witness.sign(b"cosignature/v1\ntime %d\n" % time + text.encode())
    line = Signature(witness.name, WITNESS_KEYS[0].key_id, struct.pack(">Q", time) + signature)
    with pytest.raises(MalformedError):
        verify_cosignature(WITNESS_KEYS[0], text, line)
    for wrong in (-1, 1 << 63):
        with pytest.raises(UsageError):
            cosign(parse_note(NOTE), witness, wrong)


def test_a_line_is_checked_only_by_its_own_key() -> None:
    text, line = parse_note(NOTE).text, parse_note(NOTE).signatures[1]
    for key in (WITNESS_KEYS[1], VerifierKey.of(WITNESSES[0], SignatureType.ED25519)):
        with pytest.raises(ForgeryError):
            verify_cosignature(key, text, line)


@pytest.mark.parametrize(
    ("log_key", "witnesses", "threshold"),
    [
        (LOG_KEY, WITNESS_KEYS, 5),
        (LOG_KEY, WITNESS_KEYS, -1),
        (LOG_KEY, (WITNESS_KEYS[0], WITNESS_KEYS[0]), 2),
        (LOG_KEY, (WITNESS_KEYS[0], replace(WITNESS_KEYS[0], name="alias.example")), 2),
        (LOG_KEY, (WITNESS_KEYS[0], replace(WITNESS_KEYS[1], name=WITNESS_KEYS[0].name)), 2),
        (LOG_KEY, (VerifierKey.of(LOG, SignatureType.COSIGNATURE),), 1),
        (LOG_KEY, (VerifierKey.of(WITNESSES[0], SignatureType.ED25519),), 1),
        (WITNESS_KEYS[0], (), 0),
    ],
)
def test_policies_that_would_count_wrongly(
    log_key: VerifierKey, witnesses: tuple[VerifierKey, ...], threshold: int
) -> None:
    with pytest.raises(UsageError) as caught:
        Policy(ORIGIN, log_key, witnesses, threshold)
    assert caught.value.code == "ledger-bad-policy"
