"""A small run whose parties all live in this process, made from one seed. INSECURE: for simulations and tests.

A `World` holds what survives a crash: keys, rows, journals, budget books and the ledger's file. `party` and
`coordinator` build the objects that a crash destroys; building one again is what a restarted process does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cotrain.agreement.document import Agreement, Assurance, PartyTerm, Role, parse_agreement
from cotrain.agreement.draft import Wishes, colluders_of, draft_agreement
from cotrain.agreement.schema import Schema, parse_schema
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.ports import Store
from cotrain.privacy.budget import BudgetBook
from cotrain.rounds.base import Base
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.owned import OwnedData
from cotrain.rounds.party import Party
from cotrain.rounds.view import View
from cotrain.rounds.witness import log_policy
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes, draft_settlement
from cotrain.settlement.terms import EMBEDDED_CHAIN
from cotrain.testing.determinism import ManualClock, SeededEntropy

COORDINATOR = "Coordinator"
FINGERPRINT = "rows"
LIMIT = 1_000.0
DELTA = "0.00001"

PartyMaker = Callable[..., Party]


@dataclass
class Actor:
    """What one party keeps across crashes.

    Attributes:
        identity: Its keys.
        journal: Its journal.
        rows: int16, shape (n, columns): its encoded rows; None for a party without data.
        budget: Its budget book; it knows the rows by `FINGERPRINT`.
        make: Builds the party object; a lying party's class to simulate a liar.
    """

    identity: Identity
    journal: Store
    rows: NDArray[np.int16] | None
    budget: BudgetBook = field(repr=False)
    make: PartyMaker = Party


@dataclass
class World:
    """A run that was agreed on and not yet begun.

    Attributes:
        agreement: What the parties will sign; all have approved it.
        actors: Name to what the party keeps, in the agreement's order, the coordinator last.
        clock: The clock of all.
        path: The ledger's file.
        seed: From which all secrets follow.
        chain: Where the contracts are, if money is moved.
        base: The model that training begins with, if it is another run's.
    """

    agreement: Agreement
    actors: dict[str, Actor]
    clock: ManualClock
    path: Path
    seed: str
    chain: Chain | None = None
    base: Base | None = None

    @property
    def owners(self) -> list[str]:
        """Names of the data owners, in the agreement's order."""
        return [name for name, actor in self.actors.items() if actor.rows is not None]

    def did(self, name: str) -> str:
        """Return the identity of a party."""
        return self.actors[name].identity.did

    def ledger(self) -> Ledger:
        """Open the ledger's file; it is made the first time."""
        return Ledger.open(self.path) if self.path.exists() else Ledger.create(self.path)

    def coordinator(self, ledger: Ledger | None = None) -> Coordinator:
        """Build the coordinator from its keys and the ledger alone."""
        identity = self.actors[COORDINATOR].identity
        base = None if self.base is None else self.base.encode()
        return Coordinator(
            identity, self.agreement, ledger or self.ledger(), self.clock, self.chain, base
        )

    def party(self, name: str, journal: Store | None = None) -> Party:
        """Build a party from what it kept.

        Args:
            name: Which party.
            journal: Stands for its journal, say one that fails.
        """
        actor = self.actors[name]
        return actor.make(
            identity=actor.identity,
            view=View(log_policy(self.agreement)),
            journal=journal or actor.journal,
            entropy=SeededEntropy(f"{self.seed}/{name}"),
            clock=self.clock,
            data=None if actor.rows is None else OwnedData(actor.rows, FINGERPRINT, actor.budget),
        )

    def parties(self) -> list[Party]:
        """Build all parties."""
        return [self.party(name) for name in self.actors]


def small_schema(max_rows: int = 100) -> Schema:
    """Return a schema of two numbers, one indicator and a binary target: four encoded columns."""
    number = {"kind": "numeric", "unit": "1", "min": "-1", "max": "1"}
    columns = [{**number, "name": "a"}, {**number, "name": "b"}, {"kind": "indicator", "name": "c"}]
    value = {
        "format": "cotrain/schema/1",
        "name": "small",
        "columns": columns,
        "target": {"kind": "binary", "name": "y", "positive": "1", "negative": "0"},
        "row_bound": 1024,
        "min_rows": 5,
        "max_rows": max_rows,
    }
    return parse_schema(json.dumps(value))


def synthetic_rows(seed: int, count: int) -> NDArray[np.int16]:
    """Return rows that satisfy `small_schema`: int16, shape (count, 5), the label follows the first column."""
    generator = np.random.default_rng(seed)
    features = generator.integers(-300, 300, (count, 2))
    indicator = 300 * generator.integers(0, 2, (count, 1))
    bias = np.full((count, 1), 300)
    label = (features[:, :1] + generator.integers(-100, 100, (count, 1)) > 0).astype(np.int64)
    return np.concatenate([features, indicator, bias, label], axis=1).astype(np.int16)


def build_world(  # noqa: PLR0913 - one for each thing that tests vary
    folder: Path,
    seed: str = "1",
    *,
    owners: int = 4,
    wishes: Wishes | None = None,
    changes: Mapping[str, Any] | None = None,
    assurance: Assurance = "recorded",
    coordinator_roles: tuple[Role, ...] = ("coordinator",),
    money: MoneyWishes | None = None,
    now: int = 1_700_000_000,
    base: Base | None = None,
) -> World:
    """Make a world: keys, rows, an agreement that everybody has approved.

    Args:
        folder: Where the ledger's file will lie.
        seed: Another seed, other secrets; the rows stay the same.
        owners: Number of data owners.
        wishes: What the people decide; by default two rounds without noise, one colluder, one dropout.
        changes: Terms of the drafted agreement to replace; those that are objects are merged.
        assurance: Whether there are proofs, whatever the wishes say; without them a run takes a tenth of the time.
        coordinator_roles: Roles of the coordinator; with money it is also the demander.
        money: What is paid; None for nothing.
        now: First reading of the clock, Unix seconds; that of a node whose clock is not ours to set.
        base: The model that training begins with; its chain goes on if `money` names it as its origin.
    """
    if money is not None:
        coordinator_roles = ("coordinator", "model_demander")
    clock, names = ManualClock(now), [f"Owner {number}" for number in range(1, owners + 1)]
    actors = {
        name: _actor(seed, name, synthetic_rows(len(name) * 100 + place, 12 + place))
        for place, name in enumerate(names)
    }
    actors[COORDINATOR] = _actor(seed, COORDINATOR, None)
    terms = [
        PartyTerm(
            name=name,
            did=actor.identity.did,
            roles=["data_owner"] if actor.rows is not None else list(coordinator_roles),
            account=None if money is None else account_of(actor.identity).address,
        )
        for name, actor in actors.items()
    ]
    wanted = wishes or Wishes("A small run", rounds=2, epsilon=None, colluders=1, survivors=3)
    wanted = replace(wanted, assurance=assurance)
    settlement = None
    if money is not None:
        settlement = draft_settlement(terms, money, colluders=colluders_of(owners, wanted))
    draft = draft_agreement(
        small_schema(),
        terms,
        wanted,
        entropy=SeededEntropy(seed),
        clock=clock,
        settlement=settlement,
        base_model=None if base is None else base.term,
    )
    agreement = _revise(draft, changes or {})
    for actor in actors.values():
        actor.journal.put(f"approved/{agreement.digest}", b"yes")
        if agreement.privacy.noise != "none":
            actor.budget.set_limit(FINGERPRINT, LIMIT, float(DELTA))
    chain = None
    if agreement.settlement is not None:
        chain = EmbeddedChain(folder / "chain.db", agreement.settlement.chain_id, clock)
        if base is not None and agreement.settlement.chain_id == EMBEDDED_CHAIN:
            chain.adopt(base.steps)
    return World(agreement, actors, clock, folder / "ledger.db", seed, chain, base)


def _actor(seed: str, name: str, rows: NDArray[np.int16] | None) -> Actor:
    identity = Identity(SeededEntropy(f"{seed}/{name}").draw("identity", 32), name)
    budget = BudgetBook.open(Path(":memory:"))
    return Actor(identity, MemoryJournal(), rows, budget)


def _revise(agreement: Agreement, changes: Mapping[str, Any]) -> Agreement:
    value = agreement.terms
    for term, change in changes.items():
        value[term] = {**value[term], **change} if isinstance(change, dict) else change
    return parse_agreement(value)
