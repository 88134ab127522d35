"""A real process, really killed, goes on where it was: its ledger is that of an uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cotrain.audit.auditor import audit
from cotrain.ledger.store import Ledger

MOST_STARTS = 60


def start(out: Path, rounds: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = ["demo", "--insecure-seed", "7", "--rounds", str(rounds), "--out", str(out)]
    arguments += ["--assurance", "recorded"]
    command = [sys.executable, "-c", "from cotrain.cli.main import run; run()", *arguments]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere)


def entries_of(out: Path) -> tuple[list[bytes], bytes]:
    with Ledger.open(out / "ledger.db", read_only=True) as ledger:
        audit(ledger)
        return ledger.entries(0, ledger.size), ledger.root(ledger.size)


def size_of(out: Path) -> int:
    """Return how many entries a running process has logged so far."""
    path = out / "ledger.db"
    if not path.exists():
        return 0
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.size


def run_killed(out: Path, rounds: int, seed: int, kills: int) -> int:
    """Start the demo; kill it `kills` times soon after it has logged something more; return the kills."""
    generator, killed = np.random.default_rng(seed), 0
    for _ in range(MOST_STARTS):
        process = start(out, rounds)
        if killed < kills:
            wait_for(out, process, size_of(out) + int(generator.integers(1, 12)))
            time.sleep(float(generator.random()) * 0.05)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
        if process.wait() == 0:
            return killed
    raise AssertionError("it never came to an end")


def wait_for(out: Path, process: subprocess.Popen[bytes], size: int) -> None:
    while process.poll() is None and size_of(out) < size:
        time.sleep(0.002)


@pytest.mark.slow
def test_killed_once(tmp_path: Path) -> None:
    assert start(tmp_path / "whole", 1).wait() == 0
    assert run_killed(tmp_path / "killed", 1, 0, 1) == 1
    assert entries_of(tmp_path / "killed") == entries_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_many_moments(seed: int, tmp_path: Path) -> None:
    assert start(tmp_path / "whole", 3).wait() == 0
    killed = run_killed(tmp_path / "killed", 3, seed, 8)
    assert killed >= 2
    assert entries_of(tmp_path / "killed") == entries_of(tmp_path / "whole")
    for name in ("model.json", "agreement.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
