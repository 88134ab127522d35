"""The released model: predictions, and the one spelling of its file."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cotrain.errors import DataError, MalformedError, UsageError
from cotrain.records import canonical
from cotrain.training.algorithm import Algorithm
from cotrain.training.model import Model

SCHEMA, AGREEMENT = "5c" * 32, "a9" * 32
LOGISTIC = Model(Algorithm(kind="logistic", features=2), (4096, -8192), SCHEMA, AGREEMENT)
SOFTMAX = Model(
    Algorithm(kind="softmax", features=2, classes=3), (4096, 0, 0, 4096, 0, 0), SCHEMA, AGREEMENT
)
LINEAR = Model(Algorithm(kind="linear", features=2), (2048, 0), SCHEMA, AGREEMENT)


def test_margins_are_real_numbers() -> None:
    features = [[4096, 0], [0, 2048], [0, 0]]
    assert LOGISTIC.margins(features).tolist() == [[1.0], [-1.0], [0.0]]
    assert LINEAR.margins(features).tolist() == [[0.5], [0.0], [0.0]]
    assert SOFTMAX.margins(features).tolist() == [[1, 0, 0], [0, 0.5, 0], [0, 0, 0]]


def test_logistic_probabilities() -> None:
    probabilities = LOGISTIC.probabilities([[4096, 0], [0, 0]])
    positive = 1 / (1 + np.exp(-1.0))
    assert probabilities == pytest.approx(np.array([[1 - positive, positive], [0.5, 0.5]]))


def test_softmax_probabilities_add_up() -> None:
    probabilities = SOFTMAX.probabilities(np.array([[4096, 0], [-4096, 4096]]))
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert probabilities[0] == pytest.approx(np.exp([1, 0, 0]) / (np.e + 2))


def test_a_linear_model_has_no_probabilities() -> None:
    with pytest.raises(UsageError, match="no class probabilities"):
        LINEAR.probabilities([[1, 1]])


@pytest.mark.parametrize("features", [[1, 2], [[1, 2, 3]], np.zeros((1, 1, 2))])
def test_features_of_another_shape_are_refused(features: Any) -> None:
    with pytest.raises(DataError, match="not \\(n, 2\\)"):
        LOGISTIC.margins(features)


@pytest.mark.parametrize("model", [LOGISTIC, SOFTMAX, LINEAR])
def test_a_file_is_read_as_it_was_written(model: Model) -> None:
    data = model.encode()
    assert Model.decode(data) == model
    assert json.loads(data)["format"] == "cotrain/model/1"


def test_a_model_is_made_from_an_array() -> None:
    made = Model.of(LOGISTIC.algorithm, LOGISTIC.as_array(), schema=SCHEMA, agreement=AGREEMENT)
    assert made == LOGISTIC


def test_a_changed_byte_is_refused_or_changes_the_model() -> None:
    data = LOGISTIC.encode()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        try:
            other = Model.decode(bytes(changed))
        except MalformedError:
            continue
        assert other != LOGISTIC


@pytest.mark.parametrize(
    "change",
    [
        {"format": "cotrain/model/2"},
        {"weights": [1]},
        {"weights": [1, True]},
        {"weights": [1, "2"]},
        {"weights": [1, 1 << 40]},
        {"weights": [131072, 1]},
        {"weights": {}},
        {"algorithm": []},
        {"algorithm": {}},
        {"schema": 5},
        {"schema": "5C" * 32},
        {"agreement": "a9" * 31},
        {"extra": 1},
    ],
)
def test_a_file_with_a_changed_field_is_refused(change: dict[str, Any]) -> None:
    value = json.loads(LOGISTIC.encode()) | change
    with pytest.raises(MalformedError):
        Model.decode(canonical.encode(value))


@pytest.mark.parametrize("field", ["agreement", "algorithm", "format", "schema", "weights"])
def test_a_file_without_a_field_is_refused(field: str) -> None:
    value = json.loads(LOGISTIC.encode())
    del value[field]
    with pytest.raises(MalformedError, match=field):
        Model.decode(canonical.encode(value))


def test_values_that_are_no_model_are_refused() -> None:
    with pytest.raises(UsageError, match="longer than the weight bound"):
        replace(LOGISTIC, weights=(131072, 1))
    with pytest.raises(UsageError, match="shape"):
        replace(LOGISTIC, weights=(1, 2, 3))
    with pytest.raises(UsageError, match="schema"):
        replace(LOGISTIC, schema="none")


def test_a_file_that_could_not_be_read_again_is_not_written() -> None:
    model = Model(
        Algorithm(kind="logistic", features=200_000), (-123,) * 200_000, SCHEMA, AGREEMENT
    )
    assert len(model.encode()) < canonical.MAX_BYTES
    longer = replace(model.algorithm, features=300_000)
    with pytest.raises(UsageError, match="bytes exceed the limit"):
        replace(model, algorithm=longer, weights=(-123,) * 300_000).encode()
