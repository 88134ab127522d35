"""Verifying claims: a coordinator verifies each proof once, and nothing less than the whole claim is remembered."""

import dataclasses

import pytest

from cotrain.errors import ForgeryError
from cotrain.rounds.claims import RegistrationClaim, RememberingVerifier
from cotrain.testing.world import small_schema

CLAIM = RegistrationClaim(small_schema(), 12, b"commitments", b"context")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the proofs that were really verified; those that begin with F are false."""
    proofs: list[bytes] = []

    def verify(_: RegistrationClaim, proof: bytes) -> None:
        proofs.append(proof)
        if proof.startswith(b"F"):
            raise ForgeryError("proof-false", "it is false", meaning="A lie.", hint="Ask.")

    monkeypatch.setattr(RegistrationClaim, "verify", verify)
    return proofs


def test_a_proof_is_verified_once(seen: list[bytes]) -> None:
    verifier = RememberingVerifier()
    for _ in range(3):
        verifier(CLAIM, b"true")
    assert seen == [b"true"]
    assert verifier.seconds > 0


def test_a_false_proof_stays_false(seen: list[bytes]) -> None:
    verifier, errors = RememberingVerifier(), []
    for _ in range(3):
        with pytest.raises(ForgeryError) as caught:
            verifier(CLAIM, b"False")
        errors.append(caught.value)
    assert seen == [b"False"]
    assert len({id(error) for error in errors}) == 3, "no error is raised twice"
    assert all(error.diagnostics() == errors[0].diagnostics() for error in errors)


@pytest.mark.parametrize(
    "change", [{"rows": 13}, {"commitments": b"other"}, {"context": b"contex"}, {"context": b""}]
)
def test_another_claim_is_another_question(change: dict[str, object], seen: list[bytes]) -> None:
    verifier = RememberingVerifier()
    verifier(CLAIM, b"true")
    verifier(dataclasses.replace(CLAIM, **change), b"true")  # type: ignore[arg-type]
    verifier(CLAIM, b"true too")
    assert len(seen) == 3


def test_what_is_remembered_is_bounded(seen: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RememberingVerifier, "MOST", 2)
    verifier = RememberingVerifier()
    for proof in (b"1", b"2", b"3", b"3", b"1"):
        verifier(CLAIM, proof)
    assert seen == [b"1", b"2", b"3", b"1"]
