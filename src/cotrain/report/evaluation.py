"""How good a model is, and what the owners would reach without each other.

These figures are computed outside the protocol: whoever runs this sees all test rows in the clear. They are an
experiment about the protocol, not a part of it, and no ledger vouches for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cotrain.privacy.calibration import Crowd, NoisePlan, PrivacyTarget
from cotrain.privacy.sampler import sample_noise
from cotrain.privacy.skellam import build_table
from cotrain.rounds.plan import RunPlan
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import Weights, gradient, round_gradient
from cotrain.training.model import Model
from cotrain.training.step import initial_weights, release_weights, take_step

Rows = NDArray[np.int16]
_NO_HASH = "0" * 64


@dataclass(frozen=True)
class Split:
    """One owner's rows, divided.

    Attributes:
        train: int16, shape (n, columns): what the owner registers.
        test: int16, shape (m, columns): kept aside for these figures.
    """

    train: Rows
    test: Rows


def split_rows(rows: Rows, seed: int, test_share: float = 0.3, *, stratified: bool = True) -> Split:
    """Divide an owner's rows, the same way for the same seed; stratified by label for classes."""
    generator = np.random.default_rng(seed)
    labels = rows[:, -1] if stratified else np.zeros(len(rows), dtype=np.int16)
    test: list[int] = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        generator.shuffle(places)
        test.extend(places[: round(len(places) * test_share)].tolist())
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[test] = True
    return Split(rows[~chosen], rows[chosen])


def score(algorithm: Algorithm, weights: Weights, rows: Rows) -> dict[str, float]:
    """Return the metrics of a model on encoded rows.

    Returns:
        ``auc`` and ``accuracy`` for logistic (AUC absent when only one class occurs), ``accuracy`` for softmax,
        ``rmse`` (in units of the target's half range) and ``r2`` for linear.
    """
    model = Model.of(algorithm, weights, schema=_NO_HASH, agreement=_NO_HASH)
    features, labels = rows[:, :-1], rows[:, -1]
    if algorithm.kind == "linear":
        return _regression_score(model.margins(features)[:, 0], labels / algorithm.residual_scale)
    probabilities = model.probabilities(features)
    metrics = {"accuracy": float(np.mean(probabilities.argmax(axis=1) == labels))}
    if algorithm.kind == "logistic" and 0 < labels.sum() < len(labels):
        metrics["auc"] = area_under_curve(probabilities[:, 1], labels)
    return metrics


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Return the area under the ROC curve (Mann-Whitney U; ties count half)."""
    ranks = rankdata(scores)
    positives = int((labels == 1).sum())
    negatives = len(labels) - positives
    above = float(ranks[labels == 1].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def train_openly(
    algorithm: Algorithm,
    parts: Sequence[Rows],
    rounds: int,
    *,
    variance: int | None = None,
    seed: bytes = b"",
) -> list[Weights]:
    """Train as the protocol does, integer for integer, but with all rows in one place and no cryptography.

    Args:
        algorithm: The algorithm.
        parts: One array of rows for each owner; each part is rounded by itself, as in the protocol.
        rounds: Number of rounds.
        variance: Variance of the Skellam noise that each part adds; None for none.
        seed: 32 bytes for the noise.

    Returns:
        The weights after each round.
    """
    total = sum(len(part) for part in parts)
    weights, history = initial_weights(algorithm), []
    for number in range(rounds):
        updates = [round_gradient(algorithm, gradient(algorithm, part, weights)) for part in parts]
        if variance is not None:
            updates += [
                _noise(algorithm, variance, seed, number, place) for place in range(len(parts))
            ]
        weights = take_step(algorithm, weights, np.sum(updates, axis=0, dtype=np.int64), total)
        history.append(weights)
    return history


def alone_variance(plan: RunPlan) -> int | None:
    """Return the noise variance that one owner training alone needs for the agreement's epsilon and delta.

    It needs the whole epsilon for its rounds: alone, it releases no score.
    """
    if plan.noise is None:
        return None
    terms = plan.agreement
    target = PrivacyTarget(float(terms.epsilon), float(terms.delta), terms.rounds)
    alone = NoisePlan.derive(target, Crowd(1, 0, 0), plan.noise.sensitivity)
    return alone.local_variance


def released(algorithm: Algorithm, history: Sequence[Weights]) -> Weights:
    """Return the weights that would be released after these rounds."""
    return release_weights(algorithm, history)


def _noise(
    algorithm: Algorithm, variance: int, seed: bytes, number: int, place: int
) -> NDArray[np.int64]:
    stream = bytes(
        a ^ b for a, b in zip(seed, (number << 32 | place).to_bytes(32, "big"), strict=True)
    )
    return sample_noise(build_table(variance), stream, algorithm.dimension)


def _regression_score(
    predictions: NDArray[np.float64], targets: NDArray[np.float64]
) -> dict[str, float]:
    errors = predictions - targets
    spread = float(np.sum((targets - targets.mean()) ** 2))
    r2 = 1 - float(np.sum(errors**2)) / spread if spread > 0 else 0.0
    return {"rmse": float(np.sqrt(np.mean(errors**2))), "r2": r2}
