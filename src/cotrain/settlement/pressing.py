"""Evidence brought to the contract: asked first, then sent, and what it took from whom for whom.

The contract is asked before anything is sent, so nobody pays a fee to be refused.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cotrain.errors import OutsideError, RefusedError
from cotrain.settlement.acts import Act
from cotrain.settlement.chain.chain import CallRevertedError, Chain, LogEntry, Receipt
from cotrain.settlement.chain.signing import Account
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.fees import check_fee
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act

Sender = Callable[[Act], Receipt]
"""Sends an act from the reporter's account and waits until it counts."""

_MEANINGS: Final = {
    "NothingAtStake": "There is no stake to take: it was taken or returned before, or none was deposited.",
    "TooLate": "The time in which evidence counts is over.",
    "NoEvidence": "What it shows breaks no rule of the contract.",
    "NotAnchored": "Rounds were anchored since the file was written, or the anchor is not on this chain.",
    "TooFewApprovals": "Too few of the other parties signed.",
    "NotMember": "One of those who signed is no member of the agreement, or is whom it is about.",
    "BadSignature": "A signature in it is not by the account that it names.",
    "UnknownAgreement": "The run has not come to its contract, or did so on another chain.",
}
_STALE: Final = "NotAnchored"


@dataclass(frozen=True)
class Slashing:
    """What evidence did.

    Attributes:
        account: Whose stake was taken.
        why: The contract's word for it.
        amount: The stake, in the smallest unit of the token.
        reporter: Who brought the evidence.
        bounty: What that account got of it; the rest is the other parties'.
        block: Where it stands.
    """

    account: str
    why: str
    amount: int
    reporter: str
    bounty: int
    block: int


def press(chain: Chain, terms: ContractTerms, reporter: str, act: Act, send: Sender) -> Slashing:
    """Bring evidence to the contract.

    Args:
        chain: Where the contract is.
        terms: The agreement, as the contract sees it.
        reporter: Address of the account that sends, and gets the bounty.
        act: The call of the evidence.
        send: Sends it.

    Raises:
        RefusedError: the contract does not take it; nothing was sent.
        OutsideError: it was sent, and something else came first.
    """
    check_there(chain, terms)
    _ask(chain, reporter, act)
    receipt = send(act)
    if not receipt.succeeded:
        raise OutsideError(
            "evidence-overtaken",
            f"the contract refused the evidence: {load_contract(AGREEMENTS).reason(receipt.output)}",
            meaning="Somebody else may have brought evidence in between. No stake was taken by this call.",
            hint="Give the command again to see what the contract says now.",
        )
    return read_slashing(terms, receipt)


def sender_on(chain: Chain, account: Account) -> Sender:
    """Return what sends acts to a chain from one's own account; nobody is asked.

    Raises:
        OutsideError: the account cannot pay the fee (when it sends).
    """

    def send(act: Act) -> Receipt:
        fees = chain.fees()
        check_fee(chain, account.address, act, fees)
        number = chain.nonce(account.address)
        return chain.send(sign_act(account, act, chain.chain_id, number, fees))

    return send


def find_slashing(chain: Chain, terms: ContractTerms, did: str) -> Slashing | None:
    """Return how a run's own chain took a party's stake; None if it did not."""
    contract, account = load_contract(AGREEMENTS), terms.account(did).lower()
    for entry in chain.events(terms.settlement.contract):
        event = contract.event(entry.topics, entry.data)
        if event.name != "Slashed" or event.values["agreement"] != terms.name:
            continue
        if event.values["account"] == account and (receipt := chain.told_in(entry)) is not None:
            return read_slashing(terms, receipt)
    return None


def is_released(chain: Chain, terms: ContractTerms) -> bool:
    """Return whether the agreement is over on the contract: everything that will be released is.

    That does not say that anybody claimed its part of it.
    """
    contract = load_contract(AGREEMENTS)
    answer = chain.call(terms.settlement.contract, contract.call("live", terms.name))
    return bool(contract.record("live", answer).get("closed", False))


def parts_due(chain: Chain, terms: ContractTerms) -> list[str]:
    """Return the dids of the parties that can claim something now, say their part of a stake that was taken."""
    return [
        party.did
        for party in terms.agreement.parties
        if _is_due(chain, terms, terms.account(party.did))
    ]


def part_act(terms: ContractTerms, did: str) -> Act:
    """Return the transaction that pays a party what it can claim; anybody may send it."""
    data = load_contract(AGREEMENTS).call("claim", terms.name, terms.account(did))
    return Act("claim", did, terms.settlement.contract, data, 500_000)


def read_slashing(terms: ContractTerms, receipt: Receipt) -> Slashing:
    """Return what a transaction with evidence told.

    Raises:
        OutsideError: it told nothing of a stake.
    """
    contract = load_contract(AGREEMENTS)
    for entry in _of(receipt.events, terms.settlement.contract):
        event = contract.event(entry.topics, entry.data)
        if event.name == "Slashed" and event.values["agreement"] == terms.name:
            said, reporter = event.values, event.values["reporter"]
            bounty = sum(_received(terms, receipt.events, reporter))
            return Slashing(
                said["account"], said["why"], said["amount"], reporter, bounty, receipt.block
            )
    raise OutsideError(
        "evidence-nothing-told",
        "the contract took the call and told nothing of a stake",
        meaning="The node leaves events out, or is of another contract.",
        hint="Look at the transaction with another node of the same chain.",
    )


def check_there(chain: Chain, terms: ContractTerms) -> None:
    """Check that there is a contract: a call to nothing is never refused.

    Raises:
        RefusedError: there is none.
    """
    asked = load_contract(AGREEMENTS).call("live", terms.name)
    if not chain.call(terms.settlement.contract, asked):
        raise RefusedError(
            "evidence-no-contract",
            f"there is no contract at {terms.settlement.contract} on chain {chain.chain_id}",
            meaning="The run has not come so far, so nobody deposited anything. Nothing was sent.",
            hint="See how far the run came with `cotrain audit`.",
        )


def stakes_until(chain: Chain, terms: ContractTerms) -> int:
    """Return until when evidence counts, Unix seconds."""
    contract = load_contract(AGREEMENTS)
    answer = chain.call(terms.settlement.contract, contract.call("stakesUntil", terms.name))
    return int(contract.result("stakesUntil", answer))


def _ask(chain: Chain, reporter: str, act: Act) -> None:
    """Ask the contract whether it would take the evidence now.

    Raises:
        RefusedError: it would not.
    """
    try:
        chain.call(act.to or "", act.data, reporter)
    except CallRevertedError as error:
        reason = load_contract(AGREEMENTS).reason(error.data)
        word = reason.partition(" ")[0]
        raise RefusedError(
            "evidence-not-taken",
            f"the contract does not take this evidence: {reason}",
            meaning=f"{_MEANINGS.get(word, 'The rules of the contract do not allow it.')} Nothing was sent.",
            hint="Write it again with `cotrain evidence find`."
            if word == _STALE
            else "See what the contract takes: docs/spec/settlement.md, Evidence.",
        ) from error


def _is_due(chain: Chain, terms: ContractTerms, account: str) -> bool:
    """Return whether an account can claim more than it did."""
    contract, to = load_contract(AGREEMENTS), terms.settlement.contract
    asked = chain.call(to, contract.call("entitled", terms.name, account))
    member = contract.record("member", chain.call(to, contract.call("member", terms.name, account)))
    return int(contract.result("entitled", asked)) > int(member["claimed"])


def _received(terms: ContractTerms, events: Sequence[LogEntry], account: str) -> Iterator[int]:
    """Yield what an account got from the agreement's contract in a transaction."""
    token, contract = load_contract(CREDITS), terms.settlement.contract.lower()
    for entry in _of(events, terms.settlement.token):
        event = token.event(entry.topics, entry.data)
        sent = event.name == "Transfer" and event.values["from"] == contract
        if sent and event.values["to"] == account:
            yield event.values["value"]


def _of(events: Sequence[LogEntry], address: str) -> Iterator[LogEntry]:
    return (entry for entry in events if entry.address.lower() == address.lower())
