"""S8 contribution (docs/spec/statements.md): a rounded inner product with updates, plus noise of one word."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from reference.building import (
    INPUT_WIDTH,
    NOISE,
    Chunked,
    DomainBuilder,
    chunks,
    le64,
    make_table,
    range_rows,
    require,
)
from reference.chacha20 import words as stream
from reference.field import log, pad
from reference.system import (
    ByColumn,
    Column,
    Domain,
    Expression,
    Full,
    Matrix,
    Number,
    Product,
    ProductColumn,
    Row,
    System,
    linear,
    made_matrix,
)
from reference.tables import check_noise_table, noise_table_name

NAME = "cotrain/statement/contribution/1"
ARITY = 4
WORD_BITS = 64
MOST = 8


def gradients_name(gradients: Sequence[int]) -> bytes:
    """SHA-256 of the validation gradients, round after round, as little-endian int32."""
    return hashlib.sha256(
        b"".join(v.to_bytes(4, "little", signed=True) for v in gradients)
    ).digest()


@dataclass(frozen=True)
class Contribution:
    """The fields, and what `gradients` and `noise_table` name."""

    rounds: int
    entries: int
    gradients: bytes
    shift: int
    noise_table: bytes
    coins: bytes
    score: int
    validation: tuple[int, ...]
    thresholds: tuple[int, ...]

    @property
    def has_noise(self) -> bool:
        """Whether the score is released with noise."""
        return bool(self.noise_table)

    @property
    def word_row(self) -> int:
        """The number p: entries under the first point of the words."""
        return min(INPUT_WIDTH, pad(self.entries))

    @property
    def rem_sizes(self) -> list[int]:
        """The chunks of rem."""
        return chunks(self.shift, MOST)

    def check(self) -> None:
        """Refuse numbers that no honest caller gives."""
        require(1 <= self.rounds <= 4096, "number of rounds")
        require(1 <= self.entries <= 2**20, "number of entries")
        require(self.rounds * self.entries <= 2**26, "entries of all rounds")
        require(len(self.validation) == self.rounds * self.entries, "validation gradients")
        require(all(-(2**31) <= v < 2**31 for v in self.validation), "validation gradients")
        require(gradients_name(self.validation) == self.gradients, "other validation gradients")
        require(0 <= self.shift <= 48, "shift")
        require(-(2**63) <= self.score < 2**63, "score")
        require(len(self.coins) == (32 if self.has_noise else 0), "coins")
        if self.has_noise:
            check_noise_table(self.thresholds)
            require(noise_table_name(self.thresholds) == self.noise_table, "another noise table")
        else:
            require(not self.thresholds, "a noise table that the statement does not name")

    def fields(self) -> list[tuple[str, bytes]]:
        """What is absorbed after the name and the context."""
        return [
            ("rounds", le64(self.rounds)),
            ("entries", le64(self.entries)),
            ("gradients", self.gradients),
            ("shift", le64(self.shift)),
            ("noise-table", self.noise_table),
            ("coins", self.coins),
            ("score", le64(self.score)),
        ]

    def system(self) -> System:
        """One or two domains."""
        self.check()
        matrices = [Matrix("input", self.entries, INPUT_WIDTH) for _ in range(self.rounds)]
        if self.has_noise:
            matrices.append(Matrix("input", self.word_row, INPUT_WIDTH))
        first = len(matrices)
        witnesses = len(self.rem_sizes)
        if self.has_noise:
            witnesses += 2 + 2 * len(chunks(WORD_BITS, MOST))
        matrices += [made_matrix("witness", 1) for _ in range(witnesses)]
        domains = [self._sum(matrices, first)]
        table = None
        if witnesses:
            domains.append(self._draw(matrices, first))
            sizes = self.rem_sizes + (chunks(WORD_BITS, MOST) if self.has_noise else [])
            table = make_table(ARITY, self._noise_rows(), range_rows(sizes))
        return System(tuple(matrices), tuple(domains), table)

    def _sum(self, matrices: list[Matrix], first: int) -> Domain:
        """The sum of v_t U_t over rounds and entries is S."""
        domain = DomainBuilder(matrices, 0, log(pad(self.entries)))
        updates = [domain.add(Full(t)) for t in range(self.rounds)]
        n, beyond = self.entries, (0,) * (pad(self.entries) - self.entries)
        validation = [
            domain.add(ByColumn(self.validation[t * n : (t + 1) * n] + beyond))
            for t in range(self.rounds)
        ]
        sizes = self.rem_sizes
        rem = Chunked([domain.add(Row(first + m)) for m in range(len(sizes))], sizes)
        x = domain.add(Row(first + len(sizes))) if self.has_noise else None
        at_first = domain.add(ByColumn((1,) + (0,) * (pad(n) - 1)))
        parts: list[tuple[int, Expression]] = [
            (1, Product(v, u)) for v, u in zip(validation, updates, strict=True)
        ]
        total = linear(*parts, (-1, Product(at_first, self._claimed(rem, x))))
        return domain.finish([("row", total)], [], ARITY)

    def _claimed(self, rem: Chunked, x: Column | None) -> Expression:
        """S = 2^shift (y - x) + rem - 2^(shift-1)."""
        parts: list[tuple[int, Expression]] = [(1 << self.shift, Number(self.score))]
        if x is not None:
            parts.append((-(1 << self.shift), x))
        if self.shift > 0:
            parts += [(1, rem.value), (-1, Number(1 << (self.shift - 1)))]
        return linear(*parts)

    def _draw(self, matrices: list[Matrix], first: int) -> Domain:
        """One place: rem is a number of shift bits, x is what the word draws."""
        domain = DomainBuilder(matrices, 0, 0)
        columns = [domain.add(Full(m)) for m in range(first, len(matrices))]
        sizes = self.rem_sizes
        rem, rest = Chunked(columns[: len(sizes)], sizes), columns[len(sizes) :]
        if not self.has_noise:
            return domain.finish([], rem.lookups, ARITY)
        wide = chunks(WORD_BITS, MOST)
        x, carry, limbs = rest[0], rest[1], rest[2:]
        above, below = Chunked(limbs[: len(wide)], wide), Chunked(limbs[len(wide) :], wide)
        word = domain.add(ProductColumn(self.rounds, self.word_row, (((0, 1),),)))
        known = Number(2**63 + stream(self.coins, 1)[0])
        a = linear((1, word), (1, known), (-(2**WORD_BITS), carry))
        low = linear((1, a), (-1, above.value))
        high = linear((1, a), (1, below.value), (1, Number(1)))
        lookups: list[tuple[Expression, ...]] = [(Number(NOISE), x, low, high)]
        lookups += [lookup for value in (rem, above, below) for lookup in value.lookups]
        binary = Product(carry, linear((1, carry), (-1, Number(1))))
        return domain.finish([("point", binary)], lookups, ARITY)

    def _noise_rows(self) -> list[tuple[int, ...]]:
        radius, thresholds = len(self.thresholds) // 2, (*self.thresholds, 2**WORD_BITS)
        if not self.has_noise:
            return []
        return [
            (NOISE, k, thresholds[k + radius], thresholds[k + radius + 1])
            for k in range(-radius, radius + 1)
        ]
