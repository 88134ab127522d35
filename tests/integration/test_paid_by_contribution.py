"""A run whose pool is divided by scores: each proven, released once, counted or not, and what liars try."""

from pathlib import Path
from typing import Any

from cotrain.agreement.contribution import ContributionTerm, write_rows
from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.flow import run_in_process
from cotrain.rounds.state import Phase
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.statement import ONE_MODEL
from cotrain.testing.world import COORDINATOR, World, build_world, synthetic_rows


def pool_wishes(epsilon: str = "1", floor: int = 20) -> MoneyWishes:
    rows = write_rows(synthetic_rows(7, 20))
    term = ContributionTerm(pool=4000, floor=floor, epsilon=epsilon, rows=rows)
    return MoneyWishes(price=1000, shares={COORDINATOR: 20}, stake_owner=50, contribution=term)


def pool_world(folder: Path, *, epsilon: str | None = "8", floor: int = 20, **more: Any) -> World:
    wishes = Wishes("A pool", rounds=2, epsilon=epsilon, colluders=1, survivors=3)
    part = "0" if epsilon is None else "2"
    money = pool_wishes(part, floor)
    return build_world(folder, wishes=wishes, money=money, assurance="proven", **more)


def test_all(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()
    state = run_in_process(coordinator, parties)
    assert state.phase is Phase.FINISHED

    found = audit(ledger).money

    assert sum(a.earned for a in found.accounts.values()) == 1000 * CREDIT
    assert sum(a.units for a in found.accounts.values()) == ONE_MODEL
