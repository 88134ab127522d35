"""Signed notes and verifier keys, to the letter of signed-note."""

import base64
import hashlib

import pytest
from ledger_keys import LOG, LOG_KEY, STRANGER, Key

from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError
from cotrain.ledger.note import (
    MAX_SIGNATURES,
    NamedSigner,
    Signature,
    SignatureType,
    VerifierKey,
    parse_note,
    sign_note,
    verify_note_signature,
)
from cotrain.ledger.text import decode_base64, decode_decimal

# The example of the specification, section "Verifier keys".
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFX"
    "mRKuwHjG1Yu72IneyaQM=\n"
)
NOTE = sign_note("first\n\nthird\n", LOG).encode()


def check(note: str | bytes, key: VerifierKey) -> None:
    parsed = parse_note(note)
    verify_note_signature(key, parsed.text, parsed.signatures[0])


def test_the_example_of_the_specification_verifies() -> None:
    key = VerifierKey.parse(SPEC_KEY)
    check(SPEC_NOTE, key)
    assert key.encode() == SPEC_KEY
    assert parse_note(SPEC_NOTE).encode() == SPEC_NOTE
    with pytest.raises(ForgeryError):
        check(SPEC_NOTE.replace("This", "That"), key)


def test_the_text_goes_up_to_the_last_empty_line() -> None:
    assert parse_note(NOTE).text == "first\n\nthird\n"
    assert parse_note(NOTE.encode()) == parse_note(NOTE)
    assert parse_note("\n\n" + NOTE).text == "\n\nfirst\n\nthird\n"


def test_every_flipped_byte_of_a_note_is_refused() -> None:
    raw = NOTE.encode()
    for at in range(len(raw)):
        for bit in (1, 0x20, 0x80):
            bad = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            with pytest.raises((MalformedError, ForgeryError)):
                check(bad, LOG_KEY)


def test_every_truncation_of_a_note_is_malformed() -> None:
    for end in range(len(NOTE)):
        with pytest.raises(MalformedError):
            parse_note(NOTE[:end])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        NOTE + "\n",
        NOTE + "x",
        NOTE + "\n\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("first", "fi\trst"),
        NOTE.replace("first", "fi\0rst"),
        NOTE.replace("\u2014", "-"),
        NOTE.replace("\u2014 ", "\u2014"),
        NOTE.replace("\u2014 ", "\u2014  "),
        NOTE.replace("study ", "study  "),
        NOTE.replace("study ", "study\u00a0"),
        NOTE.replace("log.example", "log+example"),
        NOTE.replace("log.example", "log\u2003example"),
        NOTE.replace("log.example/study", ""),
        NOTE.replace("log.example", "\ud800"),
        NOTE[:-1] + " \n",
        NOTE[:-2] + "\n",
        "text\n\n\u2014 name AAAAAA==\n",
        "text\n\n\u2014 name AAAAAAB=\n",
        "text\n\n\u2014 name AAAA-AAA\n",
        "text\n\n\u2014 name \n",
        "text\n\n\u2014 name\n",
    ],
)
def test_malformed_notes(bad: str) -> None:
    with pytest.raises(MalformedError):
        parse_note(bad)


def test_bytes_that_are_not_utf8_are_malformed() -> None:
    for bad in (b"\xff" + NOTE.encode(), NOTE.encode()[:-1] + b"\xc0\n", b"\xed\xa0\x80\n\n"):
        with pytest.raises(MalformedError):
            parse_note(bad)


def test_a_note_may_have_many_signatures_but_not_any_number() -> None:
    line = Signature("name", b"1234", b"value").encode()
    assert len(parse_note("text\n\n" + line * MAX_SIGNATURES).signatures) == MAX_SIGNATURES
    for bad in ("text\n\n" + line * (MAX_SIGNATURES + 1), "t" * (1 << 20) + "\n\n" + line):
        with pytest.raises(MalformedError):
            parse_note(bad)


def test_unknown_lines_stay_as_they_are() -> None:
    odd = "\u2014 odd AAAAAAA=\n"
    assert parse_note(NOTE + odd).encode() == NOTE + odd


def test_adding_a_signature_twice_keeps_it_once() -> None:
    note = parse_note(NOTE)
    assert note.with_signatures(note.signatures) == note


def test_a_key_id_is_the_hash_of_name_type_and_key() -> None:
    material = LOG.name.encode() + b"\n\x01" + LOG.public_key
    assert LOG_KEY.key_id == hashlib.sha256(material).digest()[:4]
    other = VerifierKey.of(LOG, SignatureType.COSIGNATURE)
    assert other.key_id != LOG_KEY.key_id


@pytest.mark.parametrize("kind", list(SignatureType))
def test_a_verifier_key_survives_its_text(kind: SignatureType) -> None:
    key = VerifierKey.of(LOG, kind)
    assert VerifierKey.parse(key.encode()) == key


def test_every_flipped_byte_of_a_verifier_key_is_malformed() -> None:
    text = LOG_KEY.encode()
    for at in range(len(text)):
        with pytest.raises(MalformedError):
            VerifierKey.parse(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "name",
        "name+00000000",
        SPEC_KEY + "=",
        SPEC_KEY + "\n",
        SPEC_KEY.replace("530d903a", "530D903A"),
        SPEC_KEY.replace("530d903a", "30d903a"),
        SPEC_KEY.replace("example.com", "example com"),
        SPEC_KEY.replace("example.com/foo", ""),
        SPEC_KEY.replace("example.com", "example+com"),
        "name+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
        "name+00000000+" + base64.b64encode(b"\x01" + bytes(31)).decode(),
        "na\ud800me+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(),
    ],
)
def test_malformed_verifier_keys(bad: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.parse(bad)


def test_a_key_does_not_verify_what_another_signed() -> None:
    note = parse_note(NOTE)
    for key in (
        VerifierKey.of(STRANGER, SignatureType.ED25519),
        VerifierKey.of(Key(LOG.name, 99), SignatureType.ED25519),
        VerifierKey.of(Key("other.example", LOG.number), SignatureType.ED25519),
        VerifierKey.of(LOG, SignatureType.COSIGNATURE),
    ):
        with pytest.raises(ForgeryError) as caught:
            verify_note_signature(key, note.text, note.signatures[0])
        assert caught.value.code == "ledger-wrong-key"


def test_a_signature_of_a_wrong_length_does_not_verify() -> None:
    line = parse_note(NOTE).signatures[0]
    for value in (line.value[:-1], line.value + b"\0", b"\0"):
        bad = Signature(line.name, line.key_id, value)
        with pytest.raises(ForgeryError):
            verify_note_signature(LOG_KEY, "first\n\nthird\n", bad)


def test_a_signature_with_s_beyond_the_group_order_does_not_verify() -> None:
    line = parse_note(NOTE).signatures[0]
    order = (1 << 252) + 27742317777372353535851937790883648493
    s = int.from_bytes(line.value[32:], "little") + order
    bad = Signature(line.name, line.key_id, line.value[:32] + s.to_bytes(32, "little"))
    with pytest.raises(ForgeryError):
        verify_note_signature(LOG_KEY, "first\n\nthird\n", bad)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "return\r\n", "\ud800\n"])
def test_only_lines_of_text_are_signed(text: str) -> None:
    with pytest.raises(CotrainError):
        sign_note(text, LOG)


def test_a_signer_that_errs_is_found_out() -> None:
    class Wrong(Key):
        def sign(self, message: bytes) -> bytes:
            return super().sign(message + b"!")

    with pytest.raises(UsageError) as caught:
        sign_note("text\n", Wrong("name", 3))
    assert caught.value.code == "ledger-bad-signer"


def test_a_key_pair_signs_under_a_name_of_choice() -> None:
    signer = NamedSigner("did:key:z6Mk", STRANGER)
    check(sign_note("text\n", signer).encode(), VerifierKey.of(signer, SignatureType.ED25519))
    with pytest.raises(MalformedError):
        sign_note("text\n", NamedSigner("Cleveland Clinic", STRANGER))


@pytest.mark.parametrize("bad", ["", "00", "01", "+1", "-1", "1 ", " 1", "1_0", "\u0661", "1\n"])
def test_malformed_decimals(bad: str) -> None:
    with pytest.raises(MalformedError):
        decode_decimal(bad, "test")


def test_the_largest_decimal() -> None:
    assert decode_decimal(str(2**63 - 1), "test") == 2**63 - 1
    for bad in (str(2**63), "9" * 5000):
        with pytest.raises(MalformedError):
            decode_decimal(bad, "test")


@pytest.mark.parametrize(
    "bad", ["AA", "AB==", "AA=", "AA==\n", "A A=", "AA==AA==", "_w==", "\u00e9"]
)
def test_malformed_base64(bad: str) -> None:
    with pytest.raises(MalformedError):
        decode_base64(bad, "test")
