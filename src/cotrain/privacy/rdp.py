"""What a release of noisy sums costs: events say what happened, an accountant says what it costs.

The Renyi bound is Corollary 3.6 of Agarwal, Kairouz, Liu, "The Skellam Mechanism for
Differentially Private Federated Learning" (NeurIPS 2021), for integer orders; its ``mu`` is the
variance of the noise. Costs of releases add up order by order. Conversion to (epsilon, delta) is
that of Canonne, Kamath, Steinke (2020), Proposition 12, as computed by dp-accounting. All is exact
or rounded up: ``docs/spec/privacy-accounting.md``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Self

import numpy as np

from cotrain.errors import UsageError
from cotrain.privacy.sampling_error import sum_error
from cotrain.privacy.skellam import check_variance

ORDERS: Final = (
    *range(2, 65),
    *range(68, 129, 4),
    *range(144, 257, 16),
    *range(320, 1025, 64),
    *(2048, 4096, 8192, 16384, 65536),
)
"""The orders at which costs are kept: part of the specification, so that all parties agree."""

_SLACK = 1e-9  # above any rounding error of a dozen float operations on numbers below 10^5
_ROUNDS_OF_ITERATION = 200  # two suffice unless the sampling error nearly exhausts delta
_GRID = 1 << 96  # costs are multiples of this fraction, so that sums stay small


@dataclass(frozen=True)
class Sensitivity:
    """How much one record can change the integer vector that is released.

    Attributes:
        l2: Bound of the change's Euclidean norm, a positive integer.
        l1: Bound of the sum of its absolute values, a positive integer.
        dimension: Number of entries of the vector.
    """

    l2: int
    l1: int
    dimension: int

    def __post_init__(self) -> None:
        if min(self.l2, self.l1, self.dimension) < 1:
            raise UsageError("privacy-bad-sensitivity", f"{self} has a number below 1")


def bound_sensitivity(
    residual_bound: int, row_bound: int, shift: int, dimension: int
) -> Sensitivity:
    """Return the sensitivity of the rounded gradient sum under zero-out adjacency.

    Neighbours: one record replaced by the all-zero padding row; the number of rows is public.
    Replacing a record by another one is two such steps: it has at most twice this sensitivity.

    Args:
        residual_bound: Bound of a record's residual (for softmax: times sqrt 2, rounded up, by the
            caller).
        row_bound: Bound C of a record's Euclidean norm.
        shift: The sum of all gradients is divided by ``2^shift`` and rounded to the nearest
            integer.
        dimension: Number of entries of the gradient.

    Raises:
        UsageError: ``privacy-bad-sensitivity``.
    """
    if min(residual_bound, row_bound, dimension) < 1 or shift < 0:
        raise UsageError(
            "privacy-bad-sensitivity",
            f"no sensitivity for residual {residual_bound}, row {row_bound}, shift {shift}, "
            f"dimension {dimension}",
        )
    l2 = -(-residual_bound * row_bound // (1 << shift))
    if shift:  # rounding moves each entry of the change by less than 1
        l2 += 1 + math.isqrt(dimension - 1)
    # Cauchy-Schwarz; and |x| <= x^2 for integers. An integer norm's bound may be floored.
    l1 = min(math.isqrt(dimension * l2 * l2), l2 * l2)
    return Sensitivity(l2=l2, l1=l1, dimension=dimension)


@dataclass(frozen=True)
class SkellamEvent:
    """What happened: `count` releases of a vector plus the summed noise of `honest` parties.

    Attributes:
        sensitivity: Of the released vector.
        local_variance: Variance of the noise that each honest party adds to each entry.
        honest: Number of parties whose noise the observer does not know, at least 1.
        count: Number of releases, at least 1.
    """

    sensitivity: Sensitivity
    local_variance: int
    honest: int
    count: int = 1

    def __post_init__(self) -> None:
        check_variance(self.local_variance)
        if min(self.honest, self.count) < 1:
            raise UsageError(
                "privacy-bad-event", f"{self.count} releases with noise of {self.honest} parties"
            )

    @property
    def variance(self) -> int:
        """Variance of the noise on each entry of the released sum."""
        return self.honest * self.local_variance

    def repeated(self, times: int) -> Self:
        """Return this event happening `times` as often."""
        return replace(self, count=self.count * times)


def renyi_cost(event: SkellamEvent, order: int) -> Fraction:
    """Return an upper bound of the Renyi divergence of integer `order` > 1 between neighbours.

    It is ``count (a D2^2 / 2m + min(((2a - 1) D2^2 + 6 D1) / 4m^2, 3 D1 / 2m))``, rounded up to a
    multiple of 2^-96; exact Skellam noise is assumed here.

    Raises:
        UsageError: ``privacy-bad-order``.
    """
    if order < 2:
        raise UsageError(
            "privacy-bad-order", f"the Skellam bound holds for integers from 2, not {order}"
        )
    square, l1 = event.sensitivity.l2**2, event.sensitivity.l1
    gaussian = Fraction(order * square, 2 * event.variance)
    excess = min(
        Fraction((2 * order - 1) * square + 6 * l1, 4 * event.variance**2),
        Fraction(3 * l1, 2 * event.variance),
    )
    exact = event.count * (gaussian + excess)
    return Fraction(math.ceil(exact * _GRID), _GRID)


def total_variation(event: SkellamEvent) -> Fraction:
    """Return a bound of the distance between sampled and exact noise, over all releases."""
    per_entry = sum_error(event.local_variance, event.honest)
    return event.count * event.sensitivity.dimension * per_entry


@dataclass(frozen=True)
class Accountant:
    """What events cost together; immutable, so that a price can be asked before it is paid.

    Attributes:
        costs: For each of `ORDERS`, the sum of `renyi_cost`.
        distance: The sum of `total_variation`.
    """

    costs: tuple[Fraction, ...] = (Fraction(0),) * len(ORDERS)
    distance: Fraction = Fraction(0)

    def after(self, events: Iterable[SkellamEvent]) -> "Accountant":
        """Return the accountant that has also seen `events`."""
        costs, distance = self.costs, self.distance
        for event in events:
            costs = tuple(
                cost + renyi_cost(event, order) for cost, order in zip(costs, ORDERS, strict=True)
            )
            distance += total_variation(event)
        return Accountant(costs, distance)

    def epsilon(self, delta: float) -> float:
        """Return an epsilon such that the events are (epsilon, `delta`)-differentially private.

        The sampling error claims ``(1 + e^epsilon) distance`` of delta, the conversion gets the
        rest; an epsilon that agrees with itself is looked for by iteration from below.

        Returns:
            A float rounded up, 0 before any event; `math.inf` if the sampling error leaves nothing
            of delta.

        Raises:
            UsageError: ``privacy-bad-delta`` unless 0 < delta < 1.
        """
        if not 0 < delta < 1:
            raise UsageError("privacy-bad-delta", f"delta is {delta}, not between 0 and 1")
        epsilon = 0.0
        for _ in range(_ROUNDS_OF_ITERATION):
            needed = self._convert(delta, epsilon)
            if needed <= epsilon:
                return epsilon
            epsilon = needed * (1 + _SLACK)
        return math.inf

    def _convert(self, delta: float, epsilon: float) -> float:
        """Return the epsilon for what the sampling error at `epsilon` leaves of `delta`."""
        if not any(self.costs):
            return 0.0
        # Imported when needed: it takes a second, which is half of what a short command takes.
        from dp_accounting.rdp import compute_epsilon  # noqa: PLC0415

        left = Fraction(delta) - self.sampling_delta(epsilon)
        if left <= 0:
            return math.inf
        costs = np.array([math.nextafter(float(cost), math.inf) for cost in self.costs])
        exact, _ = compute_epsilon(ORDERS, costs, math.nextafter(float(left), 0.0))
        return float(exact) * (1 + _SLACK) + _SLACK

    def sampling_delta(self, epsilon: float) -> Fraction:
        """Return ``(1 + e^epsilon) distance``, rounded up: what sampled noise costs of delta."""
        if not self.distance:
            return Fraction(0)
        try:
            growth = Fraction(math.exp(epsilon) * (1 + _SLACK))
        except OverflowError:
            return Fraction(1)
        return (1 + growth) * self.distance
