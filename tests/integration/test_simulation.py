"""Whatever the network and the disks do, the ledger and the model are those of an undisturbed run."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.errors import OutsideError, RefusedError
from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.privacy.budget import BudgetBook
from cotrain.records.record import decode_record
from cotrain.rounds.state import Phase
from cotrain.testing.determinism import ManualClock
from cotrain.testing.simulation import CALM, STORM, Outcome, Simulation, Weather
from cotrain.testing.world import FINGERPRINT, World, build_world

SILENT = Weather(lose=0.2, double=0.1)
NOISY: dict[str, Any] = {"wishes": Wishes("Noisy", rounds=2, epsilon="8", colluders=1, survivors=3)}

QUICK_SEEDS = range(6)
SLOW_SEEDS = range(100, 600)


DEAD: dict[str, dict[str, tuple[int, Phase]]] = {
    "nobody": {},
    "before submitting": {"Owner 2": (1, Phase.SUBMITTING)},
    "before checking": {"Owner 3": (0, Phase.CHECKING)},
    "before releasing": {"Owner 4": (0, Phase.RELEASING)},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """What runs must end on: with nobody dead, with one owner dead at some moment, with noise."""

    @cache
    def run(name: str) -> Outcome:
        options = NOISY if name == "noisy" else {}
        world = build_world(tmp_path_factory.mktemp("calm"), **options)
        return Simulation(world, 0, CALM, dead=DEAD.get(name)).run()

    return run


def check(world: World, outcome: Outcome, expected: Outcome) -> None:
    assert outcome.state.phase is Phase.FINISHED
    assert outcome.entries == expected.entries
    assert outcome.root == expected.root
    assert outcome.state.released_model == expected.state.released_model
    with Ledger.open(world.path) as ledger:
        report = audit(ledger, expected_run=world.agreement.digest)
    assert report.opened_rounds == world.agreement.rounds


def test_without_faults_the_simulation_is_the_plain_run(make_world: Any, finished: Any) -> None:
    outcome = Simulation(make_world(), 0, CALM).run()
    assert outcome.crashes == 0
    check(finished.world, outcome, outcome)
    assert outcome.root == finished.ledger.root(finished.ledger.size)


@pytest.mark.parametrize("seed", QUICK_SEEDS)
def test_a_storm_leaves_no_trace(
    seed: int, make_world: Any, undisturbed: Callable[[str], Outcome]
) -> None:
    world = make_world()
    outcome = Simulation(world, seed, STORM).run()
    check(world, outcome, undisturbed("nobody"))


@pytest.mark.parametrize("seed", [1])
def test_a_storm_with_noise(
    seed: int, make_world: Any, undisturbed: Callable[[str], Outcome]
) -> None:
    world = make_world(**NOISY)
    outcome = Simulation(world, seed, STORM).run()
    check(world, outcome, undisturbed("noisy"))
    for name in world.owners:
        charges = world.actors[name].budget.history(FINGERPRINT)
        assert [charge.round_number for charge in charges] == [0, 1]


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("dead", ["before submitting", "before checking", "before releasing"])
def test_a_storm_with_a_dead_party(
    dead: str, seed: int, make_world: Any, undisturbed: Callable[[str], Outcome]
) -> None:
    world = make_world()
    outcome = Simulation(world, seed, STORM, dead=DEAD[dead]).run()
    assert outcome.entries != undisturbed("nobody").entries
    check(world, outcome, undisturbed(dead))


def test_survivors_are_those_who_submitted(make_world: Any) -> None:
    world = make_world()
    outcome = Simulation(world, 3, CALM, dead={"Owner 2": (1, Phase.SUBMITTING)}).run()
    everybody = tuple(world.did(name) for name in world.owners)
    others = tuple(did for did in everybody if did != world.did("Owner 2"))
    assert outcome.state.opened == [(0, everybody), (1, others)]


@pytest.mark.parametrize("seed", [2])
def test_each_contribution_counts_once(seed: int, make_world: Any) -> None:
    world = make_world()
    outcome = Simulation(world, seed, Weather(lose=0.1, double=0.8, crash=0.02)).run()
    records = [decode_record(entry, lambda *_: None) for entry in outcome.entries]
    counted = Counter((r.kind, r.author, getattr(r.body, "round", 0)) for r in records)
    assert set(counted.values()) == {1}
    assert outcome.state.submitted == {world.did(name): 2 for name in world.owners}


@pytest.mark.parametrize("seed", [2])
def test_deadlines_instead_of_knowing(seed: int, make_world: Any) -> None:
    """When only the clock ends a wait, times differ, but the model and the survivors do not."""
    dead = {"Owner 2": (1, Phase.SUBMITTING)}
    calm = Simulation(make_world(), seed, CALM, dead=dead, deadlines=True).run()
    storm = Simulation(make_world(), seed, STORM, dead=dead, deadlines=True).run()
    assert storm.state.phase is Phase.FINISHED
    assert storm.state.opened == calm.state.opened
    assert storm.state.weights[-1].tolist() == calm.state.weights[-1].tolist()


def test_below_the_quorum_the_run_aborts_loudly(make_world: Any) -> None:
    world = make_world()
    dead = dict.fromkeys(("Owner 1", "Owner 2"), (1, Phase.SUBMITTING))
    outcome = Simulation(world, 0, STORM, dead=dead).run()
    assert outcome.state.phase is Phase.ABORTED
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "below-quorum"
    assert outcome.state.released_model is None
    with pytest.raises(RefusedError) as caught:
        run_in_process(world.coordinator(), [])
    assert caught.value.code == "run-aborted"


def test_too_few_releases_abort(make_world: Any) -> None:
    dead = dict.fromkeys(("Owner 1", "Owner 2"), (0, Phase.RELEASING))
    outcome = Simulation(make_world(), 0, SILENT, dead=dead).run()
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "releases-missing"


@pytest.mark.parametrize("phase", [Phase.SIGNING, Phase.REGISTERING])
def test_a_party_that_never_begins(phase: Phase, make_world: Any) -> None:
    outcome = Simulation(make_world(), 0, SILENT, dead={"Owner 1": (-1, phase)}).run()
    assert outcome.state.phase is Phase.ABORTED
    assert outcome.state.round is None


def test_a_party_that_did_not_approve_never_signs(make_world: Any) -> None:
    world = make_world()
    world.actors["Owner 1"].journal.delete("approved/")
    outcome = Simulation(world, 0, CALM).run()
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "signatures-missing"
    assert world.did("Owner 1") not in outcome.state.sealing_keys


@pytest.mark.parametrize("seed", [0, 2])
def test_revocation_stops_the_data_from_the_next_round_on(seed: int, make_world: Any) -> None:
    world = make_world(wishes=Wishes("Revoked", rounds=3, epsilon=None, colluders=1, survivors=3))
    leaver = world.did("Owner 3")

    def watch(simulation: Simulation) -> None:
        state = simulation.coordinator().state
        if state.round and state.round.number == 0 and state.phase is Phase.CHECKING:
            simulation.party("Owner 3").revoke(world.agreement.digest, "changed our mind")

    outcome = Simulation(world, seed, SILENT, watch=watch).run()
    assert outcome.state.phase is Phase.FINISHED
    assert outcome.state.revoked == [leaver]
    opened = dict(outcome.state.opened)
    assert leaver in opened[0]
    assert leaver not in opened[1]
    assert leaver not in opened[2]
    assert outcome.state.submitted[leaver] == 1


def test_a_revocation_below_the_quorum_aborts(make_world: Any) -> None:
    world = make_world()

    def watch(simulation: Simulation) -> None:
        if simulation.coordinator().state.phase is Phase.CHECKING:
            for name in ("Owner 1", "Owner 2"):
                simulation.party(name).revoke(world.agreement.digest, "no")

    outcome = Simulation(world, 1, CALM, watch=watch).run()
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "below-quorum"
    assert [number for number, _ in outcome.state.opened] == [0]


def test_a_threshold_out_of_reach_aborts_instead_of_looping(make_world: Any) -> None:
    """Three holders of whom two may lie cannot hold a key; found by a coordinator that could not go on."""
    quorum = {"survivors": 3, "colluders": 1, "holders": 5, "holder_colluders": 3}
    world = make_world(owners=5, changes={"quorum": quorum})

    def watch(simulation: Simulation) -> None:
        if simulation.coordinator().state.phase is Phase.CHECKING:
            for name in ("Owner 1", "Owner 2"):
                simulation.party(name).revoke(world.agreement.digest, "no")

    outcome = Simulation(world, 1, CALM, watch=watch).run()
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "below-quorum"


@pytest.mark.parametrize(("poor", "phase"), [(1, Phase.FINISHED), (2, Phase.ABORTED)])
def test_a_spent_budget_makes_a_party_silent(poor: int, phase: Phase, make_world: Any) -> None:
    world = make_world(**NOISY)
    for name in world.owners[:poor]:
        book = BudgetBook.open(Path(":memory:"))
        book.set_limit(FINGERPRINT, 0.01, 1e-5)
        world.actors[name].budget = book
    simulation = Simulation(world, 0, CALM)
    outcome = simulation.run()
    assert outcome.state.phase is phase
    for name in world.owners[:poor]:
        assert world.did(name) not in outcome.state.submitted
        assert {error.code for error in simulation.party(name).refusals} == {"privacy-budget-spent"}
        assert world.actors[name].budget.history(FINGERPRINT) == []


def test_nobody_submits_after_the_expiry_by_its_own_clock(make_world: Any) -> None:
    """The coordinator's clock stands still; the parties' clocks go on past the expiry."""
    world = make_world()
    coordinator = world.coordinator()
    world.clock = ManualClock(world.agreement.expires)
    parties = world.parties()
    with pytest.raises(RefusedError) as caught:
        run_in_process(coordinator, parties)
    assert caught.value.code == "run-aborted"
    assert coordinator.state.submitted == {}
    owners = [party for party in parties if party.identity.name in world.owners]
    codes = {error.code for party in owners for error in party.refusals}
    assert codes == {"party-agreement-expired"}


def test_the_coordinator_stops_at_the_expiry(make_world: Any) -> None:
    world = make_world(changes={"expires": ManualClock().now() + 10})

    def watch(simulation: Simulation) -> None:
        if simulation.coordinator().state.phase is Phase.RELEASING:
            world.clock.advance(max(0, world.agreement.expires - world.clock.now()))

    outcome = Simulation(world, 1, CALM, watch=watch).run()
    assert outcome.state.abort is not None
    assert outcome.state.abort[0] == "expired"


def test_a_party_missing_from_the_process_is_said(make_world: Any) -> None:
    world = make_world()
    with pytest.raises(RefusedError) as caught:
        run_in_process(world.coordinator(), world.parties()[1:])
    assert caught.value.code == "run-aborted"


def test_the_simulation_says_when_there_is_no_end(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cotrain.testing.simulation._MOST_STEPS", 5)
    with pytest.raises(OutsideError) as caught:
        Simulation(make_world(), 0, CALM).run()
    assert caught.value.code == "simulation-stuck"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW_SEEDS)
def test_many_storms(seed: int, make_world: Any, undisturbed: Callable[[str], Outcome]) -> None:
    name = list(DEAD)[seed % len(DEAD)]
    world = make_world()
    outcome = Simulation(world, seed, STORM, dead=DEAD[name]).run()
    check(world, outcome, undisturbed(name))
