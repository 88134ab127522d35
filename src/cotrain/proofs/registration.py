"""S1: the committed rows satisfy the schema (`docs/spec/statements.md`, "S1 dataset").

A registration carries one proof for each segment of the dataset, one after the other. All lengths
follow from the schema and the number of rows.
"""

import hashlib
import hmac
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.agreement.schema import CategoryColumn, FlagColumn, NumericColumn, Schema
from cotrain.dataset.registration import DatasetLayout
from cotrain.proofs.pieces import Segment, cut, segments
from cotrain.proofs.refusals import refusals

_WHAT = "proof that the rows satisfy the schema"


def registration_proof_bytes(schema: Schema, rows: int) -> int:
    """Return the length of every registration proof for so many rows.

    Raises:
        UsageError: No statement has this shape.
    """
    with refusals(_WHAT):
        return sum(statement.proof_bytes() for _, statement in _statements(schema, rows, b""))


def prove_registration(
    schema: Schema,
    rows: NDArray[np.int16],
    commitments: bytes,
    seed: bytes,
    context: bytes,
    entropy: bytes,
) -> bytes:
    """Prove that committed rows satisfy the schema.

    Args:
        schema: The agreement's schema.
        rows: int16, shape (n, columns): the encoded rows, features, bias, label.
        commitments: 32 bytes a point, as `commit_dataset` made them.
        seed: The secret seed given to `commit_dataset`.
        context: Names run and owner; the verifier must use the same.
        entropy: 32 fresh secret bytes.

    Returns:
        The proofs of all segments.

    Raises:
        DataError: A row does not satisfy the schema; names row and column.
        UsageError: Shapes that do not fit each other.
    """
    proofs = []
    for segment, statement in _statements(schema, rows.shape[0], context):
        part = np.ascontiguousarray(rows[segment.first : segment.stop])
        points = segment.points_of(commitments)
        fresh = segment_entropy(entropy, b"registration", segment)
        with refusals(f"{_WHAT}, rows from {segment.first} on"):
            proof = statement.prove(part, points, segment.blindings_of(seed), fresh)
        proofs.append(proof)
    return b"".join(proofs)


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
    statements = list(_statements(schema, rows, context))
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


def _statements(
    schema: Schema, rows: int, context: bytes
) -> Iterator[tuple[Segment, native.DatasetStatement]]:
    layout = DatasetLayout(rows, schema.feature_count + 1)
    kinds, groups = feature_kinds(schema)
    for segment in segments(layout, native.dataset_segment_rows(layout.columns)):
        yield (
            segment,
            native.DatasetStatement(
                context,
                segment.place,
                (schema.row_bound.bit_length() - 1, schema.feature_scale),
                schema.label_range,
                kinds,
                groups,
            ),
        )


def feature_kinds(schema: Schema) -> tuple[bytes, list[int]]:
    """Return, for each feature but the bias, its kind and the number of its category column.

    Kinds: 0 numeric, 1 flag, 2 indicator or category. Categories are numbered from 1; 0 is none.
    """
    kinds, groups, categories = bytearray(), [], 0
    for column in schema.columns:
        count = len(column.encoded_names())
        if isinstance(column, CategoryColumn):
            categories += 1
            groups += [categories] * count
        else:
            groups += [0] * count
        numeric, flag = isinstance(column, NumericColumn), isinstance(column, FlagColumn)
        kinds += bytes([0 if numeric else 1 if flag else 2]) * count
    return bytes(kinds), groups
