"""Two copies of one run's ledger: whether one continues the other, and what it proves if not.

Both copies are audited first. If they part, the coordinator signed two histories, since it signed both last
checkpoints. Where money is moved it may also have signed, with its account, two ledgers for one round: that is
evidence which the contract takes (docs/spec/settlement.md, "Evidence").
"""

from dataclasses import dataclass
from typing import Final

from cotrain.audit.auditor import AuditReport
from cotrain.errors import ForgeryError
from cotrain.ledger.store import Ledger
from cotrain.settlement.evidence import ShownCheckpoint, find_split
from cotrain.settlement.evidence_file import Evidence, split_evidence

_PAGE: Final = 256


@dataclass(frozen=True)
class Parting:
    """Where two copies of a ledger part.

    Attributes:
        entry: The first entry that differs.
        split: Two ledgers that the coordinator's account signed for one round, if there are such.
    """

    entry: int
    split: tuple[ShownCheckpoint, ShownCheckpoint] | None


def find_parting(
    ours: Ledger, theirs: Ledger, reports: tuple[AuditReport, AuditReport]
) -> Parting | None:
    """Return where two audited copies part; None if one continues the other.

    Raises:
        ForgeryError: they are ledgers of two runs.
    """
    one, other = reports
    if one.run != other.run:
        raise ForgeryError(
            "audit-copies-of-two-runs",
            f"the copies are of two runs, {one.run[:16]} and {other.run[:16]}",
            meaning="Each is in order by itself; they say nothing about each other.",
            hint="Give two copies of one run's ledger.",
        )
    entry = _first_difference(ours, theirs)
    if entry is None:
        return None
    money = one.state.money, other.state.money
    shown = [[] if side is None else side.shown for side in money]
    return Parting(entry, find_split(*shown))


def evidence(report: AuditReport, parting: Parting) -> Evidence | None:
    """Return what anybody can bring to the contract: the two checkpoints, and the call that slashes."""
    money = report.state.money
    if money is None or parting.split is None:
        return None
    return split_evidence(money.terms, *parting.split)


def _first_difference(ours: Ledger, theirs: Ledger) -> int | None:
    size = min(ours.size, theirs.size)
    for start in range(0, size, _PAGE):
        stop = min(start + _PAGE, size)
        pairs = zip(ours.entries(start, stop), theirs.entries(start, stop), strict=True)
        for place, (one, other) in enumerate(pairs, start):
            if one != other:
                return place
    return None
