"""S1: the committed rows satisfy the schema (`docs/spec/statements.md`, "S1 dataset").

A registration carries one proof for each segment of the dataset, one after the other. All lengths
follow from the schema and the number of rows.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.agreement.schema import Schema
from cotrain.dataset.registration import DatasetLayout
from cotrain.proofs.costs import dataset_segment_cost
from cotrain.proofs.memory import threads_that_fit
from cotrain.proofs.pieces import Segment, cut, segments
from cotrain.proofs.refusals import refusals
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.workers import Workers

_WHAT = "proof that the rows satisfy the schema"


@dataclass(frozen=True)
class RowWitness:
    """The committed rows.

    Attributes:
        rows: int16, shape (n, columns); may be a memory map.
        commitments: 32 bytes a point.
        seed: The secret seed given to `commit_dataset`.
        replaced: Commitment to its own blinding, where rows were removed since.
    """

    rows: NDArray[np.int16] = field(repr=False)
    commitments: bytes = field(repr=False)
    seed: bytes = field(repr=False)
    replaced: Mapping[int, bytes] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """One segment and all that its proof needs; secret."""

    terms: RowTerms = field(repr=False)
    segment: Segment
    context: bytes
    rows: NDArray[np.int16] = field(repr=False)
    points: bytes = field(repr=False)
    blindings: bytes = field(repr=False)
    fresh: bytes = field(repr=False)


def registration_proof_bytes(schema: Schema, rows: int) -> int:
    """Return the length of every registration proof for so many rows.

    Raises:
        UsageError: No statement has this shape.
    """
    return rows_proof_bytes(RowTerms.of_schema(schema), rows)


def rows_proof_bytes(terms: RowTerms, rows: int) -> int:
    """Return the length of every proof that so many rows keep these terms.

    Raises:
        UsageError: No statement has this shape.
    """
    with refusals(_WHAT):
        return sum(statement.proof_bytes() for _, statement in _statements(terms, rows, b""))


def prove_registration(
    schema: Schema,
    rows: NDArray[np.int16],
    commitments: bytes,
    seed: bytes,
    context: bytes,
    entropy: bytes,
    workers: Workers | None = None,
) -> bytes:
    """Prove that committed rows satisfy the schema.

    Args:
        schema: The agreement's schema.
        rows: int16, shape (n, columns): the encoded rows, features, bias, label; may be a memory map.
        commitments: 32 bytes a point, as `commit_dataset` made them.
        seed: The secret seed given to `commit_dataset`.
        context: Names run and owner; the verifier must use the same.
        entropy: 32 fresh secret bytes.
        workers: Who proves the segments; by default as many threads as memory allows.

    Returns:
        The proofs of all segments, the same bytes whoever works.

    Raises:
        DataError: A row does not satisfy the schema; names row and column.
        UsageError: Shapes that do not fit each other.
    """
    secret = RowWitness(rows, commitments, seed)
    return b"".join(prove_rows(RowTerms.of_schema(schema), secret, context, entropy, workers))


def prove_rows(
    terms: RowTerms, witness: RowWitness, context: bytes, entropy: bytes, workers: Workers | None
) -> Iterator[bytes]:
    """Prove of each segment, in order, that its rows keep the terms; see `prove_registration`."""
    layout = DatasetLayout(witness.rows.shape[0], terms.columns)
    tasks = (
        _Task(
            terms,
            segment,
            context,
            np.ascontiguousarray(witness.rows[segment.first : segment.stop]),
            segment.points_of(witness.commitments),
            segment.blindings_of(witness.seed, witness.replaced),
            segment_entropy(entropy, b"registration", segment),
        )
        for segment in dataset_segments(layout)
    )
    cost = dataset_segment_cost(terms, layout.rows)
    chosen = threads_that_fit(cost.memory) if workers is None else workers
    return chosen.map(_prove_segment, tasks)


def _prove_segment(task: _Task) -> bytes:
    statement = _statement(task.terms, task.segment, task.context)
    with refusals(f"{_WHAT}, rows from {task.segment.first} on"):
        return statement.prove(task.rows, task.points, task.blindings, task.fresh)


def verify_registration(
    schema: Schema, rows: int, commitments: bytes, context: bytes, proof: bytes
) -> None:
    """Check a registration proof.

    Args:
        schema: The agreement's schema.
        rows: The registered number of rows.
        commitments: The registered commitments.
        context: Names run and owner.
        proof: What the owner sent.

    Raises:
        MalformedError: Bytes of another length, or points or scalars that are not canonical.
        ForgeryError: The proof does not hold.
    """
    verify_rows(RowTerms.of_schema(schema), rows, commitments, context, proof)


def verify_rows(
    terms: RowTerms, rows: int, commitments: bytes, context: bytes, proof: bytes
) -> None:
    """Check that committed rows keep the terms; see `verify_registration`."""
    statements = list(_statements(terms, rows, context))
    with refusals(_WHAT):
        lengths = [statement.proof_bytes() for _, statement in statements]
        parts = cut(proof, lengths, _WHAT)
        native.check_all(
            [
                statement.reduce(segment.points_of(commitments), part)
                for (segment, statement), part in zip(statements, parts, strict=True)
            ]
        )


def segment_entropy(entropy: bytes, use: bytes, segment: Segment) -> bytes:
    """Return the entropy of one segment's proof: each gets its own."""
    label = b"cotrain/proof-entropy/1/" + use + b"/" + segment.first.to_bytes(8, "little")
    return hmac.new(entropy, label, hashlib.sha256).digest()


def dataset_segments(layout: DatasetLayout) -> Iterator[Segment]:
    """Yield the segments of a dataset, in order."""
    with refusals(_WHAT):
        rows = native.dataset_segment_rows(layout.columns)
    return segments(layout, rows)


def _statements(
    terms: RowTerms, rows: int, context: bytes
) -> Iterator[tuple[Segment, native.DatasetStatement]]:
    layout = DatasetLayout(rows, terms.columns)
    for segment in dataset_segments(layout):
        yield segment, _statement(terms, segment, context)


def _statement(terms: RowTerms, segment: Segment, context: bytes) -> native.DatasetStatement:
    return native.DatasetStatement(
        context,
        segment.place,
        (terms.row_bits, terms.feature_scale),
        terms.labels,
        terms.kinds,
        list(terms.groups),
    )
