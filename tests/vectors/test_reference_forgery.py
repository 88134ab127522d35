"""False statements: neither an honest prover's proof of them nor a forged one may be accepted."""

from typing import Any

import pytest
from reference_forger import EntriesBeyond, VectorsInValues, forge

from reference import argument, witness
from reference.errors import Refused
from reference.examples import GRADIENT, THRESHOLDS
from reference.prover import Prover
from reference.statements import Statement, make_dataset, make_statement, make_update
from reference.statements import verify_statement as verify
from reference.tables import noise_table_name

DATASET = {
    "rows": 3,
    "columns": 6,
    "first-row": 0,
    "segment": 3,
    "row-bits": 4,
    "feature-scale": 4,
    "label-low": 0,
    "label-high": 1,
    "kinds": [1, 2, 2, 0],
    "groups": [0, 1, 1, 0],
}
GOOD_ROW = [4, 0, 4, -3, 4, 1]
OTHER_ROWS = [[-4, 4, 0, 2, 4, 0], [0, 0, 0, 15, 4, 1]]
UPDATE = {"entries": 3, "shift": 0, "bound-bits": 8, "noise-table": "", "coins": ""}


def _update(**changes: Any) -> Statement:
    thresholds = THRESHOLDS if "coins" in changes else []
    return make_statement("update", UPDATE | changes, b"", (), thresholds)


def _refusal(statement: Statement, made: tuple[list[str], str]) -> str:
    inputs, proof = made
    try:
        verify(statement, [bytes.fromhex(points) for points in inputs], bytes.fromhex(proof))
    except Refused as refusal:
        return refusal.code
    return "accept"


def test_a_true_update_is_accepted() -> None:
    statement = _update()
    assert _refusal(statement, forge(Prover, statement, [GRADIENT, GRADIENT], [])) == "accept"


def test_a_false_update_is_refused() -> None:
    statement = _update()
    made = forge(Prover, statement, [GRADIENT, [999999, 0, -5]], [])
    assert _refusal(statement, made) == "proof-false"


@pytest.mark.parametrize(("power", "verdict"), [(2, "accept"), (3, "proof-false")])
def test_vectors_in_values_are_refused_by_the_third_power_of_the_scale_alone(
    power: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argument, "IDENTITY_POWER", power)
    statement = _update()
    honest = forge(Prover, statement, [GRADIENT, GRADIENT], [])
    assert _refusal(statement, honest) == "accept"
    made = forge(VectorsInValues, statement, [GRADIENT, [999999, 0, -5]], [])
    assert _refusal(statement, made) == verdict


def test_an_update_with_more_entries_than_it_says_is_refused() -> None:
    coins = bytes(range(32)).hex()
    table = noise_table_name(tuple(THRESHOLDS)).hex()
    changes = {"noise-table": table, "coins": coins}
    statement = _update(**changes)
    words = [12345678901234567, -(2**63), 2**63 - 1]
    made = make_update(UPDATE | changes, THRESHOLDS)
    witnesses, update = witness.update_witness(made, GRADIENT, words)
    longer = update + [0] * 97 + [7]
    forged = forge(EntriesBeyond, statement, [GRADIENT, longer, words], witnesses)
    assert _refusal(statement, forged) == "proof-false"


def _dataset_verdict(row: list[int], padding: tuple[int, int] = (0, 0)) -> str:
    statement = make_statement("dataset", DATASET, b"")
    made = make_dataset(DATASET)
    rows = [row, *OTHER_ROWS]
    entries = witness.padded_rows(rows, made.p)
    entries[6:8] = padding
    slack = witness.dataset_witness(made, rows)
    return _refusal(statement, forge(Prover, statement, [entries], slack))


def test_a_good_row_is_accepted() -> None:
    assert _dataset_verdict(GOOD_ROW) == "accept"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "entry"),
    [(0, 3), (1, -4), (2, 1), (3, 17), (3, 15), (4, 5), (4, -1), (5, 2), (5, -1)],
)
def test_a_bad_entry_is_refused(column: int, entry: int) -> None:
    row = [*GOOD_ROW[:column], entry, *GOOD_ROW[column + 1 :]]
    assert _dataset_verdict(row) == "proof-false"


@pytest.mark.slow
def test_two_values_of_a_category_are_refused() -> None:
    assert _dataset_verdict([4, 4, 4, 0, 4, 1]) == "proof-false"


@pytest.mark.slow
def test_padding_is_refused() -> None:
    assert _dataset_verdict(GOOD_ROW, (0, 1)) == "proof-false"
