"""Who paid and who was paid, and why: read off the events of the contracts, nothing computed twice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eth_utils.address import to_checksum_address

from cotrain.errors import MalformedError
from cotrain.settlement.chain.chain import LogEntry
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, MODEL_SHARES, Event, load_contract
from cotrain.settlement.terms import ContractTerms

ONE_MODEL = 10**18
"""Units of all shares of one model (`MODEL_UNITS` of the contract)."""


@dataclass
class AccountFigures:
    """What one account paid and got, in the smallest unit of the token.

    Attributes:
        name: Name in the agreement; the address of a stranger.
        account: Its address.
        basis_points: Its agreed share.
        price: Paid in for the run.
        staked: Paid in as stake.
        stake_back: Stake that came back.
        slashed: Stake that was taken.
        earned: Paid out for the run.
        refunded: What came back of the price.
        royalties: Paid out for uses of the model.
        paid_for_use: Paid for uses of the model.
        units: Units of the model's shares, of `ONE_MODEL`.
        of_base: Whether the account is of a party of a run that the model came from, and of none of this run.
    """

    name: str
    account: str
    basis_points: int = 0
    price: int = 0
    staked: int = 0
    stake_back: int = 0
    slashed: int = 0
    earned: int = 0
    refunded: int = 0
    royalties: int = 0
    paid_for_use: int = 0
    units: int = 0
    of_base: bool = False


@dataclass
class MoneyFigures:
    """The money of a run.

    Attributes:
        symbol: Of the token.
        decimals: Of the token.
        price: Agreed for all rounds.
        rounds: Rounds that were anchored.
        released: Whether the parties released the payment.
        queries: Uses of the model that were paid by vouchers.
        to_base: What of the payments for use was passed on to the holders of the model that this one came from.
        accounts: In the order of the agreement, strangers behind them.
    """

    symbol: str
    decimals: int
    price: int
    rounds: int = 0
    released: bool = False
    queries: int = 0
    to_base: int = 0
    accounts: dict[str, AccountFigures] = field(default_factory=dict)

    def words(self, amount: int) -> str:
        """Return an amount for people, e.g. `1,250.50 CREDIT`."""
        whole, part = divmod(amount, 10**self.decimals)
        digits = f"{part:0{self.decimals}d}".rstrip("0") if self.decimals else ""
        return f"{whole:,}" + (f".{digits:0<2}" if digits else "") + f" {self.symbol}"


def read_statement(
    terms: ContractTerms,
    told: Iterable[Sequence[LogEntry]],
    earlier: Sequence[ContractTerms] = (),
) -> MoneyFigures:
    """Add up the events of all transactions of a run, in their order.

    Args:
        terms: The run's terms.
        told: The events of each transaction.
        earlier: Terms of the runs that its base model came from; of these only royalties are counted.
    """
    money = terms.settlement
    figures = MoneyFigures(money.symbol, money.decimals, int(money.price))
    for party in terms.agreement.parties:
        account = terms.account(party.did)
        share = terms.basis_points(party.did)
        figures.accounts[account.lower()] = AccountFigures(party.name, account, share)
    queries: dict[str, int] = defaultdict(int)
    for events in told:
        for entry in events:
            event = _decode(terms, entry)
            if event is not None:
                _count(terms, figures, queries, event)
            elif (royalty := _royalty_of(earlier, entry)) is not None:
                _count_base_royalty(earlier, figures, royalty)
    figures.queries = sum(queries.values())
    return figures


def _decode(terms: ContractTerms, entry: LogEntry) -> Event | None:
    names = {
        terms.settlement.contract.lower(): AGREEMENTS,
        terms.settlement.token.lower(): CREDITS,
        terms.model_shares.lower(): MODEL_SHARES,
    }
    name = names.get(entry.address.lower())
    if name is None:
        return None
    try:
        event = load_contract(name).event(entry.topics, entry.data)
    except MalformedError:
        return None
    return event if event.values.get("agreement", terms.name) == terms.name else None


def _royalty_of(earlier: Sequence[ContractTerms], entry: LogEntry) -> Event | None:
    """Return the royalty that was paid on shares of an earlier model, if an event is one."""
    if entry.address.lower() not in {terms.model_shares.lower() for terms in earlier}:
        return None
    event = load_contract(MODEL_SHARES).event(entry.topics, entry.data)
    return event if event.name == "RoyaltyPaid" else None


def _count_base_royalty(
    earlier: Sequence[ContractTerms], figures: MoneyFigures, event: Event
) -> None:
    holder, known = event.values["holder"], event.values["holder"].lower() in figures.accounts
    found = _of(figures, holder)
    found.royalties += event.values["amount"]
    if known:
        return
    parties = (terms.party_of(holder) for terms in earlier)
    party = next((party for party in parties if party is not None), None)
    if party is not None:
        found.name, found.of_base = party.name, True


_ADDED = {
    "Claimed": (("account", "amount", "earned"), ("account", "units", "units")),
    "Refunded": (("demander", "amount", "refunded"),),
    "StakeReturned": (("account", "amount", "stake_back"),),
    "Slashed": (("account", "amount", "slashed"),),
    "RoyaltyPaid": (("holder", "amount", "royalties"),),
    "Redeemed": (("buyer", "amount", "paid_for_use"),),
    "Paid": (("payer", "amount", "paid_for_use"),),
}
"""Event to what it adds: whose account it names, which value, and where that is counted."""


def _count(
    terms: ContractTerms, figures: MoneyFigures, queries: dict[str, int], event: Event
) -> None:
    values = event.values
    for whose, value, counted in _ADDED.get(event.name, ()):
        found = _of(figures, values[whose])
        setattr(found, counted, getattr(found, counted) + values[value])
    match event.name:
        case "Joined":
            _count_joining(terms, figures, values["account"])
        case "Anchored":
            figures.rounds = values["round"]
        case "Released":
            figures.released = True
        case "ParentPaid":
            figures.to_base += values["amount"]
        case "Redeemed":
            queries[values["buyer"]] = values["queries"]
        case _:
            pass


def _count_joining(terms: ContractTerms, figures: MoneyFigures, account: str) -> None:
    party = terms.party_of(account)
    if party is None:
        return
    paying = _of(figures, account)
    if "model_demander" in party.roles:
        paying.price += int(terms.settlement.price)
    paying.staked += terms.due(party.did) - paying.price


def _of(figures: MoneyFigures, account: str) -> AccountFigures:
    address = to_checksum_address(account)
    return figures.accounts.setdefault(account.lower(), AccountFigures(address, address))
