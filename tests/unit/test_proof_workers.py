"""Workers give results in order, take tasks only when there is room, and hand on errors."""

import os
import threading
from collections.abc import Iterator

import pytest

from cotrain.errors import DataError, UsageError
from cotrain.proofs import workers as workers_module
from cotrain.proofs.workers import (
    InTurn,
    Processes,
    RayWorkers,
    Threads,
    Workers,
    available_cores,
)

KINDS: list[Workers] = [InTurn(), Threads(1), Threads(3), Processes(2)]


def square(number: int) -> int:
    if number == 13:
        raise DataError("test-thirteen", "13 is refused", meaning="a test", hint="take 12")
    return number * number


def process(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("workers", KINDS, ids=repr)
def test_results_come_in_order(workers: Workers) -> None:
    assert list(workers.map(square, range(8))) == [n * n for n in range(8)]


@pytest.mark.parametrize("workers", KINDS, ids=repr)
def test_an_error_keeps_its_code_and_words(workers: Workers) -> None:
    with pytest.raises(DataError) as caught:
        list(workers.map(square, [1, 13, 2]))
    assert caught.value.diagnostics() == {
        "code": "test-thirteen",
        "what": "13 is refused",
        "meaning": "a test",
        "hint": "take 12",
    }


@pytest.mark.parametrize("workers", [InTurn(), Threads(1), Threads(3)], ids=repr)
def test_no_more_tasks_are_in_memory_than_workers(workers: Workers) -> None:
    taken = 0
    done = 0
    lock = threading.Lock()

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(10):
            with lock:
                taken += 1
                assert taken - done <= workers.count
            yield number

    for _ in workers.map(square, tasks()):
        with lock:
            done += 1
    assert taken == done == 10


def test_processes_are_others() -> None:
    assert os.getpid() not in set(Processes(1).map(process, range(2)))


def test_ray_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(workers_module, "import_module", missing)
    with pytest.raises(UsageError) as caught:
        list(RayWorkers(2).map(square, [1]))
    assert "cotrain[ray]" in caught.value.hint


def test_there_is_a_core() -> None:
    assert available_cores() >= 1
