"""S2 for all segments of a dataset: each a task of its own, for any workers.

A task carries the rows of its segment only, read when a worker is free, so a memory-mapped table of any
size is proven in the memory of a few segments.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.commitment.pedersen import derive_blindings, row_count
from cotrain.dataset.registration import DatasetLayout
from cotrain.proofs.costs import gradient_segment_cost
from cotrain.proofs.memory import threads_that_fit
from cotrain.proofs.pieces import Segment, segments
from cotrain.proofs.refusals import refusals
from cotrain.proofs.registration import RowWitness, segment_entropy
from cotrain.proofs.workers import Workers
from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import table_for

_WHAT = "proof of the training step"


@dataclass(frozen=True)
class GradientClaim:
    """What is claimed of every segment; public.

    Attributes:
        algorithm: What is trained.
        layout: Shape of the dataset.
        weights: int32, shape (dimension,).
        context: Names what the proof is for; the verifier must use the same.
    """

    algorithm: Algorithm
    layout: DatasetLayout
    weights: NDArray[np.int32] = field(repr=False)
    context: bytes


@dataclass(frozen=True)
class SegmentTask:
    """One segment and all that its proof needs; secret."""

    claim: GradientClaim = field(repr=False)
    segment: Segment
    rows: NDArray[np.int16] = field(repr=False)
    points: bytes = field(repr=False)
    row_blindings: bytes = field(repr=False)
    fresh: bytes = field(repr=False)


@dataclass(frozen=True)
class SegmentProof:
    """The gradient of one segment.

    Attributes:
        points: Commitment to it; public.
        proof: That it is the gradient; public.
        gradient: int64, shape (dimension,); secret.
        blindings: Of its commitment; secret.
    """

    points: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    gradient: NDArray[np.int64] = field(repr=False)
    blindings: bytes = field(repr=False)


def gradient_points(algorithm: Algorithm) -> int:
    """Return the number of commitments of a gradient."""
    return row_count(algorithm.dimension, native.UPDATE_WIDTH)


def gradient_segments(algorithm: Algorithm, layout: DatasetLayout) -> Iterator[Segment]:
    """Yield the segments of a dataset, in order.

    Raises:
        UsageError: No statement has this shape.
    """
    with refusals(_WHAT):
        rows = native.gradient_segment_rows(algorithm.kind, layout.columns, algorithm.classes)
    return segments(layout, rows)


def gradient_statement(claim: GradientClaim, segment: Segment) -> native.GradientStatement:
    """Return the S2 statement of one segment."""
    algorithm = claim.algorithm
    table = table_for(algorithm)
    values = np.zeros(0, np.int32) if table is None else table.as_array()
    name = b"" if table is None else bytes.fromhex(table.digest)
    scales = (
        algorithm.row_bits,
        algorithm.residual_bits,
        algorithm.margin_shift,
        algorithm.index_limit,
    )
    return native.GradientStatement(
        claim.context,
        segment.place,
        algorithm.kind,
        (algorithm.features, algorithm.classes),
        scales,
        (values, name),
        np.ascontiguousarray(claim.weights, dtype=np.int32),
    )


def gradient_statements(
    algorithm: Algorithm, layout: DatasetLayout, weights: NDArray[np.int32], context: bytes
) -> Iterator[tuple[Segment, native.GradientStatement]]:
    """Yield each segment of a dataset with its S2 statement.

    Args:
        algorithm: What is trained.
        layout: Shape of the dataset.
        weights: int32, shape (dimension,).
        context: Names run, round and party.
    """
    claim = GradientClaim(algorithm, layout, weights, context)
    for segment in gradient_segments(algorithm, layout):
        yield segment, gradient_statement(claim, segment)


def prove_gradients(
    claim: GradientClaim, witness: RowWitness, entropy: bytes, workers: Workers | None = None
) -> Iterator[SegmentProof]:
    """Prove the gradient of each segment, in order.

    Args:
        claim: What is claimed.
        witness: What makes it true.
        entropy: 32 fresh secret bytes; the same ones give the same proofs, whoever works.
        workers: Who proves; by default as many threads as memory allows.

    Raises:
        DataError: A row that the model does not know; names the segment.
        UsageError: Shapes that do not fit each other.
    """
    cost = gradient_segment_cost(claim.algorithm, claim.layout)
    chosen = threads_that_fit(cost.memory) if workers is None else workers
    return chosen.map(prove_segment, _tasks(claim, witness, entropy))


def _tasks(claim: GradientClaim, witness: RowWitness, entropy: bytes) -> Iterator[SegmentTask]:
    for segment in gradient_segments(claim.algorithm, claim.layout):
        yield SegmentTask(
            claim,
            segment,
            np.ascontiguousarray(witness.rows[segment.first : segment.stop]),
            segment.points_of(witness.commitments),
            segment.blindings_of(witness.seed, witness.replaced),
            segment_entropy(entropy, b"gradient", segment),
        )


def prove_segment(task: SegmentTask) -> SegmentProof:
    """Prove the gradient of one segment; the same bytes for the same task."""
    # Also bound to what is claimed: one entropy for two claims must not blind two gradients alike.
    weights = task.claim.weights.astype("<i4").tobytes()
    claimed = hashlib.sha256(
        b"cotrain/gradient-blinding/1/" + task.claim.context + weights
    ).digest()
    blindings = derive_blindings(
        task.fresh, b"gradient/" + claimed, gradient_points(task.claim.algorithm)
    )
    with refusals(f"{_WHAT}, rows from {task.segment.first} on"):
        gradient, points, proof = gradient_statement(task.claim, task.segment).prove(
            task.rows, task.points, (task.row_blindings, blindings), task.fresh
        )
    return SegmentProof(points, proof, gradient, blindings)
