"""`cotrain audit`: re-check a run from its ledger."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from cotrain.audit.auditor import AuditReport, OwnerAudit, audit
from cotrain.audit.base import check_base_run
from cotrain.audit.copies import evidence as evidence_of
from cotrain.audit.copies import find_parting
from cotrain.audit.proofs import Quick
from cotrain.cli.base_model import base_audit_option
from cotrain.cli.files import write_file
from cotrain.cli.options import PATH, json_option
from cotrain.cli.output import (
    bar_of,
    bullets,
    console,
    emit,
    print_table,
    progress_bars,
    say,
    table,
    tell,
)
from cotrain.cli.summary import show_money
from cotrain.errors import ForgeryError, UsageError
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemEntropy
from cotrain.report.money import money_figures
from cotrain.rounds.state import Phase
from cotrain.settlement.evidence_file import encode_evidence
from cotrain.settlement.terms import ContractTerms

DEFAULT_SAMPLE = 20


def _sample(_: click.Context, __: click.Parameter, value: str | None) -> Quick | None:
    """Turn the number of proofs to draw into a sample; None stays None."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and 0 < int(value) <= 10**9):
        raise click.BadParameter(f"{value!r} is not a number of proofs; RUN stands before --quick.")
    return Quick(int(value), SystemEntropy())


@click.command("audit")
@click.argument("run", type=PATH)
@click.option("--run-id", help="The run that you mean (SHA-256 of its agreement), if you know it.")
@click.option(
    "--quick",
    metavar="[N]",
    is_flag=False,
    flag_value=str(DEFAULT_SAMPLE),
    callback=_sample,
    help=f"Verify only N of the proofs, drawn at random ({DEFAULT_SAMPLE} if N is left out); all else in full.",
)
@click.option(
    "--against",
    type=PATH,
    help="Another copy of the run's ledger, say another party's: check it too, and that one continues the other.",
)
@click.option(
    "--evidence",
    type=PATH,
    help="With --against: a file for what the contract takes as evidence, if the coordinator signed two ledgers.",
)
@base_audit_option
@json_option
def audit_command(
    run: Path,
    run_id: str | None,
    quick: Quick | None,
    against: Path | None,
    evidence: Path | None,
    base_model: Path | None,
    *,
    as_json: bool,
) -> None:
    r"""Re-check everything in RUN's ledger, holding no key and no data.

    RUN is a run folder or a ledger file. Names the first entry that is wrong, and says what no ledger of this
    version can show.

    \b
    Examples:
      cotrain audit runs/demo
      cotrain audit runs/demo --quick 5
      cotrain audit runs/demo --against from-another-party.db
    """
    if evidence is not None and against is None:
        raise UsageError(
            "audit-evidence-of-what",
            "--evidence is given without --against",
            meaning="Evidence of two histories needs two copies.",
            hint="Give with --against another copy of the ledger.",
        )
    with ExitStack() as files:
        ledger = files.enter_context(Ledger.open(ledger_path(run), read_only=True))
        report = audited(ledger, run_id, quick)
        if against is not None:
            other = files.enter_context(Ledger.open(ledger_path(against), read_only=True))
            compare((ledger, report), (other, audited(other, run_id, quick)), evidence)
        if base_model is not None:
            before = files.enter_context(Ledger.open(ledger_path(base_model), read_only=True))
            report = check_base_run(report, audited(before, None, quick))
    emit(to_json(report), as_json=as_json, show=lambda: _show(report))
    if against is not None:
        tell(f"{against} is in order too, and no other history of this run")
    if base_model is not None:
        tell(f"{base_model} is in order too, and this run begins with what it released")


def ledger_path(run: Path) -> Path:
    """Return the ledger of a run folder, or the ledger file that was given.

    Raises:
        UsageError: there is none.
    """
    path = RunLayout(run).ledger if run.is_dir() else run
    if not path.exists():
        raise UsageError(
            "audit-no-ledger",
            f"there is no ledger at {path}",
            meaning="Nothing was checked.",
            hint="Give a run folder, such as runs/demo, or its ledger.db.",
        )
    return path


def audited(ledger: Ledger, run_id: str | None = None, quick: Quick | None = None) -> AuditReport:
    """Audit a ledger, with progress bars for a person."""
    with progress_bars() as bar:
        return audit(
            ledger,
            expected_run=run_id,
            quick=quick,
            progress=bar_of(bar, "checking entries"),
            proof_progress=bar_of(bar, "verifying proofs"),
        )


def compare(
    ours: tuple[Ledger, AuditReport], theirs: tuple[Ledger, AuditReport], file: Path | None
) -> None:
    """Refuse two copies of which none continues the other; write what the contract takes as evidence.

    Raises:
        ForgeryError: they part.
    """
    parting = find_parting(ours[0], theirs[0], (ours[1], theirs[1]))
    if parting is None:
        return
    found = evidence_of(ours[1], parting)
    if found is None:
        hint = "Keep both copies: the coordinator's signature is under both last checkpoints."
    elif file is None:
        hint = "Its account signed both: --evidence FILE writes what costs it its stake."
    else:
        write_file(file, encode_evidence(ContractTerms.of(ours[1].agreement), found))
        hint = f"{file} holds what costs it its stake: cotrain evidence send RUN {file} --home HOME"
    raise ForgeryError(
        "audit-copies-part",
        f"the copies are two histories of one run: they part at entry {parting.entry}",
        meaning="The coordinator signed both, and showed one to some and the other to others.",
        hint=hint,
    )


def to_json(report: AuditReport) -> dict[str, Any]:
    """Return the audit as a JSON value (docs/spec/audit.md)."""
    base = report.agreement.base_model
    return {
        "format": "cotrain/audit/1",
        "verdict": "nothing wrong found",
        "run": report.run,
        "title": report.agreement.title,
        "entries": report.entries,
        "phase": report.phase.name.lower(),
        "opened_rounds": report.opened_rounds,
        "assurance": {"agreed": report.agreement.assurance, "found": report.assurance},
        "proofs": {
            "carried": report.proofs.carried.total(),
            "verified": report.proofs.verified.total(),
            "all_verified": report.proofs.complete and report.proofs.carried.total() > 0,
            "seconds": round(report.proofs.seconds, 3),
        },
        "proven": list(report.proven),
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
                "removed_rows": list(owner.removed),
                "erased": None if owner.erased is None else vars(owner.erased),
                "proven_dataset": owner.proven_dataset,
                "proven_updates": owner.proven_updates,
                "proven_removals": owner.proven_removals,
                "proven_score": owner.score is not None and owner.score.proven,
            }
            for owner in report.owners
        ],
        "base_model": None if base is None else {"run": base.run, "model": base.model},
        "successor": report.state.successor,
        "money": money_figures(report),
        "refused": [
            {"author": author, "kind": kind, "code": code} for author, kind, code in report.refused
        ],
    }


def _show(report: AuditReport) -> None:
    out = console()
    say(report.agreement.title, "bold")
    say(f"run {report.run}")
    said = f"{report.entries} entries, {report.opened_rounds} rounds opened; "
    say(said + _outcome(report))
    say(_assurance(report))
    say(_lineage(report))
    rows = [[name, f"{count}"] for name, count in report.checked.items()]
    checked = table(["what", "how often"], rows)
    checked.columns[0].max_width = 68
    print_table("checked, all in order", checked)
    head = ["name", "rows", "rounds", "epsilon spent", "revoked", "erased", "proofs verified"]
    owners = table(head, [_owner_row(owner) for owner in report.owners])
    owners.columns[1].no_wrap = True
    print_table("data owners", owners)
    shown = {"money": money_figures(report)}
    if shown["money"] is not None:
        show_money(shown)
    if report.proven:
        say("proven, and verified here", "bold")
        out.print(bullets(report.proven))
        say()
    quick = report.assurance == "sampled"
    say(
        "not checked" if quick else "not checked, because no ledger of this version can show it",
        "bold",
    )
    out.print(bullets(report.not_checked))
    if report.refused:
        say("\nrefused by the coordinator", "bold")
        out.print(bullets(_refused(report)))
    say("\n" + _verdict(report), "bold green")


def _outcome(report: AuditReport) -> str:
    if report.state.abort is not None:
        return "the run was aborted, {}: {}".format(*report.state.abort)
    if report.phase is Phase.FINISHED:
        return "the run is finished"
    return f"the run waits for {report.phase.value}"


def _assurance(report: AuditReport) -> str:
    proofs = report.proofs
    told = f"{proofs.verified.total()} of {proofs.carried.total()} proofs verified"
    match report.assurance:
        case "recorded":
            return "assurance: recorded, nothing is proven of data and updates"
        case "nothing":
            return "assurance: proofs were agreed on, and the run did not come to one"
        case "sampled":
            return f"assurance: proofs were agreed on; quick audit, {told}, drawn at random"
        case found:
            return f"assurance: {found}, {told}"


def _lineage(report: AuditReport) -> str:
    """Return where the run's model and chain come from and go to, a line each; an empty line where nowhere."""
    base, successor = report.agreement.base_model, report.state.successor
    lines = []
    if base is not None:
        lines.append(f"training began with the model {base.model[:16]} of run {base.run[:16]}\n")
    if successor is not None:
        lines.append(f"its chain goes on with run {successor[:16]}\n")
    return "".join(lines)


def _verdict(report: AuditReport) -> str:
    if report.assurance == "sampled":
        return "Nothing wrong found. This was a quick audit: not every proof was verified."
    return "Nothing wrong found."


def _owner_row(owner: OwnerAudit) -> list[str]:
    spent = "-" if owner.epsilon is None else f"{owner.epsilon:.3f}"
    revoked = "yes" if owner.revoked else "no"
    erased = "no" if owner.erased is None else f"certified, entry {owner.erased.entry}"
    score = owner.score is not None and owner.score.proven
    proofs = f"{owner.proven_dataset + owner.proven_updates + owner.proven_removals + score}"
    rows = f"{owner.rows}" + (f", {len(owner.removed)} removed" if owner.removed else "")
    return [owner.name, rows, f"{owner.rounds}", spent, revoked, erased, proofs]


def _refused(report: AuditReport) -> list[str]:
    names = {party.did: party.name for party in report.agreement.parties}
    return [f"{kind} of {names.get(did, did)}: {code}" for did, kind, code in report.refused]
