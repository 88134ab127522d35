"""Each kind of evidence, found as a person finds it and brought to a real contract: the stake is gone, the bounty paid.

Beside each the honest case: nothing is found, and the contract refuses what is made up. Two ledgers of one
coordinator are in `test_lying_about_money.py`; nodes, and the commands, in `tests/cli/test_cli_evidence.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cotrain.audit.auditor import audit
from cotrain.audit.judgement import (
    blobs_of,
    find_accused,
    judge_author,
    judge_log,
    list_refused,
)
from cotrain.audit.on_chain import anchors_on, chain_of_ledger, find_on_chain
from cotrain.errors import CotrainError, OutsideError, RefusedError
from cotrain.flow import run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import RefusalBody
from cotrain.records.record import blob_ref, decode_record
from cotrain.rounds.money import anchor_facts, money_of
from cotrain.rounds.state import Phase
from cotrain.settlement.acts import Act, AnchorFacts, anchor_act, own_revoke_act
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.evidence import find_false_anchor
from cotrain.settlement.evidence_file import (
    Evidence,
    barred_use_evidence,
    false_anchor_evidence,
    rejection_evidence,
)
from cotrain.settlement.pressing import (
    is_paid_out,
    part_act,
    parts_due,
    press,
    sender_on,
    stakes_until,
)
from cotrain.settlement.rejection import sign_rejection
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.lying import LyingLog, MalformedCiphertext, TwoFaced
from cotrain.testing.world import COORDINATOR, World, build_world

WISHES = MoneyWishes(price=100, shares={COORDINATOR: 20}, stake_owner=5, stake_coordinator=10)
REPORTER = account_of(Identity(b"r" * 32))
LIAR = "Owner 2"


@dataclass
class Scene:
    """A run that waits for the anchor of its first round, and a coordinator that may send what it likes."""

    world: World
    facts: AnchorFacts

    @property
    def chain(self) -> Chain:
        assert self.world.chain is not None
        return self.world.chain

    @property
    def terms(self) -> ContractTerms:
        return ContractTerms.of(self.world.agreement)

    @property
    def lead(self) -> Account:
        return account_of(self.world.actors[COORDINATOR].identity)

    def log_anchor(self) -> None:
        """Let the coordinator log the anchor, as every reader expects it; it is not sent."""
        with self.world.ledger() as ledger:
            assert self.world.coordinator(ledger).tick()

    def anchor(self, **changed: Any) -> None:
        """Send an anchor with other fields, behind everybody's back."""
        self.send(self.lead, anchor_act(self.terms, replace(self.facts, **changed)))

    def send(self, account: Account, act: Act) -> None:
        raw = sign_act(
            account, act, self.chain.chain_id, self.chain.nonce(account.address), self.chain.fees()
        )
        receipt = self.chain.send(raw)
        assert receipt.succeeded, load_contract(AGREEMENTS).reason(receipt.output)

    def find(self) -> Evidence | None:
        with Ledger.open(self.world.path, read_only=True) as ledger:
            report = audit(ledger)
        anchors = anchors_on(self.chain, money_of(report.state))
        return find_on_chain(self.terms, [report], self.chain, anchors)

    def stake(self, name: str) -> int:
        return int(member(self.chain, self.terms, self.world.did(name))["stake"])

    def held(self, account: str) -> int:
        return credits_of(self.chain, self.terms, account)


def member(chain: Chain, terms: ContractTerms, did: str) -> Any:
    contract = load_contract(AGREEMENTS)
    asked = contract.call("member", terms.name, terms.account(did))
    return contract.record("member", chain.call(terms.settlement.contract, asked))


def credits_of(chain: Chain, terms: ContractTerms, account: str) -> int:
    token = load_contract(CREDITS)
    asked = token.call("balanceOf", account)
    return int(token.result("balanceOf", chain.call(terms.settlement.token, asked)))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    world = build_world(tmp_path, money=WISHES)
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
        return Scene(world, anchor_facts(coordinator.state))


def check_slashed(scene: Scene, found: Evidence, subject: str, stake: int) -> None:
    """Press evidence; see that the whole stake is gone, a tenth is the reporter's, and the rest the others'."""
    chain, terms = scene.chain, scene.terms
    assert scene.stake(subject) == stake
    before = {party.did: scene.held(terms.account(party.did)) for party in terms.agreement.parties}
    done = press(chain, terms, REPORTER.address, found.act, sender_on(chain, REPORTER))
    assert (done.amount, done.bounty, done.why) == (stake, stake // 10, found.kind)
    assert done.reporter == REPORTER.address.lower()
    assert done.account == terms.account(scene.world.did(subject)).lower()
    assert scene.stake(subject) == 0
    assert scene.held(REPORTER.address) == stake // 10
    for did in parts_due(chain, terms):
        scene.send(REPORTER, part_act(terms, did))
    got = {did: scene.held(terms.account(did)) - held for did, held in before.items()}
    assert got.pop(scene.world.did(subject)) == 0
    assert stake - stake // 10 - sum(got.values()) in range(len(got))
    assert min(got.values()) > 0
    assert parts_due(chain, terms) == []
    with pytest.raises(RefusedError, match="NothingAtStake") as twice:
        press(chain, terms, REPORTER.address, found.act, sender_on(chain, REPORTER))
    assert "no stake to take" in twice.value.meaning


def check_refused(scene: Scene, made_up: Evidence, reason: str) -> None:
    """See that the contract refuses, and that nothing is sent."""
    before = scene.chain.head().block
    with pytest.raises(RefusedError, match=reason) as caught:
        press(
            scene.chain,
            scene.terms,
            REPORTER.address,
            made_up.act,
            sender_on(scene.chain, REPORTER),
        )
    assert caught.value.code == "evidence-not-taken"
    assert scene.chain.head().block == before
    assert scene.stake(COORDINATOR) == 10 * CREDIT


# Another ledger is anchored than was shown.


@pytest.mark.parametrize("later", [0, 1])
def test_a_false_anchor_costs_the_coordinator_its_stake(scene: Scene, later: int) -> None:
    scene.log_anchor()
    assert scene.find() is None, "nothing is anchored yet"
    scene.anchor(root=b"x" * 32)
    if later:
        scene.anchor(round=2, size=scene.facts.size + 30)
    found = scene.find()
    assert found is not None
    assert (found.kind, found.subject) == ("false anchor", scene.world.did(COORDINATOR))
    assert scene.facts.root.hex() in found.shows
    check_slashed(scene, found, COORDINATOR, 10 * CREDIT)


def test_an_honest_anchor_is_none(scene: Scene) -> None:
    with scene.world.ledger() as ledger:
        coordinator = scene.world.coordinator(ledger)
        assert coordinator.tick()
        assert coordinator.tick()
        shown = money_of(coordinator.state).shown[0]
        anchors = anchors_on(scene.chain, money_of(coordinator.state))
    assert scene.find() is None
    assert find_false_anchor([shown], anchors.made) is None
    (made,) = anchors.made
    assert made.facts == scene.facts
    check_refused(scene, false_anchor_evidence(scene.terms, shown, made), "NoEvidence")
    forged = replace(shown, size=shown.size + 1)
    check_refused(scene, false_anchor_evidence(scene.terms, forged, made), "BadSignature")
    unknown = replace(made, before=bytes(32))
    check_refused(scene, false_anchor_evidence(scene.terms, forged, unknown), "NotAnchored")


def test_evidence_that_rounds_overtook_is_written_again(scene: Scene) -> None:
    scene.log_anchor()
    scene.anchor(root=b"x" * 32)
    stale = scene.find()
    scene.anchor(round=2)
    assert stale is not None
    with pytest.raises(RefusedError, match="NotAnchored") as caught:
        press(
            scene.chain, scene.terms, REPORTER.address, stale.act, sender_on(scene.chain, REPORTER)
        )
    assert "evidence find" in caught.value.hint
    fresh = scene.find()
    assert fresh is not None
    check_slashed(scene, fresh, COORDINATOR, 10 * CREDIT)


def test_a_node_that_leaves_anchors_out_is_told(scene: Scene) -> None:
    scene.anchor()
    with Ledger.open(scene.world.path, read_only=True) as ledger:
        money = money_of(audit(ledger).state)
    scene.chain.events = lambda *_: []  # type: ignore[method-assign]
    with pytest.raises(OutsideError, match="anchored 1 rounds") as caught:
        anchors_on(scene.chain, money)
    assert caught.value.code == "evidence-anchors-missing"


def test_an_anchor_that_is_not_in_plain_is_not_passed_over_in_silence(scene: Scene) -> None:
    scene.anchor(root=b"x" * 32)
    with Ledger.open(scene.world.path, read_only=True) as ledger:
        money = money_of(audit(ledger).state)
    sent_in = scene.chain.sent_in
    scene.chain.sent_in = lambda entry: sent_in(entry)[:-1]  # type: ignore[method-assign]
    anchors = anchors_on(scene.chain, money)
    assert (anchors.made, anchors.unread) == ((), (1,))


def test_where_there_is_no_contract_nothing_is_sent(scene: Scene, tmp_path: Path) -> None:
    scene.log_anchor()
    scene.anchor(root=b"x" * 32)
    found = scene.find()
    assert found is not None
    (tmp_path / "empty").mkdir()
    empty = build_world(tmp_path / "empty", money=WISHES).chain
    assert empty is not None
    with pytest.raises(RefusedError) as caught:
        press(empty, scene.terms, REPORTER.address, found.act, sender_on(empty, REPORTER))
    assert caught.value.code == "evidence-no-contract"
    assert empty.head().block == 0


# An owner that had revoked is in an anchored round.


def revoke(scene: Scene) -> int:
    """Let an owner revoke on the chain, and some time pass; return when it did."""
    scene.world.clock.advance(10)
    owner = scene.world.actors[LIAR].identity
    scene.send(account_of(owner), own_revoke_act(scene.terms, owner.did))
    revoked = scene.world.clock.now()
    scene.world.clock.advance(10)
    return revoked


def test_a_round_with_a_revoked_owner_costs_the_coordinator_its_stake(scene: Scene) -> None:
    revoked = revoke(scene)
    scene.anchor(version=scene.facts.version + 1, opened=revoked + 1)
    found = scene.find()
    assert found is not None
    assert (found.kind, found.subject) == ("revoked owner", scene.world.did(COORDINATOR))
    assert LIAR in found.shows
    check_slashed(scene, found, COORDINATOR, 10 * CREDIT)


def test_a_round_that_was_open_already_is_none(scene: Scene) -> None:
    from cotrain.settlement.evidence import Leaver, find_barred_use, read_leavers

    revoked = revoke(scene)
    scene.anchor(version=scene.facts.version + 1, opened=revoked)
    assert scene.find() is None
    with Ledger.open(scene.world.path, read_only=True) as ledger:
        report = audit(ledger)
    anchors = anchors_on(scene.chain, money_of(report.state))
    (leaver,) = read_leavers(scene.chain, scene.terms)
    did = scene.world.did(LIAR)
    assert leaver == Leaver(did, scene.terms.account(did), revoked, 0)
    takers = {1: report.state.opened[0][1]}
    earlier = replace(leaver, time=revoked - 1)
    made_up = find_barred_use(scene.terms, anchors.made, [earlier], takers)
    assert made_up is not None
    check_refused(scene, barred_use_evidence(scene.terms, made_up), "NoEvidence")


# A record that a quorum rejects.


@dataclass
class Refused:
    """A finished run in which one owner's submissions were refused."""

    world: World
    entry: int

    def __post_init__(self) -> None:
        self.terms = ContractTerms.of(self.world.agreement)


def finish_with(folder: Path, lie: Any) -> Refused:
    world = build_world(folder, money=WISHES)
    world.actors[LIAR].make = lie
    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), world.parties())
        ((entry, body), *_) = list_refused(ledger)
    assert (body.author, body.refused) == (world.did(LIAR), "submission")
    return Refused(world, entry)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Refused:
    return finish_with(tmp_path_factory.mktemp("refused"), MalformedCiphertext)


@pytest.fixture
def copy_of(refused: Refused) -> Iterator[Ledger]:
    with Ledger.open(refused.world.path, read_only=True) as ledger:
        yield ledger


def test_a_refused_record_is_judged_by_each_and_costs_its_author_the_stake(
    refused: Refused, copy_of: Ledger
) -> None:
    world, terms = refused.world, refused.terms
    judged = judge_author(copy_of, find_accused(copy_of, refused.entry), blobs_of(copy_of, {}))
    assert judged.subject.name == LIAR
    assert judged.rejection.round == 1
    assert "ciphertext" in judged.why
    signed = [
        sign_rejection(
            terms,
            judged.rejection,
            world.did(name),
            account_of(world.actors[name].identity),
            judged.why,
        )
        for name in ("Owner 1", "Owner 3", COORDINATOR)
    ]
    found = rejection_evidence(terms, signed)
    assert world.chain is not None
    assert is_paid_out(world.chain, terms)
    assert stakes_until(world.chain, terms) > world.clock.now()
    scene = Scene(world, AnchorFacts(0, 0, 0, 0, 0, b"", b"", b""))
    check_slashed(scene, found, LIAR, 5 * CREDIT)


def refusal_of(do: Any) -> CotrainError:
    with pytest.raises(CotrainError) as caught:
        do()
    return caught.value


def test_a_record_in_order_is_not_rejected(refused: Refused, copy_of: Ledger) -> None:
    """Whoever asks, and whatever the coordinator says: each honest record of each kind."""
    kinds = set()
    for index in range(1, copy_of.size):
        accused = find_accused(copy_of, index)
        lied = accused.record.author == refused.world.did(LIAR) and accused.entry is None
        if lied or accused.record.kind in kinds:
            continue
        error = refusal_of(lambda a=accused: judge_author(copy_of, a, blobs_of(copy_of, {})))
        judged = {"signature", "dataset", "submission", "check", "release", "approval"}
        in_order = accused.record.kind in judged
        assert error.code == (
            "evidence-record-in-order" if in_order else "evidence-kind-not-judged"
        )
        kinds.add(accused.record.kind)
        error = refusal_of(lambda a=accused: judge_log(copy_of, a, blobs_of(copy_of, {})))
        assert error.code == "evidence-entry-in-order"
    assert {"signature", "dataset", "submission", "check", "release", "approval"} <= kinds


def log_of(refused: Refused, ledger: Ledger, size: int) -> LyingLog:
    identity = refused.world.actors[COORDINATOR].identity
    return LyingLog.after(ledger, identity, refused.world.agreement, size)


def refuse_in(log: LyingLog, data: bytes) -> int:
    """Let a coordinator log that it refused a record; return the entry."""
    record = decode_record(data, lambda *_: None)
    body = RefusalBody(
        author=record.author,
        refused=record.kind,
        code="rule-mismatch",
        reason="so they say",
        evidence=blob_ref(data),
    )
    log.say(body, data)
    return len(log.history) - 1


def judge_in(log: LyingLog, folder: Path, entry: int, *cosigners: Identity) -> Any:
    with log.save(folder / "copy.db", cosigners) as ledger:
        return judge_author(ledger, find_accused(ledger, entry), blobs_of(ledger, {}))


def test_an_honest_record_refused_in_a_later_round_is_not_rejected(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    """The coordinator keeps a submission back, and says in a later round, truly, that it does not fit there."""
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    honest = next(
        r for r in records if r.kind == "submission" and r.author == refused.world.did("Owner 1")
    )
    later = [i for i, r in enumerate(records) if r.kind == "open"][1] + 1
    log = log_of(refused, copy_of, later)
    entry = refuse_in(log, honest.data)
    owner = refused.world.actors["Owner 1"].identity
    error = refusal_of(lambda: judge_in(log, tmp_path, entry, owner))
    assert error.code == "evidence-record-in-order"


def test_a_record_for_another_history_is_not_rejected(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    """A coordinator shows one owner another opening of the round, and the others what the owner answered to it."""
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    opened = next(i for i, r in enumerate(records) if r.kind == "open")
    honest = next(
        r for r in records if r.kind == "submission" and r.author == refused.world.did("Owner 1")
    )
    log = log_of(refused, copy_of, opened + 1)
    log.amend(opened, time=records[opened].body.time + 1)  # type: ignore[attr-defined]
    entry = refuse_in(log, honest.data)
    error = refusal_of(lambda: judge_in(log, tmp_path, entry))
    assert error.code == "evidence-author-not-here"
    (tmp_path / "seen").mkdir()
    seen = refused.world.actors["Owner 1"].identity
    assert judge_in(log, tmp_path / "seen", entry, seen).error.code == "rule-mismatch"


def test_a_record_of_a_round_that_the_copy_has_not_come_to_is_not_rejected(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    opened = next(i for i, r in enumerate(records) if r.kind == "open")
    last = [r for r in records if r.kind == "submission"][-1]
    assert last.body.round == 1  # type: ignore[attr-defined]
    log = log_of(refused, copy_of, opened + 1)
    entry = refuse_in(log, last.data)
    author = next(
        actor.identity
        for actor in refused.world.actors.values()
        if actor.identity.did == last.author
    )
    assert refusal_of(lambda: judge_in(log, tmp_path, entry, author)).code == "evidence-no-lie"


def test_what_is_not_here_is_not_judged(refused: Refused, copy_of: Ledger, tmp_path: Path) -> None:
    accused = find_accused(copy_of, refused.entry)
    log = log_of(refused, copy_of, copy_of.size)
    name = accused.record.body.ciphertext.sha256  # type: ignore[attr-defined]
    kept = log.blobs.pop(name)
    liar = refused.world.actors[LIAR].identity
    with log.save(tmp_path / "copy.db", [liar]) as ledger:
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
        assert error.code == "evidence-no-blob"
        assert name in str(error)
        assert judge_author(ledger, accused, blobs_of(ledger, {name: kept})).subject.name == LIAR
        wrong = blobs_of(ledger, {name: kept + b"\0"})
        assert refusal_of(lambda: judge_author(ledger, accused, wrong)).code == "evidence-no-blob"


def test_a_record_of_another_run_is_not_judged(refused: Refused, copy_of: Ledger) -> None:
    accused = find_accused(copy_of, refused.entry)
    elsewhere = replace(accused, record=replace(accused.record, run="0" * 64))
    error = refusal_of(lambda: judge_author(copy_of, elsewhere, blobs_of(copy_of, {})))
    assert error.code == "evidence-other-run"


def test_a_wrong_entry_is_the_coordinators_and_its_authors(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    """A coordinator that goes along with a liar and logs what everybody else refuses."""
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    accused = find_accused(copy_of, refused.entry)
    opened = next(i for i, r in enumerate(records) if r.kind == "open")
    log = log_of(refused, copy_of, opened + 1)
    log.history.append(accused.record.data)
    liar = refused.world.actors[LIAR].identity
    with log.save(tmp_path / "copy.db", [liar]) as ledger:
        assert f"entry {opened + 1} is wrong" in str(refusal_of(lambda: audit(ledger)))
        wrong, blobs = find_accused(ledger, opened + 1), blobs_of(ledger, {})
        assert judge_author(ledger, wrong, blobs).subject.name == LIAR
        judged = judge_log(ledger, wrong, blobs)
        assert judged.subject.name == COORDINATOR
        assert judged.rejection.record == accused.record.digest


def test_a_false_entry_of_the_coordinator_is_judged(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    closed = next(i for i, r in enumerate(records) if r.kind == "close")
    log = log_of(refused, copy_of, closed + 1)
    log.amend(closed, submissions="1" * 64)
    log.say(RefusalBody(author=refused.world.did(LIAR), refused="check", code="x", reason="",
                        evidence=blob_ref(records[1].data)), records[1].data)  # fmt: skip
    with log.save(tmp_path / "copy.db") as ledger:
        judged = judge_log(ledger, find_accused(ledger, closed), blobs_of(ledger, {}))
        assert (judged.subject.name, judged.error.code) == (COORDINATOR, "rule-mismatch")
        after = find_accused(ledger, closed)
        behind = replace(after, entry=closed + 1)
        error = refusal_of(lambda: judge_log(ledger, behind, blobs_of(ledger, {})))
        assert error.code == "evidence-entry-in-order", "behind a wrong entry nothing is judged"


def test_a_late_record_is_not_rejected(refused: Refused, copy_of: Ledger, tmp_path: Path) -> None:
    """Refused for when it came, not for what it says."""
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    check = next(r for r in records if r.kind == "check")
    owner = next(
        actor.identity
        for actor in refused.world.actors.values()
        if actor.identity.did == check.author
    )
    opened = next(i for i, r in enumerate(records) if r.kind == "open")
    log = log_of(refused, copy_of, opened + 1)
    entry = refuse_in(log, check.data)
    assert refusal_of(lambda: judge_in(log, tmp_path, entry, owner)).code == "evidence-no-lie"


@pytest.mark.slow
def test_the_second_of_two_records_is_not_false_by_itself(tmp_path: Path) -> None:
    said = finish_with(tmp_path, TwoFaced)
    with Ledger.open(said.world.path, read_only=True) as ledger:
        accused = find_accused(ledger, said.entry)
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
    assert error.code == "evidence-record-in-order"


def test_the_runs_own_chain_from_its_ledger(refused: Refused, copy_of: Ledger) -> None:
    report = audit(copy_of)
    chain = chain_of_ledger(money_of(report.state))
    try:
        anchors = anchors_on(chain, money_of(report.state))
        assert [made.round for made in anchors.made] == [1, 2]
        assert find_on_chain(refused.terms, [report], chain, anchors) is None
    finally:
        chain.close()
