"""What only proofs catch: each lie is refused under its author's name, and the others go on without the liar."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.audit.proofs import Quick, draw_sample
from cotrain.errors import ForgeryError, MalformedError
from cotrain.flow import Meter, run_in_process
from cotrain.ledger.store import Ledger
from cotrain.records.record import Message, Record, decode_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.party import Party
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase
from cotrain.rounds.view import View
from cotrain.rounds.witness import log_policy
from cotrain.testing.determinism import SeededEntropy
from cotrain.testing.false_proofs import (
    AnotherUpdate,
    ChosenCoins,
    FlippedDatasetProof,
    FlippedProof,
    ForeignProof,
    MissingDatasetProof,
    MissingProof,
    OldProof,
    OldWords,
    OtherRows,
    OtherWeights,
    ReplacedCommitment,
    ShortProof,
    WithoutNoise,
)
from cotrain.testing.lying import Liar, LyingLog, restate
from cotrain.testing.simulation import CALM, STORM, Outcome, Simulation
from cotrain.testing.world import COORDINATOR, World, build_world

LIAR = "Owner 2"
PROVEN: dict[str, Any] = {
    "wishes": Wishes("Proven", rounds=2, epsilon="8", colluders=1, survivors=3),
    "assurance": "proven",
}


def prove(world: World) -> None:
    run_in_process(world.coordinator(), world.parties())


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A finished run of four owners and two rounds, with noise and proofs."""
    world = build_world(tmp_path_factory.mktemp("proven"), **PROVEN)
    prove(world)
    return world


def records_of(world: World) -> list[Record]:
    with Ledger.open(world.path, read_only=True) as ledger:
        return [decode_record(entry, lambda *_: None) for entry in ledger.entries(0, ledger.size)]


def run_with(world: World, lie: type[Party]) -> Outcome:
    world.actors[LIAR].make = lie
    outcome = Simulation(world, 0, CALM).run()
    with Ledger.open(world.path) as ledger:
        audit(ledger, expected_run=world.agreement.digest)
    return outcome


def test_an_honest_run_is_proven(honest: World) -> None:
    with Ledger.open(honest.path, read_only=True) as ledger:
        report = audit(ledger)
    assert report.assurance == "proven"
    assert dict(report.proofs.verified) == {"dataset": 4, "submission": 8}
    assert len(report.proven) == 3
    assert all(owner.proven_dataset and owner.proven_updates == 2 for owner in report.owners)
    assert not any("recorded" in line for line in report.not_checked)


def test_without_noise_nothing_is_said_of_noise(make_world: Callable[..., World]) -> None:
    wishes = Wishes("Exact", rounds=1, epsilon=None, colluders=1, survivors=3)
    world = make_world(wishes=wishes, assurance="proven")
    meter = Meter()
    run_in_process(world.coordinator(), world.parties(), meter=meter)
    with Ledger.open(world.path, read_only=True) as ledger:
        report = audit(ledger)
    assert len(report.proven) == 2
    assert not any("noise" in line for line in (*report.proven, *report.not_checked))
    for name in world.owners:
        for step in ("prove registering", "prove submitting", "verify proofs"):
            assert meter.seconds[world.did(name), step] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_leaves_no_trace_in_a_proven_run(
    seed: int, make_world: Callable[..., World], honest: World
) -> None:
    outcome = Simulation(make_world(**PROVEN), seed, STORM).run()
    assert outcome.state.phase is Phase.FINISHED
    assert list(outcome.entries) == [record.data for record in records_of(honest)]


LIES: dict[type[Liar], set[str]] = {
    MissingProof: {"rule-mismatch"},
    ShortProof: {"rule-mismatch"},
    FlippedProof: {"proof-false", "proof-encoding"},
    OldProof: {"proof-false"},
    ForeignProof: {"proof-false"},
    AnotherUpdate: {"proof-false"},
    WithoutNoise: {"proof-false"},
    ReplacedCommitment: {"proof-false"},
    OtherWeights: {"proof-false"},
    OtherRows: {"proof-false"},
    ChosenCoins: {"proof-false"},
    OldWords: {"proof-false"},
}


@dataclass(frozen=True)
class Paused:
    """A run that waits for the submissions of round 1; the liar of round 0 was honest until now."""

    world: World
    coordinator: Coordinator
    liar: OldWords

    def speak_as(self, lie: type[Liar]) -> Message:
        """Return what the liar submits, if it lies in this way."""
        if lie is OldWords:
            party: Party = self.liar  # the one that remembers the words of round 0
        else:
            self.world.actors[LIAR].make = lie
            party = self.world.party(LIAR)
        party.read(self.coordinator)
        if isinstance(party, OldProof):
            record: Any = next(r for r in party.view.records if _is_submission(r, party.did))
            party.first = party.view.fetch(record.body.proof)
        (message,) = party.speak()
        return message


def _is_submission(record: Record, author: str) -> bool:
    return (record.kind, record.author) == ("submission", author)


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Paused:
    world = build_world(tmp_path_factory.mktemp("paused"), **PROVEN)
    world.actors[LIAR].make = OldWords
    coordinator, parties = world.coordinator(), world.parties()
    while coordinator.state.round is None or coordinator.state.round.number == 0:
        for party in parties if coordinator.size() else []:
            party.read(coordinator)
            for message in party.speak():
                coordinator.receive(message)
        coordinator.tick()
    liar = next(party for party in parties if isinstance(party, OldWords))
    return Paused(world, coordinator, liar)


@pytest.mark.parametrize("lie", list(LIES), ids=lambda lie: lie.__name__)
def test_a_false_proof_is_refused(lie: type[Liar], paused: Paused) -> None:
    message = paused.speak_as(lie)
    with pytest.raises((ForgeryError, MalformedError)) as caught:
        check_record(paused.coordinator.state, message.record, lambda r: message.blobs[r.sha256])
    assert caught.value.code in LIES[lie]


def test_the_same_owner_is_believed_when_it_is_honest(paused: Paused) -> None:
    paused.world.actors[LIAR].make = Party
    party = paused.world.party(LIAR)
    party.read(paused.coordinator)
    (message,) = party.speak()
    check_record(paused.coordinator.state, message.record, lambda r: message.blobs[r.sha256])


SLOW_LIES = [
    pytest.param(lie, id=lie.__name__, marks=[] if lie is FlippedProof else pytest.mark.slow)
    for lie in LIES
]


@pytest.mark.parametrize("lie", SLOW_LIES)
def test_a_false_proof_costs_its_author_the_round(
    lie: type[Liar], make_world: Callable[..., World]
) -> None:
    world = make_world(**PROVEN)
    outcome = run_with(world, lie)
    assert outcome.state.phase is Phase.FINISHED
    ((author, kind, code),) = outcome.state.refusals
    assert (author, kind) == (world.did(LIAR), "submission")
    assert code in LIES[lie]
    others = tuple(world.did(name) for name in world.owners if name != LIAR)
    assert outcome.state.opened[1] == (1, others)


@pytest.mark.parametrize("lie", [MissingDatasetProof, FlippedDatasetProof])
def test_a_dataset_without_a_proof_is_not_registered(
    lie: type[Liar], make_world: Callable[..., World]
) -> None:
    world = make_world(**PROVEN)
    outcome = run_with(world, lie)
    ((author, kind, _),) = outcome.state.refusals
    assert (author, kind) == (world.did(LIAR), "dataset")
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "below-quorum"


def test_another_owners_whole_submission_is_refused_although_it_comes_first(
    make_world: Callable[..., World],
) -> None:
    world = make_world(**PROVEN)
    coordinator = world.coordinator()
    parties = {name: world.party(name) for name in world.actors}
    coordinator.tick()
    while coordinator.state.phase is not Phase.SUBMITTING:
        for party in parties.values():
            party.read(coordinator)
            for message in party.speak():
                coordinator.receive(message)
        coordinator.tick()
    for party in parties.values():
        party.read(coordinator)
    (own,) = parties["Owner 1"].speak()
    assert not coordinator.receive(restate(world.actors[LIAR].identity, own))
    assert coordinator.state.refusals == [(world.did(LIAR), "submission", "proof-false")]
    assert coordinator.receive(own)


# On the ledger: the coordinator is the liar.


def lying_log(honest: World, wrong: int) -> LyingLog:
    """Return a log up to entry `wrong`, the proof of which was changed by its author."""
    identity = honest.actors[COORDINATOR].identity
    with Ledger.open(honest.path, read_only=True) as ledger:
        log = LyingLog.after(ledger, identity, honest.agreement, wrong + 1)
    record = decode_record(log.history[wrong], lambda *_: None)
    proof = log.blob(record.body.proof.sha256)  # type: ignore[attr-defined]
    log.history[wrong] = _resigned(honest, record, log, bytes([proof[0] ^ 1]) + proof[1:])
    return log


def _resigned(world: World, record: Record, log: LyingLog, proof: bytes) -> bytes:
    signer = next(
        actor.identity for actor in world.actors.values() if actor.identity.did == record.author
    )
    named = {ref.sha256: log.blob(ref.sha256) for ref in record.blobs}
    lie = restate(signer, Message(record, named), {"proof": proof})
    log.blobs.update(lie.blobs)
    return lie.record.data


def proven_entries(world: World) -> list[int]:
    records = records_of(world)
    return [n for n, r in enumerate(records) if r.kind in {"dataset", "submission"}]


@pytest.mark.parametrize("place", [0, 4, 11])
def test_a_false_proof_on_the_ledger_convicts_the_coordinator(
    place: int, honest: World, tmp_path: Path
) -> None:
    wrong = proven_entries(honest)[place]
    log = lying_log(honest, wrong)
    view = View(log_policy(honest.agreement))
    with pytest.raises(ForgeryError) as caught:
        view.advance(log)
    assert caught.value.code == "view-bad-entry"
    assert f"entry {wrong} " in str(caught.value)
    assert len(view.records) == wrong
    with log.save(tmp_path / "ledger.db") as ledger, pytest.raises(ForgeryError) as found:
        audit(ledger)
    assert found.value.code == "audit-wrong-entry"
    assert f"entry {wrong} " in str(found.value)


def test_the_first_wrong_entry_is_named_although_proofs_are_verified_later(
    honest: World, tmp_path: Path
) -> None:
    wrong = proven_entries(honest)[4]
    log = lying_log(honest, wrong)
    log.history.append(b"not a record")
    with log.save(tmp_path / "ledger.db") as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger)
    assert f"entry {wrong} " in str(caught.value)


def test_the_first_wrong_entry_is_named_although_a_later_one_is_no_record(
    honest: World, tmp_path: Path
) -> None:
    entries = proven_entries(honest)
    log = lying_log(honest, entries[-1])
    log.history[entries[0]] = log.history[entries[1]]
    with log.save(tmp_path / "ledger.db") as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger)
    assert f"entry {entries[1]} " in str(caught.value), "the second copy is one too many"


# Quick audits.


def quick(count: int, seed: str = "quick") -> Quick:
    return Quick(count, SeededEntropy(seed))


def test_a_quick_audit_never_says_that_all_proofs_were_verified(honest: World) -> None:
    with Ledger.open(honest.path, read_only=True) as ledger:
        report = audit(ledger, quick=quick(5))
    assert report.assurance == "sampled"
    assert report.proofs.verified.total() == 5
    assert report.proofs.carried.total() == 12
    assert report.proven == ()
    assert "7 of the 12 proofs" in report.not_checked[0]
    assert any("drawn at random" in line for line in report.checked)


def test_a_sample_of_all_is_all(honest: World) -> None:
    with Ledger.open(honest.path, read_only=True) as ledger:
        report = audit(ledger, quick=quick(12))
    assert report.assurance == "proven"
    assert report.proofs.complete


def test_a_quick_audit_finds_what_it_draws(honest: World, tmp_path: Path) -> None:
    entries = proven_entries(honest)
    wrong, drawn = entries[-1], {True: "", False: ""}
    for number in range(100):
        sample = quick(3, f"{number}")
        drawn[wrong in draw_sample(entries, sample)] = f"{number}"
    log = lying_log(honest, wrong)
    with log.save(tmp_path / "ledger.db") as ledger:
        assert audit(ledger, quick=quick(3, drawn[False])).assurance == "sampled"
        with pytest.raises(ForgeryError):
            audit(ledger, quick=quick(3, drawn[True]))


def test_samples_are_drawn_without_favour() -> None:
    entries = list(range(100, 110))
    counts = dict.fromkeys(entries, 0)
    for number in range(500):
        sample = draw_sample(entries, quick(3, f"{number}"))
        assert len(sample) == 3
        for entry in sample:
            counts[entry] += 1
    assert min(counts.values()) > 110  # 150 expected; the draw is a hash, so this is no chance
    assert max(counts.values()) < 190
    assert draw_sample(entries, quick(99)) == set(entries)
    assert draw_sample([], quick(3)) == set()


def test_a_quick_audit_still_asks_every_proof_to_be_there(honest: World, tmp_path: Path) -> None:
    wrong = proven_entries(honest)[-1]
    log = lying_log(honest, wrong)
    record: Any = decode_record(log.history[wrong], lambda *_: None)
    proof = log.blob(record.body.proof.sha256)
    log.history[wrong] = _resigned(honest, record, log, proof + b"\0")
    with log.save(tmp_path / "ledger.db") as ledger, pytest.raises(ForgeryError):
        audit(ledger, quick=quick(1))
