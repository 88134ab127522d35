"""Print how likely a drawn committee of key holders has more colluders than it tolerates (ADR 11).

Run ``python docs/adr/committee_odds.py``. Exact: a committee of `HOLDERS` is drawn without replacement from n
owners of whom c collude, so the number of colluders in it is hypergeometric.
"""  # noqa: INP001 - a script

from fractions import Fraction
from math import log2

from cotrain.agreement.committee import committee_excess

HOLDERS = 20
TOLERATED = 11
THRESHOLD = (HOLDERS + TOLERATED) // 2 + 1
ROUNDS = 100
SHARES = (Fraction(1, 10), Fraction(1, 5), Fraction(1, 3))


def shown(chance: Fraction) -> str:
    """Return a probability and its logarithm."""
    return f"{float(chance):.2g} (2^{log2(chance):.1f})" if chance else "0"


def table() -> str:
    """Return the table of ADR 11."""
    columns = (
        "owners",
        "colluders",
        f"over {TOLERATED}, one round",
        f"over {TOLERATED}, {ROUNDS} rounds, at most",
        f"{THRESHOLD} or more, one round",
    )
    lines = [f"| {' | '.join(columns)} |", "|---|---|---|---|---|"]
    for owners in (50, 100, 1000):
        for share in SHARES:
            colluders = int(owners * share)
            split = committee_excess(owners, colluders, HOLDERS, TOLERATED)
            alone = committee_excess(owners, colluders, HOLDERS, THRESHOLD - 1)
            over = min(Fraction(1), ROUNDS * split)
            lines.append(
                f"| {owners} | {colluders} | {shown(split)} | {shown(over)} | {shown(alone)} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201 - a script
