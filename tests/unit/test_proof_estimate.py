"""Bytes are predicted exactly; more work costs more; what does not fit is refused by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from cotrain.agreement.schema import load_schema
from cotrain.data import heart
from cotrain.errors import UsageError
from cotrain.proofs.costs import UNIT_SECONDS
from cotrain.proofs.estimate import (
    Estimate,
    choose_workers,
    estimate_gradient,
    estimate_registration,
    estimate_submission,
    measure_unit,
    size_words,
)
from cotrain.proofs.memory import Limit, memory_limit, threads_that_fit
from cotrain.proofs.registration import registration_proof_bytes
from cotrain.proofs.submission import submission_proof_bytes
from cotrain.training.algorithm import Algorithm

SCHEMA = load_schema(heart.SCHEMA_PATH)
LOGISTIC = Algorithm(kind="logistic", features=SCHEMA.feature_count)
GIB = 1 << 30


def test_bytes_are_those_of_the_proofs() -> None:
    assert estimate_registration(SCHEMA, 9000).proof_bytes == registration_proof_bytes(SCHEMA, 9000)
    for variance in (None, 1000):
        estimate = estimate_submission(LOGISTIC, SCHEMA, variance, 9000)
        wanted = submission_proof_bytes(LOGISTIC, SCHEMA, variance, 9000)
        assert estimate.proof_bytes == wanted
        assert estimate_gradient(LOGISTIC, 9000).proof_bytes < wanted


def test_more_work_costs_more() -> None:
    def cost(kind: str, rows: int, features: int, classes: int = 1) -> Estimate:
        algorithm = Algorithm(kind=kind, features=features, classes=classes)  # type: ignore[arg-type]
        return estimate_gradient(algorithm, rows)

    small = cost("logistic", 8192, 100)
    for larger in (
        cost("logistic", 8192, 1000),
        cost("linear", 8192, 100),
        cost("softmax", 8192, 100, 10),
    ):
        assert larger.units > small.units
        assert larger.each > small.each
    many = cost("logistic", 10 * 8192, 100)
    assert many.units == pytest.approx(10 * small.units)
    assert many.each == small.each
    assert many.segments == 10
    assert many.memory(2) < many.memory(4) < many.memory(100) == many.memory(10)
    assert small.seconds() == small.units * UNIT_SECONDS
    assert (
        estimate_gradient(LOGISTIC, 100, commits=True).units
        > estimate_gradient(LOGISTIC, 100).units
    )


def test_a_unit_is_measured_in_a_moment() -> None:
    assert 1e-8 < measure_unit() < 1e-3


def estimate(segments: int = 8) -> Estimate:
    return Estimate(f"{segments} segments of 8192 x 2049", segments, 1, 1.0, 2 * GIB, GIB)


def test_workers_fit_the_memory() -> None:
    assert choose_workers(estimate(), 3, None) == 3
    assert choose_workers(estimate(2), 3, None) == 2
    assert choose_workers(estimate(), 3, Limit("this machine", 7 * GIB)) == 3
    assert choose_workers(estimate(), None, Limit("this machine", 4 * GIB)) == 1


@pytest.mark.parametrize(
    ("wanted", "free", "hint"),
    [(3, 6, "--workers 2"), (3, 2, "more memory"), (None, 2, "more memory"), (1, 0, "more memory")],
)
def test_what_does_not_fit_is_refused(wanted: int | None, free: int, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_workers(estimate(), wanted, Limit("this machine", free * GIB))
    assert caught.value.code == "proof-out-of-memory"
    assert "8 segments of 8192 x 2049" in str(caught.value)
    assert "this machine leaves" in str(caught.value)
    assert hint in caught.value.hint


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


MEMINFO = "MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n"


def test_the_strictest_limit_counts(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None
    assert memory_limit(tmp_path, 5) == Limit("--max-memory", 5)
    write(tmp_path, {"proc/meminfo": MEMINFO})
    assert memory_limit(tmp_path) == Limit("this machine", 4 * GIB)
    assert memory_limit(tmp_path, 5 * GIB) == Limit("this machine", 4 * GIB)
    group = "sys/fs/cgroup/jobs"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/jobs/mine\n",
            f"{group}/mine/memory.max": "max\n",
            f"{group}/mine/memory.current": "5\n",
            f"{group}/memory.max": f"{3 * GIB}\n",
            f"{group}/memory.current": f"{2 * GIB}\n",
            f"{group}/memory.stat": f"anon 5\ninactive_file {GIB}\n",
        },
    )
    assert memory_limit(tmp_path) == Limit("the memory limit of this container", 2 * GIB)


def test_version_1_of_control_groups_counts_too(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory"
    write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "5:cpu:/elsewhere\n4:memory:/docker/abc\n",
            f"{group}/memory.limit_in_bytes": f"{GIB}\n",
            f"{group}/memory.usage_in_bytes": f"{GIB // 2}\n",
        },
    )
    assert memory_limit(tmp_path) == Limit("the memory limit of this container", GIB // 2)
    write(tmp_path, {f"{group}/memory.limit_in_bytes": "9223372036854771712\n"})
    assert memory_limit(tmp_path) == Limit("this machine", 4 * GIB)


def test_threads_leave_half_the_memory_to_others(tmp_path: Path) -> None:
    assert threads_that_fit(1, tmp_path).count >= 1
    write(tmp_path, {"proc/meminfo": MEMINFO})
    assert threads_that_fit(3 * GIB, tmp_path).count == 1
    assert threads_that_fit(100 * GIB, tmp_path).count == 1


def test_this_machine_has_a_limit() -> None:
    limit = memory_limit()
    assert limit is not None
    assert limit.free > 0


@pytest.mark.parametrize(
    ("size", "words"),
    [(5, "5 bytes"), (2048, "2.0 KiB"), (50 << 20, "50 MiB"), (2040109466, "1.9 GiB")],
)
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.slow
def test_the_calibration_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.calibrate_proofs", "--tiny"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PRICES: full=" in done.stdout
    assert "update 128, no noise" in done.stdout
