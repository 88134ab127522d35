"""Fit the prices of `cotrain.proofs.costs` to measured proofs, and tell how far its predictions are off.

Usage: python -m benchmarks.calibrate_proofs [--tiny] [--workers] [--only WORD]

Each shape is proven in a process of its own, after a small proof that makes the tables of generators; CPU time of
all threads (others on the machine disturb it less than the clock), the better of two runs; memory is the most that
was resident in the first run, less what was before. The unit is measured in the same process. Prices are fitted by
least squares of relative errors, none below zero. `--workers` compares workers by the clock instead, in turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.machine import ROOT, describe
from benchmarks.meter import _reset_peak, _resident
from cotrain._native import noise as native_noise
from cotrain.agreement.schema import Schema, parse_schema
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.dataset.registration import POINT_BYTES, DatasetLayout, commit_dataset
from cotrain.privacy.skellam import build_table
from cotrain.proofs import costs
from cotrain.proofs.registration import RowWitness, prove_registration
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.segment_gradients import (
    GradientClaim,
    gradient_points,
    prove_gradients,
)
from cotrain.proofs.submission import update_statement
from cotrain.proofs.workers import InTurn, Processes, Threads, Workers
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import round_gradient

SEED = bytes(range(32))
UNITS = 1 << 16
MAX_ROWS = 1 << 20
SMALL = 4e6  # bytes that a heap has left over: less than this is not measured
Case = tuple[costs.SegmentCost, Callable[[], object]]

# Kind, then rows, features, classes of a gradient; rows, features, words of a dataset; entries, variance of an update.
SHAPES: dict[str, tuple[Any, ...]] = {
    "logistic 8192 x 32": ("logistic", 8192, 32, 1),
    "logistic 8192 x 127": ("logistic", 8192, 127, 1),
    "logistic 8192 x 1023": ("logistic", 8192, 1023, 1),
    "logistic 8192 x 2048": ("logistic", 8192, 2048, 1),
    "logistic 300 x 15": ("logistic", 300, 15, 1),
    "logistic 64 x 20000": ("logistic", 64, 20000, 1),
    "linear 8192 x 127": ("linear", 8192, 127, 1),
    "linear 2000 x 15": ("linear", 2000, 15, 1),
    "softmax 8192 x 127 x 10": ("softmax", 8192, 127, 10),
    "softmax 1000 x 60 x 3": ("softmax", 1000, 60, 3),
    "softmax 1024 x 784 x 100": ("softmax", 1024, 784, 100),
    "dataset 8192 x 127 numbers": ("dataset", 8192, 127, "numeric"),
    "dataset 8192 x 127 flags": ("dataset", 8192, 127, "flag"),
    "dataset 300 x 15 numbers": ("dataset", 300, 15, "numeric"),
    "dataset 2048 x 500 categories": ("dataset", 2048, 500, "category"),
    "update 128, no noise": ("update", 128, None),
    "update 1000, variance 1e6": ("update", 1000, 10**6),
    "update 10000, variance 1e4": ("update", 10000, 10**4),
    "update 100000, variance 1e8": ("update", 100000, 10**8),
}
TINY = ("logistic 300 x 15", "update 128, no noise")


def main() -> None:
    options = _parser().parse_args()
    if options.child is not None:
        print(json.dumps(_measure(options.child)))
        return
    if options.workers:
        _compare_workers(8192 if options.tiny else 65536)
        return
    names = TINY if options.tiny else tuple(name for name in SHAPES if options.only in name)
    measured = {name: _run_child(name) for name in names}
    print(json.dumps(describe()))
    units = [figure["unit"] for figure in measured.values()]
    print(f"UNIT_SECONDS = {statistics.median(units):.3g}")
    _fit_time(measured)
    _fit_memory(measured)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibrate_proofs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--tiny", action="store_true", help="try the code, measure nothing")
    parser.add_argument("--workers", action="store_true", help="compare workers")
    parser.add_argument("--only", default="", help="shapes whose name has this word")
    parser.add_argument("--child", choices=SHAPES, help=argparse.SUPPRESS)
    return parser


def _run_child(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.calibrate_proofs", "--child", name]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    cost, _ = _cheap_case(name)
    ratio = cost.units / figures["units"]
    memory = cost.memory / max(1, figures["memory"])
    print(
        f"{name:32} {figures['seconds']:7.2f} s of CPU, predicted {ratio:5.2f} times that; "
        f"{figures['memory'] / 1e6:7.1f} MB, predicted {memory:5.2f} times that",
        flush=True,
    )
    return figures


def _measure(name: str) -> dict[str, float]:
    _, small = _case(("logistic", 64, 3, 1))
    small()
    _, prove = _case(SHAPES[name])
    before = _resident("VmRSS")
    _reset_peak()
    times = [_cpu(prove)]
    memory = _resident("VmHWM") - before
    times.append(_cpu(prove))
    unit = measure_unit_cpu()
    seconds = min(times)
    return {"seconds": seconds, "unit": unit, "units": seconds / unit, "memory": memory}


def measure_unit_cpu() -> float:
    """Return seconds of CPU for one unit: the best of five."""
    numbers = np.random.default_rng(0).integers(-(1 << 62), 1 << 62, UNITS, dtype=np.int64)
    blindings = derive_blindings(SEED, b"unit", UNITS // 1024)
    return min(_cpu(lambda: commit(numbers, 1024, blindings)) for _ in range(5)) / UNITS


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _cheap_case(name: str) -> Case:
    return _case(SHAPES[name], cheap=True)


def _case(shape: tuple[Any, ...], *, cheap: bool = False) -> Case:
    kind, *numbers = shape
    if kind == "dataset":
        return _dataset(*numbers, cheap=cheap)
    if kind == "update":
        return _update(*numbers, cheap=cheap)
    return _gradient(kind, *numbers, cheap=cheap)


def _gradient(kind: Any, count: int, features: int, classes: int, *, cheap: bool) -> Case:
    algorithm = Algorithm(kind=kind, features=features, classes=classes)
    layout = DatasetLayout(count, features + 1)
    cost = costs.gradient_segment_cost(algorithm, layout)
    if cheap:
        return cost, lambda: None
    rows, weights = table_of(algorithm, count)
    # The prover does not look at the points, it only hashes them.
    witness = RowWitness(rows, bytes(POINT_BYTES * layout.points), SEED)
    claim = GradientClaim(algorithm, layout, weights, b"")
    return cost, lambda: list(prove_gradients(claim, witness, SEED, InTurn()))


def table_of(algorithm: Algorithm, count: int) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return rows and weights with margins of common size."""
    generator = np.random.default_rng(0)
    largest = max(1, int(algorithm.row_bound / algorithm.features**0.5))
    rows = generator.integers(-largest, largest + 1, (count, algorithm.columns), dtype=np.int16)
    labels = max(2, algorithm.classes)
    rows[:, -1] = generator.integers(0, labels, count)
    weights = generator.integers(-8192, 8193, algorithm.dimension, dtype=np.int32)
    return rows, weights


def _dataset(count: int, features: int, word: str, *, cheap: bool) -> Case:
    schema = _schema(features, word)
    cost = costs.dataset_segment_cost(RowTerms.of_schema(schema), count)
    if cheap:
        return cost, lambda: None
    rows = np.zeros((count, features + 1), dtype=np.int16)
    if word == "numeric":
        rows[:] = table_of(Algorithm(kind="logistic", features=features), count)[0] // 2
    rows[:, -2] = 16
    rows[:, -1] = 0
    points = bytes(POINT_BYTES * DatasetLayout(count, features + 1).points)
    return cost, lambda: prove_registration(schema, rows, points, SEED, b"", SEED, InTurn())


def _schema(features: int, word: str) -> Schema:
    number = {"kind": "numeric", "unit": "1", "min": "0", "max": "1", "low": "0", "high": "1"}
    letters = {"kind": "category", "categories": ["a", "b", "c", "d"]}
    column = {"numeric": number, "category": letters, "flag": {"kind": "flag"}}[word]
    width = 4 if word == "category" else 1
    count, rest = divmod(features - 1, width)
    columns = [{"name": f"c{n}"} | column for n in range(count)]
    columns += [{"name": f"n{n}"} | number for n in range(rest)]
    document = {
        "format": "cotrain/schema/1",
        "name": "calibration",
        "columns": columns,
        "target": {"kind": "binary", "name": "y"},
        "max_rows": MAX_ROWS,
    }
    return parse_schema(json.dumps(document))


def _update(entries: int, variance: int | None, *, cheap: bool) -> Case:
    algorithm = Algorithm(kind="logistic", features=entries).with_default_shift()
    cost = costs.update_cost(algorithm, MAX_ROWS, variance)
    if cheap:
        return cost, lambda: None
    total = np.random.default_rng(0).integers(-(1 << 40), 1 << 40, entries, dtype=np.int64)
    update, words = round_gradient(algorithm, total), np.zeros(0, np.uint64)
    if variance is not None:
        words = native_noise.words(SEED, entries)
        drawn = words + native_noise.words(SEED, entries)
        update = update + native_noise.apply(build_table(variance).thresholds, drawn)
    coins = None if variance is None else SEED
    statement = update_statement(algorithm, MAX_ROWS, variance, coins, b"")
    count = gradient_points(algorithm)
    blindings = derive_blindings(SEED, b"update", count)
    noise_secrets = blindings if variance is not None else b""
    points = bytes(POINT_BYTES * count)
    return cost, lambda: statement.prove(
        (points, points, points if variance is not None else b""),
        total,
        update,
        words,
        (blindings, blindings, noise_secrets),
        SEED,
    )


def _fit_time(measured: dict[str, dict[str, float]]) -> None:
    names = ("full", "small", "field", "table", "entries")
    counts = [_cheap_case(name)[0].counts for name in measured]
    wanted = [figure["units"] for figure in measured.values()]
    lines = [
        [getattr(count, name) / want for name in names]
        for count, want in zip(counts, wanted, strict=True)
    ]
    prices, _ = nnls(np.array(lines), np.ones(len(wanted)))
    print("PRICES:", ", ".join(f"{n}={p:.3g}" for n, p in zip(names, prices, strict=True)))
    _show_ratios("time", np.array(lines) @ prices)


def _fit_memory(measured: dict[str, dict[str, float]]) -> None:
    names = ("PLACE_BYTES", "ENTRY_BYTES", "TABLE_BYTES", "WIDTH_BYTES")
    large = {name: figure for name, figure in measured.items() if figure["memory"] > SMALL}
    found = [_cheap_case(name)[0] for name in large]
    wanted = [figure["memory"] for figure in large.values()]
    lines = [
        [n / want for n in (cost.cells, cost.numbers, cost.counts.table, cost.width)]
        for cost, want in zip(found, wanted, strict=True)
    ]
    if lines:
        sizes, _ = nnls(np.array(lines), np.ones(len(wanted)))
        print("memory:", ", ".join(f"{n}={p:.3g}" for n, p in zip(names, sizes, strict=True)))
        _show_ratios("memory", np.array(lines) @ sizes)


def _show_ratios(what: str, ratios: NDArray[np.float64]) -> None:
    print(f"{what}, predicted by measured: {ratios.min():.2f} to {ratios.max():.2f}")


def _compare_workers(rows: int) -> None:
    algorithm = Algorithm(kind="logistic", features=127)
    table, weights = table_of(algorithm, rows)
    committed = commit_dataset(table, "00" * 32, SEED)
    claim = GradientClaim(algorithm, committed.layout, weights, b"")
    witness = RowWitness(table, committed.commitments, SEED)
    kinds: list[Workers] = [InTurn(), Threads(2), Threads(4), Processes(2)]
    times: dict[str, list[float]] = {repr(kind): [] for kind in kinds}
    proofs = set()
    for _ in range(1 if rows < 65536 else 5):
        for kind in kinds:
            start = time.perf_counter()
            proven = list(prove_gradients(claim, witness, SEED, kind))
            times[repr(kind)].append(time.perf_counter() - start)
            proofs.add(b"".join(part.points + part.proof for part in proven))
    for name, seconds in times.items():
        print(f"{name:24} median {statistics.median(seconds):6.2f} s, best {min(seconds):6.2f} s")
    print("all gave the same bytes" if len(proofs) == 1 else "THE BYTES DIFFER")


if __name__ == "__main__":
    main()
