"""Measure what the protocol costs: each case in a fresh process, results to `results/core.json`.

Usage: python -m benchmarks.core [--only NAME ...] [--tiny] [--out FILE]

Each case runs in its own process, so that its memory is its own, once for each number of cores that makes
sense (RAYON_NUM_THREADS and its like). `--tiny` tries the code at sizes whose figures mean nothing.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, ROOT, describe
from benchmarks.meter import Bench

FORMAT = "cotrain/benchmarks-core/1"
RESULT = RESULTS / "core.json"
THREADS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Case: (module, function, numbers of cores). Only the child imports the module, so its memory is that of one case.
CASES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "dataset-commitment": ("commitment", "dataset", (1, 2)),
    "update-commitment": ("commitment", "update", (1, 2)),
    "encryption-4": ("encryption", "encryption_of_4", (1, 2)),
    "encryption-10": ("encryption", "encryption_of_10", (1,)),
    "key-deal": ("encryption", "key_deal", (1,)),
    "share-check": ("encryption", "share_check", (1,)),
    "skellam": ("noise", "skellam", (1,)),
    "ledger": ("log", "ledger", (1,)),
    "gradient-128": ("training", "gradient_128", (1, 2)),
    "gradient-1024": ("training", "gradient_1024", (1, 2)),
    "encoding": ("training", "encoding", (1,)),
    "round-4": ("rounds", "round_of_4", (1, 2)),
    "round-10": ("rounds", "round_of_10", (1,)),
    "round-100": ("rounds", "round_of_100", (1,)),
    "round-1000": ("rounds", "round_of_1000", (1,)),
    "peer-ckks": ("peers", "ckks", (1,)),
    "peer-paillier": ("peers", "paillier", (1,)),
    "peer-merkle": ("peers", "merkle", (1,)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.child is not None:
        print(json.dumps(_measure(options.child, options.cores, tiny=options.tiny)))
        return
    names = options.only or list(CASES)
    document = {"format": FORMAT, "tiny": options.tiny, "machine": describe(), "figures": []}
    print(
        f"{'figure':58} {'cores':>5} {'value':>12} {'by CPU':>10} {'unit':16} {'goal':>17} {'MB':>5}"
    )
    for name in names:
        for cores in CASES[name][2][: 1 if options.tiny else None]:
            figures = run_child("benchmarks.core", name, cores, tiny=options.tiny)
            document["figures"] += figures
            for figure in figures:
                print(_line(figure), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--tiny", action="store_true", help="try the code, measure nothing")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, default=1, help=argparse.SUPPRESS)
    return parser


def run_child(module: str, name: str, cores: int, *, tiny: bool) -> list[dict[str, Any]]:
    """Run one case of `module` in a process of its own, and return its figures."""
    command = [sys.executable, "-m", module, "--child", name, "--cores", str(cores)]
    environment = os.environ | dict.fromkeys(THREADS, str(cores))
    done = subprocess.run(
        command + ["--tiny"] * tiny,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(name: str, cores: int, *, tiny: bool) -> list[dict[str, Any]]:
    module, function, _ = CASES[name]
    case: Callable[[Bench], None] = getattr(import_module(f"benchmarks.{module}"), function)
    bench = Bench(tiny=tiny, cores=cores)
    case(bench)
    return [figure | {"case": name, "peer": name.startswith("peer-")} for figure in bench.figures]


def _line(figure: dict[str, Any]) -> str:
    goal, memory = figure.get("goal"), figure["peak_memory_mb"]
    wanted = "" if goal is None else f"{goal['bound'].split()[1]} {goal['value']:g}"
    mark = "" if goal is None else (" ok" if figure["met"] else " MISSED")
    held = "" if memory is None else f"{memory:,.0f}"
    cpu = "" if "cpu_value" not in figure else f"{figure['cpu_value']:,.4g}"
    value = "not measured" if figure["value"] is None else f"{figure['value']:,.4g}"
    return (
        f"{figure['name']:58} {figure['cores']:>5} {value:>12} {cpu:>10} {figure['unit']:16} "
        f"{wanted:>10}{mark:7} {held:>5}"
    )


if __name__ == "__main__":
    main()
