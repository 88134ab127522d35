"""Plain questions on a terminal for what a draft needs and was not given; without a terminal, a clear refusal."""

import sys
from typing import Any, Final

import click

from cotrain.errors import UsageError

_QUESTIONS: Final = {
    "title": ("--title", "What is the run about?"),
    "schema_path": ("--schema", "Which file holds the schema of the tables (JSON)?"),
    "owners": ("--owner", "A data owner, NAME=did:key:... (empty when there are no more)"),
    "coordinator": (
        "--coordinator",
        "Who orders the records? An owner's name, or NAME=did:key:...",
    ),
    "out": ("--out", "Which file shall the agreement be written to?"),
}


def ask_for_missing(given: dict[str, Any]) -> dict[str, Any]:
    """Return every needed answer: those that were given, and on a terminal those that a person types.

    Raises:
        UsageError: an answer is missing and there is nobody to ask.
    """
    missing = [name for name in _QUESTIONS if not given[name]]
    if missing and not sys.stdin.isatty():
        option = _QUESTIONS[missing[0]][0]
        raise UsageError(
            "usage",
            f"Missing option '{option}'.",
            meaning="The command was not carried out.",
            hint="Give the option; on a terminal the command asks for what is missing.",
        )
    answers = {name: given[name] for name in _QUESTIONS}
    for name in missing:
        question = _QUESTIONS[name][1]
        answers[name] = _ask_all(question) if name == "owners" else _ask(question)
    return answers


def _ask(question: str) -> str:
    return str(click.prompt(question, err=True)).strip()


def _ask_all(question: str) -> tuple[str, ...]:
    answers: list[str] = []
    while answer := str(click.prompt(question, default="", show_default=False, err=True)).strip():
        answers.append(answer)
    return tuple(answers)
