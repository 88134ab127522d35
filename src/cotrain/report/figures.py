"""The figures of a report: one JSON value whose fields docs/spec/report.md describes."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cotrain import __version__
from cotrain.audit.auditor import AuditReport
from cotrain.flow import VERIFYING
from cotrain.report.experiment import Experiment, Outcome
from cotrain.report.ledger_figures import LedgerFigures
from cotrain.report.money import money_figures
from cotrain.report.quality import Step, compare
from cotrain.report.words import PROVE_DATA, PROVE_SCORE, PROVE_UPDATES, VERIFY_PROOFS
from cotrain.rounds.state import RunState

FORMAT = "cotrain/report/2"
MAX_POINTS = 50
"""Of a long run, the privacy spent is given after this many rounds at most."""

_STEPS = {
    "signing": "sign",
    "registering": "commit to the data",
    "prove registering": PROVE_DATA,
    "submitting": "train, noise, commit, encrypt, share",
    "prove submitting": PROVE_UPDATES,
    "checking": "check key shares",
    "releasing": "release key shares",
    "scoring": "release the score",
    "prove scoring": PROVE_SCORE,
    "between": "destroy the secrets of a round",
    "verify": "verify the ledger",
    VERIFYING: VERIFY_PROOFS,
    "coordinate": "coordinate and open sums",
}


@dataclass(frozen=True)
class Evidence:
    """What a report is made from.

    Attributes:
        experiment: What was run.
        outcome: How it ended.
        audit: The audit of its ledger.
        ledger: What was read off the ledger.
    """

    experiment: Experiment
    outcome: Outcome
    audit: AuditReport
    ledger: LedgerFigures


def build_report(
    evidence: Evidence, *, seed: bytes, notes: Sequence[str] = (), step: Step = lambda: None
) -> dict[str, Any]:
    """Return the report of a finished run.

    Args:
        evidence: What happened.
        seed: 32 bytes for the noise of the comparison runs.
        notes: What a reader should know about these data.
        step: Called after each part of the comparison (`cotrain.report.quality.compare`).
    """
    experiment, state = evidence.experiment, evidence.outcome.state
    return {
        "format": FORMAT,
        "title": state.terms.title,
        "purpose": state.terms.purpose,
        "run": state.terms.digest,
        "version": __version__,
        "data": _data(evidence),
        "model": _model(state),
        "privacy": _privacy(evidence),
        "quality": compare(experiment.splits, state, seed, step=step)
        if experiment.splits
        else None,
        "assurance": _assurance(evidence),
        "money": money_figures(evidence.audit),
        "cost": _cost(evidence),
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "python": platform.python_version(),
        },
        "notes": list(notes),
    }


def _data(evidence: Evidence) -> dict[str, Any]:
    experiment = evidence.experiment
    schema = experiment.agreement.data_schema
    return {
        "schema": schema.name,
        "schema_hash": schema.digest().hex(),
        "bounds_read_off_the_data": schema.derived_from_data,
        "columns": list(schema.encoded_names),
        "owners": [
            {
                "name": owner.name,
                "did": owner.did,
                "rows": owner.rows,
                "test_rows": len(experiment.splits[owner.name].test)
                if owner.name in experiment.splits
                else None,
                "dataset_root": owner.root,
                "revoked": owner.revoked,
                "erased": None if owner.erased is None else vars(owner.erased),
            }
            for owner in evidence.audit.owners
        ],
    }


def _model(state: RunState) -> dict[str, Any]:
    return {
        "kind": state.terms.algorithm.kind,
        "weights": state.derived.dimension,
        "learning_rate": state.terms.algorithm.learning_rate,
        "weight_decay": state.terms.algorithm.weight_decay,
        "averaging": state.terms.algorithm.averaging,
        "rounds_agreed": state.terms.rounds,
        "rounds_opened": len(state.opened),
    }


def _privacy(evidence: Evidence) -> dict[str, Any]:
    state = evidence.outcome.state
    terms, noise = state.terms, state.derived.noise
    return {
        "noise": terms.privacy.noise,
        "epsilon": terms.privacy.epsilon,
        "delta": terms.privacy.delta,
        "adjacency": terms.privacy.adjacency,
        "colluders_tolerated": terms.quorum.colluders,
        "survivors_needed": terms.quorum.survivors,
        "noise_sd_of_the_sum": None
        if noise is None
        else float(np.sqrt(noise.local_variance * len(terms.owners))),
        "spent": {owner.name: owner.epsilon for owner in evidence.audit.owners},
        "spent_after_round": _spent_after_round(evidence),
    }


def _spent_after_round(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the epsilon spent by each owner after some of the rounds, the last among them."""
    state, submitters = evidence.outcome.state, evidence.ledger.submitters
    plan = state.derived
    if plan.event is None or not submitters:
        return []
    delta, cost = float(state.terms.delta), {0: 0.0}
    chosen = np.unique(np.linspace(1, len(submitters), min(MAX_POINTS, len(submitters)), dtype=int))
    listed, counts = [], dict.fromkeys((owner.did for owner in state.terms.owners), 0)
    for number, dids in enumerate(submitters, 1):
        counts.update({did: counts[did] + 1 for did in dids})
        if number not in chosen:
            continue
        for count in set(counts.values()) - set(cost):
            cost[count] = plan.spent_after(count).epsilon(delta)
        spent = {owner.name: cost[counts[owner.did]] for owner in state.terms.owners}
        listed.append({"round": number, "epsilon": spent})
    return listed


def _assurance(evidence: Evidence) -> dict[str, Any]:
    audit = evidence.audit
    return {
        "agreed": audit.agreement.assurance,
        "level": audit.assurance,
        "proven": list(audit.proven),
        "bounded": [],
        "attested": [],
        "recorded": list(audit.not_checked),
        "checked": audit.checked,
        "proofs": _proofs(evidence),
        "cosigned_by": [audit.agreement.party(did).name for did in audit.cosigners],
        "ledger_entries": audit.entries,
    }


def _proofs(evidence: Evidence) -> list[dict[str, Any]]:
    """Return for each owner what it proved, in how many bytes; empty if the agreement asks for no proofs."""
    if not evidence.audit.agreement.is_proven:
        return []
    sizes = evidence.ledger.proof_bytes
    return [
        {
            "name": owner.name,
            "dataset": owner.proven_dataset,
            "updates": owner.proven_updates,
            "score": owner.score is not None and owner.score.proven,
            "dataset_bytes": sizes.get(owner.did, {}).get("dataset", 0),
            "update_bytes": sizes.get(owner.did, {}).get("submission", 0),
            "score_bytes": sizes.get(owner.did, {}).get("score", 0),
        }
        for owner in evidence.audit.owners
    ]


def _cost(evidence: Evidence) -> dict[str, Any]:
    parties, ledger = evidence.experiment.agreement.parties, evidence.ledger
    seconds, timed = _seconds(evidence), evidence.outcome.timed_rounds
    by_round = [
        {party.name: sizes.get(party.did, 0) for party in parties}
        for sizes in ledger.bytes_by_round
    ]
    return {
        "rounds": len(by_round),
        "timed_rounds": timed,
        "seconds": seconds,
        "seconds_per_round": {
            name: sum(steps.values()) / timed if timed else None for name, steps in seconds.items()
        },
        "bytes_sent": {
            party.name: dict(ledger.bytes_by_kind.get(party.did, {})) for party in parties
        },
        "bytes_per_round": {
            party.name: sum(sizes[party.name] for sizes in by_round) / max(1, len(by_round))
            for party in parties
        },
        "bytes_by_round": by_round,
    }


def _seconds(evidence: Evidence) -> dict[str, dict[str, float]]:
    """Return party to step to seconds in this process; the coordinator's own work under its party's name."""
    terms = evidence.experiment.agreement
    names = {party.did: party.name for party in terms.parties}
    names["coordinator"] = terms.coordinator.name
    seconds: dict[str, dict[str, float]] = {party.name: {} for party in terms.parties}
    for (who, step), value in evidence.outcome.meter.seconds.items():
        steps, words = seconds[names[who]], _STEPS.get(step, "other")
        steps[words] = steps.get(words, 0.0) + value
    return seconds
