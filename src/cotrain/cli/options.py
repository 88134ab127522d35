"""Options that several commands take, and the spellings that they accept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import click

from cotrain.agreement.document import Assurance
from cotrain.agreement.numerals import canonical_decimal
from cotrain.errors import MalformedError, UsageError

NO_NOISE = "none"
PATH = click.Path(path_type=Path)
MAX_DIGITS = 18
MAX_ROUNDS = 100_000
MAX_DAYS = 36_500

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)
home_option = click.option(
    "--home", required=True, type=PATH, help="Your home folder (cotrain init)."
)
seed_option = click.option(
    "--insecure-seed", hidden=True, help="Deterministic secrets, for tests only."
)


Callback = Callable[[click.Context, click.Parameter, str | None], Any]


def decimal_text(*, below: int = 10**9, or_none: bool = False) -> Callback:
    """Return a callback that accepts a positive decimal in any common spelling, such as 1.0 or 1e-5.

    The callback returns its canonical text, or None for "none" where that is allowed.
    """
    wanted = f"a number above 0 and below {below}, such as 0.5 or 1e-5"
    if or_none:
        wanted += f', or "{NO_NOISE}" for no noise'

    def convert(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        text = (value or "").strip()
        if value is None or (or_none and text.lower() == NO_NOISE):
            return None
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise click.BadParameter(f"{text!r} is not {wanted}.") from error
        if not (number.is_finite() and 0 < number < below):
            raise click.BadParameter(f"{text} is not {wanted}.")
        if -int(number.normalize().as_tuple().exponent) > MAX_DIGITS:
            raise click.BadParameter(f"{text} has more than {MAX_DIGITS} digits after the point.")
        return canonical_decimal(number)

    return convert


def fraction(_: click.Context, __: click.Parameter, value: str | None) -> Fraction | None:
    """Turn a text such as 4, 1/2 or 0.05 into a fraction; None stays None."""
    if value is None:
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError) as error:
        raise click.BadParameter(f"{value!r} is not a fraction such as 4, 1/2 or 0.05.") from error


epsilon_option = click.option(
    "--epsilon",
    metavar="DECIMAL",
    callback=decimal_text(or_none=True),
    default="1",
    show_default=True,
    help='Privacy budget of each row for the whole run; "none" for no noise.',
)
delta_option = click.option(
    "--delta",
    metavar="DECIMAL",
    callback=decimal_text(below=1),
    default="1e-5",
    show_default=True,
    help="Probability with which the privacy guarantee may fail.",
)


def price(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Turn a price in whole credits into a number; "none" becomes None."""
    if value is None or value.lower() == NO_NOISE:
        return None
    if not (value.isascii() and value.isdigit() and int(value) <= 10**12):
        raise click.BadParameter(f"{value!r} is not a whole number of credits, or none.")
    return int(value)


def price_option(default: int | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option for what the demander pays for the whole run."""
    return click.option(
        "--price",
        metavar="CREDITS",
        callback=price,
        default=NO_NOISE if default is None else str(default),
        show_default=True,
        help='What the demander pays for the run, shared as agreed; "none" to move no money.',
    )


rounds_option = click.option(
    "--rounds",
    type=click.IntRange(1, MAX_ROUNDS),
    default=20,
    show_default=True,
    help="Training rounds; more rounds need more noise each.",
)
rate_option = click.option(
    "--learning-rate",
    metavar="FRACTION",
    callback=fraction,
    help="A fraction, such as 4 or 1/2; the default fits the model.",
)
decay_option = click.option(
    "--weight-decay",
    metavar="FRACTION",
    callback=fraction,
    default="0",
    show_default=True,
    help="Pull of the weights towards 0, a fraction such as 1/1000.",
)
colluders_option = click.option(
    "--colluders",
    type=click.IntRange(0),
    help="Owners that may pool all they know; the default is a third.",
)
survivors_option = click.option(
    "--survivors",
    type=click.IntRange(2),
    help="Owners without whom no sum is opened; the default is all but one.",
)
assurance_option = click.option(
    "--assurance",
    type=click.Choice(get_args(Assurance)),
    default="proven",
    show_default=True,
    help="Whether datasets and updates carry zero-knowledge proofs that everybody checks, or none.",
)
split_option = click.option(
    "--split-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Which 30 % of the rows are kept aside for testing.",
)


@contextmanager
def as_options() -> Iterator[None]:
    """Turn a refused term of a draft into what it is for the one who typed it: options that contradict.

    Raises:
        UsageError: the draft was refused.
    """
    try:
        yield
    except MalformedError as error:
        if error.code != "agreement-refused-term":
            raise
        reason = str(error).removeprefix("agreement, ").removeprefix("the whole: ")
        raise UsageError(
            "options-contradict",
            f"these options make no agreement: {reason.removeprefix('Value error, ')}",
            meaning="Nothing was written.",
            hint=_hint(reason),
        ) from error


def _hint(reason: str) -> str:
    if "survivors" in reason or "quorum" in reason or "holders" in reason:
        return (
            "With n owners, --survivors is at most n and at least --colluders + 2; "
            "leave both out for values that fit."
        )
    if "twice" in reason:
        return "Give every party its own name and its own home (cotrain init)."
    return "Change the option that sets it; --help lists them."
