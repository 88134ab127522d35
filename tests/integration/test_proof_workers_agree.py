"""The same entropy gives the same bytes, whoever makes the proofs: this thread, threads, processes, a cluster."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain.agreement.schema import Schema, load_schema
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.data import heart
from cotrain.dataset.registration import commit_dataset
from cotrain.errors import DataError
from cotrain.proofs.gradient import commit_table, open_gradient, prove_gradient, verify_gradient
from cotrain.proofs.registration import prove_registration, verify_registration
from cotrain.proofs.submission import (
    SubmissionStatement,
    SubmissionWitness,
    prove_submission,
    verify_submission,
)
from cotrain.proofs.workers import InTurn, Processes, RayWorkers, Threads, Workers
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient, round_gradient

SEED, ENTROPY = bytes(32), bytes(range(32))
SCHEMA = load_schema(heart.SCHEMA_PATH)
SMALL = Algorithm(kind="logistic", features=2)
LOGISTIC = Algorithm(kind="logistic", features=SCHEMA.feature_count)
ROWS = 8200
THREE_SEGMENTS = 2 * 8192 + 16
WORKERS: list[Workers] = [Threads(2), Threads(3), Processes(2)]


def zero_rows(schema: Schema, count: int) -> NDArray[np.int16]:
    """Return rows that any schema without a range above zero takes: features 0, labels 0 and 1."""
    rows = np.zeros((count, schema.feature_count + 1), dtype=np.int16)
    rows[:, -2] = np.arange(count) % 100
    rows[:, -1] = np.arange(count) % 2
    return rows


def prove_three_segments(workers: Workers | None) -> bytes:
    rows = np.arange(THREE_SEGMENTS * 3, dtype=np.int64).reshape(-1, 3).astype(np.int16) % 1000
    rows[:, -1] %= 2
    table = commit_table(rows, SEED)
    weights = np.array([3000, -2000], dtype=np.int32)
    proven = prove_gradient(SMALL, table, weights, ENTROPY, workers=workers)
    verify_gradient(SMALL, weights, table.public.root, proven.proof)
    open_gradient(SMALL, proven.proof, proven.opening)
    return proven.proof + proven.opening.encode()


def prove_both(workers: Workers | None) -> tuple[bytes, bytes]:
    """Return a proof of a registration and one of a submission."""
    rows = zero_rows(SCHEMA, ROWS)
    committed = commit_dataset(rows, SCHEMA.digest().hex(), SEED)
    points = committed.commitments
    registration = prove_registration(SCHEMA, rows, points, SEED, b"run", ENTROPY, workers)
    verify_registration(SCHEMA, ROWS, points, b"run", registration)
    weights = np.full(LOGISTIC.dimension, 1000, dtype=np.int32)
    update = round_gradient(LOGISTIC, gradient(LOGISTIC, rows, weights))
    blindings = derive_blindings(SEED, b"update", 1)
    statement = SubmissionStatement(
        algorithm=LOGISTIC,
        schema=SCHEMA,
        local_variance=None,
        rows=ROWS,
        dataset=points,
        weights=weights,
        words=b"",
        coins=b"",
        update=commit(update, 1024, blindings),
        context=b"round",
    )
    witness = submission_witness(rows, update, blindings)
    submission = prove_submission(statement, witness, ENTROPY, workers)
    verify_submission(statement, submission)
    return registration, submission


def submission_witness(
    rows: NDArray[np.int16], update: NDArray[np.int64], blindings: bytes
) -> SubmissionWitness:
    return SubmissionWitness(
        rows=rows,
        dataset_seed=SEED,
        update=update,
        update_blindings=blindings,
        words=np.zeros(0, dtype=np.uint64),
        words_blindings=b"",
    )


@cache
def expected() -> tuple[bytes, tuple[bytes, bytes]]:
    return prove_three_segments(InTurn()), prove_both(InTurn())


@pytest.mark.parametrize("workers", [None, *WORKERS], ids=repr)
def test_all_workers_give_the_same_bytes(workers: Workers | None) -> None:
    assert prove_both(workers) == expected()[1]


@pytest.mark.parametrize("workers", [Threads(3), Processes(2)], ids=repr)
def test_three_segments_come_in_order(workers: Workers) -> None:
    assert prove_three_segments(workers) == expected()[0]


@pytest.mark.parametrize("workers", [InTurn(), *WORKERS], ids=repr)
def test_a_row_that_cannot_be_proven_is_named_by_its_segment(workers: Workers) -> None:
    rows = zero_rows(SCHEMA, ROWS)
    rows[8193, -1] = 2
    table = commit_table(rows, SEED)
    weights = np.zeros(LOGISTIC.dimension, dtype=np.int32)
    with pytest.raises(DataError) as caught:
        prove_gradient(LOGISTIC, table, weights, ENTROPY, workers=workers)
    assert caught.value.code == "proof-witness"
    assert "rows from 8192 on: entry 1:" in str(caught.value)


def test_a_mapped_table_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = zero_rows(SCHEMA, 300)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    weights = np.zeros(LOGISTIC.dimension, dtype=np.int32)
    made = [
        prove_gradient(LOGISTIC, commit_table(table, SEED), weights, ENTROPY, workers=Threads(2))
        for table in (rows, mapped)
    ]
    assert made[0].proof == made[1].proof


@pytest.fixture(name="cluster")
def fixture_cluster() -> Iterator[Any]:
    """A Ray cluster of this machine."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")  # whatever Ray warns of, our bytes must be the same
def test_a_cluster_gives_the_same_bytes(cluster: Any) -> None:
    del cluster
    assert prove_both(RayWorkers(2)) == expected()[1]
    assert prove_three_segments(RayWorkers(2)) == expected()[0]
