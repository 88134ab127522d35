"""Small cases, proven by the slow prover: `python -m reference.examples > cases.json`.

The file has the format of `vectors.py`; any other verifier must accept every case.
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from reference import witness
from reference.building import INPUT_WIDTH
from reference.committing import CommittedMatrix, Scalars, commit_input
from reference.contribution import gradients_name
from reference.gradient import weights_name
from reference.prover import prove
from reference.statements import (
    Statement,
    make_contribution,
    make_dataset,
    make_gradient,
    make_statement,
    make_update,
)
from reference.system import Column, Domain, Full, Matrix, System, Table, affine
from reference.tables import exp_table, noise_table_name, sigmoid_table, table_name
from reference.vectors import write_system

Case = dict[str, Any]
CONTEXT = b"run/party/round"
ROWS = [[3, -2, 2, 1], [0, 1, 2, 0], [-3, 1, 2, 0], [1, 1, 2, 1]]
WEIGHTS = [300, -200, 100]
LIMIT = 16
GRADIENT = [100, -200, 57]
# A table of three values, -1, 0 and 1; real ones are as long as docs/spec/noise.md says.
THRESHOLDS = [0, 2**62, 2**64 - 2**62]


def four_small_entries() -> Case:
    """The example of docs/spec/argument.md."""
    form = affine(Column(0))
    domain = Domain(2, 0, (Full(0),), lookups=((form,),))
    system = System((Matrix("input", 4, 4),), (domain,), Table(1, ((0,), (1,), (2,), (3,))))
    rng = Scalars(b"four-small-entries")
    x = commit_input([0, 3, 1, 2], 4, rng)
    fields = (("statement", b"example"),)
    proof = prove(system, fields, [x], [], rng)
    return {
        "name": "four-small-entries",
        "kind": "argument",
        "system": write_system(system),
        "fields": [[label, message.hex()] for label, message in fields],
        "inputs": [x.points.hex()],
        "proof": proof.hex(),
        "expected": "accept",
    }


def dataset_flag_category_numeric() -> Case:
    """S1: a flag, a category of two values, a number, the bias 4, the label."""
    parameters = {
        "rows": 3,
        "columns": 6,
        "first-row": 0,
        "segment": 3,
        "row-bits": 4,
        "feature-scale": 4,
        "label-low": 0,
        "label-high": 1,
        "kinds": [1, 2, 2, 0],
        "groups": [0, 1, 1, 0],
    }
    made = make_dataset(parameters)
    rows = [[4, 0, 4, -3, 4, 1], [-4, 4, 0, 2, 4, 0], [0, 0, 0, 15, 4, 1]]
    witnesses = witness.dataset_witness(made, rows)
    matrices = [(witness.padded_rows(rows, made.p), INPUT_WIDTH)]
    return _prove("dataset-flag-category-numeric", "dataset", parameters, matrices, witnesses)


def gradient_logistic() -> Case:
    """S2 logistic."""
    table = sigmoid_table(12, LIMIT)
    name = table_name("sigmoid", 12, -LIMIT, table).hex()
    parameters = _gradient_parameters("logistic", 1, 12, name, WEIGHTS)
    return _gradient("gradient-logistic", parameters, WEIGHTS, table, ROWS)


def gradient_linear() -> Case:
    """S2 linear; two of the residuals are clamped."""
    rows = [[3, -2, 2, 1], [-3, 1, 2, 15], [0, 1, 2, -3]]
    parameters = _gradient_parameters("linear", 1, 4, "", WEIGHTS) | {"rows": 3, "segment": 3}
    parameters["margin-shift"] = 6
    return _gradient("gradient-linear", parameters, WEIGHTS, [], rows)


def gradient_softmax() -> Case:
    """S2 softmax of three classes; places of a fourth are not real."""
    weights = [300, -200, 100, -100, 200, 30, 3, 4, 5]
    rows = [[3, -2, 2, 1], [0, 1, 2, 0], [-3, 1, 2, 2]]
    table = exp_table(LIMIT)
    name = table_name("exp", 14, 0, table).hex()
    parameters = _gradient_parameters("softmax", 3, 12, name, weights) | {"rows": 3, "segment": 3}
    return _gradient("gradient-softmax", parameters, weights, table, rows)


def update_with_noise() -> Case:
    """S3 and S4 with rounding and noise."""
    name, coins = noise_table_name(THRESHOLDS), bytes(range(32))
    parameters = _update_parameters(3, name, coins)
    words = [12345678901234567, -(2**63), 2**63 - 1]
    return _update("update-with-noise", parameters, words)


def update_rounded() -> Case:
    """S4 with rounding alone."""
    return _update("update-rounded", _update_parameters(3, b"", b""), None)


def update_plain() -> Case:
    """S4 with neither; no lookups, no table."""
    return _update("update-plain", _update_parameters(0, b"", b""), None)


def contribution_with_noise() -> Case:
    """S8 over two rounds, with rounding and noise."""
    gradients, updates = [3, -70, 500, 0, 9, -1000], [[100, -200, 57], [4, 5, -66]]
    words = [12345678901234567, 7, -(2**63), 0]
    parameters = {
        "rounds": 2,
        "entries": 3,
        "gradients": gradients_name(gradients).hex(),
        "shift": 9,
        "noise-table": noise_table_name(THRESHOLDS).hex(),
        "coins": bytes(range(32)).hex(),
        "score": 0,
    }
    made = make_contribution(parameters, gradients, THRESHOLDS)
    witnesses, parameters["score"] = witness.contribution_witness(made, updates, words[0])
    matrices = [(entries, INPUT_WIDTH) for entries in (*updates, words)]
    return _prove(
        "contribution-with-noise",
        "contribution",
        parameters,
        matrices,
        witnesses,
        gradients,
        THRESHOLDS,
    )


def removal_of_a_row() -> Case:
    """S9: the second of four rows is set to zero; the last one was zero before."""
    parameters = {"width": 8, "columns": 2, "row": 1}
    before, after = [3, -2, 7, 1, 0, 5, 0, 0], [3, -2, 0, 0, 0, 5, 0, 0]
    return _prove("removal-of-a-row", "removal", parameters, [(before, 8), (after, 8)], [])


EXAMPLES: tuple[Callable[[], Case], ...] = (
    four_small_entries,
    dataset_flag_category_numeric,
    gradient_logistic,
    gradient_linear,
    gradient_softmax,
    update_with_noise,
    update_rounded,
    update_plain,
    contribution_with_noise,
    removal_of_a_row,
)


def _gradient_parameters(
    kind: str, classes: int, bits: int, table: str, weights: list[int]
) -> dict[str, Any]:
    return {
        "kind": kind,
        "features": 3,
        "classes": classes,
        "row-bits": 3,
        "residual-bits": bits,
        "margin-shift": 8,
        "index-limit": LIMIT,
        "table": table,
        "weights": weights_name(tuple(weights)).hex(),
        "rows": 4,
        "first-row": 0,
        "segment": 4,
    }


def _gradient(
    name: str,
    parameters: dict[str, Any],
    weights: list[int],
    table: list[int],
    rows: list[list[int]],
) -> Case:
    made = make_gradient(parameters, weights)
    witnesses, gradient = witness.gradient_witness(made, rows)
    data = (witness.padded_rows(rows, made.p), INPUT_WIDTH)
    case = _prove(name, "gradient", parameters, [data, (gradient, INPUT_WIDTH)], witnesses, weights)
    return case | {"table": table or None}


def _update_parameters(shift: int, table: bytes, coins: bytes) -> dict[str, Any]:
    return {
        "entries": len(GRADIENT),
        "shift": shift,
        "bound-bits": 8,
        "noise-table": table.hex(),
        "coins": coins.hex(),
    }


def _update(name: str, parameters: dict[str, Any], words: list[int] | None) -> Case:
    thresholds = [] if words is None else THRESHOLDS
    made = make_update(parameters, thresholds)
    witnesses, update = witness.update_witness(made, GRADIENT, words or [])
    matrices = [(entries, INPUT_WIDTH) for entries in (GRADIENT, update, words) if entries]
    return _prove(name, "update", parameters, matrices, witnesses, thresholds=thresholds)


def _prove(
    name: str,
    kind: str,
    parameters: dict[str, Any],
    matrices: Sequence[tuple[list[int], int]],
    witnesses: Sequence[Sequence[int]],
    weights: Sequence[int] = (),
    thresholds: Sequence[int] = (),
) -> Case:
    statement = make_statement(kind, parameters, CONTEXT, weights, thresholds)
    rng = Scalars(name.encode())
    inputs = [commit_input(entries, width, rng) for entries, width in matrices]
    return {
        "name": name,
        "kind": kind,
        "parameters": parameters,
        "context": CONTEXT.hex(),
        "weights": list(weights) or None,
        "table": list(thresholds) or None,
        "inputs": [matrix.points.hex() for matrix in inputs],
        "proof": prove_statement(statement, inputs, witnesses, rng).hex(),
        "expected": "accept",
    }


def prove_statement(
    statement: Statement,
    inputs: Sequence[CommittedMatrix],
    witnesses: Sequence[Sequence[int]],
    rng: Scalars,
) -> bytes:
    """A proof of a statement."""
    return prove(statement.system, statement.fields, inputs, witnesses, rng)


if __name__ == "__main__":
    cases = [make() for make in EXAMPLES]
    sys.stdout.write(json.dumps({"format": "cotrain/proofs/v1", "cases": cases}, indent=1) + "\n")
