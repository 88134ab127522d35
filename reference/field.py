"""Integers modulo the group order l (docs/spec/argument.md, Conventions)."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

ORDER = 2**252 + 27742317777372353535851937790883648493


def pad(n: int) -> int:
    """Return the least power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()


def log(n: int) -> int:
    """Return the logarithm of a power of two."""
    if n < 1 or n & (n - 1):
        raise ValueError(f"{n} is not a power of two")
    return n.bit_length() - 1


def inner(a: Iterable[int], b: Iterable[int]) -> int:
    """Return the inner product of two vectors of one length."""
    return sum(x * y for x, y in zip(a, b, strict=True)) % ORDER


def powers(base: int, count: int) -> list[int]:
    """Return base^0, ..., base^(count - 1)."""
    return list(accumulate(range(count - 1), lambda power, _: power * base % ORDER, initial=1))[
        :count
    ]


def invert(x: int) -> int:
    """Return 1/x; raises ZeroDivisionError for zero."""
    if x % ORDER == 0:
        raise ZeroDivisionError("zero has no inverse")
    return pow(x, -1, ORDER)


def invert_all(numbers: Sequence[int]) -> list[int]:
    """Invert many numbers with one inversion: the inverse of their product, taken apart."""
    products = list(accumulate(numbers, lambda a, b: a * b % ORDER, initial=1))
    rest, inverses = invert(products[-1]), [0] * len(numbers)
    for at in range(len(numbers) - 1, -1, -1):
        inverses[at] = rest * products[at] % ORDER
        rest = rest * numbers[at] % ORDER
    return inverses
