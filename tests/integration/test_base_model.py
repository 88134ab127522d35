"""A run that begins with another one's model: its weights, its chain, who is paid for a use, and what is refused."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_abi.abi import encode
from probe import nodes

from cotrain.agreement.document import parse_agreement
from cotrain.audit.auditor import audit
from cotrain.audit.base import check_base_run
from cotrain.audit.limits import BASE_RUN
from cotrain.audit.on_chain import anchors_on, chain_of_ledger, find_on_chain
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError, UsageError
from cotrain.flow import let_all_read, run_in_process
from cotrain.identity.keys import Identity
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.local import open_run
from cotrain.ports import SystemClock
from cotrain.records.canonical import sha256
from cotrain.records.kinds import AgreementBody, BlobRef, SuccessorBody
from cotrain.records.record import blob_ref, sign_record
from cotrain.rounds.base import Base, check_base, decode_base
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.handover import base_of
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import money_of
from cotrain.rounds.party import Party
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.serving.handover import check_handover
from cotrain.serving.session import (
    Shop,
    ask_queries,
    open_deposit,
    pay_holders,
    redeem_voucher,
    settle_use,
)
from cotrain.serving.stakes import return_stakes
from cotrain.settlement.acts import Act, creation_acts, later_act
from cotrain.settlement.addresses import ZERO, created_address
from cotrain.settlement.chain.chain import Fees
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.draft import CREDIT, MoneyWishes, Origin
from cotrain.settlement.statement import MoneyFigures
from cotrain.settlement.terms import EMBEDDED_CHAIN, ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.world import COORDINATOR, World, build_world
from cotrain.training.model import Model

pytestmark = pytest.mark.slow

FIRST = MoneyWishes(price=1000, use_price=10_000, shares={COORDINATOR: 20}, stake_owner=50)
SECOND = MoneyWishes(price=400, use_price=20_000, stake_owner=30)
BASE_SHARE = 2_500
QUERY = [100, -50, 300, 300]
BUYER = Identity(b"b" * 32, "Buyer")


@dataclass
class Run:
    """A finished run with its world."""

    world: World
    ledger: Ledger
    coordinator: Coordinator
    parties: list[Party]
    store: MemoryJournal

    @property
    def state(self) -> RunState:
        return self.coordinator.state

    @property
    def shop(self) -> Shop:
        assert self.world.chain is not None
        hub = self.world.actors[COORDINATOR].identity
        return Shop(hub, self.coordinator, self.world.chain, self.world.clock, self.store)

    def hand_over_to(self, world: World) -> None:
        check_handover(self.shop, world.agreement)
        self.coordinator.hand_over(world.agreement.digest)
        let_all_read(self.coordinator, self.parties)

    def money(self) -> MoneyFigures:
        found = audit(self.ledger).money
        assert found is not None
        return found


def carry_out(world: World) -> Run:
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()
    run_in_process(coordinator, parties)
    return Run(world, ledger, coordinator, parties, MemoryJournal())


def first_run(folder: Path, **more: Any) -> Run:
    folder.mkdir()
    return carry_out(build_world(folder, **{"money": FIRST, **more}))


def next_world(folder: Path, before: Run, wishes: MoneyWishes = SECOND, **more: Any) -> World:
    folder.mkdir()
    shares = money_of(before.state).terms.model_shares
    money = replace(wishes, origin=Origin(EMBEDDED_CHAIN, shares, BASE_SHARE))
    return build_world(folder, money=money, base=base_of(before.state, paid=True), **more)


def next_run(folder: Path, before: Run, wishes: MoneyWishes = SECOND) -> Run:
    world = next_world(folder, before, wishes)
    before.hand_over_to(world)
    return carry_out(world)


@dataclass
class Two:
    """A run, and the one that began with its model."""

    first: Run
    second: Run


@pytest.fixture(scope="module", name="two")
def fixture_two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Tests must not change these."""
    folder = tmp_path_factory.mktemp("base")
    first = first_run(folder / "first")
    return Two(first, next_run(folder / "second", first))


@pytest.fixture(scope="module", name="alone")
def fixture_alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A first run that nothing follows; tests must not change it."""
    return first_run(tmp_path_factory.mktemp("alone") / "first")


def by_name(figures: MoneyFigures, name: str) -> Any:
    return next(found for found in figures.accounts.values() if found.name == name)


def refused(code: str, base: Base, world: World) -> None:
    """Check that a base is refused for an agreement that names it."""
    agreement = world.agreement.model_copy(update={"base_model": base.term})
    with pytest.raises(CotrainError) as caught:
        check_base(agreement, base)
    assert caught.value.code == code


# What it begins with.


def test_training_begins_where_the_other_run_ended(two: Two) -> None:
    released = two.first.state.released_model
    assert released is not None
    weights = two.second.state.weights
    assert np.array_equal(weights[0], Model.decode(released).as_array())
    assert weights[0].any()
    assert not np.array_equal(weights[0], weights[1])


def test_without_money_it_begins_with_the_model_and_no_chain(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = carry_out(build_world(tmp_path / "first"))
    (tmp_path / "second").mkdir()
    base = base_of(first.state, paid=False)
    assert base.steps == ()
    second = carry_out(build_world(tmp_path / "second", base=base))
    assert np.array_equal(second.state.weights[0], base.weights)
    report = audit(second.ledger)
    assert BASE_RUN in report.not_checked
    assert BASE_RUN not in check_base_run(report, audit(first.ledger)).not_checked


def test_a_price_may_begin_a_chain_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = carry_out(build_world(tmp_path / "first"))
    (tmp_path / "second").mkdir()
    base = base_of(first.state, paid=False)
    second = carry_out(build_world(tmp_path / "second", money=SECOND, base=base))
    assert audit(second.ledger).money is not None
    with pytest.raises(RefusedError, match="moves no money"):
        base_of(first.state, paid=True)


# Whose chain goes on.


def test_contracts_are_used_again_and_nothing_is_created(two: Two) -> None:
    acts = [done.sent.act.kind for done in money_of(two.second.state).history]
    assert "create" not in acts
    assert "create" in [done.sent.act.kind for done in money_of(two.first.state).history]
    old, new = two.first.world.agreement.settlement, two.second.world.agreement.settlement
    assert old is not None
    assert new is not None
    assert (old.contract, old.token) == (new.contract, new.token)


def test_the_audit_runs_both_histories_and_finds_each_in_order(two: Two) -> None:
    report, before = audit(two.second.ledger), audit(two.first.ledger)
    earlier = len(money_of(two.first.state).history)
    assert report.checked["transactions of earlier runs on its chain, run again"] == earlier
    check_base_run(report, before)
    assert before.state.successor == two.second.world.agreement.digest


def test_evidence_is_looked_for_among_the_anchors_of_the_run_alone(two: Two) -> None:
    report = audit(two.second.ledger)
    money = money_of(report.state)
    with closing(chain_of_ledger(money)) as chain:
        anchors = anchors_on(chain, money)
        assert find_on_chain(money.terms, [report], chain, anchors) is None
    assert [made.facts.round for made in anchors.made] == [1, 2]


def test_everybody_is_paid_for_both_runs(two: Two) -> None:
    first, second = two.first.money(), two.second.money()
    for name in two.second.world.owners:
        assert by_name(first, name).earned == 200 * CREDIT
        assert by_name(second, name).earned == 100 * CREDIT
        assert by_name(second, name).staked == 30 * CREDIT
    assert sum(found.earned for found in second.accounts.values()) == 400 * CREDIT


def test_the_first_ledger_takes_no_transaction_more(two: Two) -> None:
    first = two.first
    entries = first.ledger.size
    with pytest.raises(RefusedError) as caught:
        open_deposit(first.shop, BUYER, 100_000)
    assert caught.value.code == "chain-handed-over"
    assert first.ledger.size == entries


def test_a_chain_goes_on_once(two: Two) -> None:
    first, other = two.first, "d" * 64
    with pytest.raises(RefusedError) as caught:
        first.coordinator.hand_over(other)
    assert caught.value.code == "rule-counted-already"
    first.coordinator.hand_over(two.second.world.agreement.digest)  # the same again is nothing new


# Who says so.


def no_blobs(ref: BlobRef) -> bytes:
    raise AssertionError(ref)


def successor(first: Run, author: Identity, run: str, *, less: int = 0) -> None:
    steps = len(base_of(first.state, paid=True).steps)
    body = SuccessorBody(run=run, transactions=steps - less)
    record = sign_record(author, first.world.agreement.digest, body)
    check_record(first.state, record, no_blobs)


def test_only_the_coordinator_hands_over_to_another_run_all_there_is(alone: Run) -> None:
    actors = alone.world.actors
    hub, owner = actors[COORDINATOR].identity, actors["Owner 1"].identity
    with pytest.raises(RefusedError, match="only the coordinator may"):
        successor(alone, owner, "d" * 64)
    with pytest.raises(ForgeryError, match="says run"):
        successor(alone, hub, alone.world.agreement.digest)
    with pytest.raises(ForgeryError, match="says transactions"):
        successor(alone, hub, "d" * 64, less=1)
    successor(alone, hub, "d" * 64)


def test_a_run_that_is_not_over_hands_nothing_over(tmp_path: Path) -> None:
    world = build_world(tmp_path, money=FIRST)
    coordinator, parties = world.coordinator(), world.parties()
    hub = world.actors[COORDINATOR].identity

    def watch(state: RunState) -> None:
        if state.phase is Phase.FINISHED:
            return
        body = SuccessorBody(run="d" * 64, transactions=1)
        record = sign_record(hub, world.agreement.digest, body)
        if state.phase is not Phase.OFFER:
            with pytest.raises(RefusedError) as caught:
                check_record(state, record, no_blobs)
            assert caught.value.code == "rule-out-of-turn"
            seen.add(state.phase)

    seen: set[Phase] = set()
    run_in_process(coordinator, parties, progress=watch)
    assert {Phase.BETWEEN, Phase.PAYING} <= seen


def test_a_chain_that_waits_for_an_answer_is_not_handed_over(alone: Run) -> None:
    money = money_of(alone.state)
    money.sent = money.history[-1].sent
    try:
        with pytest.raises(RefusedError, match="waits for an answer"):
            base_of(alone.state, paid=True)
    finally:
        money.sent = None


def test_a_handover_waits_for_vouchers_and_fits_the_agreement(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    early = next_world(tmp_path / "early", first)
    open_deposit(first.shop, BUYER, 100_000)
    ask_queries(first.shop, BUYER, MemoryJournal(), [QUERY])
    with pytest.raises(RefusedError) as caught:
        check_handover(first.shop, early.agreement)
    assert caught.value.code == "handover-unpaid-use"
    settle_use(first.shop, account_of(BUYER).address)
    with pytest.raises(RefusedError) as caught:
        check_handover(first.shop, early.agreement)
    assert caught.value.code == "handover-moved-on"
    with pytest.raises(RefusedError) as caught:
        check_handover(first.shop, first.world.agreement)
    assert caught.value.code == "handover-other-model"
    late = next_world(tmp_path / "late", first)
    first.hand_over_to(late)
    assert first.state.successor == late.agreement.digest


# Use.


def test_each_use_pays_the_holders_of_the_base_model_through_three_generations(
    tmp_path: Path,
) -> None:
    first = first_run(tmp_path / "first")
    second = next_run(tmp_path / "second", first)
    third = next_run(tmp_path / "third", second, replace(SECOND, shares={COORDINATOR: 40}))
    open_deposit(third.shop, BUYER, 100_000)
    ask_queries(third.shop, BUYER, MemoryJournal(), [QUERY] * 4)
    assert settle_use(third.shop, account_of(BUYER).address)
    assert not settle_use(third.shop, account_of(BUYER).address)
    let_all_read(third.coordinator, third.parties)
    figures = third.money()
    # 80,000 paid: a quarter goes to the second model's holders, and of that a quarter to the first one's.
    assert figures.to_base == 20_000
    first_gets, second_gets, third_gets = 5_000, 15_000, 60_000
    owners = third.world.owners
    for name in owners:
        got = 0.2 * first_gets + 0.25 * second_gets + 0.15 * third_gets
        assert by_name(figures, name).royalties == got
    assert by_name(figures, COORDINATOR).royalties == 0.2 * first_gets + 0.4 * third_gets
    assert sum(found.royalties for found in figures.accounts.values()) == 80_000
    check_base_run(audit(third.ledger), audit(second.ledger))


def test_a_holder_of_the_base_model_that_left_is_named_and_paid(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first", owners=5)
    second = next_run(tmp_path / "second", first)  # four of them
    assert "Owner 5" not in second.world.actors
    open_deposit(second.shop, BUYER, 100_000)
    ask_queries(second.shop, BUYER, MemoryJournal(), [QUERY] * 5)
    settle_use(second.shop, account_of(BUYER).address)
    let_all_read(second.coordinator, second.parties)
    gone = by_name(second.money(), "Owner 5")
    assert (gone.royalties, gone.of_base) == (25_000 * 16 // 100, True)


def test_stakes_of_both_runs_go_back_through_the_second_ledger(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    second = next_run(tmp_path / "second", first)
    second.world.clock.advance(200 * 86_400)
    returned = return_stakes(second.shop)
    assert len(returned.stakes) == 4
    let_all_read(second.coordinator, second.parties)
    acts = [done.sent.act.kind for done in money_of(second.state).history]
    assert acts.count("stake") == 8
    assert (
        by_name(second.money(), "Owner 1").stake_back == 30 * CREDIT
    )  # the first run's are not its own


# On a node.


@pytest.fixture(name="node", params=["anvil", "geth"])
def fixture_node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with nodes.started(request.param, tmp_path) as url:
        yield url


def test_on_a_node_the_contracts_are_there_and_the_numbers_go_on(node: str, tmp_path: Path) -> None:
    remote = RemoteChain(node)
    now = max(SystemClock().now(), remote.head().time)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    there = build_world(tmp_path / "first", money=replace(FIRST, chain_id=remote.chain_id), now=now)
    there.chain = remote
    hub = account_of(there.actors[COORDINATOR].identity).address
    nodes.give_money(node, hub)
    first = carry_out(there)
    shares = money_of(first.state).terms.model_shares
    origin = Origin(remote.chain_id, shares, BASE_SHARE)
    wishes = replace(SECOND, chain_id=remote.chain_id, origin=origin)
    base = base_of(first.state, paid=True)
    world = build_world(tmp_path / "second", money=wishes, base=base, now=now)
    world.chain = remote
    first.hand_over_to(world)
    second = carry_out(world)
    sent = len(base.steps) + len(money_of(second.state).history)
    assert remote.nonce(hub) == sent
    report = audit(second.ledger)
    assert report.money is not None
    assert report.money.released
    check_base_run(report, audit(first.ledger))


# Lies of who drafts, and of who coordinates.


def test_a_base_that_its_contract_does_not_know_is_refused(alone: Run, tmp_path: Path) -> None:
    world, base = next_world(tmp_path / "next", alone), base_of(alone.state, paid=True)
    kinds = [done.sent.act.kind for done in money_of(alone.state).history]
    unreleased = replace(base, steps=base.steps[: kinds.index("release")])
    refused("base-not-released", unreleased, world)
    refused("base-other-contracts", replace(base, steps=base.steps[1:]), world)
    gap = (*base.steps[:10], *base.steps[11:])
    refused("base-bad-chain", replace(base, steps=gap), world)
    backwards = (*base.steps[:-1], (1, base.steps[-1][1]))
    refused("base-bad-chain", replace(base, steps=backwards), world)
    empty = replace(base, steps=())
    refused("base-does-not-fit", empty, world)  # it could pay nobody


def test_a_base_with_other_weights_is_refused(alone: Run, tmp_path: Path) -> None:
    world, base = next_world(tmp_path / "next", alone), base_of(alone.state, paid=True)
    model = Model.decode(base.model)
    other = replace(model, weights=(model.weights[0] + 1, *model.weights[1:]))
    refused("base-not-released", replace(base, model=other.encode()), world)
    foreign = replace(model, agreement="d" * 64)
    refused("base-other-model", replace(base, model=foreign.encode()), world)
    unread = replace(model, schema="d" * 64)
    refused("base-other-model", replace(base, model=unread.encode()), world)
    with pytest.raises(ForgeryError) as caught:
        check_base(world.agreement, replace(base, model=other.encode()))
    assert caught.value.code == "base-other-model"


def test_a_base_of_another_table_or_scale_is_refused(alone: Run, tmp_path: Path) -> None:
    world, base = next_world(tmp_path / "next", alone), base_of(alone.state, paid=True)
    money, schema = world.agreement.terms["settlement"], world.agreement.terms["data_schema"]
    wider = [{**schema["columns"][0], "max": "2", "high": "2"}, *schema["columns"][1:]]
    elsewhere = {"contract": money["token"], "token": money["contract"]}
    for change in (
        {"data_schema": {**schema, "columns": wider}},
        {"settlement": {**money, **elsewhere}},
        {"data_schema": {**world.agreement.terms["data_schema"], "row_bound": 2048}},
        {"algorithm": {**world.agreement.terms["algorithm"], "weight_bits": 14}},
        {"algorithm": {**world.agreement.terms["algorithm"], "weight_bound": 1 << 11}},
    ):
        changed = parse_agreement({**world.agreement.terms, **change})
        with pytest.raises(RefusedError) as caught:
            check_base(changed, base)
        assert caught.value.code == "base-does-not-fit"
    more = {"data_schema": {**world.agreement.terms["data_schema"], "max_rows": 200}}
    check_base(parse_agreement({**world.agreement.terms, **more}), base)


def test_nobody_else_is_paid_as_the_base_models_holder(alone: Run, tmp_path: Path) -> None:
    (tmp_path / "next").mkdir()
    base = base_of(alone.state, paid=True)
    stranger = account_of(BUYER).address
    money = replace(SECOND, origin=Origin(EMBEDDED_CHAIN, stranger, BASE_SHARE))
    world = build_world(tmp_path / "next", money=money, base=base)
    with pytest.raises(RefusedError, match="pays the holders of another model"):
        check_base(world.agreement, base)


def offer(world: World, base: bytes | None) -> None:
    document = world.agreement.data
    body = AgreementBody(document=blob_ref(document), base=None if base is None else blob_ref(base))
    record = sign_record(world.actors[COORDINATOR].identity, world.agreement.digest, body)
    blobs = {blob_ref(data).sha256: data for data in (document, base) if data is not None}
    check_record(RunState(), record, lambda ref: blobs[ref.sha256])


def test_an_offer_brings_the_base_that_was_agreed_on(alone: Run, tmp_path: Path) -> None:
    world, base = next_world(tmp_path / "next", alone), base_of(alone.state, paid=True)
    offer(world, base.encode())
    for other in (None, replace(base, steps=base.steps[:-1]).encode()):
        with pytest.raises(ForgeryError, match="base file"):
            offer(world, other)
    with pytest.raises(ForgeryError, match="base file"):
        offer(alone.world, base.encode())


def test_nobody_reads_on_after_a_base_that_is_agreed_on_and_false(
    alone: Run, tmp_path: Path
) -> None:
    base = base_of(alone.state, paid=True)
    kinds = [done.sent.act.kind for done in money_of(alone.state).history]
    unreleased = replace(base, steps=base.steps[: kinds.index("release")])
    shares = money_of(alone.state).terms.model_shares
    money = replace(SECOND, origin=Origin(EMBEDDED_CHAIN, shares, BASE_SHARE))
    (tmp_path / "next").mkdir()
    world = build_world(tmp_path / "next", money=money, base=unreleased)
    with pytest.raises(ForgeryError) as caught:
        offer(world, unreleased.encode())
    assert caught.value.code == "base-not-released"


def test_an_audit_notices_a_chain_that_goes_on_elsewhere(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    second = carry_out(next_world(tmp_path / "second", first))  # nobody handed over
    report = audit(second.ledger)
    with pytest.raises(ForgeryError, match="does not say that its chain goes on"):
        check_base_run(report, audit(first.ledger))
    with pytest.raises(UsageError, match="began with weights of zero"):
        check_base_run(audit(first.ledger), report)
    with pytest.raises(UsageError, match="is of run"):
        check_base_run(report, report)


def test_an_audit_notices_a_chain_that_went_on_before_it_was_handed_over(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    world = next_world(tmp_path / "second", first)
    open_deposit(first.shop, BUYER, 100_000)
    first.coordinator.hand_over(world.agreement.digest)  # not asking whether it fits
    let_all_read(first.coordinator, first.parties)
    second = carry_out(world)
    with pytest.raises(ForgeryError, match="its chain has other transactions"):
        check_base_run(audit(second.ledger), audit(first.ledger))


def test_after_the_handover_even_a_signed_transaction_is_refused_by_everybody(two: Two) -> None:
    first = two.first
    account = account_of(first.world.actors[COORDINATOR].identity)
    act = later_act(first.shop.terms, "royalty", first.world.did("Owner 1"), account.address)
    with pytest.raises(RefusedError) as caught:
        first.shop.make(account, act)
    assert caught.value.code == "chain-handed-over"


# What a drafter may invent.


def answering(blob: bytes) -> bytes:
    """Return creation code of a contract that answers `blob` to every call."""

    def copied(data: bytes, start: int) -> bytes:
        size, place = (b"\x61" + number.to_bytes(2, "big") for number in (len(data), start))
        return (size + place + b"\x5f\x39" + size + b"\x5f\xf3").ljust(start, b"\0") + data

    return copied(copied(blob, 15), 13)


def account_saying(model: bytes, terms: ContractTerms) -> bytes:
    """Return an `Account` that says a model was released, as the contract would encode it."""
    entry = next(e for e in load_contract(AGREEMENTS).abi if e.get("name") == "accountOf")
    fields = entry["outputs"][0]["components"]
    said = {"model": bytes.fromhex(sha256(model)), "shares": terms.model_shares}
    nothing: dict[str, Any] = {"address": ZERO, "bytes32": bytes(32)}
    values = [said.get(field["name"], nothing.get(field["type"], 0)) for field in fields]
    return encode([field["type"] for field in fields], values)


@pytest.mark.parametrize("place", ["of ours", "of its own"])
def test_a_contract_that_only_answers_like_ours_is_refused(tmp_path: Path, place: str) -> None:
    """Nobody ran anything: the drafter made a contract that says yes, at our address or at another one."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    stranger = account_of(BUYER)
    elsewhere = {"contract": created_address(stranger.address, 0)}
    changes = {"settlement": elsewhere} if place == "of its own" else None
    invented = build_world(tmp_path / "first", money=FIRST, changes=changes)
    terms, plan = ContractTerms.of(invented.agreement), RunPlan.derive(invented.agreement)
    schema = invented.agreement.data_schema.digest().hex()
    weights = np.full(plan.dimension, 123)
    made = Model.of(plan.algorithm, weights, schema=schema, agreement=invented.agreement.digest)
    hub, model = account_of(invented.actors[COORDINATOR].identity), made.encode()
    liar = Act("create", AGREEMENTS, None, answering(account_saying(model, terms)), 8_000_000)
    acts = [(hub, number, act) for number, act in enumerate(creation_acts(terms))]
    if changes:
        acts.append((stranger, 0, liar))
    else:
        acts = [(who, n, liar if act.subject == AGREEMENTS else act) for who, n, act in acts]
    steps = [(1_699_999_999, sign_act(w, act, EMBEDDED_CHAIN, n, Fees())) for w, n, act in acts]
    base = Base((invented.agreement,), model, tuple(steps))
    money = replace(SECOND, origin=Origin(EMBEDDED_CHAIN, terms.model_shares, BASE_SHARE))
    world = build_world(tmp_path / "second", money=money, base=base, changes=changes)
    refused("base-other-contracts", base, world)


def test_a_generation_that_is_left_out_or_put_in_is_refused(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    second = next_run(tmp_path / "second", first)
    whole = base_of(second.state, paid=True)
    world = next_world(tmp_path / "third", second)
    refused("base-other-descent", replace(whole, agreements=whole.agreements[1:]), world)
    doubled = (whole.agreements[0], *whole.agreements)
    refused("base-other-descent", replace(whole, agreements=doubled), world)
    check_base(world.agreement, whole)


# What is left to pay.


def redeemed_and_no_more(first: Run) -> None:
    """Do what `model settle` does, killed after the voucher was redeemed."""
    open_deposit(first.shop, BUYER, 100_000)
    ask_queries(first.shop, BUYER, MemoryJournal(), [QUERY] * 4)
    assert redeem_voucher(first.shop, account_of(BUYER).address)


def owed_of(of: Run, through: Run) -> int:
    terms = money_of(of.state).terms
    return through.shop.owed(terms, terms.account(of.world.did("Owner 1")))


def test_what_the_first_run_owes_is_paid_through_a_second_that_nobody_uses(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    redeemed_and_no_more(first)
    second = next_run(tmp_path / "second", first)
    assert owed_of(first, second) > 0
    pay_holders(second.shop)
    assert owed_of(first, second) == 0


def test_what_the_first_run_owes_is_paid_through_a_second_that_never_began(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    redeemed_and_no_more(first)
    world = next_world(tmp_path / "second", first)
    first.hand_over_to(world)
    coordinator = world.coordinator(world.ledger())
    while coordinator.state.phase is not Phase.ABORTED:
        coordinator.tick(all_spoke=True)  # nobody signs
    second = Run(world, world.ledger(), coordinator, world.parties(), MemoryJournal())
    assert second.shop.buyers() == []
    pay_holders(second.shop)
    assert owed_of(first, second) == 0
    world.clock.advance(400 * 86_400)
    assert len(return_stakes(second.shop).stakes) == 4
    with pytest.raises(RefusedError, match="released no model"):
        open_deposit(second.shop, BUYER, 1)


def test_stakes_of_the_first_run_do_not_wait_for_those_of_the_second(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")  # 14 days
    second = next_run(tmp_path / "second", first, replace(SECOND, challenge_days=300))
    with pytest.raises(RefusedError, match="stakes stay until"):
        return_stakes(second.shop)
    second.world.clock.advance(100 * 86_400)
    assert set(return_stakes(second.shop).stakes.values()) == {50 * CREDIT}
    second.world.clock.advance(300 * 86_400)
    assert set(return_stakes(second.shop).stakes.values()) == {30 * CREDIT}


def test_a_grandparent_on_another_chain_is_paid_on_its_own(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    (tmp_path / "second").mkdir()
    base = base_of(first.state, paid=False)
    second = carry_out(build_world(tmp_path / "second", money=SECOND, base=base))
    third = next_run(tmp_path / "third", second)
    assert [terms.agreement for terms in third.shop.lineage] == [
        third.world.agreement,
        second.world.agreement,
    ]
    pay_holders(third.shop)


@pytest.mark.parametrize("change", ["expired", "unfit"])
def test_a_chain_is_not_handed_over_to_a_run_that_cannot_begin(tmp_path: Path, change: str) -> None:
    first = first_run(tmp_path / "first")
    changes = {"algorithm": {"weight_bits": 14}} if change == "unfit" else None
    world = next_world(tmp_path / "second", first, changes=changes)
    if change == "expired":
        first.world.clock.advance(world.agreement.expires - first.world.clock.now())
    with pytest.raises(RefusedError) as caught:
        check_handover(first.shop, world.agreement)
    assert caught.value.code in {"handover-expired", "base-does-not-fit"}
    assert first.state.successor is None


def test_a_buyer_that_took_its_deposit_back_keeps_no_chain(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    open_deposit(first.shop, BUYER, 100_000)
    ask_queries(first.shop, BUYER, MemoryJournal(), [QUERY])
    for kind in ("announce", "withdraw"):
        assert first.shop.make(account_of(BUYER), later_act(first.shop.terms, kind, ""))
        first.world.clock.advance(8 * 86_400)
    with pytest.raises(RefusedError) as caught:
        settle_use(first.shop, account_of(BUYER).address)
    assert caught.value.code == "use-not-covered"
    world = next_world(tmp_path / "second", first, now=first.world.clock.now())
    check_handover(first.shop, world.agreement)


# The file.


def test_a_base_file_has_one_spelling_and_nothing_shorter_is_one(alone: Run) -> None:
    data = base_of(alone.state, paid=True).encode()
    assert decode_base(data).encode() == data
    generator = np.random.default_rng(7)
    for end in [*generator.integers(0, len(data), 60).tolist(), len(data) - 1]:
        with pytest.raises(MalformedError):
            decode_base(data[:end])
    with pytest.raises(MalformedError):
        decode_base(data + b"\x00")


def test_times_and_sizes_in_a_base_file_have_limits(
    alone: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of(alone.state, paid=True)
    for time, holds in ((2**53 - 1, True), (2**53, False)):
        late = replace(base, steps=(*base.steps[:-1], (time, base.steps[-1][1])))
        with nullcontext() if holds else pytest.raises(MalformedError, match="beyond every clock"):
            assert decode_base(late.encode()) == late
    data = base.encode()
    monkeypatch.setattr("cotrain.rounds.base._MAX_BYTES", len(data) - 1)
    with pytest.raises(MalformedError, match="exceed the limit"):
        decode_base(data)


def test_a_run_without_its_base_leaves_nothing_behind(alone: Run, tmp_path: Path) -> None:
    world, base = next_world(tmp_path / "next", alone), base_of(alone.state, paid=True)
    other = replace(base, steps=base.steps[:-1]).encode()
    folder = RunLayout(tmp_path / "run")
    for given, words in ((None, "none is given"), (other, "another one is given")):
        with pytest.raises(UsageError, match=words):
            open_run(folder, world.agreement, [], entropy=[], clock=world.clock, base=given)
    with pytest.raises(UsageError, match="names no base model"):
        open_run(
            folder, alone.world.agreement, [], entropy=[], clock=world.clock, base=base.encode()
        )
    assert not folder.path.exists()


def test_a_chain_adopts_its_past_once(alone: Run, tmp_path: Path) -> None:
    steps = base_of(alone.state, paid=True).steps
    clock = alone.world.clock
    with EmbeddedChain(tmp_path / "chain.db", EMBEDDED_CHAIN, clock) as chain:
        chain.adopt(steps[:10])  # and died
    with EmbeddedChain(tmp_path / "chain.db", EMBEDDED_CHAIN, clock) as chain:
        chain.adopt(steps)
        chain.adopt(steps)
        assert list(chain.steps()) == list(steps)
        with pytest.raises(ForgeryError) as caught:
            chain.adopt((steps[1], *steps[1:]))
        assert caught.value.code == "chain-other-history"
