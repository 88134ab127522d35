"""Who paid and who was paid, and why: the money part of a report, read off the audited transactions."""

from typing import Any

from cotrain.agreement.contribution import ContributionTerm
from cotrain.agreement.document import PartyTerm
from cotrain.audit.auditor import AuditReport, OwnerAudit
from cotrain.report.words import pool_of
from cotrain.settlement.statement import ONE_MODEL, AccountFigures, MoneyFigures

_WHY = {
    "data_owner": "its data",
    "algorithm_developer": "the algorithm",
    "compute_provider": "computing",
    "coordinator": "coordinating",
}
_BASE = "holds the base model"


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
        "to_base_model": money.to_base,
        "pool": _pool(audit, terms.contribution),
        "accounts": [_account(audit, figures) for figures in money.accounts.values()],
    }


def _pool(audit: AuditReport, term: ContributionTerm | None) -> dict[str, Any] | None:
    if term is None:
        return None
    columns = audit.agreement.data_schema.feature_count + 1
    return {
        "percent": term.pool / 100,
        "floor": term.floor,
        "epsilon": None if audit.agreement.privacy.noise == "none" else term.epsilon,
        "validation_rows": len(term.validation_rows(columns)),
        "owners": [_owner(owner) for owner in audit.owners],
    }


def _owner(owner: OwnerAudit) -> dict[str, Any]:
    found = owner.score
    part = None if found is None else found.part
    return {
        "name": owner.name,
        "score": None if found is None else found.released,
        "noise_sd": None if found is None else found.noise_sd,
        "chance_sd": None if found is None else found.chance_sd,
        "proven": found is not None and found.proven,
        "amount": None if part is None else part.amount,
        "model_shares": None if part is None else part.units / ONE_MODEL,
    }


def _account(audit: AuditReport, figures: AccountFigures) -> dict[str, Any]:
    party = next((p for p in audit.agreement.parties if p.account == figures.account), None)
    score = next((o.score for o in audit.owners if party is not None and o.did == party.did), None)
    return {
        "name": figures.name if party is not None or figures.of_base else "a buyer",
        "account": figures.account,
        "why": (_BASE if figures.of_base else _why(party))
        + ("" if score is None else _score_reason(score.released)),
        "share": figures.basis_points / 100,
        "paid_for_run": figures.price - figures.refunded,
        "paid_for_use": figures.paid_for_use,
        "staked": figures.staked - figures.stake_back - figures.slashed,
        "slashed": figures.slashed,
        "earned_for_run": figures.earned,
        "earned_from_pool": 0 if score is None else score.paid,
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


def _score_reason(score: int | None) -> str:
    return ", no score" if score is None else f", score {score:,}"


def amount_words(report: dict[str, Any], amount: int) -> str:
    """Return an amount of a report's money part for people."""
    money = report["money"]
    return MoneyFigures(money["symbol"], money["decimals"], 0).words(amount)


POOL_HEAD = ("owner", "score", "its noise, sd", "all noise, sd", "of the pool", "money from it")
MONEY_HEAD = ("party", "why", "share", "paid", "for the run", "royalties", "stake", "of the model")


def money_rows(report: dict[str, Any]) -> list[list[str]]:
    """Return one row for each account."""
    return [
        [
            found["name"],
            found["why"],
            f"{found['share']:g} %" if found["share"] else "-",
            _bare(report, found["paid_for_run"] + found["paid_for_use"]),
            _bare(report, found["earned_for_run"]),
            _bare(report, found["royalties"]),
            _bare(report, found["staked"]),
            f"{100 * found['model_shares']:.4g} %" if found["model_shares"] else "-",
        ]
        for found in report["money"]["accounts"]
    ]


def _bare(report: dict[str, Any], amount: int | None) -> str:
    """Return an amount without its symbol; a dash for nothing."""
    return amount_words(report, amount).rsplit(" ", 1)[0] if amount else "-"


def has_scores(report: dict[str, Any]) -> bool:
    """Return whether any score was released in the run."""
    pool = pool_of(report)
    return pool is not None and any(owner["score"] is not None for owner in pool["owners"])


def pool_rows(report: dict[str, Any]) -> list[list[str]]:
    """Return one row for each owner: its score, how far chance reaches in it, and its part of the pool."""
    pool = pool_of(report)
    owners = [] if pool is None else pool["owners"]
    parts = _parts(owners)
    return [
        [
            owner["name"],
            "-" if owner["score"] is None else f"{owner['score']:,}",
            _spread(owner["noise_sd"]),
            _spread(owner["chance_sd"]),
            "-" if part is None else f"{100 * part:.1f} %",
            _bare(report, owner["amount"]),
        ]
        for owner, part in zip(owners, parts, strict=True)
    ]


def _spread(deviation: float | None) -> str:
    return "-" if deviation is None else f"{deviation:,.0f}"


def _parts(owners: list[dict[str, Any]]) -> list[float | None]:
    """Return which part of the pool each owner gets; of the model's shares if there is no money in it."""
    key = "amount" if any(owner["amount"] for owner in owners) else "model_shares"
    whole = sum(owner[key] or 0 for owner in owners)
    return [owner[key] / whole if whole else None for owner in owners]


def score_words(report: dict[str, Any]) -> str:
    """Return what a score is, and how noisy; nothing in runs without scores."""
    pool = pool_of(report)
    if pool is None or not has_scores(report):
        return ""
    what = (
        "A score says how much an owner's updates lowered, to first order, the loss on "
        f"{pool['validation_rows']} public rows; its unit means nothing by itself, and below zero counts as zero."
    )
    chances = [owner["chance_sd"] for owner in pool["owners"] if owner["chance_sd"] is not None]
    if not chances:
        return f"{what} No noise was added to these scores."
    return (
        f"{what} Scores are noisy: the noise that protects the rows moves each one by chance, by about "
        f"{max(chances):,.0f} up or down (one standard deviation). Differences of that size between owners say nothing."
    )


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
    if money["to_base_model"]:
        passed = amount_words(report, money["to_base_model"])
        used += f" {passed} of that went to the holders of the model that this one began with."
    return f"{paid}{used} The shares were agreed before ({money['rule']}){_divided(report)}."


def _divided(report: dict[str, Any]) -> str:
    """Return how the pool was divided, the end of a sentence."""
    pool = pool_of(report)
    if pool is None:
        return ""
    whole = f"{pool['percent']:g} % of all that is paid"
    if all(owner["amount"] is None for owner in pool["owners"]):
        return f"; {whole} is to be divided by scores"
    if not has_scores(report):
        return f"; {whole} was divided by rounds, because nobody released a score"
    floor = f", {pool['floor']} % of it by rounds" if pool["floor"] else ""
    return f"; {whole} was divided by scores{floor}"
