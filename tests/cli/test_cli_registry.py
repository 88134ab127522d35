"""The registry on the command line: published, listed, withdrawn, and what cannot be."""

import shutil
from pathlib import Path

import pytest
from cli_fixtures import Cotrain, fixture_cotrain, fixture_demo  # noqa: F401 - fixtures are found by name

pytestmark = pytest.mark.slow


def test_what_is_published_is_listed_and_can_be_withdrawn(
    demo: Path, tmp_path: Path, cotrain: Cotrain
) -> None:
    run = Path(shutil.copytree(demo, tmp_path / "run"))
    hungary, hub = run / "parties" / "hungary", run / "parties" / "coordinator"
    assert "Nothing is published" in cotrain("registry", "show", run).out
    of_data = ("--kind", "dataset", "--home", hungary)
    made = cotrain("registry", "publish", run, *of_data, "--json").json
    assert (made["published_by"], made["withdrawn"]) == ("Hungary", False)
    compute = ("registry", "publish", run, "--kind", "compute", "--home", hub)
    cotrain(*compute).assert_told(2, "published by its description", "--document FILE")
    offer = tmp_path / "offer.txt"
    offer.write_text("eight cores\n")
    assert cotrain(*compute, "--document", offer).code == 0
    listed = cotrain("registry", "show", run, "--json").json["published"]
    assert [(entry["kind"], entry["published_by"]) for entry in listed] == [
        ("dataset", "Hungary"),
        ("compute", "Coordinator"),
    ]
    assert listed[0]["document"] == cotrain("audit", run, "--json").json["run"]
    gone = " ".join(cotrain("registry", "retract", run, *of_data).out.split())
    assert "is withdrawn by Hungary, first on" in gone
    cotrain("registry", "retract", run, *of_data).assert_told(5, "has published no dataset")
    assert "withdrawn" in cotrain("registry", "show", run).out


def test_a_run_without_money_has_no_registry(tmp_path: Path, cotrain: Cotrain) -> None:
    run = tmp_path / "run"
    assert cotrain("demo", "--out", run, "--rounds", 1, "--price", "none").code == 0
    cotrain("registry", "show", run).assert_told(5, "this run has no contracts")
