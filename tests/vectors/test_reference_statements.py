"""Statements of `reference/`: what is absorbed, what is refused, witnesses against plain training."""

from typing import Any

import pytest
import slow_training as slow
from reference_cases import document, judge

from reference import witness
from reference.building import chunks, range_rows
from reference.errors import Refused
from reference.gradient import weights_name
from reference.statements import make_dataset, make_gradient, make_statement
from reference.system import ByColumn
from reference.tables import check_noise_table
from vectors.generate_proofs import judge as judge_by_core

ROWS = [[3, -2, 2, 1], [0, 1, 2, 0], [-3, 1, 2, 0]]


def test_chunks_are_as_equal_as_possible() -> None:
    assert chunks(0, 8) == []
    assert chunks(25, 13) == [13, 12]
    assert chunks(64, 11) == [11, 11, 11, 11, 10, 10]
    assert range_rows([2, 1, 2]) == [(1, 1, 0), (1, 1, 1), *((1, 2, v) for v in range(4))]


@pytest.mark.parametrize(
    "name", ["dataset_flag_category_numeric", "update_rounded", "removal_of_a_row"]
)
def test_another_context_is_refused(name: str) -> None:
    assert judge(name, context=b"another round".hex()) == "proof-false"


def _changed(name: str, **changes: Any) -> str:
    named = {field.replace("_", "-"): value for field, value in changes.items()}
    return judge(name, parameters=document(name)["parameters"] | named)


def test_other_parameters_are_refused() -> None:
    name = "dataset_flag_category_numeric"
    assert _changed(name, rows=4) == "proof-false"
    assert _changed(name, label_high=2) == "proof-false"
    assert _changed(name, kinds=[0, 2, 2, 0]) == "proof-length"
    assert _changed(name, segment=5, rows=5) == "proof-length"
    assert _changed("update_rounded", bound_bits=7) == "proof-length"
    assert _changed("update_rounded", entries=4) == "proof-false"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dataset_flag_category_numeric", {"segment": 0}),
        ("dataset_flag_category_numeric", {"segment": 4}),
        ("dataset_flag_category_numeric", {"kinds": [1, 2, 2]}),
        ("dataset_flag_category_numeric", {"kinds": [1, 2, 2, 3]}),
        ("dataset_flag_category_numeric", {"groups": [0, 2, 2, 0]}),
        ("dataset_flag_category_numeric", {"label_low": 2}),
        ("gradient_logistic", {"kind": "cubic"}),
        ("gradient_logistic", {"classes": 2}),
        ("gradient_logistic", {"features": 4}),
        ("gradient_logistic", {"table": "00" * 32}),
        ("gradient_logistic", {"weights": "00" * 32}),
        ("gradient_linear", {"table": "00" * 32}),
        ("update_rounded", {"coins": "00" * 32}),
        ("update_rounded", {"noise_table": "00" * 32, "coins": "00" * 32}),
        ("update_with_noise", {"noise_table": "00" * 32}),
        ("update_with_noise", {"coins": ""}),
        ("contribution_with_noise", {"rounds": 3}),
        ("contribution_with_noise", {"entries": 4}),
        ("contribution_with_noise", {"gradients": "00" * 32}),
        ("contribution_with_noise", {"shift": 49}),
        ("contribution_with_noise", {"score": 2**63}),
        ("contribution_with_noise", {"noise_table": "00" * 32}),
        ("contribution_with_noise", {"coins": ""}),
        ("removal_of_a_row", {"width": 0}),
        ("removal_of_a_row", {"width": 6}),
        ("removal_of_a_row", {"width": 2**17}),
        ("removal_of_a_row", {"columns": 0}),
        ("removal_of_a_row", {"columns": 3}),
        ("removal_of_a_row", {"columns": 16, "row": 0}),
        ("removal_of_a_row", {"row": 4}),
        ("removal_of_a_row", {"row": -1}),
    ],
)
def test_numbers_of_no_honest_caller_are_refused(name: str, changes: dict[str, Any]) -> None:
    assert _changed(name, **changes) == "statement-shape"


def test_tables_of_a_vector_are_compared() -> None:
    table = document("gradient_logistic")["table"]
    assert judge("gradient_logistic", table=None) == "accept"
    assert judge("gradient_logistic", table=[*table[:-1], 0]) == "statement-shape"


def test_other_weights_are_refused() -> None:
    weights = [300, -200, 101]
    assert judge("gradient_logistic", weights=weights) == "statement-shape"
    name = weights_name(tuple(weights)).hex()
    parameters = document("gradient_logistic")["parameters"] | {"weights": name}
    assert judge("gradient_logistic", weights=weights, parameters=parameters) == "proof-false"


def test_a_contribution_has_the_score_of_plain_integers_and_the_core_agrees() -> None:
    case = document("contribution_with_noise")
    total = sum(v * u for v, u in zip(case["weights"], [100, -200, 57, 4, 5, -66], strict=True))
    assert abs(case["parameters"]["score"] - round(total / 512)) <= 1
    assert judge_by_core(case) == "accept"
    assert _changed("contribution_with_noise", score=case["parameters"]["score"] + 1) == (
        "proof-false"
    )


def test_a_removal_is_of_one_row_and_the_core_agrees() -> None:
    name = "removal_of_a_row"
    case = document(name)
    assert judge_by_core(case) == "accept"
    assert _changed(name, row=0) == _changed(name, columns=4, row=0) == "proof-false"
    # The last row is zero before and after: its removal is true of other points, not of these.
    assert _changed(name, row=3) == "proof-false"
    assert _changed(name, width=16) == "proof-length"
    before, after = case["inputs"]
    for points in ([after, before], [before, before], [after, after]):
        assert judge(name, inputs=points) == "proof-false"
    for changes in ({"parameters": case["parameters"] | {"row": 0}}, {"inputs": [after, before]}):
        assert judge_by_core(case | changes) == "proof-false"


def test_a_removal_has_one_domain_and_nothing_of_its_own() -> None:
    parameters = document("removal_of_a_row")["parameters"]
    statement = make_statement("removal", parameters, b"")
    (domain,) = statement.system.domains
    assert (domain.rho, domain.kappa, len(domain.columns)) == (0, 3, 3)
    assert domain.columns[2] == ByColumn((1, 1, 0, 0, 1, 1, 1, 1))
    assert (len(domain.constraints), domain.lookups, domain.products) == (1, (), ())
    assert ([m.kind for m in statement.system.matrices], statement.system.table) == (
        ["input", "input"],
        None,
    )
    labels = ["statement", "context", "width", "columns", "row"]
    assert [label for label, _ in statement.fields] == labels


@pytest.mark.parametrize(
    "thresholds",
    [
        [],
        [0],
        [0, 2**63],
        [1, 2**62, 2**64 - 2**62],
        [0, 2**64 - 2**62, 2**62],
        [0, 5, 2**64 - 6],
    ],
)
def test_noise_tables_are_checked(thresholds: list[int]) -> None:
    with pytest.raises(Refused, match="statement-shape"):
        check_noise_table(thresholds)


@pytest.mark.parametrize("name", ["gradient_logistic", "gradient_linear", "gradient_softmax"])
def test_gradients_of_witnesses_are_those_of_plain_training(name: str) -> None:
    case = document(name)
    made = make_gradient(case["parameters"], case["weights"])
    rows = ROWS if made.kind != "linear" else [[3, -2, 2, 1], [-3, 1, 2, 15], [0, 1, 2, -3]]
    extra = made.residual_bits if made.kind == "linear" else 6
    algorithm = {
        "kind": made.kind,
        "classes": made.classes,
        "residual_bits": made.residual_bits,
        "row_bound": 1 << made.row_bits,
        "weight_bits": made.margin_shift - made.row_bits + extra,
    }
    _, gradient = witness.gradient_witness(made, rows)
    assert gradient == slow.gradient(algorithm, rows, case["weights"])


def test_the_slack_says_how_far_a_row_is_from_its_bound() -> None:
    parameters = document("dataset_flag_category_numeric")["parameters"]
    made = make_dataset(parameters)
    low, high = witness.dataset_witness(made, [[4, 0, 4, -3, 4, 1]] * 3)
    slack = [a + 32 * b for a, b in zip(low, high, strict=True)]
    assert slack == [256 - 57] * 3 + [256]


def test_domains_of_a_dataset() -> None:
    case = document("dataset_flag_category_numeric")
    statement = make_statement("dataset", case["parameters"], b"")
    cells, slack, groups = statement.system.domains
    assert (cells.rho, cells.kappa, len(cells.columns)) == (2, 1, 4 + 1 + 2 + 4 + 4 + 1 + 1 + 2)
    assert (slack.rho, slack.kappa, len(slack.lookups)) == (2, 0, 2)
    assert (groups.rho, groups.kappa, len(groups.constraints)) == (2, 0, 1)
    assert [label for label, _ in statement.fields[:3]] == ["statement", "context", "rows"]
    assert dict(statement.fields)["label-low"] == bytes(8)
