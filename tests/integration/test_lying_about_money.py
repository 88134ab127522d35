"""Who lies about money, what they try, and what stops them.

The contracts' own refusals, slashing among them, are tested in `contracts/test`; the buyer's lies in
`tests/unit/test_serving.py`.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from cotrain.audit.auditor import audit
from cotrain.audit.standing import read_standing
from cotrain.errors import CotrainError, ForgeryError, RefusedError
from cotrain.flow import run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import BlobRef, Body, Consent, ReceiptBody, TransactionBody
from cotrain.records.record import Message, blob_ref, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.money import anchor_facts, checkpoint_digest, money_of, next_act
from cotrain.rounds.party import Party
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.evidence import find_split, split_act
from cotrain.settlement.transactions import sign_act
from cotrain.testing.lying import LyingLog
from cotrain.testing.world import COORDINATOR, World, build_world

WISHES = MoneyWishes(price=100, shares={COORDINATOR: 20}, stake_owner=5, stake_coordinator=10)


class Scene:
    """A run that goes on until a phase, so that somebody can lie there."""

    def __init__(self, folder: Path, until: Phase, rounds_opened: int = 0) -> None:
        self.world = build_world(folder, money=WISHES)
        self.ledger = self.world.ledger()
        self.coordinator = self.world.coordinator(self.ledger)
        self.parties = self.world.parties()
        self._until, self._rounds = until, rounds_opened
        while not self._there():
            if not self.coordinator.tick():
                self._exchange()
                self.coordinator.tick(all_spoke=not self._there())

    @property
    def state(self) -> RunState:
        return self.coordinator.state

    @property
    def run(self) -> str:
        return self.world.agreement.digest

    def _there(self) -> bool:
        return self.state.phase is self._until and len(self.state.opened) >= self._rounds

    def _exchange(self) -> None:
        for party in self.parties:
            note = party.read(self.coordinator)
            if note is not None:
                self.coordinator.cosigned(note)
            for message in party.speak():
                self.coordinator.receive(message)

    def signed(self, name: str, body: Body, *blobs: bytes) -> Message:
        identity = self.world.actors[name].identity
        named = {blob_ref(blob).sha256: blob for blob in blobs}
        return Message(sign_record(identity, self.run, body), named)

    def refusal(self, message: Message) -> CotrainError:
        """Return why everybody refuses a record now."""
        with pytest.raises(CotrainError) as caught:
            check_record(self.state, message.record, lambda ref: message.blobs[ref.sha256])
        return caught.value


@pytest.fixture(scope="module")
def anchoring(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("anchoring"), Phase.ANCHORING)


def transaction(
    scene: Scene,
    act: Act,
    *,
    by: Identity | None = None,
    number: int | None = None,
    **changed: str | None,
) -> Message:
    money = money_of(scene.state)
    lead = scene.world.actors[COORDINATOR].identity
    count = len(money.history) if number is None else number
    chain = scene.world.chain
    assert chain is not None
    raw = sign_act(account_of(by or lead), act, chain.chain_id, count, chain.fees())
    shown = checkpoint_digest(scene.state) if act.kind == "anchor" else None
    signature = None if shown is None else account_of(lead).sign(shown).hex()
    body = TransactionBody(
        act=act.kind,
        subject=act.subject,
        raw=blob_ref(raw),
        checkpoint=changed.get("checkpoint", signature),
    )
    return scene.signed(COORDINATOR, body, raw)


def blobs_of(message: Message) -> Callable[[BlobRef], bytes]:
    return lambda ref: message.blobs[ref.sha256]


def due(scene: Scene) -> Act:
    act = next_act(scene.state)
    assert act is not None
    return act


# The operator.


def test_the_due_transaction_is_taken(anchoring: Scene) -> None:
    message = transaction(anchoring, due(anchoring))
    check_record(anchoring.state, message.record, lambda ref: message.blobs[ref.sha256])


def test_an_operator_cannot_anchor_anything_but_the_round(anchoring: Scene) -> None:
    act, terms = due(anchoring), money_of(anchoring.state).terms
    call = load_contract(AGREEMENTS).call
    honest = act.data
    for place in range(0, len(honest), 7):
        false = honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :]
        error = anchoring.refusal(
            transaction(anchoring, Act(act.kind, act.subject, act.to, false, act.gas))
        )
        assert error.code == "rule-mismatch"
    for kind, function in (("refund", "refund"), ("claim", "claim"), ("revoke", "revoke")):
        arguments = (terms.name, terms.settlement.contract)[: 2 if function == "claim" else 1]
        other = Act(kind, "", act.to, call(function, *arguments), act.gas)
        assert anchoring.refusal(transaction(anchoring, other)).code == "rule-mismatch"


@pytest.mark.parametrize("phase", [Phase.ANCHORING, Phase.PAYING])
def test_an_operator_cannot_starve_what_is_due(tmp_path: Path, phase: Phase) -> None:
    """A claim that runs out of gas counts as done, and its party would not be paid."""
    scene = Scene(tmp_path, phase)
    act = due(scene)
    assert act.kind == {Phase.ANCHORING: "anchor", Phase.PAYING: "claim"}[phase]
    honest = transaction(scene, act)
    check_record(scene.state, honest.record, blobs_of(honest))
    for gas in (40_000, act.gas - 1, act.gas + 1):
        error = scene.refusal(transaction(scene, replace(act, gas=gas)))
        assert error.code == "rule-mismatch"
        assert f"says gas {gas}" in str(error)
    assert "says access list" in str(scene.refusal(with_access_list(scene, honest)))


def with_access_list(scene: Scene, message: Message) -> Message:
    """Return a transaction that also pays for naming storage which it does not need."""
    body = message.record.body
    assert isinstance(body, TransactionBody)
    fields = TypedTransaction.from_bytes(HexBytes(message.blobs[body.raw.sha256])).as_dict()
    unsigned = {name: fields[name] for name in fields if name not in {"v", "r", "s"}}
    unsigned["accessList"] = [{"address": "0x" + "11" * 20, "storageKeys": ["0x" + "00" * 32]}]
    raw = account_of(scene.world.actors[COORDINATOR].identity).sign_transaction(unsigned)
    return scene.signed(COORDINATOR, body.model_copy(update={"raw": blob_ref(raw)}), raw)


def test_everybody_stops_at_a_starved_claim(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Phase.PAYING)
    lead = scene.world.actors[COORDINATOR].identity
    log = LyingLog.after(scene.ledger, lead, scene.world.agreement, scene.ledger.size)
    log.log(transaction(scene, replace(due(scene), gas=40_000)))
    for party in scene.parties:
        with pytest.raises(ForgeryError, match="says gas 40000"):
            party.read(log)
    with log.save(tmp_path / "starved.db") as ledger:
        with pytest.raises(ForgeryError, match="says gas 40000"):
            audit(ledger)
        standing = read_standing(ledger)
    assert (standing.phase, standing.tree.size) == (Phase.PAYING, scene.state.tree.size)


def test_an_operator_cannot_anchor_without_signing_which_ledger_it_shows(anchoring: Scene) -> None:
    act, money = due(anchoring), money_of(anchoring.state)
    assert anchoring.refusal(transaction(anchoring, act, checkpoint=None)).code == "rule-mismatch"
    facts = anchor_facts(anchoring.state)
    lead = account_of(anchoring.world.actors[COORDINATOR].identity)
    number, version, size, root = facts.round, facts.version, facts.size, facts.root
    lies = [
        (number + 1, version, size, root),
        (number, version + 1, size, root),
        (number, version, size + 1, root),
        (number, version, size, bytes(32)),
    ]
    for lie in lies:
        signature = lead.sign(money.terms.domain.checkpoint(*lie)).hex()
        message = transaction(anchoring, act, checkpoint=signature)
        assert anchoring.refusal(message).code == "settlement-bad-signature"
    other = account_of(Identity(b"x" * 32)).sign(checkpoint_digest(anchoring.state)).hex()
    message = transaction(anchoring, act, checkpoint=other)
    assert anchoring.refusal(message).code == "settlement-bad-signature"


def test_an_operator_signs_for_no_ledger_but_with_an_anchor(tmp_path: Path) -> None:
    """A signature under another round or membership beside some other act would be no evidence of anything."""
    scene = Scene(tmp_path, Phase.FUNDING)
    assert due(scene).kind != "anchor"
    message = transaction(scene, due(scene))
    check_record(scene.state, message.record, blobs_of(message))
    signed = transaction(scene, due(scene), checkpoint="5a" * 65)
    assert scene.refusal(signed).code == "rule-mismatch"


def test_an_operator_that_shows_two_ledgers_loses_its_stake(tmp_path: Path) -> None:
    """The same keys and the same rounds, and another history: what each reader was shown is evidence together."""
    from cotrain.records.kinds import ApprovalBody, RefusalBody
    from cotrain.rounds.rules import apply_record

    scene = Scene(tmp_path, Phase.ANCHORING)
    ours, theirs = scene.state, copy.deepcopy(scene.state)
    owner = scene.world.owners[0]
    early = scene.signed(owner, ApprovalBody(signature="5a" * 65)).record
    refusal = RefusalBody(
        author=early.author,
        refused=early.kind,
        code="rule-out-of-turn",
        reason="in their copy only",
        evidence=blob_ref(early.data),
    )
    only_theirs = scene.signed(COORDINATOR, refusal, early.data)
    apply_record(theirs, only_theirs.record, lambda ref: only_theirs.blobs[ref.sha256])
    shown = []
    for state in (ours, theirs):
        scene.coordinator.state = state
        message = transaction(scene, due(scene))
        apply_record(state, message.record, blobs_of(message))
        shown.append(money_of(state).shown)
    assert find_split(shown[0], shown[0]) is None
    split = find_split(*shown)
    assert split is not None
    assert split[0].size + 1 == split[1].size
    chain, terms = scene.world.chain, money_of(ours).terms
    assert chain is not None
    reporter = account_of(Identity(b"r" * 32))
    raw = sign_act(reporter, split_act(terms, *split), chain.chain_id, 0, chain.fees())
    assert chain.send(raw).succeeded
    lead = terms.account(scene.world.did(COORDINATOR))
    contract = load_contract(AGREEMENTS)
    told = chain.call(terms.settlement.contract, contract.call("member", terms.name, lead))
    assert contract.record("member", told)["stake"] == 0
    twice = split_act(terms, split[0], split[0])
    raw = sign_act(reporter, twice, chain.chain_id, 1, chain.fees())
    assert not chain.send(raw).succeeded


def test_an_operator_cannot_issue_itself_credits_on_the_side(anchoring: Scene) -> None:
    terms = money_of(anchoring.state).terms
    data = load_contract(CREDITS).call("issue", terms.settlement.contract, 10**9)
    side = Act("issue", "", terms.settlement.token, data, 200_000)
    assert anchoring.refusal(transaction(anchoring, side)).code == "rule-mismatch"


def test_nobody_else_sends_for_the_operator(anchoring: Scene) -> None:
    stranger = Identity(b"x" * 32)
    assert (
        anchoring.refusal(transaction(anchoring, due(anchoring), by=stranger)).code
        == "rule-mismatch"
    )
    assert (
        anchoring.refusal(transaction(anchoring, due(anchoring), number=3)).code == "rule-mismatch"
    )
    raw = b"\x02" + b"not a transaction"
    body = TransactionBody(act="anchor", subject="", raw=blob_ref(raw), checkpoint="3c" * 65)
    assert (
        anchoring.refusal(anchoring.signed(COORDINATOR, body, raw)).code == "transaction-malformed"
    )
    owner = anchoring.world.owners[0]
    assert anchoring.refusal(anchoring.signed(owner, body, raw)).code == "rule-not-allowed"


def test_an_operator_cannot_go_on_without_the_anchor(anchoring: Scene) -> None:
    from cotrain.records.kinds import OpenBody
    from cotrain.rounds.state import weights_digest

    state = anchoring.state
    body = OpenBody(
        round=state.next_round,
        model=weights_digest(state.weights[-1]),
        beacon=state.beacon,
        time=state.last_time,
    )
    assert anchoring.refusal(anchoring.signed(COORDINATOR, body)).code == "rule-out-of-turn"


@pytest.mark.slow
def test_a_block_on_the_side_is_noticed_by_whoever_runs_all_again(tmp_path: Path) -> None:
    """A coordinator slips a stranger's transaction into its chain; its later receipts do not fit any more."""
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        run_in_process(coordinator, parties, progress=_slip_once(world, Identity(b"x" * 32)))
        assert money_of(coordinator.state).unpaid
        codes = {refusal.code for party in parties for refusal in party.refusals}
        assert codes == {"settlement-receipt-differs"}


@pytest.mark.slow
def test_an_operator_that_acts_on_the_side_with_its_own_account_cannot_go_on(
    tmp_path: Path,
) -> None:
    world = build_world(tmp_path, money=WISHES)
    lead = world.actors[COORDINATOR].identity
    with world.ledger() as ledger, pytest.raises(RefusedError) as caught:
        run_in_process(world.coordinator(ledger), world.parties(), progress=_slip_once(world, lead))
    assert caught.value.code == "chain-transaction-invalid"


def _slip_once(world: World, who: Identity) -> Callable[[RunState], None]:
    slipped: list[bool] = []

    def slip(state: RunState) -> None:
        if state.phase is Phase.ANCHORING and not slipped:
            slipped.append(True)
            _slip(world, state, account_of(who))

    return slip


def _slip(world: World, state: RunState, account: Account) -> None:
    chain, terms = world.chain, money_of(state).terms
    assert chain is not None
    data = load_contract(CREDITS).call("approve", account.address, 10**9)
    act = Act("approve", "", terms.settlement.token, data, 200_000)
    chain.send(sign_act(account, act, chain.chain_id, chain.nonce(account.address), chain.fees()))


@pytest.mark.slow
def test_an_operator_that_invents_success_gets_no_signature(tmp_path: Path) -> None:
    def invent(body: Any) -> Any:
        if isinstance(body, ReceiptBody) and not body.succeeded:
            return body.model_copy(update={"succeeded": True})
        return body

    state = run_with(tmp_path, invent)
    # The refund that found nothing due comes after the approvals: the audit sees it.
    assert state.phase is Phase.FINISHED
    with (
        Ledger.open(tmp_path / "ledger.db", read_only=True) as ledger,
        pytest.raises(ForgeryError) as caught,
    ):
        audit(ledger)
    assert caught.value.code == "settlement-receipt-differs"


def run_with(folder: Path, change: Callable[[Any], Any]) -> RunState:
    world = build_world(folder, money=WISHES)
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        _twist(coordinator, change)
        run_in_process(coordinator, world.parties())
        return coordinator.state


def _twist(coordinator: Coordinator, change: Callable[[Any], Any]) -> None:
    say = coordinator._say
    coordinator._say = lambda body, *blobs: say(change(body), *blobs)  # type: ignore[method-assign]


# The demander.


def _say_nothing(state: RunState) -> list[Message]:
    del state
    return []


@pytest.mark.slow
def test_a_demander_that_does_not_approve_stops_nobody_from_being_paid(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        parties[-1]._approve_payment = _say_nothing  # type: ignore[method-assign]
        run_in_process(coordinator, parties)
        money = money_of(coordinator.state)
        assert world.did(COORDINATOR) not in money.approvals
        assert not money.unpaid
        account = money.terms.account(world.did(world.owners[0]))
        assert world.chain is not None
        token = load_contract(CREDITS)
        held = world.chain.call(money.terms.settlement.token, token.call("balanceOf", account))
        assert token.result("balanceOf", held) == 20 * CREDIT


@pytest.mark.slow
def test_without_a_quorum_nobody_is_paid_and_the_run_ends(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        for party in parties[1:-1]:
            party._approve_payment = _say_nothing  # type: ignore[method-assign]
        run_in_process(coordinator, parties)
        assert money_of(coordinator.state).unpaid
        assert coordinator.state.phase is Phase.FINISHED
        kinds = [done.sent.act.kind for done in money_of(coordinator.state).history]
        assert "release" not in kinds


# A party.


@pytest.mark.slow
@pytest.mark.parametrize("what", ["dataset", "deadline", "permit", "nothing", "another's key"])
def test_a_consent_for_something_else_is_refused(tmp_path: Path, what: str) -> None:
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        liar = parties[0]
        liar._consent = _false_consent(liar, what)  # type: ignore[method-assign]
        with pytest.raises(RefusedError) as caught:
            run_in_process(coordinator, parties)
        assert caught.value.code == "run-aborted"
        kinds = {kind for author, kind, _ in coordinator.state.refusals if author == liar.did}
        assert kinds == {"dataset"}


def _false_consent(liar: Party, what: str) -> Callable[..., Consent | None]:
    honest = liar._consent

    def make(state: RunState, root: str | None) -> Consent | None:
        made = honest(state, "11" * 32 if what == "dataset" else root)
        assert made is not None
        other = account_of(Identity(b"x" * 32)).sign(b"\x01" * 32).hex()
        changes: dict[str, dict[str, Any]] = {
            "dataset": {},
            "deadline": {"deadline": made.deadline + 1},
            "permit": {"permit": None},
            "another's key": {"signature": other},
        }
        return None if what == "nothing" else made.model_copy(update=changes[what])

    return make


@pytest.mark.slow
def test_an_approval_or_a_revocation_by_another_account_is_refused(tmp_path: Path) -> None:
    from cotrain.records.kinds import ApprovalBody, RevocationBody

    scene = Scene(tmp_path, Phase.APPROVING)
    name, other = scene.world.owners[:2]
    said = money_of(scene.state).terms.domain.release(
        {"rounds": 9, "payouts": bytes(32), "model": bytes(32), "last": True}
    )
    own = account_of(scene.world.actors[name].identity)
    stranger = account_of(scene.world.actors[other].identity)
    for signature in (own.sign(said), stranger.sign(said)):
        error = scene.refusal(scene.signed(name, ApprovalBody(signature=signature.hex())))
        assert error.code == "settlement-bad-signature"
    late = scene.signed(name, RevocationBody(reason="", signature=own.sign(said).hex()))
    assert scene.refusal(late).code == "rule-out-of-turn"


def test_a_revocation_without_the_accounts_signature_is_refused(anchoring: Scene) -> None:
    from cotrain.records.kinds import RevocationBody

    name = anchoring.world.owners[0]
    nothing = anchoring.signed(name, RevocationBody(reason="", signature=None))
    assert anchoring.refusal(nothing).code == "rule-mismatch"
    stranger = account_of(Identity(b"x" * 32)).sign(b"\x01" * 32).hex()
    false = anchoring.signed(name, RevocationBody(reason="", signature=stranger))
    assert anchoring.refusal(false).code == "settlement-bad-signature"
