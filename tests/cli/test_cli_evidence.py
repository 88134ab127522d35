"""`cotrain evidence`: found, judged, signed, combined and pressed as a person does it, on the own chain and a node."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    fixture_cotrain,
    fixture_demo,
    fixture_parties,
)
from probe import nodes

from cotrain import local
from cotrain.audit.auditor import read_agreement
from cotrain.audit.judgement import find_accused
from cotrain.data import heart
from cotrain.identity.keys import load_identity
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock
from cotrain.records.kinds import SubmissionBody
from cotrain.records.record import Message, decode_record
from cotrain.rounds.money import anchor_facts
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase
from cotrain.settlement.acts import anchor_act
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.lying import LyingLog, MalformedCiphertext
from cotrain.testing.world import COORDINATOR, World, build_world

Parties = dict[str, tuple[Path, str]]
OWNERS = ("Ada", "Bo", "Cy")


def entry_of(run: Path, kind: str) -> int:
    """Return the first entry of a kind."""
    with Ledger.open(run / "ledger.db", read_only=True) as ledger:
        records = [
            decode_record(entry, lambda *_: None) for entry in ledger.entries(0, ledger.size)
        ]
    return next(place for place, record in enumerate(records) if record.kind == kind)


# Where there is nothing.


def test_nothing_is_found_in_an_honest_run(demo: Path, tmp_path: Path, cotrain: Cotrain) -> None:
    out = tmp_path / "evidence.json"
    found = cotrain("evidence", "find", demo, "--out", out, "--json")
    assert found.code == 0, found.err
    assert found.json["found"] is None
    assert found.json["copies_part_at"] is None
    assert found.json["refused"] == []
    assert len(found.json["looked_for"]) == 2
    assert not out.exists()
    words = cotrain("evidence", "find", demo, "--against", demo, "--out", out)
    assert "Found nothing that the contract takes" in words.out
    assert "two ledgers" in words.out
    away = cotrain("evidence", "find", demo, "--node", "http://127.0.0.1:1", "--out", out)
    away.assert_told(2, "the run has a chain of its own")


def test_nobody_signs_about_a_record_in_order(demo: Path, tmp_path: Path, cotrain: Cotrain) -> None:
    home, out = demo / "parties" / "hungary", tmp_path / "signed.json"
    reject = ("evidence", "reject", demo, "--home", home, "--out", out)
    for kind, what in (
        ("submission", "is in order"),
        ("erasure", "cannot be judged"),
        ("close", "the rules take this entry"),
    ):
        cotrain(*reject, "--entry", entry_of(demo, kind)).assert_told(5, what)
    logged = cotrain(*reject, "--entry", entry_of(demo, "submission"), "--logged")
    logged.assert_told(5, "the rules take this entry", "cotrain audit")
    cotrain(*reject, "--entry", 10**6).assert_told(2, "there is no entry 1000000")
    cotrain(*reject).assert_told(2, "one of --entry and --record is needed", "evidence find")
    both = cotrain(*reject, "--entry", 1, "--record", out)
    both.assert_told(2, "one of --entry and --record is needed")
    with Ledger.open(demo / "ledger.db", read_only=True) as ledger:
        (tmp_path / "record").write_bytes(ledger.entry(entry_of(demo, "dataset")))
    cotrain(*reject, "--record", tmp_path / "record").assert_told(5, "is in order")
    assert not out.exists()


def test_files_that_are_none(demo: Path, tmp_path: Path, cotrain: Cotrain) -> None:
    home, junk = demo / "parties" / "hungary", tmp_path / "junk.json"
    junk.write_text("{}")
    combined = cotrain("evidence", "combine", demo, junk, "--out", tmp_path / "out.json")
    combined.assert_told(3, "not a signed rejection", "evidence reject")
    sent = cotrain("evidence", "send", demo, junk, "--home", home)
    sent.assert_told(3, "not a file of evidence", "evidence find")
    cotrain("evidence", "find", tmp_path, "--out", junk).assert_told(2, "there is no ledger")


# A quorum's rejection, on the run's own chain.


def lie_as(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the party of this name send ciphertexts that are a byte too long."""

    def make(**given: Any) -> Party:
        lies = given["identity"].name == name
        return MalformedCiphertext(**given) if lies else Party(**given)

    monkeypatch.setattr(local, "Party", make)


def run_homes(cotrain: Cotrain, parties: Parties, folder: Path, code: int = 0) -> Path:
    """Run two rounds between homes, with stakes, on a chain of the run's own."""
    agreement, out = folder / "agreement.json", folder / "run"
    accounts = {
        name: account_of(load_identity(home / "identity")).address
        for name, (home, _) in parties.items()
    }
    drafted = cotrain(
        "agreement", "new", "--title", "Hearts", "--schema", heart.SCHEMA_PATH,
        *(f"--owner={name}={parties[name][1]}" for name in OWNERS),
        f"--coordinator=Hub={parties['Hub'][1]}", "--demander", "Hub", "--rounds", 2,
        *(f"--account={name}={account}" for name, account in accounts.items()),
        "--price", 1000, "--stake-owner", 50, "--colluders", 0, "--survivors", 2,
        "--out", agreement,
    )  # fmt: skip
    assert drafted.code == 0, drafted.err
    hospitals = dict(zip(OWNERS, heart.HOSPITALS, strict=False))
    for name, (home, _) in parties.items():
        assert cotrain("agreement", "sign", agreement, "--home", home).code == 0
        if name in hospitals:
            mine = ("--owner-column", "org", "--owner", hospitals[name])
            table = ("data", "register", agreement, heart.TABLE_PATH, "--home", home, *mine)
            assert cotrain(*table).code == 0
    homes = [f"--home={home}" for home, _ in parties.values()]
    done = cotrain("run", "--agreement", agreement, "--out", out, *homes)
    assert done.code == code, done.err
    return out


@pytest.mark.slow
def test_a_quorum_takes_the_stake_of_who_sent_a_false_record(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lying:
        lie_as("Bo", lying)
        run = run_homes(cotrain, parties, tmp_path)
    homes = {name: home for name, (home, _) in parties.items()}
    found = cotrain("evidence", "find", run, "--out", tmp_path / "none.json", "--json")
    assert found.json["found"] is None
    (refused,) = found.json["refused"]
    assert (refused["author"], refused["kind"]) == ("Bo", "submission")
    assert "evidence reject" in cotrain("evidence", "find", run, "--out", tmp_path / "no.json").out
    reject = ("evidence", "reject", run, "--entry", refused["entry"])
    own = cotrain(*reject, "--home", homes["Bo"], "--out", tmp_path / "bo.json")
    own.assert_told(5, "Bo is whom this rejection is about")
    assert not (tmp_path / "bo.json").exists()
    check_blobs(cotrain, run, refused["entry"], homes, tmp_path)
    signed = []
    for name in ("Ada", "Cy", "Hub"):
        signed.append(tmp_path / f"{name}.json")
        told = cotrain(*reject, "--home", homes[name], "--out", signed[-1], "--json")
        assert told.code == 0, told.err
        assert (told.json["subject"], told.json["signed_by"]) == ("Bo", name)
        assert (told.json["round"], told.json["needed"]) == (1, 3)
    out = tmp_path / "evidence.json"
    few = cotrain("evidence", "combine", run, *signed[:2], "--out", out)
    few.assert_told(5, "2 parties signed, 3 are needed")
    combined = cotrain("evidence", "combine", run, *signed, "--out", out)
    assert combined.code == 0, combined.err
    assert "costs Bo its stake" in combined.out
    members = [f"--party={home}" for home in homes.values()]
    send = ("evidence", "send", run, out, "--home", homes["Ada"], *members)
    for option in ("--now", "--pay-others"):
        cotrain(*send, option).assert_told(2, "--now or --pay-others is given")
    sent = cotrain(*send, "--json")
    assert sent.code == 0, sent.err
    ada = account_of(load_identity(homes["Ada"] / "identity")).address
    assert sent.json["stake_taken"] == 50 * CREDIT
    assert sent.json["bounty"] == 5 * CREDIT
    assert sent.json["reporter"] == ada
    assert set(sent.json["paid"]) <= {"Ada", "Cy", "Hub"}
    assert sent.json["paid"]
    cotrain(*send).assert_told(5, "NothingAtStake")
    audited = cotrain("audit", run, "--json")
    assert audited.code == 0, audited.err
    slashed = {row["name"]: row["slashed"] for row in audited.json["money"]["accounts"]}
    assert slashed == {"Ada": 0, "Bo": 50 * CREDIT, "Cy": 0, "Hub": 0}
    earned = {row["name"]: row["earned_for_run"] for row in audited.json["money"]["accounts"]}
    assert earned["Ada"] > 333 * CREDIT, "its part of the stake came to its part of the price"


class Stopping(Party):
    """Is stopped by its owner in the second round."""

    def speak(self) -> list[Message]:
        current = self.view.state.round
        if current is not None and current.number == 1:
            raise KeyboardInterrupt
        return super().speak()


@pytest.mark.slow
def test_on_the_own_chain_nothing_is_pressed_while_the_run_goes_on(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = {name: home for name, (home, _) in parties.items()}
    makers = {"Bo": MalformedCiphertext, "Ada": Stopping}
    with monkeypatch.context() as lying:
        lying.setattr(
            local, "Party", lambda **given: makers.get(given["identity"].name, Party)(**given)
        )
        run = run_homes(cotrain, parties, tmp_path, code=130)
    found = cotrain("evidence", "find", run, "--out", tmp_path / "none.json", "--json")
    (refused,) = found.json["refused"]
    signed, out = [], tmp_path / "evidence.json"
    for name in ("Ada", "Cy", "Hub"):
        signed.append(tmp_path / f"{name}.json")
        mine = ("--home", homes[name], "--out", signed[-1])
        assert cotrain("evidence", "reject", run, "--entry", refused["entry"], *mine).code == 0
    assert cotrain("evidence", "combine", run, *signed, "--out", out).code == 0
    members = [f"--party={home}" for home in homes.values()]
    sent = cotrain("evidence", "send", run, out, "--home", homes["Ada"], *members)
    sent.assert_told(5, "the run is not over", "give the command that began it again")


def check_blobs(
    cotrain: Cotrain, run: Path, entry: int, homes: dict[str, Path], folder: Path
) -> None:
    """See that who lacks a file that the record names signs nothing, and that it can be given."""
    liar, lead = (load_identity(homes[name] / "identity") for name in ("Bo", "Hub"))
    with Ledger.open(run / "ledger.db", read_only=True) as ledger:
        body = find_accused(ledger, entry).record.body
        assert isinstance(body, SubmissionBody)
        log = LyingLog.after(ledger, lead, read_agreement(ledger), ledger.size)
    (folder / "blob").write_bytes(log.blobs.pop(body.ciphertext.sha256))
    log.save(folder / "copy.db", [liar]).close()
    reject = (
        "evidence", "reject", folder / "copy.db", "--entry", entry, "--home", homes["Cy"],
        "--out", folder / "by-copy.json",
    )  # fmt: skip
    cotrain(*reject).assert_told(2, f"does not hold {body.ciphertext.sha256}", "--blob")
    assert not (folder / "by-copy.json").exists()
    given = cotrain(*reject, "--blob", folder / "blob")
    assert given.code == 0, given.err


# A false anchor, on a node.


@pytest.fixture(scope="module", name="url")
def fixture_url() -> Iterator[str]:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        yield url


def world_on(url: str, folder: Path, seed: str) -> World:
    """Make a world on a node, with stakes, and carry its run to the first anchor."""
    chain = RemoteChain(url)
    wishes = MoneyWishes(
        price=100, shares={COORDINATOR: 20}, stake_coordinator=10, chain_id=chain.chain_id
    )
    now = max(SystemClock().now(), chain.head().time)
    folder.mkdir()
    world = build_world(folder, seed, money=wishes, now=now)
    world.chain = chain
    nodes.give_money(url, account_of(world.actors[COORDINATOR].identity).address)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        while coordinator.state.phase is not Phase.ANCHORING:
            coordinator.tick()
            for party in parties:
                note = party.read(coordinator)
                if note is not None:
                    coordinator.cosigned(note)
                for message in party.speak():
                    coordinator.receive(message)
    return world


def anchor(world: World, **changed: Any) -> None:
    """Let the coordinator log the anchor of the round, and send one with other fields."""
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        facts = replace(anchor_facts(coordinator.state), **changed)
        assert coordinator.tick()
        if not changed:
            assert coordinator.tick()
            return
    terms, lead = ContractTerms.of(world.agreement), account_of(world.actors[COORDINATOR].identity)
    chain = world.chain
    assert chain is not None
    number = chain.nonce(lead.address)
    act = anchor_act(terms, facts)
    assert chain.send(sign_act(lead, act, chain.chain_id, number, chain.fees())).succeeded


@pytest.mark.slow
def test_a_false_anchor_on_a_node(url: str, tmp_path: Path, cotrain: Cotrain) -> None:
    world = world_on(url, tmp_path / "false", "false")
    anchor(world, root=b"x" * 32)
    out, home = tmp_path / "evidence.json", tmp_path / "stranger"
    assert cotrain("init", home, "--name", "Dee").code == 0
    blind = cotrain("evidence", "find", world.path, "--out", out, "--json")
    assert (blind.code, blind.json["found"], blind.json["looked_for"]) == (0, None, [])
    assert "without --node" in blind.err
    found = cotrain("evidence", "find", world.path, "--node", url, "--out", out, "--json")
    assert found.code == 0, found.err
    assert (found.json["found"]["kind"], found.json["found"]["subject"]) == (
        "false anchor",
        COORDINATOR,
    )
    send = ("evidence", "send", world.path, out, "--home", home)
    cotrain(*send).assert_told(2, "no node of it is given")
    early = cotrain(*send, "--node", url)
    early.assert_told(5, "the run is not paid out yet", "--now")
    reporter = account_of(load_identity(home / "identity")).address
    poor = cotrain(*send, "--node", url, "--now")
    poor.assert_told(7, f"the account {reporter} has 0")
    nodes.give_money(url, reporter)
    party = cotrain(*send, "--node", url, "--now", "--party", home)
    party.assert_told(2, "--party is given")
    sent = cotrain(*send, "--node", url, "--now", "--json")
    assert sent.code == 0, sent.err
    assert (sent.json["kind"], sent.json["subject"]) == ("false anchor", COORDINATOR)
    assert (sent.json["stake_taken"], sent.json["bounty"]) == (10 * CREDIT, CREDIT)
    assert sent.json["reporter"] == reporter
    before = int(nodes.ask(url, "eth_blockNumber"), 16)
    cotrain(*send, "--node", url, "--now").assert_told(5, "NothingAtStake")
    assert int(nodes.ask(url, "eth_blockNumber"), 16) == before


@pytest.mark.slow
def test_an_honest_anchor_on_a_node(url: str, tmp_path: Path, cotrain: Cotrain) -> None:
    world = world_on(url, tmp_path / "honest", "honest")
    anchor(world)
    out = tmp_path / "evidence.json"
    found = cotrain("evidence", "find", world.path, "--node", url, "--out", out)
    assert found.code == 0, found.err
    assert "Found nothing that the contract takes" in found.out
    assert "anchors of another ledger" in found.out
    assert not out.exists()
    other = world_on(url, tmp_path / "other", "other")
    anchor(other, size=1)
    told = cotrain("evidence", "find", other.path, "--node", url, "--out", out)
    assert "false anchor" in told.out
    elsewhere = cotrain("evidence", "send", world.path, out, "--home", tmp_path, "--node", url)
    assert elsewhere.code != 0
    value = json.loads(out.read_text())
    assert cotrain("init", tmp_path / "dee", "--name", "Dee").code == 0
    mixed = cotrain("evidence", "send", world.path, out, "--home", tmp_path / "dee", "--node", url)
    mixed.assert_told(5, f"is about run {value['run'][:16]}")
