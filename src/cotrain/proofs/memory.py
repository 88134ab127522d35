"""How much memory this process may still take, by the strictest of the limits that hold for it (Linux).

- what the machine can give without swapping: `MemAvailable` of /proc/meminfo;
- what is left of the control groups of this process, version 1 or 2, from its own up to the root;
- what is left of the address space and of the data segment (`ulimit -v`, `ulimit -d`).

A limit that cannot be read is none: on other systems nothing is known, and nothing is refused.
"""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cotrain.proofs.workers import Threads, available_cores

ROOT = Path("/")
_ARENA = 64 << 20  # address space that the allocator reserves for each thread, mostly unused


@dataclass(frozen=True)
class Limit:
    """A limit and what is left of it.

    Attributes:
        name: What limits.
        free: Bytes left.
    """

    name: str
    free: int


def memory_limit(root: Path = ROOT, most: int | None = None) -> Limit | None:
    """Return the strictest limit; None if nothing is known.

    Args:
        root: Where /proc and /sys are.
        most: A limit of the caller's own, in bytes.
    """
    limits = [*_machine(root), *_groups(root), *_resources(root)]
    if most is not None:
        limits.append(Limit("--max-memory", most))
    return min(limits, key=lambda limit: limit.free, default=None)


def threads_that_fit(each: int, root: Path = ROOT) -> Threads:
    """Return as many threads as there are cores, and fewer if half the free memory holds fewer.

    Args:
        each: Bytes that each thread takes.
        root: Where /proc and /sys are.
    """
    limit = memory_limit(root)
    cores = available_cores()
    # The other half is for whoever else works on this machine meanwhile.
    fitting = cores if limit is None else limit.free // 2 // max(1, each)
    return Threads(max(1, min(cores, fitting)))


def _machine(root: Path) -> Iterator[Limit]:
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            yield Limit("this machine", int(rest.split()[0]) << 10)


def _groups(root: Path) -> Iterator[Limit]:
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = base / path.strip("/")
        # A container often sees its own group as the root, and the path of the host beside it.
        for group in (folder, *folder.parents):
            if group.is_relative_to(base):
                yield from _group(group, *names)


def _group(folder: Path, most: str, used: str) -> Iterator[Limit]:
    limit, usage = _number(folder / most), _number(folder / used)
    if limit is not None and usage is not None and limit < 1 << 60:
        yield Limit("the memory limit of this container", max(0, limit - usage + _cached(folder)))


def _cached(folder: Path) -> int:
    """Return the bytes of files that the kernel drops when memory is short."""
    for line in _read(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in {"inactive_file", "total_inactive_file"}:
            return int(value)
    return 0


def _resources(root: Path) -> Iterator[Limit]:
    used = {}
    for line in _read(root / "proc/self/status").splitlines():
        name, _, rest = line.partition(":")
        if name in {"VmSize", "VmData"}:
            used[name] = int(rest.split()[0]) << 10
    kinds = (
        ("VmSize", resource.RLIMIT_AS, "the limit of address space (ulimit -v)"),
        ("VmData", resource.RLIMIT_DATA, "the limit of data (ulimit -d)"),
    )
    for name, kind, words in kinds:
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and name in used:
            reserved = _ARENA * available_cores() if name == "VmSize" else 0
            yield Limit(words, max(0, soft - used[name] - reserved))


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
