"""What the statements share (docs/spec/statements.md, Conventions)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reference.errors import Refused
from reference.expansion import equal_sizes
from reference.field import pad
from reference.system import (
    Affine,
    Column,
    ColumnKind,
    Constraint,
    Domain,
    Expression,
    Full,
    Linear,
    Matrix,
    MatrixProduct,
    Number,
    Table,
    affine,
    linear,
    made_matrix,
)

RANGE, FEATURE, LABEL, ZERO, BIAS, TABLE, INTERVAL, NOISE = range(1, 9)
INPUT_WIDTH = 1024


def chunks(bits: int, most: int) -> list[int]:
    """Sizes that add up to bits, none above `most`, the larger ones first."""
    return equal_sizes(bits, -(-bits // most)) if bits else []


def range_rows(sizes: Iterable[int]) -> list[tuple[int, ...]]:
    """Rows (RANGE, s, v) for each distinct size, ascending."""
    return [(RANGE, s, v) for s in sorted(set(sizes)) for v in range(1 << s)]


def make_table(arity: int, *parts: Iterable[tuple[int, ...]]) -> Table:
    """Parts in order; short rows are filled with zeros."""
    rows = tuple(row + (0,) * (arity - len(row)) for part in parts for row in part)
    return Table(arity, rows)


def dataset_matrix(segment: int, p: int) -> Matrix:
    """The points of a segment: n p entries of width w."""
    return Matrix("input", segment * p, max(INPUT_WIDTH, p))


def require(true: bool, what: str) -> None:
    """Refuse numbers that no honest caller gives."""
    if not true:
        raise Refused("statement-shape", what)


def le64(number: int) -> bytes:
    """A number of the statement, modulo 2^64."""
    return (number % 2**64).to_bytes(8, "little")


@dataclass
class Chunked:
    """A value that is split: its columns and their sizes."""

    columns: list[Column]
    sizes: list[int]

    @property
    def value(self) -> Linear:
        """The sum of c_m 2^(sum of the sizes before m)."""
        shifts = [sum(self.sizes[:m]) for m in range(len(self.sizes))]
        return linear(*((1 << s, c) for s, c in zip(shifts, self.columns, strict=True)))

    @property
    def lookups(self) -> list[tuple[Expression, ...]]:
        """(RANGE, size, chunk) for each chunk."""
        return [
            (Number(RANGE), Number(size), column)
            for size, column in zip(self.sizes, self.columns, strict=True)
        ]


class DomainBuilder:
    """Collects the columns of a domain; `matrices` is the list of the whole system."""

    def __init__(self, matrices: list[Matrix], rho: int, kappa: int) -> None:
        self.matrices, self.rho, self.kappa = matrices, rho, kappa
        self.columns: list[ColumnKind] = []
        self.most = min(max(rho + kappa, 8), 16)

    def add(self, column: ColumnKind) -> Column:
        """Append a column."""
        self.columns.append(column)
        return Column(len(self.columns) - 1)

    def witness(self, entries: int) -> int:
        """Append a witness matrix."""
        self.matrices.append(made_matrix("witness", entries))
        return len(self.matrices) - 1

    def full(self) -> Column:
        """A witness of one entry a place, as a full column."""
        return self.add(Full(self.witness(1 << (self.rho + self.kappa))))

    def chunk_columns(self, bits: int) -> Chunked:
        """Chunk columns (full) of a value."""
        sizes = chunks(bits, self.most)
        return Chunked([self.full() for _ in sizes], sizes)

    def finish(
        self,
        constraints: Sequence[tuple[str, Expression]],
        lookups: Sequence[Sequence[Expression]],
        arity: int,
        products: Sequence[MatrixProduct] = (),
    ) -> Domain:
        """The domain."""
        return Domain(
            self.rho,
            self.kappa,
            tuple(self.columns),
            tuple(Constraint(weight, expression) for weight, expression in constraints),
            tuple(products),
            tuple(_lookup(forms, arity) for forms in lookups),
        )


def _lookup(forms: Sequence[Expression], arity: int) -> tuple[Affine, ...]:
    filled = [affine(form) for form in forms]
    return tuple(filled + [Affine(0)] * (arity - len(filled)))


def padded_columns(features: int) -> int:
    """The number p for d features and a label."""
    return pad(features + 1)
