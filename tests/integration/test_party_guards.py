"""What a party refuses to do for its own sake, and what its view refuses to believe."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cotrain.agreement.draft import Wishes
from cotrain.errors import ForgeryError, RefusedError
from cotrain.flow import run_in_process
from cotrain.records.kinds import SubmissionBody, SurvivorsBody
from cotrain.records.record import sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.owned import OwnedData
from cotrain.rounds.party import Party
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, digest_of
from cotrain.testing.lying import LyingLog
from cotrain.testing.world import COORDINATOR, FINGERPRINT, World, build_world

NOISY = Wishes("Guards", rounds=1, epsilon="1", colluders=1, survivors=3)


def reach(world: World, phase: Phase) -> Coordinator:
    """Carry messages until the run waits in `phase`, whose messages nobody has sent yet."""
    coordinator, parties = world.coordinator(world.ledger()), world.parties()
    while coordinator.state.phase is not phase:
        coordinator.tick()
        for party in parties:
            party.read(coordinator)
            if coordinator.state.phase is not phase:
                for message in party.speak():
                    coordinator.receive(message)
    return coordinator


def refused(party: Party, coordinator: Coordinator) -> str:
    """Let a restarted party read and speak; return why it stays silent."""
    party.read(coordinator)
    assert party.speak() == []
    (refusal,) = party.refusals
    return refusal.code


def spoken(party: Party, coordinator: Coordinator) -> str:
    """Let a restarted party read and speak; return the kind of what it says."""
    party.read(coordinator)
    (message,) = party.speak()
    return message.record.kind


def test_an_honest_restart_submits(make_world: Callable[..., World]) -> None:
    world = make_world(wishes=NOISY)
    assert spoken(world.party("Owner 1"), reach(world, Phase.SUBMITTING)) == "submission"


def test_other_rows_than_the_registered_ones_are_not_used(make_world: Callable[..., World]) -> None:
    world = make_world()
    coordinator = reach(world, Phase.SUBMITTING)
    party, actor = world.party("Owner 1"), world.actors["Owner 1"]
    assert actor.rows is not None
    party._data = OwnedData(actor.rows, "other rows", actor.budget)
    assert refused(party, coordinator) == "party-rows-changed"


def test_rows_with_a_budget_are_not_summed_without_noise(make_world: Callable[..., World]) -> None:
    world = make_world()
    coordinator = reach(world, Phase.SUBMITTING)
    world.actors["Owner 1"].budget.set_limit(FINGERPRINT, 3.0, 1e-5)
    assert refused(world.party("Owner 1"), coordinator) == "party-budget-without-noise"


def test_a_charge_that_the_journal_does_not_know_silences(make_world: Callable[..., World]) -> None:
    world = make_world(wishes=NOISY)
    coordinator = reach(world, Phase.SUBMITTING)
    event = coordinator.state.derived.event
    assert event is not None
    world.actors["Owner 1"].budget.charge(FINGERPRINT, world.agreement.digest, 0, event)
    assert refused(world.party("Owner 1"), coordinator) == "party-journal-lost"


@pytest.mark.parametrize("phase", [Phase.SUBMITTING, Phase.CHECKING, Phase.RELEASING])
def test_a_party_without_its_journal_is_silent(
    make_world: Callable[..., World], phase: Phase
) -> None:
    world = make_world()
    coordinator = reach(world, phase)
    assert refused(world.party("Owner 1", MemoryJournal()), coordinator) == "party-journal-lost"


def test_another_agreement_in_the_log_of_the_approved_one_convicts(tmp_path: Path) -> None:
    approved = build_world(tmp_path)
    other = build_world(tmp_path, changes={"title": "Another agreement"})
    other = replace(other, path=tmp_path / "other.db")
    with other.ledger() as ledger:
        run_in_process(other.coordinator(ledger), other.parties())
        identity = approved.actors[COORDINATOR].identity
        log = LyingLog.after(ledger, identity, approved.agreement, 1)
        with pytest.raises(ForgeryError, match="the log") as caught:
            approved.party("Owner 1").read(log)
    assert caught.value.code == "view-bad-entry"


def test_survivors_need_as_many_checks_as_releases(make_world: Callable[..., World]) -> None:
    world = make_world()
    coordinator = reach(world, Phase.CHECKING)
    current = coordinator.state.current
    for name in world.owners[: current.threshold - 1]:
        party = world.party(name)
        party.read(coordinator)
        assert all(coordinator.receive(message) for message in party.speak())
    assert coordinator.tick(all_spoke=True)
    assert len(current.checks) == current.threshold - 1
    digests = [submission.digest for submission in current.submissions.values()]
    body = SurvivorsBody(
        round=0, close=current.close or "", excluded=[], survivors=digest_of(digests)
    )
    record = sign_record(world.actors[COORDINATOR].identity, world.agreement.digest, body)
    with pytest.raises(RefusedError, match="checks are below"):
        check_record(coordinator.state, record, lambda ref: bytes(ref.size))
    assert coordinator.tick(all_spoke=True)
    assert coordinator.state.abort is not None
    assert coordinator.state.abort[0] == "below-quorum"


def test_only_receivers_fetch_sealed_shares(make_world: Callable[..., World]) -> None:
    world = make_world()
    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), world.parties())
        identity = world.actors[COORDINATOR].identity
        log = LyingLog.after(ledger, identity, world.agreement, ledger.size)
    reader = world.party("Owner 1", MemoryJournal())
    reader.read(log)
    sealed = [
        record.body.sealed_shares.sha256
        for record in reader.view.records
        if isinstance(record.body, SubmissionBody)
    ]
    assert len(sealed) == 8
    for name in sealed:
        del log.blobs[name]
    world.party("Owner 2", MemoryJournal()).read(log)
    commitments = next(
        record.body.commitments.sha256
        for record in reader.view.records
        if isinstance(record.body, SubmissionBody)
    )
    del log.blobs[commitments]
    with pytest.raises(KeyError):
        world.party("Owner 2", MemoryJournal()).read(log)


def test_a_submission_names_the_opening_it_was_made_for(make_world: Callable[..., World]) -> None:
    world = make_world()
    coordinator = reach(world, Phase.SUBMITTING)
    party = world.party("Owner 1")
    party.read(coordinator)
    (message,) = party.speak()
    body = message.record.body.model_copy(update={"opening": "0" * 64})
    record = sign_record(party.identity, world.agreement.digest, body)
    with pytest.raises(ForgeryError, match="opening"):
        check_record(coordinator.state, record, lambda ref: message.blobs[ref.sha256])
    check_record(coordinator.state, message.record, lambda ref: message.blobs[ref.sha256])
