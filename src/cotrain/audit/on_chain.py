"""What a copy of the ledger and the chain, side by side, show against the coordinator (docs/spec/settlement.md).

A copy alone is in order or not: the rules see to it that what it shows, what it anchors and who took part agree. A
chain of others may hold something else than the copy says. On a run's own chain there is nothing to compare with but
the ledger itself, whose transactions are run again.
"""

from collections.abc import Sequence
from pathlib import Path

from cotrain.audit.auditor import AuditReport
from cotrain.rounds.money_state import MoneyState
from cotrain.settlement.anchors import Anchors, read_anchors
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.evidence import find_barred_use, find_false_anchor, read_leavers
from cotrain.settlement.evidence_file import (
    Evidence,
    barred_use_evidence,
    false_anchor_evidence,
)
from cotrain.settlement.terms import ContractTerms


class _LedgerClock:
    """The times that stand on the ledger, one after the other."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time


def chain_of_ledger(money: MoneyState) -> EmbeddedChain:
    """Return a run's own chain as its ledger tells it, in memory; the caller closes it."""
    clock = _LedgerClock()
    chain = EmbeddedChain(Path(":memory:"), money.terms.settlement.chain_id, clock)
    chain.adopt(money.earlier.steps)
    for done in money.history:
        clock.time = done.receipt.time
        chain.send(done.sent.raw)
    return chain


def anchors_on(chain: Chain, money: MoneyState) -> Anchors:
    """Return the anchors of a run that a chain holds.

    Raises:
        OutsideError: the node leaves anchors out.
    """
    first = money.history[0].receipt.block if money.history else 0
    return read_anchors(chain, money.terms, first)


def find_on_chain(
    terms: ContractTerms, copies: Sequence[AuditReport], chain: Chain, anchors: Anchors
) -> Evidence | None:
    """Return the first evidence in audited copies of a ledger beside a chain; None if there is none.

    Args:
        terms: The agreement, as the contract sees it.
        copies: Copies of one run's ledger, audited.
        chain: Where the contract is.
        anchors: What it holds.
    """
    for copy in copies:
        shown = [] if copy.state.money is None else copy.state.money.shown
        pair = find_false_anchor(shown, anchors.made)
        if pair is not None:
            return false_anchor_evidence(terms, *pair)
    leavers = read_leavers(chain, terms)
    for copy in copies:
        takers = {number + 1: owners for number, owners in copy.state.opened}
        used = find_barred_use(terms, anchors.made, leavers, takers)
        if used is not None:
            return barred_use_evidence(terms, used)
    return None
