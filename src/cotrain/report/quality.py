"""The comparison in a report: what the owners reach together, and what each would reach alone.

Computed outside the protocol, by whoever holds all test rows (`cotrain.report.evaluation`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from cotrain.report.evaluation import Rows, Split, alone_variance, released, score, train_openly
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RunState
from cotrain.training.gradient import Weights

DRAWS = 5

Scores = dict[str, float | None]
Step = Callable[[], None]

_METRICS = {
    "logistic": ("auc", "accuracy"),
    "softmax": ("accuracy",),
    "linear": ("r2", "rmse"),
}


def metrics_of(kind: str) -> tuple[str, ...]:
    """Return the metrics of a kind of model; by the first one models are compared."""
    return _METRICS[kind]


@dataclass(frozen=True)
class Repeated:
    """A training repeated with fresh noise, scored on some rows.

    Attributes:
        draws: The scores of each draw.
    """

    draws: Sequence[Scores]

    def mean(self) -> Scores:
        """Return the mean of each metric over the draws in which it is defined."""
        return mean_scores(self.draws)

    def spread(self, metric: str) -> list[float] | None:
        """Return the least and the largest value of a metric; None when there is one draw only."""
        values = [known for draw in self.draws if (known := draw[metric]) is not None]
        return [min(values), max(values)] if len(values) > 1 else None


@dataclass(frozen=True)
class Comparison:
    """What all comparison runs share.

    Attributes:
        plan: What follows from the agreement.
        pooled: The test rows of all owners.
        seed: 32 bytes for the noise.
    """

    plan: RunPlan
    pooled: Rows
    seed: bytes

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, the main one first."""
        return metrics_of(self.plan.algorithm.kind)

    def judge(self, weights: Weights, rows: Rows | None = None) -> Scores:
        """Return the quality of a model on the pooled test rows, or on `rows`."""
        tested = self.pooled if rows is None else rows
        found = score(self.plan.algorithm, weights, tested) if len(tested) else {}
        return {metric: found.get(metric) for metric in self.metrics}

    def train(
        self, parts: Sequence[Rows], variance: int | None = None, label: str = ""
    ) -> list[Weights]:
        """Return the weights after each round of training in the clear; with noise if `variance` is given."""
        rounds = self.plan.agreement.rounds
        seed = mix(self.seed, label)
        return train_openly(self.plan.algorithm, parts, rounds, variance=variance, seed=seed)

    def repeat(self, parts: Sequence[Rows], variance: int | None, label: str) -> list[Weights]:
        """Return the released weights of several draws of the noise (of one run without noise)."""
        draws = 1 if variance is None else DRAWS
        return [
            released(self.plan.algorithm, self.train(parts, variance, f"{label}/{draw}"))
            for draw in range(draws)
        ]


def compare(
    splits: dict[str, Split], state: RunState, seed: bytes, *, step: Step = lambda: None
) -> dict[str, Any]:
    """Return the ``quality`` section of a report (docs/spec/report.md).

    Args:
        splits: Each owner's training and test rows, by name.
        state: The final state of the run.
        seed: 32 bytes for the noise of the comparison runs.
        step: Called after each of the ``len(splits) + 2`` parts of the work.
    """
    plan = state.derived
    pooled = np.concatenate([split.test for split in splits.values()])
    parts = [split.train for split in splits.values()]
    comparison = Comparison(plan, pooled, seed)
    plain = comparison.train(parts)
    step()
    together = released(plan.algorithm, state.weights[1:])
    again = _together_again(comparison, parts)
    step()
    owners = []
    for name, split in splits.items():
        owners.append(_owner(comparison, name, split, together))
        step()
    metric = comparison.metrics[0]
    return {
        "metric": metric,
        "metrics": list(comparison.metrics),
        "test_rows": len(pooled),
        "draws_of_comparison_noise": 1 if plan.noise is None else DRAWS,
        "pooled": {
            "together": comparison.judge(together),
            "together_repeated_mean": again.mean(),
            "together_repeated_range": again.spread(metric),
            "together_without_privacy": comparison.judge(released(plan.algorithm, plain)),
            "alone_mean": mean_scores([owner["alone"] for owner in owners]),
            "alone_without_privacy_mean": mean_scores(
                [owner["alone_without_privacy"] for owner in owners]
            ),
        },
        "owners": owners,
        "rounds": _rounds(comparison, state.weights[1:], plain),
    }


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """Return the mean of each metric over the scores in which it is defined, None where it never is."""
    listed = list(scores)
    means: Scores = {}
    for metric in listed[0]:
        known = [value for found in listed if (value := found[metric]) is not None]
        means[metric] = fmean(known) if known else None
    return means


def mix(seed: bytes, label: str) -> bytes:
    """Return 32 bytes for one use of a seed."""
    stream = np.random.SeedSequence([int.from_bytes(seed, "big"), *label.encode()])
    return stream.generate_state(8).astype("<u4").tobytes()


def _together_again(comparison: Comparison, parts: Sequence[Rows]) -> Repeated:
    noise = comparison.plan.noise
    models = comparison.repeat(parts, noise.local_variance if noise else None, "together")
    return Repeated([comparison.judge(weights) for weights in models])


def _owner(comparison: Comparison, name: str, split: Split, together: Weights) -> dict[str, Any]:
    plan = comparison.plan
    plain = released(plan.algorithm, comparison.train([split.train]))
    models = comparison.repeat([split.train], alone_variance(plan), f"alone/{name}")
    alone = Repeated([comparison.judge(weights) for weights in models])
    at_home = Repeated([comparison.judge(weights, split.test) for weights in models])
    return {
        "name": name,
        "alone": alone.mean(),
        "alone_range": alone.spread(comparison.metrics[0]),
        "alone_without_privacy": comparison.judge(plain),
        "together": comparison.judge(together),
        "own_test_rows": {
            "alone": at_home.mean(),
            "alone_without_privacy": comparison.judge(plain, split.test),
            "together": comparison.judge(together, split.test),
        },
    }


def _rounds(
    comparison: Comparison, together: Sequence[Weights], plain: Sequence[Weights]
) -> list[dict[str, Any]]:
    return [
        {
            "round": number,
            "together": comparison.judge(weights),
            "together_without_privacy": comparison.judge(plain[number - 1]),
        }
        for number, weights in enumerate(together, 1)
    ]
