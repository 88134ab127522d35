"""The guides' commands run in their order, and print what is shown: numbers and names of keys may differ."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"did:key:\w+|\b0x[0-9a-fA-F]{40}\b|\b[0-9a-f]{16,}\b|\d+(?:\.\d+)?|─+|\s+")


@dataclass
class Step:
    """One command and the output that the page shows."""

    command: str
    shown: list[str] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    found: list[Step] = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> "):
                found[-1].command += "\n" + line[2:]
            else:
                found[-1].shown.append(line)
    return found


def shape(line: str) -> str:
    """Return a line with everything that differs from run to run replaced."""
    return VARIABLE.sub("#", line.rstrip())


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Tell whether output is what is shown; a last line "..." stands for the rest."""
    if shown and shown[-1] == "...":
        shown, printed = shown[:-1], printed[: len(shown) - 1]
    return [shape(line) for line in shown] == [shape(line) for line in printed]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "least"), [("tutorial.md", 16), ("agreements.md", 10), ("next-version.md", 12)]
)
def test_a_guide_runs_and_prints_what_it_shows(tmp_path: Path, page: str, least: int) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "80"}
    listed = steps((GUIDE / page).read_text(encoding="utf-8"))
    assert len(listed) >= least
    for step in listed:
        result = subprocess.run(
            ["/bin/bash", "-c", step.command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in result.stderr
        printed = result.stderr.splitlines() + result.stdout.strip("\n").splitlines()
        assert agrees(step.shown, printed), f"{step.command}\n" + "\n".join(printed)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["12 rows"], ["7 rows"], True),
        (["12 rows"], ["7 columns"], False),
        (["a", "..."], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["did:key:z6Mabc"], ["did:key:z6Mxyz"], True),
    ],
)
def test_other_output_is_noticed(shown: list[str], printed: list[str], same: bool) -> None:
    assert agrees(shown, printed) is same
