"""Write docs/reference/cli.md from the live help of every command; `--check` only compares."""
# ruff: noqa: INP001

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cotrain.cli.main import cli

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

Written by `docs/reference/generate_cli.py` from the help of the program; do not edit.

The result goes to stdout, everything else to stderr. With `--json`, stdout is exactly one JSON object, also when the
command fails: `{"error": {"code", "what", "meaning", "hint"}}`. Errors for people are `cotrain: error:`,
`cotrain: meaning:` and `cotrain: hint:`. Names that others chose are shown without control characters.
"""


def pages(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the section of a command, then those of its own commands."""
    context = click.Context(command, info_name=" ".join(path), max_content_width=90)
    context.terminal_width = 90
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"{'#' * (1 + len(path))} {' '.join(path)}\n\n```text\n{help_text.strip()}\n```\n"
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from pages(child, (*path, name))


def main() -> int:
    """Write or compare the page; return the exit code."""
    text = "\n".join([HEAD, *pages(cli, ("cotrain",))])
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE} is stale; run {Path(__file__).name}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
