"""Money terms for a run with contracts of its own, from the few things that people decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cotrain.agreement.contribution import MAX_ROWS_TEXT, ContributionTerm, write_rows
from cotrain.agreement.document import PartyTerm
from cotrain.agreement.numerals import canonical_decimal
from cotrain.agreement.settlement import WHOLE
from cotrain.errors import UsageError
from cotrain.settlement.addresses import own_contracts
from cotrain.settlement.contracts import AGREEMENTS, CREDITS
from cotrain.settlement.terms import EMBEDDED_CHAIN

CREDIT_DECIMALS = 6
CREDIT = 10**CREDIT_DECIMALS


@dataclass(frozen=True)
class Origin:
    """The chain of another run that a new one goes on with.

    Attributes:
        chain_id: EIP-155.
        shares: Address of the shares of its model.
        basis_points: Part of each use of the new model that goes to their holders.
    """

    chain_id: int
    shares: str
    basis_points: int


@dataclass(frozen=True)
class MoneyWishes:
    """What the people decide about money; amounts in whole credits.

    Attributes:
        price: What the demander pays for the whole run.
        use_price: Of one query of the model, in the smallest unit (a millionth of a credit).
        shares: Name of a party to percent of everything; owners that are not named divide the rest equally.
        stake_owner: What each owner deposits.
        stake_coordinator: What the coordinator deposits.
        challenge_days: How long after the end evidence counts.
        free_transfer: Whether strangers may hold shares of the model.
        chain_id: Where; a chain of the run's own if left out.
        contribution: The pool that is divided by scores; None if there is none.
        origin: The chain that the run goes on with; None for one of its own.
    """

    price: int
    use_price: int = CREDIT // 100
    shares: Mapping[str, int] = field(default_factory=dict)
    stake_owner: int = 0
    stake_coordinator: int = 0
    challenge_days: int = 14
    free_transfer: bool = False
    chain_id: int = EMBEDDED_CHAIN
    contribution: ContributionTerm | None = None
    origin: Origin | None = None


def draft_pool(
    percent: int,
    rows: NDArray[np.int16],
    epsilon: str | None,
    *,
    floor: int = 0,
    for_scores: str | None = None,
) -> ContributionTerm:
    """Return the term of a pool.

    Args:
        percent: Of everything that is paid.
        rows: int16, shape (n, columns): the public rows by which contributions are judged.
        epsilon: Privacy budget of the whole run; None without noise.
        floor: Percent of the pool that goes by rounds.
        for_scores: How much of epsilon is for the scores; None for a quarter.

    Raises:
        UsageError: there are more rows than an agreement holds.
    """
    text = write_rows(rows)
    if len(text) > MAX_ROWS_TEXT:
        most = MAX_ROWS_TEXT * len(rows) // len(text)
        raise UsageError(
            "agreement-validation-rows",
            f"{len(rows)} validation rows are too many; an agreement over this schema holds at most {most}",
            meaning="The validation rows stand in the text that everybody signs.",
            hint="Give fewer rows.",
        )
    wanted = "0" if epsilon is None else for_scores or canonical_decimal(Decimal(epsilon) / 4)
    return ContributionTerm(pool=percent * 100, floor=floor, epsilon=wanted, rows=text)


def draft_settlement(
    parties: Sequence[PartyTerm], wishes: MoneyWishes, *, colluders: int
) -> dict[str, object]:
    """Return the money terms of an agreement, for `parse_agreement`.

    Args:
        parties: All parties, each with its account.
        wishes: What the people decide.
        colluders: Owners that may collude; more than these, and more than half, must approve a payment.

    Raises:
        UsageError: the shares cannot be made of the wishes.
    """
    coordinator = next(party for party in parties if "coordinator" in party.roles)
    if coordinator.account is None:
        raise UsageError("settlement-no-account", f"{coordinator.name} has no account")
    contracts = own_contracts(coordinator.account)
    named = {party.name for party in parties if party.name in wishes.shares}
    owners = [party for party in parties if "data_owner" in party.roles]
    equal = not named & {party.name for party in owners}
    pool = None if wishes.contribution is None else wishes.contribution.model_dump(mode="json")
    return {
        "chain_id": wishes.chain_id,
        "contract": contracts[AGREEMENTS],
        "token": contracts[CREDITS],
        "symbol": "CREDIT",
        "decimals": CREDIT_DECIMALS,
        "price": str(wishes.price * CREDIT),
        "rule": "equal" if equal else "agreed",
        "shares": _shares(parties, wishes),
        "stake_owner": str(wishes.stake_owner * CREDIT),
        "stake_coordinator": str(wishes.stake_coordinator * CREDIT),
        "quorum": max(colluders + 1, len(parties) // 2 + 1),
        "challenge_seconds": wishes.challenge_days * 86_400,
        "use_price": str(wishes.use_price),
        "transfer": "anyone" if wishes.free_transfer else "members",
        "parents": _parents(wishes.origin),
        "contribution": pool,
    }


def _parents(origin: Origin | None) -> list[dict[str, object]]:
    if origin is None or origin.basis_points == 0:
        return []
    return [{"model": origin.shares, "basis_points": origin.basis_points}]


def _shares(parties: Sequence[PartyTerm], wishes: MoneyWishes) -> list[dict[str, object]]:
    percents, pool = wishes.shares, wishes.contribution.pool if wishes.contribution else 0
    unknown = set(percents) - {party.name for party in parties}
    if unknown:
        raise UsageError(
            "settlement-unknown-party",
            f"{min(unknown)!r} is to get a share and is not a party",
            hint="Name parties as they stand in the agreement.",
        )
    fixed = {name: percent * WHOLE // 100 for name, percent in percents.items()}
    rest = WHOLE - pool - sum(fixed.values())
    others = [p.name for p in parties if "data_owner" in p.roles and p.name not in fixed]
    least = 0 if pool else len(others)  # who gets something out of the pool needs no share
    if rest < least or (rest > 0 and not others):
        raise UsageError(
            "settlement-bad-shares",
            f"the shares given, and the pool, add up to {(WHOLE - rest) / 100:g} percent; "
            f"{len(others)} owners are to divide the rest",
            meaning="All shares together must be exactly the whole.",
            hint="Lower the shares given, or give them for everybody.",
        )
    points = dict(fixed)
    for place, name in enumerate(others):
        points[name] = rest // len(others) + (place < rest % len(others))
    return [
        {"did": party.did, "basis_points": points[party.name]}
        for party in parties
        if points.get(party.name, 0) > 0
    ]
