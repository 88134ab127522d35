"""What owners and attackers would be paid by each rule: real data, simulated owners, the product's own arithmetic.

Usage: python -m benchmarks.payouts [--seeds 5] [--rounds 20] [--out FILE]

Four hospitals train by the product's integer gradients; proofs and encryption are left out, because they change no
number. Public validation rows are a tenth of all rows. Each attack is made by one hospital; the others are honest.
A pool of 1,000,000 is divided equally, by registered rows, and by scores (first-order in-run data Shapley): without any
noise; and with epsilon 8 (or 4, 2, 1) for all rounds and the scores together, three quarters of it for the rounds.
Printed: what the attacker gets, all its identities together, beside what it gets if it is honest.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import factorial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import RESULTS, describe
from cotrain.agreement.schema import load_schema
from cotrain.contribution.payouts import Standing, divide_pool
from cotrain.contribution.rules import by_rows, equal_parts
from cotrain.contribution.score import ScorePlan, exact_score
from cotrain.contribution.validation import validation_gradients
from cotrain.data import heart
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource, list_owners
from cotrain.privacy.calibration import Crowd, NoisePlan, PrivacyTarget
from cotrain.privacy.rdp import Accountant
from cotrain.privacy.sampler import sample_noise
from cotrain.privacy.skellam import build_table
from cotrain.report.evaluation import score as quality
from cotrain.rounds.plan import sensitivity_of
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient, round_gradient
from cotrain.training.step import initial_weights, release_weights, take_step

FORMAT = "cotrain/benchmarks-payouts/1"
RESULT = RESULTS / "payouts.json"
POOL = 1_000_000
ATTACKER = "Hungary"
DELTA = 1e-5
ROUNDS_PART = 0.75
EPSILONS = (None, 8.0, 4.0, 2.0, 1.0)

Rows = NDArray[np.int16]
Tables = dict[str, Rows]


class Market:
    """Owners' tables, a validation table, and what came of training on them.

    Attributes:
        algorithm: The model.
        tables: Name to encoded rows.
        validation: Public rows.
        boost: By what the attacker multiplies its updates; only without proofs it can.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        tables: Tables,
        validation: Rows,
        rounds: int,
        *,
        boost: Mapping[str, int] | None = None,
        epsilon: float | None = None,
        seed: int = 0,
    ) -> None:
        self.algorithm, self.tables, self.validation = algorithm, tables, validation
        self.epsilon, self._seed = epsilon, seed
        self._noise = None
        self.rule = ScorePlan.exact(1 << 40)
        if epsilon is not None:
            crowd = Crowd(len(tables), 1, 1)
            target = PrivacyTarget(epsilon * ROUNDS_PART, DELTA, rounds)
            plan = NoisePlan.derive(target, crowd, sensitivity_of(algorithm), scored=True)
            self._noise = build_table(plan.local_variance)
            spent = Accountant().after([plan.event().repeated(rounds)])
            both = PrivacyTarget(epsilon, DELTA, rounds)
            self.rule = ScorePlan.derive(sensitivity_of(algorithm), crowd, spent, both)
        self._train(rounds, boost or {})

    def _train(self, rounds: int, boost: Mapping[str, int]) -> None:
        weights = [initial_weights(self.algorithm)]
        updates: dict[str, list[NDArray[np.int64]]] = {name: [] for name in self.tables}
        count = sum(len(rows) for rows in self.tables.values())
        for number in range(rounds):
            made = {
                name: self._update(rows, weights[-1]) * boost.get(name, 1)
                + self._drawn(number, name)
                for name, rows in self.tables.items()
            }
            for name, update in made.items():
                updates[name].append(update)
            weights.append(take_step(self.algorithm, weights[-1], sum(made.values()), count))
        self.final = release_weights(self.algorithm, weights[1:])
        self.gradients = validation_gradients(
            self.algorithm, self.validation, weights[:-1], self.rule.length
        )
        self.scores = {
            n: exact_score(self.gradients, np.array(made)) for n, made in updates.items()
        }

    def _update(self, rows: Rows, weights: NDArray[np.int32]) -> NDArray[np.int64]:
        if not len(rows):
            return np.zeros(self.algorithm.dimension, dtype=np.int64)
        return round_gradient(self.algorithm, gradient(self.algorithm, rows, weights))

    def _drawn(self, number: int, name: str) -> NDArray[np.int64]:
        if self._noise is None:
            return np.zeros(self.algorithm.dimension, dtype=np.int64)
        seed = hashlib.sha256(f"{self._seed}/{number}/{name}".encode()).digest()
        return sample_noise(self._noise, seed, self.algorithm.dimension)

    def auc(self) -> float:
        return float(quality(self.algorithm, self.final, self.validation)["auc"] or 0.5)

    def release(self) -> dict[str, int]:
        """Return the released scores, with noise if there is any in the updates."""
        found = {name: self.rule.rounded(score) for name, score in self.scores.items()}
        if self.rule.variance is None:
            return found
        seed = hashlib.sha256(f"{self._seed}/scores".encode()).digest()
        noise = sample_noise(build_table(self.rule.variance), seed, len(found))
        return {name: value + int(e) for (name, value), e in zip(found.items(), noise, strict=True)}


# Attacks: what the attacker's tables become. Names of its identities begin with its own.


def honest(rows: Rows, generator: np.random.Generator) -> Tables:
    del generator
    return {ATTACKER: rows}


def free_rider(rows: Rows, generator: np.random.Generator) -> Tables:
    """Rows that say nothing: as many as it has, all zero but for bias and a label by chance."""
    made = np.zeros_like(rows)
    made[:, -2] = rows[:, -2]
    made[:, -1] = generator.integers(0, 2, len(rows))
    return {ATTACKER: made}


def noise_data(rows: Rows, generator: np.random.Generator) -> Tables:
    """Its own columns, each shuffled by itself: plausible entries that fit nobody."""
    made = rows.copy()
    for column in range(rows.shape[1] - 2):
        generator.shuffle(made[:, column])
    generator.shuffle(made[:, -1])
    return {ATTACKER: _bounded(made)}


def flipped_labels(rows: Rows, generator: np.random.Generator) -> Tables:
    del generator
    made = rows.copy()
    made[:, -1] = 1 - made[:, -1]
    return {ATTACKER: made}


def split_in_three(rows: Rows, generator: np.random.Generator) -> Tables:
    order = generator.permutation(len(rows))
    return {
        f"{ATTACKER} {place}": rows[part] for place, part in enumerate(np.array_split(order, 3))
    }


def copied_three_times(rows: Rows, generator: np.random.Generator) -> Tables:
    del generator
    return {f"{ATTACKER} {place}": rows for place in range(3)}


def doubled_rows(rows: Rows, generator: np.random.Generator) -> Tables:
    del generator
    return {ATTACKER: np.concatenate([rows, rows])}


ATTACKS: dict[str, Callable[[Rows, np.random.Generator], Tables]] = {
    "honest": honest,
    "free rider (empty rows)": free_rider,
    "noise data": noise_data,
    "flipped labels": flipped_labels,
    "boosted x5 (no proofs)": honest,
    "split under three names": split_in_three,
    "copied under three names": copied_three_times,
    "own rows doubled": doubled_rows,
}
STOPS = {
    "honest": "-",
    "free rider (empty rows)": "scores; a stake costs it nothing, for its proof is true",
    "noise data": "scores",
    "flipped labels": "scores; it also harms the model",
    "boosted x5 (no proofs)": "the proof: an update is exactly the step (S2, S4)",
    "split under three names": "shares by rows or scores; equal shares need verified identity",
    "copied under three names": "verified identity and a stake; commitments hide copies from a check",
    "own rows doubled": "nothing in the protocol: proven rows may repeat; the schema's max_rows bounds it",
}


def _bounded(rows: Rows) -> Rows:
    """Scale rows back below the bound that their shuffling may have broken."""
    features = rows[:, :-1].astype(np.float64)
    norms = np.linalg.norm(features, axis=1)
    factor = np.minimum(1, 4090 / np.maximum(norms, 1))
    made = rows.copy()
    made[:, :-1] = np.trunc(features * factor[:, None])
    return made


def load() -> tuple[Algorithm, Tables]:
    schema = load_schema(heart.SCHEMA_PATH)
    owners = list_owners(heart.TABLE_PATH, heart.OWNER_COLUMN)
    tables = {
        owner: encode_table(TableSource(heart.TABLE_PATH, heart.OWNER_COLUMN, owner), schema).rows
        for owner in owners
    }
    algorithm = Algorithm(
        kind="logistic", features=schema.feature_count, classes=1, row_bound=schema.row_bound
    )
    return algorithm.with_default_rate().with_default_shift(), tables


def divide_rows(tables: Tables, seed: int) -> tuple[Tables, Rows]:
    """Return training rows of each owner, and a tenth of all rows as public validation rows."""
    generator = np.random.default_rng(seed)
    kept, public = {}, []
    for name, rows in tables.items():
        order = generator.permutation(len(rows))
        cut = len(rows) // 10
        public.append(rows[order[:cut]])
        kept[name] = rows[order[cut:]]
    return kept, np.concatenate(public)


def attack(
    name: str, algorithm: Algorithm, tables: Tables, seed: int, rounds: int
) -> dict[str, float]:
    """Return what the attacker gets by each rule, as a part of the pool."""
    kept, public = divide_rows(tables, seed)
    own = kept.pop(ATTACKER)
    made = ATTACKS[name](own, np.random.default_rng(seed + 1000))
    boost = {ATTACKER: 5} if name.startswith("boosted") else {}
    everybody = kept | made
    sizes = {who: len(rows) for who, rows in everybody.items()}
    paid = {"equal": equal_parts(POOL, sizes), "by rows": by_rows(POOL, sizes)}
    found: dict[str, float] = {}
    for epsilon in EPSILONS:
        label = "scores" if epsilon is None else f"scores, epsilon {epsilon:g}"
        market = Market(
            algorithm, everybody, public, rounds, boost=boost, epsilon=epsilon, seed=seed
        )
        standings = {who: Standing(rounds, s, False) for who, s in market.release().items()}
        parts = divide_pool(POOL, 0, 0, standings)
        paid[label] = {who: part.amount for who, part in parts.items()}
        if epsilon is None:
            found["auc"] = market.auc()
    for rule, split in paid.items():
        found[rule] = (
            sum(amount for who, amount in split.items() if who.startswith(ATTACKER)) / POOL
        )
    return found


def truth(algorithm: Algorithm, tables: Tables, seed: int, rounds: int) -> dict[str, Any]:
    """Compare scores with the exact Shapley value of the validation AUC over all coalitions."""
    kept, public = divide_rows(tables, seed)
    names = sorted(kept)
    worth = {(): 0.5}
    for size in range(1, len(names) + 1):
        for group in combinations(names, size):
            worth[group] = Market(algorithm, {n: kept[n] for n in group}, public, rounds).auc()
    exact = {name: _shapley(name, names, worth) for name in names}
    whole = Market(algorithm, kept, public, rounds)
    rule = Market(algorithm, kept, public, rounds, epsilon=1.0).rule
    scale = max(abs(rule.rounded(score)) for score in whole.scores.values())
    scores = [float(whole.scores[name]) for name in names]
    return {
        "correlation": float(np.corrcoef(scores, [exact[name] for name in names])[0, 1]),
        "correlation_with_rows": float(np.corrcoef(scores, [len(kept[n]) for n in names])[0, 1]),
        "shapley": exact,
        "scores": {name: whole.scores[name] for name in names},
        "noise_sd_over_largest_score_at_epsilon_1": (rule.variance or 0) ** 0.5 / scale,
    }


def _shapley(name: str, names: Sequence[str], worth: Mapping[tuple[str, ...], float]) -> float:
    others = [other for other in names if other != name]
    total = 0.0
    for size in range(len(names)):
        weight = factorial(size) * factorial(len(names) - size - 1) / factorial(len(names))
        for group in combinations(others, size):
            total += weight * (worth[tuple(sorted((*group, name)))] - worth[group])
    return total


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.payouts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    algorithm, tables = load()
    document: dict[str, Any] = {"format": FORMAT, "machine": describe(), "attacker": ATTACKER}
    document["attacks"] = {
        name: summary(
            [attack(name, algorithm, tables, seed, options.rounds) for seed in range(options.seeds)]
        )
        for name in ATTACKS
    }
    document["truth"] = [
        truth(algorithm, tables, seed, options.rounds) for seed in range(options.seeds)
    ]
    document["rounds_variance_ratio"] = price_of_scores(algorithm, len(tables), options.rounds)
    show(document)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def price_of_scores(algorithm: Algorithm, owners: int, rounds: int) -> float:
    """Return how many times the variance updates carry where scores are released beside the sums, for epsilon 6."""
    target = PrivacyTarget(8.0 * ROUNDS_PART, DELTA, rounds)
    crowd, sensitivity = Crowd(owners, 1, 1), sensitivity_of(algorithm)
    scored, alone = (
        NoisePlan.derive(target, crowd, sensitivity, scored=scored).local_variance
        for scored in (True, False)
    )
    return scored / alone


def summary(found: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation of each figure."""
    return {
        key: {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else 0.0}
        for key in found[0]
        for values in [[one[key] for one in found]]
    }


def show(document: dict[str, Any]) -> None:
    """Print what the attacker gets, in percent of the pool, and how good scores are."""
    rules = [key for key in document["attacks"]["honest"] if key != "auc"]
    print(
        f"{ATTACKER} gets, percent of the pool"
        + "".join(f"{rule:>20}" for rule in rules)
        + f"{'AUC':>8}"
    )
    for name, found in document["attacks"].items():
        cells = "".join(
            f"{100 * found[rule]['mean']:>13.1f} ± {100 * found[rule]['sd']:4.1f}" for rule in rules
        )
        print(f"{name:28}{cells}{found['auc']['mean']:>8.3f}   stopped by: {STOPS[name]}")
    print(f"variance in the rounds beside scores: {document['rounds_variance_ratio']:.3f} times")
    truths = document["truth"]
    for key in ("correlation", "correlation_with_rows", "noise_sd_over_largest_score_at_epsilon_1"):
        print(f"{key}: {fmean(found[key] for found in truths):.2f}")


if __name__ == "__main__":
    main()
