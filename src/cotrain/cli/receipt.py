"""`cotrain receipt`: one text file that shows that an entry stands in the ledger, and its check."""

import json
from pathlib import Path

import click

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.cli.output import emit, json_option, read_file, write_file
from cotrain.errors import UsageError
from cotrain.identity.did_key import verify_signature
from cotrain.layout import RunLayout
from cotrain.ledger.receipt import make_receipt, verify_receipt
from cotrain.ledger.store import Ledger
from cotrain.records.record import Record, decode_record
from cotrain.rounds.witness import log_policy


@click.group()
def receipt() -> None:
    """Make and check receipts: proof, in one text file, that an entry stands in a run's ledger."""


@receipt.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--entry", type=int, help="Number of the entry.")
@click.option(
    "--kind", help="Kind of record to look for, for example submission; the last one is taken."
)
@click.option("--party", help="Name or did of the author to look for.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write; the default is stdout."
)
def make(
    run: Path, entry: int | None, kind: str | None, party: str | None, out: Path | None
) -> None:
    r"""Write the receipt of one entry of RUN's ledger.

    \b
    Example:
      cotrain receipt make runs/demo --kind submission --party Cleveland --out cleveland.tlog-proof
    """
    layout = RunLayout(run)
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        agreement = decode_agreement(read_file(layout.agreement))
        index = entry if entry is not None else _find(ledger, agreement, kind, party)
        note = ledger.latest_checkpoint()
        if note is None or not 0 <= index < ledger.size:
            raise UsageError(
                "receipt-no-entry", f"there is no signed entry {index} among {ledger.size}"
            )
        text = make_receipt(ledger, index, note)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text.encode())
        click.echo(f"the receipt of entry {index} is in {out}", err=True)


@receipt.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--agreement",
    "agreement_path",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The agreement of the run: it names whose signatures count.",
)
@json_option
def check(file: Path, agreement_path: Path, *, as_json: bool) -> None:
    r"""Check a receipt FILE offline, against nothing but the agreement.

    \b
    Example:
      cotrain receipt check cleveland.tlog-proof --agreement runs/demo/agreement.json
    """
    agreement = decode_agreement(read_file(agreement_path))
    needed = min(agreement.quorum.colluders + 1, len(agreement.parties) - 1)
    verified = verify_receipt(read_file(file), log_policy(agreement, needed))
    record = decode_record(verified.entry, verify_signature)
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
        print(
            f"Entry {verified.index} of the ledger of {agreement.title!r} is a {record.kind} signed by {author},"
        )
        print(f"under a checkpoint cosigned by {', '.join(value['cosigned_by'])}.")

    emit(value, as_json=as_json, show=show)


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
        hint="Run `cotrain audit` on the run to see its parties, or give --entry.",
    )
