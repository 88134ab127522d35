"""The money terms of an agreement in plain words, and what the contract enforces."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cotrain.agreement.contribution import ContributionTerm
from cotrain.agreement.document import Agreement
from cotrain.agreement.numerals import canonical_decimal
from cotrain.agreement.settlement import SettlementTerm

Enforcer = Literal["contract", "everybody", "own agent", "declared only"]


@dataclass(frozen=True)
class Clause:
    """One term in words.

    Attributes:
        topic: A word or two.
        words: The term.
        enforced_by: `contract`: the contract that the money terms name refuses anything else;
            `everybody`: the rules that parties and auditors apply to the ledger; `own agent`: each
            party's program refuses to act otherwise; `declared only`: nothing but the signatures.
    """

    topic: str
    words: str
    enforced_by: Enforcer


def explain_money(agreement: Agreement) -> list[Clause]:
    """Return the money terms, clause by clause."""
    money = agreement.settlement
    if money is None:
        return [Clause("money", "Nobody pays anything under this agreement.", "declared only")]
    return [
        *_price(agreement, money),
        *_shares(agreement, money),
        *(_pool(agreement, money.contribution) if money.contribution else ()),
        *_stakes(agreement, money),
        *_uses(money),
    ]


def _price(agreement: Agreement, money: SettlementTerm) -> Iterator[Clause]:
    demander = next(party for party in agreement.parties if "model_demander" in party.roles)
    words = (
        f"{demander.name} deposits {_amount(money, money.price)} when it joins. For each recorded round "
        f"1/{agreement.rounds} of it can be paid out; the rest goes back."
    )
    yield Clause("price", words, "contract")
    words = (
        f"The price is paid out only when {money.quorum} of {len(agreement.parties)} parties sign that the rounds "
        "are in order."
    )
    yield Clause("price", words, "contract")
    words = f"All is paid in {money.symbol}, the token {money.token} on chain {money.chain_id}, by {money.contract}."
    yield Clause("price", words, "contract")
    words = f"That this token is called {money.symbol} and has {money.decimals} decimals, as shown here."
    yield Clause("price", words, "declared only")
    words = f"That whoever runs chain {money.chain_id} keeps it honestly. The parties check that for themselves."
    yield Clause("price", words, "declared only")


def _shares(agreement: Agreement, money: SettlementTerm) -> Iterator[Clause]:
    for share in money.shares:
        name, percent = agreement.party(share.did).name, Decimal(share.basis_points) / 100
        words = f"{name} gets {canonical_decimal(percent)} % of what is paid out, and as many shares of the model."
        yield Clause("shares", words, "contract")
    found = "for all data owners alike" if money.rule == "equal" else "one by one"
    helped = "" if money.contribution else "; nobody's depends on how much its data helped"
    yield Clause("shares", f"The shares were agreed {found}{helped}.", "everybody")


def _pool(agreement: Agreement, term: ContributionTerm) -> Iterator[Clause]:
    percent = canonical_decimal(Decimal(term.pool) / 100)
    words = (
        f"No more than {percent} % of what is paid out, and of the shares of the model, goes by contribution; "
        "only what the parties sign with the payment is paid from it."
    )
    yield Clause("contribution", words, "contract")
    rows = len(term.validation_rows(agreement.data_schema.feature_count + 1))
    words = (
        "It is divided among the data owners by scores: how much each one's updates lowered, to first order, the loss "
        f"on the {rows} public rows in this agreement. A score below zero counts as zero. Each score is proven."
    )
    yield Clause("contribution", words, "everybody")
    if term.floor:
        words = f"{term.floor} % of it is divided by the rounds that an owner took part in, whatever its score."
        yield Clause("contribution", words, "everybody")
    words = (
        "An owner that takes part and then releases no score gets nothing of it. One that withdraws gets its part by "
        "rounds only: it destroys what a score is made from."
    )
    yield Clause("contribution", words, "everybody")
    if term.epsilon != "0":
        rounds = canonical_decimal(Decimal(agreement.privacy.epsilon) - Decimal(term.epsilon))
        words = (
            f"The rounds take no more than epsilon {rounds} of the privacy budget; the scores of all owners together "
            "take the rest, which is charged with the first round."
        )
        yield Clause("contribution", words, "own agent")
    words = "That the public rows are a fair measure: whoever chose them chose what is paid for."
    yield Clause("contribution", words, "declared only")


def _stakes(agreement: Agreement, money: SettlementTerm) -> Iterator[Clause]:
    others = len(agreement.parties) - 1
    vote = f"{min(money.quorum, others)} of the {others} other parties sign that it cheated"
    if money.stake_owner != "0":
        words = f"Each data owner deposits {_amount(money, money.stake_owner)}, and loses it if in time {vote}."
        yield Clause("stakes", words, "contract")
    if money.stake_coordinator != "0":
        words = (
            f"{agreement.coordinator.name} deposits {_amount(money, money.stake_coordinator)}, and loses it if in time "
            "somebody shows its signature under two different ledgers, or a round that used rows after their "
            f"owner's withdrawal, or {vote}."
        )
        yield Clause("stakes", words, "contract")
    words = (
        f"Evidence counts, and stakes stay, until {_duration(money.challenge_seconds)} after the last payment was "
        "released or the agreement ended, whichever comes first."
    )
    yield Clause("stakes", words, "contract")


def _uses(money: SettlementTerm) -> Iterator[Clause]:
    words = f"A query of the model costs {_amount(money, money.use_price)}: who serves it answers nobody who pays less."
    yield Clause("use", words, "own agent")
    words = (
        "What buyers pay by signed vouchers is divided among the holders of shares of the model."
    )
    yield Clause("use", words, "contract")
    words = "That nobody who has a copy of the model uses it without paying."
    yield Clause("use", words, "declared only")
    holders = "anyone" if money.transfer == "anyone" else "parties of this agreement only"
    yield Clause("use", f"Shares of the model may be held by {holders}.", "contract")
    for parent in money.parents:
        percent = canonical_decimal(Decimal(parent.basis_points) / 100)
        words = f"{percent} % of each use goes to the holders of the model {parent.model}, from which this one comes."
        yield Clause("use", words, "contract")


def _amount(money: SettlementTerm, units: str) -> str:
    return f"{canonical_decimal(Decimal(units).scaleb(-money.decimals))} {money.symbol}"


def _duration(seconds: int) -> str:
    return (
        f"{seconds // 86_400} days" if seconds and seconds % 86_400 == 0 else f"{seconds} seconds"
    )
