"""The rules alone: each kind has one, a refused record leaves no trace, and what is derived is pinned."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.errors import CotrainError, ForgeryError, RefusedError
from cotrain.flow import run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import BODIES, BlobRef, RevocationBody
from cotrain.records.record import Message, Record, decode_record, sign_record
from cotrain.rounds.rules import RULES, apply_record, check_record
from cotrain.rounds.setup_rules import coin_commitment
from cotrain.rounds.state import (
    Phase,
    RunState,
    digest_of,
    draw_holders,
    next_beacon,
    weights_digest,
)
from cotrain.testing.lying import restate
from cotrain.testing.world import World, build_world


@dataclasses.dataclass(frozen=True)
class Run:
    world: World
    records: list[Record]
    blobs: dict[str, bytes]

    def source(self, ref: BlobRef) -> bytes:
        return self.blobs[ref.sha256]

    def state(self, size: int) -> RunState:
        state = RunState()
        for record in self.records[:size]:
            apply_record(state, record, self.source)
        return state

    def first(self, kind: str) -> int:
        return next(n for n, record in enumerate(self.records) if record.kind == kind)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    world = build_world(tmp_path_factory.mktemp("rules"))
    run_in_process(world.coordinator(), world.parties())
    with Ledger.open(world.path) as ledger:
        records = [decode_record(e, lambda *_: None) for e in ledger.entries(0, ledger.size)]
        blobs = {digest.hex(): ledger.blob(digest) for digest in ledger.blob_digests()}
    return Run(world, records, blobs)


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(BODIES.values())


def fingerprint(state: RunState) -> str:
    """Return all that a state holds as text."""
    plain = {**vars(state), "agreement": None, "plan": None}
    return repr(plain) + repr([w.tolist() for w in state.weights]) + repr(state.seen_commitments)


def test_a_record_in_any_other_place_is_refused_and_leaves_no_trace(run: Run) -> None:
    """Each record of the run, at the beginning of each phase: only where it belongs it is taken."""
    turns = [0] + [n for n in range(1, len(run.records)) if phase(run, n) is not phase(run, n - 1)]
    kinds = {record.kind: record for record in reversed(run.records)}
    for turn in turns[:7]:
        state = run.state(turn)
        before = fingerprint(state)
        for kind, record in kinds.items():
            if kind == run.records[turn].kind:
                check_record(state, record, run.source)
                continue
            with pytest.raises(CotrainError):
                apply_record(state, record, run.source)
        assert fingerprint(state) == before


def phase(run: Run, size: int) -> Phase:
    if size not in PHASES:
        PHASES[size] = run.state(size).phase
    return PHASES[size]


PHASES: dict[int, Phase] = {}


def test_the_first_entry_is_an_agreement_by_its_coordinator(run: Run) -> None:
    for record in run.records[1:]:
        if record.kind != "agreement":
            with pytest.raises(CotrainError):
                check_record(RunState(), record, run.source)
    agreement, blobs = run.records[0], run.blobs
    names = {ref.sha256: blobs[ref.sha256] for ref in agreement.blobs}
    other = restate(run.world.actors["Owner 1"].identity, Message(agreement, names))
    with pytest.raises(RefusedError) as caught:
        check_record(RunState(), other.record, run.source)
    assert caught.value.code == "rule-not-allowed"
    identity = run.world.actors["Coordinator"].identity
    elsewhere = sign_record(identity, "0" * 64, agreement.body)
    with pytest.raises(ForgeryError) as found:
        check_record(RunState(), elsewhere, run.source)
    assert found.value.code == "rule-mismatch"


def test_a_record_of_another_run(run: Run) -> None:
    for index, record in list(enumerate(run.records))[1::6]:
        signer = next(
            a.identity for a in run.world.actors.values() if a.identity.did == record.author
        )
        strange = sign_record(signer, "0" * 64, record.body)
        with pytest.raises(ForgeryError) as caught:
            check_record(run.state(index), strange, run.source)
        assert caught.value.code == "rule-mismatch"


def revocation(run: Run, name: str) -> Record:
    identity = run.world.actors[name].identity
    return sign_record(
        identity, run.world.agreement.digest, RevocationBody(reason="why", signature=None)
    )


def test_revocation_counts_once_and_for_owners_only(run: Run) -> None:
    state = run.state(run.first("close"))
    apply_record(state, revocation(run, "Owner 1"), run.source)
    assert state.revoked == [run.world.did("Owner 1")]
    assert run.world.did("Owner 1") in state.current.owners, (
        "this round goes on with its submission"
    )
    assert run.world.did("Owner 1") not in state.active_owners()
    for name, code in [("Owner 1", "rule-counted-already"), ("Coordinator", "rule-not-allowed")]:
        with pytest.raises(RefusedError) as caught:
            apply_record(state, revocation(run, name), run.source)
        assert caught.value.code == code
    stranger = sign_record(
        Identity(bytes(32)), run.world.agreement.digest, RevocationBody(reason="", signature=None)
    )
    with pytest.raises(RefusedError):
        apply_record(state, stranger, run.source)
    with pytest.raises(RefusedError):
        apply_record(run.state(len(run.records)), revocation(run, "Owner 2"), run.source)


@pytest.mark.parametrize("size", [-1, 1])
@pytest.mark.parametrize("field", ["commitments", "ciphertext", "key_commitments", "sealed_shares"])
def test_shapes_come_from_the_agreement(field: str, size: int, run: Run) -> None:
    index = run.first("submission")
    state, honest = run.state(index), run.records[index]
    blobs = {ref.sha256: run.blobs[ref.sha256] for ref in honest.blobs}
    data = run.blobs[getattr(honest.body, field).sha256]
    wrong = data[:size] if size < 0 else data + b"\0"
    signer = run.world.actors["Owner 1"].identity
    lie = restate(signer, Message(honest, blobs), {field: wrong})
    with pytest.raises(CotrainError):
        check_record(state, lie.record, lambda ref: lie.blobs[ref.sha256])
    same = restate(signer, Message(honest, blobs))
    check_record(state, same.record, lambda ref: same.blobs[ref.sha256])


@pytest.mark.parametrize("field", ["commitments", "key_commitments"])
def test_points_are_canonical(field: str, run: Run) -> None:
    index = run.first("submission")
    honest = run.records[index]
    blobs = {ref.sha256: run.blobs[ref.sha256] for ref in honest.blobs}
    data = run.blobs[getattr(honest.body, field).sha256]
    lie = restate(
        run.world.actors["Owner 1"].identity,
        Message(honest, blobs),
        {field: b"\xff" * 32 + data[32:]},
    )
    with pytest.raises(CotrainError):
        check_record(run.state(index), lie.record, lambda ref: lie.blobs[ref.sha256])


def test_a_commitment_counts_once_in_a_run(run: Run) -> None:
    state = run.state(run.first("close"))
    assert len(state.seen_commitments) == 4
    assert state.submitted == {run.world.did(name): 1 for name in run.world.owners}


# What is derived.


@given(st.integers(2, 40), st.integers(1, 25), st.binary(min_size=32, max_size=32))
def test_key_holders_are_drawn_by_the_beacon(count: int, holders: int, beacon: bytes) -> None:
    owners = tuple(f"did:{n}" for n in range(count))
    drawn = draw_holders(owners, holders, beacon.hex())
    assert len(drawn) == min(count, holders)
    assert list(drawn) == [owner for owner in owners if owner in drawn]
    assert drawn == draw_holders(owners, holders, beacon.hex())


def test_every_owner_is_drawn_sooner_or_later() -> None:
    owners = tuple(f"did:{n}" for n in range(10))
    counts = dict.fromkeys(owners, 0)
    for number in range(400):
        for owner in draw_holders(owners, 3, next_beacon("0" * 64, number, b"")):
            counts[owner] += 1
    assert min(counts.values()) > 60  # 120 expected; the draw is a hash, so this is no chance
    assert max(counts.values()) < 180


def test_digests_bind_order_and_number() -> None:
    one, two = "1" * 64, "2" * 64
    lists: list[list[str]] = [[], [one], [two], [one, two], [two, one], [one, one]]
    assert len({digest_of(digests) for digests in lists}) == len(lists)


def test_beacons_and_coins_bind_what_they_name() -> None:
    beacons = {
        next_beacon(run, n, key)
        for run in ("0" * 64, "1" * 64)
        for n in (0, 1)
        for key in (b"", b"k")
    }
    assert len(beacons) == 8
    coins = {
        coin_commitment(run, did, coin)
        for run in ("0" * 64, "1" * 64)
        for did in ("did:a", "did:b")
        for coin in ("2" * 64, "3" * 64)
    }
    assert len(coins) == 8


def test_a_model_is_named_by_its_weights() -> None:
    zero, one = np.zeros(4, dtype=np.int32), np.ones(4, dtype=np.int32)
    assert weights_digest(zero) != weights_digest(one)
    assert weights_digest(zero) == weights_digest(zero.copy())


def test_a_state_without_an_agreement_or_a_round_says_so() -> None:
    state = RunState()
    for look in (lambda: state.terms, lambda: state.derived, lambda: state.current):
        with pytest.raises(ForgeryError):
            look()
