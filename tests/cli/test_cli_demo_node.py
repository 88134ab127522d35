"""`cotrain demo --node`: the demo's contracts on a development chain, and who is told what where that cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_fixtures import Cotrain, fixture_cotrain  # noqa: F401 - fixtures are found by name
from probe import nodes

from cotrain.agreement.document import decode_agreement
from cotrain.identity.keys import load_identity
from cotrain.layout import RunLayout
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.terms import EMBEDDED_CHAIN

NOBODY_THERE = "http://127.0.0.1:1"


@pytest.fixture(params=["anvil", "geth"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "anvil":
        if nodes.ANVIL is None:
            pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
        with nodes.anvil() as url:
            yield url
        return
    if nodes.GETH is None:
        pytest.skip("no geth: make geth, or name it in COTRAIN_GETH")
    with nodes.geth(tmp_path / "geth") as url:
        yield url


def addresses(out: Path) -> tuple[str, str]:
    """Return the accounts of the demo's coordinator and buyer."""
    layout = RunLayout(out)
    hub = layout.homes(["Coordinator"])["Coordinator"]
    first, second = (account_of(load_identity(home.identity)) for home in (hub, layout.buyer))
    return first.address, second.address


def chain_of(out: Path) -> int:
    money = decode_agreement(RunLayout(out).agreement.read_bytes()).settlement
    assert money is not None
    return money.chain_id


@pytest.mark.slow
def test_a_demo_on_a_node_that_pays_the_fees(tmp_path: Path, cotrain: Cotrain, node: str) -> None:
    out = tmp_path / "demo"
    words = ("demo", "--out", out, "--rounds", 2)
    done = cotrain(*words, "--node", node, "--json")
    assert done.code == 0, done.err
    chain_id = int(nodes.ask(node, "eth_chainId"), 16)
    assert chain_of(out) == chain_id
    hub, buyer = addresses(out)
    for said in (f"the coordinator {hub} 0.", f"the buyer {buyer} 0.", f"chain {chain_id}, by"):
        assert said in " ".join(done.err.split())
    assert done.json["money"]["queries_paid"] == 5
    assert cotrain("audit", out).code == 0
    for address in (hub, buyer):
        assert int(nodes.ask(node, "eth_getBalance", address, "latest"), 16) > 0
        assert int(nodes.ask(node, "eth_getTransactionCount", address, "latest"), 16) > 0
    assert not RunLayout(out).chain.exists()
    again = cotrain(*words, "--node", NOBODY_THERE, "--json")  # finished: no node is asked
    assert again.json == done.json
    cotrain(*words).assert_told(2, "--node given, now none", "--out")


@pytest.mark.slow
def test_a_demo_of_its_own_chain_is_not_shown_as_one_on_a_node(
    tmp_path: Path, cotrain: Cotrain
) -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    out = tmp_path / "demo"
    words = ("demo", "--out", out, "--rounds", 1)
    assert cotrain(*words).code == 0
    assert chain_of(out) == EMBEDDED_CHAIN
    with nodes.anvil() as url:
        cotrain(*words, "--node", url).assert_told(2, "--node none, now given", "--out")


@pytest.mark.slow
def test_a_node_without_money_to_give_says_whom_to_send_how_much(
    tmp_path: Path, cotrain: Cotrain
) -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    out = tmp_path / "demo"
    words = ("demo", "--out", out, "--rounds", 1)
    with nodes.anvil("--accounts", "0") as url:
        for role, place in (("coordinator", 0), ("buyer", 1)):
            poor = cotrain(*words, "--node", url)
            address = addresses(out)[place]
            poor.assert_told(7, f"the {role} {address} has 0 of chain 31337's own money", "Send 0.")
            assert f"to {address}, then give the command again" in " ".join(poor.err.split())
            assert nodes.ask(url, "eth_getTransactionCount", address, "latest") == "0x0"
            nodes.give_money(url, address)
        assert cotrain(*words, "--node", url).code == 0


def test_a_chain_that_is_not_for_development_is_refused(tmp_path: Path, cotrain: Cotrain) -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    out = tmp_path / "demo"
    with nodes.anvil("--chain-id", "999") as url:
        refused = cotrain("demo", "--out", out, "--node", url)
    refused.assert_told(2, "is of chain 999; the demo goes to chain 1337 or 31337 only", "anvil")
    assert not out.exists()


def test_a_node_that_is_not_there_and_one_without_a_price(tmp_path: Path, cotrain: Cotrain) -> None:
    out = tmp_path / "demo"
    words = ("demo", "--out", out, "--node", NOBODY_THERE)
    cotrain(*words).assert_told(7, f"the node {NOBODY_THERE} does not answer")
    cotrain(*words, "--price", "none").assert_told(2, "--node is where contracts move the price")
    assert not out.exists()
