"""Statements (docs/spec/statements.md) from parameters with the names of the specification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference import contribution, dataset, gradient, removal, update
from reference.argument import verify
from reference.errors import Refused
from reference.system import System

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """A system, and what is absorbed in step 1."""

    system: System
    fields: tuple[tuple[str, bytes], ...]


def make_statement(
    kind: str,
    parameters: Parameters,
    context: bytes,
    weights: Sequence[int] = (),
    thresholds: Sequence[int] = (),
) -> Statement:
    """Kind is dataset, gradient, update, contribution or removal; raises Refused("statement-shape")."""
    made: (
        dataset.Dataset
        | gradient.Gradient
        | update.Update
        | contribution.Contribution
        | removal.Removal
    )
    match kind:
        case "dataset":
            name, made = dataset.NAME, make_dataset(parameters)
        case "gradient":
            name, made = gradient.NAME, make_gradient(parameters, weights)
        case "update":
            name, made = update.NAME, make_update(parameters, thresholds)
        case "contribution":
            name = contribution.NAME
            made = make_contribution(parameters, weights, thresholds)
        case "removal":
            name, made = removal.NAME, make_removal(parameters)
        case _:
            raise Refused("statement-shape", f"unknown statement {kind}")
    system = made.system()
    return Statement(system, (("statement", name.encode()), ("context", context), *made.fields()))


def verify_statement(statement: Statement, inputs: Sequence[bytes], proof: bytes) -> None:
    """Return, or raise Refused."""
    verify(statement.system, statement.fields, inputs, proof)


def make_dataset(parameters: Parameters) -> dataset.Dataset:
    """S1; `kinds` and `groups` are lists of numbers."""
    values = _python_names(parameters)
    values |= {name: tuple(values[name]) for name in ("kinds", "groups")}
    return dataset.Dataset(**values)


def make_gradient(parameters: Parameters, weights: Sequence[int]) -> gradient.Gradient:
    """S2; `table` and `weights` are hexadecimal hashes."""
    values = _python_names(parameters)
    values |= {name: bytes.fromhex(values[name]) for name in ("table", "weights")}
    return gradient.Gradient(**values, weight_vectors=tuple(weights))


def make_update(parameters: Parameters, thresholds: Sequence[int]) -> update.Update:
    """S3 and S4; `noise-table` and `coins` are hexadecimal."""
    values = _python_names(parameters)
    values |= {name: bytes.fromhex(values[name]) for name in ("noise_table", "coins")}
    return update.Update(**values, thresholds=tuple(thresholds))


def make_contribution(
    parameters: Parameters, gradients: Sequence[int], thresholds: Sequence[int]
) -> contribution.Contribution:
    """S8; `gradients`, `noise-table` and `coins` are hexadecimal."""
    values = _python_names(parameters)
    hashes = ("gradients", "noise_table", "coins")
    values |= {name: bytes.fromhex(values[name]) for name in hashes}
    return contribution.Contribution(
        **values, validation=tuple(gradients), thresholds=tuple(thresholds)
    )


def make_removal(parameters: Parameters) -> removal.Removal:
    """S9."""
    return removal.Removal(**_python_names(parameters))


def _python_names(parameters: Parameters) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in parameters.items()}
