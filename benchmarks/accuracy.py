"""Measure how good the models are, alone and together, over several seeds: results to `results/accuracy.json`.

Usage: python -m benchmarks.accuracy [--seeds N] [--only SET ...] [--without-protocol] [--out FILE]

Sets: heart (packaged), digits (scikit-learn), lending (needs COTRAIN_DATA_DIR, else left out). Each seed makes another
split: 70 % of each owner's rows train, the others of all owners together test. Training uses the integers, the
rounding and the noise of the protocol without its cryptography (`cotrain.report.evaluation.train_openly`). The
protocol itself runs on heart, with noise and without; without noise its weights must be the same, bit for bit, as those
trained openly, and with noise those that an auditor recomputes from the ledger alone.
"""

import argparse
import hashlib
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import RESULTS, describe
from benchmarks.meter import Goal
from benchmarks.sets import SETS, Setting, Task, draft_plan, heart_table, heart_wishes, load_task
from cotrain.audit.auditor import audit
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.report.evaluation import (
    Split,
    alone_variance,
    released,
    score,
    train_openly,
)
from cotrain.report.experiment import Experiment, perform, prepare
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RunState
from cotrain.testing.determinism import ManualClock, SeededEntropy

FORMAT = "cotrain/benchmarks-accuracy/1"
RESULT = RESULTS / "accuracy.json"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    document: dict[str, Any] = {"format": FORMAT, "machine": describe(), "sets": [], "protocol": []}
    for name in options.only or list(SETS):
        task = load_task(name)
        if task is None:
            print(f"{name}: left out, COTRAIN_DATA_DIR does not name a folder that holds its table")
            continue
        measured = measure(task, range(options.seeds))
        document["sets"].append(measured)
        _show(measured)
    if not options.without_protocol:
        for epsilon in (None, "1"):
            document["protocol"].append(_protocol_on_heart(epsilon))
            print(document["protocol"][-1]["detail"])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def measure(task: Task, seeds: Sequence[int]) -> dict[str, Any]:
    """Train one set in all its settings, with all seeds."""
    splits = [task.split(seed) for seed in seeds]
    figures, by_name = [], {}
    for setting in task.settings:
        plan = draft_plan(task, setting)
        results = [
            _train(task, setting, plan, split, seed)
            for seed, split in zip(seeds, splits, strict=True)
        ]
        by_name[setting.name] = [result[0] for result in results]
        figures.append(_figure(task, setting, plan, results))
    for better, worse, goal in task.gains:
        figures.append(_gain(by_name, better, worse, goal))
    return {
        "set": task.name,
        "metric": task.metric,
        "owners": len(splits[0]),
        "seeds": len(seeds),
        "train_rows": sum(len(split.train) for split in splits[0]),
        "test_rows": sum(len(split.test) for split in splits[0]),
        "detail": task.detail,
        "figures": figures,
    }


def _train(
    task: Task, setting: Setting, plan: RunPlan, splits: Sequence[Split], seed: int
) -> tuple[float, float]:
    """Return the metric on the pooled test rows: the mean over the owners who train alone, and the worst."""
    test = np.concatenate([split.test for split in splits])
    if setting.alone:
        groups = [[split.train] for split in splits]
        variance = alone_variance(plan)
    else:
        groups = [[split.train for split in splits]]
        variance = None if plan.noise is None else plan.noise.local_variance
    scores = []
    for number, parts in enumerate(groups):
        coins = hashlib.sha256(f"{task.name}/{setting.name}/{seed}/{number}".encode()).digest()
        history = train_openly(plan.algorithm, parts, setting.rounds, variance=variance, seed=coins)
        scores.append(score(plan.algorithm, released(plan.algorithm, history), test)[task.metric])
    return statistics.fmean(scores), min(scores)


def _figure(
    task: Task, setting: Setting, plan: RunPlan, results: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    figure = _summary(setting.name, [mean for mean, _ in results], setting.goal)
    figure |= {
        "rounds": setting.rounds,
        "learning_rate": str(setting.learning_rate),
        "epsilon": setting.epsilon,
    }
    if setting.alone:
        figure["worst_owner_mean"] = statistics.fmean(worst for _, worst in results)
    if plan.noise is not None:
        alone = alone_variance(plan)
        figure["noise_variance_of_the_sum"] = (
            alone if setting.alone else plan.noise.local_variance * task.owners
        )
    return figure


def _gain(
    by_name: dict[str, list[float]], better: str, worse: str, goal: Goal | None
) -> dict[str, Any]:
    gains = [a - b for a, b in zip(by_name[better], by_name[worse], strict=True)]
    return _summary(f"gain: {better}, over {worse}", gains, goal)


def _summary(name: str, values: Sequence[float], goal: Goal | None) -> dict[str, Any]:
    mean = statistics.fmean(values)
    figure: dict[str, Any] = {
        "name": name,
        "mean": mean,
        "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
        "values": list(values),
    }
    if goal is not None:
        figure |= {"goal": goal.document(), "met": goal.met(mean)}
    return figure


def _protocol_on_heart(epsilon: str | None) -> dict[str, Any]:
    """Run the protocol, audit its ledger, and compare weights.

    Raises:
        ValueError: The weights are not those that follow from the ledger, or, without noise, not those of open
            training.
    """
    with tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder, heart_table() as table:
        layout = RunLayout(Path(folder))
        clock, wishes = ManualClock(), heart_wishes(epsilon)
        experiment = prepare(layout, table, wishes, entropy=SeededEntropy, clock=clock, seed=0)
        state = perform(
            experiment, entropy=SeededEntropy, clock=clock, progress=lambda _: None
        ).state
        with Ledger.open(layout.ledger, read_only=True) as ledger:
            report = audit(ledger)
        _demand(_same_run(report.state, state), "the audit computes other weights from the ledger")
        if epsilon is None:
            _demand(_same_as_open(experiment, state), "open training gives other weights")
    test = np.concatenate([split.test for split in experiment.splits.values()])
    algorithm = state.derived.algorithm
    auc = score(algorithm, released(algorithm, state.weights[1:]), test)["auc"]
    noise = "without noise" if epsilon is None else f"at epsilon {epsilon}"
    also = " and of open training, bit for bit" if epsilon is None else ""
    return {
        "set": "heart",
        "epsilon": epsilon,
        "rounds": state.terms.rounds,
        "auc": auc,
        "ledger_entries": report.entries,
        "detail": f"heart, the protocol itself {noise}, split 0: AUC {auc:.3f}; its weights are those of the "
        f"audit of its ledger{also}",
    }


def _same_run(audited: RunState, state: RunState) -> bool:
    pairs = zip(audited.weights, state.weights, strict=True)
    same = all(np.array_equal(mine, theirs) for mine, theirs in pairs)
    return same and audited.released_model == state.released_model is not None


def _same_as_open(experiment: Experiment, state: RunState) -> bool:
    parts = [split.train for split in experiment.splits.values()]
    history = train_openly(state.derived.algorithm, parts, state.terms.rounds)
    return all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(history, state.weights[1:], strict=True)
    )


def _demand(holds: bool, failure: str) -> None:
    if not holds:
        raise ValueError(failure)


def _show(measured: dict[str, Any]) -> None:
    print(f"\n{measured['set']}: {measured['detail']}")
    head = f"{measured['metric']} of {measured['seeds']} seeds"
    print(f"{head:60} {'mean':>7} {'sd':>7}  {'rounds':>6} {'rate':>5}  goal")
    for figure in measured["figures"]:
        goal = figure.get("goal")
        mark = (
            ""
            if goal is None
            else f"{goal['bound']} {goal['value']} {'ok' if figure['met'] else 'MISSED'}"
        )
        print(
            f"{figure['name']:60} {figure['mean']:7.4f} {figure['sd']:7.4f}  "
            f"{figure.get('rounds', ''):>6} {figure.get('learning_rate', ''):>5}  {mark}",
            flush=True,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument(
        "--without-protocol", action="store_true", help="leave out the two runs of the protocol"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser


if __name__ == "__main__":
    main()
