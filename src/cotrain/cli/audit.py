"""`cotrain audit`: re-check a run from its ledger."""

from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from cotrain.audit.auditor import AuditReport, audit
from cotrain.cli.output import console, emit, json_option, messages, table
from cotrain.errors import UsageError
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger


@click.command("audit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--run-id", help="The run that you mean (SHA-256 of its agreement), if you know it.")
@json_option
def audit_command(run: Path, run_id: str | None, *, as_json: bool) -> None:
    r"""Re-check everything in RUN's ledger, holding no key and no data.

    RUN is a run folder or a ledger file. Names the first entry that is wrong, and says what no ledger of this
    version can show.

    \b
    Example:
      cotrain audit runs/demo
    """
    path = RunLayout(run).ledger if run.is_dir() else run
    if not path.exists():
        raise UsageError(
            "audit-no-ledger",
            f"there is no ledger at {path}",
            hint="Give a run folder or its ledger.db.",
        )
    with (
        Ledger.open(path, read_only=True) as ledger,
        Progress(console=messages(), transient=True) as bar,
    ):
        task = bar.add_task("checking entries", total=ledger.size)
        report = audit(
            ledger, expected_run=run_id, progress=lambda done, _: bar.update(task, completed=done)
        )
    emit(to_json(report), as_json=as_json, show=lambda: _show(report))


def to_json(report: AuditReport) -> dict[str, Any]:
    """Return the audit as a JSON value (docs/spec/audit.md)."""
    return {
        "format": "cotrain/audit/1",
        "verdict": "nothing wrong found",
        "run": report.run,
        "title": report.agreement.title,
        "entries": report.entries,
        "phase": report.phase.name.lower(),
        "opened_rounds": report.opened_rounds,
        "checked": report.checked,
        "not_checked": list(report.not_checked),
        "cosigned_by": [report.agreement.party(did).name for did in report.cosigners],
        "owners": [
            {
                "name": owner.name,
                "did": owner.did,
                "rows": owner.rows,
                "dataset_root": owner.root,
                "rounds": owner.rounds,
                "epsilon_spent": owner.epsilon,
                "revoked": owner.revoked,
            }
            for owner in report.owners
        ],
        "refused": [
            {"author": author, "kind": kind, "code": code} for author, kind, code in report.refused
        ],
    }


def _show(report: AuditReport) -> None:
    out = console()
    out.print(f"[bold]{report.agreement.title}[/bold]  run {report.run}")
    out.print(
        f"{report.entries} entries, {report.opened_rounds} rounds opened; the run waits for {report.phase.value}\n"
    )
    rows = [[name, f"{count}"] for name, count in report.checked.items()]
    out.print(table("checked, all in order", ["what", "how often"], rows))
    owners = [
        [
            owner.name,
            f"{owner.rows}",
            f"{owner.rounds}",
            "-" if owner.epsilon is None else f"{owner.epsilon:.3f}",
            "yes" if owner.revoked else "no",
        ]
        for owner in report.owners
    ]
    out.print(table("data owners", ["name", "rows", "rounds", "epsilon spent", "revoked"], owners))
    out.print("[bold]not checked, because no ledger of this version can show it[/bold]")
    for line in report.not_checked:
        out.print(f"  - {line}")
    out.print("\n[bold green]Nothing wrong found.[/bold green]")
