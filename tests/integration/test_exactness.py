"""The distributed run trains exactly what training in one place would, and its bytes are known."""

from typing import Any

import numpy as np
import pytest

from cotrain.agreement.draft import Wishes
from cotrain.flow import run_in_process
from cotrain.report.evaluation import released, train_openly
from cotrain.rounds.state import RunState
from cotrain.testing.world import World
from cotrain.training.model import Model

ROUNDS = 3
EXACT = Wishes("Exact", rounds=ROUNDS, epsilon=None, colluders=1, survivors=3)


def run(world: World) -> RunState:
    return run_in_process(world.coordinator(), world.parties())


def rows_of(world: World) -> list[Any]:
    return [world.actors[name].rows for name in world.owners]


def same(state: RunState, expected: list[Any]) -> bool:
    assert len(state.weights) == len(expected) + 1
    pairs = zip(state.weights[1:], expected, strict=True)
    return all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_without_shift_it_equals_training_on_the_union_of_all_rows(make_world: Any) -> None:
    world = make_world(wishes=EXACT, changes={"algorithm": {"shift": 0}})
    state = run(world)
    assert state.derived.algorithm.shift == 0
    union = np.concatenate(rows_of(world))
    history = train_openly(state.derived.algorithm, [union], ROUNDS)
    assert same(state, history)
    assert np.any(history[-1])
    algorithm, terms = state.derived.algorithm, state.terms
    model = Model.of(
        algorithm,
        released(algorithm, history),
        schema=terms.data_schema.digest().hex(),
        agreement=terms.digest,
    )
    assert state.released_model == model.encode()


def test_without_shift_the_division_among_owners_does_not_matter(make_world: Any) -> None:
    worlds = [
        make_world(wishes=EXACT, owners=owners, changes={"algorithm": {"shift": 0}})
        for owners in (4, 5)
    ]
    everything = np.concatenate(rows_of(worlds[0]))
    cuts = [3, 20, 31, 44]
    parts = np.split(everything, cuts)
    for name, part in zip(worlds[1].owners, parts, strict=True):
        worlds[1].actors[name].rows = part
    changes = worlds[1].agreement.data_schema.min_rows
    assert min(map(len, parts)) < changes, "one part is below the schema's least"
    worlds[1].actors[worlds[1].owners[0]].rows = everything[:8]
    worlds[1].actors[worlds[1].owners[1]].rows = everything[8:20]
    assert same(run(worlds[1]), run(worlds[0]).weights[1:])


@pytest.mark.parametrize("shift", [1, 9, 16])
def test_with_a_shift_it_equals_training_on_the_same_parts(shift: int, make_world: Any) -> None:
    world = make_world(wishes=EXACT, changes={"algorithm": {"shift": shift}})
    state = run(world)
    parts = train_openly(state.derived.algorithm, rows_of(world), ROUNDS)
    assert same(state, parts)
    union = train_openly(state.derived.algorithm, [np.concatenate(rows_of(world))], ROUNDS)
    # Each owner rounds by itself, so with a coarse enough shift the parts matter.
    assert same(state, union) == (shift < 16)


def test_noise_changes_the_weights_and_nothing_else(make_world: Any) -> None:
    wishes = Wishes("Noisy", rounds=2, epsilon="8", colluders=1, survivors=3)
    world = make_world(wishes=wishes)
    state = run(world)
    clean = train_openly(state.derived.algorithm, rows_of(world), 2)
    assert not same(state, clean)
    assert state.opened == [(n, tuple(world.did(name) for name in world.owners)) for n in (0, 1)]


def test_the_bytes_of_a_seeded_run_are_known(make_world: Any) -> None:
    """A known answer: change it only together with the version of a format."""
    wishes = Wishes("Known answer", rounds=2, epsilon="8", colluders=1, survivors=3)
    world = make_world(seed="known answer", wishes=wishes)
    with world.ledger() as ledger:
        state = run_in_process(world.coordinator(ledger), world.parties())
        root = ledger.root(ledger.size).hex()
        assert ledger.size == 47
    assert world.agreement.digest == KNOWN_RUN
    assert state.weights[-1].tolist() == KNOWN_WEIGHTS
    assert root == KNOWN_ROOT


KNOWN_RUN = "2d3ac100e850e8eb2330c77de0c23e69059c90dac010e64775db18587edca025"
KNOWN_WEIGHTS = [2423, -337, 85, -598]
KNOWN_ROOT = "378b74772acd5c1c088f192555881436bfd0bbceb53c942634a6e6c98b62e810"
