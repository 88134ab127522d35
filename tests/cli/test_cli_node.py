"""A run whose contracts are on a node, from the agreement to paid answers: what each command says, and refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    Result,
    fixture_cotrain,
    fixture_parties,
)
from probe import nodes

from cotrain.agreement.document import decode_agreement
from cotrain.data import heart
from cotrain.identity.keys import load_identity
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.terms import EMBEDDED_CHAIN

Parties = dict[str, tuple[Path, str]]
OWNERS = ("Ada", "Bo", "Cy")
SECRET = "a-key-that-nobody-must-see"  # noqa: S105 - a mark to look for


@pytest.fixture(scope="module", name="url")
def fixture_url() -> Iterator[str]:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        yield url


def address(home: Path) -> str:
    return account_of(load_identity(home / "identity")).address


def draft(cotrain: Cotrain, parties: Parties, out: Path, *words: object) -> Result:
    return cotrain(
        "agreement", "new", "--title", "Hearts", "--schema", heart.SCHEMA_PATH,
        *(f"--owner={name}={parties[name][1]}" for name in OWNERS),
        f"--coordinator=Hub={parties['Hub'][1]}", "--demander", "Hub", "--rounds", 2,
        *(f"--account={name}={address(home)}" for name, (home, _) in parties.items()),
        "--price", 1000, "--stake-owner", 50, "--out", out, *words,
    )  # fmt: skip


@pytest.fixture(name="agreement")
def fixture_agreement(tmp_path: Path, cotrain: Cotrain, parties: Parties) -> Path:
    """An agreement whose contracts are on anvil, that all signed and registered for."""
    path = tmp_path / "agreement.json"
    made = draft(cotrain, parties, path, "--chain-id", 31337, "--challenge-days", 0)
    assert made.code == 0, made.err
    hospitals = dict(zip(OWNERS, heart.HOSPITALS, strict=False))
    for name, (home, _) in parties.items():
        assert cotrain("agreement", "sign", path, "--home", home).code == 0
        if name in hospitals:
            mine = ("--owner-column", "org", "--owner", hospitals[name])
            table = ("data", "register", path, heart.TABLE_PATH, "--home", home, *mine)
            assert cotrain(*table).code == 0
    return path


def test_the_chain_of_an_agreement(tmp_path: Path, cotrain: Cotrain, parties: Parties) -> None:
    for words, expected in (([], EMBEDDED_CHAIN), (["--chain-id", 10], 10)):
        path = tmp_path / f"{expected}.json"
        assert draft(cotrain, parties, path, *words).code == 0
        money = decode_agreement(path.read_bytes()).settlement
        assert money is not None
        assert money.chain_id == expected
    refused = draft(cotrain, parties, tmp_path / "no.json", "--chain-id", 10, "--price", "none")
    refused.assert_told(2, "there is no --price")
    draft(cotrain, parties, tmp_path / "no.json", "--chain-id", 0).assert_told(2, "1<=x")


@pytest.mark.parametrize("term", ["token", "contract", "parents"])
def test_contracts_that_a_run_does_not_create_are_refused(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, term: str
) -> None:
    from cotrain.agreement.document import parse_agreement

    path, elsewhere = tmp_path / "a.json", "0x" + "11" * 20
    assert draft(cotrain, parties, path).code == 0
    terms = decode_agreement(path.read_bytes()).terms
    parent = [{"model": elsewhere, "basis_points": 100}]
    terms["settlement"] |= {term: parent if term == "parents" else elsewhere}
    path.write_bytes(parse_agreement(terms).data)
    signed = cotrain("agreement", "sign", path, "--home", parties["Ada"][0])
    signed.assert_told(5, "neither its run nor its base model's creates", "agreement new")


def test_options_for_a_node_where_none_is_asked(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    assert draft(cotrain, parties, path).code == 0
    home = parties["Ada"][0]
    revoke = ("data", "revoke", path, "--home", home)
    cotrain(*revoke, "--node", "http://127.0.0.1:1").assert_told(2, "--node is given, and without")
    cotrain(*revoke, "--directly").assert_told(2, "on no chain of others")
    simulated = ("run", "--data", heart.TABLE_PATH, "--owner-column", "org", "--target", "y")
    cotrain(*simulated, "--confirmations", 2).assert_told(2, "--confirmations cannot be given")
    monkeypatch.setenv("COTRAIN_NODE", "http://127.0.0.1:1")
    assert cotrain(*revoke).code == 0


@pytest.mark.slow
def test_from_the_agreement_to_paid_answers_on_a_node(
    tmp_path: Path,
    cotrain: Cotrain,
    parties: Parties,
    agreement: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    homes, hub = [home for home, _ in parties.values()], parties["Hub"][0]
    out, key = tmp_path / "run", url.replace("//", f"//me:{SECRET}@") + f"/?key={SECRET}"
    run = ("run", "--agreement", agreement, "--out", out, *(f"--home={home}" for home in homes))
    cotrain(*run).assert_told(2, "no node of it is given", "COTRAIN_NODE")
    away = cotrain(*run, "--node", f"http://127.0.0.1:1/{SECRET}")
    away.assert_told(7, "the node http://127.0.0.1:1 does not answer")
    nonsense = cotrain(*run, "--node", SECRET)
    nonsense.assert_told(2, "not an http or https address")
    with nodes.anvil("--chain-id", "999") as other:
        cotrain(*run, "--node", other).assert_told(7, "is of chain 999, not 31337")
    poor = cotrain(*run, "--node", key)
    poor.assert_told(7, f"the account {address(hub)} has 0 of chain 31337's own money", "Send some")
    nodes.give_money(url, address(hub))
    with monkeypatch.context() as environment:
        environment.setenv("COTRAIN_NODE", key)
        done = cotrain(*run)
    assert done.code == 0, done.err
    money = decode_agreement(agreement.read_bytes()).settlement
    assert money is not None
    for words in ("chain 31337", money.contract, "count after 1 block\n", address(hub)):
        assert words in done.err
    assert cotrain(*run).code == 0  # a finished run is shown again, and needs no node
    shown = sell(cotrain, tmp_path, out, key, homes)
    assert shown["money"]["queries_paid"] == 2
    leave_directly(cotrain, agreement, parties["Ada"][0], url)
    assert {account["staked"] for account in shown["money"]["accounts"]} == {0}
    checked = cotrain("audit", out, "--json")
    assert checked.code == 0
    assert any("no node is asked" in words for words in checked.json["not_checked"])
    for told in (away, nonsense, poor, done, checked):
        assert SECRET not in told.err + told.out
    for file in (file for file in tmp_path.rglob("*") if file.is_file()):
        assert SECRET.encode() not in file.read_bytes(), file


def sell(
    cotrain: Cotrain, tmp_path: Path, out: Path, url: str, homes: list[Path]
) -> dict[str, Any]:
    """Ask two paid queries, pay everybody, return the stakes; return what `model show` says."""
    buyer, where = tmp_path / "buyer", ("--node", url, *(f"--party={home}" for home in homes))
    assert cotrain("init", buyer, "--name", "Dee").code == 0
    use = ("model", "use", out, "--home", buyer, "--data", heart.TABLE_PATH, "--rows", 2)
    cotrain(*use, "--node", url).assert_told(2, "are not in", "--party HOME")
    cotrain(*use, *where[:3]).assert_told(2, "no --party is given for")
    cotrain(*use, *where).assert_told(7, f"the account {address(buyer)} has 0")
    nodes.give_money(url.partition("/?")[0].replace(f"me:{SECRET}@", ""), address(buyer))
    answers = cotrain(*use, *where, "--json")
    assert answers.code == 0, answers.err
    assert answers.json["queries"] == 2
    settled = cotrain("model", "settle", out, *where, "--json")
    assert settled.json["redeemed"] == [address(buyer)], settled.err
    returned = cotrain("model", "stakes", out, *where, "--json")
    assert returned.json["stakes"] == dict.fromkeys(OWNERS, 50_000_000), returned.err
    assert cotrain("model", "stakes", out, *where, "--json").json["stakes"] == {}
    shown: dict[str, Any] = json.loads(cotrain("model", "show", out, "--json").out)
    return shown


def leave_directly(cotrain: Cotrain, agreement: Path, home: Path, url: str) -> None:
    """Revoke by the owner's own transaction: it needs money for the fee, and is sent once."""
    revoke = ("data", "revoke", agreement, "--home", home, "--directly")
    cotrain(*revoke).assert_told(2, "no node of it is given")
    cotrain(*revoke, "--node", url).assert_told(7, f"the account {address(home)} has 0")
    nodes.give_money(url, address(home))
    before = int(nodes.ask(url, "eth_blockNumber"), 16)
    told = cotrain(*revoke, "--node", url)
    assert told.code == 0, told.err
    assert f"the contract knows since block {before + 1}" in told.out
    again = cotrain(*revoke, "--node", url, "--json")
    assert again.json["block"] is None
    assert "knew of this withdrawal already" in again.err
    assert int(nodes.ask(url, "eth_blockNumber"), 16) == before + 1


@pytest.mark.slow
def test_stakes_stay_until_the_time_for_evidence_is_over(tmp_path: Path, cotrain: Cotrain) -> None:
    out = tmp_path / "demo"
    assert cotrain("demo", "--out", out, "--rounds", 1).code == 0
    cotrain("model", "stakes", out).assert_told(5, "stakes stay until 20", "after that time")
