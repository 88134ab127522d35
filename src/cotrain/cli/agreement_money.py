"""Options for the money terms of an agreement, and the terms that they make."""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from cotrain.agreement.contribution import ContributionTerm
from cotrain.agreement.document import PartyTerm
from cotrain.agreement.schema import Schema
from cotrain.agreement.templates import Template
from cotrain.cli.options import PATH, decimal_text, price_option
from cotrain.cli.people import parse_shares
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.errors import UsageError
from cotrain.settlement.draft import CREDIT, MoneyWishes, Origin, draft_pool, draft_settlement
from cotrain.settlement.terms import EMBEDDED_CHAIN

DEFAULT_CHALLENGE_DAYS = 14
OPTIONS = (
    click.option(
        "--account", "accounts", multiple=True, metavar="NAME=0x...",
        help="Where a party is paid and pays from; every party needs one if there is a price.",
    ),
    price_option(None),
    click.option(
        "--use-price", metavar="CREDITS", help="What one query of the model costs, such as 0.01."
    ),
    click.option(
        "--share", "shares", multiple=True, metavar="NAME=PERCENT",
        help="A party's part of all that is paid; owners that are not named divide the rest equally.",
    ),
    click.option(
        "--rule", type=click.Choice(["agreed", "equal"]),
        help="How the shares were found; follows from --share if left out.",
    ),
    click.option(
        "--pool", type=click.IntRange(1, 99), metavar="PERCENT",
        help="Divide this part of all that is paid among the data owners by what their updates contributed.",
    ),
    click.option(
        "--validation", type=PATH, metavar="FILE",
        help="Public rows by which contributions are judged, CSV or Parquet; they will stand in the agreement.",
    ),
    click.option(
        "--pool-floor", type=click.IntRange(0, 100), default=0, show_default=True, metavar="PERCENT",
        help="Part of the pool that goes by rounds taken part in instead of by scores.",
    ),
    click.option(
        "--score-epsilon", metavar="DECIMAL", callback=decimal_text(),
        help="How much of --epsilon is for the scores; a quarter of it if left out.",
    ),
    click.option(
        "--stake-owner", type=click.IntRange(0, 10**12), default=0, show_default=True,
        help="Credits that each data owner deposits against lies.",
    ),
    click.option(
        "--stake-coordinator", type=click.IntRange(0, 10**12), default=0, show_default=True,
        help="Credits that the coordinator deposits.",
    ),
    click.option(
        "--challenge-days", type=click.IntRange(0, 365),
        help="Days after the end in which evidence of a lie counts; 14 if no template says otherwise.",
    ),
    click.option(
        "--release-quorum", type=click.IntRange(1),
        help="Parties that must sign before money is released; the default is more than half.",
    ),
    click.option(
        "--chain-id", type=click.IntRange(1, 2**53 - 1),
        help="EIP-155 number of the chain that the contracts are created on; a chain of the run's own if left out.",
    ),
    click.option(
        "--free-transfer", is_flag=True, help="Let anyone hold shares of the model, not parties only."
    ),
)  # fmt: skip


def money_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for money to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def money_terms(
    parties: Sequence[PartyTerm],
    given: dict[str, Any],
    template: Template | None,
    colluders: int,
    contribution: ContributionTerm | None,
    origin: Origin | None = None,
) -> dict[str, object] | None:
    """Take the options for money out of `given` and return the money terms; None without a price.

    Raises:
        UsageError: options for money without a price, or options that make no terms.
    """
    names: tuple[str, ...] = ("use_price", "shares", "rule", "stake_owner", "stake_coordinator")
    names += ("challenge_days", "release_quorum", "free_transfer", "accounts", "chain_id")
    taken = {name: given.pop(name) for name in names}
    price = given.pop("price")
    if price is None:
        _refuse_without_price(taken)
        return None
    wishes = MoneyWishes(
        price=price,
        use_price=_use_price(taken["use_price"]),
        shares=_shares(parties, taken["shares"], template),
        stake_owner=taken["stake_owner"],
        stake_coordinator=taken["stake_coordinator"],
        challenge_days=_challenge_days(taken["challenge_days"], template),
        free_transfer=taken["free_transfer"],
        chain_id=_chain_id(taken["chain_id"], origin),
        contribution=contribution,
        origin=origin,
    )
    _check_accounts(parties)
    terms = draft_settlement(parties, wishes, colluders=colluders)
    if taken["rule"] is not None:
        terms["rule"] = taken["rule"]
    if taken["release_quorum"] is not None:
        terms["quorum"] = taken["release_quorum"]
    return terms


def contribution_term(
    given: dict[str, Any], schema: Schema, epsilon: str | None
) -> ContributionTerm | None:
    """Take the options for the pool out of `given` and return its term; None without a pool.

    Raises:
        UsageError: options that do not go together.
        DataError: the validation rows do not fit the schema.
    """
    names = ("pool", "validation", "pool_floor", "score_epsilon")
    pool, path, floor, part = (given.pop(name) for name in names)
    if (pool is None) != (path is None) or (pool is None and (floor or part is not None)):
        raise UsageError(
            "agreement-pool",
            "--pool and --validation go together, --pool-floor and --score-epsilon with them",
            meaning="A pool is divided by scores, and scores are judged on public rows.",
            hint="Give --pool PERCENT --validation FILE, or leave all four out.",
        )
    if pool is None:
        return None
    if given["price"] is None:
        raise UsageError(
            "agreement-no-price",
            "--pool is for agreements that move money, and there is no --price",
            meaning="Nothing was written.",
            hint="Add --price CREDITS, or leave out --pool and --validation.",
        )
    # The least number of rows is for owners, whose people hide among each other; these rows are public.
    rows = encode_table(TableSource(path), schema.model_copy(update={"min_rows": 1})).rows
    return draft_pool(pool, rows, epsilon, floor=floor, for_scores=part)


def _chain_id(given: int | None, origin: Origin | None) -> int:
    if origin is None:
        return given or EMBEDDED_CHAIN
    if given not in {None, origin.chain_id}:
        raise UsageError(
            "agreement-other-chain",
            f"--chain-id is {given}, and the base model's run is on chain {origin.chain_id}",
            meaning="The contracts of a chain cannot be used from another one.",
            hint="Leave --chain-id out.",
        )
    return origin.chain_id


def _refuse_without_price(taken: dict[str, Any]) -> None:
    given = sorted(name for name, value in taken.items() if value)
    if given:
        raise UsageError(
            "agreement-no-price",
            f"--{given[0].rstrip('s').replace('_', '-')} is for agreements that move money, and there is no --price",
            meaning="Nothing was written.",
            hint="Add --price CREDITS (0 is allowed), or leave out the options for money.",
        )


def _check_accounts(parties: Sequence[PartyTerm]) -> None:
    missing = [party.name for party in parties if party.account is None]
    if missing:
        raise UsageError(
            "agreement-no-account",
            f"{', '.join(missing)}: no --account says where to pay",
            meaning="Every party of an agreement that moves money pays or is paid.",
            hint='Give --account "NAME=0x..." once for each party.',
        )


def _shares(
    parties: Sequence[PartyTerm], texts: Sequence[str], template: Template | None
) -> dict[str, int]:
    if texts or template is None:
        return parse_shares(parties, texts)
    shares: dict[str, int] = {}
    for party in parties:
        part = sum(template.shares.get(role, 0) for role in party.roles)
        if part and "data_owner" not in party.roles:
            shares[party.name] = part
    return shares


def _challenge_days(days: int | None, template: Template | None) -> int:
    if days is not None:
        return days
    return DEFAULT_CHALLENGE_DAYS if template is None else template.challenge_days


def _use_price(text: str | None) -> int:
    if text is None:
        return int(CREDIT // 100)
    try:
        units = Decimal(text) * CREDIT
    except InvalidOperation as error:
        raise click.BadParameter(f"{text!r} is not a price such as 0.01.") from error
    if not (units.is_finite() and 0 <= units < 10**24 and units == units.to_integral_value()):
        raise click.BadParameter(
            f"{text} is not a price from 0, with at most 6 digits after the point."
        )
    return int(units)
