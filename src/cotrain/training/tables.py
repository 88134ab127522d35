"""The non-linear functions as public integer tables, computed in exact arithmetic.

Each entry is the correctly rounded value of a real function: an interval of integers encloses the
value, and an entry is accepted only if both ends round to the same integer. No floating point is
involved, so every machine computes the same table; its SHA-256 is its identity. Spec:
docs/spec/training.md, "Tables".
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cotrain.training.algorithm import INDEX_BITS, Algorithm

EXP_BITS = 14
"""The exponential table holds round(2^14 exp(-t/64))."""

_PRECISION = 256
_ONE = 1 << _PRECISION


@dataclass(frozen=True)
class Table:
    """A function on consecutive integers.

    Attributes:
        name: Which function: ``sigmoid`` or ``exp``.
        bits: The values are in units of 2^-bits.
        first: The argument of the first value.
        values: The function at `first`, `first` + 1, and so on.
    """

    name: Literal["exp", "sigmoid"]
    bits: int
    first: int
    values: tuple[int, ...]

    def at(self, index: int) -> int:
        """Return the value at `index`; an index outside the table is an `IndexError`."""
        if not self.first <= index < self.first + len(self.values):
            raise IndexError(f"{index} lies outside the {self.name} table")
        return self.values[index - self.first]

    def as_array(self) -> NDArray[np.int32]:
        """Return the values as int32, as the compiled kernel takes them."""
        return np.array(self.values, dtype=np.int32)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of a header line and the values as little-endian int32."""
        header = f"cotrain/table/1 {self.name} {self.bits} {self.first} {len(self.values)}\n"
        values = self.as_array().astype("<i4").tobytes()
        return hashlib.sha256(header.encode() + values).hexdigest()


def table_for(algorithm: Algorithm) -> Table | None:
    """Return the table that `algorithm` looks its quotients up in; linear needs none."""
    if algorithm.kind == "logistic":
        return sigmoid_table(algorithm.residual_bits, algorithm.index_limit)
    if algorithm.kind == "softmax":
        return exp_table(2 * algorithm.index_limit)
    return None


@lru_cache(maxsize=8)
def sigmoid_table(bits: int, limit: int) -> Table:
    """Return round(2^bits sigmoid((q + 1/2) / 64)) for q = -limit..limit.

    The index q stands for the margins from q/64 to (q+1)/64, hence the midpoint: values are
    unbiased, and p(-1 - q) = 2^bits - p(q).
    """
    odd_powers = _powers(limit + 1, start=1, step=2, denominator=2 << INDEX_BITS)
    upper = [_round_sigmoid(low, high, bits) for low, high in odd_powers]
    lower = [(1 << bits) - value for value in reversed(upper[:limit])]
    return Table("sigmoid", bits, -limit, tuple(lower + upper))


@lru_cache(maxsize=8)
def exp_table(last: int) -> Table:
    """Return round(2^14 exp(-t / 64)) for t = 0..last; zero from t = 666 on."""
    powers = _powers(last + 1, start=0, step=1, denominator=1 << INDEX_BITS)
    values = tuple(_round_scaled(low, high, EXP_BITS) for low, high in powers)
    return Table("exp", EXP_BITS, 0, values)


def _powers(count: int, *, start: int, step: int, denominator: int) -> Iterator[tuple[int, int]]:
    """Yield `count` enclosures of 2^256 exp(-n / denominator) for n = start, start + step, ..."""
    factor = _exp_enclosure(step, denominator)
    low, high = (_ONE, _ONE) if start == 0 else _exp_enclosure(start, denominator)
    for _ in range(count):
        yield low, high
        low = low * factor[0] >> _PRECISION
        high = -(-high * factor[1] >> _PRECISION)


def _exp_enclosure(numerator: int, denominator: int) -> tuple[int, int]:
    """Return integers that enclose 2^256 exp(-numerator / denominator), a fraction of at most 1.

    Each term is the floor of the last one times a ratio, at most 1/2 after the first, so its error
    stays below 2; the alternating rest of the series is below 2 as well. Spec, "Tables".
    """
    term, total, terms = _ONE, 0, 0
    while term:
        total += term if terms % 2 == 0 else -term
        terms += 1
        term = term * numerator // (denominator * terms)
    slack = 2 * terms + 2
    return total - slack, total + slack


def _round_sigmoid(low: int, high: int, bits: int) -> int:
    """Round 2^bits / (1 + x) for every x from low to high, in units of 2^-256."""
    smallest = (_ONE << _PRECISION) // (_ONE + high)
    largest = -(-(_ONE << _PRECISION) // (_ONE + low))
    return _round_scaled(smallest, largest, bits)


def _round_scaled(low: int, high: int, bits: int) -> int:
    """Round 2^bits x to the nearest integer for every x from low to high, in units of 2^-256."""
    half = _ONE >> 1
    value = ((low << bits) + half) >> _PRECISION
    if value != ((high << bits) + half) >> _PRECISION:
        raise ArithmeticError("256 bits do not decide how a table entry rounds")
    return value
