"""Prove of a committed table what the proof of a gradient takes for granted (S1), once for all gradients.

    proof = prove_table(algorithm, table, entropy)
    verify_table(algorithm, table.public, proof)

It shows that there are exactly the rows that the root names, that their numbers are whole and in range, that the
features of each row are together no longer than the row bound, that the last feature, the constant one, is not
below 0, and that labels are those of the model; nothing else about them.

A verifier gets `CommittedTable` from the proof of a gradient (`ParsedProof.table`) or from the owner; its
root says which table it is. Tables with a schema can be proven to satisfy all of it: `cotrain.proofs.registration`.
"""

import hashlib
from typing import Any

from cotrain.errors import DataError, ForgeryError
from cotrain.proofs.frames import Progress, decode_header, encode_header, quiet
from cotrain.proofs.gradient import CommittedTable, OwnedTable
from cotrain.proofs.registration import RowWitness, dataset_segments, prove_rows, verify_rows
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.workers import Workers
from cotrain.training.algorithm import Algorithm

FORMAT = "cotrain/table-proof/1"
_FIELDS = ("context", "dataset", "format", "terms")


def prove_table(
    algorithm: Algorithm,
    table: OwnedTable,
    entropy: bytes,
    *,
    context: bytes = b"",
    workers: Workers | None = None,
    progress: Progress = quiet,
) -> bytes:
    """Prove that a table is one that the model can take.

    Args:
        algorithm: Fixes row bound and labels.
        table: The committed rows.
        entropy: 32 fresh secret bytes.
        context: What the proof is for; the verifier needs it.
        workers: Who proves the segments; by default as many threads as memory allows.
        progress: Called with the number of segments proven, and of all.

    Raises:
        DataError: Rows of another shape, or the first row that is not in order; names row and column.
    """
    terms = RowTerms.of_model(algorithm)
    _check_columns(terms, table.public)
    header = _header(terms, table.public, context)
    witness = RowWitness(table.rows, table.public.commitments, table.seed)
    parts = [header]
    segments = len(list(dataset_segments(table.public.layout)))
    proofs = prove_rows(terms, witness, _binding(header), entropy, workers)
    for done, part in enumerate(proofs, start=1):
        parts.append(part)
        progress(done, segments)
    return b"".join(parts)


def verify_table(
    algorithm: Algorithm, table: CommittedTable, proof: bytes, *, context: bytes = b""
) -> None:
    """Check a proof of a table.

    Args:
        algorithm: Fixes row bound and labels.
        table: The commitments; compare its root with the one that you know.
        proof: What the owner published.
        context: What the proof must be for.

    Raises:
        MalformedError: Bytes of another format, version or length, or a second spelling of the same.
        ForgeryError: It is about another table, model or context, or it does not hold.
        DataError: The table has other columns than the model.
    """
    terms = RowTerms.of_model(algorithm)
    _check_columns(terms, table)
    expected = _header(terms, table, context)
    found, body = decode_header(FORMAT, proof, _FIELDS)
    wanted, _ = decode_header(FORMAT, expected, _FIELDS)
    for name in _FIELDS:
        if found[name] != wanted[name]:
            raise _other(name)
    verify_rows(terms, table.layout.rows, table.commitments, _binding(expected), body)


def _check_columns(terms: RowTerms, table: CommittedTable) -> None:
    if table.layout.columns != terms.columns:
        raise DataError(
            "gradient-table-shape",
            f"the table has {table.layout.columns} columns, the model needs {terms.columns}",
            meaning="Table and model do not belong together.",
            hint="Columns are the features of the model, the constant one last, and the label.",
        )


def _header(terms: RowTerms, table: CommittedTable, context: bytes) -> bytes:
    dataset: dict[str, Any] = {
        "columns": table.layout.columns,
        "root": table.root,
        "rows": table.layout.rows,
        "schema": table.schema,
    }
    numbers: dict[str, Any] = {
        "feature_scale": terms.feature_scale,
        "label_high": terms.labels[1],
        "label_low": terms.labels[0],
        "row_bits": terms.row_bits,
    }
    header = {"context": context.hex(), "dataset": dataset, "format": FORMAT, "terms": numbers}
    return encode_header(FORMAT, header)


def _binding(header: bytes) -> bytes:
    return FORMAT.encode() + b"/" + hashlib.sha256(header).digest()


def _other(what: str) -> ForgeryError:
    name = {"dataset": "table", "terms": "model"}.get(what, what)
    return ForgeryError(
        f"table-proof-other-{name}",
        f"the proof of the table is about another {name}",
        meaning="It may be a good proof, but not of what was asked.",
        hint="Compare root, model and context with those that the owner proved.",
    )
