"""The benchmarks run, at sizes that measure nothing, and write the form that benchmarks/README.md documents."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CASES = (
    "dataset-commitment",
    "encryption-4",
    "skellam",
    "ledger",
    "gradient-128",
    "round-4",
    "peer-merkle",
)
MACHINE = {
    "processor",
    "cores",
    "system",
    "python",
    "commit",
    "uncommitted_changes",
    "date_of_commit",
    "load_before",
    "idle",
}
ALWAYS = {"name", "value", "unit", "cores", "peak_memory_mb", "detail", "case", "peer"}
SOMETIMES = {"goal", "met", "runs", "cpu_value"}


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("core") / "core.json"
    done = run("benchmarks", "--tiny", "--only", *CASES, "--out", str(out))
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("proofs") / "proofs.json"
    cases = ("s2-256x32", "s1-128x16", "s3-31")
    done = run("benchmarks.proofs", "--tiny", "--only", *cases, "--out", str(out))
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return document


def test_costs_have_the_documented_form(costs: dict[str, Any]) -> None:
    assert costs.keys() == {"format", "tiny", "machine", "figures"}
    assert costs["format"] == "cotrain/benchmarks-core/1"
    assert costs["tiny"] is True
    assert costs["machine"].keys() == MACHINE
    for figure in costs["figures"]:
        assert figure.keys() >= ALWAYS
        assert figure.keys() <= ALWAYS | SOMETIMES
        assert ("goal" in figure) == ("met" in figure)
        assert figure["value"] > 0


def test_each_case_leaves_figures_and_names_are_unique(costs: dict[str, Any]) -> None:
    assert {figure["case"] for figure in costs["figures"]} == set(CASES)
    names = [(figure["name"], figure["cores"]) for figure in costs["figures"]]
    assert len(set(names)) == len(names)


def test_met_is_what_the_goal_says(costs: dict[str, Any]) -> None:
    with_goal = [figure for figure in costs["figures"] if "goal" in figure]
    assert with_goal
    for figure in with_goal:
        bound, limit = figure["goal"]["bound"], figure["goal"]["value"]
        holds = {"at most": figure["value"] <= limit, "at least": figure["value"] >= limit}
        assert figure["met"] == holds[bound]


def test_an_unknown_case_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "core.json"
    done = run("benchmarks", "--only", "no-such-case", "--out", str(out))
    assert done.returncode == 2
    assert "no-such-case" in done.stderr
    assert not out.exists()


def test_proofs_are_measured_beside_numpy(proofs: dict[str, Any]) -> None:
    names = {figure["name"] for figure in proofs["figures"]}
    assert {f"s2-256x32 {what}" for what in ("prove", "verify", "bytes", "numpy", "ratio")} <= names
    assert {f"s1-128x16 {what}" for what in ("prove", "verify", "bytes", "commit")} <= names
    assert {f"s3-31 {what}" for what in ("prove", "verify", "bytes")} <= names


def test_the_page_shows_every_figure(
    costs: dict[str, Any], proofs: dict[str, Any], tmp_path: Path
) -> None:
    quality = {"machine": costs["machine"], "sets": [], "protocol": [{"detail": "one run"}]}
    files = {"core": costs, "accuracy": quality, "proofs": proofs}
    page, arguments = tmp_path / "page.md", list[str]()
    for name, document in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    done = run("benchmarks.page", *arguments, "--out", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text("utf-8")
    figures = costs["figures"] + proofs["figures"]
    assert all(f"| {figure['name']} |" in text for figure in figures)
    assert costs["machine"]["commit"] in text
    assert "- one run." in text


def test_the_page_is_not_written_from_missing_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = run("benchmarks.page", "--core", str(tmp_path / "none.json"), "--out", str(page))
    assert done.returncode != 0
    assert not page.exists()
