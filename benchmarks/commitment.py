"""Commitments: a dataset at registration, an update in a round, and the check of an opening."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.meter import Bench, Timing, at_most
from cotrain.commitment.pedersen import (
    DEFAULT_WIDTH,
    commit,
    derive_blindings,
    row_count,
    verify_opening,
)

SEED = bytes(range(32))
UPDATE_BOUND = 1 << 23


def dataset(bench: Bench) -> None:
    """Entries of a dataset, at the width that registration uses."""
    entries = bench.size(1 << 20, 1 << 12)
    generator = np.random.default_rng(0)
    kinds = {
        "uniform int16": (-(1 << 15), (1 << 15) - 1),
        "typical, up to 4096": (-4096, 4096),
    }
    for kind, (low, high) in kinds.items():
        values = generator.integers(low, high, entries, dtype=np.int16, endpoint=True)
        _commit(bench, f"dataset commitment, {kind}", values)


def update(bench: Bench) -> None:
    """Entries of an update: 24-bit integers, committed and, as a sum, checked."""
    for full in (100_000, 1_000_000):
        values = _update_values(bench, full)
        timing = _time_commit(bench, values)
        detail = f"{len(values):,} entries of 24 bits, {DEFAULT_WIDTH} under a commitment"
        bench.per_item(f"update commitment, {full:,} entries", timing, 1, detail, unit="s")
    values = _update_values(bench, 1_000_000)
    blindings = derive_blindings(SEED, b"benchmark", row_count(len(values), DEFAULT_WIDTH))
    commitments = commit(values, DEFAULT_WIDTH, blindings)
    timing = bench.time(lambda: verify_opening(commitments, values, DEFAULT_WIDTH, blindings), 3)
    detail = f"an opened sum of {len(values):,} entries against the product of commitments"
    bench.per_item("check of an opening, 1,000,000 entries", timing, 1, detail, unit="s")


def _update_values(bench: Bench, full: int) -> NDArray[np.int64]:
    entries = bench.size(full, full // 1000)
    return np.random.default_rng(0).integers(-UPDATE_BOUND, UPDATE_BOUND, entries, dtype=np.int64)


def _commit(bench: Bench, name: str, values: NDArray[np.int16]) -> None:
    timing = _time_commit(bench, values)
    goal = at_most(400) if bench.cores == 1 else None
    detail = f"{len(values):,} entries, {DEFAULT_WIDTH} under a commitment"
    bench.per_item(name, timing, len(values), detail, unit="ns/entry", goal=goal)


def _time_commit(bench: Bench, values: NDArray[np.int16] | NDArray[np.int64]) -> Timing:
    blindings = derive_blindings(SEED, b"benchmark", row_count(len(values), DEFAULT_WIDTH))
    return bench.time(lambda: commit(values, DEFAULT_WIDTH, blindings))
