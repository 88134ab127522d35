"""Two copies of one run's ledger: the same, one behind, of two runs, and two histories."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cli_fixtures import Cotrain, fixture_cotrain  # noqa: F401 - fixtures are found by name

from cotrain.audit.auditor import audit
from cotrain.audit.copies import find_parting
from cotrain.errors import ForgeryError
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import ApprovalBody, RefusalBody
from cotrain.records.record import Message, blob_ref, decode_record, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.money import money_of
from cotrain.rounds.state import Phase
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.transactions import sign_act
from cotrain.testing.lying import LyingLog
from cotrain.testing.world import COORDINATOR, World, build_world

WISHES = MoneyWishes(price=100, stake_coordinator=10)


def run_on(world: World, ledger: Ledger, until: Phase) -> Coordinator:
    """Carry the run to a phase."""
    coordinator, parties = world.coordinator(ledger), world.parties()
    while coordinator.state.phase is not until:
        coordinator.tick()
        for party in parties:
            note = party.read(coordinator)
            if note is not None:
                coordinator.cosigned(note)
            for message in party.speak():
                coordinator.receive(message)
    return coordinator


def fork(world: World, folder: Path) -> World:
    """Return the same world with copies of its ledger and chain."""
    folder.mkdir()
    chain = world.chain
    assert isinstance(chain, EmbeddedChain)
    for path in world.path.parent.glob("*.db*"):
        shutil.copy(path, folder / path.name)
    (file,) = {path for path in folder.glob("*.db") if path.name != world.path.name}
    copied = EmbeddedChain(file, chain.chain_id, world.clock)
    return replace(world, path=folder / world.path.name, chain=copied)


@pytest.fixture(scope="module", name="two")
def two_histories(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    """A coordinator that logs a refusal in one copy only, and anchors the round in both."""
    folder = tmp_path_factory.mktemp("two")
    ours = build_world(folder, money=WISHES)
    with ours.ledger() as ledger:
        run_on(ours, ledger, Phase.ANCHORING)
    theirs = fork(ours, folder / "theirs")
    author = ours.actors[ours.owners[0]].identity
    early = sign_record(author, ours.agreement.digest, ApprovalBody(signature="5a" * 65))
    for world in (ours, theirs):
        with world.ledger() as ledger:
            coordinator = world.coordinator(ledger)
            if world is theirs:
                coordinator._refuse(Message(early), "conflict", "in their copy only")
            coordinator.tick()  # the anchor
            coordinator.tick()  # its answer
            assert coordinator.state.phase is Phase.BETWEEN
    return ours, theirs


def test_two_histories_are_told_and_cost_the_stake(
    two: tuple[World, World], tmp_path: Path, cotrain: Cotrain
) -> None:
    ours, theirs = two
    file = tmp_path / "evidence.json"
    told = cotrain("audit", ours.path, "--against", theirs.path, "--evidence", file)
    assert told.code != 0
    with ours.ledger() as ledger:
        parted = next(
            place
            for place, (one, other) in enumerate(
                zip(ledger.entries(0, ledger.size), _entries(theirs), strict=False)
            )
            if one != other
        )
    assert f"part at entry {parted}" in told.err
    found = json.loads(file.read_text())
    assert (found["format"], found["kind"]) == ("cotrain/evidence/1", "split")
    assert "two ledgers for round 1" in found["shows"]
    chain = ours.chain
    assert chain is not None
    reporter = account_of(Identity(b"r" * 32))
    act = Act("split", "", found["to"], bytes.fromhex(found["data"][2:]), 300_000)
    assert chain.send(sign_act(reporter, act, found["chain_id"], 0, chain.fees())).succeeded
    with ours.ledger() as ledger:
        terms = money_of(ours.coordinator(ledger).state).terms
    contract, lead = load_contract(AGREEMENTS), terms.account(ours.did(COORDINATOR))
    answer = chain.call(terms.settlement.contract, contract.call("member", terms.name, lead))
    assert contract.record("member", answer)["stake"] == 0


def test_on_the_own_chain_a_split_is_for_the_other_parties_to_see(
    two: tuple[World, World], tmp_path: Path, cotrain: Cotrain
) -> None:
    ours, theirs = two
    file, home = tmp_path / "evidence.json", tmp_path / "home"
    found = cotrain(
        "evidence", "find", ours.path, "--against", theirs.path, "--out", file, "--json"
    )
    assert found.code == 0, found.err
    assert found.json["found"]["kind"] == "split"
    assert found.json["copies_part_at"] is not None
    assert "Show the file" in found.err
    assert cotrain("init", home, "--name", "Dee").code == 0
    sent = cotrain("evidence", "send", ours.path, file, "--home", home)
    sent.assert_told(5, "keeps this run's chain", "--chain-id")


def test_copies_that_part_before_an_anchor_are_told_and_are_no_evidence(
    two: tuple[World, World], tmp_path: Path, cotrain: Cotrain
) -> None:
    paths = []
    for place, world in enumerate(two):
        with world.ledger() as ledger:
            entries = [decode_record(entry, lambda *_: None) for entry in _entries(world)]
            anchored = max(
                index for index, record in enumerate(entries) if record.kind == "transaction"
            )
            lead = world.actors[COORDINATOR].identity
            log = LyingLog.after(ledger, lead, world.agreement, anchored)
        if place == 0:  # ours is one entry shorter: let it go on with something
            author = world.actors[world.owners[1]].identity
            early = sign_record(author, world.agreement.digest, ApprovalBody(signature="5a" * 65))
            body = RefusalBody(
                author=early.author,
                refused=early.kind,
                code="conflict",
                reason="in our copy only",
                evidence=blob_ref(early.data),
            )
            log.say(body, early.data)
        paths.append(tmp_path / f"{place}.db")
        log.save(paths[-1]).close()
    out = tmp_path / "evidence.json"
    found = cotrain("evidence", "find", paths[0], "--against", paths[1], "--out", out, "--json")
    assert found.code == 0, found.err
    assert found.json["copies_part_at"] is not None
    assert found.json["found"] is None
    told = cotrain("audit", paths[0], "--against", paths[1], "--evidence", out)
    assert told.code == 4
    assert "Keep both copies" in told.err
    assert not out.exists()


def _entries(world: World) -> list[bytes]:
    with world.ledger() as ledger:
        return list(ledger.entries(0, ledger.size))


def test_a_copy_that_is_behind_is_no_other_history(
    two: tuple[World, World], tmp_path: Path, cotrain: Cotrain
) -> None:
    ours, _ = two
    same = cotrain("audit", ours.path, "--against", ours.path)
    assert same.code == 0
    assert "no other history" in " ".join(same.err.split())
    behind = build_world(tmp_path, money=WISHES)
    with behind.ledger() as ledger:
        run_on(behind, ledger, Phase.ANCHORING)
    assert _entries(behind) == _entries(ours)[: len(_entries(behind))]
    for pair in ((behind.path, ours.path), (ours.path, behind.path)):
        assert cotrain("audit", pair[0], "--against", pair[1]).code == 0


def test_ledgers_of_two_runs_are_no_copies(two: tuple[World, World], tmp_path: Path) -> None:
    other = build_world(tmp_path, money=WISHES, seed="another")
    with other.ledger() as theirs, two[0].ledger() as ours:
        run_on(other, theirs, Phase.SIGNING)
        with pytest.raises(ForgeryError) as caught:
            find_parting(ours, theirs, (audit(ours), audit(theirs)))
    assert caught.value.code == "audit-copies-of-two-runs"


def test_without_money_two_histories_are_told_all_the_same(
    tmp_path: Path, cotrain: Cotrain
) -> None:
    paths = []
    for place in range(2):
        folder = tmp_path / str(place)
        folder.mkdir()
        world = build_world(folder)
        with world.ledger() as ledger:
            coordinator = run_on(world, ledger, Phase.BETWEEN)
            author = world.actors[world.owners[place]].identity
            early = sign_record(author, world.agreement.digest, ApprovalBody(signature="5a" * 65))
            coordinator._refuse(Message(early), "conflict", "in one copy only")
        paths.append(world.path)
    file = tmp_path / "evidence.json"
    told = cotrain("audit", paths[0], "--against", paths[1], "--evidence", file)
    assert told.code != 0
    assert "two histories" in told.err
    assert not file.exists(), "there is no stake to lose"


def test_evidence_needs_a_second_copy(
    two: tuple[World, World], tmp_path: Path, cotrain: Cotrain
) -> None:
    told = cotrain("audit", two[0].path, "--evidence", tmp_path / "evidence.json")
    assert told.code == 2
    assert "--against" in told.err
