"""How a failure is told: what happened, what it means, what to do; never a traceback by surprise."""

import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import click

from cotrain.cli.output import plain
from cotrain.errors import CotrainError

STOPPED = 130
USAGE = 2
DEFECT = 1
OUTSIDE = 7


@dataclass(frozen=True)
class Failure:
    """One failure in the words of the command line.

    Attributes:
        exit_code: Whose fault it was (`cotrain --help`).
        code: For programs.
        what: What happened.
        meaning: What it means; may be empty.
        hint: What to do; may be empty.
        word: What stands before `what`.
    """

    exit_code: int
    code: str
    what: str
    meaning: str = ""
    hint: str = ""
    word: str = "error"


def run_guarded(command: Callable[[], object], *, as_json: bool, debug: bool) -> int:
    """Run `command`, tell its failure if it has one, and return the exit code."""
    try:
        command()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show(file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has enough of it: say nothing, also not at the flush on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        if debug:
            traceback.print_exc()
        failure = explain_failure(error)
        tell_failure(failure, as_json=as_json)
        return failure.exit_code
    return 0


def explain_failure(error: BaseException) -> Failure:
    """Return what to tell of an exception."""
    match error:
        case CotrainError():
            return Failure(error.exit_code, error.code, str(error), error.meaning, error.hint)
        case click.Abort() | KeyboardInterrupt():
            return Failure(
                STOPPED,
                "stopped",
                "stopped by you",
                "What was written is consistent.",
                "Run the same command again to go on.",
            )
        case click.ClickException():
            return _usage(error)
        case OSError() | sqlite3.OperationalError():
            return Failure(
                OUTSIDE,
                "outside-failed",
                _outside(error),
                "This machine refused a file or a disk operation; what was written is consistent.",
                "Check the folder, its permissions and the space on the disk, then run the command again.",
            )
        case _:
            return Failure(
                DEFECT,
                "defect",
                f"{type(error).__name__}: {error}",
                "This is a mistake in cotrain, not yours.",
                "Run the command again with --debug and report what it prints.",
                word="defect",
            )


def tell_failure(failure: Failure, *, as_json: bool) -> None:
    """Print a failure on stderr, and as one JSON object on stdout when `as_json`."""
    if as_json:
        told = {
            "code": failure.code,
            "what": failure.what,
            "meaning": failure.meaning,
            "hint": failure.hint,
        }
        print(json.dumps({"error": told}, indent=2, ensure_ascii=False))
    lines = ((failure.word, failure.what), ("meaning", failure.meaning), ("hint", failure.hint))
    for word, text in lines:
        if text:
            print(f"cotrain: {word}: {plain(text)}", file=sys.stderr)


def _usage(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "cotrain"
    return Failure(
        USAGE,
        "usage",
        error.format_message(),
        "The command was not carried out.",
        f"{path} --help shows the options and an example.",
    )


def _outside(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the machine'}: {error.strerror}"
    return str(error)
