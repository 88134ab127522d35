"""What an experiment was asked to do, kept beside it: so that a second command that asks for something else is told.

Without this, the finished run of the first command would be shown as the answer to the second.
"""

import hashlib
import json
from pathlib import Path

from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import Schema
from cotrain.errors import OutsideError, UsageError
from cotrain.layout import RunLayout
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.terms import EMBEDDED_CHAIN

Request = dict[str, str]


def request_of(
    path: Path,
    owner_column: str,
    schema: Schema,
    wishes: Wishes,
    split_seed: int,
    money: MoneyWishes | None = None,
    pool: int = 0,
) -> Request:
    """Return what is asked for, one text for each option.

    Of a node it says whether one was given: its address is kept nowhere.

    Raises:
        OutsideError: the table cannot be read.
    """
    return {
        "data": _file_digest(path),
        "owner-column": owner_column,
        "schema": schema.digest().hex(),
        "title": wishes.title,
        "purpose": wishes.purpose,
        "rounds": str(wishes.rounds),
        "epsilon": wishes.epsilon or "none",
        "delta": wishes.delta,
        "learning-rate": _or_default(wishes.learning_rate),
        "weight-decay": str(wishes.weight_decay),
        "colluders": _or_default(wishes.colluders),
        "survivors": _or_default(wishes.survivors),
        "assurance": wishes.assurance,
        "split-seed": str(split_seed),
        "price": "none" if money is None else str(money.price),
        "pool": str(pool),
        "node": "none" if money is None or money.chain_id == EMBEDDED_CHAIN else "given",
    }


def check_same(layout: RunLayout, asked: Request) -> None:
    """Check that the run in a folder is the one that is asked for.

    Raises:
        UsageError: it was made with other options, or by another command.
    """
    if not layout.request.exists():
        raise UsageError(
            "folder-of-another-run",
            f"{layout.path} holds a run that another command made",
            meaning="A run folder holds one run; nothing in it was touched.",
            hint="Choose another folder with --out.",
        )
    try:
        before = json.loads(layout.request.read_bytes())
    except (OSError, ValueError) as error:
        raise OutsideError(
            "request-damaged",
            f"{layout.request} is damaged: {error}",
            meaning="It cannot be told whether the run in this folder is the one you mean.",
            hint="Choose another folder with --out.",
        ) from error
    changed = [_difference(name, before.get(name, "none"), asked[name]) for name in asked]
    told = [text for text in changed if text]
    if told:
        raise UsageError(
            "run-other-options",
            f"the run in {layout.path} was made with other options: {'; '.join(told)}",
            meaning="A run folder holds one run; nothing in it was touched.",
            hint="Choose another folder with --out, or repeat the options of the first command.",
        )


def _difference(name: str, before: str, now: str) -> str:
    if before == now:
        return ""
    if name in {"data", "schema"}:
        return f"another --{name} file, or it was changed since"
    return f"--{name} {before}, now {now}"


def _or_default(value: object) -> str:
    return "default" if value is None else str(value)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OutsideError(
            "file-not-read",
            f"cannot read {path}: {error.strerror}",
            meaning="Nothing was done.",
            hint="Check the path and its permissions.",
        ) from error
