"""`cotrain registry publish | retract | show`: who published which dataset, algorithm, offer or model, and when."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cotrain.audit.auditor import AuditReport
from cotrain.audit.on_chain import chain_of_ledger
from cotrain.cli.audit import audited, ledger_path
from cotrain.cli.files import read_file
from cotrain.cli.node import node_option, open_node, refuse_node
from cotrain.cli.options import PATH, home_option, json_option
from cotrain.cli.output import emit, print_table, say, table
from cotrain.cli.shop import open_shop, shop_options
from cotrain.errors import RefusedError
from cotrain.identity.keys import Identity, load_identity
from cotrain.layout import HomeLayout
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.rounds.money_state import MoneyState
from cotrain.serving import registry as publishing
from cotrain.serving.session import Shop
from cotrain.settlement.own import node_missing
from cotrain.settlement.registry import KINDS, Publication, list_publications

_KIND = click.option("--kind", required=True, type=click.Choice(KINDS), help="What it is.")
_DOCUMENT = click.option(
    "--document", type=PATH, help="A file that describes it; the agreement of RUN if left out."
)
_Change = Callable[[Shop, Identity, bytes | None], Publication]


@click.group()
def registry() -> None:
    r"""Publish what a finished run used or made, with a date that nobody can set back, and see what others published.

    The registry is a contract on the run's chain. A name is a hash: of a dataset's commitment, an algorithm's terms, an
    offer of computing, a model. It says who published it first, not that it is any good.

    \b
    Example:
      cotrain registry show runs/demo
    """


@registry.command()
@click.argument("run", type=PATH)
@_KIND
@_DOCUMENT
@home_option
@shop_options
@json_option
def publish(
    run: Path, kind: str, document: Path | None, home: Path, *, as_json: bool, **where: Any
) -> None:
    r"""Publish a dataset, algorithm, offer of computing or model of RUN from the account of a home.

    \b
    Example:
      cotrain registry publish runs/demo --kind dataset --home runs/demo/parties/hungary
    """

    def change(shop: Shop, identity: Identity, described: bytes | None) -> Publication:
        state = shop.coordinator.state
        name = publishing.name_of(state, kind, identity, described)
        by = state.terms.digest if described is None else sha256(described)
        return publishing.publish(shop, identity, kind, name, bytes.fromhex(by))

    _change(run, home, document, where, change, as_json=as_json)


@registry.command()
@click.argument("run", type=PATH)
@_KIND
@_DOCUMENT
@home_option
@shop_options
@json_option
def retract(
    run: Path, kind: str, document: Path | None, home: Path, *, as_json: bool, **where: Any
) -> None:
    r"""Withdraw what a home published of RUN; the date of its first publication stays.

    \b
    Example:
      cotrain registry retract runs/demo --kind dataset --home runs/demo/parties/hungary
    """

    def change(shop: Shop, identity: Identity, described: bytes | None) -> Publication:
        name = publishing.name_of(shop.coordinator.state, kind, identity, described)
        return publishing.retract(shop, identity, kind, name)

    _change(run, home, document, where, change, as_json=as_json)


@registry.command()
@click.argument("run", type=PATH)
@node_option
@json_option
def show(run: Path, node: str | None, *, as_json: bool) -> None:
    r"""Audit RUN and list what is published in the registry of its chain.

    On a run's own chain the ledger's transactions are run again; on a node, it is asked.

    \b
    Example:
      cotrain registry show runs/demo
    """
    with Ledger.open(ledger_path(run), read_only=True) as ledger:
        report = audited(ledger)
    found = _list(report, node)
    names = _names(report)
    value = {
        "run": report.run,
        "published": [
            {**vars(entry), "published_by": names.get(entry.owner, entry.owner)} for entry in found
        ],
    }
    emit(value, as_json=as_json, show=lambda: _show(value))


def _change(
    run: Path,
    home: Path,
    document: Path | None,
    where: dict[str, Any],
    change: _Change,
    *,
    as_json: bool,
) -> None:
    identity = load_identity(HomeLayout(home).identity)
    described = None if document is None else read_file(document)
    with open_shop(run, **where) as shop:
        entry = change(shop, identity, described)
    value = {**vars(entry), "published_by": identity.name}
    done = "withdrawn" if entry.withdrawn else "published"
    words = f"{entry.kind} {entry.name} is {done} by {identity.name}, first on {_date(entry.since)}"
    emit(value, as_json=as_json, show=lambda: say(words))


def _list(report: AuditReport, node: str | None) -> list[Publication]:
    money = report.state.money
    if money is None or not (money.history or money.earlier.steps):
        raise RefusedError(
            "registry-none",
            "this run has no contracts, so it has no registry",
            meaning="Nothing can be published on its chain.",
            hint="Draft an agreement with a price; 0 is allowed.",
        )
    if money.terms.own_chain:
        refuse_node("the run has a chain of its own")
        with closing(chain_of_ledger(money)) as own:
            return list(list_publications(own, money.terms))
    if node is None:
        raise node_missing(money.terms)
    with closing(open_node(money.terms, node)) as chain:
        return list(list_publications(chain, money.terms, _first_block(money)))


def _first_block(money: MoneyState) -> int:
    """Return where the registry came to stand; from the first block where an earlier run made it."""
    return 0 if money.earlier.steps else money.history[0].receipt.block


def _names(report: AuditReport) -> dict[str, str]:
    money = report.state.money
    agreements = [] if money is None else [terms.agreement for terms in money.before]
    parties = [
        party for agreement in (*agreements, report.agreement) for party in agreement.parties
    ]
    return {party.account: party.name for party in parties if party.account is not None}


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _show(value: dict[str, Any]) -> None:
    if not value["published"]:
        say("Nothing is published: cotrain registry publish RUN --kind model --home HOME")
        return
    rows = [
        [
            entry["kind"],
            entry["name"][:16],
            entry["published_by"],
            _date(entry["since"]),
            "withdrawn" if entry["withdrawn"] else entry["document"][:16],
        ]
        for entry in value["published"]
    ]
    print_table("published", table(["kind", "name", "by", "first published", "described by"], rows))
