"""A run that moves money, on real nodes and on a chain of its own: the contracts tell the same story."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from probe import nodes

from cotrain.audit.auditor import audit
from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock
from cotrain.rounds.money import money_of
from cotrain.rounds.state import Phase
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes
from cotrain.testing.world import COORDINATOR, World, build_world

pytestmark = pytest.mark.slow
Told = list[tuple[str, bool, str]]
"""Of each transaction what it is, whether it succeeded, and the digest of its events."""


def start(name: str, folder: Path) -> AbstractContextManager[str]:
    if name == "anvil":
        if nodes.ANVIL is None:
            pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
        return nodes.anvil()
    if nodes.GETH is None:
        pytest.skip("no geth: make geth, or name it in COTRAIN_GETH")
    return nodes.geth(folder / "geth")


@pytest.fixture(params=["anvil", "geth"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with start(request.param, tmp_path) as url:
        yield url


def world_on(folder: Path, chain_id: int, now: int) -> World:
    folder.mkdir()
    wishes = MoneyWishes(price=1000, shares={COORDINATOR: 20}, stake_owner=50, chain_id=chain_id)
    return build_world(folder, money=wishes, now=now)


def run(world: World) -> Told:
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        run_in_process(coordinator, world.parties())
        assert coordinator.state.phase is Phase.FINISHED
        history = money_of(coordinator.state).history
        return [
            (done.sent.act.kind, done.receipt.succeeded, done.receipt.events) for done in history
        ]


def test_the_same_story(node: str, tmp_path: Path) -> None:
    remote = RemoteChain(node)
    now = max(SystemClock().now(), remote.head().time)
    there, here = (world_on(tmp_path / name, remote.chain_id, now) for name in ("there", "here"))
    nodes.give_money(node, account_of(there.actors[COORDINATOR].identity).address)
    assert isinstance(here.chain, EmbeddedChain)
    there.chain = remote
    told, expected = run(there), run(here)
    assert [line[:2] for line in told] == [line[:2] for line in expected]
    assert without_anchors(told) == without_anchors(expected)
    assert len(without_anchors(told)) > 15
    # The audit runs what the node ran on an EVM of its own, anchors included, and compares every event
    with Ledger.open(there.path, read_only=True) as ledger:
        found = audit(ledger).money
    assert found is not None
    assert found.released


def without_anchors(told: Told) -> Told:
    """Leave out anchors: they name the ledger, on which the times of the node's blocks stand."""
    return [line for line in told if line[0] != "anchor"]
