"""Who makes the proofs of the segments: this thread, threads, processes, or a Ray cluster.

A proof is a function of its task alone, so the same tasks give the same bytes whoever works on them.
Tasks are made one by one, when a worker is free: at most `count` of them, with their rows, are in memory.

Threads are the default: the compiled code releases the interpreter lock, and threads share the tables of
generators. Measured by `python -m benchmarks.calibrate_proofs --workers` on two busy cores, 8 segments of
8,192 x 128 (logistic), medians of five runs that took turns: one segment after the other on both cores 1.73 s,
two threads 1.54 s, four 1.45 s, two processes 4.95 s, most of it their start. One segment is too small to keep
many cores busy by itself, so the more cores, the more threads help.

A task holds the rows of its segment and secrets: every worker must be as trusted as the owner.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from cotrain.errors import CotrainError, UsageError

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Protocol):
    """Something that maps a function over tasks."""

    @property
    def count(self) -> int:
        """How many tasks are worked on at a time."""
        ...

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield `work(task)` for each task, in order; take a task only when there is room for it.

        Args:
            work: A function of a module, whose arguments and results can be pickled.
            tasks: Taken one by one.
        """
        ...


@dataclass(frozen=True)
class InTurn:
    """One task after the other, in this thread; the compiled code still uses all cores."""

    count: int = 1

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield the results in order."""
        return map(work, tasks)


@dataclass(frozen=True)
class Threads:
    """Threads of this process.

    Attributes:
        count: How many.
    """

    count: int

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield the results in order."""
        return _through(ThreadPoolExecutor(self.count), self.count, work, tasks)


@dataclass(frozen=True)
class Processes:
    """Processes of this machine, started afresh: a forked one would wait for threads that it has not.

    A script that uses them must guard its entry, as `multiprocessing` asks: ``if __name__ == "__main__":``.

    Attributes:
        count: How many; the cores are divided among them.
    """

    count: int

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield the results in order."""
        pool = ProcessPoolExecutor(
            self.count,
            mp_context=get_context("spawn"),
            initializer=_limit_threads,
            initargs=(max(1, available_cores() // self.count),),
        )
        outcomes = _through(pool, self.count, partial(_guarded, work), tasks)
        return map(_settled, outcomes)


@dataclass(frozen=True)
class RayWorkers:
    """Tasks of a Ray cluster; `pip install cotrain[ray]`, on every node.

    Call `ray.init` before, with the address of the cluster; else Ray starts on this machine alone. Rows and
    secrets travel to the nodes: the cluster must be the owner's own.

    Attributes:
        count: Tasks at a time, in the whole cluster.
        cores: Cores that each task reserves.
    """

    count: int
    cores: int = 1

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield the results in order.

        Raises:
            UsageError: Ray is not installed.
        """
        ray = _ray()
        remote = ray.remote(num_cpus=self.cores)(_guarded)
        return map(_settled, _collect(ray, remote, self.count, work, tasks))


@dataclass(frozen=True)
class _Failure:
    """An error of Cotrain on its way between processes: exceptions with keywords cannot be pickled."""

    kind: type[CotrainError]
    told: dict[str, str]


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            "proof-without-ray",
            "Ray is not installed",
            meaning="Nothing was proven.",
            hint="pip install 'cotrain[ray]', or prove on this machine with threads.",
        ) from error


def _collect(
    ray: Any, remote: Any, count: int, work: Callable[[T], R], tasks: Iterable[T]
) -> Iterator[R | _Failure]:
    return _in_order(lambda task: remote.remote(work, task), ray.get, count, tasks)


def _through(pool: Executor, count: int, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """Yield results in order, with at most `count` tasks in memory."""
    try:
        yield from _in_order(lambda task: pool.submit(work, task), Future.result, count, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    begin: Callable[[T], F], settle: Callable[[F], R], count: int, tasks: Iterable[T]
) -> Iterator[R]:
    """Yield what is begun in order; take a task only when fewer than `count` are unsettled."""
    pending: deque[F] = deque()
    source = map(begin, tasks)
    while True:
        pending.extend(islice(source, count - len(pending)))
        if not pending:
            return
        yield settle(pending.popleft())


def _limit_threads(count: int) -> None:
    # Read when the compiled code first needs its threads, which is after this.
    os.environ["RAYON_NUM_THREADS"] = str(count)


def _guarded(work: Callable[[T], R], task: T) -> R | _Failure:
    try:
        return work(task)
    except CotrainError as error:
        return _Failure(type(error), error.diagnostics())


def _settled(outcome: R | _Failure) -> R:
    if isinstance(outcome, _Failure):
        told = outcome.told
        raise outcome.kind(told["code"], told["what"], meaning=told["meaning"], hint=told["hint"])
    return outcome
