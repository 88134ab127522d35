"""How much noise a wanted guarantee needs: from (epsilon, delta, rounds) to each party's variance.

Each party adds Skellam noise of the same variance. Whoever looks at the sum may know some of it:
colluders know their own noise, and parties that drop out add none. The plan therefore makes the
noise of the remaining honest parties alone sufficient. Steps as in
``docs/spec/privacy-accounting.md``, section 5.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from cotrain.errors import ForgeryError, RefusedError, UsageError
from cotrain.privacy.rdp import Accountant, Sensitivity, SkellamEvent
from cotrain.privacy.shared_noise import split_sensitivity
from cotrain.privacy.skellam import MAX_VARIANCE, build_table

DERIVE_MARGIN: Final = 1e-6
"""Relative distance that a derived plan keeps from the target; a verifier asks for none of it."""

_TOLERANCE = (
    1e-9  # between two machines' figures for the same numbers; their floats differ by < 1e-12
)
_STRIDE = 2_000  # places of the grid, a factor below 3, in the search upwards
_GUARANTEE_GRID = 1_000_000  # guaranteed epsilons are rounded up to multiples of its inverse


@dataclass(frozen=True)
class PrivacyTarget:
    """What is wanted: (epsilon, delta)-differential privacy per record, for all rounds together."""

    epsilon: float
    delta: float
    rounds: int

    def __post_init__(self) -> None:
        if not (0 < self.epsilon < math.inf and 0 < self.delta < 1 and self.rounds >= 1):
            raise UsageError("privacy-bad-target", f"{self} is not a privacy target")


@dataclass(frozen=True)
class Crowd:
    """Who takes part, and how many of them the guarantee may not count on.

    Attributes:
        parties: Number of parties that add noise.
        colluders: How many of them may pool what they know, their own noise included.
        dropouts: How many of them may be missing from a round.
    """

    parties: int
    colluders: int
    dropouts: int

    def __post_init__(self) -> None:
        if self.parties < 1 or min(self.colluders, self.dropouts) < 0:
            raise UsageError("privacy-bad-crowd", f"{self} is not a crowd")

    @property
    def honest(self) -> int:
        """Number of parties whose noise is surely in the sum and surely unknown.

        Raises:
            RefusedError: ``privacy-no-honest-party`` if there may be none.
        """
        honest = self.parties - self.colluders - self.dropouts
        if honest < 1:
            raise RefusedError(
                "privacy-no-honest-party",
                f"{self.parties} parties less {self.colluders} colluders and "
                f"{self.dropouts} dropouts leave {honest}",
                meaning="No amount of noise protects a record when nobody's noise is unknown.",
                hint="Invite more parties, or tolerate fewer colluders or dropouts.",
            )
        return honest


def local_variance(total: int, crowd: Crowd) -> int:
    """Return the variance each party adds so that the honest survivors reach `total`."""
    return -(-total // crowd.honest)


def calibrate(target: PrivacyTarget, sensitivity: Sensitivity, honest: int) -> int:
    """Return the smallest total variance, of four significant digits, that reaches `target`.

    Args:
        target: The guarantee, over all its rounds.
        sensitivity: Of one round's sum.
        honest: Number of parties whose noise makes up the total.

    Raises:
        RefusedError: ``privacy-out-of-reach`` if no variance below `honest` x `MAX_VARIANCE` does.
    """
    found = smallest_variance(
        lambda total: _reaches(target, sensitivity, honest, total), honest * MAX_VARIANCE
    )
    if found is None:
        raise _out_of_reach(target, sensitivity)
    return found


def smallest_variance(reaches: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest variance of four significant digits for which `reaches` holds; None if none up to `most`.

    Args:
        reaches: Tells whether a variance is enough; true for all larger ones if for one.
        most: The largest variance to try.
    """
    low, high = 0, 1
    while not reaches(_grid(high)):
        low, high = high, min(2 * high, high + _STRIDE)
        if _grid(high) > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(_grid(middle)) else (middle, high)
    return _grid(high)


def _grid(index: int) -> int:
    """Return the `index`-th integer of four significant digits: 1, ..., 9999, 10000, 10010, ..."""
    if index < 10_000:
        return index
    exponent, mantissa = divmod(index - 10_000, 9_000)
    return (1_000 + mantissa) * int(10 ** (exponent + 1))


def _reaches(target: PrivacyTarget, sensitivity: Sensitivity, honest: int, total: int) -> bool:
    event = SkellamEvent(sensitivity, -(-total // honest), honest, target.rounds)
    return Accountant().after([event]).epsilon(target.delta) <= target.epsilon * (1 - DERIVE_MARGIN)


def _out_of_reach(target: PrivacyTarget, sensitivity: Sensitivity) -> RefusedError:
    return RefusedError(
        "privacy-out-of-reach",
        f"no noise that can be sampled makes {target.rounds} rounds "
        f"({target.epsilon}, {target.delta})-private at {sensitivity}",
        meaning="It would be too much for a sampling table, or the sampling error exceeds delta.",
        hint="Round more coarsely, run fewer rounds, or allow a larger epsilon or delta.",
    )


@dataclass(frozen=True)
class NoisePlan:
    """All numbers of a run's noise, as every party derives or checks them before it signs.

    Attributes:
        target: The guarantee that was asked for.
        crowd: The parties, and how many may collude or drop out.
        sensitivity: Of one round's sum.
        scored: Whether a score of each owner is released too; then the noise is counted owner by owner
            (`cotrain.privacy.shared_noise`), and there is a little more of it.
        total_variance: Variance per entry that the honest survivors reach at least.
        local_variance: Variance per entry of each party's noise.
        table_radius: Largest noise value K that a party can draw.
        epsilon_outside: Guaranteed against outsiders when everybody takes part honestly; rounded
            up.
        epsilon_worst: Guaranteed against `colluders` parties when `dropouts` others are missing;
            rounded up.
    """

    target: PrivacyTarget
    crowd: Crowd
    sensitivity: Sensitivity
    scored: bool
    total_variance: int
    local_variance: int
    table_radius: int
    epsilon_outside: float
    epsilon_worst: float

    @classmethod
    def derive(
        cls, target: PrivacyTarget, crowd: Crowd, sensitivity: Sensitivity, *, scored: bool = False
    ) -> Self:
        """Return the plan with the least noise, the same on every machine.

        Raises:
            RefusedError: ``privacy-no-honest-party`` or ``privacy-out-of-reach``.
        """
        if scored:
            local = calibrate(target, split_sensitivity(sensitivity, crowd.honest), 1)
            total = local * crowd.honest
        else:
            total = calibrate(target, sensitivity, crowd.honest)
            local = local_variance(total, crowd)
        outside, worst = (
            _epsilon(target, _event(sensitivity, local, honest, scored=scored))
            for honest in (crowd.parties, crowd.honest)
        )
        return cls(
            target=target,
            crowd=crowd,
            sensitivity=sensitivity,
            scored=scored,
            total_variance=total,
            local_variance=local,
            table_radius=build_table(local).radius,
            epsilon_outside=_round_up(outside),
            epsilon_worst=_round_up(worst),
        )

    def event(self) -> SkellamEvent:
        """Return what one round costs a record in the worst case, for the owner's budget."""
        return _event(self.sensitivity, self.local_variance, self.crowd.honest, scored=self.scored)

    def verify(self) -> None:
        """Check every number of a plan that somebody else derived.

        Raises:
            ForgeryError: ``privacy-false-plan`` if a number does not follow, or a guarantee does
                not hold.
        """
        self._claim(
            self.local_variance == local_variance(self.total_variance, self.crowd), "local variance"
        )
        self._claim(self.table_radius == build_table(self.local_variance).radius, "table radius")
        worst = _epsilon(self.target, self.event())
        everybody = _event(
            self.sensitivity, self.local_variance, self.crowd.parties, scored=self.scored
        )
        outside = _epsilon(self.target, everybody)
        self._claim(worst <= self.target.epsilon, f"target: the plan costs epsilon {worst:.6f}")
        self._claim(worst <= self.epsilon_worst + _TOLERANCE, "worst-case epsilon")
        self._claim(outside <= self.epsilon_outside + _TOLERANCE, "outsiders' epsilon")

    def _claim(self, holds: bool, what: str) -> None:
        if not holds:
            raise ForgeryError(
                "privacy-false-plan",
                f"the noise plan does not keep its {what}",
                meaning="Whoever drafted it derived it wrongly, or wants less noise than agreed.",
                hint="Do not sign; derive the plan yourself and compare.",
            )


def _event(sensitivity: Sensitivity, local: int, honest: int, *, scored: bool) -> SkellamEvent:
    """Return one round: noise of `honest` owners in one sum, or beside scores that each of them moves for itself."""
    if scored:
        return SkellamEvent(split_sensitivity(sensitivity, honest), local, 1)
    return SkellamEvent(sensitivity, local, honest)


def _epsilon(target: PrivacyTarget, event: SkellamEvent) -> float:
    return Accountant().after([event.repeated(target.rounds)]).epsilon(target.delta)


def _round_up(epsilon: float) -> float:
    """Round up to six decimals; infinity stays."""
    if math.isinf(epsilon):
        return epsilon
    return math.ceil(epsilon * _GUARANTEE_GRID) / _GUARANTEE_GRID
