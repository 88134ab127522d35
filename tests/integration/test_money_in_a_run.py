"""A run that moves money: who is paid, that the audit sees it, that no crash loses or doubles anything."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotrain.audit.auditor import audit
from cotrain.errors import CotrainError, ForgeryError, OutsideError, RefusedError
from cotrain.flow import ENDS, let_all_read, run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import BODIES, ReceiptBody, TransactionBody
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import money_of
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase, RunState
from cotrain.serving.session import Shop, ask_queries, open_deposit, settle_use
from cotrain.serving.stakes import return_stakes
from cotrain.settlement.chain.chain import Receipt
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.statement import ONE_MODEL, MoneyFigures
from cotrain.testing.world import COORDINATOR, World, build_world

WISHES = MoneyWishes(
    price=1000, use_price=10_000, shares={COORDINATOR: 20}, stake_owner=50, stake_coordinator=100
)
QUERY = [100, -50, 300, 300]


@dataclass
class Paid:
    """A finished run with its world."""

    world: World
    ledger: Ledger
    coordinator: Coordinator
    parties: list[Party]

    @property
    def state(self) -> RunState:
        return self.coordinator.state


def paid_run(folder: Path, **more: Any) -> Paid:
    world = build_world(folder, money=WISHES, **more)
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()
    run_in_process(coordinator, parties)
    return Paid(world, ledger, coordinator, parties)


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Paid:
    return paid_run(tmp_path_factory.mktemp("paid"))


def money(ledger: Ledger) -> MoneyFigures:
    found = audit(ledger).money
    assert found is not None
    return found


def by_name(figures: MoneyFigures, name: str) -> Any:
    return next(found for found in figures.accounts.values() if found.name == name)


def test_everybody_is_paid_as_agreed_and_the_audit_says_so(paid: Paid) -> None:
    figures = money(paid.ledger)
    assert (figures.rounds, figures.released) == (2, True)
    for name in paid.world.owners:
        owner = by_name(figures, name)
        assert (owner.earned, owner.staked) == (200 * CREDIT, 50 * CREDIT)
        assert owner.units == ONE_MODEL // 5
    hub = by_name(figures, COORDINATOR)
    assert (hub.price, hub.earned, hub.staked) == (1000 * CREDIT, 200 * CREDIT, 100 * CREDIT)
    assert sum(found.earned for found in figures.accounts.values()) == figures.price


def test_an_anchor_costs_less_than_45_000_gas_and_is_flat(paid: Paid) -> None:
    history = money_of(paid.state).history
    costs = [done.receipt.gas for done in history if done.sent.act.kind == "anchor"]
    assert len(costs) == 2
    assert max(costs) <= 45_000
    assert max(costs) - min(costs) < 100


def test_kinds_that_only_money_brings_are_signed_in_every_byte(paid: Paid) -> None:
    from cotrain.identity.did_key import verify_signature
    from cotrain.records.record import decode_record

    wanted = {"transaction", "receipt", "approval"}
    seen: set[str] = set()
    for entry in paid.ledger.entries(0, paid.ledger.size):
        record = decode_record(entry, verify_signature)
        if record.kind not in wanted - seen:
            continue
        seen.add(record.kind)
        for place in range(len(entry)):
            flipped = entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :]
            with pytest.raises(CotrainError):
                decode_record(flipped, verify_signature)
    assert seen == wanted
    assert wanted <= set(BODIES)


@pytest.mark.slow
def test_a_use_is_paid_by_one_voucher_and_reaches_everybody(tmp_path: Path) -> None:
    run = paid_run(tmp_path)
    buyer, store, purchases = Identity(b"b" * 32, "Buyer"), MemoryJournal(), MemoryJournal()
    assert run.world.chain is not None
    hub = run.world.actors[COORDINATOR].identity
    shop = Shop(hub, run.coordinator, run.world.chain, run.world.clock, store)
    open_deposit(shop, buyer, 100_000)
    open_deposit(shop, buyer, 100_000)  # again: nothing more is drawn
    answers = ask_queries(shop, buyer, purchases, [QUERY] * 3)
    assert answers == [answers[0]] * 3
    assert sum(answers[0]) == pytest.approx(1, abs=1e-5)
    address = account_of(buyer).address
    assert settle_use(shop, address)
    assert not settle_use(shop, address)
    let_all_read(run.coordinator, run.parties)
    figures = money(run.ledger)
    assert figures.queries == 3
    assert by_name(figures, address).paid_for_use == 30_000
    for name in (*run.world.owners, COORDINATOR):
        assert by_name(figures, name).royalties == 6_000
    assert shop.deposit_of(address).amount == 70_000


@pytest.mark.slow
def test_a_withdrawn_owner_is_paid_for_its_rounds_only(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=WISHES)
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()
    leaver = world.owners[0]

    def watch(state: RunState) -> None:
        if len(state.opened) == 1 and state.phase is Phase.BETWEEN:
            parties[0].revoke(world.agreement.digest, "enough")

    run_in_process(coordinator, parties, progress=watch)
    state, figures = coordinator.state, money(ledger)
    assert state.revoked == [world.did(leaver)]
    assert money_of(state).revoked == [world.did(leaver)]
    assert by_name(figures, leaver).earned == 100 * CREDIT
    assert by_name(figures, COORDINATOR).refunded == 100 * CREDIT
    assert by_name(figures, world.owners[1]).earned == 200 * CREDIT
    units = sum(found.units for found in figures.accounts.values())
    assert units == ONE_MODEL * 9 // 10


@pytest.mark.slow
def test_stakes_go_back_when_the_time_for_evidence_is_over(tmp_path: Path) -> None:
    run = paid_run(tmp_path)
    shop = shop_of(run)
    with pytest.raises(RefusedError) as early:
        return_stakes(shop)
    assert early.value.code == "stakes-not-over"
    run.world.clock.advance(14 * 86_400)
    returned = return_stakes(shop)
    expected = {run.world.did(name): 50 * CREDIT for name in run.world.owners}
    assert returned.stakes == expected | {run.world.did(COORDINATOR): 100 * CREDIT}
    assert not returned.price
    assert return_stakes(shop).stakes == {}
    let_all_read(run.coordinator, run.parties)
    assert {figures.stake_back for figures in money(run.ledger).accounts.values()} == {
        50 * CREDIT,
        100 * CREDIT,
    }


@pytest.mark.slow
def test_the_price_of_a_run_that_nobody_released_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Party, "_approve_payment", lambda *_: [])
    run = paid_run(tmp_path)
    assert money_of(run.state).unpaid
    shop = shop_of(run)
    run.world.clock.advance(
        14 * 86_400
    )  # the time counts from the expiry, as nobody closed the agreement
    with pytest.raises(RefusedError, match="stakes stay until"):
        return_stakes(shop)
    run.world.clock.advance(30 * 86_400)
    assert return_stakes(shop).price
    assert not return_stakes(shop).price
    let_all_read(run.coordinator, run.parties)
    hub = by_name(money(run.ledger), COORDINATOR)
    assert (hub.refunded, hub.stake_back) == (1000 * CREDIT, 100 * CREDIT)


def test_nothing_goes_back_where_nobody_joined(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        run = Paid(world, ledger, coordinator, parties)
        coordinator.tick()
        with pytest.raises(RefusedError) as none:
            return_stakes(shop_of(run))
    assert none.value.code == "stakes-none"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "words"), [(Phase.FUNDING, "open: BadTerms"), (Phase.ANCHORING, "anchor: Expired")]
)
def test_why_the_contract_refused_is_told(tmp_path: Path, phase: Phase, words: str) -> None:
    world = build_world(tmp_path, money=WISHES)
    waited: list[int] = []

    def watch(state: RunState) -> None:
        if state.phase is phase and money_of(state).waiting is None and not waited:
            world.clock.advance(31 * 86_400)
            waited.append(1)

    with world.ledger() as ledger, pytest.raises(RefusedError) as refused:
        run_in_process(world.coordinator(ledger), world.parties(), progress=watch)
    assert f"contract-refused: {words}" in str(refused.value)
    with world.ledger() as ledger:
        size, coordinator = ledger.size, world.coordinator(ledger)
        assert len(coordinator.state.erased) == len(world.owners)
        with pytest.raises(RefusedError) as again:
            run_in_process(coordinator, world.parties())
        assert again.value.code == "run-aborted", "whoever starts it again is told the same"
        assert ledger.size == size


def shop_of(run: Paid) -> Shop:
    assert run.world.chain is not None
    hub = run.world.actors[COORDINATOR].identity
    return Shop(hub, run.coordinator, run.world.chain, run.world.clock, MemoryJournal())


# Crashes.


class FailingChain:
    """A chain whose process dies at one transaction, before or after it was carried out."""

    def __init__(self, chain: EmbeddedChain, at: int, *, after: bool) -> None:
        self._chain, self._left, self._after = chain, at, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def send(self, raw: bytes, **_: Any) -> Receipt:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise OutsideError("test-died", "the process died before the transaction")
        receipt = self._chain.send(raw)
        if self._left == -1:
            raise OutsideError("test-died", "the process died after the transaction")
        return receipt


def finish(world: World) -> RunState:
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        if coordinator.state.phase not in ENDS:
            run_in_process(coordinator, parties)
        return coordinator.state


def crashed(folder: Path, at: int, *, after: bool) -> World:
    """Return the world after its coordinator died at a transaction."""
    world = build_world(folder, money=WISHES)
    assert isinstance(world.chain, EmbeddedChain)
    healthy, world.chain = world.chain, FailingChain(world.chain, at, after=after)
    with world.ledger() as ledger, pytest.raises(OutsideError, match="died"):
        run_in_process(world.coordinator(ledger), world.parties())
    world.chain = healthy
    return world


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(0, 28, 3))
def test_a_coordinator_that_dies_at_any_transaction_goes_on(
    tmp_path: Path, paid: Paid, at: int, after: bool
) -> None:
    state = finish(crashed(tmp_path, at, after=after))
    expected = money_of(paid.state).history
    found = money_of(state).history
    assert [(done.sent.raw, done.receipt.events) for done in found] == [
        (done.sent.raw, done.receipt.events) for done in expected
    ]
    assert state.phase is Phase.FINISHED


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(3))
def test_a_deposit_that_was_interrupted_is_made_once(tmp_path: Path, at: int, after: bool) -> None:
    run = paid_run(tmp_path)
    buyer, healthy = Identity(b"b" * 32, "Buyer"), run.world.chain
    assert isinstance(healthy, EmbeddedChain)
    run.world.chain = FailingChain(healthy, at, after=after)
    run.coordinator = run.world.coordinator(run.ledger)
    with pytest.raises(OutsideError, match="died"):
        open_deposit(shop_of(run), buyer, 100_000)
    run.world.chain = healthy
    run.coordinator = run.world.coordinator(run.ledger)
    open_deposit(shop_of(run), buyer, 100_000)
    let_all_read(run.coordinator, run.parties)
    address = account_of(buyer).address
    assert shop_of(run).deposit_of(address).amount == 100_000
    assert shop_of(run).credits_of(address) == 0
    made = [done.sent.act.kind for done in money_of(run.coordinator.state).history]
    assert made.count("issue") == 1 + made[: made.index("open")].count("issue")
    audit(run.ledger)


@pytest.mark.slow
def test_a_coordinator_that_dies_after_paying_pays_no_second_time(
    tmp_path: Path, paid: Paid
) -> None:
    claims = [done.sent.act.kind for done in money_of(paid.state).history]
    state = finish(crashed(tmp_path, claims.index("claim"), after=True))
    assert [done.sent.act.kind for done in money_of(state).history] == claims


# Lies.


def lying(folder: Path, change: Any) -> tuple[World, RunState]:
    """Run with a coordinator that alters what it says of the chain's answers; return what happened."""
    world = build_world(folder, money=WISHES)
    with world.ledger() as ledger:
        coordinator, parties = world.coordinator(ledger), world.parties()
        say = coordinator._say

        def lie(body: Any, *blobs: bytes) -> bool:
            return say(change(body), *blobs)

        coordinator._say = lie  # type: ignore[method-assign]
        with suppress(RefusedError):
            run_in_process(coordinator, parties)
        return world, coordinator.state


@pytest.mark.slow
def test_a_false_receipt_gets_no_approval(tmp_path: Path) -> None:
    def change(body: Any) -> Any:
        if isinstance(body, ReceiptBody) and body.block == 20:
            return body.model_copy(update={"events": "0" * 64})
        return body

    world, state = lying(tmp_path, change)
    assert not state.submitted  # no owner gave anything before the price was surely paid in
    assert money_of(state).unpaid
    assert not money_of(state).approvals
    with Ledger.open(world.path, read_only=True) as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger)
    assert caught.value.code == "settlement-receipt-differs"


def test_a_transaction_that_nobody_computed_is_no_entry(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=WISHES)
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        parties = world.parties()
        say = coordinator._say

        def lie(body: Any, *blobs: bytes) -> bool:
            if isinstance(body, TransactionBody) and body.act == "open":
                body = body.model_copy(update={"act": "refund"})
            return say(body, *blobs)

        coordinator._say = lie  # type: ignore[method-assign]
        with pytest.raises(ForgeryError) as caught:
            run_in_process(coordinator, parties)
    assert caught.value.code == "rule-mismatch"
