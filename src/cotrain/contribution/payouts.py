"""What the pool of a run gives to whom: by scores, and a part of it by rounds (docs/spec/contribution.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from cotrain.contribution.rules import divide


@dataclass(frozen=True)
class PoolPart:
    """What one owner gets out of the pool.

    Attributes:
        amount: Of money, in the smallest unit of the token.
        units: Of the model's shares.
    """

    amount: int
    units: int


@dataclass(frozen=True)
class Standing:
    """What counts for one owner when the pool is divided.

    Attributes:
        rounds: Opened sums that its update was in.
        score: Its released score; None if it released none.
        withdrew: Whether it withdrew its data before the end, so that it could release none.
    """

    rounds: int
    score: int | None
    withdrew: bool


def divide_pool(
    amount: int, units: int, floor_percent: int, standings: Mapping[str, Standing]
) -> dict[str, PoolPart]:
    """Divide money and units of a pool among owners; every unit is given.

    The floor goes by rounds to all who released a score or withdrew, the rest by scores to those who released one.
    Silence gives nothing. If nobody released a score, all of it goes by rounds, to everybody.

    Args:
        amount: Money in the pool.
        units: Units of the model's shares in the pool.
        floor_percent: Percent of both that goes by rounds.
        standings: Of every owner that was in an opened sum; at least one.
    """
    scored = {did: max(0, s.score) for did, s in standings.items() if s.score is not None}
    faithful = {did: s.rounds for did, s in standings.items() if s.score is not None or s.withdrew}
    if not scored:
        scored = {did: standing.rounds for did, standing in standings.items()}
        floor_percent = 0
    money = _divide(amount, floor_percent, faithful, scored)
    shares = _divide(units, floor_percent, faithful, scored)
    parts = {did: PoolPart(money.get(did, 0), shares.get(did, 0)) for did in standings}
    return {did: part for did, part in parts.items() if part.amount or part.units}


def _divide(
    whole: int, floor_percent: int, by_rounds: Mapping[str, int], by_score: Mapping[str, int]
) -> dict[str, int]:
    floor = whole * floor_percent // 100
    parts = divide(floor, by_rounds) if floor else {}
    merit = divide(whole - floor, by_score)
    return {did: parts.get(did, 0) + merit.get(did, 0) for did in {**parts, **merit}}
