"""The gradient in plain Python integers: slow, obvious, bit for bit what the kernel computes.

Read this to learn what training computes. The step numbers are those of docs/spec/training.md.
"""

from collections.abc import Sequence

from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import exp_table, sigmoid_table

Row = Sequence[int]


def row_is_valid(algorithm: Algorithm, row: Row) -> bool:
    """Step 1: whether the features keep the row bound and the label is one that the model knows."""
    *features, label = row
    labels = {
        "linear": range(-algorithm.residual_scale, algorithm.residual_scale + 1),
        "logistic": range(2),
        "softmax": range(algorithm.classes),
    }
    return (
        sum(x * x for x in features) <= algorithm.row_bound**2 and label in labels[algorithm.kind]
    )


def quotients(algorithm: Algorithm, features: Row, weights: Sequence[int]) -> list[int]:
    """Step 2: floor(z / 2^s) of each margin z = x . w, for the K weight vectors."""
    d = algorithm.features
    vectors = [weights[k * d : (k + 1) * d] for k in range(algorithm.classes)]
    margins = [sum(x * w for x, w in zip(features, vector, strict=True)) for vector in vectors]
    return [margin >> algorithm.margin_shift for margin in margins]


def residuals(algorithm: Algorithm, quotient: Sequence[int], label: int) -> list[int]:
    """Step 3: the residual of each weight vector, in units of 2^-f."""
    scale = algorithm.residual_scale
    if algorithm.kind == "linear":
        return [max(-scale, min(scale, quotient[0] - label))]
    if algorithm.kind == "logistic":
        table = sigmoid_table(algorithm.residual_bits, algorithm.index_limit)
        return [table.at(quotient[0]) - label * scale]
    exp = exp_table(2 * algorithm.index_limit)
    powers = [exp.at(max(quotient) - q) for q in quotient]
    probabilities = [scale * power // sum(powers) for power in powers]
    return [p - scale * (k == label) for k, p in enumerate(probabilities)]


def gradient(algorithm: Algorithm, rows: Sequence[Row], weights: Sequence[int]) -> list[int]:
    """Step 4: the sum over all rows of residual times features, K x d, row-major."""
    total = [0] * algorithm.dimension
    for *features, label in rows:
        quotient = quotients(algorithm, features, weights)
        for k, residual in enumerate(residuals(algorithm, quotient, label)):
            for j, x in enumerate(features):
                total[k * algorithm.features + j] += residual * x
    return total


def round_gradient(algorithm: Algorithm, total: Sequence[int]) -> list[int]:
    """Step 5: floor((g + 2^(shift-1)) / 2^shift); with shift 0 nothing changes."""
    half = (1 << algorithm.shift) // 2
    return [(entry + half) >> algorithm.shift for entry in total]
