"""Which transaction is due: a function of the ledger, the same for everybody (docs/spec/settlement.md)."""

import math
from typing import Any

from cotrain.contribution.payouts import PoolPart
from cotrain.contribution.validation import validation_gradients
from cotrain.errors import RefusedError
from cotrain.records.canonical import sha256
from cotrain.rounds.money_state import MoneyState
from cotrain.rounds.state import Phase, RunState, ScoreState
from cotrain.settlement.acts import (
    NO_HASH,
    Act,
    AnchorFacts,
    anchor_act,
    participants_root,
    payment_acts,
    payouts_root,
    release_act,
    release_values,
    revoke_act,
    setup_acts,
)
from cotrain.settlement.terms import MICRO, ContractTerms


def money_of(state: RunState) -> MoneyState:
    """Return the money side of a run.

    Raises:
        RefusedError: the agreement moves no money.
    """
    if state.money is None:
        raise RefusedError("run-without-money", "the agreement of this run moves no money")
    return state.money


def lineage_of(state: RunState) -> list[ContractTerms]:
    """Return the terms of a run, and of those that its model came from on its chain, newest first."""
    money = money_of(state)
    return [money.terms, *money.before]


def next_act(state: RunState) -> Act | None:
    """Return the transaction that is due now; None if none is, or if one was sent and is not answered yet."""
    money = state.money
    if money is None or money.waiting is not None or money.refused is not None:
        return None
    match state.phase:
        case Phase.FUNDING | Phase.PAYING:
            return money.script[money.step]
        case Phase.BETWEEN:
            return _revocation(money)
        case Phase.ANCHORING:
            return _revocation(money) or anchor_act(money.terms, anchor_facts(state))
        case Phase.APPROVING if len(money.approvals) >= money.terms.settlement.quorum:
            return release_act(money.terms, release_of(state), money.approvals)
        case _:
            return None


def has_due_transaction(state: RunState) -> bool:
    """Return whether a transaction or an answer has to come before anything else."""
    return state.money is not None and (
        state.money.waiting is not None or next_act(state) is not None
    )


def begin_funding(state: RunState) -> None:
    """Go on after the last registration: to the contracts, or without money to the first round."""
    money = state.money
    if money is None:
        state.phase = Phase.BETWEEN
        return
    roots = {did: registration.root for did, registration in state.datasets.items()}
    acts = setup_acts(money.terms, money.consents, roots, fresh=not money.earlier.steps)
    money.script, money.step = tuple(acts), 0
    state.phase = Phase.FUNDING


def begin_ending(state: RunState) -> None:
    """Go on after the model was released or the run was aborted: to the approvals, if money lies on the contract."""
    money = state.money
    if money is None or not money.joined:
        end(state)
        return
    money.refused = None  # what was anchored before is paid all the same
    plan = state.derived
    if plan.scores is None or plan.validation is None or not state.opened:
        state.phase = Phase.APPROVING
        return
    weights = state.weights[: len(state.opened)]
    length = plan.scores.length
    gradients = validation_gradients(plan.algorithm, plan.validation, weights, length)
    state.scoring = ScoreState(gradients)
    state.phase = Phase.SCORING


def begin_paying(state: RunState) -> None:
    """Go on after the release."""
    money = money_of(state)
    money.script, money.step = tuple(payment_acts(money.terms, pool_parts(state))), 0
    state.phase = Phase.PAYING


def end(state: RunState) -> None:
    """Nothing is due any more."""
    state.phase = Phase.FINISHED if state.abort is None else Phase.ABORTED


def leave_unpaid(state: RunState) -> None:
    """End a run whose payment too few parties approved; the money stays on the contract for its own deadlines."""
    money_of(state).unpaid = True
    end(state)


def release_of(state: RunState) -> dict[str, Any]:
    """Return what the parties sign at the end: the rounds that are anchored, and the model if one came out."""
    model = NO_HASH if state.released_model is None else bytes.fromhex(sha256(state.released_model))
    return release_values(
        money_of(state).anchored, payouts_root(money_of(state).terms, pool_parts(state)), model
    )


def pool_parts(state: RunState) -> dict[str, PoolPart]:
    """Return what the pool gives to whom, by the closed scores; nothing where no pool is divided by scores."""
    return {} if state.scoring is None else state.scoring.payouts or {}


def anchor_facts(state: RunState) -> AnchorFacts:
    """Return the anchor of the round whose sum was opened last, on the ledger as it is now."""
    money, current = money_of(state), state.current
    return AnchorFacts(
        round=current.number + 1,
        version=len(state.terms.parties) + len(money.revoked),
        opened=state.last_time,
        epsilon=micro_epsilon(state),
        size=state.tree.size,
        root=state.tree.root(),
        result=bytes.fromhex(current.result or ""),
        participants=participants_root([money.terms.account(did) for did in current.survivors]),
    )


def checkpoint_digest(state: RunState) -> bytes:
    """Return what the coordinator signs with the anchor that is due: which ledger it shows for this round."""
    facts = anchor_facts(state)
    domain = money_of(state).terms.domain
    return domain.checkpoint(facts.round, facts.version, facts.size, facts.root)


def epsilon_spent(state: RunState, did: str) -> float | None:
    """Return the epsilon spent on an owner's rows by the submissions on the ledger; None without noise."""
    if state.derived.event is None:
        return None
    spent = state.derived.spent_after(state.submitted.get(did, 0))
    return spent.epsilon(float(state.terms.delta))


def micro_epsilon(state: RunState) -> int:
    """Return the largest epsilon spent on any row so far, in millionths, rounded up; 0 without noise."""
    most = max(state.submitted, key=lambda did: state.submitted[did], default=None)
    spent = None if most is None else epsilon_spent(state, most)
    return 0 if spent is None else math.ceil(spent * MICRO)


def _revocation(money: MoneyState) -> Act | None:
    did = money.due_revocation()
    return None if did is None else revoke_act(money.terms, did, money.revocations[did])
