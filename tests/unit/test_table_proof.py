"""A table proven by itself: it is in order for the model, and the proof holds for nothing else."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from cotrain.errors import DataError, ForgeryError, MalformedError
from cotrain.proofs.gradient import OwnedTable, commit_table
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.table import FORMAT, prove_table, verify_table
from cotrain.records import canonical
from cotrain.training.algorithm import Algorithm

SEED, ENTROPY = bytes(range(32)), bytes(range(32, 64))
MODELS = {
    "logistic": Algorithm(kind="logistic", features=3),
    "linear": Algorithm(kind="linear", features=3),
    "softmax": Algorithm(kind="softmax", features=3, classes=4),
}
ROWS = [[300, -200, 1024, 1], [0, 0, 0, 0], [-4000, 500, 10, 0]]


def table_of(rows: Any) -> OwnedTable:
    return commit_table(np.array(rows, dtype=np.int16), SEED)


@cache
def made(kind: str) -> tuple[Algorithm, OwnedTable, bytes]:
    algorithm, table = MODELS[kind], table_of(ROWS)
    return algorithm, table, prove_table(algorithm, table, ENTROPY, context=b"c")


@pytest.mark.parametrize("kind", MODELS)
def test_a_table_in_order_is_proven(kind: str) -> None:
    algorithm, table, proof = made(kind)
    verify_table(algorithm, table.public, proof, context=b"c")


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("logistic", [0, 0, 0, 2]),
        ("logistic", [0, 0, 0, -1]),
        ("softmax", [0, 0, 0, 4]),
        ("linear", [0, 0, 0, 4097]),
        ("logistic", [4097, 0, 0, 0]),
        ("logistic", [4000, 2000, 0, 0]),
        ("logistic", [0, 0, -1, 0]),
    ],
)
def test_a_table_that_is_not_in_order_cannot_be_proven(kind: str, row: list[int]) -> None:
    with pytest.raises(DataError) as caught:
        prove_table(MODELS[kind], table_of([*ROWS, row]), ENTROPY)
    assert caught.value.code == "proof-witness"


def refuse(error: type[Exception], proof: bytes, **changes: Any) -> None:
    algorithm, table, _ = made("logistic")
    arguments: dict[str, Any] = {"algorithm": algorithm, "table": table.public, "context": b"c"}
    with pytest.raises(error):
        verify_table(**arguments | changes, proof=proof)


def test_it_holds_for_nothing_else() -> None:
    algorithm, table, proof = made("logistic")
    rows = table.rows.copy()
    rows[0, 0] += 1
    refuse(ForgeryError, proof, table=table_of(rows).public)
    refuse(ForgeryError, proof, table=replace(table.public, schema="00" * 32))
    refuse(ForgeryError, proof, algorithm=MODELS["linear"])
    refuse(ForgeryError, proof, algorithm=replace(algorithm, row_bound=2048))
    refuse(ForgeryError, proof, context=b"d")
    refuse(DataError, proof, algorithm=Algorithm(kind="logistic", features=4))


def test_bytes_that_are_no_proof_are_refused() -> None:
    proof = made("logistic")[2]
    for bad in (proof + b"\0", proof[:-1], b"", proof.replace(b"/1\n", b"/2\n", 1)):
        refuse(MalformedError, bad)
    refuse(MalformedError, proof.replace(b'"context":', b'"context": ', 1))
    tag, line, body = proof.split(b"\n", 2)
    header = json.loads(line)
    for name, value in header["terms"].items():
        terms = header["terms"] | {name: value + 1}
        lie = tag + b"\n" + canonical.encode(header | {"terms": terms}) + b"\n" + body
        refuse(ForgeryError, lie)
    for place in range(0, len(body), len(body) // 12):
        wrong = bytearray(proof)
        wrong[len(proof) - len(body) + place] ^= 1
        refuse((ForgeryError, MalformedError), bytes(wrong))  # type: ignore[arg-type]


def test_the_terms_are_those_that_a_gradient_takes_for_granted() -> None:
    terms = RowTerms.of_model(MODELS["softmax"])
    assert (terms.columns, terms.row_bits, terms.labels) == (4, 12, (0, 3))
    assert RowTerms.of_model(MODELS["linear"]).labels == (-4096, 4096)
    assert FORMAT.endswith("/1")
