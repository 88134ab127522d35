"""The ledger: durable appends by batch, inclusion proofs."""

import tempfile
from itertools import count
from pathlib import Path

from benchmarks.meter import Bench
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import leaf_hash, verify_inclusion

ENTRY = b"%0200d"
STEP = 7919  # a prime, to visit entries in no order


def ledger(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder:
        for batch in (1, 10, 100, 1000):
            with Ledger.create(Path(folder) / f"{batch}.db") as log:
                _appends(bench, log, batch)
        with Ledger.create(Path(folder) / "large.db") as log:
            _proofs(bench, log)


def _appends(bench: Bench, log: Ledger, batch: int) -> None:
    commits = bench.size(100 if batch < 1000 else 20, 2)
    numbers = count()

    def work() -> None:
        for _ in range(commits):
            log.append([ENTRY % next(numbers) for _ in range(batch)])

    timing = bench.time(work)
    detail = f"entries of 200 bytes, {batch} a transaction; each transaction is on disk before it returns"
    bench.rate(
        f"ledger appends, batches of {batch:,}", timing, commits * batch, detail, unit="entries/s"
    )


def _proofs(bench: Bench, log: Ledger) -> None:
    size = bench.size(100_000, 200)
    for start in range(0, size, 1000):
        log.append([ENTRY % n for n in range(start, min(start + 1000, size))])
    proofs = bench.size(2_000, 5)
    timing = bench.time(lambda: [log.inclusion(n * STEP % size, size) for n in range(proofs)])
    detail = f"made from the database, of {size:,} entries, {len(log.inclusion(0, size))} hashes"
    bench.per_item("inclusion proof", timing, proofs, detail, unit="us")
    proof, leaf, root = log.inclusion(77, size), leaf_hash(log.entry(77)), log.root(size)

    def check() -> None:
        for _ in range(proofs):
            verify_inclusion(leaf, 77, size, proof, root)

    timing = bench.time(check)
    bench.per_item("check of an inclusion proof", timing, proofs, detail, unit="us")
