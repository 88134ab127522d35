"""A short, fixed run of the fuzzer over every decoder (fuzz/README.md)."""

from itertools import islice

import numpy as np
import pytest

from cotrain.errors import MalformedError
from fuzz.decoders import Finding, Target, check, mutations, targets

NAMES = [
    "canonical JSON",
    "did:key",
    "schema",
    "model",
    "record",
    "agreement",
    "base file",
    "negotiation",
    "consent receipt",
    "note",
    "checkpoint",
    "receipt",
    "follower",
    "verifier key",
    "entry bundle",
    "commitments",
    "opening",
    "ciphertext",
    "share",
    "key commitments",
    "sealed share",
    "proof",
    "points of a proof",
    "table",
    "rejection",
    "evidence",
]


@pytest.fixture(scope="module")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    found = targets(tmp_path_factory.mktemp("fuzz"))
    return {target.name: target for target in found}


def test_every_decoder_is_named(decoders: dict[str, Target]) -> None:
    assert list(decoders) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_mutations_are_refused_or_canonical(decoders: dict[str, Target], name: str) -> None:
    target = decoders[name]
    for data in target.seeds:
        assert target.read(data) in {None, data}, "the seed itself is valid"
    for data in islice(mutations(target.seeds, np.random.default_rng(1)), 150):
        check(target, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutations_are_refused_or_canonical(decoders: dict[str, Target], name: str) -> None:
    target = decoders[name]
    for data in islice(mutations(target.seeds, np.random.default_rng(2)), 4000):
        check(target, data)


def test_the_fuzzer_reports_a_crash_and_a_second_spelling() -> None:
    def refuse(data: bytes) -> bytes:
        raise MalformedError("bad", data.hex())

    check(Target("good", refuse, (b"x",)), b"x")
    with pytest.raises(Finding, match="ZeroDivisionError"):
        check(Target("crash", lambda data: bytes(len(data) // 0), (b"x",)), b"x")
    with pytest.raises(Finding, match="second spelling"):
        check(Target("loose", lambda data: data.strip(), (b"x",)), b" x")
