"""Measure the run's own chain: processor time a transaction, disk for 1,000 of them, reading and replaying.

Run ``python -m benchmarks.chain [directory]``. The transactions call the probe of the tests: one storage slot and
one counter changed, one event of 100 bytes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, "tests")

from probe.calls import CHAIN, Caller, function

from cotrain.ports import SystemClock
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay

COUNT = 1_000


def main(directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        path, caller = Path(folder) / "chain.db", Caller()
        create = caller.create()
        sent = report("sign", lambda: [add(caller) for _ in range(COUNT)])
        with EmbeddedChain(path, CHAIN, SystemClock()) as chain:
            chain.send(create)
            report("send", lambda: [chain.send(raw) for raw in sent])
            report("send again", lambda: [chain.send(raw) for raw in sent])
            report(
                "call", lambda: [chain.call(caller.to, function("count()")) for _ in range(COUNT)]
            )
            report("all events", lambda: chain.events(caller.to), 1)
            steps = list(chain.steps())
        print(f"file: {path.stat().st_size / 1e6:.1f} MB after {COUNT} transactions")
        report("replay", lambda: list(replay(CHAIN, steps)))


def add(caller: Caller) -> bytes:
    return caller.call("add(uint256,bytes)", 1, bytes(100))


def report(what: str, work: Callable[[], Any], count: int = COUNT) -> Any:
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{what:12} {cpu / count * 1e3:8.2f} ms CPU, {wall / count * 1e3:8.2f} ms")
    return done


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
