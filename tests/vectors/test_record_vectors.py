"""Known answers of identities, records, agreements and dataset roots, each checked by two paths.

The second path shares no code with `src/`: canonical JSON from `json.dumps`, `hashlib`, `hmac`, a base58 of a
few lines, and the Ed25519 of `cryptography`.
"""

import base64
import hashlib
import hmac
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cotrain.agreement.document import decode_agreement
from cotrain.commitment.pedersen import verify_opening
from cotrain.dataset.registration import DatasetLayout, commit_dataset, dataset_root
from cotrain.errors import CotrainError
from cotrain.identity.did_key import public_key_of, verify_signature
from cotrain.identity.keys import Identity
from cotrain.records.kinds import BODIES
from cotrain.records.record import decode_record
from cotrain.rounds.setup_rules import coin_commitment
from cotrain.rounds.state import digest_of, draw_holders, next_beacon, noise_coins

FOLDER = Path(__file__).parents[2] / "vectors"
FILE = FOLDER / "records" / "v1.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
GOOD = [*VECTORS["ledger"], *VECTORS["other_records"]]
BADLY_SIGNED = [c for c in VECTORS["bad_records"] if c["code"] == "identity-bad-signature"]
RUN: str = VECTORS["agreement"]["digest"]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def canonical(value: Any) -> bytes:
    """RFC 8785 for what stands in records: whole numbers, and keys in ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key_of(did: str) -> Ed25519PublicKey:
    number = 0
    for letter in did.removeprefix("did:key:z"):
        number = number * 58 + BASE58.index(letter)
    data = number.to_bytes(34, "big")
    assert data[:2] == b"\xed\x01"
    return Ed25519PublicKey.from_public_bytes(data[2:])


def signed_part(value: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the signed bytes and the signature of a record's JSON value."""
    unsigned = {name: field for name, field in value.items() if name != "signature"}
    return b"cotrain/record/1\n" + canonical(unsigned), base64.b64decode(value["signature"])


def test_the_generator_still_makes_the_file() -> None:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate_records.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["digest"][:8])
def test_good_records_by_both_paths(case: dict[str, str]) -> None:
    data = case["data"].encode()
    record = decode_record(data, verify_signature)
    assert (record.data, record.digest, record.run) == (data, case["digest"], RUN)

    value = json.loads(data)
    assert canonical(value) == data
    assert sha256(data) == case["digest"]
    signed, signature = signed_part(value)
    key_of(value["author"]).verify(signature, signed)
    assert (record.author, record.kind) == (value["author"], value["kind"])


def test_every_kind_of_record_has_a_vector() -> None:
    assert {json.loads(case["data"])["kind"] for case in GOOD} == set(BODIES)


@pytest.mark.parametrize("case", VECTORS["bad_records"], ids=lambda case: case["name"])
def test_bad_records_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(CotrainError) as caught:
        decode_record(bytes.fromhex(case["data"]), verify_signature)
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", BADLY_SIGNED, ids=lambda case: case["name"])
def test_records_with_bad_signatures_fail_the_other_path_too(case: dict[str, str]) -> None:
    value = json.loads(bytes.fromhex(case["data"]))
    signed, signature = signed_part(value)
    with pytest.raises(InvalidSignature):
        key_of(value["author"]).verify(signature, signed)


def test_a_record_with_any_byte_changed_is_refused() -> None:
    data = bytearray(VECTORS["ledger"][0]["data"].encode())
    for place in range(len(data)):
        data[place] ^= 1
        with pytest.raises(CotrainError):
            decode_record(bytes(data), verify_signature)
        data[place] ^= 1
    decode_record(bytes(data), verify_signature)


def test_the_agreement_by_both_paths() -> None:
    data = VECTORS["agreement"]["data"].encode()
    assert decode_agreement(data).digest == RUN == sha256(data)
    assert canonical(json.loads(data)) == data
    offer = json.loads(VECTORS["ledger"][0]["data"])
    assert offer["body"]["document"] == {"sha256": RUN, "size": len(data)}


@pytest.mark.parametrize("case", VECTORS["bad_agreements"], ids=lambda case: case["name"])
def test_bad_agreements_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(CotrainError) as caught:
        decode_agreement(bytes.fromhex(case["data"]))
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", VECTORS["identities"], ids=lambda case: case["name"])
def test_identities_by_both_paths(case: dict[str, str]) -> None:
    seed = bytes.fromhex(case["seed"])
    identity = Identity(seed, case["name"])
    assert identity.did == case["did"]
    assert public_key_of(case["did"]).hex() == case["public_key"]

    def derived(label: str) -> bytes:
        return hmac.digest(seed, f"cotrain/identity/1/{label}".encode(), "sha256")

    signing = Ed25519PrivateKey.from_private_bytes(derived("signing")).public_key()
    assert signing.public_bytes_raw().hex() == case["public_key"]
    assert key_of(case["did"]) == signing
    sealing = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["sealing_seed"])).public_key()
    assert sealing.public_bytes_raw().hex() == case["sealing_key"]
    assert derived("secret/fingerprint").hex() == case["fingerprint_key"]
    preimage = (
        b"cotrain/coin/1/"
        + bytes.fromhex(RUN)
        + case["did"].encode()
        + b"/"
        + bytes.fromhex(case["coin"])
    )
    assert sha256(preimage) == case["coin_commitment"]
    assert coin_commitment(RUN, case["did"], case["coin"]) == case["coin_commitment"]


def test_the_run_uses_the_keys_and_coins_that_were_drawn() -> None:
    bodies: dict[str, dict[str, Any]] = {}
    for case in VECTORS["ledger"]:
        value = json.loads(case["data"])
        if value["kind"] in {"signature", "dataset"}:
            bodies.setdefault(value["author"], {}).update(value["body"])
    for who in VECTORS["identities"]:
        body = bodies[who["did"]]
        assert body["sealing_key"] == who["sealing_key"]
        assert body["coin_commitment"] == who["coin_commitment"]
        assert body.get("coin", who["coin"]) == who["coin"]
        # What was drawn for the run does not follow from the identity.
        person = Identity(bytes.fromhex(who["seed"]), who["name"])
        assert who["coin"] != person.secret(f"coin/{RUN}").hex()


def test_hashes_by_both_paths() -> None:
    known = VECTORS["hashes"]
    digests = known["list"]["digests"]
    joined = b"".join(map(bytes.fromhex, digests))
    assert (
        digest_of(digests)
        == known["list"]["digest"]
        == sha256(b"cotrain/list/1" + len(digests).to_bytes(8, "little") + joined)
    )
    beacon = known["next_beacon"]
    key_sum, number = bytes.fromhex(beacon["key_sum"]), beacon["round"]
    preimage = b"cotrain/beacon/1/" + bytes.fromhex(RUN) + number.to_bytes(8, "little") + key_sum
    assert next_beacon(RUN, number, key_sum) == beacon["beacon"] == sha256(preimage)
    coins = known["noise_coins"]
    beacon_of_coins, who = coins["beacon"], coins["owner"]
    preimage = b"cotrain/noise-coins/1/" + bytes.fromhex(RUN) + coins["round"].to_bytes(8, "little")
    preimage += bytes.fromhex(beacon_of_coins) + who.encode()
    assert noise_coins(RUN, coins["round"], beacon_of_coins, who).hex() == coins["coins"]
    assert coins["coins"] == sha256(preimage)
    for draw in known["draws"]:
        owners, count = tuple(draw["owners"]), draw["count"]
        assert list(draw_holders(owners, count, draw["beacon"])) == draw["drawn"]
        tickets = {
            owner: sha256(b"cotrain/holder/1/" + bytes.fromhex(draw["beacon"]) + owner.encode())
            for owner in owners
        }
        lowest = sorted(owners, key=tickets.__getitem__)[:count]
        assert draw["drawn"] == [owner for owner in owners if owner in lowest]


def test_the_first_beacon_and_the_lists_of_the_run() -> None:
    values = [json.loads(case["data"]) for case in VECTORS["ledger"]]
    coins = b"".join(
        bytes.fromhex(value["body"]["coin"]) for value in values if value["kind"] == "dataset"
    )
    opened = next(value for value in values if value["kind"] == "open")
    assert opened["body"]["beacon"] == sha256(b"cotrain/beacon/0/" + bytes.fromhex(RUN) + coins)
    submitted = [
        case["digest"]
        for case, value in zip(VECTORS["ledger"], values, strict=True)
        if value["kind"] == "submission"
    ]
    closed = next(value for value in values if value["kind"] == "close")
    joined = b"".join(map(bytes.fromhex, submitted))
    assert closed["body"]["submissions"] == sha256(
        b"cotrain/list/1" + (2).to_bytes(8, "little") + joined
    )


def defined_root(case: dict[str, Any], points: bytes) -> str:
    """The root as docs/spec/dataset.md, step 5, defines it, from the number of points of each block."""
    tag = b"cotrain/dataset/1"
    root = tag + bytes.fromhex(case["schema_hash"])
    for number in (case["rows"], case["columns"], case["width"]):
        root += number.to_bytes(8, "little")
    for number, count in enumerate(case["blocks"]):
        block, points = points[: 32 * count], points[32 * count :]
        hashed = tag + b"/block" + number.to_bytes(8, "little") + block
        root += hashlib.sha256(hashed).digest()
    assert not points
    return sha256(root)


@pytest.mark.parametrize("case", VECTORS["datasets"]["layouts"], ids=lambda case: case["root"][:8])
def test_layouts_and_roots_by_both_paths(case: dict[str, Any]) -> None:
    padded = 1
    while padded < case["columns"]:
        padded *= 2
    width = max(1024, padded)
    sizes = [min(8192, case["rows"] - start) for start in range(0, case["rows"], 8192)]
    assert (case["padded_columns"], case["width"]) == (padded, width)
    assert case["blocks"] == [-(-size * padded // width) for size in sizes]

    layout = DatasetLayout(case["rows"], case["columns"])
    assert layout.points == sum(case["blocks"])
    points = b"".join(
        hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(layout.points)
    )
    assert dataset_root(layout, case["schema_hash"], points) == case["root"]
    assert defined_root(case, points) == case["root"]
    changed = bytes([points[0] ^ 1]) + points[1:]
    assert dataset_root(layout, case["schema_hash"], changed) != case["root"]


@pytest.mark.parametrize("case", VECTORS["datasets"]["bad_layouts"])
def test_a_wrong_number_of_points_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(CotrainError) as caught:
        dataset_root(
            DatasetLayout(case["rows"], case["columns"]), "0" * 64, bytes(32 * case["points"])
        )
    assert caught.value.code == case["code"]


def test_the_committed_dataset_opens_and_has_its_root() -> None:
    case = VECTORS["datasets"]["committed"]
    rows = np.array(case["rows"], dtype=np.int16)
    seed, commitments = bytes.fromhex(case["seed"]), bytes.fromhex(case["commitments"])
    made = commit_dataset(rows, case["schema_hash"], seed)
    assert (made.commitments, made.root) == (commitments, case["root"])
    label = b"dataset/0"
    hashed = hashlib.sha512(
        b"cotrain/commitment/v1/derive-blinding"
        + len(label).to_bytes(8, "little")
        + label
        + seed
        + bytes(8)
    ).digest()
    order = 2**252 + 27742317777372353535851937790883648493
    blinding = (int.from_bytes(hashed, "little") % order).to_bytes(32, "little")
    verify_opening(commitments, rows.reshape(-1), 1024, blinding)
    other = rows.copy()
    other[0, 0] += 1
    assert commit_dataset(other, case["schema_hash"], seed).root != case["root"]
