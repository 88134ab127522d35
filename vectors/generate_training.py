"""Write `vectors/training/v1.json`, the known answers of `docs/spec/training.md`.

Run `python vectors/generate_training.py` only for a new format version: accepted answers stay as
they are. They are checked by a second implementation that shares no code with this one
(`tests/vectors/slow_training.py`).
"""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import CotrainError
from cotrain.records import canonical
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import GradientSum, gradient
from cotrain.training.model import Model
from cotrain.training.step import release_weights, take_step
from cotrain.training.tables import Table, exp_table, sigmoid_table

LOGISTIC = Algorithm(kind="logistic", features=3).with_default_shift()
LINEAR = Algorithm(kind="linear", features=3, shift=7, learning_rate=Fraction(1))
SOFTMAX = Algorithm(kind="softmax", features=2, classes=3, shift=9, l2=Fraction(1, 100))
SMALL = Algorithm(
    kind="logistic", features=1, row_bound=64, residual_bits=5, weight_bits=7, weight_bound=300
)
ROWS = {
    "logistic": [[4096, 0, 0, 1], [-2364, 2364, 2364, 0], [17, -4000, 99, 1], [0, 0, 0, 0]],
    "linear": [[4096, 0, 0, 4096], [-2364, 2364, 2364, -4096], [17, -4000, 99, 12], [0, 0, 0, 0]],
    "softmax": [[4096, 0, 2], [-2896, 2896, 0], [17, -4000, 1], [0, 0, 0]],
    "small": [[64, 0], [-64, 1], [63, 1], [0, 0], [1, 1]],
}
GRADIENTS: dict[str, tuple[Algorithm, str, list[int]]] = {
    "logistic, zero weights": (LOGISTIC, "logistic", [0, 0, 0]),
    "logistic": (LOGISTIC, "logistic", [3000, -1, 12345]),
    "logistic, longest weights": (LOGISTIC, "logistic", [131072, 0, 0]),
    "logistic, longest weights, other side": (LOGISTIC, "logistic", [-131072, 0, 0]),
    "linear": (LINEAR, "linear", [3000, -1, 12345]),
    "linear, clipped": (LINEAR, "linear", [0, -100000, 60000]),
    "softmax, zero weights": (SOFTMAX, "softmax", [0] * 6),
    "softmax": (SOFTMAX, "softmax", [3000, -1, 12345, -8000, 50, 9]),
    "softmax, longest weights": (SOFTMAX, "softmax", [131072, 0, -131072, 0, 0, -131072]),
    "a bound that fills no whole step": (SMALL, "small", [300]),
    "the same, other side": (SMALL, "small", [-300]),
}
STEPS: dict[str, tuple[Algorithm, list[int], list[int], int]] = {
    "halves round up": (LOGISTIC, [0, 0, 0], [1, -1, 0], 2 * 4 * 64),
    "plain": (LOGISTIC, [100, -200, 300], [-64000, 64000, 12], 1000),
    "projected": (LOGISTIC, [131072, 0, 0], [-640, -640, 640], 10),
    "decayed, each class projected": (
        SOFTMAX,
        [131072, 0, 50, -50, 1, 2],
        [-9999, 5, 0, 0, 1, -1],
        3,
    ),
}
BAD_ROWS: dict[str, tuple[Algorithm, list[list[int]]]] = {
    "bad_label_two": (LOGISTIC, [[1, 1, 1, 2]]),
    "bad_label_negative": (LOGISTIC, [[1, 1, 1, 0], [1, 1, 1, -1]]),
    "bad_label_class": (SOFTMAX, [[1, 1, 3]]),
    "bad_label_target": (LINEAR, [[1, 1, 1, 4097]]),
    "bad_norm_by_one": (LOGISTIC, [[4096, 1, 0, 0]]),
    "bad_norm_one_entry": (LOGISTIC, [[0, 0, -4097, 0]]),
    "bad_columns": (LOGISTIC, [[1, 1, 0]]),
}
BAD_ALGORITHMS: dict[str, dict[str, Any]] = {
    "bad_kind": {"kind": "poisson"},
    "bad_row_bound_no_power_of_two": {"row_bound": 4095},
    "bad_row_bound_too_large": {"row_bound": 1 << 15},
    "bad_classes": {"classes": 2},
    "bad_features": {"features": 0},
    "bad_residual_bits": {"residual_bits": 15},
    "bad_shift": {"shift": -1},
    "bad_weight_bound": {"weight_bound": 0},
    "bad_type": {"features": "3"},
    "bad_averaging": {"averaging": "all"},
    "bad_rate_zero": {"learning_rate": "0"},
    "bad_rate_not_lowest": {"learning_rate": "2/4"},
    "bad_rate_float": {"learning_rate": 0.5},
    "bad_rate_negative": {"learning_rate": "-1"},
    "bad_decay_above_one": {"l2": "1/3"},
    "bad_unknown_field": {"momentum": "9/10"},
}


def table(known: Table) -> dict[str, Any]:
    """Return the identity of a table and some of its values."""
    last = known.first + len(known.values) - 1
    marks = {known.first, -64, -1, 0, 1, 64, 665, 666, last} & set(range(known.first, last + 1))
    samples = {str(index): known.at(index) for index in sorted(marks)}
    head = {"name": known.name, "bits": known.bits, "first": known.first, "last": last}
    return head | {"samples": samples, "sha256": known.digest}


def gradient_case(name: str) -> dict[str, Any]:
    """Return one gradient and its rounding."""
    algorithm, rows, weights = GRADIENTS[name]
    total = GradientSum(algorithm, np.array(weights))
    total.add_block(as_rows(ROWS[rows]))
    head = {"name": name, "algorithm": algorithm.to_document(), "rows": ROWS[rows]}
    tail = {"gradient": total.total.tolist(), "update": total.update().tolist()}
    return head | {"weights": weights} | tail


def step_case(name: str) -> dict[str, Any]:
    """Return one public step."""
    algorithm, weights, update_sum, rows = STEPS[name]
    after = take_step(algorithm, np.array(weights), update_sum, rows)
    head = {"name": name, "algorithm": algorithm.to_document(), "weights": weights}
    return head | {"update_sum": update_sum, "rows": rows, "after": after.tolist()}


def release_case(averaging: Any) -> dict[str, Any]:
    """Return one release from five iterates."""
    algorithm = replace(LOGISTIC, averaging=averaging)
    iterates = [[9, 9, 9], [8, 8, 8], [1, -1, 131071], [2, -1, 131071], [4, -2, 131070]]
    weights = release_weights(algorithm, [np.array(iterate) for iterate in iterates])
    document = algorithm.to_document()
    return {"algorithm": document, "iterates": iterates, "weights": weights.tolist()}


def model() -> dict[str, Any]:
    """Return one model file and changed copies of it."""
    known = Model(LOGISTIC, (1, -2, 131071), "11" * 32, "22" * 32).encode()
    value = json.loads(known)
    changes: dict[str, dict[str, Any]] = {
        "bad_version": {"format": "cotrain/model/2"},
        "bad_weight_count": {"weights": [1, 2]},
        "bad_weight_type": {"weights": [1, 2, "3"]},
        "bad_weight_norm": {"weights": [131072, 1, 0]},
        "bad_schema": {"schema": "AA" * 32},
        "bad_algorithm": {"algorithm": {}},
        "bad_unknown_field": {"note": ""},
    }
    bad = {name: canonical.encode(value | change).decode() for name, change in changes.items()}
    bad["bad_trailing_byte"] = known.decode() + "\n"
    bad["bad_truncated"] = known.decode()[:-1]
    return {"good": known.decode(), "bad": bad}


def refusal(attempt: Callable[[], Any]) -> str:
    """Return the code with which `attempt` is refused."""
    try:
        attempt()
    except CotrainError as error:
        return error.code
    raise AssertionError("accepted what it must refuse")


def bad_rows(name: str) -> dict[str, Any]:
    """Return rows that are refused, and with which code."""
    algorithm, rows = BAD_ROWS[name]
    weights = np.zeros(algorithm.dimension, dtype=np.int32)
    code = refusal(lambda: gradient(algorithm, as_rows(rows), weights))
    return {"name": name, "algorithm": algorithm.to_document(), "rows": rows, "code": code}


def bad_algorithm(name: str) -> dict[str, Any]:
    """Return an algorithm that is refused, and with which code."""
    document = LOGISTIC.to_document() | BAD_ALGORITHMS[name]
    code = refusal(lambda: Algorithm.from_document(document))
    return {"name": name, "algorithm": document, "code": code}


def as_rows(rows: list[list[int]]) -> NDArray[np.int16]:
    """Return `rows` as int16."""
    return np.array(rows, dtype=np.int16)


def main() -> None:
    """Write the file."""
    tables = [sigmoid_table(12, 2048), sigmoid_table(5, 150), exp_table(4096), exp_table(10)]
    value = {
        "format": "cotrain/training/v1",
        "tables": [table(known) for known in tables],
        "gradients": [gradient_case(name) for name in GRADIENTS],
        "steps": [step_case(name) for name in STEPS],
        "releases": [release_case(averaging) for averaging in ("tail", "none")],
        "model": model(),
        "bad_rows": [bad_rows(name) for name in BAD_ROWS],
        "bad_algorithms": [bad_algorithm(name) for name in BAD_ALGORITHMS],
    }
    path = Path(__file__).parent / "training" / "v1.json"
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
