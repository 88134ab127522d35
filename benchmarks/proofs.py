"""What proofs cost: statements S1, S2, S3, S8, S9, with the same gradient in numpy; results to `results/proofs.json`.

Usage: python -m benchmarks.proofs [--only NAME ...] [--large] [--peer] [--tiny] [--out FILE]

Rows are made up: directions at random, of norm just below the row bound; so many features, the bias one of them, and a
label. `--large` adds 262,144 rows of 1,024 columns, streamed from a file (an hour, most of it S1); `--peer` runs EZKL
in the same session, if it installs, and prints ratios. Each case runs in a fresh process, on one core and on two.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.core import run_child
from benchmarks.machine import RESULTS, describe
from benchmarks.meter import Bench, at_most

FORMAT = "cotrain/benchmarks-proofs/1"
RESULT = RESULTS / "proofs.json"
SEED, FRESH = bytes(range(32)), bytes(range(32, 64))
VARIANCE = 1500**2
SIZES = ((128, 16), (256, 32), (569, 30), (8192, 128), (65_536, 128))
LARGE = (262_144, 1_023)
WORDS = (31, 1_000, 10_000)
SCORES = ((60, 20), (60, 1_000), (60, 10_000), (60, 100_000))
REMOVALS = (32, 128)
# Bars of the project: seconds of proving and of verifying, bytes.
BARS: dict[str, tuple[float | None, float | None, int | None]] = {
    "s2-256x32": (0.1, None, None),
    "s2-569x30": (0.15, None, None),
    "s2-8192x128": (0.5, 0.05, 20_000),
    "s2-262144x1023": (60.0, None, None),
    "s3-10000": (1.0, None, None),
    "s8-60x1000": (0.5, 0.2, 50_000),
}


class RowFile:
    """Encoded rows in a file, read a slice at a time: what is not asked for is not in memory."""

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self.path, self.shape = path, shape

    def __getitem__(self, rows: slice) -> NDArray[np.int16]:
        start, stop, _ = rows.indices(self.shape[0])
        columns = self.shape[1]
        block = np.fromfile(
            self.path, np.int16, (stop - start) * columns, offset=2 * start * columns
        )
        return block.reshape(stop - start, columns)


def make_rows(count: int, features: int, seed: int = 1) -> NDArray[np.int16]:
    """Return rows of norm just below 4096, a bias of 500, labels 0 and 1."""
    random = np.random.default_rng(seed)
    others = random.normal(size=(count, features - 1)).astype(np.float32)
    others *= 4000 / np.linalg.norm(others, axis=1, keepdims=True)
    rows = np.empty((count, features + 1), dtype=np.int16)
    rows[:, :-2] = others
    rows[:, -2] = 500
    rows[:, -1] = random.integers(0, 2, count)
    return rows


def write_rows(folder: Path, count: int, features: int) -> RowFile:
    """Write rows to a file, block by block."""
    path = folder / "rows.i16"
    with path.open("wb") as file:
        for start in range(0, count, 8192):
            block = make_rows(min(8192, count - start), features, seed=start)
            file.write(block.tobytes())
    return RowFile(path, (count, features + 1))


def plain_gradient(rows: NDArray[np.int16], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same gradient as anybody would compute it: float64, no exactness."""
    features, labels = rows[:, :-1].astype(np.float64), rows[:, -1]
    margins = features @ weights / 2**24
    return features.T @ (1 / (1 + np.exp(-margins)) - labels)


def gradient(bench: Bench, rows: int, features: int) -> None:
    """S2 on rows in memory."""
    table = make_rows(bench.size(rows, 9), features)
    _gradient(bench, table, f"s2-{rows}x{features}", runs=5 if rows < 20_000 else 3)


def streamed(bench: Bench) -> None:
    """S2 on rows in a file."""
    with tempfile.TemporaryDirectory() as folder:
        count = bench.size(LARGE[0], 20)
        table = write_rows(Path(folder), count, LARGE[1])
        _gradient(bench, table, f"s2-{LARGE[0]}x{LARGE[1]}", runs=1)


def _gradient(bench: Bench, table: Any, name: str, runs: int) -> None:
    from cotrain._native import proofs as native
    from cotrain.dataset.registration import DatasetLayout, commit_dataset
    from cotrain.proofs.registration import RowWitness
    from cotrain.proofs.segment_gradients import GradientClaim, gradient_statements, prove_gradients
    from cotrain.proofs.workers import InTurn, Threads
    from cotrain.training.algorithm import Algorithm

    rows, columns = table.shape
    algorithm = Algorithm(kind="logistic", features=columns - 1)
    weights = np.random.default_rng(2).integers(-3000, 3000, columns - 1).astype(np.int32)
    committed = commit_dataset(table, "00" * 32, SEED)
    claim = GradientClaim(algorithm, DatasetLayout(rows, columns), weights, b"benchmark")
    witness = RowWitness(table, committed.commitments, SEED)
    workers = InTurn() if bench.cores == 1 else Threads(bench.cores)
    proofs: list[Any] = []

    def prove() -> None:
        proofs[:] = prove_gradients(claim, witness, FRESH, workers)

    def verify() -> None:
        statements = gradient_statements(algorithm, claim.layout, weights, claim.context)
        equations = [
            statement.reduce(segment.points_of(committed.commitments), done.points, done.proof)
            for (segment, statement), done in zip(statements, proofs, strict=True)
        ]
        native.check_all(equations)

    def plain() -> None:
        for start in range(0, rows, 8192):
            plain_gradient(table[start : start + 8192], weights.astype(np.float64))

    proving, size = bench.time(prove, runs), sum(len(p.points) + len(p.proof) for p in proofs)
    what = f"logistic gradient of {rows:,} rows of {columns - 1:,} features, {len(proofs)} proofs"
    _keep(bench, name, what, (proving, bench.time(verify, runs), size))
    numpy = bench.time(plain, runs)
    bench.per_item(f"{name} numpy", numpy, 1, "the same gradient in float64", unit="s")
    ratio = proving.cpu / max(numpy.cpu, 1e-9)
    bench.figure(f"{name} ratio", ratio, "x", "CPU time of the proof by that of numpy")


def dataset(bench: Bench, rows: int, features: int) -> None:
    """S1 on rows in memory."""
    table = make_rows(bench.size(rows, 9), features)
    _dataset(bench, table, f"s1-{rows}x{features}", runs=3 if rows < 5_000 else 1)


def dataset_streamed(bench: Bench) -> None:
    """S1 on rows in a file."""
    with tempfile.TemporaryDirectory() as folder:
        table = write_rows(Path(folder), bench.size(LARGE[0], 20), LARGE[1])
        _dataset(bench, table, f"s1-{LARGE[0]}x{LARGE[1]}", runs=1)


def _dataset(bench: Bench, table: Any, name: str, runs: int) -> None:
    from cotrain.dataset.registration import commit_dataset
    from cotrain.proofs.registration import RowWitness, prove_rows, verify_rows
    from cotrain.proofs.row_terms import RowTerms
    from cotrain.proofs.workers import InTurn, Threads
    from cotrain.training.algorithm import Algorithm

    rows, columns = table.shape
    terms = RowTerms.of_model(Algorithm(kind="logistic", features=columns - 1))
    committed: Any = None

    def commit() -> None:
        nonlocal committed
        committed = commit_dataset(table, "00" * 32, SEED)

    committing = bench.time(commit, runs)
    workers = InTurn() if bench.cores == 1 else Threads(bench.cores)
    proofs: list[bytes] = []

    def prove() -> None:
        witness = RowWitness(table, committed.commitments, SEED)
        proofs[:] = prove_rows(terms, witness, b"benchmark", FRESH, workers)

    def verify() -> None:
        verify_rows(terms, rows, committed.commitments, b"benchmark", b"".join(proofs))

    proving = bench.time(prove, runs)
    what = f"schema of {rows:,} rows of {columns - 1:,} features, {len(proofs)} proofs"
    _keep(bench, name, what, (proving, bench.time(verify, runs), sum(map(len, proofs))))
    bench.per_item(f"{name} commit", committing, 1, "committing to the same rows", unit="s")


def words(bench: Bench, entries: int) -> None:
    """S3 with the table of a standard deviation of 1,500, no rounding."""
    from cotrain._native import noise
    from cotrain._native import proofs as native
    from cotrain.commitment.pedersen import commit, derive_blindings, row_count
    from cotrain.privacy.skellam import build_table
    from cotrain.proofs.submission import update_statement
    from cotrain.training.algorithm import Algorithm

    count = bench.size(entries, 3)
    algorithm = Algorithm(kind="logistic", features=count)
    statement = update_statement(algorithm, 1_000, VARIANCE, FRESH, b"benchmark")
    own = noise.words(SEED, count)
    drawn = noise.apply(build_table(VARIANCE).thresholds, own + noise.words(FRESH, count))
    total = np.arange(count, dtype=np.int64)
    update, shifted = total + drawn, (own ^ np.uint64(1 << 63)).view(np.int64)
    rows = row_count(count, 1024)
    secrets = [derive_blindings(SEED, label, rows) for label in (b"gradient", b"update", b"words")]
    values = zip((total, update, shifted), secrets, strict=True)
    first, second, third = (commit(value, 1024, secret) for value, secret in values)
    proof = b""

    def prove() -> None:
        nonlocal proof
        blindings = (secrets[0], secrets[1], secrets[2])
        proof = statement.prove((first, second, third), total, update, own, blindings, FRESH)

    def verify() -> None:
        native.check_all([statement.reduce((first, second, third), proof)])

    proving = bench.time(prove, 5)
    what = f"noise of {count:,} entries, table of {len(build_table(VARIANCE).thresholds):,} values"
    _keep(bench, f"s3-{entries}", what, (proving, bench.time(verify, 5), len(proof)))


def contribution(bench: Bench, rounds: int, entries: int) -> None:
    """S8 with noise of a standard deviation of 1,500."""
    from cotrain._native import noise
    from cotrain.commitment.pedersen import commit, derive_blindings, row_count
    from cotrain.proofs.contribution import ContributionOpening, ScoreRule, prove_contribution

    count = bench.size(entries, 3)
    random = np.random.default_rng(3)
    gradients = random.integers(-30_000, 30_000, (rounds, count), dtype=np.int32)
    updates = random.integers(-(2**20), 2**20, (rounds, count))
    rows = row_count(count, 1024)
    secrets = tuple(derive_blindings(SEED, b"update/%d" % t, rows) for t in range(rounds))
    points = [commit(update, 1024, secret) for update, secret in zip(updates, secrets, strict=True)]
    own, of_words = noise.words(SEED, count), derive_blindings(SEED, b"words", rows)
    words = commit((own ^ np.uint64(1 << 63)).view(np.int64), 1024, of_words)
    opening, rule = ContributionOpening(updates, secrets, own, of_words), ScoreRule(20, VARIANCE)
    made: list[Any] = []

    def prove() -> None:
        public = (points, words, FRESH)
        made[:] = prove_contribution(rule, gradients, public, opening, b"benchmark", FRESH)

    def verify() -> None:
        made[0].verify(made[1])

    runs = 5 if entries < 20_000 else 1
    proving = bench.time(prove, runs)
    what = f"score of {rounds} rounds of {count:,} entries"
    measured = (proving, bench.time(verify, runs), len(made[1]))
    _keep(bench, f"s8-{rounds}x{entries}", what, measured)


def removal(bench: Bench, columns: int) -> None:
    """S9: a row of a dataset with so many padded columns is taken out."""
    from cotrain.commitment.pedersen import commit, derive_blindings
    from cotrain.dataset.registration import DatasetLayout
    from cotrain.proofs.removal import RemovalStatement, padded_rows

    layout = DatasetLayout(4 * 1024, columns)
    together = layout.width // layout.padded_columns  # rows under one commitment
    rows = np.random.default_rng(4).integers(-900, 900, (together, columns), dtype=np.int16)
    blindings = derive_blindings(SEED, b"removal", 2)
    pair = blindings[:32], blindings[32:]
    without = rows.copy()
    without[0] = 0
    before, after = (
        commit(padded_rows(layout, table), layout.width, blinding)
        for table, blinding in zip((rows, without), pair, strict=True)
    )
    statement = RemovalStatement(layout, 0, before, after, b"benchmark")
    made: list[bytes] = []

    def prove() -> None:
        made[:] = [statement.prove(rows, pair, FRESH)]

    def verify() -> None:
        statement.verify(made[0])

    proving = bench.time(prove, 5)
    what = f"a row of {columns} columns taken out"
    _keep(bench, f"s9-{columns}", what, (proving, bench.time(verify, 5), len(made[0])))


def _keep(bench: Bench, name: str, what: str, measured: tuple[Any, Any, int]) -> None:
    proving, verifying, size = measured
    seconds, checking, most = BARS.get(name, (None, None, None))

    def goal(value: float | None) -> Any:
        return None if value is None else at_most(value)

    bench.per_item(f"{name} prove", proving, 1, what, unit="s", goal=goal(seconds))
    bench.per_item(f"{name} verify", verifying, 1, what, unit="s", goal=goal(checking))
    bench.figure(f"{name} bytes", size, "bytes", what, goal=goal(most))


def _cases() -> dict[str, tuple[Callable[[Bench], None], bool]]:
    """Return name, work, and whether it is left to `--large`."""
    cases: dict[str, tuple[Callable[[Bench], None], bool]] = {}
    for rows, features in SIZES:
        for statement, work in (("s2", gradient), ("s1", dataset)):
            cases[f"{statement}-{rows}x{features}"] = (_bound(work, rows, features), False)
    for count in WORDS:
        cases[f"s3-{count}"] = (_bound(words, count), False)
    for rounds, count in SCORES:
        cases[f"s8-{rounds}x{count}"] = (_bound(contribution, rounds, count), count > 10_000)
    for columns in REMOVALS:
        cases[f"s9-{columns}"] = (_bound(removal, columns), False)
    cases[f"s2-{LARGE[0]}x{LARGE[1]}"] = (streamed, True)
    cases[f"s1-{LARGE[0]}x{LARGE[1]}"] = (dataset_streamed, True)
    return cases


def _bound(work: Callable[..., None], *sizes: int) -> Callable[[Bench], None]:
    return lambda bench: work(bench, *sizes)


CASES = _cases()


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.child is not None:
        bench = Bench(tiny=options.tiny, cores=options.cores)
        CASES[options.child][0](bench)
        print(json.dumps([figure | {"case": options.child} for figure in bench.figures]))
        return
    names = options.only or [
        name for name, (_, large) in CASES.items() if options.large or not large
    ]
    document: dict[str, Any] = {
        "format": FORMAT,
        "tiny": options.tiny,
        "machine": describe(),
        "figures": [],
    }
    print(f"{'work':26} {'cores':>5} {'value':>12} {'by CPU':>10} {'unit':6} {'bar':>12} {'MB':>7}")
    for name in names:
        for cores in (1,) if options.tiny else (1, 2):
            for figure in run_child("benchmarks.proofs", name, cores, tiny=options.tiny):
                document["figures"].append(figure)
                print(_line(figure), flush=True)
    if options.peer:
        document["peer"] = _beside_peer(document["figures"])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def _beside_peer(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Run EZKL on the sizes that both have, and print how many times our time and bytes it needs."""
    from benchmarks import peer_ezkl

    measured = peer_ezkl.run([case for case in peer_ezkl.CASES if case.cores == 1])
    if "skipped" in measured:
        print(f"EZKL was not measured: {measured['skipped']}")
        return measured
    ours = {figure["name"]: figure for figure in figures if figure["cores"] == 1}
    ratios = []
    for case in measured["cases"]:
        name = f"s2-{case['rows']}x{case['features']}"
        if "failed" in case or f"{name} prove" not in ours:
            continue
        ratio = {
            "work": name,
            "variant": case["variant"],
            "prove_cpu": case["steps"]["prove"]["cpu_s"] / ours[f"{name} prove"]["cpu_value"],
            "verify_cpu": case["steps"]["verify"]["cpu_s"] / ours[f"{name} verify"]["cpu_value"],
            "proof_bytes": case["proof_bytes"] / ours[f"{name} bytes"]["value"],
        }
        ratios.append(ratio)
        print(
            f"EZKL {case['variant']:10} at {name}: {ratio['prove_cpu']:.0f} times our CPU time to prove, "
            f"{ratio['verify_cpu']:.1f} times to verify, {ratio['proof_bytes']:.2f} times our bytes"
        )
    return measured | {"ratios": ratios}


def _line(figure: dict[str, Any]) -> str:
    goal, memory = figure.get("goal"), figure["peak_memory_mb"]
    bar = "" if goal is None else f"{goal['value']:g} {'ok' if figure['met'] else 'MISSED'}"
    cpu = "" if "cpu_value" not in figure else f"{figure['cpu_value']:,.4g}"
    held = "" if memory is None else f"{memory:,.0f}"
    return (
        f"{figure['name']:26} {figure['cores']:>5} {figure['value']:>12,.4g} {cpu:>10} {figure['unit']:6} "
        f"{bar:>12} {held:>7}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.proofs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--large", action="store_true", help="also the streamed case")
    parser.add_argument("--peer", action="store_true", help="also EZKL, in the same session")
    parser.add_argument("--tiny", action="store_true", help="try the code, measure nothing")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, default=1, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
