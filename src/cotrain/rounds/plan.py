"""Everything that follows from the agreement alone: shapes, bounds, noise, cipher parameters.

All parties derive the same plan, so nothing in it is ever taken from a message.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from cotrain.aggregation.opening import LIMB_BITS, UpdateShape
from cotrain.agreement.document import Agreement
from cotrain.commitment.pedersen import row_count
from cotrain.encryption.parameters import SumParameters
from cotrain.errors import RefusedError
from cotrain.privacy.calibration import Crowd, NoisePlan, PrivacyTarget
from cotrain.privacy.rdp import Sensitivity, SkellamEvent, bound_sensitivity
from cotrain.training.algorithm import Algorithm

UPDATE_WIDTH = 1024
MAX_WEIGHTS = 80_000


@dataclass(frozen=True)
class RunPlan:
    """What the agreement implies, for one run.

    Attributes:
        agreement: The agreement.
        algorithm: The training algorithm with all its derived bounds.
        noise: Calibration of the Skellam noise; None when the agreement asks for none.
    """

    agreement: Agreement
    algorithm: Algorithm
    noise: NoisePlan | None

    @classmethod
    def derive(cls, agreement: Agreement) -> "RunPlan":
        """Derive the plan.

        Raises:
            UsageError: the algorithm's numbers contradict each other.
            RefusedError: no noise or cipher parameters satisfy the agreement.
        """
        algorithm = _algorithm(agreement)
        plan = cls(agreement, algorithm, _noise(agreement, algorithm))
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
        return plan

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
    target = PrivacyTarget(float(agreement.epsilon), float(agreement.delta), agreement.rounds)
    crowd = Crowd(owners, quorum.colluders, owners - quorum.survivors)
    return NoisePlan.derive(target, crowd, sensitivity_of(algorithm))


def sensitivity_of(algorithm: Algorithm) -> Sensitivity:
    """Return how much one row can change one round's sum."""
    return bound_sensitivity(
        algorithm.residual_bound, algorithm.row_bound, algorithm.shift, algorithm.dimension
    )


def _classes(agreement: Agreement) -> int:
    target = agreement.data_schema.target
    return len(target.categories) if target.kind == "classes" else 1
