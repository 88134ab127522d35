"""What `cotrain run` and `cotrain demo` share: perform, audit, compare, save, print."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from rich.progress import Progress

from cotrain.audit.auditor import AuditReport, audit
from cotrain.cli.files import write_file
from cotrain.cli.output import bar_of, emit, progress_bars, tell
from cotrain.cli.summary import show_report
from cotrain.errors import OutsideError
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.ports import Clock, Entropy, SystemClock, SystemEntropy
from cotrain.report.experiment import EntropyOf, Experiment, Outcome, perform, write_json
from cotrain.report.figures import FORMAT, Evidence, build_report
from cotrain.report.ledger_figures import LedgerFigures, read_ledger_figures
from cotrain.rounds.state import Phase, RunState
from cotrain.settlement.chain.chain import Chain
from cotrain.testing.determinism import ManualClock, SeededEntropy


def sources(insecure_seed: str | None) -> tuple[EntropyOf, Clock]:
    """Return the entropy of each party and the clock; deterministic twins for tests when a seed is given."""
    if insecure_seed is None:
        system: Entropy = SystemEntropy()
        return (lambda _: system), SystemClock()
    tell("insecure: all secrets follow from the seed given; for tests only", "bold red")
    return (lambda name: SeededEntropy(f"{insecure_seed}/{name}")), ManualClock()


def carry_out(
    experiment: Experiment,
    *,
    entropy: EntropyOf,
    clock: Clock,
    notes: Sequence[str] = (),
    queries: int = 0,
    connect: Callable[[], Chain | None] = lambda: None,
    base: bytes | None = None,
    as_json: bool,
) -> None:
    """Run the protocol with a progress bar, audit its ledger, save and print the report.

    `connect` returns the node on which the contracts are, if there is one; a finished run needs none. `base` is the
    file of the model that training begins with, if the agreement names one.
    """
    layout = experiment.layout
    report = _finished_report(experiment)
    if report is not None:
        tell(f"the run in {layout.path} is finished; this is its report (--out makes another run)")
    else:
        node = connect()
        with progress_bars() as bars:
            outcome = _perform(experiment, bars, entropy, clock, queries, node, base)
            checked, figures = _audit(layout, bars)
            task = bars.add_task("comparing with training alone", total=len(experiment.splits) + 2)
            report = build_report(
                Evidence(experiment, outcome, checked, figures),
                seed=entropy("report").draw("comparison", 32),
                notes=notes,
                step=lambda: bars.advance(task),
            )
        from cotrain.report.page import render_page  # noqa: PLC0415 - brings matplotlib, a third of a second

        write_file(layout.page, render_page(report).encode())
        write_json(layout.report, report)
    emit(report, as_json=as_json, show=lambda: show_report(report, layout.path))


def _perform(
    experiment: Experiment,
    bars: Progress,
    entropy: EntropyOf,
    clock: Clock,
    queries: int,
    node: Chain | None,
    base: bytes | None,
) -> Outcome:
    task = bars.add_task("training together", total=experiment.agreement.rounds)

    def progress(state: RunState) -> None:
        ended = state.phase in {Phase.FINISHED, Phase.ABORTED}
        waits = "" if ended else f", waiting for {state.phase.value}"
        bars.update(task, completed=len(state.opened), description=f"training together{waits}")

    return perform(
        experiment,
        entropy=entropy,
        clock=clock,
        progress=progress,
        queries=queries,
        node=node,
        base=base,
    )


def _audit(layout: RunLayout, bars: Progress) -> tuple[AuditReport, LedgerFigures]:
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        checked = audit(
            ledger,
            progress=bar_of(bars, "auditing the ledger"),
            proof_progress=bar_of(bars, "verifying proofs"),
        )
        return checked, read_ledger_figures(ledger)


def _finished_report(experiment: Experiment) -> dict[str, Any] | None:
    """Return the report of a run that ended before, None if it has none yet.

    Raises:
        OutsideError: the report is damaged, or of another run.
    """
    path = experiment.layout.report
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
        if found["format"] == FORMAT and found["run"] == experiment.agreement.digest:
            return dict(found)
        reason = "it is of another run or version"
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error)
    raise OutsideError(
        "report-damaged",
        f"{path} cannot be shown: {reason}",
        meaning="The ledger is not touched by this; the report is made from it.",
        hint="Remove the file and run the command again: it makes the report anew.",
    )
