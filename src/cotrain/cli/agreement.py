"""`cotrain agreement new | show | sign`."""

from pathlib import Path
from typing import Any, get_args

import click

from cotrain.agreement.document import Agreement, PartyTerm, Purpose, Role
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.explain import explain
from cotrain.agreement.schema import parse_schema
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
from cotrain.errors import CotrainError, UsageError
from cotrain.identity.did_key import public_key_of
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import Member, approve
from cotrain.ports import SystemClock, SystemEntropy
from cotrain.rounds.plan import RunPlan

OWNER_ROLES: list[Role] = ["data_owner"]


@click.group()
def agreement() -> None:
    r"""Draft, read and sign agreements: who may do what, at which privacy budget, until when.

    \b
    Example:
      cotrain agreement show agreement.json
    """


@agreement.command()
@click.option("--title", required=True, help="What the run is about.")
@click.option(
    "--purpose",
    type=click.Choice(get_args(Purpose)),
    default="other-research",
    show_default=True,
    help="What the model may be used for; declared, not enforced.",
)
@click.option("--schema", "schema_path", required=True, type=PATH, help="The table's schema, JSON.")
@click.option(
    "--owner",
    "owners",
    multiple=True,
    required=True,
    help='A data owner: "NAME=did:key:...". Repeat it, at least twice.',
)
@click.option("--coordinator", required=True, help='Who orders the records: "NAME=did:key:...".')
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
@click.option("--out", required=True, type=PATH, help="File to write; it must not exist.")
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
        --owner "Cleveland=did:key:z6Mk..." --owner "Hungary=did:key:z6Mk..." \
        --coordinator "Hub=did:key:z6Mk..." --epsilon 1 --out agreement.json
    """
    if out.exists():
        raise UsageError(
            "agreement-exists",
            f"{out} exists already",
            meaning="Parties may have consented to that file; it is never overwritten.",
            hint="Choose another file with --out.",
        )
    if len(owners) < 2:
        raise UsageError(
            "agreement-one-owner",
            "an agreement needs at least two data owners",
            meaning="With one owner the sum that is opened would be its own update.",
            hint='Repeat --owner "NAME=did:key:...", once for each owner.',
        )
    schema = parse_schema(read_file(schema_path))
    parties = [_party("--owner", owner, OWNER_ROLES) for owner in owners]
    parties.append(_party("--coordinator", coordinator, ["coordinator"]))
    with as_options():
        drafted = draft_agreement(
            schema, parties, Wishes(**given), entropy=SystemEntropy(), clock=SystemClock()
        )
    RunPlan.derive(drafted)
    write_file(out, drafted.data)
    _show(drafted, as_json=as_json)
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
    _show(read_agreement(file), as_json=as_json)


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


def _party(option: str, text: str, roles: list[Role]) -> PartyTerm:
    name, found, did = text.rpartition("=")
    name = name.strip()
    if not found or not 1 <= len(name) <= 120 or not name.isprintable():
        raise UsageError(
            "agreement-bad-party",
            f"{option} {text!r} is not NAME=did:key:...",
            meaning="An agreement lists each party with a name for people and an identity for machines.",
            hint="`cotrain init HOME --name NAME` prints a party's did:key.",
        )
    try:
        public_key_of(did)
    except CotrainError as error:
        raise UsageError(
            "agreement-bad-did",
            f"{option} {name}: {did!r} is not a did:key of cotrain",
            meaning=error.meaning,
            hint=error.hint,
        ) from error
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
        rows = [(c.topic, c.words, c.enforced_by) for c in clauses]
        made = table(["topic", "term", "enforced by"], rows)
        for column in made.columns[1:]:
            column.justify = "left"
        made.columns[2].no_wrap = True
        print_table(shown.title, made)
        print(f"run {shown.digest}")

    emit(value, as_json=as_json, show=show_table)
