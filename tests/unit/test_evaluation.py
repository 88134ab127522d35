"""The comparison outside the protocol: splits, scores, and training in the clear."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.agreement.draft import Wishes
from cotrain.report.evaluation import (
    alone_variance,
    area_under_curve,
    score,
    split_rows,
    train_openly,
)
from cotrain.report.quality import Scores, mean_scores, mix
from cotrain.rounds.plan import RunPlan
from cotrain.settlement.draft import MoneyWishes, draft_pool
from cotrain.testing.world import build_world, synthetic_rows
from cotrain.training.algorithm import Algorithm


def rows_of(labels: list[int]) -> np.ndarray:
    return np.array([[place, label] for place, label in enumerate(labels)], dtype=np.int16)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=80), st.integers(0, 2**32 - 1))
def test_a_split_divides_and_is_the_same_for_the_same_seed(labels: list[int], seed: int) -> None:
    rows = rows_of(labels)
    split = split_rows(rows, seed)
    again = split_rows(rows, seed)
    assert np.array_equal(split.train, again.train)
    together = np.concatenate([split.train, split.test])
    assert sorted(map(tuple, together)) == sorted(map(tuple, rows))
    for label in set(labels):
        assert int((split.test[:, -1] == label).sum()) == round(labels.count(label) * 0.3)


def test_another_seed_divides_otherwise() -> None:
    rows = rows_of([0, 1] * 50)
    assert not np.array_equal(split_rows(rows, 1).test, split_rows(rows, 2).test)


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40).filter(
        lambda pairs: len({label for _, label in pairs}) == 2
    )
)
def test_area_under_curve_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([value for value, _ in pairs], dtype=float)
    labels = np.array([label for _, label in pairs], dtype=int)
    won = [
        (above > below) + (above == below) / 2
        for above in scores[labels == 1]
        for below in scores[labels == 0]
    ]
    assert area_under_curve(scores, labels) == pytest.approx(float(np.mean(won)))


def algorithm() -> Algorithm:
    made = Algorithm(kind="logistic", features=2, classes=1, row_bound=4096, residual_bits=12)
    return made.with_default_rate().with_default_shift()


def separable(count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    side = generator.integers(-1500, 1500, count)
    bias = np.full(count, 1000)
    return np.stack([side, bias, (side > 0)], axis=1).astype(np.int16)


def test_training_in_the_clear_learns_and_noise_hurts() -> None:
    parts, test = [separable(100, 1), separable(60, 2)], separable(200, 3)
    plain = train_openly(algorithm(), parts, 10)
    assert len(plain) == 10
    quality = score(algorithm(), plain[-1], test)
    assert quality["auc"] > 0.99
    assert quality["accuracy"] > 0.9
    noisy = train_openly(algorithm(), parts, 10, variance=10**7, seed=b"\1" * 32)
    again = train_openly(algorithm(), parts, 10, variance=10**7, seed=b"\1" * 32)
    other = train_openly(algorithm(), parts, 10, variance=10**7, seed=b"\2" * 32)
    assert np.array_equal(noisy[-1], again[-1])
    assert not np.array_equal(noisy[-1], plain[-1])
    assert not np.array_equal(noisy[-1], other[-1])


def test_a_score_on_one_class_has_no_auc() -> None:
    weights = train_openly(algorithm(), [separable(50, 1)], 1)[-1]
    one_class = separable(50, 4)
    one_class[:, -1] = 1
    assert set(score(algorithm(), weights, one_class)) == {"accuracy"}


def test_means_leave_out_what_is_not_defined() -> None:
    scores: list[Scores] = [{"auc": 0.5, "accuracy": 1.0}, {"auc": None, "accuracy": 0.0}]
    assert mean_scores(scores) == {"auc": 0.5, "accuracy": 0.5}
    assert mean_scores(scores[1:]) == {"auc": None, "accuracy": 0.0}


def test_seeds_of_different_uses_differ() -> None:
    seeds = {mix(bytes(32), label) for label in ("a", "b", "a/0")} | {mix(b"\1" * 32, "a")}
    assert len(seeds) == 4
    assert all(len(seed) == 32 for seed in seeds)


def test_alone_the_whole_epsilon_is_for_the_rounds(tmp_path: Path) -> None:
    """A pool takes a part of epsilon from the rounds of the common training; who trains alone releases no score."""
    wishes, plans = Wishes("Alone", rounds=2, epsilon="8", colluders=1, survivors=3), []
    for name, pool in (("no", None), ("yes", draft_pool(40, synthetic_rows(7, 20), "8"))):
        money, folder = MoneyWishes(price=10, contribution=pool), tmp_path / name
        folder.mkdir()
        world = build_world(folder, wishes=wishes, money=money, assurance="proven")
        plans.append(RunPlan.derive(world.agreement))
    without, with_pool = plans
    assert with_pool.noise is not None
    assert without.noise is not None
    assert with_pool.noise.local_variance > without.noise.local_variance
    assert alone_variance(with_pool) == alone_variance(without)
