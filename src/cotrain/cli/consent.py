"""`cotrain agreement receipt`: what a data owner consented to, as a signed document."""

import json
from pathlib import Path

import click

from cotrain.agreement.consent import make_receipt, verify_receipt, withdraw
from cotrain.cli.files import read_agreement, read_file, write_file
from cotrain.cli.options import PATH, home_option, json_option
from cotrain.cli.output import emit, say
from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import Member, has_approved, has_revoked
from cotrain.ports import SystemClock


@click.command("receipt")
@click.argument("file", type=PATH)
@home_option
@click.option("--out", required=True, type=PATH, help="File to write; it must not exist.")
@click.option(
    "--withdraw", "earlier", type=PATH, help="An earlier receipt, to which a withdrawal is added."
)
@click.option("--reason", default="", help="Why the consent is withdrawn; goes with --withdraw.")
@json_option
def consent_receipt(
    file: Path, home: Path, out: Path, earlier: Path | None, reason: str, *, as_json: bool
) -> None:
    r"""Write a consent receipt for the agreement in FILE: who consented to what, for whom, until when.

    Its fields are modelled on ISO/IEC TS 27560; conformance was not certified. You must have signed the agreement;
    with --withdraw you must have withdrawn your data (cotrain data revoke).

    \b
    Example:
      cotrain agreement receipt agreement.json --home homes/cleveland --out consent.json
    """
    if out.exists():
        raise UsageError(
            "consent-exists",
            f"{out} exists already",
            meaning="Nothing was written.",
            hint="Choose another file with --out.",
        )
    terms, layout = read_agreement(file), HomeLayout(home)
    member = Member(load_identity(layout.identity), layout)
    terms.party(member.identity.did)
    now = SystemClock().now()
    if earlier is None:
        _check_done(
            has_approved(member, terms), "signed the agreement", f"sign {file} --home {home}"
        )
        data = make_receipt(terms, member.identity, now)
    else:
        _check_done(
            has_revoked(member, terms), "withdrawn its data", f"revoke {file} --home {home}"
        )
        data = withdraw(read_file(earlier), terms, member.identity, now, reason)
    value = verify_receipt(data, terms)
    write_file(out, data)
    emit(
        json.loads(json.dumps(value)),
        as_json=as_json,
        show=lambda: say(f"the receipt of {terms.party(member.identity.did).name} is in {out}"),
    )


def _check_done(done: bool, what: str, words: str) -> None:
    if not done:
        group = "data" if words.startswith("revoke") else "agreement"
        raise RefusedError(
            "consent-not-so",
            f"the party of this home has not {what}",
            meaning="A receipt says what happened, and this has not.",
            hint=f"cotrain {group} {words}",
        )
