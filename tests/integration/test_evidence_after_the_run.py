"""Evidence beside a run's own chain and payments: what must not get in the way of the ledger, and what goes on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from test_base_model import (
    BUYER,
    FIRST,
    Run,
    carry_out,
    first_run,
    next_world,
)

from cotrain.audit.auditor import audit
from cotrain.audit.standing import read_standing
from cotrain.cli.pressing import Case, check_over, press_on_node, press_through, read_case
from cotrain.errors import CotrainError, RefusedError
from cotrain.flow import let_all_read, run_in_process
from cotrain.identity.keys import Identity
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.money import lineage_of, money_of
from cotrain.rounds.node import check_number
from cotrain.rounds.state import Phase, RunState
from cotrain.serving.stakes import return_stakes
from cotrain.settlement.acts import Act, later_act
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import CREDIT
from cotrain.settlement.evidence_file import Evidence, encode_evidence, rejection_evidence
from cotrain.settlement.pressing import find_slashing, is_released, parts_due
from cotrain.settlement.rejection import Rejection, sign_rejection
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.testing.world import COORDINATOR, World, build_world

pytestmark = pytest.mark.slow

LIAR = "Owner 2"


def rejected(world: World) -> Evidence:
    """Let everybody else reject a record of the liar's."""
    terms = ContractTerms.of(world.agreement)
    said = Rejection(world.did(LIAR), 1, "a" * 64)
    others = [actor.identity for name, actor in world.actors.items() if name != LIAR]
    signed = [sign_rejection(terms, said, one.did, account_of(one), "false") for one in others]
    return rejection_evidence(terms, signed)


def case_of(run: Run, about: World | None = None) -> Case:
    """Return evidence about a run, or about an earlier one, as the command reads it."""
    world = about or run.world
    data = encode_evidence(ContractTerms.of(world.agreement), rejected(world))
    return read_case(run.state, data)


def stop_when(world: World, phase: Phase) -> Run:
    """Carry a run out up to a phase, and stop there."""
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()

    def watch(state: RunState) -> None:
        if state.phase is phase:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_process(coordinator, parties, progress=watch)
    return Run(world, ledger, coordinator, parties, MemoryJournal())


def refusal(case: Case, run: Run, who: Identity = BUYER, *, now: bool = False) -> str:
    chain = run.world.chain
    assert chain is not None
    before = chain.head()
    with pytest.raises(RefusedError) as caught:
        press_on_node(chain, case, who, now=now, pay_others=False)
    assert chain.head() == before
    return caught.value.code


# What cannot enter is not logged.


@pytest.mark.parametrize("gas", [1, 200_000_000])
def test_what_the_chain_could_never_take_is_not_logged(tmp_path: Path, gas: int) -> None:
    """It would wait for its answer for ever, and with it all that is still to be paid."""
    run = first_run(tmp_path / "first")
    entries, act = run.ledger.size, replace(rejected(run.world).act, gas=gas)
    with pytest.raises(CotrainError) as caught:
        run.shop.make(account_of(BUYER), act)
    assert caught.value.code == "chain-transaction-invalid"
    assert run.ledger.size == entries
    again = replace(run, coordinator=run.world.coordinator(run.ledger))
    run.world.clock.advance(400 * 86_400)
    return_stakes(again.shop)
    assert run.ledger.size > entries


def test_a_number_that_was_used_is_not_logged(tmp_path: Path) -> None:
    run = first_run(tmp_path / "first")
    entries, buyer, chain = run.ledger.size, account_of(BUYER), run.shop.chain
    act = later_act(run.shop.terms, "approve", BUYER.did, run.shop.terms.model_shares, 5)
    raw = sign_act(buyer, act, chain.chain_id, 1, chain.fees())
    with pytest.raises(CotrainError):
        run.coordinator.carry(act.kind, act.subject, raw)
    assert run.ledger.size == entries
    reverted = later_act(run.shop.terms, "withdraw", BUYER.did)
    assert not run.shop.make(buyer, reverted), "what the contract refuses enters and is logged"


# Before the claims.


def test_evidence_waits_for_the_claims_not_only_for_the_release(tmp_path: Path) -> None:
    run = stop_when(build_world(tmp_path, money=FIRST), Phase.PAYING)
    while not is_released(run.shop.chain, run.shop.terms):
        run.coordinator.tick()
    assert run.state.phase is Phase.PAYING
    assert refusal(case_of(run), run) == "evidence-early"
    run_in_process(run.coordinator, run.parties)
    case = case_of(run)
    done, paid = press_on_node(run.shop.chain, case, BUYER, now=False, pay_others=True)
    assert done.amount == 50 * CREDIT
    assert paid
    audit(run.ledger)


def test_a_copy_of_the_ledger_that_is_behind_says_that_the_run_goes_on(tmp_path: Path) -> None:
    run = stop_when(build_world(tmp_path, money=FIRST), Phase.PAYING)
    behind = case_of(run).state
    assert read_standing(run.ledger).phase is behind.phase is Phase.PAYING
    again = Run(run.world, run.ledger, run.world.coordinator(run.ledger), run.parties, run.store)
    run_in_process(again.coordinator, again.parties)
    assert is_released(again.shop.chain, again.shop.terms)
    assert refusal(replace(case_of(again), state=behind), again) == "evidence-early"
    assert case_of(again).over
    money = money_of(again.state)
    money.sent = money.history[-1].sent
    assert not case_of(again).over, "an act that was logged later waits for its answer"


# The coordinator's account.


def test_the_coordinators_home_sends_no_evidence_to_a_node(tmp_path: Path) -> None:
    """It would move its account's number, by which the next run knows its contracts."""
    first = first_run(tmp_path / "first")
    hub = first.world.actors[COORDINATOR].identity
    for now in (False, True):
        assert refusal(case_of(first), first, hub, now=now) == "evidence-own-coordinator"
    second = next_world(tmp_path / "second", first)
    first.hand_over_to(second)
    under_way = stop_when(second, Phase.SUBMITTING)
    about_first = case_of(under_way, first.world)
    assert refusal(about_first, under_way, hub, now=True) == "evidence-own-coordinator"
    check_number(money_of(under_way.state), under_way.shop.chain, account_of(hub).address)


# Cut off.


def test_cut_off_after_the_stake_it_goes_on_with_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = first_run(tmp_path / "first")
    case, account = case_of(run), account_of(BUYER)
    make, made = type(run.shop).make, list[Act]()

    def cut_off(after: int, shop: object, signer: object, act: Act) -> bool:
        if len(made) == after:
            raise KeyboardInterrupt
        made.append(act)
        return make(shop, signer, act)  # type: ignore[arg-type]

    for after in (1, 2):
        with monkeypatch.context() as killed:
            killed.setattr(type(run.shop), "make", lambda *given, n=after: cut_off(n, *given))
            with pytest.raises(KeyboardInterrupt):
                press_through(run.shop, case, account)
    due = parts_due(run.shop.chain, case.terms)
    assert due
    done, paid = press_through(run.shop, case, account)
    assert (done.amount, done.bounty) == (50 * CREDIT, 5 * CREDIT)
    assert paid == due
    assert parts_due(run.shop.chain, case.terms) == []
    with pytest.raises(RefusedError, match="NothingAtStake"):
        press_through(run.shop, case, account)
    let_all_read(run.coordinator, run.parties)
    audit(run.ledger)


def test_cut_off_between_ledger_and_chain_it_goes_on_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = first_run(tmp_path / "first")
    case, account = case_of(run), account_of(BUYER)
    with monkeypatch.context() as killed:
        killed.setattr(type(run.shop.chain), "send", partial(stop, run.shop.chain))
        with pytest.raises(KeyboardInterrupt):
            press_through(run.shop, case, account)
    assert money_of(run.state).waiting is not None
    again = replace(run, coordinator=run.world.coordinator(run.ledger))
    done, paid = press_through(again.shop, case, account)
    assert done.bounty == 5 * CREDIT
    assert paid


def stop(*given: object, **options: Sequence[bytes]) -> None:
    del given, options
    raise KeyboardInterrupt


# A chain that goes on.


def test_evidence_about_the_first_run_is_brought_through_the_second(tmp_path: Path) -> None:
    first = first_run(tmp_path / "first")
    world = next_world(tmp_path / "second", first)
    first.hand_over_to(world)
    with pytest.raises(RefusedError) as caught:
        first.shop.make(account_of(BUYER), rejected(first.world).act)
    assert caught.value.code == "chain-handed-over"
    under_way = stop_when(world, Phase.SUBMITTING)
    with pytest.raises(RefusedError) as caught:
        check_over(under_way.shop)
    assert caught.value.code == "evidence-run-goes-on"
    under_way.ledger.close()
    second = carry_out(world)
    case = case_of(second, first.world)
    assert case.terms.agreement.digest == first.world.agreement.digest
    assert [terms.name for terms in lineage_of(second.state)] == [
        second.shop.terms.name,
        case.terms.name,
    ]
    done, paid = press_through(second.shop, case, account_of(BUYER))
    assert done.amount == 50 * CREDIT, "the stake of the first run, not the second's 30"
    assert paid
    assert press_through(second.shop, case_of(second), account_of(BUYER))[0].amount == 30 * CREDIT
    for terms, stake in ((case.terms, 50), (second.shop.terms, 30)):
        taken = find_slashing(second.shop.chain, terms, world.did(LIAR))
        assert taken is not None
        assert taken.amount == stake * CREDIT
        assert find_slashing(second.shop.chain, terms, world.did("Owner 1")) is None
    let_all_read(second.coordinator, second.parties)
    audit(second.ledger)
