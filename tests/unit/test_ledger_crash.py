"""A process killed while it appends leaves a ledger that is whole and keeps what it promised."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cotrain.ledger.fsck import verify_all
from cotrain.ledger.store import Ledger

BATCH = 7
APPENDER = f"""
import sys
from pathlib import Path
from cotrain.ledger.store import Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    while True:
        start = ledger.size
        batch = [b"entry %d" % n for n in range(start, start + {BATCH})]
        print(ledger.append(batch, [b"blob %d" % start * 1000]).stop, flush=True)
"""


@pytest.mark.parametrize("appends", [1, 4, 30])
def test_killed_in_the_middle_of_appending(tmp_path: Path, appends: int) -> None:
    path = tmp_path / "ledger"
    Ledger.create(path).close()
    promised = run_and_kill(path, appends)
    with Ledger.open(path) as ledger:
        size = ledger.size
        assert size >= promised == appends * BATCH
        assert size % BATCH == 0
        assert ledger.entries(0, size) == [b"entry %d" % n for n in range(size)]
        assert len(ledger.blob_digests()) == size // BATCH
        verify_all(ledger)
        assert ledger.append([b"next"]) == range(size, size + 1)
        verify_all(ledger)


def run_and_kill(path: Path, appends: int) -> int:
    """Let another process append; SIGKILL it after so many appends; return the size it reported."""
    command = [sys.executable, "-c", APPENDER, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        sizes = [int(process.stdout.readline()) for _ in range(appends)]
        process.kill()
    return sizes[-1]
