"""Drafting an agreement: the few things people decide, and defaults for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from cotrain.agreement.base_model import BaseModelTerm
from cotrain.agreement.document import (
    FORMAT,
    Agreement,
    Assurance,
    PartyTerm,
    Purpose,
    parse_agreement,
)
from cotrain.agreement.schema import ClassesTarget, NumericTarget, Schema
from cotrain.ports import Clock, Entropy
from cotrain.training.algorithm import Algorithm, Kind

HEALTH_PURPOSES = frozenset({"clinical-research", "drug-discovery"})
HEALTH_RESEARCH = "DUO:0000006"
MAX_HOLDERS = 20
DRAWN_HOLDER_COLLUDERS = 11


@dataclass(frozen=True)
class Wishes:
    """What the people decide.

    Attributes:
        title: What the run is about.
        purpose: What the model may be used for, from the closed list.
        duo: Codes of the GA4GH Data Use Ontology; None for that of health research where the purpose is one.
        rounds: Number of training rounds.
        epsilon: Privacy budget of each row for the whole run; None for no noise.
        delta: Probability with which the guarantee may fail.
        colluders: Owners that may pool all they know; None for a third of them, a tenth above 20, at
            least one where three or more take part.
        survivors: Smallest number of owners whose sum may be opened; None for all but one.
        learning_rate: Step size for rows of norm 1; None for the default of the kind of model.
        weight_decay: Pull of the weights towards zero.
        assurance: "proven": datasets and updates carry proofs that everybody checks; "recorded": they do not.
        step_seconds: How long the coordinator waits for each step.
        days: After how many days the agreement expires.
    """

    title: str
    purpose: Purpose = "other-research"
    duo: tuple[str, ...] | None = None
    rounds: int = 20
    epsilon: str | None = "1"
    delta: str = "0.00001"
    colluders: int | None = None
    survivors: int | None = None
    learning_rate: Fraction | None = None
    weight_decay: Fraction = Fraction(0)
    assurance: Assurance = "proven"
    step_seconds: int = 3600
    days: int = 30


def draft_agreement(
    schema: Schema,
    parties: Sequence[PartyTerm],
    wishes: Wishes,
    *,
    entropy: Entropy,
    clock: Clock,
    settlement: Mapping[str, object] | None = None,
    base_model: BaseModelTerm | None = None,
) -> Agreement:
    """Return an agreement with sensible values for everything that `wishes` leaves open.

    Args:
        schema: What the owners' tables satisfy.
        parties: All parties.
        wishes: What the people decide.
        entropy: For the nonce.
        clock: For the expiry.
        settlement: Money terms (`cotrain.settlement.draft`); None if no money is moved.
        base_model: The model that training begins with; None for weights of zero.

    Raises:
        MalformedError: the wishes contradict each other.
        UsageError: the algorithm's numbers do.
    """
    owners = sum("data_owner" in party.roles for party in parties)
    algorithm = _algorithm(schema, wishes)
    value = {
        "format": FORMAT,
        "nonce": entropy.draw("agreement/nonce", 32).hex(),
        "drafted": clock.now(),
        "title": wishes.title,
        "purpose": wishes.purpose,
        "duo": _duo(wishes),
        "parties": [party.model_dump(mode="json") for party in parties],
        "data_schema": schema.model_dump(mode="json", exclude_none=True),
        "algorithm": _algorithm_term(algorithm),
        "rounds": wishes.rounds,
        "privacy": _privacy_term(wishes),
        "quorum": _quorum_term(owners, wishes),
        "assurance": wishes.assurance,
        "step_seconds": wishes.step_seconds,
        "expires": clock.now() + wishes.days * 86_400,
        "settlement": settlement,
        "base_model": None if base_model is None else base_model.model_dump(mode="json"),
    }
    return parse_agreement(value)


def _duo(wishes: Wishes) -> list[str]:
    if wishes.duo is not None:
        return sorted(set(wishes.duo))
    return [HEALTH_RESEARCH] if wishes.purpose in HEALTH_PURPOSES else []


def _kind(schema: Schema) -> Kind:
    match schema.target:
        case ClassesTarget():
            return "softmax"
        case NumericTarget():
            return "linear"
        case _:
            return "logistic"


def _algorithm(schema: Schema, wishes: Wishes) -> Algorithm:
    target = schema.target
    classes = len(target.categories) if isinstance(target, ClassesTarget) else 1
    algorithm = Algorithm(
        kind=_kind(schema),
        features=schema.feature_count,
        classes=classes,
        row_bound=schema.row_bound,
        residual_bits=target.residual_bits if isinstance(target, NumericTarget) else 12,
        l2=wishes.weight_decay,
    ).with_default_rate()
    if wishes.learning_rate is not None:
        algorithm = replace(algorithm, learning_rate=wishes.learning_rate)
    return algorithm.with_default_shift()


def _algorithm_term(algorithm: Algorithm) -> dict[str, object]:
    return {
        "kind": algorithm.kind,
        "learning_rate": str(algorithm.learning_rate),
        "weight_decay": str(algorithm.l2),
        "weight_bits": algorithm.weight_bits,
        "weight_bound": algorithm.weight_bound,
        "residual_bits": algorithm.residual_bits,
        "shift": algorithm.shift,
        "averaging": algorithm.averaging,
    }


def _privacy_term(wishes: Wishes) -> dict[str, str]:
    if wishes.epsilon is None:
        return {"noise": "none", "epsilon": "0", "delta": "0", "adjacency": "zero-out"}
    return {
        "noise": "skellam",
        "epsilon": wishes.epsilon,
        "delta": wishes.delta,
        "adjacency": "zero-out",
    }


def colluders_of(owners: int, wishes: Wishes) -> int:
    """Return how many owners may collude: as wished, or a sensible number."""
    if wishes.colluders is not None:
        return wishes.colluders
    share = 3 if owners <= MAX_HOLDERS else 10  # a drawn committee tolerates fewer
    return max(0, min(max(1, (owners - 1) // share), owners - 2))


def _quorum_term(owners: int, wishes: Wishes) -> dict[str, int]:
    colluders = colluders_of(owners, wishes)
    survivors = wishes.survivors if wishes.survivors is not None else max(colluders + 2, owners - 1)
    if owners <= MAX_HOLDERS:
        holders, holder_colluders = owners, colluders
    else:
        holders, holder_colluders = MAX_HOLDERS, DRAWN_HOLDER_COLLUDERS
    return {
        "survivors": survivors,
        "colluders": colluders,
        "holders": holders,
        "holder_colluders": holder_colluders,
    }
