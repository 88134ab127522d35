"""S2, S3 and S4: an update is the agreed step on the committed rows, with noise that nobody chose.

A submission carries, for each segment of the dataset, the commitment to its gradient and a proof of
it, and at last one proof that C_U opens to the rounded sum of these gradients plus the noise that the
owner's committed words and the round's coins draw (`docs/spec/statements.md`, "From a proof to a
round"). All lengths follow from the agreement and the number of rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.agreement.schema import Schema
from cotrain.commitment.pedersen import (
    add_blindings,
    sum_commitments,
)
from cotrain.dataset.registration import POINT_BYTES, DatasetLayout
from cotrain.errors import UsageError
from cotrain.privacy.skellam import build_table
from cotrain.proofs.pieces import Segment, cut
from cotrain.proofs.refusals import refusals
from cotrain.proofs.registration import RowWitness, segment_entropy
from cotrain.proofs.segment_gradients import (
    GradientClaim,
    gradient_points,
    gradient_statements,
    prove_gradients,
)
from cotrain.proofs.workers import Workers
from cotrain.training.algorithm import Algorithm

_GRADIENT = "proof of the training step"
_UPDATE = "proof of noise and sum"


@dataclass(frozen=True)
class SubmissionStatement:
    """What a submission claims; every number in it is public.

    Attributes:
        algorithm: What is trained.
        schema: Whose row bound and largest number of rows hold.
        local_variance: Variance of this party's noise; None without noise.
        rows: The registered number of rows.
        dataset: The registered commitments.
        weights: int32, shape (dimension,): the model at which the gradient is taken.
        words: Commitment to the noise words used now; empty without noise.
        coins: 32 bytes from which the coins are drawn; empty without noise.
        update: C_U.
        context: Names run, round, opening, owner and dataset.
    """

    algorithm: Algorithm
    schema: Schema
    local_variance: int | None
    rows: int
    dataset: bytes = field(repr=False)
    weights: NDArray[np.int32] = field(repr=False)
    words: bytes = field(repr=False)
    coins: bytes = field(repr=False)
    update: bytes = field(repr=False)
    context: bytes

    @property
    def layout(self) -> DatasetLayout:
        """Shape of the committed dataset."""
        return DatasetLayout(self.rows, self.schema.feature_count + 1)


@dataclass(frozen=True)
class SubmissionWitness:
    """What only the owner knows.

    Attributes:
        rows: int16, shape (n, columns): the committed rows; may be a memory map.
        dataset_seed: The seed of the dataset's commitments.
        update: int64, shape (dimension,): what C_U commits to.
        update_blindings: Blindings of C_U.
        words: uint64, shape (dimension,): the noise words; of no entries without noise.
        words_blindings: Blindings of their commitment; empty without noise.
        replaced: Commitment of the dataset to its own blinding, where rows were removed since.
    """

    rows: NDArray[np.int16] = field(repr=False)
    dataset_seed: bytes = field(repr=False)
    update: NDArray[np.int64] = field(repr=False)
    update_blindings: bytes = field(repr=False)
    words: NDArray[np.uint64] = field(repr=False)
    words_blindings: bytes = field(repr=False)
    replaced: Mapping[int, bytes] = field(repr=False, default_factory=dict)


def submission_proof_bytes(
    algorithm: Algorithm, schema: Schema, local_variance: int | None, rows: int
) -> int:
    """Return the length of every submission proof for so many rows.

    Raises:
        UsageError: No statement has this shape.
    """
    return sum(_lengths(algorithm, schema, local_variance, rows))


def prove_submission(
    statement: SubmissionStatement,
    witness: SubmissionWitness,
    entropy: bytes,
    workers: Workers | None = None,
) -> bytes:
    """Prove a submission, segment by segment.

    Memory is that of one segment for each worker, whatever the number of rows. The workers do not change
    a byte of the result.

    Args:
        statement: The claim.
        witness: What makes it true.
        entropy: 32 fresh secret bytes.
        workers: Who proves the segments; by default as many threads as memory allows.

    Returns:
        The gradients' commitments and all proofs.

    Raises:
        DataError: The update is not the rounded gradient plus the drawn noise; names the entry.
        UsageError: Shapes that do not fit each other.
    """
    proven = prove_gradients(
        GradientClaim(statement.algorithm, statement.layout, statement.weights, statement.context),
        RowWitness(witness.rows, statement.dataset, witness.dataset_seed, witness.replaced),
        entropy,
        workers,
    )
    parts, total, points, secrets = [], np.zeros(statement.algorithm.dimension, np.int64), [], []
    for part in proven:
        total += part.gradient
        points.append(part.points)
        secrets.append(part.blindings)
        parts.append(part.points + part.proof)
    with refusals(_UPDATE):
        parts.append(
            _update(statement).prove(
                (sum_commitments(points), statement.update, statement.words),
                total,
                np.ascontiguousarray(witness.update),
                np.ascontiguousarray(witness.words),
                (add_blindings(secrets), witness.update_blindings, witness.words_blindings),
                segment_entropy(entropy, b"update", Segment(statement.layout, 0, statement.rows)),
            )
        )
    return b"".join(parts)


def verify_submission(statement: SubmissionStatement, proof: bytes) -> None:
    """Check a submission proof.

    Raises:
        MalformedError: Bytes of another length, or points or scalars that are not canonical.
        ForgeryError: The proof does not hold.
    """
    lengths = _lengths(
        statement.algorithm, statement.schema, statement.local_variance, statement.rows
    )
    pieces = cut(proof, lengths, _GRADIENT)
    equations, points = [], []
    size = POINT_BYTES * gradient_points(statement.algorithm)
    with refusals(_GRADIENT):
        for (segment, claim), piece in zip(_gradients(statement), pieces[:-1], strict=True):
            committed, part = piece[:size], piece[size:]
            points.append(committed)
            equations.append(claim.reduce(segment.points_of(statement.dataset), committed, part))
    public = (sum_commitments(points), statement.update, statement.words)
    with refusals(_UPDATE):
        equations.append(_update(statement).reduce(public, pieces[-1]))
    with refusals("proof of the submission"):
        native.check_all(equations)


def _lengths(
    algorithm: Algorithm, schema: Schema, local_variance: int | None, rows: int
) -> list[int]:
    noise = None if local_variance is None else bytes(32)
    weights = np.zeros(algorithm.dimension, np.int32)
    layout = DatasetLayout(rows, schema.feature_count + 1)
    size = POINT_BYTES * gradient_points(algorithm)
    with refusals("length of a proof"):
        claims = gradient_statements(algorithm, layout, weights, b"")
        update = update_statement(algorithm, schema.max_rows, local_variance, noise, b"")
        return [size + claim.proof_bytes() for _, claim in claims] + [update.proof_bytes()]


def _gradients(
    statement: SubmissionStatement,
) -> Iterator[tuple[Segment, native.GradientStatement]]:
    return gradient_statements(
        statement.algorithm, statement.layout, statement.weights, statement.context
    )


def _update(statement: SubmissionStatement) -> native.UpdateStatement:
    return update_statement(
        statement.algorithm,
        statement.schema.max_rows,
        statement.local_variance,
        statement.coins or None,
        statement.context,
    )


def update_statement(
    algorithm: Algorithm,
    max_rows: int,
    local_variance: int | None,
    coins: bytes | None,
    context: bytes,
) -> native.UpdateStatement:
    """Return the S3 and S4 statement.

    Args:
        algorithm: What is trained.
        max_rows: Largest number of rows of a party; it bounds a rounded gradient.
        local_variance: Variance of the party's noise; None without noise.
        coins: 32 bytes from which the coins are drawn; None without noise.
        context: Names run, round and party.

    Raises:
        UsageError: Noise without coins, or coins without noise.
    """
    if (local_variance is None) != (coins is None):
        raise UsageError("statement-shape", "noise needs coins, and only noise does")
    noise = None
    if local_variance is not None and coins is not None:
        noise = (*_noise_table(local_variance), coins)
    bound = algorithm.max_abs_update(max_rows).bit_length() + 1
    return native.UpdateStatement(context, algorithm.dimension, (algorithm.shift, bound), noise)


@lru_cache(maxsize=4)
def _noise_table(variance: int) -> tuple[NDArray[np.uint64], bytes]:
    table = build_table(variance)
    return table.thresholds, bytes.fromhex(table.sha256())
