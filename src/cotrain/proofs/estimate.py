"""What proofs will cost before they are made: bytes exactly, seconds and memory within a factor of about 2.

    estimate = estimate_gradient(algorithm, rows)
    estimate.proof_bytes, estimate.seconds(measure_unit()), estimate.memory(workers=2)
    workers = choose_workers(estimate, wanted=None, limit=memory_limit())

Bytes are those that the compiled module says. Seconds are the work of `cotrain.proofs.costs` times how fast this
machine is now, measured in less than a second. Memory is what proving adds to what the process holds already.
"""

import time
from dataclasses import dataclass

import numpy as np

from cotrain.agreement.schema import Schema
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.dataset.registration import POINT_BYTES, DatasetLayout
from cotrain.errors import UsageError
from cotrain.proofs import costs
from cotrain.proofs.gradient import proof_lengths
from cotrain.proofs.memory import Limit
from cotrain.proofs.registration import dataset_segments, rows_proof_bytes
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.segment_gradients import gradient_points, gradient_segments
from cotrain.proofs.submission import submission_proof_bytes
from cotrain.proofs.workers import available_cores
from cotrain.training.algorithm import Algorithm

_MEASURED = 1 << 15


@dataclass(frozen=True)
class Estimate:
    """The predicted cost of proving one dataset or one gradient.

    Attributes:
        what: In words, for messages: "8 segments of 8192 x 128".
        segments: How many proofs of segments.
        proof_bytes: Bytes of all proofs, exactly.
        units: All work, in the units of `cotrain.proofs.costs`.
        each: Bytes of memory that one worker needs.
        held: Bytes of memory besides those of the workers.
    """

    what: str
    segments: int
    proof_bytes: int
    units: float
    each: int
    held: int

    def seconds(self, unit_seconds: float = costs.UNIT_SECONDS) -> float:
        """Return the time on the clock, if all cores work.

        Args:
            unit_seconds: From `measure_unit`; the default is one core of the machine of the calibration.
        """
        return self.units * unit_seconds

    def memory(self, workers: int) -> int:
        """Return the bytes that proving takes at most, with so many workers on one machine."""
        return self.held + min(workers, self.segments) * self.each

    def before(self, other: "Estimate") -> "Estimate":
        """Return the cost of this and then the other, whose workers are as many."""
        return Estimate(
            self.what,
            max(self.segments, other.segments),
            self.proof_bytes + other.proof_bytes,
            self.units + other.units,
            max(self.each, other.each),
            self.held + other.held,
        )


def measure_unit() -> float:
    """Return the seconds of a unit of work on this machine now, all cores together: the best of three."""
    numbers = (np.arange(_MEASURED, dtype=np.int64) - _MEASURED // 2) * 0x1F3D_5B79_1357
    blindings = derive_blindings(bytes(32), b"measure", _MEASURED // 1024)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        commit(numbers, 1024, blindings)
        times.append(time.perf_counter() - start)
    return min(times) / _MEASURED


def estimate_gradient(algorithm: Algorithm, rows: int, *, commits: bool = False) -> Estimate:
    """Predict S2 for all segments.

    Args:
        algorithm: The model.
        rows: Number of rows of the table.
        commits: Whether the table is committed to as well.

    Raises:
        UsageError: No statement has this shape.
    """
    layout = DatasetLayout(rows, algorithm.columns)
    found = list(gradient_segments(algorithm, layout))
    known = proof_lengths(algorithm, found)
    points = POINT_BYTES * gradient_points(algorithm)
    per_count = {
        count: costs.gradient_segment_cost(algorithm, DatasetLayout(count, layout.columns))
        for count in known
    }
    units = sum(per_count[segment.count].units for segment in found)
    if commits:
        units += costs.commit_units(layout)
    size = sum(known[segment.count] + points for segment in found)
    return Estimate(
        _words(len(found), found[0].count, layout.columns),
        len(found),
        size,
        units,
        max(cost.memory for cost in per_count.values()),
        2 * size + 3 * POINT_BYTES * layout.points + costs.COMMIT_BYTES,
    )


def estimate_registration(schema: Schema, rows: int) -> Estimate:
    """Predict S1 for all segments of a table with a schema.

    Raises:
        UsageError: No statement has this shape.
    """
    return estimate_rows(RowTerms.of_schema(schema), rows)


def estimate_rows(terms: RowTerms, rows: int) -> Estimate:
    """Predict S1 for all segments.

    Raises:
        UsageError: No statement has this shape.
    """
    layout = DatasetLayout(rows, terms.columns)
    counts = [segment.count for segment in dataset_segments(layout)]
    per_count = {count: costs.dataset_segment_cost(terms, count) for count in set(counts)}
    size = rows_proof_bytes(terms, rows)
    return Estimate(
        _words(len(counts), counts[0], layout.columns),
        len(counts),
        size,
        sum(per_count[count].units for count in counts),
        max(cost.memory for cost in per_count.values()),
        2 * size + POINT_BYTES * layout.points,
    )


def estimate_submission(
    algorithm: Algorithm, schema: Schema, local_variance: int | None, rows: int
) -> Estimate:
    """Predict a submission's proof: S2 for all segments, then S3 and S4.

    Raises:
        UsageError: No statement has this shape.
    """
    gradient = estimate_gradient(algorithm, rows)
    update = costs.update_cost(algorithm, schema.max_rows, local_variance)
    size = submission_proof_bytes(algorithm, schema, local_variance, rows)
    return Estimate(
        f"{gradient.what}, and an update of {algorithm.dimension} entries",
        gradient.segments,
        size,
        gradient.units + update.units,
        # The update is proven after the segments, so the larger of the two counts.
        max(gradient.each, update.memory),
        2 * size + gradient.held,
    )


def choose_workers(estimate: Estimate, wanted: int | None, limit: Limit | None) -> int:
    """Return how many workers to use on this machine.

    Args:
        estimate: What is to be proven.
        wanted: How many the user asked for; None for as many as there are cores, if they fit.
        limit: What memory there is; None if that is not known.

    Raises:
        UsageError: It does not fit; names the limit and what would.
    """
    most = min(available_cores() if wanted is None else wanted, estimate.segments)
    if limit is None or estimate.memory(most) <= limit.free:
        return most
    fitting = max(0, limit.free - estimate.held) // estimate.each
    if wanted is None and fitting >= 1:
        return min(most, fitting)
    raise UsageError(
        "proof-out-of-memory",
        f"proving {estimate.what} needs about {size_words(estimate.memory(most))} "
        f"({size_words(estimate.each)} for each of {most} workers), "
        f"{limit.name} leaves {size_words(limit.free)}",
        meaning="Nothing was proven: the machine would have run out of memory.",
        hint=f"Use --workers {fitting}, or a machine with more memory."
        if fitting >= 1
        else "Use a machine with more memory, or a model with fewer classes or features.",
    )


def size_words(size: float) -> str:
    """Return bytes in words: 1.9 GiB."""
    for name in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {name}" if name == "bytes" or size >= 10 else f"{size:.1f} {name}"
        size /= 1024
    return f"{size:.1f} GiB"


def _words(count: int, rows: int, columns: int) -> str:
    segments = "1 segment" if count == 1 else f"{count} segments"
    return f"{segments} of {rows} x {columns}"
