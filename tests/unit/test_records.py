"""Records: one spelling, one signature, and nothing else is accepted. Every kind, every field."""

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.errors import CotrainError, ForgeryError, MalformedError
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.records.canonical import MAX_BYTES, decode, encode
from cotrain.records.kinds import BODIES, AgreementBody, BlobRef, Body, CheckBody, Consent
from cotrain.records.record import (
    MAX_RECORD_BYTES,
    Message,
    blob_ref,
    check_blobs,
    decode_record,
    sign_record,
)

SIGNER = Identity(bytes(range(32)), "signer")
RUN = "a" * 64
BLOB = blob_ref(b"blob")

SAMPLES: dict[str, Any] = {
    "document": BLOB,
    "base": BLOB,
    "transactions": 62,
    "commitments": BLOB,
    "ciphertext": BLOB,
    "key_commitments": BLOB,
    "sealed_shares": BLOB,
    "share": BLOB,
    "update_sum": BLOB,
    "blinding_sum": BLOB,
    "key_sum": BLOB,
    "weights": BLOB,
    "evidence": BLOB,
    "round": 3,
    "row": 3,
    "rounds": 3,
    "rows": 20,
    "time": 1_700_000_000,
    "code": "below-quorum",
    "refused": "check",
    "reason": "so it is",
    "author": SIGNER.did,
    "holder": SIGNER.did,
    "noise_words": BLOB,
    "score_word": BLOB,
    "score": str(-(1 << 63)),
    "next_words": BLOB,
    "proof": BLOB,
    "consent": Consent(signature="c" * 130, permit="d" * 130, deadline=1_800_000_000),
    "raw": BLOB,
    "checkpoint": "e" * 130,
    "act": "anchor",
    "subject": SIGNER.did,
    "block": 7,
    "gas": 44_000,
    "succeeded": True,
    "complaints": [SIGNER.did],
    "excluded": [SIGNER.did],
}


def sample(kind: str) -> Body:
    body = BODIES[kind]
    fields = {name: SAMPLES.get(name, "b" * 64) for name in body.model_fields}
    if kind == "finish":
        fields["model"] = BLOB
    if kind in {"revocation", "approval"}:
        fields["signature"] = "c" * 130
    if kind == "erasure":
        fields |= {"reason": "settled", "destroyed": ["rows", "coin"]}
    return body(**fields)


def entry(kind: str) -> bytes:
    return sign_record(SIGNER, RUN, sample(kind)).data


def resigned(value: dict[str, Any]) -> bytes:
    """Return the record of a JSON value, signed properly: only its content is at fault."""
    import base64

    unsigned = {name: part for name, part in value.items() if name != "signature"}
    signature = SIGNER.sign(b"cotrain/record/1\n" + encode(unsigned))
    return encode({**unsigned, "signature": base64.b64encode(signature).decode()})


KINDS = sorted(BODIES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_each_kind_comes_back(kind: str) -> None:
    record = decode_record(entry(kind), verify_signature)
    assert record.body == sample(kind)
    assert (record.kind, record.author, record.run) == (kind, SIGNER.did, RUN)
    assert resigned(json.loads(record.data)) == record.data
    refs = [v for v in dict(record.body).values() if isinstance(v, BlobRef)]
    assert record.blobs == refs


OPTIONAL = {
    (kind, name)
    for kind, body in BODIES.items()
    for name, field in body.model_fields.items()
    if type(None) in get_args(field.annotation)
}
WRONG: list[Any] = [None, True, 1.5, -1, 2**53, "", "x", [], [1], {}, {"sha256": "b" * 64}, ["x"]]


def changes(kind: str) -> Iterator[dict[str, Any]]:
    """Yield bodies with one field removed, added, or of a wrong type or value."""
    body = json.loads(entry(kind))["body"]
    yield {**body, "extra": 1}
    for name in body:
        yield {other: value for other, value in body.items() if other != name}
        text = name == "reason"
        for wrong in WRONG:
            listed = isinstance(body[name], list) and wrong == []
            left_out = (kind, name) in OPTIONAL and wrong is None
            same = wrong is body[name] or (name == "subject" and wrong in ("", "x"))
            if not (text and isinstance(wrong, str)) and not listed and not left_out and not same:
                yield {**body, name: wrong}
        if isinstance(body[name], str) and not text:
            if body[name].upper() != body[name]:
                yield {**body, name: body[name].upper()}
            yield {**body, name: body[name] + "\n"}
            yield {**body, name: body[name] + "0"}
        if isinstance(body[name], dict):
            yield {**body, name: {**body[name], "extra": 0}}
            yield {**body, name: {**body[name], "size": "4"}}
            yield {**body, name: {**body[name], "size": -1}}


@pytest.mark.parametrize("kind", ["signature", "dataset", "submission"])
def test_what_is_not_there_is_null_and_never_left_out(kind: str) -> None:
    value = json.loads(entry(kind))
    nothing = {name: None for name in value["body"] if (kind, name) in OPTIONAL}
    blobs = [name for name in nothing if getattr(sample(kind), name) == BLOB]
    assert nothing
    record = decode_record(resigned({**value, "body": value["body"] | nothing}), verify_signature)
    assert len(record.blobs) == len(decode_record(entry(kind), verify_signature).blobs) - len(blobs)


def test_readers_fetch_a_blob_that_is_named_twice_if_one_name_is_for_all() -> None:
    """The sealed shares are for their receivers; the same bytes under another name are for everybody."""
    record = decode_record(entry("submission"), verify_signature)
    assert [ref.sha256 for ref in record.common_blobs] == [BLOB.sha256] * 5


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_fields_are_malformed_even_when_signed(kind: str) -> None:
    value, count = json.loads(entry(kind)), 0
    for body in changes(kind):
        try:
            data = resigned({**value, "body": body})
        except MalformedError:
            continue  # not even canonical JSON
        if decodes_to_another_did(kind, body):
            continue
        with pytest.raises(MalformedError) as caught:
            decode_record(data, verify_signature)
        assert caught.value.code in {"record-malformed", "record-not-canonical"}
        count += 1
    assert count >= 5


def decodes_to_another_did(kind: str, body: dict[str, Any]) -> bool:
    """Return whether only a name or a code was changed to another that looks like one; rules judge those."""
    try:
        BODIES[kind].model_validate(body)
    except ValueError:
        return False
    names = {"author", "holder", "code", "refused", "subject", "act"}
    if kind == "erasure":
        names |= {"reason", "dataset", "destroyed"}
    return any(
        body[name] != value
        for name, value in json.loads(entry(kind))["body"].items()
        if name in names
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_noticed(kind: str) -> None:
    data = entry(kind)
    for place in range(len(data)):
        wrong = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        with pytest.raises((MalformedError, ForgeryError)):
            decode_record(wrong, verify_signature)


@pytest.mark.parametrize("name", ["author", "body", "format", "kind", "run", "signature"])
@pytest.mark.parametrize("wrong", [None, 1, [], {}, "", "x", "did:key:z6Mk"])
def test_wrong_outer_fields(name: str, wrong: object) -> None:
    value = json.loads(entry("check"))
    for other in ({**value, name: wrong}, {k: v for k, v in value.items() if k != name}):
        with pytest.raises((MalformedError, ForgeryError)):
            decode_record(encode(other), verify_signature)
    with pytest.raises(MalformedError):
        decode_record(encode({**value, "extra": 1}), verify_signature)


def test_another_author_another_run_another_kind() -> None:
    value = json.loads(entry("revocation"))
    other = Identity(bytes(32)).did
    for change in ({"author": other}, {"run": "c" * 64}):
        with pytest.raises(ForgeryError) as caught:
            decode_record(encode({**value, **change}), verify_signature)
        assert caught.value.code == "identity-bad-signature"
    # Kinds with the same fields are told apart by the signed word.
    with pytest.raises(MalformedError):
        decode_record(encode({**value, "kind": "check"}), verify_signature)


SPELLINGS: list[Callable[[bytes], bytes]] = [
    lambda data: data + b" ",
    lambda data: data + b"\n",
    lambda data: b" " + data,
    lambda data: data + b"{}",
    lambda data: data[:-1],
    lambda data: data.replace(b'"round":3', b'"round": 3'),
    lambda data: data.replace(b'"round":3', b'"round":3.0'),
    lambda data: data.replace(b'"round":3', b'"round":3e0'),
    lambda data: data.replace(b'"round":3', b'"round":03'),
    lambda data: data.replace(b'"round":3', b'"round":-0'),
    lambda data: data.replace(b'"round":3', b'"round":NaN'),
    lambda data: data.replace(b'"round":3', b'"round":3,"round":3'),
    lambda data: data.replace(b'"kind"', b'"kin\\u0064"'),
    lambda data: data.replace(b'"format"', b'"format":"cotrain/record/1","format"'),
    lambda data: data.replace(b"=", b""),
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data.decode().encode("utf-16"),
    lambda data: json.dumps(json.loads(data), indent=1).encode(),
    lambda data: json.dumps(dict(reversed(json.loads(data).items()))).encode(),
    lambda _: b"",
    lambda _: b"null",
    lambda _: b"[]",
    lambda _: b"\xff\xfe",
    lambda _: b"[" * 100_000,
    lambda _: b"1" * 10_000,
]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_there_is_one_spelling(number: int) -> None:
    data = entry("check")
    wrong = SPELLINGS[number](data)
    assert wrong != data
    with pytest.raises(MalformedError):
        decode_record(wrong, verify_signature)


def test_the_last_bits_of_base64_have_one_spelling() -> None:
    value = json.loads(entry("check"))
    signature = value["signature"]
    assert signature[-3] in "AQgw"
    other = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    with pytest.raises(MalformedError):
        decode_record(encode({**value, "signature": other}), verify_signature)


def test_records_are_bounded() -> None:
    complaints = [SIGNER.did] * 1200
    data = sign_record(SIGNER, RUN, CheckBody(round=0, close="b" * 64, complaints=complaints)).data
    assert len(data) > MAX_RECORD_BYTES
    with pytest.raises(MalformedError):
        decode_record(data, verify_signature)
    with pytest.raises(MalformedError):
        decode(b'"' + b"x" * MAX_BYTES + b'"')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters())
    | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_json_comes_back_or_is_refused(value: Any) -> None:
    try:
        data = encode(value)
    except MalformedError:
        return
    assert decode(data) == value
    assert encode(decode(data)) == data


@given(st.text(st.characters(categories=["Cs"]), min_size=1))
def test_lone_surrogates_are_refused(text: str) -> None:
    for value in (text, {text: 1}, [text]):
        with pytest.raises(MalformedError):
            encode(value)


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(CotrainError):
        decode_record(data, verify_signature)


@given(st.sampled_from(KINDS), st.data())
def test_random_edits_raise_only_our_errors(kind: str, draw: st.DataObject) -> None:
    data = entry(kind)
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, min(len(data), start + 12)))
    wrong = data[:start] + draw.draw(st.binary(max_size=12)) + data[stop:]
    if wrong != data:
        with pytest.raises(CotrainError):
            decode_record(wrong, verify_signature)


@given(st.sampled_from(KINDS), VALUES)
def test_random_bodies_raise_only_our_errors(kind: str, value: Any) -> None:
    try:
        data = encode({**json.loads(entry(kind)), "body": value})
    except MalformedError:
        return
    with pytest.raises(CotrainError):
        decode_record(data, verify_signature)


def test_blobs_are_exactly_those_named() -> None:
    record = sign_record(SIGNER, RUN, sample("agreement"))
    check_blobs(Message(record, {BLOB.sha256: b"blob"}))
    for blobs, code in [
        ({}, "record-blob-mismatch"),
        ({BLOB.sha256: b"blub"}, "record-blob-mismatch"),
        ({BLOB.sha256: b"blob", "c" * 64: b""}, "record-blob-unnamed"),
    ]:
        with pytest.raises(ForgeryError) as caught:
            check_blobs(Message(record, blobs))
        assert caught.value.code == code


def test_a_blob_of_another_size_than_it_says() -> None:
    body = AgreementBody(document=BlobRef(sha256=BLOB.sha256, size=5), base=None)
    with pytest.raises(ForgeryError):
        check_blobs(Message(sign_record(SIGNER, RUN, body), {BLOB.sha256: b"blob"}))
