"""`cotrain agreement account | new | show | sign`; negotiation and receipts are in modules of their own."""

from pathlib import Path
from typing import Any, get_args

import click

from cotrain.agreement.document import Agreement, PartyTerm, Purpose, Role
from cotrain.agreement.draft import Wishes, colluders_of, draft_agreement
from cotrain.agreement.explain import explain
from cotrain.agreement.schema import parse_schema
from cotrain.agreement.templates import TEMPLATES, Template
from cotrain.agreement.vocabulary import DUO_CODES
from cotrain.cli.agreement_money import contribution_term, money_options, money_terms
from cotrain.cli.ask import ask_for_missing
from cotrain.cli.base_model import base_model_options, take_base
from cotrain.cli.files import read_agreement, read_file, write_file
from cotrain.cli.options import (
    MAX_DAYS,
    PATH,
    as_options,
    assurance_option,
    colluders_option,
    decay_option,
    delta_option,
    epsilon_option,
    home_option,
    json_option,
    rate_option,
    rounds_option,
    survivors_option,
)
from cotrain.cli.output import emit, print_table, say, table, tell
from cotrain.cli.people import add_role, parse_party, with_accounts
from cotrain.errors import UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import Member, approve
from cotrain.ports import SystemClock, SystemEntropy
from cotrain.rounds.base import check_base
from cotrain.rounds.plan import RunPlan
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.own import check_contracts
from cotrain.settlement.terms import ContractTerms

_WISHES = (
    *("title", "purpose", "duo", "rounds", "epsilon", "delta", "colluders", "survivors"),
    *("learning_rate", "weight_decay", "assurance", "days"),
)
_FURTHER_ROLES: tuple[tuple[str, str, Role], ...] = (
    ("--demander", "demanders", "model_demander"),
    ("--developer", "developers", "algorithm_developer"),
    ("--compute-provider", "computers", "compute_provider"),
)


@click.group()
def agreement() -> None:
    r"""Draft, negotiate, read and sign agreements: who may do what, at which privacy budget, until when.

    \b
    Example:
      cotrain agreement show agreement.json
    """


@agreement.command()
@home_option
def account(home: Path) -> None:
    r"""Print the account on a chain that follows from a party's identity: where it is paid and pays from.

    \b
    Example:
      cotrain agreement account --home homes/cleveland
    """
    print(account_of(load_identity(HomeLayout(home).identity)).address)


@agreement.command()
@click.option("--title", help="What the run is about.")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    help="Start from what is usual for this purpose; options that are given go before it.",
)
@click.option(
    "--purpose",
    type=click.Choice(get_args(Purpose)),
    default="other-research",
    show_default=True,
    help="What the model may be used for; declared, not enforced.",
)
@click.option(
    "--duo",
    multiple=True,
    type=click.Choice(list(DUO_CODES)),
    help="A code of the GA4GH Data Use Ontology; repeat it. Health purposes get DUO:0000006.",
)
@click.option("--schema", "schema_path", type=PATH, help="The table's schema, JSON.")
@click.option(
    "--owner",
    "owners",
    multiple=True,
    help='A data owner: "NAME=did:key:...". Repeat it, at least twice.',
)
@click.option(
    "--coordinator", help='Who orders the records: "NAME=did:key:...", or an owner\'s NAME.'
)
@click.option(
    "--demander",
    "demanders",
    multiple=True,
    help='Who wants the model, and pays: NAME of a party above, or "NAME=did:key:...".',
)
@click.option(
    "--developer",
    "developers",
    multiple=True,
    help="Who developed the algorithm; spelled as --demander.",
)
@click.option(
    "--compute-provider",
    "computers",
    multiple=True,
    help="Who lends computers; spelled as --demander.",
)
@rounds_option
@epsilon_option
@delta_option
@rate_option
@decay_option
@colluders_option
@survivors_option
@assurance_option
@click.option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=30,
    show_default=True,
    help="Days until the agreement expires.",
)
@base_model_options
@money_options
@click.option("--out", type=PATH, help="File to write; it must not exist.")
@json_option
def new(out: Path | None, *, as_json: bool, **given: Any) -> None:
    r"""Draft an agreement and check that it can be carried out.

    On a terminal it asks for what is needed and was not given.

    \b
    Example:
      cotrain agreement new --title "Heart disease" --schema schema.json \
        --owner "Cleveland=did:key:z6Mk..." --owner "Hungary=did:key:z6Mk..." \
        --coordinator "Hub=did:key:z6Mk..." --epsilon 1 --out agreement.json
    """
    template = TEMPLATES.get(given.pop("template") or "")
    given |= ask_for_missing(given | {"out": out})
    out = Path(given.pop("out"))
    _refuse_existing(out)
    _apply_template(given, template)
    schema = parse_schema(read_file(Path(given.pop("schema_path"))))
    parties = _parties(given)
    owners = sum("data_owner" in party.roles for party in parties)
    wished = Wishes(**{name: given.pop(name) for name in _WISHES})
    with as_options():
        term = contribution_term(given, schema, wished.epsilon)
        base, origin = take_base(parties, given)
        colluders = colluders_of(owners, wished)
        settlement = money_terms(parties, given, template, colluders, term, origin)
        drafted = draft_agreement(
            schema,
            parties,
            wished,
            entropy=SystemEntropy(),
            clock=SystemClock(),
            settlement=settlement,
            base_model=None if base is None else base.term,
        )
    RunPlan.derive(drafted)
    if base is not None:
        check_base(drafted, base)
    write_file(out, drafted.data)
    show_agreement(drafted, as_json=as_json)
    tell(f"the agreement is in {out}; every party reads and signs it: cotrain agreement sign {out}")


@agreement.command()
@click.argument("file", type=PATH)
@json_option
def show(file: Path, *, as_json: bool) -> None:
    r"""Print an agreement in plain words, and who enforces each term.

    \b
    Example:
      cotrain agreement show agreement.json
    """
    show_agreement(read_agreement(file), as_json=as_json)


@agreement.command()
@click.argument("file", type=PATH)
@home_option
@json_option
def sign(file: Path, home: Path, *, as_json: bool) -> None:
    r"""Consent to an agreement: from now on your agent signs it, and this one only, when the run asks.

    Read it first: cotrain agreement show FILE

    \b
    Example:
      cotrain agreement sign agreement.json --home homes/cleveland
    """
    read = read_agreement(file)
    RunPlan.derive(read)
    if read.settlement is not None:
        check_contracts(ContractTerms.of(read))
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    name = read.party(identity.did).name
    approve(Member(identity, layout), read)
    value = {"run": read.digest, "party": name, "did": identity.did, "approved": True}
    emit(
        value,
        as_json=as_json,
        show=lambda: say(f"{name} consents to {read.title!r}, run {read.digest[:16]}"),
    )


def _parties(given: dict[str, Any]) -> list[PartyTerm]:
    owners = given.pop("owners")
    if len(owners) < 2:
        raise UsageError(
            "agreement-one-owner",
            "an agreement needs at least two data owners",
            meaning="With one owner the sum that is opened would be its own update.",
            hint='Repeat --owner "NAME=did:key:...", once for each owner.',
        )
    parties = [parse_party("--owner", owner, ["data_owner"]) for owner in owners]
    parties = add_role(parties, "--coordinator", [given.pop("coordinator")], "coordinator")
    for option, name, role in _FURTHER_ROLES:
        parties = add_role(parties, option, given.pop(name), role)
    return with_accounts(parties, given["accounts"])


def _apply_template(given: dict[str, Any], template: Template | None) -> None:
    given["duo"] = tuple(given["duo"]) or None
    if template is None:
        return
    for name in ("purpose", "duo", "rounds", "epsilon", "delta", "assurance", "days"):
        source = click.get_current_context().get_parameter_source(name)
        if source is None or source.name.startswith("DEFAULT"):
            given[name] = getattr(template, name)


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise UsageError(
            "agreement-exists",
            f"{out} exists already",
            meaning="Parties may have consented to that file; it is never overwritten.",
            hint="Choose another file with --out.",
        )


def show_agreement(shown: Agreement, *, as_json: bool) -> None:
    """Print an agreement in plain words."""
    clauses = explain(shown)
    value = {
        "run": shown.digest,
        "title": shown.title,
        "clauses": [
            {"topic": c.topic, "words": c.words, "enforced_by": c.enforced_by} for c in clauses
        ],
    }

    def show_table() -> None:
        rows = [(c.topic, c.words, c.enforced_by) for c in clauses]
        made = table(["topic", "term", "enforced by"], rows)
        for column in made.columns[1:]:
            column.justify = "left"
        made.columns[2].no_wrap = True
        print_table(shown.title, made)
        print(f"run {shown.digest}")

    emit(value, as_json=as_json, show=show_table)
