"""A run and the run that its base model came from: whether the one begins where the other ended."""

from dataclasses import replace

from cotrain.audit.auditor import AuditReport
from cotrain.audit.limits import BASE_RUN
from cotrain.errors import ForgeryError, UsageError
from cotrain.rounds.handover import base_of


def check_base_run(report: AuditReport, before: AuditReport) -> AuditReport:
    """Check that an audited run begins with what another audited run released, on the chain that it left.

    Args:
        report: The run that begins with a base model.
        before: The run that released it.

    Returns:
        The report, without the line that this was not checked.

    Raises:
        UsageError: the run has no base model, or `before` is another run than the one it names.
        ForgeryError: the other run's ledger says something else.
    """
    term, base = report.agreement.base_model, report.state.base
    if term is None or base is None:
        raise UsageError(
            "audit-no-base-model",
            f"the run of {report.agreement.title!r} began with weights of zero",
            meaning="There is no other run to compare it with.",
            hint="Leave out --base-model.",
        )
    if before.run != term.run:
        raise UsageError(
            "audit-other-base-run",
            f"the base model is of run {term.run[:16]}, the ledger given is of run {before.run[:16]}",
            meaning="Each may be in order; they say nothing about each other.",
            hint=f"Give with --base-model the run folder of {term.run[:16]}.",
        )
    if before.state.released_model != base.model:
        raise _differs("it released another model")
    if base.steps and before.state.successor != report.run:
        raise _differs("it does not say that its chain goes on with this run")
    if base_of(before.state, paid=bool(base.steps)) != base:
        raise _differs("it came from other runs, or its chain has other transactions")
    left = tuple(line for line in report.not_checked if line != BASE_RUN)
    return replace(report, not_checked=left)


def _differs(what: str) -> ForgeryError:
    return ForgeryError(
        "audit-base-differs",
        f"the ledger of the base model's run contradicts the base file: {what}",
        meaning="This run begins with something else than that run ended with, or that run's chain goes on twice.",
        hint="Keep both ledgers, and show them to the parties of both runs.",
    )
