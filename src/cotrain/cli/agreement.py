"""`cotrain agreement new | show | sign`."""

from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import click

from cotrain.agreement.document import Agreement, PartyTerm, Purpose, Role, decode_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.explain import explain
from cotrain.agreement.schema import parse_schema
from cotrain.cli.output import console, emit, fraction, json_option, read_file, table, write_file
from cotrain.errors import UsageError
from cotrain.identity.did_key import public_key_of
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import Member, approve
from cotrain.ports import SystemClock, SystemEntropy
from cotrain.rounds.plan import RunPlan

OWNER_ROLES: list[Role] = ["data_owner"]


@click.group()
def agreement() -> None:
    """Draft, read and sign agreements: who may do what, at which privacy budget, until when."""


@agreement.command()
@click.option("--title", required=True, help="What the run is about.")
@click.option(
    "--purpose", type=click.Choice(get_args(Purpose)), default="other-research", show_default=True
)
@click.option(
    "--schema",
    "schema_path",
    required=True,
    type=click.Path(path_type=Path),
    help="The table's schema, JSON.",
)
@click.option(
    "--owner",
    "owners",
    multiple=True,
    required=True,
    help='A data owner: "NAME=did:key:...". Repeat it.',
)
@click.option("--coordinator", required=True, help='Who orders the records: "NAME=did:key:...".')
@click.option("--rounds", default=20, show_default=True)
@click.option(
    "--epsilon", default="1", show_default=True, help='Privacy budget a row; "none" for no noise.'
)
@click.option("--delta", default="0.00001", show_default=True)
@click.option(
    "--learning-rate", default="4", show_default=True, help="A fraction, such as 4 or 1/2."
)
@click.option(
    "--weight-decay", default="0", show_default=True, help="A fraction, such as 0 or 1/1000."
)
@click.option(
    "--colluders", type=int, help="Owners that may pool all they know; the default is a third."
)
@click.option(
    "--survivors",
    type=int,
    help="Owners without whom no sum is opened; the default is all but one.",
)
@click.option("--days", default=30, show_default=True, help="Days until the agreement expires.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write.")
@json_option
def new(
    out: Path,
    schema_path: Path,
    owners: tuple[str, ...],
    coordinator: str,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    r"""Draft an agreement and check that it can be carried out.

    \b
    Example:
      cotrain agreement new --title "Heart disease" --schema schema.json \
        --owner "Cleveland=did:key:z6Mk..." --owner "Hungary=did:key:z6Mk..." --owner "..." \
        --coordinator "Hub=did:key:z6Mk..." --epsilon 1 --out agreement.json
    """
    schema = parse_schema(read_file(schema_path))
    parties = [_party(owner, OWNER_ROLES) for owner in owners] + [
        _party(coordinator, ["coordinator"])
    ]
    drafted = draft_agreement(
        schema, parties, _wishes(given), entropy=SystemEntropy(), clock=SystemClock()
    )
    RunPlan.derive(drafted)
    write_file(out, drafted.data)
    _show(drafted, as_json=as_json)


@agreement.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Print an agreement in plain words, and who enforces each term."""
    _show(decode_agreement(read_file(file)), as_json=as_json)


@agreement.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--home",
    required=True,
    type=click.Path(path_type=Path),
    help="Your home folder (cotrain init).",
)
@json_option
def sign(file: Path, home: Path, *, as_json: bool) -> None:
    """Consent to an agreement: from now on your agent signs it, and this one only, when the run asks.

    Read it first: cotrain agreement show FILE
    """
    read = decode_agreement(read_file(file))
    RunPlan.derive(read)
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    name = read.party(identity.did).name
    approve(Member(identity, layout), read)
    value = {"run": read.digest, "party": name, "did": identity.did, "approved": True}
    emit(
        value,
        as_json=as_json,
        show=lambda: print(f"{name} consents to {read.title!r}, run {read.digest}"),
    )


def _wishes(given: dict[str, Any]) -> Wishes:
    return Wishes(
        title=given["title"],
        purpose=given["purpose"],
        rounds=given["rounds"],
        epsilon=None if given["epsilon"] == "none" else given["epsilon"],
        delta=given["delta"],
        colluders=given["colluders"],
        survivors=given["survivors"],
        learning_rate=fraction("learning-rate", given["learning_rate"]),
        weight_decay=fraction("weight-decay", given["weight_decay"]) or Fraction(0),
        days=given["days"],
    )


def _party(text: str, roles: list[Role]) -> PartyTerm:
    name, found, did = text.partition("=")
    if not found or not name:
        raise UsageError(
            "agreement-bad-party",
            f"{text!r} is not NAME=did:key:...",
            hint="Print a did with `cotrain init`.",
        )
    public_key_of(did)
    return PartyTerm(name=name, did=did, roles=roles)


def _show(shown: Agreement, *, as_json: bool) -> None:
    clauses = explain(shown)
    value = {
        "run": shown.digest,
        "title": shown.title,
        "clauses": [
            {"topic": c.topic, "words": c.words, "enforced_by": c.enforced_by} for c in clauses
        ],
    }

    def show_table() -> None:
        made = table(shown.title, ["topic", "term", "enforced by"], [])
        made.columns[1].justify = "left"
        for clause in clauses:
            made.add_row(clause.topic, clause.words, clause.enforced_by)
        console().print(made)
        print(f"run {shown.digest}")

    emit(value, as_json=as_json, show=show_table)
