"""What holds for every command: help with an example, errors in words, JSON alone on stdout, a current reference."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    fixture_cotrain,
    fixture_demo,
)

from cotrain.cli import audit as audit_module
from cotrain.cli.main import cli

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_every_help_has_an_example(cotrain: Cotrain, path: tuple[str, ...]) -> None:
    result = cotrain(*path, "--help")
    assert result.code == 0
    assert "Example" in result.out
    assert f"cotrain {path[0]}" in result.out.split("Example")[1]
    assert result.out == cotrain(*path, "-h").out


def test_without_a_command_the_help_is_shown(cotrain: Cotrain) -> None:
    result = cotrain()
    assert result.code == 2
    assert "Exit codes:" in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    "words", [("fly",), ("audit",), ("audit", "x", "--fast"), ("data", "show")]
)
def test_usage_errors_are_told_like_all_others(cotrain: Cotrain, words: tuple[str, ...]) -> None:
    cotrain(*words).assert_told(2, "", "--help shows the options")
    assert cotrain(*words, "--json").json["error"]["code"] == "usage"


def test_errors_as_json_are_one_object(tmp_path: Path, cotrain: Cotrain) -> None:
    result = cotrain("audit", tmp_path, "--json")
    assert result.json["error"]["code"] == "audit-no-ledger"
    assert "cotrain: error:" in result.err


def test_a_defect_says_so_and_debug_shows_where(
    demo: Path, cotrain: Cotrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(audit_module, "audit", broken)
    quiet = cotrain("audit", demo)
    assert quiet.code == 1
    assert "cotrain: defect: ZeroDivisionError: oops" in quiet.err
    assert "--debug" in quiet.err
    assert "Traceback" not in quiet.err
    assert "Traceback" in cotrain("audit", demo, "--debug").err
    monkeypatch.setenv("COTRAIN_DEBUG", "1")
    assert "Traceback" in cotrain("audit", demo).err


def test_a_full_disk_is_not_a_defect(
    demo: Path, cotrain: Cotrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(audit_module, "audit", full)
    cotrain("audit", demo).assert_told(7, "/data/x: No space left on device", "space")


def test_a_closed_pipe_is_silent(demo: Path) -> None:
    code = f"from cotrain.cli.main import run; run(['audit', {str(demo)!r}])"
    script = f'"{sys.executable}" -c "{code}" | head -n 1'
    result = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_names_cannot_rewrite_the_terminal(cotrain: Cotrain, tmp_path: Path) -> None:
    result = cotrain("audit", tmp_path / "\x1b[31mred")
    assert "\x1b" not in result.err


def test_the_reference_is_what_the_help_says() -> None:
    script = REFERENCE / "generate_cli.py"
    result = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
