"""S2 gradient (docs/spec/statements.md): the exact gradient of a segment at public weights."""

import hashlib
import struct
from dataclasses import dataclass

from reference.building import (
    INPUT_WIDTH,
    INTERVAL,
    TABLE,
    DomainBuilder,
    dataset_matrix,
    le64,
    make_table,
    padded_columns,
    range_rows,
    require,
)
from reference.field import ORDER, invert, log, pad
from reference.system import (
    ByColumn,
    Column,
    Domain,
    Expression,
    Linear,
    Matrix,
    MatrixProduct,
    Number,
    Product,
    ProductColumn,
    Row,
    System,
    Table,
    linear,
)
from reference.tables import EXP_BITS, exp_table, sigmoid_table, table_name

NAME = "cotrain/statement/gradient/1"
ARITY = 3


@dataclass(frozen=True)
class Gradient:
    """The fields, and the K d weights that `weights` names."""

    kind: str
    features: int
    classes: int
    row_bits: int
    residual_bits: int
    margin_shift: int
    index_limit: int
    table: bytes
    weights: bytes
    rows: int
    first_row: int
    segment: int
    weight_vectors: tuple[int, ...]

    @property
    def p(self) -> int:
        """Padded columns."""
        return padded_columns(self.features)

    @property
    def values(self) -> list[int]:
        """The entries of the table."""
        if self.kind == "logistic":
            return sigmoid_table(self.residual_bits, self.index_limit)
        return exp_table(self.index_limit) if self.kind == "softmax" else []

    def check(self) -> None:
        """Refuse numbers that no honest caller gives."""
        require(self.kind in ("linear", "logistic", "softmax"), "an unknown kind")
        require(self.features >= 1, "no features")
        least = 2 if self.kind == "softmax" else 1
        require(self.classes >= least, "number of classes")
        require(self.kind == "softmax" or self.classes == 1, "number of classes")
        require(0 <= self.row_bits <= 14 and 1 <= self.residual_bits <= 14, "bits")
        require(0 <= self.margin_shift <= 63 and 1 <= self.index_limit < 2**31, "margins")
        require(self.segment >= 1, "an empty segment")
        require(0 <= self.first_row <= self.rows - self.segment, "a segment outside of the rows")
        require(len(self.weight_vectors) == self.classes * self.features, "number of weights")
        require(all(-(2**31) <= w < 2**31 for w in self.weight_vectors), "weights are int32")
        require(self.weights == weights_name(self.weight_vectors), "other weights than named")
        require(self.table == self._table_name(), "another table than named")

    def _table_name(self) -> bytes:
        match self.kind:
            case "logistic":
                return table_name("sigmoid", self.residual_bits, -self.index_limit, self.values)
            case "softmax":
                return table_name("exp", EXP_BITS, 0, self.values)
            case _:
                return b""

    def fields(self) -> list[tuple[str, bytes]]:
        """What is absorbed after the name and the context."""
        return [
            ("kind", self.kind.encode()),
            ("features", le64(self.features)),
            ("classes", le64(self.classes)),
            ("row-bits", le64(self.row_bits)),
            ("residual-bits", le64(self.residual_bits)),
            ("margin-shift", le64(self.margin_shift)),
            ("index-limit", le64(self.index_limit)),
            ("table", self.table),
            ("weights", self.weights),
            ("rows", le64(self.rows)),
            ("first-row", le64(self.first_row)),
            ("segment", le64(self.segment)),
        ]

    def system(self) -> System:
        """One domain."""
        self.check()
        entries = self.classes * self.features
        matrices = [
            dataset_matrix(self.segment, self.p),
            Matrix("input", entries, INPUT_WIDTH),
        ]
        domain = DomainBuilder(matrices, log(pad(self.segment)), log(pad(self.classes)))
        make = {"linear": self._linear, "logistic": self._logistic, "softmax": self._softmax}
        finished, table = make[self.kind](domain)
        return System(tuple(matrices), (finished,), table)

    def _margin_and_label(self, domain: DomainBuilder) -> tuple[Column, Column]:
        """Z and y, the first two columns."""
        d, places = self.features, range(1 << domain.kappa)

        def vector(k: int) -> tuple[tuple[int, int], ...]:
            k = k if k < self.classes else 0
            return tuple(enumerate(self.weight_vectors[k * d :][:d]))

        z = domain.add(ProductColumn(0, self.p, tuple(vector(k) for k in places)))
        y = domain.add(ProductColumn(0, self.p, (((d, 1),),) * len(places)))
        return z, y

    def _quotient(self, z: Column, rem: Linear) -> Linear:
        """Q = 2^-s (z - rem)."""
        scale = invert(pow(2, self.margin_shift, ORDER))
        return linear((scale, z), (-scale, rem))

    def _product(self, e: Expression) -> MatrixProduct:
        return MatrixProduct(e, 0, self.p, self.features, self.classes, 1)

    def _logistic(self, domain: DomainBuilder) -> tuple[Domain, Table]:
        z, y = self._margin_and_label(domain)
        rem, p = domain.chunk_columns(self.margin_shift), domain.full()
        q, limit = self._quotient(z, rem.value), self.index_limit
        table = make_table(
            ARITY,
            ((TABLE, q, t) for q, t in zip(range(-limit, limit + 1), self.values, strict=True)),
            range_rows(rem.sizes),
        )
        e = linear((1, p), (-(1 << self.residual_bits), y))
        lookups = [(Number(TABLE), q, p), *rem.lookups]
        return domain.finish([], lookups, ARITY, [self._product(e)]), table

    def _linear(self, domain: DomainBuilder) -> tuple[Domain, Table]:
        z, y = self._margin_and_label(domain)
        rem, bits = domain.chunk_columns(self.margin_shift), self.index_limit.bit_length()
        pos, neg = domain.chunk_columns(bits), domain.chunk_columns(bits)
        one, q = 1 << self.residual_bits, self._quotient(z, rem.value)
        e = linear((1, q), (-1, y), (-1, pos.value), (1, neg.value))
        table = make_table(
            ARITY,
            ((INTERVAL, 0, v) for v in range(-one, one + 1)),
            range_rows(rem.sizes + pos.sizes + neg.sizes),
        )
        constraints: list[tuple[str, Expression]] = [
            ("point", Product(pos.value, linear((1, Number(one)), (-1, e)))),
            ("point", Product(neg.value, linear((1, Number(one)), (1, e)))),
        ]
        lookups = [(Number(INTERVAL), Number(0), e), *rem.lookups, *pos.lookups, *neg.lookups]
        return domain.finish(constraints, lookups, ARITY, [self._product(e)]), table

    def _softmax(self, domain: DomainBuilder) -> tuple[Domain, Table]:
        z, y = self._margin_and_label(domain)
        bits, places = (self.classes << EXP_BITS).bit_length(), range(1 << domain.kappa)
        rem = domain.chunk_columns(self.margin_shift)
        t, p = domain.full(), domain.full()
        r, v = domain.chunk_columns(bits), domain.chunk_columns(bits)
        hot, top = domain.full(), domain.full()
        m, total = (domain.add(Row(domain.witness(1 << domain.rho))) for _ in range(2))
        first = domain.add(ByColumn(tuple(int(k == 0) for k in places)))
        real = domain.add(ByColumn(tuple(int(k < self.classes) for k in places)))
        number = domain.add(ByColumn(tuple(places)))
        one, q = 1 << self.residual_bits, self._quotient(z, rem.value)
        below = linear((1, m), (-1, q))
        constraints: list[tuple[str, Expression]] = [
            ("point", linear((1, Product(total, p)), (1, r.value), (-one, t))),
            ("point", linear((1, total), (-1, Number(1)), (-1, r.value), (-1, v.value))),
            ("point", Product(hot, linear((1, y), (-1, number)))),
            ("point", Product(top, below)),
            ("row", linear((1, Product(real, t)), (-1, Product(first, total)))),
            ("row", linear((1, Product(real, hot)), (-1, first))),
            ("row", linear((1, Product(real, top)), (-1, first))),
        ]
        lookups: list[tuple[Expression, ...]] = [
            (Number(TABLE), below, t),
            (Number(INTERVAL), Number(1), p),
            (Number(INTERVAL), Number(2), m),
            *(rem.lookups + r.lookups + v.lookups),
        ]
        limit = self.index_limit
        table = make_table(
            ARITY,
            ((TABLE, t, x) for t, x in enumerate(self.values)),
            ((INTERVAL, 1, v) for v in range(one + 1)),
            ((INTERVAL, 2, v) for v in range(-limit, limit + 1)),
            range_rows(rem.sizes + r.sizes + v.sizes),
        )
        e = linear((1, p), (-one, hot))
        return domain.finish(constraints, lookups, ARITY, [self._product(e)]), table


def weights_name(weights: tuple[int, ...]) -> bytes:
    """The SHA-256 of the weights as little-endian int32."""
    return hashlib.sha256(struct.pack(f"<{len(weights)}i", *weights)).digest()
