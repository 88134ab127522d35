"""A chain that others use too: who revokes there by itself, blocks that are dropped, accounts that cannot pay."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from probe import nodes
from probe.calls import Caller, an_account

from cotrain.audit.auditor import audit
from cotrain.errors import ForgeryError, OutsideError, RefusedError
from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock
from cotrain.records.kinds import TransactionBody
from cotrain.records.record import blob_ref, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.money import money_of
from cotrain.rounds.node import unlogged_leave
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.settlement.acts import LEAVE, own_revoke_act, revoke_act
from cotrain.settlement.chain.chain import Fees, LogEntry, Receipt
from cotrain.settlement.chain.remote import RemoteChain, confirmations_of
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.direct import revoke_directly
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.earlier import EarlierChain
from cotrain.settlement.history import check_history
from cotrain.settlement.stand_in import is_stand_in, make_stand_in
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import read_transaction, sign_act
from cotrain.testing.world import COORDINATOR, World, build_world


@pytest.fixture
def node() -> Iterator[str]:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        yield url


def world_on(url: str, folder: Path, *rich: str) -> World:
    """Make a world on a node, whose coordinator, and others that are named, can pay fees."""
    chain = RemoteChain(url)
    wishes = MoneyWishes(
        price=1000, shares={COORDINATOR: 20}, stake_owner=50, chain_id=chain.chain_id
    )
    now = max(SystemClock().now(), chain.head().time)
    world = build_world(folder, money=wishes, now=now)
    world.chain = chain
    for name in (COORDINATOR, *rich):
        nodes.give_money(url, account_of(world.actors[name].identity).address)
    return world


def leave(world: World, node: str, name: str) -> None:
    terms, owner = ContractTerms.of(world.agreement), world.actors[name].identity
    receipt = revoke_directly(RemoteChain(node), terms, owner)
    assert receipt is not None
    assert receipt.succeeded


def check_paid(world: World, leaver: str, rounds: int) -> list[str]:
    """Audit a finished run that an owner left, see who was paid; return the kinds of its transactions."""
    with Ledger.open(world.path, read_only=True) as ledger:
        found = audit(ledger)
    assert found.money is not None
    assert found.money.released
    assert found.state.revoked == [world.did(leaver)]
    assert money_of(found.state).revoked == [world.did(leaver)]
    earned = {figures.name: figures.earned for figures in found.money.accounts.values()}
    assert earned[leaver] == rounds * 100 * CREDIT
    assert all(earned[name] == 200 * CREDIT for name in world.owners if name != leaver)
    return [done.sent.act.kind for done in money_of(found.state).history]


@pytest.mark.slow
def test_an_owner_that_revokes_by_itself_is_in_no_later_round(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path, "Owner 1")

    left: list[int] = []

    def watch(state: RunState) -> None:
        if len(state.opened) == 1 and state.phase is Phase.BETWEEN and not left:
            leave(world, node, "Owner 1")
            left.append(1)

    with world.ledger() as ledger:
        state = run_in_process(world.coordinator(ledger), world.parties(), progress=watch)
    assert world.did("Owner 1") in state.opened[0][1]
    assert world.did("Owner 1") not in state.opened[1][1]
    assert check_paid(world, "Owner 1", rounds=1).count(LEAVE) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 1])
def test_an_owner_may_revoke_by_any_wallet_of_its_own(node: str, tmp_path: Path, kind: int) -> None:
    world = world_on(node, tmp_path, "Owner 1")
    with world.ledger() as ledger:
        stopped_between(world, ledger)
        leave_by_wallet(world, node, "Owner 1", kind)
        run_in_process(world.coordinator(ledger), world.parties())
    kinds = check_paid(world, "Owner 1", rounds=1)
    assert kinds.count(LEAVE) == 1
    with Ledger.open(world.path, read_only=True) as ledger:
        history = money_of(audit(ledger).state).history
    logged = [read_transaction(done.sent.raw).type for done in history]
    assert [logged[kinds.index(LEAVE)], set(logged)] == [kind, {kind, 2}]


def leave_by_wallet(world: World, node: str, name: str, kind: int) -> None:
    """Revoke by a transaction of some type, as a wallet of the owner's own may sign it."""
    terms, owner, chain = ContractTerms.of(world.agreement), world.actors[name], RemoteChain(node)
    act = own_revoke_act(terms, owner.identity.did)
    wallet = Caller(account_of(owner.identity), chain.chain_id, fees=chain.fees(), kind=kind)
    assert chain.send(wallet.sign(act.data, to=act.to, gas=act.gas)).succeeded


RELAY = "602036038060206000376000600082600060006000355af100"
"""A contract that calls the address in the first word of what it is told, with the rest."""

HIDING = "6096602060003760b736038060b76096376096016000600082600060006000355af100"
"""The same, but it leaves out byte 150 of the rest, so that no signature is to be seen in what it is told."""


def leave_by_contract(world: World, node: str, name: str, code: str = RELAY) -> str:
    """Let a stranger bring an owner's signed revocation through a contract; return the transaction's hash."""
    terms, owner = ContractTerms.of(world.agreement), world.actors[name].identity
    account, stranger = account_of(owner), an_account(7)
    signature = account.sign(terms.domain.revocation(account.address)).hex()
    told = revoke_act(terms, owner.did, signature)
    chain = RemoteChain(node)
    nodes.give_money(node, stranger.address)
    relay = Caller(stranger, chain.chain_id, fees=chain.fees())
    create = bytes.fromhex(f"60{len(code) // 2:02x}80600b6000396000f3" + code)
    assert chain.send(relay.sign(create, to=None)).succeeded
    gap = b"" if code == RELAY else b"!"
    passed = told.data[:150] + gap + told.data[150:]
    raw = relay.sign(bytes(12) + bytes.fromhex(str(told.to)[2:]) + passed, to=relay.to)
    (event,) = chain.send(raw).events
    assert event.address == terms.settlement.contract
    return keccak(raw).hex()


@pytest.mark.slow
def test_a_revocation_through_another_contract_that_shows_the_signature_counts(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path)
    with world.ledger() as ledger:
        stopped_between(world, ledger)
        leave_by_contract(world, node, "Owner 1")
        size, world.chain = ledger.size, RemoteChain(node, 0.3, confirmations=2)
        with pytest.raises(OutsideError, match="no new block came"):
            world.coordinator(ledger).tick()
        assert ledger.size == size  # it does not count yet
        world.chain = RemoteChain(node)
        assert world.coordinator(ledger).tick()
        again = world.coordinator(ledger)  # it died when what stands for it was logged
        assert money_of(again.state).leaving is not None
        run_in_process(again, world.parties())
        world.coordinator(ledger)  # all is found on the node, this one too
    kinds = check_paid(world, "Owner 1", rounds=1)
    assert kinds.count(LEAVE) == 1
    with Ledger.open(world.path, read_only=True) as ledger:
        history = money_of(audit(ledger).state).history
    logged = [done.sent.raw for done in history if is_stand_in(done.sent.raw)]
    assert logged == [history[kinds.index(LEAVE)].sent.raw]


@pytest.mark.slow
def test_a_revocation_whose_signature_is_not_seen_waits_for_the_owners_own(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path)
    with world.ledger() as ledger:
        stopped_between(world, ledger)
        size, digest = ledger.size, leave_by_contract(world, node, "Owner 1", HIDING)
        coordinator, parties = world.coordinator(ledger), world.parties()
        assert not coordinator.tick()
        with pytest.raises(RefusedError) as odd:
            run_in_process(coordinator, parties)
        assert ledger.size == size
        assert odd.value.code == "settlement-odd-revocation"
        assert digest in str(odd.value)
        assert "put its signed revocation on the ledger" in odd.value.hint
        parties[0].revoke(world.agreement.digest, "enough")
        run_in_process(world.coordinator(ledger), parties)
    kinds = check_paid(world, "Owner 1", rounds=1)
    assert (kinds.count(LEAVE), kinds.count("revoke")) == (1, 0)


@pytest.mark.slow
def test_what_stands_for_a_revocation_that_the_owner_did_not_sign_is_found_out(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path)
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    account, other = (account_of(world.actors[name].identity) for name in ("Owner 1", "Owner 2"))
    said = terms.domain.revocation(account.address)
    with world.ledger() as ledger:
        history = money_of(stopped_between(world, ledger).state).history
    earlier = EarlierChain(terms.settlement.chain_id, paid_elsewhere=True)
    steps, last = [(done.sent.raw, done.receipt) for done in history], history[-1].receipt
    for signer, holds in ((other, False), (account, True)):
        raw = make_stand_in(terms, did, signer.sign(said).hex())
        lie = last.model_copy(update={"succeeded": not holds})
        with pytest.raises(ForgeryError, match=f"running it again gives {holds}"):
            check_history(earlier, [*steps, (raw, lie)])


class Talkative(RemoteChain):
    """A node by which a contract told more in each transaction than it did."""

    def told_in(self, entry: LogEntry, *, deep: bool = False) -> Receipt | None:
        found = super().told_in(entry, deep=deep)
        return None if found is None else replace(found, events=found.events * 2)


@pytest.mark.slow
def test_a_transaction_that_does_more_than_to_revoke_stops_the_run(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path)
    with world.ledger() as ledger:
        coordinator = stopped_between(world, ledger)
        leave_by_contract(world, node, "Owner 1")
        money = money_of(coordinator.state)
        assert unlogged_leave(money, RemoteChain(node)) is not None
        with pytest.raises(RefusedError, match="or does more than to revoke"):
            unlogged_leave(money, Talkative(node))


@pytest.mark.slow
def test_a_revocation_that_is_bound_to_no_chain_waits_for_the_owners_own(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path, "Owner 1")
    terms, owner, chain = (
        ContractTerms.of(world.agreement),
        world.actors["Owner 1"],
        RemoteChain(node),
    )
    with world.ledger() as ledger:
        stopped_between(world, ledger)
        act = own_revoke_act(terms, owner.identity.did)
        fields = {"nonce": 0, "gas": act.gas, "to": act.to, "value": 0, "data": act.data}
        account = account_of(owner.identity)
        raw = account.sign_transaction({**fields, "gasPrice": chain.fees().most})
        assert chain.send(raw).succeeded
        coordinator, parties = world.coordinator(ledger), world.parties()
        assert not coordinator.tick()
        with pytest.raises(RefusedError, match="bound to no chain") as unbound:
            coordinator.tick(all_spoke=True)
        assert unbound.value.code == "chain-transaction-unprotected"
        parties[0].revoke(world.agreement.digest, "enough")
        run_in_process(coordinator, parties)
    assert check_paid(world, "Owner 1", rounds=1).count(LEAVE) == 1


@pytest.mark.slow
def test_who_brings_a_signed_revocation_before_the_coordinator_does_stops_nothing(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path)
    selector = load_contract(AGREEMENTS).selector("revokeFor")
    parties = world.parties()
    world.chain = Overtaken(
        node, selector, 1, lambda: leave_by_contract(world, node, "Owner 1", HIDING)
    )

    def watch(state: RunState) -> None:
        if len(state.opened) == 1:
            parties[0].revoke(world.agreement.digest, "enough")

    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), parties, progress=watch)
    kinds = check_paid(world, "Owner 1", rounds=1)
    assert (kinds.count(LEAVE), kinds.count("revoke")) == (1, 1)


@pytest.mark.slow
def test_a_coordinator_that_dies_with_a_revocation_half_logged_goes_on(
    node: str, tmp_path: Path
) -> None:
    world = world_on(node, tmp_path, "Owner 1")
    with world.ledger() as ledger:
        stopped_between(world, ledger)
        leave(world, node, "Owner 1")
        assert world.coordinator(ledger).tick()
        again = world.coordinator(ledger)
        assert money_of(again.state).leaving is not None
        run_in_process(again, world.parties())
    assert check_paid(world, "Owner 1", rounds=1).count(LEAVE) == 1


class Overtaken(RemoteChain):
    """A node on which something happens before one of the transactions to a function enters a block."""

    def __init__(self, url: str, selector: bytes, which: int, before: Any) -> None:
        super().__init__(url)
        self._selector, self._left, self._before = selector, which, before

    def send(
        self, raw: bytes, *, replaced: Sequence[bytes] = (), offer: Fees | None = None
    ) -> Receipt:
        if read_transaction(raw).data[:4] == self._selector:
            self._left -= 1
            if self._left == 0:
                self._before()
        return super().send(raw, replaced=replaced, offer=offer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "which", "rounds"),
    [("join", 2, 0), ("anchor", 1, 0), ("anchor", 2, 1), ("revokeFor", 1, 1)],
)
def test_a_revocation_that_comes_before_a_transaction_on_its_way(
    node: str, tmp_path: Path, function: str, which: int, rounds: int
) -> None:
    world = world_on(node, tmp_path, "Owner 1")
    selector = load_contract(AGREEMENTS).selector(function)
    world.chain = Overtaken(node, selector, which, lambda: leave(world, node, "Owner 1"))
    parties = world.parties()

    def watch(state: RunState) -> None:
        if function == "revokeFor" and len(state.opened) == 1:
            parties[0].revoke(world.agreement.digest, "enough")

    with world.ledger() as ledger:
        run_in_process(world.coordinator(ledger), parties, progress=watch)
    kinds = check_paid(world, "Owner 1", rounds)
    assert kinds.count(LEAVE) == 1
    assert kinds.count("anchor") == 2 + (function == "anchor")


def stopped_between(world: World, ledger: Ledger) -> Coordinator:
    """Run until the first round is anchored, and stop."""
    coordinator = world.coordinator(ledger)

    def watch(state: RunState) -> None:
        if len(state.opened) == 1 and state.phase is Phase.BETWEEN:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_process(coordinator, world.parties(), progress=watch)
    return coordinator


@pytest.mark.slow
def test_what_is_no_revocation_of_an_owner_is_not_logged_as_one(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path)
    terms, hub = ContractTerms.of(world.agreement), world.actors[COORDINATOR].identity
    with world.ledger() as ledger:
        state = stopped_between(world, ledger).state

        def log(name: str, subject: str, chain_id: int) -> None:
            signer = account_of(world.actors[name].identity)
            raw = sign_act(signer, own_revoke_act(terms, subject), chain_id, 0, Fees())
            body = TransactionBody(act=LEAVE, subject=subject, raw=blob_ref(raw), checkpoint=None)
            check_record(state, sign_record(hub, world.agreement.digest, body), lambda _: raw)

        here, dids = terms.settlement.chain_id, [world.did(name) for name in world.actors]
        log("Owner 2", dids[1], here)  # the same is allowed when all is as it should be
        for name, subject, chain_id in (
            ("Owner 2", dids[0], here),
            (COORDINATOR, dids[-1], here),
            ("Owner 2", dids[1], 1),
        ):
            with pytest.raises(ForgeryError):
                log(name, subject, chain_id)


@pytest.mark.slow
def test_a_dropped_transaction_that_had_counted_is_told(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path)
    before = nodes.ask(node, "evm_snapshot")
    with world.ledger() as ledger:
        coordinator = stopped_between(world, ledger)
        size = ledger.size
        world.coordinator(ledger)  # all is there: it goes on
        nodes.ask(node, "evm_revert", before)
        for start_again in (lambda: world.coordinator(ledger), lambda: transact(coordinator)):
            with pytest.raises(OutsideError, match="which the ledger says is in block") as dropped:
                start_again()
            assert dropped.value.code == "node-history-dropped"
            assert "reorganisation" in dropped.value.meaning
        assert ledger.size == size


def transact(coordinator: Coordinator) -> None:
    """Let a coordinator that is open go on until it would send its next transaction."""
    money = money_of(coordinator.state)
    money.revocations[money.terms.agreement.owners[0].did] = "00" * 65
    coordinator.tick()


def test_a_dropped_transaction_that_did_not_count_is_sent_again(node: str) -> None:
    heard: list[str] = []
    chain = RemoteChain(node, confirmations=3, told=heard.append)
    caller = Caller(an_account(1), chain.chain_id, fees=chain.fees())
    nodes.give_money(node, caller.account.address)
    raw, found = caller.create(), []
    before = nodes.ask(node, "evm_snapshot")
    sending = threading.Thread(target=lambda: found.append(chain.send(raw)))
    sending.start()
    nodes.wait_until(lambda: chain.find(raw) is not None)
    nodes.ask(node, "evm_mine")
    time.sleep(0.5)
    assert not found  # two deep, and three were asked for
    nodes.ask(node, "evm_revert", before)
    nodes.ask(node, "evm_mine")
    nodes.wait_until(lambda: chain.find(raw) is not None)
    assert not found
    for _ in range(2):
        nodes.ask(node, "evm_mine")
    sending.join(timeout=30)
    assert found == [chain.find(raw)]
    assert found[0].block == 2
    (words,) = heard
    assert words.startswith("the chain dropped block 1")
    assert "sent again" in words


def test_no_new_block_above_a_transaction_is_told(node: str) -> None:
    chain = RemoteChain(node, wait_seconds=0.3, confirmations=2)
    caller = Caller(an_account(2), chain.chain_id, fees=chain.fees())
    nodes.give_money(node, caller.account.address)
    raw = caller.create()
    with pytest.raises(OutsideError, match="no new block came") as slow:
        chain.send(raw)
    assert slow.value.code == "node-slow"
    nodes.ask(node, "evm_mine")
    assert chain.send(raw).succeeded


def test_how_deep_where_nobody_says() -> None:
    assert [confirmations_of(chain_id) for chain_id in (1337, 31337, 1, 11155111)] == [1, 1, 12, 12]


def test_an_account_that_cannot_pay_sends_and_logs_nothing(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path)
    address = account_of(world.actors[COORDINATOR].identity).address
    nodes.ask(node, "anvil_setBalance", address, hex(10**9))
    with world.ledger() as ledger:
        coordinator = world.coordinator(ledger)
        with pytest.raises(OutsideError, match=address) as poor:
            run_in_process(coordinator, world.parties())
        assert poor.value.code == "account-no-gas"
        assert money_of(coordinator.state).waiting is None
        nodes.give_money(node, address)
        assert coordinator.tick()


def test_an_account_that_sent_something_else_is_refused(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path)
    account = account_of(world.actors[COORDINATOR].identity)
    chain = RemoteChain(node)
    chain.send(Caller(account, chain.chain_id, fees=chain.fees()).create())
    with (
        world.ledger() as ledger,
        pytest.raises(RefusedError, match="sent 1 transactions") as other,
    ):
        run_in_process(world.coordinator(ledger), world.parties())
    assert other.value.code == "account-other-transactions"


def test_nobody_can_revoke_where_nobody_joined(node: str, tmp_path: Path) -> None:
    world = world_on(node, tmp_path, "Owner 1")
    with pytest.raises(RefusedError) as early:
        leave(world, node, "Owner 1")
    assert early.value.code == "revoke-no-member"
    with pytest.raises(RefusedError) as coordinates:
        leave(world, node, COORDINATOR)
    assert coordinates.value.code == "revoke-own-coordinator"
    assert RemoteChain(node).head().block == 0
