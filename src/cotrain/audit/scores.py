"""What an audit says of the scores of a run: how far chance reaches in them, and what the pool made of them."""

import math
from dataclasses import dataclass

from cotrain.contribution.payouts import PoolPart
from cotrain.rounds.money import money_of
from cotrain.rounds.state import RunState, ScoreState


@dataclass(frozen=True)
class ScoreAudit:
    """The score of one owner, and what it got for it.

    Attributes:
        released: Its released score; None if it released none.
        noise_sd: Standard deviation of the noise that is added to the score; None without noise or score.
        chance_sd: Standard deviation of all chance in the score: of that noise, and of the noise that its updates
            carry; None without noise or score.
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
    scoring = state.scoring
    if scoring is None:
        return None
    released = scoring.released.get(did)
    noise_sd, chance_sd = (None, None) if released is None else _deviations(state, scoring, did)
    part = None if scoring.payouts is None else scoring.payouts.get(did, PoolPart(0, 0))
    return ScoreAudit(
        released=released,
        noise_sd=noise_sd,
        chance_sd=chance_sd,
        proven=proven,
        part=part,
        paid=part.amount if part is not None and _is_paid(state, did) else 0,
    )


def _deviations(
    state: RunState, scoring: ScoreState, did: str
) -> tuple[float, float] | tuple[None, None]:
    """Return the standard deviations of an owner's score: of its own noise, and of all chance in it.

    An update carries noise of one variance in each entry, so its product with a gradient carries that variance times
    the gradient's square.
    """
    scores, noise = state.derived.scores, state.derived.noise
    if scores is None or scores.variance is None or noise is None:
        return None, None
    rounds = [update.round for update in state.counted[did]]
    squares = float((scoring.gradients[rounds].astype(float) ** 2).sum())
    in_updates = squares * noise.local_variance / 4.0**scores.shift
    return math.sqrt(scores.variance), math.sqrt(scores.variance + in_updates)


def _is_paid(state: RunState, did: str) -> bool:
    return any(
        answered.sent.act.kind == "pool"
        and answered.sent.act.subject == did
        and answered.receipt.succeeded
        for answered in money_of(state).history
    )
