"""What the contracts hold when the time for evidence is over: stakes, and the price of a run that was never paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cotrain.agreement.document import PartyTerm
from cotrain.errors import RefusedError
from cotrain.serving.session import Shop
from cotrain.settlement.acts import later_act
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.terms import ContractTerms


@dataclass(frozen=True)
class Returned:
    """What went back.

    Attributes:
        stakes: did to stake.
        price: Whether the demander got back the price of a run that nobody released.
    """

    stakes: Mapping[str, int]
    price: bool


def return_stakes(shop: Shop) -> Returned:
    """Return every stake that is there still, and the price if the run ended without a release.

    The coordinator relays; the contract pays the staker, whoever asks. Stakes of the runs that the model came from go
    back too, as far as their time is over.

    Raises:
        RefusedError: the parties never joined, the time for evidence is not over, or the contract refuses.
    """
    until = _until(shop, shop.terms)
    if shop.clock.now() < until:
        raise RefusedError(
            "stakes-not-over",
            f"stakes stay until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC",
            meaning="So long evidence of a lie counts, and takes the stake of who lied.",
            hint="Give the command again after that time.",
        )
    terms = shop.terms
    unpaid = not _ask(shop, "live", terms.name)["closed"] and int(terms.settlement.price) > 0
    if unpaid:
        _make(shop, "refund", terms.demander, terms.name)
    returned = _stakes_of(shop, terms)
    for earlier in shop.lineage[1:]:
        if shop.clock.now() >= _until(shop, earlier):
            _stakes_of(shop, earlier)
    return Returned(returned, unpaid)


def _stakes_of(shop: Shop, terms: ContractTerms) -> dict[str, int]:
    stakes = {}
    for party in terms.agreement.parties:
        account = terms.account(party.did)
        if stake := int(_ask(shop, "member", terms.name, account)["stake"]):
            _make(shop, "stake", party, terms.name, account)
            stakes[party.did] = stake
    return stakes


def _until(shop: Shop, terms: ContractTerms) -> int:
    if not _ask(shop, "live", terms.name).get("joined"):
        raise RefusedError(
            "stakes-none",
            "nobody joined the agreement on the contract",
            meaning="Nothing was deposited, so nothing can go back.",
            hint="Read how far the run came with `cotrain audit`.",
        )
    contract = load_contract(AGREEMENTS)
    asked = contract.call("stakesUntil", terms.name)
    return int(contract.result("stakesUntil", shop.chain.call(terms.settlement.contract, asked)))


def _ask(shop: Shop, function: str, *arguments: Any) -> Mapping[str, Any]:
    contract = load_contract(AGREEMENTS)
    asked = contract.call(function, *arguments)
    return contract.record(function, shop.chain.call(shop.terms.settlement.contract, asked))


def _make(shop: Shop, kind: str, party: PartyTerm, *arguments: Any) -> None:
    if not shop.make(account_of(shop.identity), later_act(shop.terms, kind, party.did, *arguments)):
        raise RefusedError(
            "stakes-contract-refused",
            f"the contract refused to return what {party.name} deposited",
            meaning="No money moved by this step; those before it stand.",
            hint="A node's clock may be behind: give the command again later.",
        )
