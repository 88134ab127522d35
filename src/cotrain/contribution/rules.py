"""How a pool of money is divided among owners; whole numbers, every unit given, nobody below zero."""

from collections.abc import Mapping

from cotrain.errors import UsageError

Split = dict[str, int]


def divide(pool: int, weights: Mapping[str, int]) -> Split:
    """Divide a pool in proportion to weights, by largest remainders; ties go to the smaller name.

    Args:
        pool: What is divided, 0 or more.
        weights: did to weight, 0 or more; equal parts if all are 0.

    Raises:
        UsageError: there is nobody, or a number below 0.
    """
    if not weights or pool < 0 or min(weights.values()) < 0:
        raise UsageError(
            "payout-bad-numbers", "a pool is divided among somebody, by weights of 0 or more"
        )
    total = sum(weights.values())
    if total == 0:
        return divide(pool, dict.fromkeys(weights, 1))
    parts = {did: pool * weight // total for did, weight in weights.items()}
    left = pool - sum(parts.values())
    order = sorted(weights, key=lambda did: (-(pool * weights[did] % total), did))
    for did in order[:left]:
        parts[did] += 1
    return parts


def equal_parts(pool: int, owners: Mapping[str, object]) -> Split:
    """Divide a pool equally among owners."""
    return divide(pool, dict.fromkeys(owners, 1))


def by_rows(pool: int, rows: Mapping[str, int]) -> Split:
    """Divide a pool by numbers of registered rows: what parties would agree on who trust each other's tables."""
    return divide(pool, rows)
