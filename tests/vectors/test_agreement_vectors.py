"""Known answers of money terms, negotiations and consent receipts, the good ones checked by a second path.

The second path shares no code with `src/`: `json`, `hashlib`, and the Ed25519 of `cryptography`.
"""

import base64
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cotrain.agreement.consent import verify_receipt
from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.agreement.negotiation import read_negotiation
from cotrain.errors import CotrainError

FOLDER = Path(__file__).parents[2] / "vectors"
FILE = FOLDER / "agreement" / "v1.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NEGOTIATION = b"cotrain/negotiation/1\n"
RECEIPT = b"cotrain/consent-receipt/1\n"

Case = dict[str, str]


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return decode_agreement(VECTORS["money"]["data"].encode())


def canonical(value: Any) -> bytes:
    """RFC 8785 for what stands here: whole numbers, and keys in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key_of(did: str) -> Ed25519PublicKey:
    number = 0
    for letter in did.removeprefix("did:key:z"):
        number = number * 58 + BASE58.index(letter)
    data = number.to_bytes(34, "big")
    assert data[:2] == b"\xed\x01"
    return Ed25519PublicKey.from_public_bytes(data[2:])


def check_signature(value: dict[str, Any], author: str, tag: bytes) -> None:
    unsigned = {name: field for name, field in value.items() if name != "signature"}
    signature = base64.b64decode(value["signature"])
    key_of(author).verify(signature, tag + canonical(unsigned))


def assert_refused(case: Case, error: CotrainError) -> None:
    assert error.code == case["code"]
    assert case["says"] in str(error)


def test_the_generator_still_makes_the_file() -> None:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate_agreement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == FILE.read_text(encoding="utf-8")


def test_money_terms_by_both_paths(agreement: Agreement) -> None:
    data = VECTORS["money"]["data"].encode()
    value = json.loads(data)
    assert canonical(value) == data
    assert agreement.digest == hashlib.sha256(data).hexdigest() == VECTORS["money"]["digest"]
    terms = value["urn:cotrain:odrl:1#terms"]["@value"]
    money = terms["settlement"]
    assert sum(share["basis_points"] for share in money["shares"]) == 10_000
    token = f"eip155:{money['chain_id']}/erc20:{money['token']}"
    paid = [rule["duty"][-1] for rule in value["permission"] if "duty" in rule]
    assert [duty["constraint"][0]["rightOperand"] for duty in paid] == ["1000000000", "10000"]
    assert {duty["constraint"][1]["rightOperand"] for duty in paid} == {token}
    assert value["assignee"] == VECTORS["identities"]["Hub"]


@pytest.mark.parametrize("case", VECTORS["bad_money"], ids=lambda case: case["name"])
def test_bad_money_terms_are_refused(case: Case) -> None:
    assert canonical(json.loads(case["data"])) == case["data"].encode()
    with pytest.raises(CotrainError) as caught:
        decode_agreement(case["data"].encode())
    assert_refused(case, caught.value)


@pytest.mark.parametrize("number", range(len(VECTORS["negotiations"])))
def test_negotiations_by_both_paths(number: int) -> None:
    case = VECTORS["negotiations"][number]
    found = read_negotiation(case["data"].encode())
    assert (found.state, found.standing.digest) == (case["state"], case["standing"])

    before, standing = "0" * 64, ""
    for line in case["data"].encode().splitlines():
        value = json.loads(line)
        assert canonical(value) == line
        check_signature(value, value["author"], NEGOTIATION)
        assert value["previous"] == before
        if value["policy"] is not None:
            standing = hashlib.sha256(canonical(value["policy"])).hexdigest()
        assert value["agreement"] == standing
        before = hashlib.sha256(line).hexdigest()
    assert standing == case["standing"]


def test_every_state_has_a_negotiation() -> None:
    states = [case["state"] for case in VECTORS["negotiations"]]
    assert set(states) == {"REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "TERMINATED"}


@pytest.mark.parametrize("case", VECTORS["bad_negotiations"], ids=lambda case: case["name"])
def test_bad_negotiations_are_refused(case: Case) -> None:
    with pytest.raises(CotrainError) as caught:
        read_negotiation(case["data"].encode())
    assert_refused(case, caught.value)


def by_rule(cases: list[Case]) -> list[Case]:
    """Return the cases that are refused for what they say, though their author signed it."""
    return [case for case in cases if not case["code"].startswith(("identity-", "record-"))]


def test_what_is_refused_for_its_content_was_signed() -> None:
    """Else the signature would hide the rule that is meant."""
    unsigned = {"an offer without a policy", "a signature of 63 bytes"}
    for case in by_rule(VECTORS["bad_negotiations"]):
        if case["name"] not in unsigned:
            for line in case["data"].splitlines():
                value = json.loads(line)
                check_signature(value, value["author"], NEGOTIATION)
    for case in by_rule(VECTORS["bad_receipts"]):
        if case["name"] not in {"nobody's", "no signature"}:
            value = json.loads(case["data"])
            check_signature(value, value["pii_controller"]["party_id"], RECEIPT)


def test_false_signatures_fail_the_other_path_too() -> None:
    forged = [c for c in VECTORS["bad_negotiations"] if c["code"] == "identity-bad-signature"]
    assert len(forged) == 3
    for case in forged:
        value = json.loads(case["data"].splitlines()[-1])
        with pytest.raises(InvalidSignature):
            check_signature(value, value["author"], NEGOTIATION)
    forged = [c for c in VECTORS["bad_receipts"] if c["code"] == "identity-bad-signature"]
    assert len(forged) == 2
    for case in forged:
        value = json.loads(case["data"])
        with pytest.raises(InvalidSignature):
            check_signature(value, value["pii_controller"]["party_id"], RECEIPT)


def test_receipts_by_both_paths(agreement: Agreement) -> None:
    value: dict[str, Any] = {}
    for name in ("given", "withdrawn"):
        data = VECTORS["receipts"][name].encode()
        value = json.loads(data)
        assert verify_receipt(data, agreement) == value
        assert canonical(value) == data
        check_signature(value, value["pii_controller"]["party_id"], RECEIPT)
        assert value["privacy_notice"]["agreement"] == VECTORS["money"]["digest"]
    given = hashlib.sha256(VECTORS["receipts"]["given"].encode()).hexdigest()
    assert value["consent_events"][1]["previous"] == given == VECTORS["receipts"]["given_digest"]


@pytest.mark.parametrize("case", VECTORS["bad_receipts"], ids=lambda case: case["name"])
def test_bad_receipts_are_refused(case: Case, agreement: Agreement) -> None:
    with pytest.raises(CotrainError) as caught:
        verify_receipt(case["data"].encode(), agreement)
    assert_refused(case, caught.value)


def test_there_are_enough_of_each() -> None:
    for kind in ("bad_money", "bad_negotiations", "bad_receipts"):
        names = [case["name"] for case in VECTORS[kind]]
        assert len(set(names)) == len(names) >= 8
