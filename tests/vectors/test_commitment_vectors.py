"""Known answers of commitments: the product and a slow second implementation must both agree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slow_ristretto as slow

from cotrain._native import commitment as native
from cotrain.commitment import pedersen
from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError

PATH = Path(__file__).parents[2] / "vectors" / "commitment" / "v1.json"
KNOWN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
FAULTS: dict[str, type[CotrainError]] = {
    "commitment-does-not-open": ForgeryError,
    "commitment-width": UsageError,
    "commitment-bad-point": MalformedError,
    "commitment-bad-scalar": MalformedError,
    "commitment-length": MalformedError,
    "commitment-blinding-count": MalformedError,
}

# RFC 9496, appendix A.1: multiples 0, 1 and 2 of the RFC's generator.
RFC_MULTIPLES = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
)


def _name(case: dict[str, Any]) -> str:
    return str(case["name"])


def _arguments(case: dict[str, Any]) -> tuple[bytes, list[int], int, bytes]:
    commitments, blindings = bytes.fromhex(case["commitments"]), bytes.fromhex(case["blindings"])
    return commitments, case["values"], case["width"], blindings


def test_the_slow_implementation_knows_the_multiples_of_the_rfc() -> None:
    zero, one, two = (slow.decode(bytes.fromhex(text)) for text in RFC_MULTIPLES)
    assert slow.encode(zero).hex() == RFC_MULTIPLES[0]
    assert slow.encode(slow.add(one, zero)).hex() == RFC_MULTIPLES[1]
    assert slow.encode(slow.add(one, one)).hex() == RFC_MULTIPLES[2]
    assert slow.encode(slow.multiply(2, one)) == slow.encode(two)
    assert slow.encode(slow.multiply(slow.ORDER, one)) == bytes(32)


def test_the_slow_implementation_knows_a_hash_of_the_rfc() -> None:
    # RFC 9496, appendix A.3, first input and output.
    text = b"Ristretto is traditionally a short shot of espresso coffee"
    expected = "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    assert slow.encode(slow.hash_to_group(text)).hex() == expected


@pytest.mark.parametrize("index", [int(index) for index in KNOWN["generators"]])
def test_generators(index: int) -> None:
    expected = KNOWN["generators"][str(index)]
    assert native.generator(index).hex() == expected
    assert slow.encode(slow.generator(index)).hex() == expected


def test_blinding_generator() -> None:
    assert native.blinding_generator().hex() == KNOWN["blinding_generator"]
    assert slow.encode(slow.blinding_generator()).hex() == KNOWN["blinding_generator"]


@pytest.mark.parametrize("case", KNOWN["derivations"], ids=lambda case: f"label {case['label']!r}")
def test_derived_blindings(case: dict[str, Any]) -> None:
    seed, label = bytes.fromhex(case["seed"]), case["label"].encode()
    assert pedersen.derive_blindings(seed, label, 3).hex() == case["blindings"]
    assert slow.derive_blindings(seed, label, 3) == slow.scalars(bytes.fromhex(case["blindings"]))


@pytest.mark.parametrize("case", KNOWN["openings"], ids=_name)
def test_openings_are_made_and_accepted(case: dict[str, Any]) -> None:
    commitments, entries, width, blindings = _arguments(case)
    values = np.array(entries, dtype=case["type"])
    assert pedersen.commit(values, width, blindings) == commitments
    pedersen.verify_opening(commitments, values, width, blindings)
    assert slow.opens(commitments, entries, width, blindings)


@pytest.mark.parametrize("case", KNOWN["bad_openings"], ids=_name)
def test_bad_openings_are_refused(case: dict[str, Any]) -> None:
    commitments, entries, width, blindings = _arguments(case)
    values = np.array(entries, dtype=case["type"])
    with pytest.raises(FAULTS[case["code"]]) as refusal:
        pedersen.verify_opening(commitments, values, width, blindings)
    assert refusal.value.code == case["code"]
    assert not slow.opens(commitments, entries, width, blindings)


def test_every_refusal_has_a_bad_vector() -> None:
    assert {case["code"] for case in KNOWN["bad_openings"]} == set(FAULTS)
