"""A process killed at random moments of sending: nothing answered is lost, nothing done twice or by half."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from probe.calls import CHAIN, Caller, function

from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay
from cotrain.testing.determinism import ManualClock

SENDER = """
import sys
from pathlib import Path
from probe.calls import CHAIN, Caller
from cotrain.ports import SystemClock
from cotrain.settlement.chain.embedded import EmbeddedChain
caller = Caller()
print("ready", flush=True)
with EmbeddedChain(Path(sys.argv[1]), CHAIN, SystemClock()) as chain:
    print(chain.send(caller.create()).block, flush=True)
    while True:  # the same bytes as every process before: what is there is answered, not done again
        print(chain.send(caller.call("add(uint256,bytes)", 1, bytes(500))).block, flush=True)
"""


def start(path: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SENDER, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def send_and_kill(path: Path, seconds: float) -> int:
    """Let another process send; SIGKILL it; return the last block that it said was done, 0 for none."""
    with start(path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split(b"\n")[:-1]  # the last may be cut
    assert process.returncode == -signal.SIGKILL
    return int(said[-1]) if said else 0


def check(path: Path, promised: int) -> int:
    with EmbeddedChain(path, CHAIN, ManualClock()) as chain:
        head, steps, caller = chain.head(), list(chain.steps()), Caller()
        assert head.block >= promised
        assert len(steps) == head.block == chain.nonce(caller.account.address)
        if head.block:
            count = int.from_bytes(chain.call(caller.to, function("count()")), "big")
            assert count == head.block - 1 == len(chain.events(caller.to))
            *_, last = replay(CHAIN, steps)
            assert last.state_root == head.state_root
        return head.block


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    path, generator, sizes = tmp_path / "chain.db", np.random.default_rng(seed), [0]
    for _ in range(15):
        promised = send_and_kill(path, float(generator.random()) * 0.5)
        sizes.append(check(path, max(promised, sizes[-1])))
    assert len(set(sizes)) > 5
