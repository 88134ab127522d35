"""A party that cheats in one place: what catches it, and that the others go on or stop loudly."""

from typing import Any

import pytest

from cotrain.audit.auditor import audit
from cotrain.errors import ForgeryError
from cotrain.ledger.store import Ledger
from cotrain.records.record import Message
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase
from cotrain.testing.lying import (
    BadShare,
    Copycat,
    DeadSealingKey,
    FalseAccuser,
    FalseRelease,
    LateComplainer,
    Liar,
    MalformedCiphertext,
    MuteBadShare,
    Replayer,
    Resigner,
    Silent,
    SilentHolder,
    StrangeAccuser,
    StubbornBadShare,
    TwoFaced,
    UnopenableShares,
    WrongCiphertext,
    WrongCoin,
    WrongCommitment,
    WrongKey,
    WrongRowCount,
    restate,
)
from cotrain.testing.simulation import CALM, Outcome, Simulation
from cotrain.testing.world import World, build_world

LIAR = "Owner 2"


def run_with(world: World, lie: type[Party], name: str = LIAR) -> Outcome:
    world.actors[name].make = lie
    outcome = Simulation(world, 0, CALM).run()
    with Ledger.open(world.path) as ledger:
        audit(ledger, expected_run=world.agreement.digest)
    return outcome


def survivors(world: World, outcome: Outcome) -> list[list[str]]:
    names = {world.did(name): name for name in world.owners}
    return [[names[did] for did in opened] for _, opened in outcome.state.opened]


EVERYBODY = ["Owner 1", "Owner 2", "Owner 3", "Owner 4"]
OTHERS = ["Owner 1", "Owner 3", "Owner 4"]


@pytest.mark.parametrize("lie", [WrongCommitment, WrongCiphertext, WrongKey])
def test_a_sum_that_does_not_open_aborts_the_run(lie: type[Liar], make_world: Any) -> None:
    """Everybody checks the claim that it does not open; nothing wrong is accepted, no model is released."""
    outcome = run_with(make_world(), lie)
    assert outcome.state.phase is Phase.ABORTED
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "sum-does-not-open"
    assert outcome.state.opened == []
    assert outcome.state.released_model is None


REFUSED = {
    MalformedCiphertext: ("submission", "ciphertext-length"),
    Resigner: ("submission", "rule-mismatch"),
    Copycat: ("submission", "rule-mismatch"),
}


@pytest.mark.parametrize("lie", list(REFUSED))
def test_a_refused_submission_names_the_liar_and_the_round_goes_on(
    lie: type[Liar], make_world: Any
) -> None:
    world = make_world()
    outcome = run_with(world, lie)
    assert outcome.state.phase is Phase.FINISHED
    assert outcome.state.refusals == [(world.did(LIAR), *REFUSED[lie])]
    assert survivors(world, outcome)[1] == OTHERS


def test_the_same_bytes_in_a_later_round_count_for_nothing(make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, Replayer)
    assert survivors(world, outcome) == [EVERYBODY, OTHERS]
    assert outcome.state.refusals == []


def test_of_two_submissions_the_first_counts_and_the_second_is_evidence(make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, TwoFaced)
    assert survivors(world, outcome) == [EVERYBODY, EVERYBODY]
    assert outcome.state.refusals == [(world.did(LIAR), "submission", "conflict")]


@pytest.mark.parametrize(
    ("lie", "kept"),
    [
        (BadShare, True),
        (MuteBadShare, False),
        (StubbornBadShare, False),
        (UnopenableShares, False),
    ],
)
def test_a_bad_share_is_answered_or_costs_the_round(
    lie: type[Liar], kept: bool, make_world: Any
) -> None:
    world = make_world()
    outcome = run_with(world, lie)
    assert outcome.state.phase is Phase.FINISHED
    assert survivors(world, outcome) == [EVERYBODY if kept else OTHERS] * 2
    wrong = [(world.did(LIAR), "answer", "share-does-not-fit")]
    assert outcome.state.refusals == (wrong if lie is StubbornBadShare else [])


def test_only_so_many_complaints_are_answered_as_there_can_be_liars(make_world: Any) -> None:
    """Otherwise enough false complaints would make an owner publish its whole key."""
    world = make_world()
    world.actors["Owner 1"].make = FalseAccuser
    world.actors["Owner 3"].make = FalseAccuserOfOne
    simulation = Simulation(world, 0, CALM)
    outcome = simulation.run()
    answers = outcome.state.current.answers
    victim = simulation.party("Owner 2")
    accusers = [
        name for name, accused in outcome.state.current.checks.items() if victim.did in accused
    ]
    assert len(accusers) == 2 > world.agreement.quorum.holder_colluders
    assert not [holder for owner, holder in answers if owner == victim.did]
    assert "party-too-many-complaints" in {error.code for error in victim.refusals}


class FalseAccuserOfOne(FalseAccuser):
    """Complains of the second owner."""

    def twist(self, message: Message) -> list[Message]:
        return [
            restate(
                self.identity, message, complaints=[list(self.view.state.current.submissions)[1]]
            )
        ]


def test_a_false_complaint_is_settled_by_the_answer(make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, FalseAccuser)
    assert survivors(world, outcome) == [EVERYBODY, EVERYBODY]
    accused, accuser = world.did("Owner 1"), world.did(LIAR)
    assert set(outcome.state.current.answers) == {(accused, accuser)}


def test_a_complaint_of_nobody_is_refused(make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, StrangeAccuser)
    assert outcome.state.refusals == [(world.did(LIAR), "check", "rule-mismatch")]
    assert survivors(world, outcome) == [EVERYBODY, EVERYBODY]


def test_a_false_release_is_refused_under_its_authors_name(make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, FalseRelease)
    assert outcome.state.phase is Phase.FINISHED
    assert outcome.state.refusals == [(world.did(LIAR), "release", "share-does-not-fit")]
    assert world.did(LIAR) not in outcome.state.current.releases


@pytest.mark.parametrize("lie", [SilentHolder, LateComplainer])
def test_a_silent_key_holder_does_not_stop_the_others(lie: type[Liar], make_world: Any) -> None:
    world = make_world()
    outcome = run_with(world, lie)
    assert survivors(world, outcome) == [EVERYBODY, EVERYBODY]


def test_a_holder_that_never_checked_its_bad_share_releases_nothing_wrong(make_world: Any) -> None:
    """Found by this test: it raised out of `speak`, or was logged as a liar itself."""
    world = make_world()
    world.actors["Owner 1"].make = LateComplainer
    world.actors[LIAR].make = BadShare
    simulation = Simulation(world, 0, CALM)
    outcome = simulation.run()
    assert outcome.state.phase is Phase.FINISHED
    assert outcome.state.refusals == []
    assert world.did("Owner 1") not in outcome.state.current.releases
    assert {error.code for error in simulation.party("Owner 1").refusals} == {"share-does-not-fit"}


@pytest.mark.parametrize(
    ("lie", "kind", "code", "reason"),
    [
        (DeadSealingKey, "signature", "sealing-key", "signatures-missing"),
        (WrongCoin, "dataset", "rule-mismatch", "below-quorum"),
        (WrongRowCount, "dataset", "rule-mismatch", "below-quorum"),
    ],
)
def test_a_lie_in_the_setup_is_refused_and_the_run_does_not_begin(
    lie: type[Liar], kind: str, code: str, reason: str, make_world: Any
) -> None:
    world = make_world()
    outcome = run_with(world, lie)
    assert outcome.state.refusals == [(world.did(LIAR), kind, code)]
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == reason
    assert outcome.state.round is None


def test_an_owner_may_be_silent(make_world: Any) -> None:
    world = make_world()
    assert survivors(world, run_with(world, Silent)) == [OTHERS, OTHERS]


# One message at a time, at a coordinator that waits for it.


def at(world: World, phase: Phase) -> tuple[Coordinator, dict[str, Party]]:
    """Return a coordinator that waits in `phase`, and the parties, who have read so far and said nothing in it."""
    coordinator = world.coordinator()
    parties = {name: world.party(name) for name in world.actors}
    coordinator.tick()
    while True:
        for party in parties.values():
            party.read(coordinator)
        if coordinator.state.phase is phase:
            return coordinator, parties
        for party in parties.values():
            for message in party.speak():
                coordinator.receive(message)
        coordinator.tick()


def test_a_dataset_copied_from_another_owner_is_refused(make_world: Any) -> None:
    world = make_world()
    coordinator, parties = at(world, Phase.REGISTERING)
    [honest], [own] = parties["Owner 1"].speak(), parties[LIAR].speak()
    stolen = {"commitments": next(iter(honest.blobs.values()))}
    rows, root = honest.record.body.rows, honest.record.body.root  # type: ignore[attr-defined]
    copied = restate(world.actors[LIAR].identity, own, stolen, rows=rows, root=root)
    for message in (honest, copied, *parties["Owner 3"].speak(), *parties["Owner 4"].speak()):
        assert coordinator.receive(message)
    coordinator.tick()
    assert coordinator.state.refusals == [(world.did(LIAR), "dataset", "rule-mismatch")]
    assert coordinator.receive(own)
    coordinator.tick()
    assert coordinator.state.phase is Phase.BETWEEN


def test_a_second_dataset_counts_for_nothing(make_world: Any) -> None:
    world = make_world()
    coordinator, parties = at(world, Phase.REGISTERING)
    [first] = parties["Owner 1"].speak()
    assert coordinator.receive(first)
    assert not coordinator.receive(first)
    other = restate(world.actors["Owner 1"].identity, first, coin="1" * 64)
    assert not coordinator.receive(other)
    assert coordinator.state.refusals == [(world.did("Owner 1"), "dataset", "conflict")]


def test_another_partys_message_under_my_name_is_excluded(make_world: Any) -> None:
    """The whole submission of another owner, signed by the thief: nobody's share opens, so it is excluded."""
    world = make_world()
    coordinator, parties = at(world, Phase.SUBMITTING)
    [honest] = parties["Owner 3"].speak()
    stolen = restate(world.actors["Owner 4"].identity, honest)
    for name in ("Owner 1", LIAR):
        assert coordinator.receive(parties[name].speak()[0])
    assert coordinator.receive(honest)
    assert coordinator.receive(stolen)
    coordinator.tick()
    assert coordinator.state.refusals == [(world.did("Owner 4"), "submission", "rule-mismatch")]
    assert list(coordinator.state.current.submissions) == [
        world.did(name) for name in EVERYBODY[:3]
    ]


def test_a_message_replayed_as_it_is_changes_nothing(make_world: Any) -> None:
    coordinator, parties = at(make_world(), Phase.SUBMITTING)
    [message] = parties["Owner 1"].speak()
    assert coordinator.receive(message)
    assert not coordinator.receive(message)
    assert coordinator.heard == 10  # five signatures, four datasets, this


def test_a_stranger_and_a_party_without_data_are_turned_away(make_world: Any) -> None:
    from cotrain.identity.keys import Identity

    world = make_world()
    coordinator, parties = at(world, Phase.SUBMITTING)
    [message] = parties["Owner 1"].speak()
    size = coordinator.size()
    assert not coordinator.receive(restate(Identity(bytes(32)), message))
    assert coordinator.size() == size, "strangers must not be able to fill the ledger"
    other = world.actors["Coordinator"].identity
    assert not coordinator.receive(restate(other, message))
    assert coordinator.state.refusals == [(other.did, "submission", "rule-not-allowed")]


def test_a_record_of_another_run_is_refused(make_world: Any, tmp_path: Any) -> None:
    (tmp_path / "other").mkdir()
    coordinator, parties = at(make_world(), Phase.SIGNING)
    _, strange = at(build_world(tmp_path / "other", owners=5), Phase.SIGNING)
    assert not coordinator.receive(strange["Owner 1"].speak()[0])
    assert coordinator.state.refusals[0][1:] == ("signature", "rule-mismatch")
    assert coordinator.receive(parties["Owner 1"].speak()[0])


@pytest.mark.parametrize("change", ["missing", "other", "unnamed"])
def test_blobs_are_exactly_those_named(change: str, make_world: Any) -> None:
    coordinator, parties = at(make_world(), Phase.SUBMITTING)
    [message] = parties["Owner 1"].speak()
    blobs = dict(message.blobs)
    name = next(iter(blobs))
    match change:
        case "missing":
            del blobs[name]
        case "other":
            blobs[name] = b"\0" + blobs[name][1:]
        case _:
            blobs["0" * 64] = b"what nobody signed"
    with pytest.raises(ForgeryError) as caught:
        coordinator.receive(Message(message.record, blobs))
    assert caught.value.code in {"record-blob-mismatch", "record-blob-unnamed"}
    assert coordinator.receive(message)


def test_a_revocation_by_another_party_is_impossible(make_world: Any) -> None:
    from cotrain.records.kinds import RevocationBody
    from cotrain.records.record import sign_record

    world = make_world()
    coordinator, _ = at(world, Phase.SUBMITTING)
    coordinator_identity = world.actors["Coordinator"].identity
    record = sign_record(
        coordinator_identity, world.agreement.digest, RevocationBody(reason="", signature=None)
    )
    assert not coordinator.receive(Message(record))
    assert coordinator.state.revoked == []
    assert coordinator.state.refusals == [
        (coordinator_identity.did, "revocation", "rule-not-allowed")
    ]
