"""The registry of a run's chain: names follow from the run, dates stay, anybody's account stands for itself."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cotrain.audit.auditor import audit
from cotrain.audit.on_chain import chain_of_ledger
from cotrain.errors import RefusedError, UsageError
from cotrain.flow import let_all_read, run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import money_of
from cotrain.rounds.party import Party
from cotrain.serving.registry import name_of, publish, retract
from cotrain.serving.session import Shop
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.registry import KINDS, list_publications
from cotrain.testing.world import COORDINATOR, World, build_world

pytestmark = pytest.mark.slow

STRANGER = Identity(b"s" * 32, "Stranger")
TEXT = b"\x11" * 32


@dataclass
class Market:
    """A finished run that publishes."""

    world: World
    ledger: Ledger
    coordinator: Coordinator
    parties: list[Party]

    @property
    def shop(self) -> Shop:
        assert self.world.chain is not None
        hub = self.world.actors[COORDINATOR].identity
        return Shop(hub, self.coordinator, self.world.chain, self.world.clock, MemoryJournal())

    def who(self, name: str) -> Identity:
        return self.world.actors[name].identity

    def name(self, kind: str, identity: Identity, document: bytes | None = None) -> bytes:
        return name_of(self.coordinator.state, kind, identity, document)


@pytest.fixture(name="market")
def fixture_market(tmp_path: Path) -> Market:
    world = build_world(tmp_path, money=MoneyWishes(price=100))
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()
    run_in_process(coordinator, parties)
    return Market(world, ledger, coordinator, parties)


def test_names_follow_from_the_run(market: Market) -> None:
    state, owner = market.coordinator.state, market.who("Owner 1")
    assert market.name("dataset", owner).hex() == state.datasets[owner.did].root
    assert state.released_model is not None
    assert market.name("model", owner).hex() == sha256(state.released_model)
    assert market.name("algorithm", owner) == market.shop.terms.values[1]
    assert market.name("compute", owner, b"eight cores").hex() == sha256(b"eight cores")
    with pytest.raises(UsageError, match="description"):
        market.name("compute", owner)
    with pytest.raises(RefusedError, match="registered no dataset"):
        market.name("dataset", STRANGER)


def test_first_dates_stay_and_the_audit_replays_them(market: Market) -> None:
    shop, owner, other = market.shop, market.who("Owner 1"), market.who("Owner 2")
    name = market.name("dataset", owner)
    first = publish(shop, owner, "dataset", name, TEXT)
    market.world.clock.advance(1_000)
    again = publish(shop, owner, "dataset", name, b"\x22" * 32)
    assert (again.since, again.document) == (first.since, "22" * 32)
    late = publish(shop, other, "dataset", name, TEXT)  # anybody may; the date tells
    assert late.since >= first.since + 1_000
    sent = len(money_of(market.coordinator.state).history)
    publish(shop, other, "dataset", name, TEXT)
    assert len(money_of(market.coordinator.state).history) == sent
    gone = retract(shop, owner, "dataset", name)
    assert (gone.since, gone.withdrawn) == (first.since, True)
    with pytest.raises(RefusedError, match="has published no dataset"):
        retract(shop, owner, "dataset", name)
    back = publish(shop, owner, "dataset", name, TEXT)
    assert (back.since, back.withdrawn) == (first.since, False)
    let_all_read(market.coordinator, market.parties)
    report = audit(market.ledger)
    with closing(chain_of_ledger(money_of(report.state))) as chain:
        assert list(list_publications(chain, shop.terms)) == [back, late]


def test_every_kind_has_its_own_names(market: Market) -> None:
    shop, hub = market.shop, market.who(COORDINATOR)
    for kind in KINDS:
        publish(shop, hub, kind, TEXT, TEXT)
    found = list_publications(shop.chain, shop.terms)
    assert [entry.kind for entry in found] == list(KINDS)
    assert {entry.owner for entry in found} == {account_of(hub).address}
    retract(shop, hub, "model", TEXT)
    withdrawn = [
        entry.kind for entry in list_publications(shop.chain, shop.terms) if entry.withdrawn
    ]
    assert withdrawn == ["model"]
