"""The figures of a report: one JSON value whose fields docs/spec/report.md describes."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from cotrain import __version__
from cotrain.audit.auditor import AuditReport, epsilon_spent
from cotrain.flow import Meter
from cotrain.report.evaluation import (
    Rows,
    Split,
    alone_variance,
    released,
    score,
    train_openly,
)
from cotrain.report.experiment import Experiment
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RunState
from cotrain.training.gradient import Weights

FORMAT = "cotrain/report/1"
DRAWS = 5

_STEPS = {
    "offer": "other",
    "signing": "sign",
    "registering": "commit to the data",
    "submitting": "train, noise, commit, encrypt, share",
    "checking": "check key shares",
    "releasing": "release key shares",
    "between": "other",
    "finished": "other",
    "verify": "verify the ledger",
    "coordinate": "coordinate and open sums",
}


def build_report(
    experiment: Experiment,
    state: RunState,
    meter: Meter,
    audit: AuditReport,
    *,
    seed: bytes,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the report of a finished experiment.

    Args:
        experiment: What was run.
        state: Its final state.
        meter: Times and sizes.
        audit: The audit of its ledger.
        seed: 32 bytes for the noise of the comparison runs.
        notes: What a reader should know about these data.
    """
    return {
        "format": FORMAT,
        "title": state.terms.title,
        "run": state.terms.digest,
        "version": __version__,
        "data": _data(experiment),
        "privacy": _privacy(state),
        "quality": _quality(experiment, state, seed),
        "assurance": _assurance(audit),
        "cost": _cost(experiment, state, meter),
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "python": platform.python_version(),
        },
        "notes": list(notes),
    }


def main_metric(kind: str) -> str:
    """Return the metric by which models of a kind are compared."""
    return {"logistic": "auc", "softmax": "accuracy", "linear": "r2"}[kind]


def _data(experiment: Experiment) -> dict[str, Any]:
    schema = experiment.agreement.data_schema
    return {
        "schema": schema.name,
        "schema_hash": schema.digest().hex(),
        "bounds_read_off_the_data": schema.derived_from_data,
        "columns": list(schema.encoded_names),
        "owners": [
            {"name": name, "rows": len(split.train), "test_rows": len(split.test)}
            for name, split in experiment.splits.items()
        ],
    }


def _privacy(state: RunState) -> dict[str, Any]:
    terms, noise = state.terms, state.derived.noise
    return {
        "noise": terms.privacy.noise,
        "epsilon": terms.privacy.epsilon,
        "delta": terms.privacy.delta,
        "adjacency": terms.privacy.adjacency,
        "rounds": terms.rounds,
        "colluders_tolerated": terms.quorum.colluders,
        "survivors_needed": terms.quorum.survivors,
        "noise_sd_of_the_sum": None
        if noise is None
        else float(np.sqrt(noise.local_variance * len(terms.owners))),
        "spent": {party.name: epsilon_spent(state, party.did) for party in terms.owners},
    }


@dataclass(frozen=True)
class _Comparison:
    """What all comparison runs share."""

    plan: RunPlan
    pooled: Rows
    seed: bytes

    @property
    def metric(self) -> str:
        return main_metric(self.plan.algorithm.kind)

    def judge(self, weights: Weights, rows: Rows | None = None) -> float | None:
        """Return the quality of a model on the pooled test rows, or on `rows`."""
        found = score(self.plan.algorithm, weights, self.pooled if rows is None else rows)
        return found.get(self.metric)

    def train(self, parts: Sequence[Rows]) -> list[Weights]:
        """Return the weights after each round of training without noise."""
        return train_openly(self.plan.algorithm, parts, self.plan.agreement.rounds)

    def repeat(self, parts: Sequence[Rows], variance: int | None, label: str) -> float | None:
        """Return the mean quality over several draws of the noise (one run without noise)."""
        algorithm, rounds = self.plan.algorithm, self.plan.agreement.rounds
        results = []
        for draw in range(1 if variance is None else DRAWS):
            seed = _mix(self.seed, f"{label}/{draw}")
            history = train_openly(algorithm, parts, rounds, variance=variance, seed=seed)
            results.append(self.judge(released(algorithm, history)))
        return _mean(results)


def _quality(experiment: Experiment, state: RunState, seed: bytes) -> dict[str, Any]:
    plan = state.derived
    pooled = np.concatenate([split.test for split in experiment.splits.values()])
    parts = [split.train for split in experiment.splits.values()]
    comparison = _Comparison(plan, pooled, seed)
    plain = comparison.train(parts)
    together = released(plan.algorithm, state.weights[1:])
    local = plan.noise.local_variance if plan.noise else None
    owners = [
        _owner(comparison, name, split, together) for name, split in experiment.splits.items()
    ]
    return {
        "metric": comparison.metric,
        "test_rows": len(pooled),
        "pooled": {
            "together": comparison.judge(together),
            "together_repeated_mean": comparison.repeat(parts, local, "together"),
            "together_without_privacy": comparison.judge(released(plan.algorithm, plain)),
            "alone_mean": _mean([owner["alone"] for owner in owners]),
            "alone_without_privacy_mean": _mean(
                [owner["alone_without_privacy"] for owner in owners]
            ),
        },
        "owners": owners,
        "rounds": [
            {
                "round": number,
                "together": comparison.judge(weights),
                "together_without_privacy": comparison.judge(plain[number - 1]),
            }
            for number, weights in enumerate(state.weights)
            if number > 0
        ],
        "draws_of_comparison_noise": DRAWS,
    }


def _owner(comparison: _Comparison, name: str, split: Split, together: Weights) -> dict[str, Any]:
    plan = comparison.plan
    plain = released(plan.algorithm, comparison.train([split.train]))
    return {
        "name": name,
        "alone": comparison.repeat([split.train], alone_variance(plan), f"alone/{name}"),
        "alone_without_privacy": comparison.judge(plain),
        "together": comparison.judge(together),
        "together_on_own_test_rows": comparison.judge(together, split.test),
        "alone_without_privacy_on_own_test_rows": comparison.judge(plain, split.test),
    }


def _assurance(audit: AuditReport) -> dict[str, Any]:
    return {
        "level": audit.agreement.assurance,
        "proven": [],
        "bounded": [],
        "attested": [],
        "checked": audit.checked,
        "recorded": list(audit.not_checked),
        "cosigned_by": [audit.agreement.party(did).name for did in audit.cosigners],
        "ledger_entries": audit.entries,
    }


def _cost(experiment: Experiment, state: RunState, meter: Meter) -> dict[str, Any]:
    names = {member.identity.did: member.identity.name for member in experiment.members}
    names["coordinator"] = "coordination"
    rounds = max(1, len(state.opened))
    seconds: dict[str, dict[str, float]] = {}
    for (party, step), value in meter.seconds.items():
        by_step = seconds.setdefault(names[party], {})
        by_step[_STEPS[step]] = by_step.get(_STEPS[step], 0.0) + value
    sent: dict[str, dict[str, int]] = {}
    for (party, kind), size in meter.bytes_sent.items():
        sent.setdefault(names[party], {})[kind] = size
    return {
        "rounds": len(state.opened),
        "seconds": seconds,
        "seconds_per_round": {
            name: sum(steps.values()) / rounds for name, steps in seconds.items()
        },
        "bytes_sent": sent,
        "bytes_per_round": {name: sum(kinds.values()) / rounds for name, kinds in sent.items()},
    }


def _mix(seed: bytes, label: str) -> bytes:
    stream = np.random.SeedSequence([int.from_bytes(seed, "big"), *label.encode()])
    return stream.generate_state(8).astype("<u4").tobytes()


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
