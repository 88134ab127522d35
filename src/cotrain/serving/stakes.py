"""What the contracts hold when the time for evidence is over: stakes, and the price of a run that was never paid."""

import math
from collections import Counter
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
        stakes: did to stake, of all runs of the chain together.
        names: did to name.
        price: Whether the demander got back the price of a run that nobody released.
    """

    stakes: Mapping[str, int]
    names: Mapping[str, str]
    price: bool


def return_stakes(shop: Shop) -> Returned:
    """Return every stake whose time is over, and the price if the run ended without a release.

    The coordinator relays; the contract pays the staker, whoever asks. Stakes of the runs that the model came from go
    back too.

    Raises:
        RefusedError: the parties never joined, the time for evidence is not over for any run, or the contract refuses.
    """
    until = {terms.name: _until(shop, terms) for terms in shop.lineage if _joined(shop, terms)}
    over = [terms for terms in shop.lineage if until.get(terms.name, math.inf) <= shop.clock.now()]
    if not over:
        raise _none() if not until else _not_over(min(until.values()))
    unpaid = shop.terms in over and _is_unpaid(shop)
    if unpaid:
        _make(shop, "refund", shop.terms.demander, shop.terms.name)
    stakes, names = Counter[str](), dict[str, str]()
    for terms in over:
        names |= {party.did: party.name for party in terms.agreement.parties}
        stakes.update(_stakes_of(shop, terms))
    return Returned(dict(stakes), names, unpaid)


def _is_unpaid(shop: Shop) -> bool:
    closed = _ask(shop, "live", shop.terms.name)["closed"]
    return not closed and int(shop.terms.settlement.price) > 0


def _stakes_of(shop: Shop, terms: ContractTerms) -> dict[str, int]:
    stakes = {}
    for party in terms.agreement.parties:
        account = terms.account(party.did)
        if stake := int(_ask(shop, "member", terms.name, account)["stake"]):
            _make(shop, "stake", party, terms.name, account)
            stakes[party.did] = stake
    return stakes


def _joined(shop: Shop, terms: ContractTerms) -> bool:
    return bool(_ask(shop, "live", terms.name).get("joined"))


def _until(shop: Shop, terms: ContractTerms) -> int:
    contract = load_contract(AGREEMENTS)
    asked = contract.call("stakesUntil", terms.name)
    return int(contract.result("stakesUntil", shop.chain.call(terms.settlement.contract, asked)))


def _none() -> RefusedError:
    return RefusedError(
        "stakes-none",
        "nobody joined the agreement on the contract",
        meaning="Nothing was deposited, so nothing can go back.",
        hint="Read how far the run came with `cotrain audit`.",
    )


def _not_over(until: int) -> RefusedError:
    return RefusedError(
        "stakes-not-over",
        f"stakes stay until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC",
        meaning="So long evidence of a lie counts, and takes the stake of who lied.",
        hint="Give the command again after that time.",
    )


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
