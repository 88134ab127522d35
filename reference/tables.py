"""Public tables: sigmoid and exp (docs/spec/training.md, Tables), noise (docs/spec/noise.md)."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise

from reference.errors import Refused

EXP_BITS = 14
DIGITS = 60


def sigmoid_table(bits: int, limit: int) -> list[int]:
    """T(q) = round(2^f / (1 + exp(-(2q+1)/128))), q = -L..L."""

    def entry(q: int) -> Decimal:
        return Decimal(2**bits) / (1 + (Decimal(-(2 * q + 1)) / 128).exp())

    return [_nearest(entry, q) for q in range(-limit, limit + 1)]


def exp_table(limit: int) -> list[int]:
    """X(t) = round(2^14 exp(-t/64)), t = 0..2L."""

    def entry(t: int) -> Decimal:
        return Decimal(2**EXP_BITS) * (Decimal(-t) / 64).exp()

    return [_nearest(entry, t) for t in range(2 * limit + 1)]


def _nearest(entry: Callable[[int], Decimal], index: int) -> int:
    """Round to the nearest integer; fail if the digits do not decide it."""
    with localcontext() as context:
        context.prec = DIGITS
        value, doubt = entry(index), Decimal(10) ** -(DIGITS // 2)
        low = (value - doubt).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        high = (value + doubt).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    if low != high:
        raise ArithmeticError(f"entry {index} of a table is too close to a half")
    return int(low)


def table_name(name: str, bits: int, first: int, values: Sequence[int]) -> bytes:
    """The SHA-256 that names a sigmoid or exp table."""
    line = f"cotrain/table/1 {name} {bits} {first} {len(values)}\n".encode()
    return hashlib.sha256(line + struct.pack(f"<{len(values)}i", *values)).digest()


def check_noise_table(thresholds: Sequence[int]) -> None:
    """Section 4, step 2: which tables are accepted."""
    radius, odd = divmod(len(thresholds), 2)
    ascending = all(a <= b for a, b in pairwise(thresholds))
    if not odd or radius < 1 or thresholds[0] != 0 or not ascending:
        raise Refused("statement-shape", "not a noise table")
    right = thresholds[radius + 1 :]
    left = thresholds[1 : radius + 1][::-1]
    if any(a != 2**64 - b or not a for a, b in zip(right, left, strict=True)):
        raise Refused("statement-shape", "a noise table is symmetric")


def noise_table_name(thresholds: Sequence[int]) -> bytes:
    """The SHA-256 of the thresholds."""
    return hashlib.sha256(struct.pack(f"<{len(thresholds)}Q", *thresholds)).digest()
