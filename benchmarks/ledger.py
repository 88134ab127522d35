"""Measure the ledger: appends per second by batch, proofs and checks at 10^5 entries.

Run ``python benchmarks/ledger.py [directory]``. The directory decides the disk, and with it the
cost of one durable commit; it is `.` unless given.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cotrain.ledger.fsck import verify_all
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import leaf_hash, verify_inclusion

SIZE = 100_000
ENTRY = b"%0200d"


def main(directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        for batch in (1, 10, 100):
            appends(Path(folder) / f"batch{batch}", batch)
        with Ledger.create(Path(folder) / "large") as ledger:
            large(ledger)


def appends(path: Path, batch: int) -> None:
    rounds = 300
    with Ledger.create(path) as ledger:
        began = time.perf_counter()
        for turn in range(rounds):
            ledger.append([ENTRY % (turn * batch + n) for n in range(batch)])
        took = time.perf_counter() - began
    print(
        f"append, batch of {batch:3}: {rounds * batch / took:9,.0f} entries/s, "
        f"{took / rounds * 1e3:6.2f} ms a commit"
    )


def large(ledger: Ledger) -> None:
    report("fill 10^5 entries by 1,000", 1, lambda _: fill(ledger), scale=1)
    step = 7919  # a prime, to visit entries in no order
    report("inclusion proof", 2000, lambda n: ledger.inclusion(n * step % SIZE, SIZE))
    report("consistency proof", 2000, lambda n: ledger.consistency(1 + n * step % SIZE, SIZE))
    report("root", 2000, lambda n: ledger.root(1 + n * step % SIZE))
    report("entry, checked", 2000, lambda n: ledger.entry(n * step % SIZE))
    root, proof, leaf = ledger.root(SIZE), ledger.inclusion(777, SIZE), leaf_hash(ledger.entry(777))
    print(f"an inclusion proof has {len(proof)} hashes")
    report("verify inclusion", 2000, lambda _: verify_inclusion(leaf, 777, SIZE, proof, root))
    report("append 1 entry at 10^5", 200, lambda _: ledger.append([b"entry"]))
    report("open", 20, lambda _: Ledger.open(ledger.path).close())
    report("verify_all", 1, lambda _: verify_all(ledger), scale=1)
    print(f"file: {ledger.path.stat().st_size / ledger.size:.0f} bytes an entry of 200")


def fill(ledger: Ledger) -> None:
    for start in range(0, SIZE, 1000):
        ledger.append([ENTRY % n for n in range(start, start + 1000)])


def report(what: str, count: int, work: Callable[[int], object], scale: float = 1e6) -> None:
    times = []
    for turn in range(count):
        began = time.perf_counter()
        work(turn)
        times.append(time.perf_counter() - began)
    unit = "s" if scale == 1 else "us"
    print(f"{what}: median {statistics.median(times) * scale:,.2f} {unit}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
