"""Reports: real ones fit their schema, say only what happened, and their page is always the same file."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_checker import problems

from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import load_schema
from cotrain.audit.auditor import audit
from cotrain.data import heart
from cotrain.errors import UsageError
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.report.experiment import Experiment, Outcome, Table, perform, prepare
from cotrain.report.figures import Evidence, build_report
from cotrain.report.ledger_figures import read_ledger_figures
from cotrain.report.page import render_page
from cotrain.report.words import notes_of, number, size
from cotrain.testing.determinism import ManualClock, SeededEntropy

SEED = bytes(32)


def entropy(name: str) -> SeededEntropy:
    return SeededEntropy(f"report/{name}")


def make(folder: Path, epsilon: str | None) -> Evidence:
    table = Table(heart.TABLE_PATH, heart.OWNER_COLUMN, load_schema(heart.SCHEMA_PATH))
    wishes = Wishes(title="Hearts <b>& minds", rounds=3, epsilon=epsilon, assurance="recorded")
    layout, clock = RunLayout(folder), ManualClock()
    experiment = prepare(layout, table, wishes, entropy=entropy, clock=clock, seed=0)
    outcome = perform(experiment, entropy=entropy, clock=clock, progress=lambda _: None)
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        return Evidence(experiment, outcome, audit(ledger), read_ledger_figures(ledger))


@pytest.fixture(scope="module", name="evidence")
def fixture_evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return make(tmp_path_factory.mktemp("private") / "run", "1")


@pytest.fixture(scope="module", name="report")
def fixture_report(evidence: Evidence) -> dict[str, Any]:
    return build_report(evidence, seed=SEED, notes=["A note."])


@pytest.fixture(scope="module", name="open_report")
def fixture_open_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return build_report(make(tmp_path_factory.mktemp("open") / "run", None), seed=SEED)


@pytest.fixture(scope="module", name="homes_report")
def fixture_homes_report(evidence: Evidence) -> dict[str, Any]:
    """The report of the same run, had its homes been real ones: without test rows."""
    real = evidence.experiment
    blind = Experiment(real.layout, real.agreement, real.members, {})
    outcome = Outcome(evidence.outcome.state, evidence.outcome.meter, 0)
    return build_report(Evidence(blind, outcome, evidence.audit, evidence.ledger), seed=SEED)


@pytest.mark.parametrize("kind", ["report", "open_report", "homes_report"])
def test_reports_fit_the_schema(kind: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(kind)
    assert problems(json.loads(json.dumps(report))) == []


def test_a_report_that_does_not_fit_is_noticed(report: dict[str, Any]) -> None:
    for path, value in [
        (("format",), "cotrain/report/1"),
        (("run",), "abc"),
        (("data", "owners", 0, "rows"), "212"),
        (("quality", "pooled", "together"), {"f1": 0.5}),
        (("quality", "owners", 0, "alone_range"), [0.5]),
        (("assurance", "proven"), None),
        (("cost", "bytes_sent", "Cleveland", "submission"), -1),
        (("surprise",), 1),
    ]:
        changed = copy.deepcopy(report)
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert problems(changed), path
    missing = copy.deepcopy(report)
    del missing["privacy"]["delta"]
    assert problems(missing) == ["report.privacy: delta is missing"]


def test_the_specification_names_every_field(report: dict[str, Any]) -> None:
    spec = (Path(__file__).parents[2] / "docs" / "spec" / "report.md").read_text()
    for section, value in report.items():
        names = [section, *value] if isinstance(value, dict) and section != "notes" else [section]
        for name in names:
            shortened = name.replace("together_repeated_range", "_range")
            assert shortened in spec, name


def test_privacy_is_what_the_audit_found(report: dict[str, Any], evidence: Evidence) -> None:
    privacy = report["privacy"]
    assert privacy["spent"] == {owner.name: owner.epsilon for owner in evidence.audit.owners}
    rounds = privacy["spent_after_round"]
    assert [point["round"] for point in rounds] == [1, 2, 3]
    for name in heart.HOSPITALS:
        series = [point["epsilon"][name] for point in rounds]
        assert 0 < series[0] < series[1] < series[2] == privacy["spent"][name] <= 1


def test_without_proofs_nothing_is_called_proven(report: dict[str, Any]) -> None:
    assurance = report["assurance"]
    assert assurance["agreed"] == assurance["level"] == "recorded"
    assert assurance["proofs"] == []
    assert "Nothing is proven" in render_page(report)
    assert assurance["proven"] == assurance["bounded"] == assurance["attested"] == []
    assert any("training step" in line for line in assurance["recorded"])
    assert assurance["checked"]["contributions in opened sums, each once"] == 12


def test_bytes_are_those_on_the_ledger(report: dict[str, Any], evidence: Evidence) -> None:
    cost, meter = report["cost"], evidence.outcome.meter
    names = {member.identity.did: member.identity.name for member in evidence.experiment.members}
    for (did, kind), sent in meter.bytes_sent.items():
        assert cost["bytes_sent"][names[did]][kind] == sent
    assert len(cost["bytes_by_round"]) == cost["rounds"] == cost["timed_rounds"] == 3
    in_rounds = {"submission", "check", "release"}
    cleveland = cost["bytes_sent"]["Cleveland"]
    assert sum(sizes["Cleveland"] for sizes in cost["bytes_by_round"]) == sum(
        cleveland[kind] for kind in in_rounds
    )
    assert cost["seconds"]["Coordinator"]["coordinate and open sums"] > 0


def test_without_privacy_repetitions_agree_with_the_run(open_report: dict[str, Any]) -> None:
    pooled = open_report["quality"]["pooled"]
    assert pooled["together"] == pooled["together_without_privacy"]
    assert pooled["together_repeated_mean"] == pooled["together"]
    assert pooled["together_repeated_range"] is None
    for owner in open_report["quality"]["owners"]:
        assert owner["alone"] == owner["alone_without_privacy"]
        assert owner["alone_range"] is None
    last = open_report["quality"]["rounds"][-1]
    assert last["together"] == last["together_without_privacy"]
    assert open_report["privacy"]["spent_after_round"] == []


def test_the_mean_lies_in_its_range(report: dict[str, Any]) -> None:
    for owner in report["quality"]["owners"]:
        least, most = owner["alone_range"]
        assert least <= owner["alone"]["auc"] <= most
    aucs = [owner["alone"]["auc"] for owner in report["quality"]["owners"]]
    assert np.isclose(report["quality"]["pooled"]["alone_mean"]["auc"], np.mean(aucs))


def test_between_homes_there_is_no_quality(homes_report: dict[str, Any]) -> None:
    assert homes_report["quality"] is None
    page = render_page(homes_report)
    assert "No figures of quality are given" in page
    assert "AUC" not in page
    assert any("interrupted" in note for note in notes_of(homes_report))


@pytest.mark.parametrize("kind", ["report", "open_report", "homes_report"])
def test_the_page_is_whole_and_always_the_same(kind: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(kind)
    page = render_page(report)
    assert page == render_page(json.loads(json.dumps(report)))
    assert "Hearts &lt;b&gt;&amp; minds" in page
    for line in report["assurance"]["recorded"]:
        assert line in page
    fetched = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import', page)
    assert all("".join(found).startswith("#") for found in fetched)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.search(r"\d{4}-\d\d-\d\dT", page)


def test_the_page_shows_many_owners_and_gaps(report: dict[str, Any]) -> None:
    many = copy.deepcopy(report)
    owner = many["quality"]["owners"][0]
    owner["alone"] = {"auc": None, "accuracy": None}
    owner["alone_range"] = None
    many["quality"]["owners"] = [{**owner, "name": f"Owner {n}"} for n in range(30)]
    many["data"]["owners"] = [
        {**many["data"]["owners"][0], "name": f"Owner {n}"} for n in range(30)
    ]
    page = render_page(many)
    assert "Owner 29" in page
    assert "<td>-</td>" in page


def test_figures_for_people() -> None:
    assert [number(None), number(0.12345), number(2, 1)] == ["-", "0.123", "2.0"]
    assert [size(999), size(14_271), size(2.5e6)] == ["999 B", "14.3 kB", "2.5 MB"]


def test_another_request_for_the_same_folder_is_refused(evidence: Evidence) -> None:
    layout = evidence.experiment.layout
    table = Table(heart.TABLE_PATH, heart.OWNER_COLUMN, load_schema(heart.SCHEMA_PATH))
    wishes = Wishes(title="Hearts <b>& minds", rounds=3, assurance="recorded")
    again = prepare(layout, table, wishes, entropy=entropy, clock=ManualClock(), seed=0)
    assert again.agreement == evidence.experiment.agreement
    for other, seed in [(wishes, 1), (Wishes(title="Other", rounds=3), 0)]:
        with pytest.raises(UsageError, match="other options"):
            prepare(layout, table, other, entropy=entropy, clock=ManualClock(), seed=seed)
