"""Whole runs without noise: what the integer models learn, beside scikit-learn's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression

from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import GradientSum, check_rows
from cotrain.training.model import Model
from cotrain.training.step import initial_weights, release_weights, take_step

Floats = NDArray[np.float64]


def _split(data: Any) -> tuple[NDArray[np.bool_], Floats, NDArray[Any]]:
    """A test mask, standardised features with a bias column at norm at most 1, and the target."""
    features = (data.data - data.data.mean(axis=0)) / (data.data.std(axis=0) + 1e-9)
    features = np.hstack([features, np.ones((len(features), 1))])
    features /= np.maximum(1, np.linalg.norm(features, axis=1, keepdims=True))
    test = np.random.default_rng(7).random(len(features)) < 0.3
    return test, features, data.target


def _encode(algorithm: Algorithm, features: Floats, labels: NDArray[Any]) -> NDArray[np.int16]:
    scaled = np.trunc(features * algorithm.row_bound)
    rows = np.hstack([scaled, labels[:, None]]).astype(np.int16)
    check_rows(algorithm, rows)
    return rows


def _train(algorithm: Algorithm, rows: NDArray[np.int16], rounds: int, parties: int = 4) -> Model:
    weights, iterates = initial_weights(algorithm), []
    for _ in range(rounds):
        sums = [GradientSum(algorithm, weights) for _ in range(parties)]
        for total, part in zip(sums, np.array_split(rows, parties), strict=True):
            total.add_block(part)
        update_sum = np.sum([total.update() for total in sums], axis=0)
        weights = take_step(algorithm, weights, update_sum, len(rows))
        iterates.append(weights)
    released = release_weights(algorithm, iterates)
    return Model.of(algorithm, released, schema="00" * 32, agreement="00" * 32)


def _accuracy(scores: Any, labels: NDArray[Any]) -> float:
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def test_logistic_is_as_accurate_as_scikit_learn() -> None:
    test, x, y = _split(load_breast_cancer())
    algorithm = Algorithm(kind="logistic", features=31).with_default_shift()
    model = _train(algorithm, _encode(algorithm, x[~test], y[~test]), rounds=60)
    other = LogisticRegression(C=10, max_iter=1000).fit(x[~test], y[~test])
    encoded = np.trunc(x[test] * 4096)
    reached = _accuracy(model.probabilities(encoded), y[test])
    assert reached >= other.score(x[test], y[test]) - 0.015
    assert reached > 0.95


def test_softmax_is_as_accurate_as_scikit_learn() -> None:
    test, x, y = _split(load_digits())
    algorithm = Algorithm(kind="softmax", features=65, classes=10).with_default_shift()
    model = _train(algorithm, _encode(algorithm, x[~test], y[~test]), rounds=100)
    other = LogisticRegression(C=10, max_iter=1000).fit(x[~test], y[~test])
    reached = _accuracy(model.probabilities(np.trunc(x[test] * 4096)), y[test])
    assert reached >= other.score(x[test], y[test]) - 0.03
    assert reached > 0.93


def test_linear_explains_as_much_as_least_squares() -> None:
    test, x, y = _split(load_diabetes())
    target = (y - y.mean()) / np.abs(y - y.mean()).max()
    algorithm = Algorithm(kind="linear", features=11).with_default_rate().with_default_shift()
    labels = np.round(target * algorithm.residual_scale).astype(np.int64)
    model = _train(algorithm, _encode(algorithm, x[~test], labels[~test]), rounds=150)
    other = LinearRegression(fit_intercept=False).fit(x[~test], target[~test])
    errors = target[test] - model.margins(np.trunc(x[test] * 4096))[:, 0]
    explained = 1 - float(np.sum(errors**2) / np.sum((target[test] - target[test].mean()) ** 2))
    assert explained == pytest.approx(other.score(x[test], target[test]), abs=0.03)
    assert explained > 0.3


def test_shuffled_labels_teach_nothing() -> None:
    # The figures above are learnt from the data: without its labels they are not reached.
    test, x, y = _split(load_breast_cancer())
    algorithm = Algorithm(kind="logistic", features=31).with_default_shift()
    shuffled = np.random.default_rng(3).permutation(y)
    model = _train(algorithm, _encode(algorithm, x[~test], shuffled[~test]), rounds=30)
    assert _accuracy(model.probabilities(np.trunc(x[test] * 4096)), y[test]) < 0.85


def test_more_than_one_party_without_rounding_changes_no_bit() -> None:
    test, x, y = _split(load_breast_cancer())
    algorithm = replace(Algorithm(kind="logistic", features=31), shift=0)
    rows = _encode(algorithm, x[~test], y[~test])
    assert _train(algorithm, rows, 10, parties=1) == _train(algorithm, rows, 10, parties=7)
    rounded = algorithm.with_default_shift()
    assert _train(rounded, rows, 10, parties=1).weights != _train(rounded, rows, 10, 7).weights
