"""What an audit says of the scores of a run: how far chance reaches in them, and what the pool made of them."""

import math
from dataclasses import dataclass

from cotrain.contribution.payouts import PoolPart
from cotrain.rounds.money import money_of
from cotrain.rounds.state import RunState


@dataclass(frozen=True)
class ScoreAudit:
    """The score of one owner, and what it got for it.

    Attributes:
        released: Its released score; None if it released none.
        noise_sd: Standard deviation of the noise that is added to the score; None without noise.
        chance_sd: Standard deviation of all chance in the score: of that noise, and of the noise that its updates
            carry; None without noise.
        proven: Whether the proof of the score was verified.
        part: What the pool gives it; None before the scores were closed.
        paid: How much money of that part the contract paid out.
    """

    released: int | None
    noise_sd: float | None
    chance_sd: float | None
    proven: bool
    part: PoolPart | None
    paid: int


def audit_score(state: RunState, did: str, *, proven: bool) -> ScoreAudit | None:
    """Return what the ledger says of an owner's score; None where none are released, or not yet."""
    scoring, scores = state.scoring, state.derived.scores
    if scoring is None or scores is None:
        return None
    part = None if scoring.payouts is None else scoring.payouts.get(did, PoolPart(0, 0))
    return ScoreAudit(
        released=scoring.released.get(did),
        noise_sd=None if scores.variance is None else math.sqrt(scores.variance),
        chance_sd=_chance(state, did),
        proven=proven,
        part=part,
        paid=part.amount if part is not None and _is_paid(state, did) else 0,
    )


def _chance(state: RunState, did: str) -> float | None:
    """Return the standard deviation of all chance in an owner's score, in the unit of released scores.

    An update carries noise of one variance in each entry, so its product with a gradient carries that variance times
    the gradient's square.
    """
    plan, scoring = state.derived, state.scoring
    if scoring is None or plan.scores is None or plan.scores.variance is None or plan.noise is None:
        return None
    rounds = [update.round for update in state.counted.get(did, [])]
    squares = float((scoring.gradients[rounds].astype(float) ** 2).sum())
    return math.sqrt(
        plan.scores.variance + squares * plan.noise.local_variance / 4.0**plan.scores.shift
    )


def _is_paid(state: RunState, did: str) -> bool:
    return any(
        answered.sent.act.kind == "pool"
        and answered.sent.act.subject == did
        and answered.receipt.succeeded
        for answered in money_of(state).history
    )
