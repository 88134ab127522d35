"""Known answers of encryption and key sharing: the product and a slow second one must agree."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slow_lattice as slow

from cotrain.encryption import cipher, sealing, sharing
from cotrain.encryption.parameters import MODULUS, SumParameters
from cotrain.errors import CotrainError, RefusedError

PATH = Path(__file__).parents[2] / "vectors" / "encryption" / "v1.json"
KNOWN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
SHORT = [case for case in KNOWN["sums"] if "opened" in case]
(LONG,) = (case for case in KNOWN["sums"] if "opened" not in case)


def _name(case: dict[str, Any]) -> str:
    return str(case["name"])


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _message(name: str, party: int, fields: int, max_field: int) -> list[int]:
    """The messages of the long case, which the file does not spell out."""

    def word(place: int) -> int:
        text = repr(("cotrain/encryption/v1/vectors", name, party, place))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

    return [max_field, *(word(place) % (max_field + 1) for place in range(1, fields - 1)), 0]


def _seeds(sender: dict[str, Any]) -> tuple[bytes, bytes]:
    return bytes.fromhex(sender["key_seed"]), bytes.fromhex(sender["error_seed"])


def _encrypt(case: dict[str, Any], party: int, message: list[int]) -> bytes:
    key_seed, error_seed = _seeds(case["senders"][party])
    return cipher.encrypt(
        SumParameters.derive(*case["bounds"]),
        np.array(message, dtype=np.uint64),
        cipher.generate_key(key_seed),
        bytes.fromhex(case["context"]),
        error_seed,
    )


def _key_sum(case: dict[str, Any]) -> list[int]:
    keys = [slow.key(_seeds(sender)[0]) for sender in case["senders"]]
    return [sum(column) for column in zip(*keys, strict=True)]


def test_modulus() -> None:
    assert slow.Q == MODULUS == KNOWN["modulus"]
    assert slow.Q % 4096 == 1
    assert pow(3, slow.Q - 1, slow.Q) == 1


@pytest.mark.parametrize("case", KNOWN["parameters"], ids=lambda c: f"{c['parties']}")
def test_parameters(case: dict[str, Any]) -> None:
    bounds = case["parties"], case["max_field"]
    derived = SumParameters.derive(*bounds)
    digits = slow.per_coefficient(*bounds)
    bits, size = slow.limb_shape(bounds[0])
    scalars = -(-slow.N // size)
    expected = {
        "parties": bounds[0],
        "max_field": bounds[1],
        "radix": slow.radix(*bounds),
        "fields_per_coefficient": digits,
        "plaintext_modulus": slow.radix(*bounds) ** digits,
        "limb_bits": bits,
        "limbs_per_scalar": size,
        "key_scalars": scalars,
        "share_bytes": 32 * scalars + 32,
    }
    for name, number in expected.items():
        assert getattr(derived, name) == case[name] == number, name
    for fields, size in case["ciphertext_bytes"].items():
        assert derived.ciphertext_bytes(int(fields)) == size
        assert size == -(-53 * -(-int(fields) // digits) // 8)


@pytest.mark.parametrize("bounds", KNOWN["bad_parameters"])
def test_bad_parameters_are_refused(bounds: list[int]) -> None:
    with pytest.raises(RefusedError):
        SumParameters.derive(*bounds)


@pytest.mark.parametrize("case", SHORT, ids=_name)
def test_short_sums(case: dict[str, Any]) -> None:
    bounds, context = (case["bounds"][0], case["bounds"][1]), bytes.fromhex(case["context"])
    parameters, fields = SumParameters.derive(*bounds), case["fields"]
    count = -(-fields // parameters.fields_per_coefficient)
    sent = [bytes.fromhex(sender["ciphertext"]) for sender in case["senders"]]
    for party, sender in enumerate(case["senders"]):
        assert _encrypt(case, party, sender["message"]) == sent[party]
        expected = [
            slow.coefficient(bounds, sender["message"], _seeds(sender), context, at)
            for at in range(count)
        ]
        assert slow.unpack(sent[party], count) == expected
    key_sum = _key_sum(case)
    opened = slow.opened(
        bounds, fields, [slow.unpack(one, count) for one in sent], key_sum, context
    )
    ours = cipher.open_sum(parameters, fields, sent, np.array(key_sum, dtype=np.int32), context)
    assert opened == ours.tolist() == case["opened"]
    assert opened == np.sum([s["message"] for s in case["senders"]], axis=0).tolist()
    assert _hash(cipher.sum_ciphertexts(parameters, fields, sent)) == case["total_sha256"]


def test_a_sum_of_two_blocks() -> None:
    bounds, context = (LONG["bounds"][0], LONG["bounds"][1]), bytes.fromhex(LONG["context"])
    parameters, fields = SumParameters.derive(*bounds), LONG["fields"]
    parties = range(len(LONG["senders"]))
    messages = [_message(LONG["name"], party, fields, bounds[1]) for party in parties]
    sent = [_encrypt(LONG, party, messages[party]) for party in parties]
    for sender, ciphertext, message in zip(LONG["senders"], sent, messages, strict=True):
        assert _hash(ciphertext) == sender["sha256"]
        coefficients = slow.unpack(ciphertext, fields)
        for at in (0, 1, 1023, 2047, 2048, 2050):
            expected = slow.coefficient(bounds, message, _seeds(sender), context, at)
            assert coefficients[at] == expected
    assert _hash(cipher.sum_ciphertexts(parameters, fields, sent)) == LONG["total_sha256"]
    key_sum = np.array(_key_sum(LONG), dtype=np.int32)
    opened = cipher.open_sum(parameters, fields, sent, key_sum, context)
    assert opened.tolist() == np.sum(messages, axis=0).tolist()
    assert _hash(opened.astype("<u8").tobytes()) == LONG["opened_sha256"]


@pytest.mark.parametrize("case", KNOWN["bad_ciphertexts"], ids=_name)
def test_bad_ciphertexts_are_refused(case: dict[str, Any]) -> None:
    parameters, bad = SumParameters.derive(*case["bounds"]), bytes.fromhex(case["bytes"])
    with pytest.raises(CotrainError) as refusal:
        cipher.check_ciphertext(parameters, case["fields"], bad)
    assert refusal.value.code == case["code"]
    with pytest.raises(ValueError, match="not canonical"):
        slow.unpack(bad, 3)


@pytest.mark.parametrize("case", KNOWN["dealings"], ids=lambda c: f"{c['parties']} parties")
def test_dealings(case: dict[str, Any]) -> None:
    parties, threshold, holders = case["parties"], case["threshold"], case["holders"]
    parameters = SumParameters.derive(parties, 1)
    key_seed, seed = bytes.fromhex(case["key_seed"]), bytes.fromhex(case["seed"])
    commitments, shares = sharing.deal(
        parameters, cipher.generate_key(key_seed), threshold, holders, seed
    )
    assert commitments.hex() == case["commitments"]
    assert shares[0].hex() == case["share_1"]
    assert [_hash(share) for share in shares] == case["share_sha256"]
    secret = slow.key(key_seed)
    assert _hash(bytes(value % 256 for value in secret)) == case["key_sha256"]
    rows = slow.polynomial(parties, secret, threshold, holders, seed)
    assert [slow.share(rows, holder) for holder in range(1, holders + 1)] == shares
    chosen = list(enumerate(shares, start=1))[-threshold:]
    assert slow.recovered(parties, 1, chosen) == secret
    assert sharing.recover_key_sum(parameters, 1, threshold, chosen).tolist() == secret


def test_commitments_of_a_dealing() -> None:
    case = KNOWN["dealings"][0]
    secret = slow.key(bytes.fromhex(case["key_seed"]))
    shape = case["parties"], secret, case["threshold"], case["holders"]
    rows = slow.polynomial(*shape, bytes.fromhex(case["seed"]))
    assert b"".join(slow.commitment(row) for row in rows).hex() == case["commitments"]


@pytest.mark.parametrize("case", KNOWN["bad_shares"], ids=_name)
def test_bad_shares_are_refused(case: dict[str, Any]) -> None:
    commitments, share = bytes.fromhex(case["commitments"]), bytes.fromhex(case["share"])
    with pytest.raises(CotrainError) as refusal:
        sharing.verify_share(SumParameters.derive(4, 1), commitments, case["holder"], share)
    assert refusal.value.code == case["code"]


def test_a_sealed_message() -> None:
    case = {name: bytes.fromhex(text) for name, text in KNOWN["sealed"].items()}
    made = sealing.seal(
        case["public_key"], case["info"], case["aad"], case["plaintext"], case["ikm"]
    )
    assert made == case["sealed"]
    opened = sealing.open_sealed(case["private_key"], case["info"], case["aad"], case["sealed"])
    assert opened == case["plaintext"]
