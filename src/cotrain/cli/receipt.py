"""`cotrain receipt`: one text file that shows that an entry stands in the ledger, and its check."""

import json
from pathlib import Path

import click

from cotrain.agreement.document import Agreement
from cotrain.cli.files import read_agreement, read_file, write_file
from cotrain.cli.options import PATH, json_option
from cotrain.cli.output import emit, say, tell
from cotrain.errors import UsageError
from cotrain.identity.did_key import verify_signature
from cotrain.layout import RunLayout
from cotrain.ledger.receipt import make_receipt, verify_receipt
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import BODIES
from cotrain.records.record import Record, decode_record
from cotrain.rounds.refusals import expect
from cotrain.rounds.witness import cosignatures_needed, log_policy


@click.group()
def receipt() -> None:
    r"""Make and check receipts: proof, in one text file, that an entry stands in a run's ledger.

    \b
    Example:
      cotrain receipt check cleveland.tlog-proof --agreement runs/demo/agreement.json
    """


@receipt.command()
@click.argument("run", type=PATH)
@click.option("--entry", type=click.IntRange(0), help="Number of the entry.")
@click.option(
    "--kind", help="Kind of record to look for, for example submission; the last one is taken."
)
@click.option("--party", help="Name or did of the author to look for.")
@click.option("--out", type=PATH, help="File to write; the default is stdout.")
@json_option
def make(
    run: Path,
    entry: int | None,
    kind: str | None,
    party: str | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    r"""Write the receipt of one entry of RUN's ledger.

    \b
    Example:
      cotrain receipt make runs/demo --kind submission --party Cleveland --out cleveland.tlog-proof
    """
    if entry is None and kind is None and party is None:
        raise UsageError(
            "receipt-of-what",
            "none of --entry, --kind and --party is given",
            meaning="A receipt is of one entry of the ledger.",
            hint="For example --kind submission --party NAME, or --entry 0.",
        )
    layout = _run_folder(run)
    agreement = read_agreement(layout.agreement)
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        index = entry if entry is not None else _find(ledger, agreement, kind, party)
        text = _receipt(ledger, index)
    if out is not None:
        write_file(out, text.encode())
        tell(f"the receipt of entry {index} is in {out}")
    value = {"entry": index, "receipt": text, "file": None if out is None else str(out)}
    emit(value, as_json=as_json, show=lambda: click.echo(text if out is None else "", nl=False))


@receipt.command()
@click.argument("file", type=PATH)
@click.option(
    "--agreement",
    "agreement_path",
    required=True,
    type=PATH,
    help="The agreement of the run: it names whose signatures count.",
)
@json_option
def check(file: Path, agreement_path: Path, *, as_json: bool) -> None:
    r"""Check a receipt FILE offline, against nothing but the agreement.

    \b
    Example:
      cotrain receipt check cleveland.tlog-proof --agreement runs/demo/agreement.json
    """
    agreement = read_agreement(agreement_path)
    policy = log_policy(agreement, cosignatures_needed(agreement))
    verified = verify_receipt(read_file(file), policy)
    record = decode_record(verified.entry, verify_signature)
    expect(record, "the run", record.run, agreement.digest)
    author = agreement.party(record.author).name
    value = {
        "entry": verified.index,
        "kind": record.kind,
        "author": author,
        "cosigned_by": sorted(
            agreement.party(name).name for name in verified.checkpoint.cosigned_at
        ),
        "record": json.loads(record.data),
    }

    def show() -> None:
        say(
            f"Entry {verified.index} of the ledger of {agreement.title!r} is a {record.kind} signed by "
            f"{author}, under a checkpoint cosigned by {', '.join(value['cosigned_by'])}."
        )

    emit(value, as_json=as_json, show=show)


def _run_folder(run: Path) -> RunLayout:
    layout = RunLayout(run)
    if not layout.ledger.exists():
        raise UsageError(
            "receipt-no-run",
            f"there is no ledger at {layout.ledger}",
            meaning="Receipts are made from the ledger of a run.",
            hint="Give a run folder, such as runs/demo.",
        )
    return layout


def _receipt(ledger: Ledger, index: int) -> str:
    note = ledger.latest_checkpoint()
    if note is None or index >= ledger.size:
        raise UsageError(
            "receipt-no-entry",
            f"there is no signed entry {index}; the ledger has {ledger.size} entries",
            meaning="No receipt was written.",
            hint=f"Entries are numbered from 0 to {ledger.size - 1}.",
        )
    return make_receipt(ledger, index, note)


def _find(ledger: Ledger, agreement: Agreement, kind: str | None, party: str | None) -> int:
    names = {term.did: term.name for term in agreement.parties}
    for index in reversed(range(ledger.size)):
        record: Record = decode_record(ledger.entry(index), verify_signature)
        named = party is None or party in {record.author, names.get(record.author)}
        if named and kind in {None, record.kind}:
            return index
    raise UsageError(
        "receipt-not-found",
        f"no {kind or 'record'} of {party or 'anybody'} stands in the ledger",
        meaning="No receipt was written.",
        hint=f"Its parties are {', '.join(names.values())}; its kinds of records {', '.join(BODIES)}.",
    )
