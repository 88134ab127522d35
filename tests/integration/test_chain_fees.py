"""Fees that rise while a transaction waits: the same is offered more for, and whichever enters a block counts."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from probe import nodes
from probe.calls import Caller, an_account

from cotrain.audit.auditor import audit
from cotrain.errors import CotrainError, OutsideError
from cotrain.flow import let_all_read, run_in_process
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock
from cotrain.records.kinds import ReceiptBody, TransactionBody
from cotrain.records.record import Record, blob_ref, decode_record, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import money_of, next_act
from cotrain.rounds.money_state import Sent
from cotrain.rounds.rules import apply_record, check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.serving.session import Shop
from cotrain.settlement.acts import later_act
from cotrain.settlement.chain.chain import Fees, OutbidError, Receipt
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.direct import revoke_directly
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.fees import is_raised, raise_fees
from cotrain.settlement.terms import EMBEDDED_CHAIN, ContractTerms
from cotrain.settlement.transactions import read_transaction, sign_act
from cotrain.testing.world import COORDINATOR, World, build_world

DEVELOPMENT = 31337


@pytest.fixture
def node() -> Iterator[str]:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        yield url


# How much more.


@pytest.mark.parametrize(
    ("offered", "asked", "expected"),
    [
        (Fees(100, 8), Fees(500, 20), Fees(500, 20)),
        (Fees(100, 8), Fees(101, 3), Fees(113, 10)),
        (Fees(100, 8), Fees(500, 3), Fees(500, 10)),
        (Fees(0, 0), Fees(0, 0), Fees(1, 1)),
        (Fees(10**12, 10**9), Fees(0, 0), Fees(10**12 * 9 // 8 + 1, 10**9 * 9 // 8 + 1)),
    ],
)
def test_what_is_asked_and_an_eighth_more_at_least(
    offered: Fees, asked: Fees, expected: Fees
) -> None:
    assert raise_fees(offered, asked) == expected
    assert is_raised(offered, expected)


def test_a_tenth_more_in_both_fees_and_not_less() -> None:
    before = Fees(1000, 100)
    assert is_raised(before, Fees(1100, 110))
    for most, tip in ((1099, 110), (1100, 109), (1100, 100), (1000, 110), (1000, 100), (0, 0)):
        assert not is_raised(before, Fees(most, tip))
    assert not is_raised(Fees(0, 0), Fees(1, 0))


# The rules.


def world_with(folder: Path, chain_id: int) -> World:
    return build_world(
        folder, money=MoneyWishes(price=10, shares={COORDINATOR: 20}, chain_id=chain_id)
    )


def stop(when: Callable[[RunState], bool], world: World, ledger: Ledger) -> Coordinator:
    """Run until a state, and stop there."""
    coordinator = world.coordinator(ledger)

    def watch(state: RunState) -> None:
        if when(state):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_process(coordinator, world.parties(), progress=watch)
    return coordinator


def waits(state: RunState) -> bool:
    return state.money is not None and state.money.sent is not None


def waiting_in(state: RunState) -> Sent:
    waiting = money_of(state).waiting
    assert waiting is not None
    return waiting


class Waiting:
    """A run whose first transaction waits, on a chain with the number of a development chain."""

    def __init__(self, folder: Path, chain_id: int = DEVELOPMENT) -> None:
        self.world = world_with(folder, chain_id)
        self.ledger = self.world.ledger()
        self.coordinator = stop(waits, self.world, self.ledger)
        self.hub = self.world.actors[COORDINATOR].identity

    @property
    def state(self) -> RunState:
        return self.coordinator.state

    def further(
        self, fees: Fees, *, by: Identity | None = None, **changes: Any
    ) -> tuple[Record, bytes]:
        """Return a further offer for what waits, changed in something; `by` is who signs the transaction."""
        waiting = waiting_in(self.state)
        act = replace(
            waiting.act, **{k: v for k, v in changes.items() if k in {"to", "data", "gas"}}
        )
        number = changes.get("number", read_transaction(waiting.raw).number)
        chain_id = money_of(self.state).terms.settlement.chain_id
        raw = sign_act(account_of(by or self.hub), act, chain_id, number, fees)
        body = TransactionBody(
            act=changes.get("act", act.kind),
            subject=changes.get("subject", act.subject),
            raw=blob_ref(raw),
            checkpoint=changes.get("checkpoint"),
        )
        author = changes.get("author", self.hub)
        return sign_record(author, self.world.agreement.digest, body), raw

    def take(self, fees: Fees) -> Record:
        record, raw = self.further(fees)
        apply_record(self.state, record, lambda _: raw)
        return record

    def refusal(self, fees: Fees, **changes: Any) -> str:
        record, raw = self.further(fees, **changes)
        with pytest.raises(CotrainError) as refused:
            check_record(self.state, record, lambda _: raw)
        return refused.value.code


@pytest.fixture(name="waiting")
def fixture_waiting(tmp_path: Path) -> Iterator[Waiting]:
    made = Waiting(tmp_path)
    yield made
    made.ledger.close()


ENOUGH = Fees(1000, 100)


def test_nothing_but_the_fees_may_differ(waiting: Waiting) -> None:
    record, raw = waiting.further(ENOUGH)
    check_record(waiting.state, record, lambda _: raw)
    act, owner = waiting_in(waiting.state).act, waiting.world.actors["Owner 1"].identity
    changes: list[dict[str, Any]] = [
        {"data": act.data + b"\0"},
        {"gas": act.gas + 1},
        {"to": "0x" + "11" * 20},
        {"number": 1},
        {"by": owner},
        {"act": "issue"},
        {"subject": "Agreements"},
        {"checkpoint": "5a" * 65},
    ]
    assert {waiting.refusal(ENOUGH, **change) for change in changes} == {"rule-mismatch"}
    assert waiting.refusal(ENOUGH, author=owner) == "rule-not-allowed"


def test_a_further_offer_names_no_storage_either(waiting: Waiting) -> None:
    record, raw = waiting.further(ENOUGH)
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    unsigned = {name: fields[name] for name in fields if name not in {"v", "r", "s"}}
    unsigned["accessList"] = [{"address": "0x" + "11" * 20, "storageKeys": []}]
    listed = account_of(waiting.hub).sign_transaction(unsigned)
    assert isinstance(record.body, TransactionBody)
    body = record.body.model_copy(update={"raw": blob_ref(listed)})
    record = sign_record(waiting.hub, waiting.world.agreement.digest, body)
    with pytest.raises(CotrainError, match="says access_list"):
        check_record(waiting.state, record, lambda _: listed)


def test_each_offer_is_a_tenth_above_the_last(waiting: Waiting) -> None:
    waiting.take(ENOUGH)
    for fees in (ENOUGH, Fees(1099, 110), Fees(1100, 109), Fees(1, 1)):
        assert waiting.refusal(fees) == "rule-mismatch"
    waiting.take(Fees(1100, 110))
    assert waiting.refusal(Fees(1100, 110)) == "rule-mismatch"
    assert [read_transaction(sent.raw).fees for sent in waiting_in(waiting.state).offers] == [
        Fees(1100, 110),
        ENOUGH,
        Fees(0, 0),
    ]


def test_the_receipt_names_one_of_the_offers_and_that_one_is_run_again(waiting: Waiting) -> None:
    first = waiting_in(waiting.state)
    second = waiting.take(ENOUGH)
    third = waiting.take(Fees(2000, 200))
    for digest in (first.digest, second.digest, third.digest):
        state = copy.deepcopy(waiting.state)
        answer(waiting, state, digest)
        (done,) = money_of(state).history
        assert done.sent.digest == digest
        assert money_of(state).sent is None
        assert money_of(state).step == 1
    with pytest.raises(CotrainError, match="says transaction"):
        answer(waiting, waiting.state, "00" * 32)


def test_only_what_is_made_by_the_newer_rules_is_due(waiting: Waiting) -> None:
    """Wallets of owners may sign older types; the coordinator's own transactions are of type 2."""
    state, terms = waiting.state, money_of(waiting.state).terms
    answer(waiting, state, waiting_in(state).digest)
    act = next_act(state)
    assert act is not None
    assert act.to is None
    for kind in (0, 1, 2):
        caller = Caller(account_of(waiting.hub), terms.settlement.chain_id, 1, kind=kind)
        raw = caller.sign(act.data, to=None, gas=act.gas)
        body = TransactionBody(
            act=act.kind, subject=act.subject, raw=blob_ref(raw), checkpoint=None
        )
        record = sign_record(waiting.hub, waiting.world.agreement.digest, body)
        if kind == 2:
            check_record(state, record, lambda _, raw=raw: raw)  # type: ignore[misc]
        else:
            with pytest.raises(CotrainError, match=f"says type {kind}"):
                check_record(state, record, lambda _, raw=raw: raw)  # type: ignore[misc]


def test_no_offer_comes_between_an_owners_revocation_and_its_answer(waiting: Waiting) -> None:
    money_of(waiting.state).leaving = waiting_in(waiting.state)
    assert waiting.refusal(ENOUGH) == "rule-out-of-turn"


def answer(waiting: Waiting, state: RunState, digest: str) -> None:
    body = ReceiptBody(
        transaction=digest,
        block=1,
        time=state.last_time,
        succeeded=True,
        gas=1,
        events="00" * 32,
        state_root=None,
    )
    record = sign_record(waiting.hub, waiting.world.agreement.digest, body)
    apply_record(state, record, lambda _: b"")


def test_nothing_is_offered_for_what_was_answered(waiting: Waiting) -> None:
    record, raw = waiting.further(ENOUGH)
    answer(waiting, waiting.state, waiting_in(waiting.state).digest)
    with pytest.raises(CotrainError) as refused:
        check_record(waiting.state, record, lambda _: raw)
    assert refused.value.code == "rule-mismatch"


def test_no_offers_on_a_chain_of_the_runs_own(tmp_path: Path) -> None:
    own = Waiting(tmp_path, EMBEDDED_CHAIN)
    assert own.refusal(ENOUGH) == "rule-out-of-turn"
    own.ledger.close()


# What a node does.


def rise(url: str, base: int) -> None:
    """Let a block come whose base fee is this; it holds only what offers so much."""
    nodes.ask(url, "anvil_setNextBlockBaseFeePerGas", hex(base))
    nodes.ask(url, "evm_mine")


def test_when_an_offer_is_too_low_and_when_not() -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil("--no-mining") as url:
        heard: list[str] = []
        chain = RemoteChain(url, 0.5, told=heard.append, outbid_seconds=0)
        caller = Caller(an_account(1), chain.chain_id, fees=chain.fees())
        nodes.give_money(url, caller.account.address)
        raw, offered = caller.create(), caller.fees
        code(chain, raw, offered, "node-slow")  # nobody mines, and the offer is high enough
        rise(url, offered.most + 1)
        code(chain, raw, None, "node-slow")
        assert not heard
        with pytest.raises(OutbidError, match="the chain asks for") as outbid:
            chain.send(raw, offer=offered)
        assert outbid.value.asked.most > 2 * offered.most
        assert keccak(raw).hex() in heard[0]
        patient = RemoteChain(url, 0.2, outbid_seconds=10)
        code(patient, raw, offered, "node-slow")
        not_taken = Caller(an_account(2), chain.chain_id, fees=offered).create()  # it has no money
        code(patient, not_taken, offered, "node-outbid")
        code(patient, not_taken, None, "chain-transaction-invalid")


def code(chain: RemoteChain, raw: bytes, offer: Fees | None, expected: str) -> None:
    with pytest.raises(CotrainError) as refused:
        chain.send(raw, offer=offer)
    assert refused.value.code == expected


def test_an_offer_that_a_node_finds_too_little_more_leaves_the_one_before() -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil("--no-mining") as url:
        chain = RemoteChain(url, 0.3)
        caller = Caller(an_account(1), chain.chain_id, fees=chain.fees())
        nodes.give_money(url, caller.account.address)
        first, second = caller.create(), caller.sign(b"", to=None, nonce=0)
        code(chain, first, caller.fees, "node-slow")
        with pytest.raises(OutsideError) as slow:
            chain.send(second, replaced=[first], offer=caller.fees)
        assert slow.value.code == "node-slow"
        nodes.ask(url, "evm_mine")
        assert chain.send(second, replaced=[first]).raw == first


class Rising(RemoteChain):
    """A node whose base fee goes above the offer of one transaction to a function, while that waits.

    Blocks come again when more is offered, unless the test lets them come.
    """

    def __init__(self, url: str, selector: bytes, *, resumes: bool = True) -> None:
        super().__init__(url, outbid_seconds=0.1)
        self._url, self._selector, self._resumes = url, selector, resumes
        self.rose: list[bytes] = []

    def send(
        self, raw: bytes, *, replaced: Sequence[bytes] = (), offer: Fees | None = None
    ) -> Receipt:
        if not self.rose and read_transaction(raw).data[:4] == self._selector:
            assert offer is not None
            self.rose.append(raw)
            nodes.ask(self._url, "evm_setAutomine", False)
            nodes.ask(self._url, "eth_sendRawTransaction", "0x" + raw.hex())
            rise(self._url, 10 * offer.most)
        if replaced and self._resumes:
            nodes.ask(self._url, "evm_setAutomine", True)
        return super().send(raw, replaced=replaced, offer=offer)


def world_on(url: str, folder: Path, function: str, *, resumes: bool = True) -> World:
    chain = Rising(url, load_contract(AGREEMENTS).selector(function), resumes=resumes)
    wishes = MoneyWishes(price=10, shares={COORDINATOR: 20}, chain_id=chain.chain_id)
    world = build_world(folder, money=wishes, now=max(SystemClock().now(), chain.head().time))
    nodes.give_money(url, account_of(world.actors[COORDINATOR].identity).address)
    world.chain = chain
    return world


def rose(world: World) -> bytes:
    assert isinstance(world.chain, Rising)
    (raw,) = world.chain.rose
    return raw


def check_story(world: World, function: str, offers: int) -> bytes:
    """Audit a finished run; return the one of several offers that was carried out."""
    with Ledger.open(world.path, read_only=True) as ledger:
        found = audit(ledger)
        records = [
            decode_record(entry, verify_signature) for entry in ledger.entries(0, ledger.size)
        ]
    assert found.money is not None
    assert found.money.released
    kinds = [record.kind for record in records]
    assert kinds.count("transaction") == kinds.count("receipt") + offers - 1
    history = [read_transaction(done.sent.raw) for done in money_of(found.state).history]
    assert [one.number for one in history] == list(range(len(history)))
    raws = {
        one.number: done.sent.raw
        for one, done in zip(history, money_of(found.state).history, strict=True)
    }
    first = read_transaction(rose(world))
    counted = read_transaction(raws[first.number])
    assert counted.data == first.data
    assert counted.data[:4] == load_contract(AGREEMENTS).selector(function)
    return raws[first.number]


@pytest.mark.slow
@pytest.mark.parametrize("function", ["join", "anchor", "release"])
def test_a_run_goes_on_when_fees_rise_above_what_was_offered(
    node: str, tmp_path: Path, function: str
) -> None:
    world = world_on(node, tmp_path, function)
    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), world.parties())
    counted = read_transaction(check_story(world, function, offers=2))
    assert is_raised(read_transaction(rose(world)).fees, counted.fees)


def raised(state: RunState) -> bool:
    return waits(state) and bool(waiting_in(state).replaced)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("enters", "while_down"), [("first", True), ("second", True), ("second", False)]
)
def test_a_coordinator_that_dies_with_two_offers_logged_goes_on_with_whichever_entered(
    node: str, tmp_path: Path, enters: str, while_down: bool
) -> None:
    world = world_on(node, tmp_path, "anchor", resumes=False)
    with world.ledger() as ledger:
        state = stop(raised, world, ledger).state
        assert state.phase is Phase.ANCHORING
        second, first = (sent.raw for sent in waiting_in(state).offers)
        if while_down:
            let_enter(node, first if enters == "first" else second)
        nodes.ask(node, "evm_setAutomine", True)
        run_in_process(world.coordinator(ledger), world.parties())
    counted = check_story(world, "anchor", offers=2)
    assert counted == (first if enters == "first" else second)


def let_enter(url: str, raw: bytes) -> None:
    """Let one transaction enter a block, at a base fee that it can pay."""
    base = read_transaction(raw).fees.most // 2
    nodes.ask(url, "anvil_setNextBlockBaseFeePerGas", hex(base))
    digest = "0x" + keccak(raw).hex()
    if nodes.ask(url, "eth_getTransactionByHash", digest) is None:
        nodes.ask(url, "eth_sendRawTransaction", "0x" + raw.hex())
    nodes.ask(url, "evm_mine")
    assert nodes.ask(url, "eth_getTransactionReceipt", digest) is not None


@pytest.mark.slow
def test_a_coordinator_that_dies_before_it_offers_more_does_so_later(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path, "join")
    with world.ledger() as ledger:
        joins = load_contract(AGREEMENTS).selector("join")
        state = stop(
            lambda state: (
                waits(state) and read_transaction(waiting_in(state).raw).data[:4] == joins
            ),
            world,
            ledger,
        ).state
        raw = waiting_in(state).raw
        with pytest.raises(OutbidError):
            world.chain.send(raw, offer=read_transaction(raw).fees)  # type: ignore[union-attr]
        run_in_process(world.coordinator(ledger), world.parties())
    assert check_story(world, "join", offers=2) != raw


@pytest.mark.slow
def test_an_account_that_cannot_pay_more_is_told_and_goes_on_when_it_can(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path, "anchor")
    address = account_of(world.actors[COORDINATOR].identity).address
    with world.ledger() as ledger:
        coordinator = stop(
            lambda state: waits(state) and state.phase is Phase.ANCHORING, world, ledger
        )
        before = read_transaction(waiting_in(coordinator.state).raw)
        nodes.ask(node, "anvil_setBalance", address, hex(before.gas * before.fees.most))
        size = ledger.size
        with pytest.raises(OutsideError, match=address) as poor:
            coordinator.tick()
        assert poor.value.code == "account-no-gas"
        assert "What it offered before stands" in poor.value.meaning
        assert ledger.size == size
        nodes.give_money(node, address)
        run_in_process(coordinator, world.parties())
    check_story(world, "anchor", offers=2)


@pytest.mark.slow
def test_an_owner_that_revokes_by_itself_offers_more_too(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path, "revoke")
    world.chain = RemoteChain(node)
    owner = world.actors["Owner 1"].identity
    nodes.give_money(node, account_of(owner).address)
    with world.ledger() as ledger:
        stop(lambda state: len(state.opened) == 1 and state.phase is Phase.BETWEEN, world, ledger)
        chain = Rising(node, load_contract(AGREEMENTS).selector("revoke"))
        receipt = revoke_directly(chain, ContractTerms.of(world.agreement), owner)
        assert receipt is not None
        assert receipt.succeeded
        assert receipt.raw != chain.rose[0]
        state = run_in_process(world.coordinator(ledger), world.parties())
    assert state.revoked == [world.did("Owner 1")]


@pytest.mark.slow
def test_the_coordinator_offers_more_after_the_run_too(node: str, tmp_path: Path) -> None:
    world, buyer = world_on(node, tmp_path, "join"), Identity(b"b" * 32, "Buyer")
    world.chain = RemoteChain(node)
    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), world.parties())
        world.chain = Rising(node, load_contract(CREDITS).selector("issue"))
        hub = world.actors[COORDINATOR].identity
        shop = Shop(hub, world.coordinator(ledger), world.chain, world.clock, MemoryJournal())
        address = account_of(buyer).address
        act = later_act(ContractTerms.of(world.agreement), "issue", buyer.did, address, 5)
        assert shop.make(account_of(hub), act)
        assert shop.credits_of(address) == 5
        last = money_of(shop.coordinator.state).history[-1]
        assert last.sent.raw != rose(world)
        let_all_read(shop.coordinator, world.parties())
        assert audit(ledger).money is not None


def test_whichever_of_two_a_node_took_is_the_answer(node: str) -> None:
    chain = RemoteChain(node)
    caller = Caller(an_account(3), chain.chain_id, fees=chain.fees())
    nodes.give_money(node, caller.account.address)
    low = caller.create()
    caller.number, caller.fees = 0, raise_fees(caller.fees, caller.fees)
    high = caller.create()
    first = chain.send(low)
    assert chain.send(high, replaced=[low]) == first
    assert first.raw == low
    caller.number = 1
    low, high = caller.call("tell(uint256)", 1, nonce=1), caller.call("tell(uint256)", 2, nonce=1)
    assert chain.send(high, replaced=[low]).raw == high
    assert chain.find(low) is None
