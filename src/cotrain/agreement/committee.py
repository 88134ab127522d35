"""How likely a drawn committee of key holders has more colluders than it tolerates.

A committee is drawn without replacement, so its number of colluders is hypergeometric; all is exact. The reasons for
the limit are in docs/adr/0011-rounds-and-complaints.md.
"""

from fractions import Fraction
from math import comb
from typing import Final

MAX_COMMITTEE_EXCESS: Final = Fraction(1, 2**20)
"""Largest probability, in one round, that an agreement may leave to a committee with too many colluders."""


def committee_excess(owners: int, colluders: int, holders: int, tolerated: int) -> Fraction:
    """Return the probability that more than `tolerated` of the drawn holders collude.

    Args:
        owners: Those among whom the committee is drawn; when they are no more than `holders`, all hold shares.
        colluders: How many of them collude.
        holders: Size of the committee.
        tolerated: How many colluders it tolerates.
    """
    drawn = min(owners, holders)
    ways = sum(
        comb(colluders, found) * comb(owners - colluders, drawn - found)
        for found in range(tolerated + 1, min(colluders, drawn) + 1)
    )
    return Fraction(ways, comb(owners, drawn))
