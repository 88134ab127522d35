"""Multilinear polynomials (docs/spec/argument.md, Conventions).

The first variable is the most significant bit of the index.
"""

from collections.abc import Sequence

from reference.field import ORDER, inner, invert


def eq(point: Sequence[int]) -> list[int]:
    """Return the vector of the eq polynomial; (1) for no variables."""
    out = [1]
    for r in point:
        out = [half for one in out for half in ((one - one * r) % ORDER, one * r % ORDER)]
    return out


def eq_at(a: Sequence[int], b: Sequence[int]) -> int:
    """The value of the vector eq(a) at the point b."""
    product = 1
    for x, y in zip(a, b, strict=True):
        product = product * (x * y + (1 - x) * (1 - y)) % ORDER
    return product


def value_at(vector: Sequence[int], point: Sequence[int]) -> int:
    """The value of a vector at a point."""
    return inner(vector, eq(point))


def bind(vector: Sequence[int], x: int) -> list[int]:
    """Set the first variable to x."""
    half = len(vector) // 2
    low, high = vector[:half], vector[half:]
    return [(a + x * (b - a)) % ORDER for a, b in zip(low, high, strict=True)]


def interpolate(values: Sequence[int]) -> list[int]:
    """The coefficients of the polynomial with these values at 0, 1, 2, ... (Lagrange)."""
    out = [0] * len(values)
    for i, value in enumerate(values):
        basis, denominator = [1], 1
        for j in range(len(values)):
            if j != i:
                shifted, scaled = [0, *basis], [*(-j * c for c in basis), 0]
                basis = [a + b for a, b in zip(shifted, scaled, strict=True)]
                denominator *= i - j
        factor = value * invert(denominator)
        out = [(a + factor * b) % ORDER for a, b in zip(out, basis, strict=True)]
    return out
