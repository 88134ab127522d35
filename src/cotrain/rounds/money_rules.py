"""Rules of the money: consents, transactions, what the contracts answered, approvals (docs/spec/settlement.md).

The ledger comes first: a transaction is logged before it is sent, so a coordinator that dies in between sends the
very same one again. What the contracts answered is the coordinator's word here; every party and every auditor
checks it by running the transactions again before it signs or believes anything (`cotrain.settlement.history`).
"""

from typing import Final

from cotrain.errors import ForgeryError
from cotrain.records.kinds import ApprovalBody, Consent, ReceiptBody, TransactionBody
from cotrain.records.record import Record
from cotrain.rounds.money import (
    anchor_facts,
    begin_paying,
    checkpoint_digest,
    end,
    lineage_of,
    money_of,
    next_act,
    release_of,
)
from cotrain.rounds.money_state import Answered, MoneyState, Sent
from cotrain.rounds.offers import answered_offer, check_raised
from cotrain.rounds.refusals import (
    by_coordinator,
    counted_already,
    expect,
    handed_over,
    mismatch,
    out_of_turn,
)
from cotrain.rounds.state import BlobSource, Change, Phase, RunState
from cotrain.settlement.acts import ANCHOR, LEAVE, MAY_FAIL, NO_HASH, Act, is_later_act, leaver_of
from cotrain.settlement.chain.signing import recover
from cotrain.settlement.chain.types import DYNAMIC_FEE
from cotrain.settlement.evidence import ShownCheckpoint
from cotrain.settlement.transactions import Transaction, read_transaction
from cotrain.settlement.typed_data import permit_digest

LEAVES_SEEN: Final = frozenset({Phase.FUNDING, Phase.BETWEEN, Phase.ANCHORING})
"""When an owner's own revocation is looked for on a node: before a round opens, and before it is anchored."""

OVERTAKEN: Final = frozenset({ANCHOR, "revoke"})
"""Acts that the contract refuses, without harm, if an owner's own revocation came first: they are made anew."""


def check_consent(
    state: RunState, record: Record, consent: Consent | None, root: str | None, *, due: bool
) -> None:
    """Check that a record carries its author's signature for joining, if it must, and none otherwise.

    Args:
        state: The ledger's state.
        record: The record.
        consent: What it carries.
        root: Root of the owner's dataset commitment (hex); None of others.
        due: Whether the author joins with this record, where money is moved at all.

    Raises:
        ForgeryError: it is missing, not due, or not the author's.
    """
    money = state.money
    expected = due and money is not None
    if (consent is not None) != expected:
        raise mismatch(
            record, "consent", "one" if consent else "none", "one" if expected else "none"
        )
    if consent is None or money is None:
        return
    terms, did = money.terms, record.author
    expect(record, "deadline of the consent", consent.deadline, state.terms.expires)
    dataset = NO_HASH if root is None else bytes.fromhex(root)
    document, account = bytes.fromhex(state.terms.digest), terms.account(did)
    said = terms.domain.consent(document, account, dataset, consent.deadline)
    _expect_signer(record, said, consent.signature, account)
    permits = terms.own_contracts and terms.due(did) > 0
    if (consent.permit is not None) != permits:
        raise mismatch(record, "permit", bool(consent.permit), permits)
    if consent.permit is not None:
        said = permit_of(money, did, consent.deadline)
        _expect_signer(record, said, consent.permit, account)


def permit_of(money: MoneyState, did: str, deadline: int) -> bytes:
    """Return what a party signs so that the contract may draw what it owes from its new credits."""
    terms, number = money.terms, money.permits_of(did)
    contract, account = terms.settlement.contract, terms.account(did)
    return permit_digest(terms.token_domain, account, contract, terms.due(did), number, deadline)


def check_revocation(state: RunState, record: Record, signature: str | None) -> None:
    """Check that a revocation carries the owner's signature for the contract, if there is one.

    Raises:
        ForgeryError: it is missing, not due, or not the author's.
    """
    money = state.money
    if (signature is not None) != (money is not None):
        raise mismatch(record, "signature for the contract", bool(signature), money is not None)
    if signature is not None and money is not None:
        account = money.terms.account(record.author)
        _expect_signer(record, money.terms.domain.revocation(account), signature, account)


def transaction_rule(
    state: RunState, record: Record, body: TransactionBody, blobs: BlobSource
) -> Change:
    """The one transaction that is due, exactly as everybody computes it; after the run, one of the kinds allowed.

    Of one that waits for its answer: the same for higher fees.
    """
    by_coordinator(record, state.terms.coordinator.did)
    money, raw = money_of(state), blobs(body.raw)
    transaction = read_transaction(raw)
    expect(record, "chain", transaction.chain_id, money.terms.settlement.chain_id)
    expect(record, "value", transaction.value, 0)
    if body.act == LEAVE:
        return _leave(
            state,
            record,
            body,
            Sent(record.digest, _act_of(body, transaction), raw, transaction.sender),
        )
    expect(record, "type", transaction.type, DYNAMIC_FEE)
    if money.sent is not None and not money.terms.own_chain:
        replaced = check_raised(money, record, body, transaction)
        further = Sent(record.digest, money.sent.act, raw, transaction.sender, replaced)
        return lambda: setattr(money, "sent", further)
    act = next_act(state)
    exact = act is not None or money.terms.own_chain
    if act is not None:
        _expect_due(record, body, transaction, act)
        expect(record, "sender", transaction.sender, money.terms.account(record.author))
    else:
        act = _later_act(state, record, body, transaction)
    shown = _shown_checkpoint(state, record, body, act)
    if exact and money.terms.own_contracts:
        expect(record, "number", transaction.number, money.sent_by(transaction.sender))
    sent = Sent(record.digest, act, raw, transaction.sender)

    def change() -> None:
        money.sent = sent
        if shown is not None:
            money.shown.append(shown)

    return change


def _expect_due(record: Record, body: TransactionBody, transaction: Transaction, act: Act) -> None:
    """Check that a transaction is the act that is due; with too little gas the contract would refuse it."""
    expect(record, "act", (body.act, body.subject), (act.kind, act.subject))
    expect(record, "receiver", transaction.to, act.to)
    expect(record, "data", transaction.data, act.data)
    expect(record, "gas", transaction.gas, act.gas)
    expect(record, "access list", transaction.access_list, ())


def _shown_checkpoint(
    state: RunState, record: Record, body: TransactionBody, act: Act
) -> ShownCheckpoint | None:
    """Return the ledger that the coordinator signs for with an anchor; with nothing else it signs for one."""
    if act.kind != ANCHOR or body.checkpoint is None:
        expect(record, "the checkpoint", body.checkpoint is not None, act.kind == ANCHOR)
        return None
    account = money_of(state).terms.account(record.author)
    _expect_signer(record, checkpoint_digest(state), body.checkpoint, account)
    facts = anchor_facts(state)
    signature = bytes.fromhex(body.checkpoint)
    return ShownCheckpoint(facts.round, facts.version, facts.size, facts.root, signature)


def _later_act(
    state: RunState, record: Record, body: TransactionBody, transaction: Transaction
) -> Act:
    """Return what a transaction after the run does; anybody may have signed it, the contract decides."""
    money = money_of(state)
    begun = money.joined or bool(money.earlier.steps)
    over = state.phase in {Phase.FINISHED, Phase.ABORTED} and begun
    if not over or money.sent is not None:
        raise out_of_turn(record, state.phase.value)
    if state.successor is not None:
        raise handed_over(state.successor)
    if not is_later_act(lineage_of(state), body.act, transaction.to, transaction.data):
        raise mismatch(record, "act", body.act, "what the transaction does")
    return _act_of(body, transaction)


def _act_of(body: TransactionBody, transaction: Transaction) -> Act:
    return Act(body.act, body.subject, transaction.to, transaction.data, 0)


def _leave(state: RunState, record: Record, body: TransactionBody, sent: Sent) -> Change:
    """An owner took itself out on the node; whoever logs it, the transaction is signed for it."""
    money, act = money_of(state), sent.act
    if money.terms.own_chain or money.leaving is not None or state.phase not in LEAVES_SEEN:
        raise out_of_turn(record, state.phase.value)
    expect(record, "the checkpoint", body.checkpoint, None)
    did = leaver_of(money.terms, sent.sender, act.to, act.data)
    expect(record, "who leaves", body.subject, did)
    if did in money.revoked:
        raise counted_already(record)
    return lambda: setattr(money, "leaving", sent)


def receipt_rule(state: RunState, record: Record, body: ReceiptBody, blobs: BlobSource) -> Change:
    """What the contracts answered to the transaction before it."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    money = money_of(state)
    sent, own = money.waiting, money.terms.own_chain
    if sent is None:
        raise out_of_turn(record, state.phase.value)
    sent = answered_offer(record, sent, body.transaction)
    if money.history and body.block < money.history[-1].receipt.block + own:
        raise mismatch(record, "block", body.block, "a later one than the last")
    if (body.state_root is None) == own:
        raise mismatch(record, "state root", body.state_root, "one for the run's own chain only")
    if money.leaving is not None:
        expect(record, "success of a revocation", found=body.succeeded, expected=True)

    def change() -> None:
        money.history.append(Answered(sent, body))
        if money.leaving is not None:
            _let_leave(state, money, sent.act.subject)
        else:
            _take_answer(state, money, sent, succeeded=body.succeeded)

    return change


def _let_leave(state: RunState, money: MoneyState, did: str) -> None:
    money.leaving = None
    money.revoked.append(did)
    money.overtaken = money.sent is not None
    if did not in state.revoked:
        state.revoked.append(did)


def _take_answer(state: RunState, money: MoneyState, sent: Sent, *, succeeded: bool) -> None:
    overtaken = money.overtaken and sent.act.kind in OVERTAKEN
    money.sent, money.overtaken = None, False
    if state.phase in {Phase.FINISHED, Phase.ABORTED}:
        return
    if succeeded or sent.act.kind in MAY_FAIL:
        _go_on(state, money, sent)
    elif not overtaken:
        money.refused = f"{sent.act.kind} {sent.act.subject}".strip()


def approval_rule(state: RunState, record: Record, body: ApprovalBody, blobs: BlobSource) -> Change:
    """After the last round: a party found ledger and chain in order, and signs the release of the money."""
    del blobs
    if state.phase is not Phase.APPROVING:
        raise out_of_turn(record, state.phase.value)
    money = money_of(state)
    state.terms.party(record.author)
    if money.waiting is not None:
        raise out_of_turn(record, "the answer to the release")
    if record.author in money.approvals:
        raise counted_already(record)
    said = money.terms.domain.release(release_of(state))
    _expect_signer(record, said, body.signature, money.terms.account(record.author))
    return lambda: money.approvals.__setitem__(record.author, body.signature)


def _go_on(state: RunState, money: MoneyState, done: Sent) -> None:
    """Take the step that a successful transaction makes."""
    match done.act.kind:
        case "revoke":
            money.revoked.append(done.act.subject)
        case "anchor":
            money.anchored += 1
            state.phase = Phase.BETWEEN
        case "release":
            begin_paying(state)
        case _:
            money.step += 1
            if money.step == len(money.script):
                _end_script(state)


def _end_script(state: RunState) -> None:
    if state.phase is Phase.FUNDING:
        state.phase = Phase.BETWEEN
    else:
        end(state)


def _expect_signer(record: Record, said: bytes, signature: str, account: str) -> None:
    found = recover(said, bytes.fromhex(signature))
    if found != account:
        raise ForgeryError(
            "settlement-bad-signature",
            f"a signature in the {record.kind} of {record.author} is not by its account {account}",
            meaning="The contract would refuse it, or it was made for other terms.",
            hint="Check that the agreement names the account that `cotrain init` printed for this party.",
        )
