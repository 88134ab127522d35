"""Independent EVMs make the same state of the same blocks: the execution specifications, and go-ethereum."""

from pathlib import Path

import pytest
from probe import nodes
from probe.calls import CHAIN, Caller, story
from reference_evm import run_blocks

from cotrain.flow import run_in_process
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay
from cotrain.settlement.draft import MoneyWishes
from cotrain.testing.determinism import ManualClock
from cotrain.testing.world import COORDINATOR, build_world

TOOLS = {
    "specifications": nodes.find_tool(
        "COTRAIN_REFERENCE_EVM", "ethereum-spec-evm", ".venv-evm/bin/ethereum-spec-evm"
    ),
    "go-ethereum": nodes.find_tool("COTRAIN_GETH_EVM", "evm", ".venv-evm/bin/evm"),
}

Steps = list[tuple[int, bytes]]
pytestmark = pytest.mark.slow


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    found = TOOLS[request.param]
    if found is None:
        pytest.skip(f"no t8n tool of {request.param}: make reference-evm, make geth")
    return found


def check_same(tool: str, chain_id: int, steps: Steps) -> None:
    theirs = list(run_blocks(tool, chain_id, steps))
    ours = list(replay(chain_id, steps))
    assert [(done.state_root, done.succeeded, done.gas) for done in ours] == [
        (done.state_root, done.succeeded, done.gas) for done in theirs
    ]


def test_every_kind_of_transaction(tool: str, tmp_path: Path) -> None:
    clock = ManualClock()
    with EmbeddedChain(tmp_path / "chain.db", CHAIN, clock) as chain:
        for raw in story(Caller()):
            chain.send(raw)
            clock.advance(7)
        check_same(tool, CHAIN, list(chain.steps()))


def test_all_transactions_of_a_run_that_moves_money(tool: str, tmp_path: Path) -> None:
    wishes = MoneyWishes(price=1000, shares={COORDINATOR: 20}, stake_owner=50)
    world = build_world(tmp_path, money=wishes)
    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), world.parties())
    assert isinstance(world.chain, EmbeddedChain)
    steps = list(world.chain.steps())
    assert len(steps) > 20
    check_same(tool, world.chain.chain_id, steps)


def test_it_notices_another_time(tool: str) -> None:
    caller = Caller()
    create, add = caller.create(), caller.call("add(uint256,bytes)", 1, b"")
    theirs = list(run_blocks(tool, CHAIN, [(5, create), (6, add)]))
    ours = list(replay(CHAIN, [(5, create), (7, add)]))
    assert theirs[0].state_root == ours[0].state_root
    assert theirs[1].state_root != ours[1].state_root
