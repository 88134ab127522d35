"""What `cotrain run` and `cotrain demo` share: perform, audit, compare, save, print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cotrain.audit.auditor import AuditReport, audit
from cotrain.cli.output import console, emit, messages, table
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.ports import Clock, Entropy, SystemClock, SystemEntropy
from cotrain.report.experiment import EntropyOf, Experiment, perform, write_json
from cotrain.report.figures import build_report
from cotrain.report.page import number, render_page
from cotrain.rounds.state import Phase, RunState
from cotrain.testing.determinism import ManualClock, SeededEntropy


def sources(insecure_seed: str | None) -> tuple[EntropyOf, Clock]:
    """Return the entropy of each party and the clock; deterministic twins for tests when a seed is given."""
    if insecure_seed is None:
        system: Entropy = SystemEntropy()
        return (lambda _: system), SystemClock()
    messages().print(
        "[bold red]insecure: all secrets follow from the seed given; for tests only[/bold red]"
    )
    return (lambda name: SeededEntropy(f"{insecure_seed}/{name}")), ManualClock()


def carry_out(
    experiment: Experiment,
    *,
    entropy: EntropyOf,
    clock: Clock,
    notes: Sequence[str],
    as_json: bool,
) -> None:
    """Run the protocol with a progress bar, audit its ledger, save and print the report."""
    finished = _finished_report(experiment.layout)
    if finished is not None:
        messages().print(
            f"the run in {experiment.layout.path} is finished; this is its report (give --out for another run)"
        )
        emit(finished, as_json=as_json, show=lambda: show_report(finished, experiment.layout.path))
        return
    rounds = experiment.agreement.rounds
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=messages(), transient=True) as bar:
        task = bar.add_task("training together", total=rounds)

        def progress(state: RunState) -> None:
            waits = (
                ""
                if state.phase in {Phase.FINISHED, Phase.ABORTED}
                else f", waiting for {state.phase.value}"
            )
            bar.update(task, completed=len(state.opened), description=f"training together{waits}")

        state, meter = perform(experiment, entropy=entropy, clock=clock, progress=progress)
        checked = _audit(experiment.layout, bar)
        bar.update(bar.add_task("comparing with training alone", total=None))
        seed = entropy("report").draw("comparison", 32)
        report = build_report(experiment, state, meter, checked, seed=seed, notes=notes)
    write_json(experiment.layout.report, report)
    experiment.layout.page.write_text(render_page(report), encoding="utf-8")
    emit(report, as_json=as_json, show=lambda: show_report(report, experiment.layout.path))


def show_report(report: dict[str, Any], folder: Path) -> None:
    """Print the tables of a report."""
    out, quality, privacy = console(), report["quality"], report["privacy"]
    metric = quality["metric"].upper()
    out.print(f"\n[bold]{report['title']}[/bold]")
    noise = (
        "without noise: nothing is promised"
        if privacy["noise"] == "none"
        else f"at epsilon {privacy['epsilon']}, delta {privacy['delta']} for each row and the whole run"
    )
    out.print(
        f"{len(report['data']['owners'])} owners trained one model together in {privacy['rounds']} rounds, {noise}.\n"
    )
    out.print(_owners_table(report, metric))
    out.print(_cost_table(report))
    assurance = report["assurance"]
    out.print("[bold]checked by every party and by the audit, from the ledger alone[/bold]")
    for name, count in assurance["checked"].items():
        out.print(f"  {count:>6}  {name}")
    out.print("\n[bold]not checked in this version[/bold] (nothing is called proven)")
    for line in assurance["recorded"]:
        out.print(f"  - {line}")
    if report["notes"]:
        out.print("\n[bold]good to know[/bold]")
        for note in report["notes"]:
            out.print(f"  - {note}")
    out.print(f"\nreport  {folder / 'report.html'}\naudit   cotrain audit {folder}")


def _owners_table(report: dict[str, Any], metric: str) -> Any:
    quality, spent = report["quality"], report["privacy"]["spent"]
    sizes = {owner["name"]: owner["rows"] for owner in report["data"]["owners"]}
    rows = [
        [
            o["name"],
            f"{sizes[o['name']]}",
            number(o["alone"]),
            number(o["alone_without_privacy"]),
            number(o["together"]),
            number(spent[o["name"]]),
        ]
        for o in quality["owners"]
    ]
    pooled = quality["pooled"]
    rows.append(
        [
            "mean",
            "",
            number(pooled["alone_mean"]),
            number(pooled["alone_without_privacy_mean"]),
            number(pooled["together"]),
            "",
        ]
    )
    head = [
        "owner",
        "rows",
        "alone, same epsilon",
        "alone, no privacy",
        "together",
        "epsilon spent",
    ]
    return table(f"{metric} on {quality['test_rows']} test rows of all owners", head, rows)


def _cost_table(report: dict[str, Any]) -> Any:
    cost = report["cost"]
    rows = [
        [
            name,
            f"{1000 * cost['seconds_per_round'][name]:.0f} ms",
            f"{cost['bytes_per_round'].get(name, 0):,.0f}",
        ]
        for name in cost["seconds_per_round"]
    ]
    return table("time and bytes sent, per party and round", ["party", "time", "bytes"], rows)


def _finished_report(layout: RunLayout) -> dict[str, Any] | None:
    """Return the report of a run that ended before, None if it has none yet."""
    if not layout.report.exists():
        return None
    found: dict[str, Any] = json.loads(layout.report.read_bytes())
    return found


def _audit(layout: RunLayout, bar: Progress) -> AuditReport:
    task = bar.add_task("auditing the ledger", total=None)
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        return audit(
            ledger, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
