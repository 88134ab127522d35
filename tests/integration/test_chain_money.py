"""A run that moves money, on real nodes and on a chain of its own: the contracts tell the same story."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from probe import nodes

from cotrain.agreement.contribution import ContributionTerm, write_rows
from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock
from cotrain.rounds.money import money_of, pool_parts
from cotrain.rounds.score_rules import scoring_of
from cotrain.rounds.state import Phase, RunState
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.statement import MoneyFigures
from cotrain.testing.world import COORDINATOR, World, build_world, synthetic_rows

pytestmark = pytest.mark.slow
Told = list[tuple[str, bool, str]]
"""Of each transaction what it is, whether it succeeded, and the digest of its events."""

PRICE = 1000
POOL_PERCENT = 40


@pytest.fixture(params=["anvil", "geth"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with nodes.started(request.param, tmp_path) as url:
        yield url


def world_on(folder: Path, chain_id: int, now: int, *, pool: bool) -> World:
    """Make a world; with a pool its owners prove what they do, and noise hides their scores."""
    folder.mkdir()
    money = MoneyWishes(price=PRICE, shares={COORDINATOR: 20}, stake_owner=50, chain_id=chain_id)
    if not pool:
        return build_world(folder, money=money, now=now)
    rows = write_rows(synthetic_rows(7, 20))
    term = ContributionTerm(pool=POOL_PERCENT * 100, floor=20, epsilon="2", rows=rows)
    wishes = Wishes("A pool", rounds=2, epsilon="8", colluders=1, survivors=3)
    money = replace(money, contribution=term)
    return build_world(folder, wishes=wishes, money=money, now=now, assurance="proven")


def two_worlds(node: str, folder: Path, *, pool: bool = False) -> tuple[World, World]:
    """Return the same world twice: on a node, and on a chain of its own with the node's number."""
    remote = RemoteChain(node)
    now = max(SystemClock().now(), remote.head().time)
    there, here = (
        world_on(folder / name, remote.chain_id, now, pool=pool) for name in ("there", "here")
    )
    nodes.give_money(node, account_of(there.actors[COORDINATOR].identity).address)
    assert isinstance(here.chain, EmbeddedChain)
    assert here.agreement.data == there.agreement.data
    there.chain = remote
    return there, here


def run(world: World) -> RunState:
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        run_in_process(coordinator, world.parties())
        assert coordinator.state.phase is Phase.FINISHED
        return coordinator.state


def told_in(state: RunState) -> Told:
    history = money_of(state).history
    return [(done.sent.act.kind, done.receipt.succeeded, done.receipt.events) for done in history]


def without_anchors(told: Told) -> Told:
    """Leave out anchors: they name the ledger, on which the times of the node's blocks stand."""
    return [line for line in told if line[0] != "anchor"]


def check_same_story(told: Told, expected: Told) -> None:
    assert [line[:2] for line in told] == [line[:2] for line in expected]
    assert without_anchors(told) == without_anchors(expected)
    assert len(without_anchors(told)) > 15


def audited(world: World) -> MoneyFigures:
    """Run what the node ran on an EVM of the auditor's own, anchors included, and compare every event."""
    with Ledger.open(world.path, read_only=True) as ledger:
        found = audit(ledger).money
    assert found is not None
    assert found.released
    return found


def test_the_same_story(node: str, tmp_path: Path) -> None:
    there, here = two_worlds(node, tmp_path)
    check_same_story(told_in(run(there)), told_in(run(here)))
    audited(there)


def test_the_same_scores_divide_the_same_pool(node: str, tmp_path: Path) -> None:
    there, here = two_worlds(node, tmp_path, pool=True)
    found, expected = run(there), run(here)
    check_same_story(told_in(found), told_in(expected))
    assert [kind for kind, *_ in told_in(found)].count("pool") == len(there.owners)
    assert scoring_of(found).released == scoring_of(expected).released
    assert pool_parts(found) == pool_parts(expected)
    divided = sum(part.amount for part in pool_parts(found).values())
    assert divided == PRICE * CREDIT * POOL_PERCENT // 100
    accounts = {account.name: account.earned for account in audited(there).accounts.values()}
    assert sum(accounts.values()) == PRICE * CREDIT
    for name in there.owners:
        part = pool_parts(found)[there.did(name)]
        assert accounts[name] == PRICE * CREDIT // 10 + part.amount
