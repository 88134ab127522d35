"""A statement names its tables by hash: other numbers under a name are no statement."""

import numpy as np
import pytest

from cotrain._native import proofs as native
from cotrain.privacy.skellam import build_table
from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import exp_table, sigmoid_table, table_for

PLACE = (3, 3, 0, 3)


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_a_model_table_under_another_name_is_refused(kind: str) -> None:
    algorithm = Algorithm(kind="logistic", features=2)
    if kind == "softmax":
        algorithm = Algorithm(kind="softmax", features=2, classes=2)
    table = table_for(algorithm)
    assert table is not None
    scales = (
        algorithm.row_bits,
        algorithm.residual_bits,
        algorithm.margin_shift,
        algorithm.index_limit,
    )
    weights, shape = np.zeros(algorithm.dimension, np.int32), (2, algorithm.classes)

    def state(values: np.ndarray[tuple[int], np.dtype[np.int32]], name: str) -> None:
        named = (values, bytes.fromhex(name))
        native.GradientStatement(b"", PLACE, kind, shape, scales, named, weights)

    state(table.as_array(), table.digest)
    changed = table.as_array()
    changed[7] += 1
    with pytest.raises(ValueError, match="the name of the table"):
        state(changed, table.digest)
    other = exp_table(4) if kind == "logistic" else sigmoid_table(12, 4)
    with pytest.raises(ValueError, match="the name of the table"):
        state(table.as_array(), other.digest)


def test_a_noise_table_under_another_name_is_refused() -> None:
    thresholds, name = build_table(30).thresholds, bytes.fromhex(build_table(30).sha256())
    native.UpdateStatement(b"", 3, (0, 20), (thresholds, name, bytes(32)))
    with pytest.raises(ValueError, match="the name of the noise table"):
        native.UpdateStatement(b"", 3, (0, 20), (build_table(31).thresholds, name, bytes(32)))
