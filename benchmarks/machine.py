"""What the figures were measured on: processor, cores, Python, commit."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def describe() -> dict[str, Any]:
    """Return the machine, and the state of the source, as the JSON files hold them.

    The date is that of the commit, so that the same source gives the same header; `load` is the number of
    processes that wanted a core during the minute before, and tells whether the machine was idle.
    """
    load = os.getloadavg()[0]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted_changes": bool(
            _git("status", "--porcelain", "--", "src", "crates", "benchmarks/*.py")
        ),
        "date_of_commit": _git("show", "--no-patch", "--format=%cs", "HEAD"),
        "load_before": round(load, 2),
        "idle": load < 0.5,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown"
