"""Training: exact integer gradients beside numpy in floating point, and the encoding of tables."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from benchmarks.meter import Bench, Timing
from cotrain.agreement.schema import BinaryTarget, NumericColumn, Schema
from cotrain.dataset.encoding import encode_cells, encode_table
from cotrain.dataset.reader import TableSource
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient

COLUMNS = 20


@dataclass(frozen=True)
class Problem:
    """Rows with a 0/1 label, as integers and, once asked for, as floats.

    Attributes:
        rows: int16, shape (n, d + 1).
        weights: int32, shape (d,).
    """

    algorithm: Algorithm
    rows: NDArray[np.int16]
    weights: NDArray[np.int32]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """The same rows, float32 of shape (n, d), norm at most 1."""
        return self.rows[:, :-1].astype(np.float32) / np.float32(self.algorithm.row_bound)

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        """float32, shape (n,)."""
        return self.rows[:, -1].astype(np.float32)


def gradient_128(bench: Bench) -> None:
    _gradient(bench, 262_144, 128)


def gradient_1024(bench: Bench) -> None:
    _gradient(bench, 65_536, 1024)


def encoding(bench: Bench) -> None:
    """A table of 20 numeric columns: from cells in memory, from Parquet, from CSV."""
    schema = Schema(
        format="cotrain/schema/1",
        name="benchmark",
        columns=tuple(
            NumericColumn(name=f"x{n}", unit="1", min="-10", max="10", low="-2", high="2")
            for n in range(COLUMNS)
        ),
        target=BinaryTarget(name="y"),
    )
    count = bench.size(1_000_000, 500)
    _encode_memory(bench, schema, _cells(count))
    with tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder:
        parquet, csv = Path(folder) / "table.parquet", Path(folder) / "table.csv"
        _write_tables(schema, _cells(count), parquet, csv)
        _encode_file(bench, schema, "Parquet", parquet, count)
        _encode_file(bench, schema, "CSV", csv, count)


def _cells(count: int) -> NDArray[np.float64]:
    """Return `count` rows of numbers with three decimals and a 0/1 target, column by column."""
    generator = np.random.default_rng(0)
    cells = generator.normal(size=(COLUMNS + 1, count)).round(3).clip(-10, 10)
    cells[-1] = generator.integers(0, 2, count)
    return cells


def _write_tables(schema: Schema, cells: NDArray[np.float64], parquet: Path, csv: Path) -> None:
    columns = [*cells[:-1], cells[-1].astype(np.int8)]
    table = pa.table(dict(zip(schema.table_names, columns, strict=True)))
    pa.parquet.write_table(table, parquet)
    pa.csv.write_csv(table, csv)


def _encode_memory(bench: Bench, schema: Schema, cells: NDArray[np.float64]) -> None:
    timing = bench.time(lambda: encode_cells(cells, schema), 3)
    detail = f"{cells.shape[1]:,} rows of {COLUMNS} numbers held as doubles, in one block"
    name = "encoding, 1,000,000 x 20, from memory"
    bench.per_item(name, timing, cells.shape[1] * COLUMNS, detail, unit="ns/entry")


def _encode_file(bench: Bench, schema: Schema, kind: str, path: Path, count: int) -> None:
    timing = bench.time(lambda: encode_table(TableSource(path), schema), 2)
    size = path.stat().st_size / 1e6
    detail = f"{count:,} rows of {COLUMNS} numbers, file of {size:,.0f} MB, with all checks"
    name = f"encoding, 1,000,000 x 20, from {kind}"
    bench.per_item(name, timing, count * COLUMNS, detail, unit="ns/entry")


def _gradient(bench: Bench, rows: int, features: int) -> None:
    """One pass of logistic regression, then the same in floating point, in the same process."""
    problem = _problem(bench.size(rows, 64), features)
    ours = bench.time(lambda: gradient(problem.algorithm, problem.rows, problem.weights))
    size = f"{rows:,} x {features:,}"
    detail = f"logistic, exact integers, int16 rows of {problem.rows.nbytes / 1e6:,.0f} MB"
    bench.per_item(f"gradient pass, {size}", ours, 1, detail, unit="s")
    _check(problem)
    floats = bench.time(lambda: _float_gradient(problem))
    detail = "the same gradient, BLAS; memory includes our int16 rows"
    bench.per_item(f"numpy float32 pass, {size}", floats, 1, detail, unit="s")
    _ratio(bench, size, ours, floats)


def _ratio(bench: Bench, size: str, ours: Timing, floats: Timing) -> None:
    detail = "wall time of numpy float32 divided by ours; above 1 is faster than numpy"
    bench.figure(f"speed against numpy, {size}", floats.wall / ours.wall, "times", detail)


def _problem(rows: int, features: int) -> Problem:
    generator = np.random.default_rng(0)
    algorithm = Algorithm(kind="logistic", features=features)
    block = np.empty((rows, features + 1), dtype=np.int16)
    largest = int(algorithm.row_bound / features**0.5)
    block[:, :-1] = generator.integers(
        -largest, largest, (rows, features), dtype=np.int16, endpoint=True
    )
    block[:, -1] = generator.integers(0, 2, rows)
    weights = generator.normal(size=features)
    weights *= 4 * 2**algorithm.weight_bits / np.linalg.norm(weights)
    return Problem(algorithm, block, weights.astype(np.int32))


def _float_gradient(problem: Problem) -> NDArray[np.float32]:
    real = (problem.weights / 2**problem.algorithm.weight_bits).astype(np.float32)
    residuals = 1 / (1 + np.exp(-(problem.features @ real))) - problem.labels
    result: NDArray[np.float32] = problem.features.T @ residuals
    return result


def _check(problem: Problem) -> None:
    """Refuse to compare two programs that do not compute the same."""
    algorithm = problem.algorithm
    unit = algorithm.residual_scale * algorithm.row_bound
    ours = gradient(algorithm, problem.rows, problem.weights) / unit
    if np.abs(ours - _float_gradient(problem)).max() > 0.01 * len(problem.rows) ** 0.5 + 1e-2:
        raise ValueError("the two gradients differ")
