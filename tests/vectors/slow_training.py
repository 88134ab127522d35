"""A second implementation of docs/spec/training.md, from its text alone, on `decimal` and `int`.

It reads an algorithm as the plain JSON object that an agreement holds.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from math import floor, isqrt
from typing import Any

Document = dict[str, Any]


def sigmoid(index: int, bits: int) -> int:
    with localcontext() as context:
        context.prec = 80
        value = 2**bits / (1 + (Decimal(-(2 * index + 1)) / 128).exp())
        return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def exponential(index: int) -> int:
    with localcontext() as context:
        context.prec = 80
        value = 2**14 * (Decimal(-index) / 64).exp()
        return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def quotients(algorithm: Document, features: list[int], weights: list[int]) -> list[int]:
    unit = algorithm["row_bound"] * 2 ** algorithm["weight_bits"]
    steps = 2 ** algorithm["residual_bits"] if algorithm["kind"] == "linear" else 64
    out = []
    for k in range(algorithm["classes"]):
        vector = weights[k * len(features) :][: len(features)]
        margin = sum(a * b for a, b in zip(features, vector, strict=True))
        out.append(floor(Fraction(margin * steps, unit)))
    return out


def residuals(algorithm: Document, q: list[int], label: int) -> list[int]:
    one = 2 ** algorithm["residual_bits"]
    if algorithm["kind"] == "linear":
        return [sorted((-one, q[0] - label, one))[1]]
    if algorithm["kind"] == "logistic":
        return [sigmoid(q[0], algorithm["residual_bits"]) - one * label]
    powers = [exponential(max(q) - entry) for entry in q]
    shares = [floor(Fraction(one * power, sum(powers))) for power in powers]
    shares[label] -= one
    return shares


def gradient(algorithm: Document, rows: list[list[int]], weights: list[int]) -> list[int]:
    total = [0] * len(weights)
    for row in rows:
        features, label = row[:-1], row[-1]
        errors = residuals(algorithm, quotients(algorithm, features, weights), label)
        products = [error * x for error in errors for x in features]
        total = [a + b for a, b in zip(total, products, strict=True)]
    return total


def nearest(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def update(algorithm: Document, total: list[int]) -> list[int]:
    return [nearest(Fraction(entry, 2 ** algorithm["shift"])) for entry in total]


def project(algorithm: Document, weights: list[int]) -> list[int]:
    bound, d, out = algorithm["weight_bound"], algorithm["features"], []
    for start in range(0, len(weights), d):
        vector = weights[start : start + d]
        square = sum(w * w for w in vector)
        norm = isqrt(square) + (isqrt(square) ** 2 < square)
        fits = square <= bound * bound
        out += vector if fits else [int(Fraction(w * bound, norm)) for w in vector]
    return out


def step(algorithm: Document, weights: list[int], update_sum: list[int], rows: int) -> list[int]:
    rate, decay = Fraction(algorithm["learning_rate"]), Fraction(algorithm["l2"])
    rate_in_weights = rate * 2 ** algorithm["weight_bits"]
    mean = Fraction(
        2 ** algorithm["shift"], rows * 2 ** algorithm["residual_bits"] * algorithm["row_bound"]
    )
    pairs = zip(weights, update_sum, strict=True)
    moved = [w - nearest(rate_in_weights * mean * u) - nearest(rate * decay * w) for w, u in pairs]
    return project(algorithm, moved)


def release(algorithm: Document, iterates: list[list[int]]) -> list[int]:
    count = -(-len(iterates) // 2) if algorithm["averaging"] == "tail" else 1
    columns = zip(*iterates[-count:], strict=True)
    return project(algorithm, [nearest(Fraction(sum(column), count)) for column in columns])


def row_is_valid(algorithm: Document, row: list[int]) -> bool:
    *features, label = row
    one = 2 ** algorithm["residual_bits"]
    low, high = {
        "linear": (-one, one),
        "logistic": (0, 1),
        "softmax": (0, algorithm["classes"] - 1),
    }[algorithm["kind"]]
    short = bool(sum(x * x for x in features) <= algorithm["row_bound"] ** 2)
    return len(features) == algorithm["features"] and short and low <= label <= high
