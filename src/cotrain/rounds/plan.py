"""Everything that follows from the agreement alone: shapes, bounds, noise, cipher parameters.

All parties derive the same plan, so nothing in it is ever taken from a message.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from cotrain.aggregation.opening import LIMB_BITS, UpdateShape
from cotrain.agreement.contribution import ContributionTerm
from cotrain.agreement.document import Agreement
from cotrain.commitment.pedersen import row_count
from cotrain.contribution.score import ScorePlan
from cotrain.contribution.validation import check_validation
from cotrain.encryption.parameters import SumParameters
from cotrain.errors import RefusedError
from cotrain.privacy.calibration import Crowd, NoisePlan, PrivacyTarget
from cotrain.privacy.rdp import Accountant, Sensitivity, SkellamEvent, bound_sensitivity
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient
from cotrain.training.step import initial_weights

UPDATE_WIDTH = 1024
MAX_WEIGHTS = 80_000


@dataclass(frozen=True)
class RunPlan:
    """What the agreement implies, for one run.

    Attributes:
        agreement: The agreement.
        algorithm: The training algorithm with all its derived bounds.
        noise: Calibration of the Skellam noise; None when the agreement asks for none.
        scores: How scores are released; None where no pool is divided by them.
        validation: int16, shape (n, columns): the rows by which contributions are judged; None without scores.
    """

    agreement: Agreement
    algorithm: Algorithm
    noise: NoisePlan | None
    scores: ScorePlan | None
    validation: NDArray[np.int16] | None = field(repr=False, compare=False)

    @classmethod
    def derive(cls, agreement: Agreement) -> "RunPlan":
        """Derive the plan.

        Raises:
            UsageError: the algorithm's numbers contradict each other.
            RefusedError: no noise or cipher parameters satisfy the agreement.
        """
        algorithm = _algorithm(agreement)
        noise = _noise(agreement, algorithm)
        scores, validation = _scores(agreement, algorithm, noise), _validation(agreement)
        plan = cls(agreement, algorithm, noise, scores, validation)
        if plan.dimension > MAX_WEIGHTS:
            raise RefusedError(
                "plan-model-too-large",
                f"the model has {plan.dimension} weights, this version releases at most {MAX_WEIGHTS}",
                meaning="A released model is one record of at most a mebibyte of canonical JSON.",
                hint="Use fewer encoded columns or classes.",
            )
        if len(agreement.owners) * plan.update_bound >= 2**63:
            raise RefusedError(
                "plan-sum-overflow",
                f"{len(agreement.owners)} parties times the update bound {plan.update_bound} exceed 2^63",
                meaning="The sum would not mean the same as an integer, mod the group order and in the cipher.",
                hint="Raise the algorithm's shift, or lower max_rows in the schema.",
            )
        _ = plan.parameters
        plan._check_scores()
        return plan

    def _check_scores(self) -> None:
        """Check that the rows fit the algorithm and that scores of all rounds can be computed."""
        if self.scores is not None and self.validation is not None:
            rows, rounds = len(self.validation), self.agreement.rounds
            check_validation(self.algorithm, rows, rounds, self.scores.length)
            gradient(self.algorithm, self.validation, initial_weights(self.algorithm))

    @property
    def dimension(self) -> int:
        """Number of weights, hence of entries of an update."""
        return self.algorithm.dimension

    @cached_property
    def update_bound(self) -> int:
        """Largest absolute value of an entry of a noised update: gradient bound plus noise bound."""
        noise = self.noise.table_radius if self.noise else 0
        return self.algorithm.max_abs_update(self.agreement.data_schema.max_rows) + noise

    @cached_property
    def parameters(self) -> SumParameters:
        """The cipher's parameters for this number of owners and this bound."""
        max_field = max(2 * self.update_bound, 2**LIMB_BITS - 1)
        return SumParameters.derive(len(self.agreement.owners), max_field)

    @cached_property
    def shape(self) -> UpdateShape:
        """Shape of every update of the run."""
        rows = row_count(self.dimension, UPDATE_WIDTH)
        return UpdateShape(self.dimension, UPDATE_WIDTH, rows, self.update_bound, self.parameters)

    @property
    def event(self) -> SkellamEvent | None:
        """What one submission costs its rows, as seen by the worst coalition tolerated."""
        return self.noise.event() if self.noise else None

    def spent_after(self, submissions: int) -> Accountant:
        """Return what an owner's rows have spent after so many submissions; the scores are paid for with the first."""
        if self.event is None or submissions == 0:
            return Accountant()
        scores = [] if self.scores is None or self.scores.event is None else [self.scores.event]
        return Accountant().after([self.event.repeated(submissions), *scores])


def _algorithm(agreement: Agreement) -> Algorithm:
    term, schema = agreement.algorithm, agreement.data_schema
    return Algorithm(
        kind=term.kind,
        features=schema.feature_count,
        classes=_classes(agreement),
        row_bound=schema.row_bound,
        residual_bits=term.residual_bits,
        weight_bits=term.weight_bits,
        weight_bound=term.weight_bound,
        shift=term.shift,
        learning_rate=Fraction(term.learning_rate),
        l2=Fraction(term.weight_decay),
        averaging=term.averaging,
    )


def _noise(agreement: Agreement, algorithm: Algorithm) -> NoisePlan | None:
    if agreement.privacy.noise == "none":
        return None
    owners, quorum = len(agreement.owners), agreement.quorum
    term = _contribution(agreement)
    epsilon = agreement.epsilon - (0 if term is None else Fraction(term.epsilon))
    target = PrivacyTarget(float(epsilon), float(agreement.delta), agreement.rounds)
    crowd = Crowd(owners, quorum.colluders, owners - quorum.survivors)
    return NoisePlan.derive(target, crowd, sensitivity_of(algorithm), scored=term is not None)


def _scores(
    agreement: Agreement, algorithm: Algorithm, noise: NoisePlan | None
) -> ScorePlan | None:
    if _contribution(agreement) is None:
        return None
    if noise is None:
        entry = algorithm.max_abs_update(agreement.data_schema.max_rows)
        return ScorePlan.exact(entry * (isqrt(algorithm.dimension) + 1))
    spent = Accountant().after([noise.event().repeated(agreement.rounds)])
    target = PrivacyTarget(float(agreement.epsilon), float(agreement.delta), agreement.rounds)
    return ScorePlan.derive(noise.sensitivity, noise.crowd, spent, target)


def _contribution(agreement: Agreement) -> ContributionTerm | None:
    return None if agreement.settlement is None else agreement.settlement.contribution


def _validation(agreement: Agreement) -> NDArray[np.int16] | None:
    term = _contribution(agreement)
    if term is None:
        return None
    return term.validation_rows(agreement.data_schema.feature_count + 1)


def sensitivity_of(algorithm: Algorithm) -> Sensitivity:
    """Return how much one row can change one round's sum."""
    return bound_sensitivity(
        algorithm.residual_bound, algorithm.row_bound, algorithm.shift, algorithm.dimension
    )


def _classes(agreement: Agreement) -> int:
    target = agreement.data_schema.target
    return len(target.categories) if target.kind == "classes" else 1
