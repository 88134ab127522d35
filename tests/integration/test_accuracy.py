"""What training together is good for, on real data: the goals of benchmarks/accuracy.py, with a margin.

Few seeds, so that it is quick; the bars are those of the documented goals less what few seeds can vary.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NO_PRIVACY, EPSILON_1 = "together, no privacy", "together, epsilon 1"


def measure(folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder / "accuracy.json"
    command = [sys.executable, "-m", "benchmarks.accuracy", "--out", str(out), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return document


def means(document: dict[str, Any], name: str) -> dict[str, float]:
    found = next(measured for measured in document["sets"] if measured["set"] == name)
    return {figure["name"]: figure["mean"] for figure in found["figures"]}


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    folder = tmp_path_factory.mktemp("heart")
    document = measure(folder, "--only", "heart", "--seeds", "3", "--without-protocol")
    return means(document, "heart")


def test_heart_together(heart: dict[str, float]) -> None:
    assert heart[NO_PRIVACY] >= 0.85
    assert heart[EPSILON_1] >= 0.83


def test_heart_together_beats_alone_where_rows_are_protected(heart: dict[str, float]) -> None:
    assert heart[EPSILON_1] >= heart["alone, epsilon 1"] + 0.05


def test_noise_costs_something_alone(heart: dict[str, float]) -> None:
    """Noise that did nothing would pass the other tests of heart."""
    assert heart["alone, epsilon 1"] < heart["alone, no privacy"] - 0.03


@pytest.mark.slow
def test_digits(tmp_path: Path) -> None:
    document = measure(tmp_path, "--only", "digits", "--seeds", "1", "--without-protocol")
    digits = means(document, "digits")
    assert digits[NO_PRIVACY] >= 0.93
    assert digits[EPSILON_1] < digits[NO_PRIVACY] - 0.05  # the noise is there
    assert digits["alone, no privacy"] < digits[NO_PRIVACY] - 0.2


def test_lending_together(tmp_path: Path) -> None:
    folder = Path(os.environ.get("COTRAIN_DATA_DIR", ""))
    if not (folder / "lending_club_8_states.csv.gz").is_file():
        pytest.skip("COTRAIN_DATA_DIR names no folder with the Lending Club table")
    lending = means(
        measure(tmp_path, "--only", "lending", "--seeds", "5", "--without-protocol"), "lending"
    )
    assert lending[NO_PRIVACY] >= 0.72
    assert lending[EPSILON_1] >= lending["alone, epsilon 1"] + 0.03


@pytest.mark.slow
def test_the_protocol_trains_what_open_training_trains(tmp_path: Path) -> None:
    document = measure(tmp_path, "--only", "heart", "--seeds", "1")
    exact, noisy = document["protocol"]
    assert (exact["epsilon"], noisy["epsilon"]) == (None, "1")
    assert exact["auc"] >= 0.85
    assert noisy["auc"] >= 0.80
