"""S3 and S4 update (docs/spec/statements.md): the rounded gradient plus noise from the table."""

from dataclasses import dataclass

from reference.building import (
    INPUT_WIDTH,
    NOISE,
    Chunked,
    DomainBuilder,
    le64,
    make_table,
    range_rows,
    require,
)
from reference.chacha20 import words as stream
from reference.field import log, pad
from reference.system import (
    ByRow,
    Column,
    Expression,
    Full,
    Matrix,
    Number,
    Product,
    System,
    linear,
)
from reference.tables import check_noise_table, noise_table_name

NAME = "cotrain/statement/update/1"
ARITY = 4
WORD_BITS = 64


@dataclass(frozen=True)
class NoiseColumns:
    """Columns that only noise needs."""

    words: Column
    carry: Column
    above: Chunked
    below: Chunked
    coins: Column

    def lookup(self, x: Expression) -> tuple[Expression, ...]:
        """The noise x stands in the table between its two thresholds."""
        a = linear(
            (1, self.words),
            (1, Number(2**63)),
            (1, self.coins),
            (-(2**WORD_BITS), self.carry),
        )
        low = linear((1, a), (-1, self.above.value))
        high = linear((1, a), (1, self.below.value), (1, Number(1)))
        return Number(NOISE), x, low, high


@dataclass(frozen=True)
class Columns:
    """The columns of the domain; rem and rounded have no chunks if shift = 0."""

    gradient: Column
    update: Column
    rem: Chunked
    rounded: Chunked
    noise: NoiseColumns | None
    beyond: Column


@dataclass(frozen=True)
class Update:
    """The fields, and the thresholds that `noise_table` names; none without noise."""

    entries: int
    shift: int
    bound_bits: int
    noise_table: bytes
    coins: bytes
    thresholds: tuple[int, ...]

    @property
    def has_noise(self) -> bool:
        """Whether the agreement asks for noise."""
        return bool(self.noise_table)

    def check(self) -> None:
        """Refuse numbers that no honest caller gives."""
        require(1 <= self.entries <= 2**20, "number of entries")
        require(0 <= self.shift <= 48 and 1 <= self.bound_bits <= 64, "shift and bound")
        require(len(self.coins) == (32 if self.has_noise else 0), "coins")
        if self.has_noise:
            check_noise_table(self.thresholds)
            require(noise_table_name(self.thresholds) == self.noise_table, "another noise table")
        else:
            require(not self.thresholds, "a noise table that the statement does not name")

    def fields(self) -> list[tuple[str, bytes]]:
        """What is absorbed after the name and the context."""
        return [
            ("entries", le64(self.entries)),
            ("shift", le64(self.shift)),
            ("bound-bits", le64(self.bound_bits)),
            ("noise-table", self.noise_table),
            ("coins", self.coins),
        ]

    def system(self) -> System:
        """One domain."""
        self.check()
        inputs = 3 if self.has_noise else 2
        matrices = [Matrix("input", self.entries, INPUT_WIDTH) for _ in range(inputs)]
        domain = DomainBuilder(matrices, log(pad(self.entries)), 0)
        c = self._columns(domain)
        x = linear((1, c.update), (-1, self._rounded_gradient(c)))
        constraints: list[tuple[str, Expression]] = [("point", Product(c.beyond, c.update))]
        constraints += self._rounding(c)
        lookups = []
        if c.noise is None:
            constraints.append(("point", x))
        else:
            one_less = linear((1, c.noise.carry), (-1, Number(1)))
            constraints.append(("point", Product(c.noise.carry, one_less)))
            lookups.append(c.noise.lookup(x))
        split = [c.rem, c.rounded, *((c.noise.above, c.noise.below) if c.noise else ())]
        lookups += [lookup for value in split for lookup in value.lookups]
        sizes = [size for value in split for size in value.sizes]
        table = make_table(ARITY, self._noise_rows(), range_rows(sizes)) if lookups else None
        return System(tuple(matrices), (domain.finish(constraints, lookups, ARITY),), table)

    def _columns(self, domain: DomainBuilder) -> "Columns":
        """All columns, in the order of the specification."""
        gradient, update = domain.add(Full(0)), domain.add(Full(1))
        words = domain.add(Full(2)) if self.has_noise else None
        is_rounded = self.shift > 0
        rem = domain.chunk_columns(self.shift)
        rounded = domain.chunk_columns(self.bound_bits if is_rounded else 0)
        noise = None
        if words is not None:
            carry, above, below = (
                domain.full(),
                domain.chunk_columns(WORD_BITS),
                domain.chunk_columns(WORD_BITS),
            )
            coins = domain.add(ByRow(self._coins(1 << domain.rho)))
            noise = NoiseColumns(words, carry, above, below, coins)
        beyond = (int(j >= self.entries) for j in range(1 << domain.rho))
        return Columns(gradient, update, rem, rounded, noise, domain.add(ByRow(tuple(beyond))))

    def _rounded_gradient(self, c: "Columns") -> Expression:
        """u0: rounded - 2^(B-1) if shift > 0, else gradient."""
        if self.shift == 0:
            return c.gradient
        return linear((1, c.rounded.value), (-1, Number(1 << (self.bound_bits - 1))))

    def _rounding(self, c: "Columns") -> list[tuple[str, Expression]]:
        """2^shift u0 + rem - 2^(shift-1) - gradient = 0 if shift > 0."""
        if self.shift == 0:
            return []
        half, u0 = Number(1 << (self.shift - 1)), self._rounded_gradient(c)
        parts = ((1 << self.shift, u0), (1, c.rem.value), (-1, half), (-1, c.gradient))
        return [("point", linear(*parts))]

    def _coins(self, rows: int) -> tuple[int, ...]:
        return (*stream(self.coins, self.entries), *([0] * (rows - self.entries)))

    def _noise_rows(self) -> list[tuple[int, ...]]:
        radius, thresholds = len(self.thresholds) // 2, (*self.thresholds, 2**WORD_BITS)
        if not self.has_noise:
            return []
        return [
            (NOISE, k, thresholds[k + radius], thresholds[k + radius + 1])
            for k in range(-radius, radius + 1)
        ]
