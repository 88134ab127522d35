"""Fixtures that run the command line as a user does, in this process: stdout, stderr and exit code."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotrain.cli.main import run
from cotrain.data import heart


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    def assert_told(self, code: int, what: str, hint: str = "") -> None:
        """Check that a failure is told in the house's way: no traceback, what happened, what to do."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        assert "cotrain: error: " in self.err
        assert "cotrain: hint: " in self.err
        assert what in self.err
        assert hint in self.err


Cotrain = Callable[..., Result]

NO_PROOFS = ("--assurance", "recorded")
_MADE: list[Path] = []


def without_proofs(words: Sequence[str]) -> list[str]:
    """Return a command whose run makes no proofs, unless it says otherwise: proofs have tests of their own."""
    drafts = words[:1] == ["demo"] or words[:2] == ["agreement", "new"]
    simulates = words[:1] == ["run"] and "--data" in words
    if "--assurance" in words or not (drafts or simulates):
        return list(words)
    return [*words, *NO_PROOFS]


@pytest.fixture(name="cotrain")
def fixture_cotrain(capsys: pytest.CaptureFixture[str]) -> Cotrain:
    """A function that runs one command."""

    def invoke(*words: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run(without_proofs([str(word) for word in words]))
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Result(end.value.code, captured.out, captured.err)

    return invoke


@pytest.fixture(scope="session", name="demo")
def fixture_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demo of three rounds; tests must not change it."""
    # A fixture that modules import is one of each module: without this every one of them would run a demo.
    if _MADE:
        return _MADE[0]
    folder = tmp_path_factory.mktemp("runs") / "demo"
    words = ["demo", "--out", str(folder), "--rounds", "3", "--insecure-seed", "cli", "--json"]
    with pytest.raises(SystemExit) as end:
        run([*words, *NO_PROOFS])
    assert end.value.code == 0
    _MADE.append(folder)
    return folder


@pytest.fixture(name="parties")
def fixture_parties(tmp_path: Path, cotrain: Cotrain) -> dict[str, tuple[Path, str]]:
    """Three owners and a hub: name to home and did."""
    made = {}
    for name in ("Ada", "Bo", "Cy", "Hub"):
        home = tmp_path / "homes" / name.lower()
        made[name] = (home, cotrain("init", home, "--name", name).out.strip())
    return made


@pytest.fixture(name="agreement")
def fixture_agreement(
    tmp_path: Path, cotrain: Cotrain, parties: dict[str, tuple[Path, str]]
) -> Path:
    """An agreement of two rounds between the three owners and the hub."""
    path = tmp_path / "agreement.json"
    owners = [f"--owner={name}={parties[name][1]}" for name in ("Ada", "Bo", "Cy")]
    result = cotrain(
        "agreement", "new", "--title", "Hearts", "--schema", heart.SCHEMA_PATH, *owners,
        f"--coordinator=Hub={parties['Hub'][1]}", "--rounds", 2, "--out", path,
    )  # fmt: skip
    assert result.code == 0
    return path


@pytest.fixture(name="ready")
def fixture_ready(
    agreement: Path, cotrain: Cotrain, parties: dict[str, tuple[Path, str]]
) -> list[str]:
    """The words of a run for which everybody is ready."""
    hospitals = dict(zip(("Ada", "Bo", "Cy"), heart.HOSPITALS, strict=False))
    for name, (home, _) in parties.items():
        assert cotrain("agreement", "sign", agreement, "--home", home).code == 0
        if name in hospitals:
            registered = cotrain(
                "data", "register", agreement, heart.TABLE_PATH, "--home", home,
                "--owner-column", "org", "--owner", hospitals[name],
            )  # fmt: skip
            assert registered.code == 0
    homes = [f"--home={home}" for home, _ in parties.values()]
    return ["run", "--agreement", str(agreement), *homes]
