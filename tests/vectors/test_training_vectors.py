"""Known answers of training: the kernel, its twin and a second implementation must all agree."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slow_training as slow

from cotrain.errors import CotrainError, DataError, MalformedError, UsageError
from cotrain.training import twin
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import GradientSum, check_rows, gradient
from cotrain.training.model import Model
from cotrain.training.step import release_weights, take_step
from cotrain.training.tables import Table, exp_table, sigmoid_table

PATH = Path(__file__).parents[2] / "vectors" / "training" / "v1.json"
KNOWN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


def _name(case: dict[str, Any]) -> str:
    return str(case["name"])


def _table(case: dict[str, Any]) -> Table:
    if case["name"] == "sigmoid":
        return sigmoid_table(case["bits"], case["last"])
    return exp_table(case["last"])


@pytest.mark.parametrize("case", KNOWN["tables"], ids=_name)
def test_tables_are_the_known_ones(case: dict[str, Any]) -> None:
    table = _table(case)
    assert (table.first, table.first + len(table.values) - 1) == (case["first"], case["last"])
    assert {index: table.at(int(index)) for index in case["samples"]} == case["samples"]
    assert table.digest == case["sha256"]


@pytest.mark.parametrize("case", KNOWN["tables"], ids=_name)
def test_the_second_implementation_computes_the_same_tables(case: dict[str, Any]) -> None:
    indices = range(case["first"], case["last"] + 1)
    sigmoid = case["name"] == "sigmoid"
    values = [slow.sigmoid(i, case["bits"]) if sigmoid else slow.exponential(i) for i in indices]
    head = f"cotrain/table/1 {case['name']} {case['bits']} {case['first']} {len(values)}\n"
    data = head.encode() + struct.pack(f"<{len(values)}i", *values)
    assert hashlib.sha256(data).hexdigest() == case["sha256"]


@pytest.mark.parametrize("case", KNOWN["gradients"], ids=_name)
def test_gradients(case: dict[str, Any]) -> None:
    algorithm = Algorithm.from_document(case["algorithm"])
    total = GradientSum(algorithm, np.array(case["weights"]))
    total.add_block(np.array(case["rows"], dtype=np.int16))
    assert total.total.tolist() == case["gradient"]
    assert total.update().tolist() == case["update"]


@pytest.mark.parametrize("case", KNOWN["gradients"], ids=_name)
def test_the_twin_and_the_second_implementation_agree(case: dict[str, Any]) -> None:
    document, rows, weights = case["algorithm"], case["rows"], case["weights"]
    algorithm = Algorithm.from_document(document)
    assert twin.gradient(algorithm, rows, weights) == case["gradient"]
    assert twin.round_gradient(algorithm, case["gradient"]) == case["update"]
    assert slow.gradient(document, rows, weights) == case["gradient"]
    assert slow.update(document, case["gradient"]) == case["update"]


@pytest.mark.parametrize("case", KNOWN["steps"], ids=_name)
def test_steps(case: dict[str, Any]) -> None:
    algorithm = Algorithm.from_document(case["algorithm"])
    weights = np.array(case["weights"])
    after = take_step(algorithm, weights, case["update_sum"], case["rows"])
    assert after.tolist() == case["after"]
    again = slow.step(case["algorithm"], case["weights"], case["update_sum"], case["rows"])
    assert again == case["after"]


@pytest.mark.parametrize("case", KNOWN["releases"])
def test_releases(case: dict[str, Any]) -> None:
    iterates = [np.array(iterate) for iterate in case["iterates"]]
    weights = release_weights(Algorithm.from_document(case["algorithm"]), iterates)
    assert weights.tolist() == case["weights"]
    assert slow.release(case["algorithm"], case["iterates"]) == case["weights"]


@pytest.mark.parametrize("case", KNOWN["bad_rows"], ids=_name)
def test_bad_rows_are_refused(case: dict[str, Any]) -> None:
    algorithm = Algorithm.from_document(case["algorithm"])
    rows = np.array(case["rows"], dtype=np.int16)
    weights = np.zeros(algorithm.dimension, dtype=np.int32)
    with pytest.raises(DataError) as refusal:
        gradient(algorithm, rows, weights)
    assert refusal.value.code == case["code"]
    with pytest.raises(DataError) as refusal:
        check_rows(algorithm, rows)
    assert refusal.value.code == case["code"]
    assert not all(slow.row_is_valid(case["algorithm"], row) for row in case["rows"])


@pytest.mark.parametrize("case", KNOWN["bad_algorithms"], ids=_name)
def test_bad_algorithms_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises((UsageError, MalformedError)) as refusal:
        Algorithm.from_document(case["algorithm"])
    assert isinstance(refusal.value, CotrainError)
    assert refusal.value.code == case["code"]


def test_the_model_file_is_read_and_written_alike() -> None:
    data = KNOWN["model"]["good"].encode()
    assert Model.decode(data).encode() == data


@pytest.mark.parametrize("name", KNOWN["model"]["bad"])
def test_bad_model_files_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        Model.decode(KNOWN["model"]["bad"][name].encode())
