"""A whole run over a network that delays, doubles, reorders and loses, among processes that die at any moment.

One seed decides everything, so a failure can be replayed. Messages travel as bytes and are decoded on arrival, as
over a real network. A party that died is built again from its journal, the coordinator from its ledger.

What must come out (docs/spec/protocol.md, "Crashes"): the same ledger and the same model, byte for byte, as of
an uninterrupted run with the same survivors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cotrain.errors import OutsideError
from cotrain.records.record import Message
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import pack_message, unpack_message
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase, RunState
from cotrain.testing.faults import CrashError, FaultyJournal, FaultyLedger, Fuse
from cotrain.testing.world import World

_ENDS = {Phase.FINISHED, Phase.ABORTED}
_ORDER = list(Phase)
_PATIENCE = 25
_MOST_IN_FLIGHT = 60
_MOST_STEPS = 50_000

Moment = tuple[int, Phase]


@dataclass(frozen=True)
class Weather:
    """How bad things are; probabilities for each step.

    Attributes:
        lose: A message that arrives is lost instead.
        double: A message that arrives will arrive again.
        crash: Somebody dies at once.
        fuse: Somebody will die around one of its next few writes.
    """

    lose: float = 0.0
    double: float = 0.0
    crash: float = 0.0
    fuse: float = 0.0


CALM = Weather()
STORM = Weather(lose=0.3, double=0.2, crash=0.01, fuse=0.02)


@dataclass(frozen=True)
class Outcome:
    """What is left of a run.

    Attributes:
        state: The ledger's last state.
        root: Merkle root over all entries.
        entries: The entries.
        crashes: How often somebody died.
    """

    state: RunState = field(repr=False)
    root: bytes
    entries: tuple[bytes, ...] = field(repr=False)
    crashes: int


class Simulation:
    """One simulated run.

    Args:
        world: The run, and what survives crashes.
        seed: Decides every fault and every order.
        weather: How many faults.
        dead: Name of a party to the (round, phase) from which on it is never heard again.
        deadlines: Let the clock run when nothing moves, instead of telling the coordinator that all have
            spoken. Times then depend on the faults, and with them the bytes.
        watch: Called after each step, e.g. to let somebody revoke.
    """

    def __init__(
        self,
        world: World,
        seed: int,
        weather: Weather = CALM,
        *,
        dead: Mapping[str, Moment] | None = None,
        deadlines: bool = False,
        watch: Callable[["Simulation"], None] = lambda _: None,
    ) -> None:
        self.world = world
        self.crashes = 0
        self._generator = np.random.default_rng(seed)
        self._weather = weather
        self._dead = dict(dead or {})
        self._deadlines = deadlines
        self._watch = watch
        self._flying: list[bytes | str] = []
        self._fuses = {name: Fuse(owner=name) for name in world.actors}
        self._log_fuse = Fuse()
        self._parties: dict[str, Party] = {}
        self._coordinator: Coordinator | None = None
        self._ledger: FaultyLedger | None = None
        self._still = 0

    def run(self) -> Outcome:
        """Run until the run is finished or aborted, and everybody alive has cosigned its last checkpoint.

        Raises:
            OutsideError: it goes on for too long.
            ForgeryError: a party found somebody lying.
        """
        for _ in range(_MOST_STEPS):
            if self._survive(self._step):
                break
            self._watch(self)
        else:
            raise OutsideError("simulation-stuck", f"no end after {_MOST_STEPS} steps")
        ledger = self._log()
        outcome = Outcome(
            state=self.coordinator().state,
            root=ledger.root(ledger.size),
            entries=tuple(ledger.entries(0, ledger.size)),
            crashes=self.crashes,
        )
        ledger.close()
        return outcome

    def coordinator(self) -> Coordinator:
        """Return the coordinator, started again if it died."""
        if self._coordinator is None:
            self._coordinator = self.world.coordinator(self._log())
        return self._coordinator

    def party(self, name: str) -> Party:
        """Return a party, started again if it died."""
        if name not in self._parties:
            journal = FaultyJournal(self.world.actors[name].journal, self._fuses[name])
            self._parties[name] = self.world.party(name, journal)
        return self._parties[name]

    def alive(self) -> list[str]:
        """Return the parties that are not dead for good."""
        return [name for name in self.world.actors if not self._is_dead(name)]

    # Steps.

    def _step(self) -> bool:
        """Do one random thing; tell whether the run is over."""
        self._have_accident()
        before = self._progress()
        self._act()
        self._still = 0 if self._progress() != before else self._still + 1
        if self._still > _PATIENCE or self.coordinator().state.phase in _ENDS:
            self._still = 0
            return self._settle()
        return False

    def _act(self) -> None:
        choice = self._generator.random()
        if choice < 0.2:
            self.coordinator().tick()
        elif choice < 0.6:
            self._visit(self._pick(self.alive()))
        elif self._flying:
            self._arrive(int(self._generator.integers(len(self._flying))))

    def _visit(self, name: str) -> None:
        """Let a party read and speak; what it says is on its way."""
        note, messages = self._hear(name)
        self._flying += [] if note is None else [note]
        self._flying += [pack_message(message) for message in messages]
        del self._flying[:-_MOST_IN_FLIGHT]

    def _arrive(self, place: int) -> None:
        luck = self._generator.random()
        parcel = self._flying[place]
        if luck >= self._weather.double:
            del self._flying[place]
        if luck < 1 - self._weather.lose:
            self._deliver(parcel)

    def _settle(self) -> bool:
        """Nothing moves: carry everything over, then end the coordinator's patience; tell whether all is over."""
        before = self._progress()
        for name in self.alive():
            note, messages = self._hear(name)
            for parcel in ([] if note is None else [note]) + [*map(pack_message, messages)]:
                self._deliver(parcel)
        if self.coordinator().tick() or self._progress() != before:
            return False
        if self.coordinator().state.phase in _ENDS:
            return True
        if self._deadlines:
            self.world.clock.advance(self.world.agreement.step_seconds)
        else:
            self.coordinator().tick(all_spoke=True)
        return False

    def _hear(self, name: str) -> tuple[str | None, list[Message]]:
        party = self.party(name)
        try:
            note = party.read(self.coordinator())
        except OutsideError as error:
            if error.code != "board-empty":
                raise
            return None, []
        return (None, []) if self._is_dead(name) else (note, party.speak())

    def _deliver(self, parcel: bytes | str) -> None:
        if isinstance(parcel, str):
            self.coordinator().cosigned(parcel)
        else:
            self.coordinator().receive(unpack_message(parcel))

    # Accidents.

    def _have_accident(self) -> None:
        luck = self._generator.random()
        victim = self._pick([*self.alive(), ""])
        if luck < self._weather.crash:
            self._die(victim)
        elif luck < self._weather.crash + self._weather.fuse:
            fuse = self._fuses.get(victim, self._log_fuse)
            fuse.arm(int(self._generator.integers(6)))

    def _survive(self, act: Callable[[], bool]) -> bool:
        """Do something; whoever's disk failed on the way is dead."""
        try:
            return act()
        except CrashError as error:
            self._die(error.owner)
            return False

    def _die(self, name: str) -> None:
        """Forget an object; the empty name is the coordinator's."""
        self.crashes += 1
        if name:
            self._parties.pop(name, None)
        else:
            self._coordinator = None
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = None

    def _log(self) -> FaultyLedger:
        if self._ledger is None:
            self._ledger = FaultyLedger.fused(self.world.path, self._log_fuse)
        return self._ledger

    def _is_dead(self, name: str) -> bool:
        """Tell whether a party has come to the moment of its death, by its own view of the run."""
        moment, party = self._dead.get(name), self._parties.get(name)
        if moment is None or party is None:
            return False
        state = party.view.state
        reached = (state.round.number if state.round else -1, _ORDER.index(state.phase))
        return reached >= (moment[0], _ORDER.index(moment[1]))

    def _progress(self) -> tuple[int, int]:
        coordinator = self.coordinator()
        return coordinator.size(), coordinator.heard

    def _pick(self, names: list[str]) -> str:
        return names[int(self._generator.integers(len(names)))]
