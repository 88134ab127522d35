"""One finished small run for all tests that only read it, and worlds for those that make their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.records.record import Record, decode_record
from cotrain.rounds.state import RunState
from cotrain.testing.lying import LyingLog
from cotrain.testing.world import COORDINATOR, World, build_world

WorldMaker = Callable[..., World]


@dataclass(frozen=True)
class FinishedRun:
    """A finished run of four owners and two rounds, and what a liar could make of it."""

    world: World
    ledger: Ledger
    state: RunState
    records: list[Record]

    def first(self, kind: str, number: int | None = None) -> int:
        """Return the index of the first record of a kind, of a round if given."""
        return next(
            index
            for index, record in enumerate(self.records)
            if record.kind == kind and number in {None, getattr(record.body, "round", None)}
        )

    def lie(self, size: int | None = None) -> LyingLog:
        """Return a log of the coordinator's that begins with `size` honest entries."""
        identity = self.world.actors[COORDINATOR].identity
        count = self.ledger.size if size is None else size
        return LyingLog.after(self.ledger, identity, self.world.agreement, count)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedRun]:
    world = build_world(tmp_path_factory.mktemp("finished"))
    with world.ledger() as ledger:
        state = run_in_process(world.coordinator(ledger), world.parties())
        entries = ledger.entries(0, ledger.size)
        records = [decode_record(entry, lambda *_: None) for entry in entries]
        yield FinishedRun(world, ledger, state, records)


@pytest.fixture
def make_world(tmp_path: Path) -> WorldMaker:
    """Return a maker of worlds, each in its own folder."""
    made: list[World] = []

    def make(**options: Any) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(build_world(folder, **options))
        return made[-1]

    return make
