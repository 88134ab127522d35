"""Fees that were too low: the same transaction again for more, logged before it is sent (docs/spec/chain.md).

A chain of others carries out at most one of several transactions with one number. So the one that waits and the one
that offers more differ in their fees only. Both stand on the ledger, and the receipt names the one that was carried
out.
"""

from dataclasses import replace

from cotrain.errors import OutsideError
from cotrain.records.kinds import TransactionBody
from cotrain.records.record import Record
from cotrain.rounds.money_state import MoneyState, Sent
from cotrain.rounds.refusals import expect, mismatch, out_of_turn
from cotrain.settlement.chain.chain import Chain, Fees, Receipt
from cotrain.settlement.chain.signing import Account
from cotrain.settlement.fees import check_fee, is_raised, raise_fees
from cotrain.settlement.stand_in import find_stood_for, is_stand_in
from cotrain.settlement.transactions import Transaction, read_transaction, sign_act


def await_answer(chain: Chain, money: MoneyState, waiting: Sent, account: Account) -> Receipt:
    """Send what waits for an answer and return that.

    Raises:
        OutbidError: it is the account's own, and the chain asks for more than it offers.
    """
    if waiting is money.leaving and is_stand_in(waiting.raw):
        return _answer_of_other(chain, money, waiting)
    if money.terms.own_chain or waiting.sender != account.address:
        return chain.send(waiting.raw)
    offered = read_transaction(waiting.raw).fees
    return chain.send(waiting.raw, replaced=[sent.raw for sent in waiting.replaced], offer=offered)


def _answer_of_other(chain: Chain, money: MoneyState, waiting: Sent) -> Receipt:
    """Return the answer to the transaction that brought a revocation, for what stands for it on the ledger."""
    since = money.history[-1].receipt.block
    found = find_stood_for(chain, waiting.raw, since)
    if found is None:
        raise OutsideError(
            "node-history-dropped",
            f"the node does not hold the revocation of {waiting.act.subject} any more, which the ledger says it had",
            meaning="The chain dropped blocks that had counted (a reorganisation), or the node is behind.",
            hint="Start again later. If the node stays without it, this run cannot go on: what the contracts hold "
            "comes back by their own deadlines.",
        )
    return found


def offer_more(chain: Chain, account: Account, waiting: Sent, asked: Fees) -> bytes:
    """Return what waits, signed again with the fees that the chain asks for.

    Raises:
        OutsideError: the account cannot pay them.
    """
    before = read_transaction(waiting.raw)
    act, fees = replace(waiting.act, gas=before.gas), raise_fees(before.fees, asked)
    check_fee(chain, account.address, act, fees, again=True)
    return sign_act(account, act, chain.chain_id, before.number, fees)


def check_raised(
    money: MoneyState, record: Record, body: TransactionBody, transaction: Transaction
) -> tuple[Sent, ...]:
    """Check that a transaction is the one that waits, for higher fees and otherwise the same; return what it replaces.

    Raises:
        RefusedError: none waits, or it is not the turn of one.
        ForgeryError: it says something else, or offers too little more.
    """
    waiting = money.sent
    if waiting is None or money.leaving is not None:
        raise out_of_turn(record, "an answer")
    before = read_transaction(waiting.raw)
    expect(record, "act", (body.act, body.subject), (waiting.act.kind, waiting.act.subject))
    expect(record, "the checkpoint", body.checkpoint, None)  # the first offer signed for it
    for name in ("sender", "number", "gas", "to", "data", "access_list"):
        expect(record, name, getattr(transaction, name), getattr(before, name))
    if not is_raised(before.fees, transaction.fees):
        raise mismatch(record, "fees", transaction.fees, "a tenth more than those before")
    return waiting.offers


def answered_offer(record: Record, waiting: Sent, digest: str) -> Sent:
    """Return which offer for a transaction an answer is to.

    Raises:
        ForgeryError: to none of them.
    """
    found = next((sent for sent in waiting.offers if sent.digest == digest), None)
    if found is None:
        raise mismatch(record, "transaction", digest, waiting.digest)
    return found
