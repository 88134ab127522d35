"""Prove a gradient: numpy in, bytes out, without agreement, ledger or parties.

    table = commit_table(rows, seed)                                  # once for a table
    proven = prove_gradient(algorithm, table, weights, entropy)       # once for a gradient
    verify_gradient(algorithm, weights, table.public.root, proven.proof)

The proof shows, to whoever knows the root of the table and the weights, that the commitment in it opens to
the exact gradient over exactly the committed rows (statement S2 of `docs/spec/statements.md`). It shows nothing
else about rows or gradient. `proven.opening` reveals the gradient; `open_gradient` checks it.

It takes for granted that the committed numbers are whole, rows within the row bound and no more than the root
names, and labels those of the model. `cotrain.proofs.table` proves that, once for a table; without it "gradient"
means the same formula modulo the group order, over whatever was committed to. Not shown: that rows are real.

A proof is, under its tag, a line of canonical JSON (the statement), then bytes whose lengths follow from it:
the commitments of the table if they are included, and for each segment the commitment to its gradient and
the proof. The format is described in `docs/guide/prove-a-gradient.md`. Nothing here draws randomness.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cotrain._native import proofs as native
from cotrain.commitment import pedersen
from cotrain.dataset.registration import (
    POINT_BYTES,
    DatasetLayout,
    commit_dataset,
    dataset_root,
)
from cotrain.errors import DataError, ForgeryError, MalformedError
from cotrain.proofs.frames import Progress, decode_header, encode_header, quiet
from cotrain.proofs.pieces import Segment, cut
from cotrain.proofs.refusals import refusals
from cotrain.proofs.registration import RowWitness
from cotrain.proofs.segment_gradients import (
    GradientClaim,
    gradient_points,
    gradient_segments,
    gradient_statement,
    prove_gradients,
)
from cotrain.proofs.workers import Workers
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import checked_weights
from cotrain.training.tables import table_for

FORMAT = "cotrain/gradient-proof/1"
OPENING_FORMAT = "cotrain/gradient-opening/1"
NO_SCHEMA = hashlib.sha256(b"cotrain/table-without-schema/1").hexdigest()
MAX_ROWS = 1 << 26
MAX_COLUMNS = 1 << 16
_WHAT = "proof of a gradient"
_INCLUDED, _ELSEWHERE = "included", "elsewhere"


@dataclass(frozen=True)
class CommittedTable:
    """The public side of a table.

    Attributes:
        layout: Its shape.
        schema: SHA-256 (hex) of the schema that encoded it, or `NO_SCHEMA`.
        commitments: 32 bytes a point.
    """

    layout: DatasetLayout
    schema: str
    commitments: bytes = field(repr=False)

    @property
    def root(self) -> str:
        """SHA-256 (hex) over all of it: whoever knows the root knows which table is meant."""
        return dataset_root(self.layout, self.schema, self.commitments)


@dataclass(frozen=True)
class OwnedTable:
    """A committed table, as its owner has it.

    Attributes:
        public: What others may know.
        rows: int16, shape (n, d + 1); may be a memory map.
        seed: Secret; the same seed and rows give the same commitments.
    """

    public: CommittedTable
    rows: NDArray[np.int16] = field(repr=False)
    seed: bytes = field(repr=False)


@dataclass(frozen=True)
class GradientOpening:
    """What reveals a gradient; secret until its owner shows it.

    Attributes:
        proof: SHA-256 (hex) of the proof whose gradient it is.
        gradient: int64, shape (K d,), row-major.
        blindings: 32 bytes for each of its commitments.
    """

    proof: str
    gradient: NDArray[np.int64] = field(repr=False)
    blindings: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the bytes of an opening."""
        header = {"entries": len(self.gradient), "format": OPENING_FORMAT, "proof": self.proof}
        numbers = self.gradient.astype("<i8").tobytes()
        return encode_header(OPENING_FORMAT, header) + numbers + self.blindings

    @classmethod
    def decode(cls, algorithm: Algorithm, data: bytes) -> Self:
        """Return the opening that `encode` wrote.

        Args:
            algorithm: Fixes the number of entries.
            data: The bytes.

        Raises:
            MalformedError: Another format or version, another length, or a second spelling.
        """
        header, body = decode_header(OPENING_FORMAT, data, ("entries", "format", "proof"))
        if header["entries"] != algorithm.dimension or not is_digest(header["proof"]):
            raise _malformed(f"an opening of {algorithm.dimension} entries has another header")
        lengths = 8 * algorithm.dimension, POINT_BYTES * gradient_points(algorithm)
        numbers, blindings = cut(body, lengths, "opening of a gradient")
        gradient = np.frombuffer(numbers, dtype="<i8").astype(np.int64)
        return cls(header["proof"], gradient, blindings)


@dataclass(frozen=True)
class ProvenGradient:
    """A proof, and what its owner keeps.

    Attributes:
        proof: Public, for everybody.
        opening: Secret: shows the gradient to whoever gets it.
    """

    proof: bytes = field(repr=False)
    opening: GradientOpening


def commit_table(rows: NDArray[np.int16], seed: bytes, schema: str = NO_SCHEMA) -> OwnedTable:
    """Commit to the rows of a table; they stay hidden, perfectly.

    Args:
        rows: int16, shape (n, d + 1): features, the constant column among them, then the label. May be a
            memory map: it is read block by block.
        seed: 32 secret bytes, fresh for each table.
        schema: SHA-256 (hex) of the schema that encoded the rows, if one did.

    Raises:
        DataError: Another type or shape.
    """
    check_table(rows)
    committed = commit_dataset(rows, schema, seed)
    public = CommittedTable(committed.layout, schema, committed.commitments)
    return OwnedTable(public, rows, seed)


def check_table(rows: NDArray[Any]) -> None:
    """Check type and shape of a table.

    Raises:
        DataError: It is not int16, or has not from 1 to 2^26 rows and from 2 to 2^16 columns.
    """
    shape, right = rows.shape, rows.ndim == 2 and rows.dtype == np.int16
    if right and 1 <= shape[0] <= MAX_ROWS and 2 <= shape[1] <= MAX_COLUMNS:
        return
    raise DataError(
        "gradient-table-shape",
        f"the table is {rows.dtype} of shape {shape}, not int16 of shape (rows, columns)",
        meaning=f"A table has 1 to {MAX_ROWS:,} rows and 2 to {MAX_COLUMNS:,} columns, the label last.",
        hint="Scale features to integers below the row bound, add a constant column, put the label last.",
    )


def prove_gradient(
    algorithm: Algorithm,
    table: OwnedTable,
    weights: NDArray[np.integer],
    entropy: bytes,
    *,
    context: bytes = b"",
    include_table: bool = True,
    workers: Workers | None = None,
) -> ProvenGradient:
    """Prove the gradient of a table at public weights.

    Args:
        algorithm: The model; kind, shape and number formats enter the statement, rates do not.
        table: The committed rows.
        weights: int32 or int64, shape (K d,), row-major; public.
        entropy: 32 fresh secret bytes. The same ones for the same statement give the same bytes.
        context: What the proof is for, so that it cannot stand in for another one; the verifier needs it.
        include_table: Whether the commitments of the table are part of the proof; else the verifier
            must have them.
        workers: Who proves the segments (`cotrain.proofs.workers`); by default as many threads as memory
            allows.

    Raises:
        DataError: Rows of another shape, or the first row of which no gradient can be proven.
        UsageError: Weights that do not fit the algorithm.
    """
    steps = GradientProver(algorithm, table, weights, context=context, include_table=include_table)
    return steps.prove(entropy, workers, quiet)


class GradientProver:
    """`prove_gradient` in steps, for those who show progress.

    Attributes:
        segments: How many segments there are to prove.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        table: OwnedTable,
        weights: NDArray[np.integer],
        *,
        context: bytes = b"",
        include_table: bool = True,
    ) -> None:
        """Fix the statement; see `prove_gradient`."""
        check_table(table.rows)
        if table.rows.shape != (table.public.layout.rows, algorithm.columns):
            raise DataError(
                "gradient-table-shape",
                f"the table has shape {table.rows.shape}; the model needs {algorithm.columns} columns "
                f"and the commitments {table.public.layout.rows} rows",
                meaning="Rows, commitments and model are not about the same table.",
                hint="Columns are the features of the model, the constant one among them, and the label.",
            )
        self._algorithm, self._table = algorithm, table
        model = checked_weights(algorithm, weights)
        self._header = _header(algorithm, model, table.public, context, included=include_table)
        binding = _binding(self._header)
        self._claim = GradientClaim(algorithm, table.public.layout, model, binding)
        self._body = table.public.commitments if include_table else b""
        self.segments = len(list(gradient_segments(algorithm, table.public.layout)))

    def prove(self, entropy: bytes, workers: Workers | None, progress: Progress) -> ProvenGradient:
        """Prove all segments; `progress` is called with those done and all."""
        witness = RowWitness(self._table.rows, self._table.public.commitments, self._table.seed)
        total = np.zeros(self._algorithm.dimension, np.int64)
        parts, blindings = [self._header, self._body], []
        proofs = prove_gradients(self._claim, witness, entropy, workers)
        for done, segment in enumerate(proofs, start=1):
            total += segment.gradient
            blindings.append(segment.blindings)
            parts.append(segment.points + segment.proof)
            progress(done, self.segments)
        proof = b"".join(parts)
        digest = hashlib.sha256(proof).hexdigest()
        return ProvenGradient(
            proof, GradientOpening(digest, total, pedersen.add_blindings(blindings))
        )


def verify_gradient(
    algorithm: Algorithm,
    weights: NDArray[np.integer],
    root: str,
    proof: bytes,
    *,
    context: bytes = b"",
    commitments: bytes | None = None,
    progress: Progress = quiet,
) -> None:
    """Check a proof of a gradient.

    Args:
        algorithm: The model that the gradient must be of.
        weights: The weights at which it must be taken.
        root: The table over which it must be taken; it fixes the number of rows.
        proof: What the owner published.
        context: What the proof must be for.
        commitments: Of the table, if the proof does not include them.
        progress: Called with the number of segments checked, and of all.

    Raises:
        MalformedError: Bytes of another format, version or length, or a second spelling of the same.
        ForgeryError: It is about another model, table, context or weights, or it does not hold.
        UsageError: Weights that do not fit the algorithm.
    """
    model = checked_weights(algorithm, weights)
    found, _ = decode_header(FORMAT, proof, _FIELDS)
    for name, value in _terms(algorithm, model, context).items():
        if found[name] != value:
            raise _other(name)
    parsed = ParsedProof.parse(algorithm, proof, commitments)
    expected = _header(algorithm, model, parsed.table, context, included=parsed.included)
    if parsed.table.root != root or proof[: len(proof) - len(parsed.body)] != expected:
        raise _other("table")
    claim = GradientClaim(algorithm, parsed.table.layout, model, _binding(expected))
    equations = []
    pieces = parsed.pieces()
    for done, (segment, points, part) in enumerate(pieces, start=1):
        with refusals(f"{_WHAT}, rows from {segment.first} on"):
            statement = gradient_statement(claim, segment)
            own = segment.points_of(parsed.table.commitments)
            equations.append(statement.reduce(own, points, part))
        progress(done, len(pieces))
    with refusals(_WHAT):
        native.check_all(equations)


def open_gradient(algorithm: Algorithm, proof: bytes, opening: GradientOpening) -> None:
    """Check that an opening reveals the gradient that a proof is about; verify the proof first.

    Args:
        algorithm: The model.
        proof: A proof that `verify_gradient` accepted.
        opening: What its owner revealed.

    Raises:
        MalformedError: The proof is none.
        ForgeryError: The proof commits to another gradient, or the opening is of another proof.
    """
    if opening.proof != hashlib.sha256(proof).hexdigest():
        raise ForgeryError(
            "gradient-opening-of-another",
            "the opening is of another proof",
            meaning="It may be honest, but says nothing about the gradient of this proof.",
            hint="Ask the owner for the opening that was made with this very proof.",
        )
    pedersen.verify_opening(
        committed_gradient(algorithm, proof),
        opening.gradient,
        native.UPDATE_WIDTH,
        opening.blindings,
    )


def committed_gradient(algorithm: Algorithm, proof: bytes) -> bytes:
    """Return the commitments to the gradient that a proof is about: 32 bytes for each 1024 entries.

    They add up over owners: the sum of such commitments commits to the sum of gradients.

    Raises:
        MalformedError: The proof is none.
    """
    parsed = ParsedProof.parse(algorithm, proof, None, needed=False)
    return pedersen.sum_commitments([points for _, points, _ in parsed.pieces()])


def named_root(proof: bytes) -> str:
    """Return the root of the table that a proof says it is about; `verify_gradient` sees whether it is.

    Raises:
        MalformedError: The proof is none.
    """
    header, _ = decode_header(FORMAT, proof, _FIELDS)
    dataset = header["dataset"]
    root = dataset.get("root") if isinstance(dataset, dict) else None
    if not isinstance(root, str) or not is_digest(root):
        raise _malformed("it names no table")
    return root


@dataclass(frozen=True)
class ParsedProof:
    """A proof, cut into its parts; nothing of it is verified.

    Attributes:
        header: The statement, as its author wrote it.
        table: The table that it is about.
        included: Whether the commitments came with the proof.
        body: Everything after the header.
    """

    algorithm: Algorithm
    header: dict[str, Any]
    table: CommittedTable
    included: bool
    body: bytes = field(repr=False)

    @classmethod
    def parse(
        cls,
        algorithm: Algorithm,
        proof: bytes,
        commitments: bytes | None,
        *,
        needed: bool = True,
    ) -> Self:
        """Cut a proof.

        Args:
            algorithm: Fixes columns and lengths.
            proof: The bytes.
            commitments: Of the table, if the proof does not include them.
            needed: Whether commitments are.

        Raises:
            MalformedError: Another format, version or length, or a second spelling.
        """
        header, body = decode_header(FORMAT, proof, _FIELDS)
        dataset = header["dataset"]
        if not isinstance(dataset, dict) or set(dataset) != set(_DATASET_FIELDS):
            raise _malformed(f"a dataset has exactly the fields {', '.join(_DATASET_FIELDS)}")
        rows, schema, place = dataset["rows"], dataset["schema"], dataset["commitments"]
        if type(rows) is not int or not 1 <= rows <= MAX_ROWS or not is_digest(schema):
            raise _malformed("rows are a number, the schema a SHA-256")
        if place not in (_INCLUDED, _ELSEWHERE):
            raise _malformed(f"the commitments are {_INCLUDED} or {_ELSEWHERE}")
        layout = DatasetLayout(rows, algorithm.columns)
        included = place == _INCLUDED
        length = POINT_BYTES * layout.points
        points = body[:length] if included else commitments or b""
        if len(points) != length and (included or needed):
            raise _without_table(length, included=included)
        return cls(algorithm, header, CommittedTable(layout, schema, points), included, body)

    def pieces(self) -> list[tuple[Segment, bytes, bytes]]:
        """Return each segment with the commitments to its gradient and its proof.

        Raises:
            MalformedError: The body has another length.
        """
        layout, size = self.table.layout, POINT_BYTES * gradient_points(self.algorithm)
        # A short file must not make a long list: more segments than this do not fit in the body.
        most = len(self.body) // POINT_BYTES + 1
        found = list(islice(gradient_segments(self.algorithm, layout), most))
        own = [POINT_BYTES * layout.points] if self.included else []
        known = proof_lengths(self.algorithm, found)
        parts = cut(self.body, own + [size + known[segment.count] for segment in found], _WHAT)
        return [
            (segment, part[:size], part[size:])
            for segment, part in zip(found, parts[len(own) :], strict=True)
        ]


def proof_lengths(algorithm: Algorithm, found: Sequence[Segment]) -> dict[int, int]:
    """Return the length of a segment's proof, by the number of its rows.

    Raises:
        UsageError: No statement has this shape.
    """
    lengths: dict[int, int] = {}
    weights = np.zeros(algorithm.dimension, np.int32)
    for segment in found:
        if segment.count not in lengths:
            claim = GradientClaim(algorithm, segment.layout, weights, b"")
            with refusals(_WHAT):
                lengths[segment.count] = gradient_statement(claim, segment).proof_bytes()
    return lengths


def is_digest(value: Any) -> bool:
    """Tell whether a value is 64 lower-case hexadecimal digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


_FIELDS = ("algorithm", "context", "dataset", "format", "weights")
_DATASET_FIELDS = ("columns", "commitments", "root", "rows", "schema")


def _header(
    algorithm: Algorithm,
    weights: NDArray[np.int32],
    table: CommittedTable,
    context: bytes,
    *,
    included: bool,
) -> bytes:
    dataset = {
        "columns": table.layout.columns,
        "commitments": _INCLUDED if included else _ELSEWHERE,
        "root": table.root,
        "rows": table.layout.rows,
        "schema": table.schema,
    }
    terms = _terms(algorithm, weights, context)
    return encode_header(FORMAT, terms | {"dataset": dataset, "format": FORMAT})


def _terms(algorithm: Algorithm, weights: NDArray[np.int32], context: bytes) -> dict[str, Any]:
    """Return what the verifier fixes besides the table."""
    values = table_for(algorithm)
    return {
        "algorithm": {
            "classes": algorithm.classes,
            "features": algorithm.features,
            "index_limit": algorithm.index_limit,
            "kind": algorithm.kind,
            "margin_shift": algorithm.margin_shift,
            "residual_bits": algorithm.residual_bits,
            "row_bits": algorithm.row_bits,
            "table": "" if values is None else values.digest,
        },
        "context": context.hex(),
        "weights": hashlib.sha256(weights.astype("<i4").tobytes()).hexdigest(),
    }


def _binding(header: bytes) -> bytes:
    """Return the context of the segments' statements: everything in the header is part of what is proven."""
    return FORMAT.encode() + b"/" + hashlib.sha256(header).digest()


def _other(what: str) -> ForgeryError:
    name = {"algorithm": "model"}.get(what, what)
    shown = "other weights" if name == "weights" else f"another {name}"
    return ForgeryError(
        f"gradient-proof-other-{name}",
        f"the proof is about {shown}",
        meaning="It may be a good proof, but not of what was asked.",
        hint="Compare model, weights, root and context with those that the owner proved.",
    )


def _without_table(length: int, *, included: bool) -> MalformedError:
    where = "in the proof" if included else "beside the proof"
    return MalformedError(
        "gradient-proof-without-table",
        f"{where} there are not the {length} bytes of commitments that its table has",
        meaning="Without the commitments to the table nothing can be checked.",
        hint="Fetch the proof again, or pass the commitments of the table.",
    )


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "gradient-proof-malformed",
        f"not a proof of a gradient: {what}",
        meaning="The file is damaged, or was written by another version.",
        hint="Fetch it again from its author.",
    )
