"""Each kind of evidence, found as a person finds it and brought to a real contract: the stake is gone, the bounty paid.

Beside each the honest case: nothing is found, and the contract refuses what is made up. Two ledgers of one
coordinator are in `test_lying_about_money.py`; nodes, and the commands, in `tests/cli/test_cli_evidence.py`.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.audit.judgement import (
    blobs_of,
    find_accused,
    judge_author,
    judge_log,
    list_refused,
)
from cotrain.audit.on_chain import anchors_on, chain_of_ledger, find_on_chain
from cotrain.audit.standing import read_standing
from cotrain.cli.pressing import Case, check_over, press_on_node
from cotrain.errors import CotrainError, OutsideError, RefusedError, UsageError
from cotrain.flow import run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import RefusalBody, SubmissionBody
from cotrain.records.record import blob_ref, decode_record
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import anchor_facts, money_of
from cotrain.rounds.state import Phase
from cotrain.rounds.witness import log_policy, witness_signer
from cotrain.serving.session import Shop
from cotrain.settlement.acts import Act, AnchorFacts, anchor_act, own_revoke_act
from cotrain.settlement.anchors import anchor_digest, link
from cotrain.settlement.chain.chain import Chain, LogEntry, Receipt
from cotrain.settlement.chain.embedded import EmbeddedChain
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
    part_act,
    parts_due,
    press,
    sender_on,
    stakes_until,
)
from cotrain.settlement.rejection import sign_rejection
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.determinism import ManualClock
from cotrain.testing.false_proofs import FlippedProof, WithoutNoise
from cotrain.testing.lying import LyingLog, MalformedCiphertext, TwoFaced, restate
from cotrain.testing.world import COORDINATOR, World, build_world

pytestmark = pytest.mark.slow

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

    def case(self, found: Evidence) -> Case:
        """Return evidence with what the ledger says."""
        with Ledger.open(self.world.path, read_only=True) as ledger:
            return Case(read_standing(ledger), self.terms, found)

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


@pytest.fixture(scope="module")
def anchoring(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A run that waits for its first anchor; tests get copies."""
    world = build_world(tmp_path_factory.mktemp("anchoring"), money=WISHES)
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


@contextmanager
def forked(world: World, folder: Path) -> Iterator[World]:
    """Copy a world's ledger and chain, so that a test may change them."""
    folder.mkdir()
    for path in world.path.parent.glob("*.db*"):
        shutil.copy(path, folder / path.name)
    assert world.chain is not None
    clock = ManualClock(world.clock.now())
    with EmbeddedChain(folder / "chain.db", world.chain.chain_id, clock) as chain:
        yield replace(world, path=folder / world.path.name, clock=clock, chain=chain)


@pytest.fixture
def scene(anchoring: Scene, tmp_path: Path) -> Iterator[Scene]:
    with forked(anchoring.world, tmp_path / "scene") as world:
        yield Scene(world, anchoring.facts)


def check_slashed(scene: Scene, found: Evidence, subject: str, stake: int) -> None:
    """Press evidence; see that the whole stake is gone, a tenth is the reporter's, and the rest the others'."""
    chain, terms = scene.chain, scene.terms
    assert scene.stake(subject) == stake > 0
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


def test_every_anchor_is_shown_by_its_own_path(scene: Scene) -> None:
    scene.anchor()
    scene.anchor(round=2, size=scene.facts.size + 30)
    with Ledger.open(scene.world.path, read_only=True) as ledger:
        money = money_of(audit(ledger).state)
    contract = load_contract(AGREEMENTS)
    asked = contract.call("live", scene.terms.name)
    live = contract.record("live", scene.chain.call(scene.terms.settlement.contract, asked))
    made = anchors_on(scene.chain, money).made
    assert [item.round for item in made] == [1, 2]
    for item in made:
        head = link(item.before, anchor_digest(item.facts))
        for digest in item.later:
            head = link(head, digest)
        assert head == live["head"]
    events = scene.chain.events
    scene.chain.events = lambda *given: [*events(*given)[:-2], *reversed(events(*given)[-2:])]  # type: ignore[method-assign]
    with pytest.raises(OutsideError, match="do not lead to its head"):
        anchors_on(scene.chain, money)


def test_an_anchor_that_is_not_in_plain_is_not_passed_over_in_silence(scene: Scene) -> None:
    scene.anchor(root=b"x" * 32)
    with Ledger.open(scene.world.path, read_only=True) as ledger:
        money = money_of(audit(ledger).state)
    sent_in = scene.chain.sent_in
    scene.chain.sent_in = lambda entry: sent_in(entry)[:-1]  # type: ignore[method-assign]
    anchors = anchors_on(scene.chain, money)
    assert (anchors.made, anchors.unread) == ((), (1,))
    other = anchor_act(scene.terms, scene.facts)
    raw = sign_act(scene.lead, other, scene.chain.chain_id, 0, scene.chain.fees())
    scene.chain.sent_in = lambda entry: raw  # type: ignore[method-assign]  # noqa: ARG005
    anchors = anchors_on(scene.chain, money)
    assert (anchors.made, anchors.unread) == ((), (1,)), "it is not what was told"


def test_anchors_of_another_agreement_on_the_same_contract_are_left_alone(scene: Scene) -> None:
    scene.log_anchor()
    scene.anchor(root=b"x" * 32)
    events = scene.chain.events

    def both(address: str, first_block: int = 0) -> list[LogEntry]:
        told = list(events(address, first_block))
        last = told[-1]
        topics = (last.topics[0], b"o" * 32, *last.topics[2:])
        return [replace(last, topics=topics), *told]

    scene.chain.events = both  # type: ignore[method-assign]
    found = scene.find()
    assert found is not None
    check_slashed(scene, found, COORDINATOR, 10 * CREDIT)


def test_whoever_comes_second_is_told_and_gets_nothing(scene: Scene) -> None:
    scene.log_anchor()
    scene.anchor(root=b"x" * 32)
    found = scene.find()
    assert found is not None
    chain, other, slow = (
        scene.chain,
        account_of(Identity(b"q" * 32)),
        sender_on(scene.chain, REPORTER),
    )

    def overtaken(act: Act) -> Receipt:
        press(chain, scene.terms, other.address, act, sender_on(chain, other))
        return slow(act)

    with pytest.raises(OutsideError, match="NothingAtStake") as caught:
        press(chain, scene.terms, REPORTER.address, found.act, overtaken)
    assert caught.value.code == "evidence-overtaken"
    assert scene.held(REPORTER.address) == 0
    assert scene.held(other.address) == CREDIT


def test_before_the_run_is_paid_evidence_waits(scene: Scene) -> None:
    """What it takes would come with the payments; and the coordinator's account sends only what the run needs."""
    scene.log_anchor()
    scene.anchor(root=b"x" * 32)
    found = scene.find()
    assert found is not None
    lead, stranger = scene.world.actors[COORDINATOR].identity, Identity(b"r" * 32)
    options = {"pay_others": False}
    for who, now, code in (
        (stranger, False, "evidence-early"),
        (lead, True, "evidence-own-coordinator"),
    ):
        with pytest.raises(RefusedError) as caught:
            press_on_node(scene.chain, scene.case(found), who, now=now, **options)
        assert caught.value.code == code
    assert scene.stake(COORDINATOR) == 10 * CREDIT
    case = scene.case(found)
    done, paid = press_on_node(scene.chain, case, stranger, now=True, pay_others=True)
    assert (done.bounty, paid) == (CREDIT, []), "the others are paid with the run"


def test_on_the_own_chain_the_run_comes_first(scene: Scene) -> None:
    with scene.world.ledger() as ledger:
        coordinator = scene.world.coordinator(ledger)
        lead = scene.world.actors[COORDINATOR].identity
        shop = Shop(lead, coordinator, scene.chain, scene.world.clock, MemoryJournal())
        with pytest.raises(RefusedError) as caught:
            check_over(shop)
    assert caught.value.code == "evidence-run-goes-on"


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
    with pytest.raises(RefusedError) as caught:
        press_on_node(empty, scene.case(found), Identity(b"r" * 32), now=False, pay_others=False)
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


def finish_with(folder: Path, lie: Any, **options: Any) -> Refused:
    world = build_world(folder, money=WISHES, **options)
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
    refused: Refused, copy_of: Ledger, tmp_path: Path
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
    nothing = AnchorFacts(0, 0, 0, 0, 0, b"", b"", b"")
    with forked(world, tmp_path / "one") as one:
        check_slashed(Scene(one, nothing), found, LIAR, 5 * CREDIT)
    with forked(world, tmp_path / "two") as two:
        chain, stranger = Scene(two, nothing).chain, Identity(b"r" * 32)
        case = Scene(two, nothing).case(found)
        assert case.over
        before = [credits_of(chain, terms, terms.account(did)) for did in dids(world)]
        done, paid = press_on_node(chain, case, stranger, now=False, pay_others=True)
        after = [credits_of(chain, terms, terms.account(did)) for did in dids(world)]
        assert (done.amount, done.bounty) == (5 * CREDIT, CREDIT // 2)
        assert set(paid) == set(dids(world)) - {world.did(LIAR)}
        rest = sum(after) - sum(before)
        assert 0 <= done.amount - done.bounty - rest < len(paid)
    with forked(world, tmp_path / "three") as three:
        scene = Scene(three, nothing)
        three.clock.advance(stakes_until(scene.chain, terms) - three.clock.now())
        with pytest.raises(RefusedError, match="TooLate"):
            press(scene.chain, terms, REPORTER.address, found.act, sender_on(scene.chain, REPORTER))


def dids(world: World) -> list[str]:
    return [world.did(name) for name in world.actors]


def test_what_is_for_receivers_only_is_not_kept_with_a_refusal(
    refused: Refused, copy_of: Ledger
) -> None:
    body = find_accused(copy_of, refused.entry).record.body
    assert isinstance(body, SubmissionBody)
    assert copy_of.blob(bytes.fromhex(body.ciphertext.sha256))
    with pytest.raises(UsageError, match="there is no blob"):
        copy_of.blob(bytes.fromhex(body.sealed_shares.sha256))


def test_a_copy_that_is_not_in_order_judges_nobody(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    accused, liar = find_accused(copy_of, refused.entry), refused.world.actors[LIAR].identity
    log = log_of(refused, copy_of, copy_of.size)
    with log.save(tmp_path / "unsigned.db", [liar]) as ledger:
        ledger.append([log.history[-1]])
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
        assert error.code == "audit-unsigned-entries"
    log.save(tmp_path / "tampered.db", [liar]).close()
    with closing(sqlite3.connect(tmp_path / "tampered.db")) as db, db:
        triggers = db.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 0")
        for _, again in triggers:
            db.execute(again)
    with Ledger.open(tmp_path / "tampered.db", read_only=True) as ledger:
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
    assert error.code == "ledger-tampered"


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
        if accused.record.kind not in {"submission", "close"}:
            continue
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


def test_an_author_must_have_seen_what_its_record_answers_to_and_no_more(
    refused: Refused, copy_of: Ledger, tmp_path: Path
) -> None:
    """It cosigned the ledger without the opening of the round, and then with it; never what came after."""
    records = [decode_record(entry, lambda *_: None) for entry in copy_of.entries(0, copy_of.size)]
    opened = next(i for i, r in enumerate(records) if r.kind == "open")
    closed = next(i for i, r in enumerate(records) if r.kind == "close")
    accused, liar = find_accused(copy_of, refused.entry), refused.world.actors[LIAR].identity
    policy, log = log_policy(refused.world.agreement), log_of(refused, copy_of, closed)
    with log.save(tmp_path / "copy.db") as ledger:
        for size, code in ((opened, "evidence-author-not-here"), (opened + 1, None)):
            note = cosign(log_of(refused, copy_of, size)._note(), witness_signer(liar), 0)
            ledger.add_checkpoint(note.encode(), policy)
            if code is None:
                judged = judge_author(ledger, accused, blobs_of(ledger, {}))
                assert judged.entries == opened + 1
            else:
                error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
                assert error.code == code


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


def test_the_second_of_two_records_is_not_false_by_itself(tmp_path: Path) -> None:
    said = finish_with(tmp_path, TwoFaced)
    with Ledger.open(said.world.path, read_only=True) as ledger:
        accused = find_accused(ledger, said.entry)
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
    assert error.code == "evidence-record-in-order"


@pytest.mark.parametrize("lie", [FlippedProof, WithoutNoise])
def test_a_false_proof_is_kept_with_its_refusal_and_verified_again(
    tmp_path: Path, lie: Any
) -> None:
    wishes = Wishes("Proven", rounds=2, epsilon="8", colluders=1, survivors=3)
    said = finish_with(tmp_path, lie, wishes=wishes, assurance="proven")
    with Ledger.open(said.world.path, read_only=True) as ledger:
        accused = find_accused(ledger, said.entry)
        judged = judge_author(ledger, accused, blobs_of(ledger, {}))
        assert judged.error.code in {"proof-false", "proof-encoding"}
        honest = next(
            index
            for index in range(ledger.size)
            if (record := find_accused(ledger, index).record).kind == "submission"
            and record.author != said.world.did(LIAR)
        )
        accused = find_accused(ledger, honest)
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
        assert error.code == "evidence-record-in-order"


def test_of_two_with_one_commitment_the_later_is_not_rejected(tmp_path: Path) -> None:
    """Without proofs nobody can tell who copied: refused when it was logged second, in order before."""
    world = build_world(tmp_path)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        coordinator.tick()
        while coordinator.state.phase is not Phase.SUBMITTING:
            for party in parties:
                party.read(coordinator)
                for message in party.speak():
                    coordinator.receive(message)
            coordinator.tick()
        for party in parties[:2]:
            party.read(coordinator)
        first, second = (party.speak()[0] for party in parties[:2])
        copied = first.blobs[first.record.body.commitments.sha256]  # type: ignore[attr-defined]
        twisted = restate(parties[1].identity, second, {"commitments": copied})
        assert coordinator.receive(first)
        assert coordinator.receive(twisted)
        coordinator.tick(all_spoke=True)
        ((entry, body),) = list_refused(ledger)
        assert (body.author, body.code) == (parties[1].did, "rule-mismatch")
        accused = find_accused(ledger, entry)
        error = refusal_of(lambda: judge_author(ledger, accused, blobs_of(ledger, {})))
        assert error.code == "evidence-record-in-order", "with all that it names kept"


def test_the_runs_own_chain_from_its_ledger(refused: Refused, copy_of: Ledger) -> None:
    report = audit(copy_of)
    chain = chain_of_ledger(money_of(report.state))
    try:
        anchors = anchors_on(chain, money_of(report.state))
        assert [made.round for made in anchors.made] == [1, 2]
        assert find_on_chain(refused.terms, [report], chain, anchors) is None
    finally:
        chain.close()
