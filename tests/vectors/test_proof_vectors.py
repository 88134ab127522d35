"""Known proofs: two verifiers that share no code judge each of them alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from reference.vectors import Case, read_cases
from vectors.generate_proofs import judge

FOLDER = Path(__file__).parents[2] / "vectors/proofs"
FILES = ("v1.json", "v2.json", "v3.json")
DOCUMENTS = [json.loads((FOLDER / name).read_text("utf-8")) for name in FILES]
CASES: list[Case] = [case for document in DOCUMENTS for case in read_cases(document)]
SAMPLE = [case for case in CASES if case.expected == "accept"][::4] + CASES[-1:]


def test_the_file_has_a_good_and_a_bad_case_of_each_statement() -> None:
    for kind in ("dataset", "gradient", "update", "contribution", "removal"):
        verdicts = {case.expected for case in CASES if case.document["kind"] == kind}
        assert {
            "accept",
            "proof-false",
            "proof-length",
            "proof-encoding",
            "proof-input",
        } <= verdicts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_compiled_verifier_judges_as_the_file_says(case: Case) -> None:
    document: dict[str, Any] = dict(case.document)
    assert judge(document) == case.expected


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_the_reference_verifier_judges_a_sample_as_the_file_says(case: Case) -> None:
    assert case.judge() == case.expected


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_reference_verifier_judges_all_as_the_file_says(case: Case) -> None:
    assert case.judge() == case.expected
