"""Time and memory of one piece of work, in a process of its own.

Wall time is what a user waits for; CPU time (all threads) hardly depends on who else uses the machine, so
both are kept. Memory is the most that was resident while the work ran, its inputs included, less what the
process held before the inputs were made.
"""

import re
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a figure should reach: at most or at least `value`, in the figure's unit."""

    bound: str
    value: float

    def met(self, value: float) -> bool:
        """Tell whether `value` reaches the goal."""
        return value <= self.value if self.bound == "at most" else value >= self.value

    def document(self) -> dict[str, Any]:
        return {"bound": self.bound, "value": self.value}


def at_most(value: float) -> Goal:
    return Goal("at most", value)


def at_least(value: float) -> Goal:
    return Goal("at least", value)


@dataclass(frozen=True)
class Timing:
    """Medians of several runs.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of all threads together, system time included.
        runs: Number of runs.
        peak_memory_mb: See the module.
    """

    wall: float
    cpu: float
    runs: int
    peak_memory_mb: float


@dataclass
class Bench:
    """What a case measures with: times work, and collects figures.

    Attributes:
        tiny: Sizes so small that only the code is tried; the figures mean nothing.
        cores: Threads that the compiled code may use.
        figures: What was measured.
    """

    tiny: bool
    cores: int
    figures: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._before = _resident("VmRSS")

    def size(self, full: int, tiny: int) -> int:
        """Return the size to measure at."""
        return tiny if self.tiny else full

    def time(self, work: Callable[[], object], runs: int = 5) -> Timing:
        """Run `work` several times, once before to warm up.

        The peak of memory is taken over the last run, with nothing left from those before.
        """
        if not self.tiny and runs > 1:
            work()
        walls, cpus = [], []
        for _ in range(1 if self.tiny else runs):
            _reset_peak()
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        return Timing(
            statistics.median(walls), statistics.median(cpus), len(walls), self.peak_memory()
        )

    def peak_memory(self) -> float:
        """Return the peak of resident memory since the last reset, in MB, less what imports took."""
        return max(0.0, (_resident("VmHWM") - self._before) / 1e6)

    def figure(self, name: str, value: float, unit: str, detail: str, **more: Any) -> None:
        """Keep a figure.

        Args:
            name: Unique together with the cores.
            value: By the clock, where it is a time or a rate.
            unit: Of the value.
            detail: What was done, on what.
            more: goal; timing; cpu_value (the same figure by CPU time).
        """
        goal: Goal | None = more.get("goal")
        timing: Timing | None = more.get("timing")
        figure: dict[str, Any] = {"name": name, "value": value, "unit": unit}
        if goal is not None:
            figure["goal"] = goal.document()
            figure["met"] = goal.met(value)
        figure["cores"] = self.cores
        if timing is not None:
            figure["runs"] = timing.runs
            figure["cpu_value"] = more["cpu_value"]
        figure["peak_memory_mb"] = None if timing is None else timing.peak_memory_mb
        figure["detail"] = detail
        self.figures.append(figure)

    def per_item(self, name: str, timing: Timing, items: float, detail: str, **more: Any) -> None:
        """Keep seconds divided by a number of items, in a unit of time for each."""
        unit, factor = more.pop("unit"), {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1.0}
        scale = factor[unit.split("/")[0]] / items
        cpu = timing.cpu * scale
        self.figure(name, timing.wall * scale, unit, detail, timing=timing, cpu_value=cpu, **more)

    def rate(self, name: str, timing: Timing, items: float, detail: str, **more: Any) -> None:
        """Keep items in each second."""
        unit = more.pop("unit")
        cpu = items / max(timing.cpu, 1e-9)
        self.figure(name, items / timing.wall, unit, detail, timing=timing, cpu_value=cpu, **more)


def _reset_peak() -> None:
    """Set the peak of resident memory back to what is resident now (Linux, proc(5): clear_refs 5)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _resident(name: str) -> int:
    """Return VmRSS or VmHWM of this process in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    if found is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(found.group(1)) * 1024
