"""Committed values: what the verifier knows of them is a combination of points.

A value of the argument is a number when it is public, and `Committed` when it is not.
"""

from dataclasses import dataclass

from reference.field import ORDER

# A point that combinations are made of: ("V", 0), ("H", 0), ("G", i), or ("point", n), the n-th
# point of the inputs and the proof.
Base = tuple[str, int]
V: Base = ("V", 0)
H: Base = ("H", 0)


@dataclass(frozen=True)
class Committed:
    """The sum of coefficient times point, over `terms`."""

    terms: dict[Base, int]


Value = int | Committed


def lift(value: Value) -> Committed:
    """A public number as a commitment with blinding zero."""
    return value if isinstance(value, Committed) else Committed({V: value % ORDER})


def combine(*pairs: tuple[int, Value]) -> Value:
    """The linear combination of (coefficient, value); a number if all values are."""
    if not any(isinstance(value, Committed) for _, value in pairs):
        return sum(factor * value for factor, value in pairs if isinstance(value, int)) % ORDER
    return commit_combination(*pairs)


def commit_combination(*pairs: tuple[int, Value]) -> Committed:
    """The linear combination of (coefficient, value), as a commitment."""
    terms: dict[Base, int] = {}
    for factor, value in pairs:
        for base, coefficient in lift(value).terms.items():
            terms[base] = (terms.get(base, 0) + factor * coefficient) % ORDER
    return Committed(terms)
