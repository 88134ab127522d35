"""Who paid and who was paid, and why: the money part of a report, read off the audited transactions."""

from typing import Any

from cotrain.agreement.document import PartyTerm
from cotrain.audit.auditor import AuditReport
from cotrain.settlement.statement import ONE_MODEL, AccountFigures, MoneyFigures

_WHY = {
    "data_owner": "its data",
    "algorithm_developer": "the algorithm",
    "compute_provider": "computing",
    "coordinator": "coordinating",
}


def money_figures(audit: AuditReport) -> dict[str, Any] | None:
    """Return the money part; None if the agreement moves none. Amounts are in the smallest unit of the token."""
    terms, money = audit.agreement.settlement, audit.money
    if terms is None or money is None:
        return None
    return {
        "symbol": money.symbol,
        "decimals": money.decimals,
        "price": money.price,
        "rule": terms.rule,
        "rounds_anchored": money.rounds,
        "released": money.released,
        "use_price": int(terms.use_price),
        "queries_paid": money.queries,
        "accounts": [_account(audit, figures) for figures in money.accounts.values()],
    }


def _account(audit: AuditReport, figures: AccountFigures) -> dict[str, Any]:
    party = next((p for p in audit.agreement.parties if p.account == figures.account), None)
    return {
        "name": figures.name if party is not None else "a buyer",
        "account": figures.account,
        "why": _why(party),
        "share": figures.basis_points / 100,
        "paid_for_run": figures.price - figures.refunded,
        "paid_for_use": figures.paid_for_use,
        "staked": figures.staked - figures.stake_back - figures.slashed,
        "slashed": figures.slashed,
        "earned_for_run": figures.earned,
        "royalties": figures.royalties,
        "model_shares": figures.units / ONE_MODEL,
    }


def _why(party: PartyTerm | None) -> str:
    if party is None:
        return "uses the model"
    reasons = [_WHY[role] for role in party.roles if role in _WHY]
    if "model_demander" in party.roles:
        reasons.insert(0, "ordered the model")
    return " and ".join(reasons) or "takes part"


def amount_words(report: dict[str, Any], amount: int) -> str:
    """Return an amount of a report's money part for people."""
    money = report["money"]
    return MoneyFigures(money["symbol"], money["decimals"], 0).words(amount)


MONEY_HEAD = ("party", "why", "share", "paid", "for the run", "royalties", "stake", "of the model")


def money_rows(report: dict[str, Any]) -> list[list[str]]:
    """Return one row for each account."""

    def words(amount: int) -> str:
        return amount_words(report, amount).rsplit(" ", 1)[0] if amount else "-"

    return [
        [
            found["name"],
            found["why"],
            f"{found['share']:g} %" if found["share"] else "-",
            words(found["paid_for_run"] + found["paid_for_use"]),
            words(found["earned_for_run"]),
            words(found["royalties"]),
            words(found["staked"]),
            f"{100 * found['model_shares']:.4g} %" if found["model_shares"] else "-",
        ]
        for found in report["money"]["accounts"]
    ]


def money_words(report: dict[str, Any]) -> str:
    """Return what happened to the price, in a sentence or two."""
    money = report["money"]
    price, anchored = amount_words(report, money["price"]), money["rounds_anchored"]
    if money["released"]:
        paid = f"The parties released the payment of {price} for {anchored} anchored rounds."
    else:
        paid = f"Of {price} nothing is released yet; {anchored} rounds are anchored."
    used = ""
    if money["queries_paid"]:
        each = amount_words(report, money["use_price"])
        used = f" {money['queries_paid']} uses of the model were paid, {each} each, by one voucher."
    return f"{paid}{used} The shares were agreed before ({money['rule']})."
