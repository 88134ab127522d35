"""What a coordinator asks a chain before it sends anything there, and what it finds that others sent.

On the run's own chain the answers are known: nobody else sends anything, nothing costs a fee, and no block is dropped.
"""

from collections.abc import Iterator
from typing import Final

from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError
from cotrain.rounds.money_state import Answered, MoneyState
from cotrain.settlement.acts import LEAVE, leaver_of
from cotrain.settlement.chain.chain import Chain, LogEntry, Receipt
from cotrain.settlement.chain.sent import LET_OWNER_SIGN
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.history import events_digest
from cotrain.settlement.stand_in import find_signature, find_stood_for, is_stand_in, make_stand_in
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import Transaction, read_transaction

ODD_REVOCATIONS: Final = frozenset(
    {
        "settlement-odd-revocation",
        "chain-transaction-other-type",
        "chain-transaction-unprotected",
    }
)
"""Errors for revocations that cannot be logged as they were made, and for which the owner's signature can stand."""


def check_number(money: MoneyState, chain: Chain, account: str) -> None:
    """Check that the coordinator's account sent what is on the ledger, and nothing else.

    The addresses of the run's contracts follow from the numbers of its first transactions.

    Raises:
        RefusedError: it sent others.
    """
    logged, found = money.sent_by(account), chain.nonce(account)
    pending = money.sent is not None and money.sent.sender == account
    if found == logged or (pending and found == logged + 1):
        return
    raise RefusedError(
        "account-other-transactions",
        f"the account {account} sent {found} transactions on chain {chain.chain_id}; the ledger has {logged} of them",
        meaning="The contracts' addresses follow from its first transactions, so it may send those of one run only.",
        hint="Use a coordinator with a fresh identity for each run on this chain (cotrain init), and a new agreement.",
    )


def check_stands(chain: Chain, history: list[Answered]) -> None:
    """Check that transactions which the ledger says were carried out still are.

    Raises:
        OutsideError: the chain dropped one.
    """
    for done in history:
        found = _found(chain, done)
        if found is None:
            raise _dropped(done, "does not hold")
        if found.block != done.receipt.block:
            raise _dropped(done, f"holds in block {found.block}")
        if events_digest(found.events) != done.receipt.events:
            raise _dropped(done, "answered otherwise")


def _found(chain: Chain, done: Answered) -> Receipt | None:
    raw = done.sent.raw
    if done.sent.act.kind == LEAVE and is_stand_in(raw):
        return find_stood_for(chain, raw, done.receipt.block)
    return chain.find(raw)


def refusal_words(chain: Chain, money: MoneyState) -> str:
    """Return what the contracts refused, and why as far as they say it."""
    found = chain.find(money.history[-1].sent.raw)
    output = b"" if found is None else found.output
    said = [load_contract(name).reason(output) for name in (AGREEMENTS, CREDITS)]
    return f"{money.refused}: {next((words for words in said if words[:2] != '0x'), said[0])}"


def unlogged_leave(
    money: MoneyState, chain: Chain, before: Receipt | None = None
) -> tuple[str, bytes] | None:
    """Return the first revocation that an owner sent to the node itself and the ledger does not have: did, transaction.

    Args:
        money: What the ledger says.
        chain: The chain.
        before: The answer that would be logged next: only what came before it is looked for.

    Raises:
        OutsideError: the chain dropped what the ledger has.
        RefusedError: it was made in a way that cannot be logged.
    """
    if money.terms.own_chain or not money.history:
        return None
    check_stands(chain, money.history[-1:])
    for did, entry in _revocations(money, chain):
        if did in money.revoked or (before is not None and not _came_before(entry, before)):
            continue
        logged = _as_logged(money, chain, did, entry)
        return None if logged is None else (did, logged)
    return None


def _as_logged(money: MoneyState, chain: Chain, did: str, entry: LogEntry) -> bytes | None:
    """Return the transaction in which an owner revoked, or what stands for it; None if the chain dropped it.

    Raises:
        RefusedError: it cannot be logged.
    """
    signed, terms = money.revocations.get(did), money.terms
    try:
        raw = chain.sent_in(entry)
    except RefusedError as refusal:
        return _stand_in(terms, chain, did, entry, signed, refusal)
    transaction = read_transaction(raw)
    if leaver_of(terms, transaction.sender, transaction.to, transaction.data) == did:
        return raw
    signed = signed or find_signature(terms, did, transaction.data)
    return _stand_in(terms, chain, did, entry, signed, _by_others(did, transaction))


def _stand_in(
    terms: ContractTerms,
    chain: Chain,
    did: str,
    entry: LogEntry,
    signed: str | None,
    refusal: RefusedError,
) -> bytes | None:
    """Return what stands for a revocation that cannot be logged itself, when that lies deep enough to count.

    Raises:
        RefusedError: the owner's signature is nowhere to be found, or the transaction did more than to revoke.
    """
    if signed is None:
        raise refusal
    if chain.told_in(entry, deep=True) is None:
        return None
    made = make_stand_in(terms, did, signed)
    if find_stood_for(chain, made, entry.block) is None:
        raise refusal
    return made


def _revocations(money: MoneyState, chain: Chain) -> Iterator[tuple[str, LogEntry]]:
    contract, terms = load_contract(AGREEMENTS), money.terms
    for entry in chain.events(terms.settlement.contract, money.history[-1].receipt.block):
        event = contract.event(entry.topics, entry.data)
        if event.name == "Revoked" and event.values["agreement"] == terms.name:
            party = terms.party_of(event.values["owner"])
            if party is not None:
                yield party.did, entry


def _came_before(entry: LogEntry, answer: Receipt) -> bool:
    """Tell whether a revocation came before a transaction; in one block it did if that one failed."""
    return entry.block < answer.block or (entry.block == answer.block and not answer.succeeded)


def _by_others(did: str, transaction: Transaction) -> RefusedError:
    return RefusedError(
        "settlement-odd-revocation",
        f"the contract says that {did} revoked, in the transaction 0x{transaction.hash.hex()}, which calls another "
        "contract, a wallet or a relay, and does not show the owner's signature, or does more than to revoke",
        meaning="Everybody runs every transaction again from the ledger before signing a payment. That other contract "
        "is not on the ledger, and the event alone is the word of a node: whoever took it for the owner's could leave "
        "out of later rounds whom it likes.",
        hint=LET_OWNER_SIGN,
    )


def _dropped(done: Answered, what: str) -> OutsideError:
    act = f"{done.sent.act.kind} {done.sent.act.subject}".strip()
    return OutsideError(
        "node-history-dropped",
        f"the node {what} the transaction 0x{keccak(done.sent.raw).hex()} ({act}), which the ledger says is in block "
        f"{done.receipt.block}",
        meaning="The chain dropped blocks that had counted (a reorganisation), or the node is behind, was started anew "
        "without them, or is of another chain with the same number. The contracts do not stand where the ledger says, "
        "so nothing more is sent.",
        hint="If the node is only behind, start again later. Otherwise this run cannot go on: what the contracts hold "
        "comes back by their own deadlines, and a new run should wait for more --confirmations.",
    )
