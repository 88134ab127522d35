"""`cotrain agreement offer | counter | accept | terminate | negotiation`: signed messages in one file.

The file goes from party to party by any means, such as mail; every command checks all of it first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cotrain.agreement.changes import list_changes
from cotrain.agreement.document import Agreement, parse_agreement
from cotrain.agreement.negotiation import (
    Negotiation,
    NegotiationMessage,
    begin,
    follow,
    read_negotiation,
    sign_acceptance,
    sign_counter,
    sign_offer,
    sign_termination,
    write_negotiation,
)
from cotrain.cli.agreement import show_agreement
from cotrain.cli.files import read_agreement, read_file, write_file
from cotrain.cli.options import MAX_ROUNDS, PATH, decimal_text, home_option, json_option
from cotrain.cli.output import emit, print_table, say, table, tell
from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import Identity, load_identity
from cotrain.layout import HomeLayout
from cotrain.ports import SystemClock
from cotrain.rounds.plan import RunPlan

NEXT = {
    "REQUESTED": "waits for the others to accept or to answer with a counter-offer",
    "OFFERED": "waits for the others to accept or to answer with a counter-offer",
    "ACCEPTED": "waits for the rest to accept",
    "AGREED": "all parties accept this text; each signs it with `cotrain agreement sign`",
    "TERMINATED": "was ended by a party",
}

reason_option = click.option("--reason", default="", help="Why, for the others to read.")


@dataclass(frozen=True)
class _Desk:
    """A party in front of a file of messages."""

    path: Path
    identity: Identity
    found: Negotiation

    @classmethod
    def of(cls, path: Path, home: Path) -> "_Desk":
        identity = load_identity(HomeLayout(home).identity)
        return cls(path, identity, read_negotiation(read_file(path)))

    def add(self, message: NegotiationMessage, *, as_json: bool) -> None:
        """Check the party's own message as the others will, and write it."""
        after = follow(self.found, message)
        write_file(self.path, write_negotiation(after.messages))
        _show(after, as_json=as_json)


@click.command()
@click.argument("file", type=PATH)
@home_option
@click.option("--out", required=True, type=PATH, help="File for the messages; it must not exist.")
@json_option
def offer(file: Path, home: Path, out: Path, *, as_json: bool) -> None:
    r"""Begin a negotiation: offer the agreement in FILE to its other parties.

    \b
    Example:
      cotrain agreement offer agreement.json --home homes/cleveland --out talks.jsonl
    """
    if out.exists():
        raise UsageError(
            "negotiation-exists",
            f"{out} exists already",
            meaning="What was said is never overwritten.",
            hint="Choose another file with --out, or answer with `cotrain agreement counter`.",
        )
    proposal, identity = read_agreement(file), load_identity(HomeLayout(home).identity)
    RunPlan.derive(proposal)
    found = begin(sign_offer(identity, proposal, SystemClock().now()))
    write_file(out, write_negotiation(found.messages))
    _show(found, as_json=as_json)


@click.command()
@click.argument("messages", type=PATH)
@home_option
@click.option("--agreement", "file", type=PATH, help="The whole agreement that you offer instead.")
@click.option("--rounds", type=click.IntRange(1, MAX_ROUNDS), help="Another number of rounds.")
@click.option("--epsilon", callback=decimal_text(), help="Another privacy budget of each row.")
@click.option("--delta", callback=decimal_text(below=1), help="Another delta.")
@click.option(
    "--score-epsilon",
    callback=decimal_text(),
    help="Another part of epsilon for the scores, where a pool is divided by them.",
)
@click.option("--title", help="Another title.")
@reason_option
@json_option
def counter(
    messages: Path, home: Path, file: Path | None, reason: str, *, as_json: bool, **terms: Any
) -> None:
    r"""Answer with a changed agreement: give the terms that you want otherwise, or a whole agreement.

    \b
    Example:
      cotrain agreement counter talks.jsonl --home homes/hungary --epsilon 0.5
    """
    desk = _Desk.of(messages, home)
    wanted = {name: value for name, value in terms.items() if value is not None}
    if (file is None) == (not wanted):
        raise UsageError(
            "negotiation-what",
            "a counter-offer needs either --agreement or the terms to change",
            meaning="Nothing was written.",
            hint="For example --epsilon 0.5, or --agreement FILE.",
        )
    proposal = _changed(desk.found.standing, wanted) if file is None else read_agreement(file)
    RunPlan.derive(proposal)
    message = sign_counter(desk.identity, desk.found, proposal, SystemClock().now(), reason)
    desk.add(message, as_json=as_json)


@click.command()
@click.argument("messages", type=PATH)
@home_option
@json_option
def accept(messages: Path, home: Path, *, as_json: bool) -> None:
    r"""Accept the agreement on the table; read it first with `cotrain agreement negotiation`.

    This is not yet consent to the run: that is `cotrain agreement sign`, when all have accepted.

    \b
    Example:
      cotrain agreement accept talks.jsonl --home homes/hungary
    """
    desk = _Desk.of(messages, home)
    RunPlan.derive(desk.found.standing)
    message = sign_acceptance(desk.identity, desk.found, SystemClock().now())
    desk.add(message, as_json=as_json)


@click.command()
@click.argument("messages", type=PATH)
@home_option
@reason_option
@json_option
def terminate(messages: Path, home: Path, reason: str, *, as_json: bool) -> None:
    r"""End a negotiation. A run that has begun is not touched: see `cotrain data revoke`.

    \b
    Example:
      cotrain agreement terminate talks.jsonl --home homes/hungary --reason "no approval"
    """
    desk = _Desk.of(messages, home)
    message = sign_termination(desk.identity, desk.found, SystemClock().now(), reason)
    desk.add(message, as_json=as_json)


@click.command()
@click.argument("messages", type=PATH)
@click.option("--out", type=PATH, help="Write the agreement there if all accept it.")
@json_option
def negotiation(messages: Path, out: Path | None, *, as_json: bool) -> None:
    r"""Check a file of messages; print what is on the table, what changed, and who has accepted.

    \b
    Example:
      cotrain agreement negotiation talks.jsonl --out agreement.json
    """
    found = read_negotiation(read_file(messages))
    if out is not None:
        _write_agreed(found, out)
    if not as_json:
        show_agreement(found.standing, as_json=False)
    _show(found, as_json=as_json)


def _write_agreed(found: Negotiation, out: Path) -> None:
    if found.state != "AGREED":
        raise RefusedError(
            "negotiation-not-agreed",
            f"the negotiation is {found.state}: not all parties accept the same text",
            meaning="No agreement was written.",
            hint="Ask those who have not accepted.",
        )
    if out.exists():
        raise UsageError(
            "agreement-exists",
            f"{out} exists already",
            meaning="Parties may have consented to that file; it is never overwritten.",
            hint="Choose another file with --out.",
        )
    write_file(out, found.standing.data)
    tell(f"the agreement is in {out}; every party signs it: cotrain agreement sign {out}")


def _changed(standing: Agreement, wanted: dict[str, Any]) -> Agreement:
    terms = standing.terms
    privacy = {name: wanted.pop(name) for name in ("epsilon", "delta") if name in wanted}
    for_scores = wanted.pop("score_epsilon", None)
    if for_scores is not None:
        _set_score_epsilon(terms, for_scores)
    return parse_agreement(terms | wanted | {"privacy": terms["privacy"] | privacy})


def _set_score_epsilon(terms: dict[str, Any], epsilon: str) -> None:
    pool = terms.get("settlement", {}).get("contribution")
    if pool is None:
        raise UsageError(
            "negotiation-no-pool",
            "--score-epsilon is given, and no pool of this agreement is divided by scores",
            meaning="Nothing was written.",
            hint="Leave it out, or offer a whole agreement with a pool: --agreement.",
        )
    pool["epsilon"] = epsilon


def _show(found: Negotiation, *, as_json: bool) -> None:
    names = {party.did: party.name for party in found.standing.parties}
    accepted = [name for did, name in names.items() if did in found.accepted]
    missing = [names[did] for did in found.missing]
    changes = list_changes(*found.proposals[-2:]) if len(found.proposals) > 1 else []
    value = {
        "state": found.state,
        "agreement": found.standing.digest,
        "proposals": len(found.proposals),
        "accepted": accepted,
        "missing": missing,
        "changes": [vars(change) for change in changes],
    }

    def show() -> None:
        if changes:
            rows = [(change.term, change.before, change.after) for change in changes]
            print_table("Changed by the last counter-offer", table(["term", "before", "now"], rows))
        say(f"{found.state}: {NEXT[found.state]}")
        say(f"accepted by: {', '.join(accepted)}")
        if missing:
            say(f"not yet by: {', '.join(missing)}")
        say(f"agreement {found.standing.digest}")

    emit(value, as_json=as_json, show=show)
