"""What `cotrain prove` and `cotrain verify` both take: the model, its weights, the context."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
from numpy.typing import NDArray

from cotrain.cli.files import read_file
from cotrain.cli.options import PATH
from cotrain.errors import CotrainError, UsageError
from cotrain.training.algorithm import MAX_DIMENSION, Algorithm, Kind
from cotrain.training.gradient import checked_weights
from cotrain.training.model import FORMAT as MODEL_FORMAT
from cotrain.training.model import Model

MAX_CONTEXT = 1000
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_MAX_NUMBER = 1 << 31

_OPTIONS = (
    click.option(
        "--weights",
        "weights_path",
        required=True,
        type=PATH,
        help="The weights: .npy of integers, a JSON list of integers, or the model.json of a run.",
    ),
    click.option(
        "--kind",
        type=click.Choice(get_args(Kind)),
        help="The model; a model.json says it itself.",
    ),
    click.option(
        "--classes", type=click.IntRange(2, 1 << 15), help="Number of classes, for softmax."
    ),
    click.option(
        "--row-bound",
        type=click.IntRange(1, 1 << 14),
        help="Largest length of a row's features, a power of two; the default is 4096, or the schema's.",
    ),
    click.option(
        "--residual-bits", type=click.IntRange(1, 14), help="Fractional bits of residuals; 12."
    ),
    click.option(
        "--weight-bits", type=click.IntRange(0, 24), help="Fractional bits of weights; 12."
    ),
    click.option(
        "--weight-bound",
        type=click.IntRange(1, 1 << 28),
        help="Largest length of a weight vector, in its units; 131072.",
    ),
    click.option(
        "--context",
        metavar="TEXT",
        default="",
        help="What the proof is for; it holds with the same text only.",
    ),
)


def statement_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that fix what is proven."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_model(
    path: Path, kind: str | None, classes: int | None, scales: dict[str, int | None]
) -> tuple[Algorithm, NDArray[np.int32]]:
    """Return model and weights.

    Args:
        path: The weights.
        kind: The kind, None if the file says it.
        classes: Number of classes, None where the kind or the file says it.
        scales: Number formats by their names in `Algorithm`, None for the default.

    Raises:
        OutsideError: The file cannot be read.
        UsageError: Weights, kind and scales do not make a model.
    """
    given = {name: value for name, value in scales.items() if value is not None}
    data = read_file(path)
    parsed = None if data[:6] == b"\x93NUMPY" else _parse_json(path, data)
    if isinstance(parsed, dict):
        return _released(path, data, given | _named(kind, classes))
    if kind is None:
        raise UsageError(
            "prove-no-kind",
            f"{path} does not say of which kind of model its weights are",
            meaning="Nothing was done.",
            hint="Add --kind logistic, --kind linear, or --kind softmax --classes N.",
        )
    numbers = _numbers(path) if parsed is None else _listed(path, parsed)
    algorithm = _algorithm(kind, classes, len(numbers), given)
    return algorithm, checked_weights(algorithm, numbers)


def context_bytes(text: str) -> bytes:
    """Return the context of a proof.

    Raises:
        UsageError: It is too long.
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_CONTEXT:
        return data
    raise UsageError(
        "prove-long-context",
        f"the context has {len(data)} bytes, {MAX_CONTEXT} are allowed",
        meaning="Nothing was done.",
        hint="Give a name or a hash in place of the whole.",
    )


def byte_size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Turn a text such as 800M or 1.5GiB into bytes; None stays None."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    if not found:
        raise click.BadParameter(f"{value!r} is not a size such as 800M or 1.5GiB.")
    power = " KMGT".index(found[2].upper() or " ")
    return int(float(found[1]) * 1024**power)


def _named(kind: str | None, classes: int | None) -> dict[str, Any]:
    given = {"kind": kind, "classes": classes}
    return {name: value for name, value in given.items() if value is not None}


def _released(
    path: Path, data: bytes, given: dict[str, Any]
) -> tuple[Algorithm, NDArray[np.int32]]:
    try:
        model = Model.decode(data)
    except CotrainError as error:
        raise UsageError(
            "prove-weights-unreadable",
            f"{path} is no model: {error}",
            meaning=f"A JSON object is read as a released model, {MODEL_FORMAT}.",
            hint="Give the model.json that a run wrote, or a list of integers with --kind.",
        ) from error
    for name, value in given.items():
        if getattr(model.algorithm, name) != value:
            raise UsageError(
                "prove-model-contradicts",
                f"{path} says {name} {getattr(model.algorithm, name)}, the option says {value}",
                meaning="Nothing was done.",
                hint="Leave the option out.",
            )
    return model.algorithm, model.as_array()


def _algorithm(kind: str, classes: int | None, entries: int, given: dict[str, int]) -> Algorithm:
    if (kind == "softmax") != (classes is not None):
        raise UsageError(
            "prove-classes",
            "softmax needs --classes, and only softmax does",
            meaning="Nothing was done.",
            hint="A logistic model of two classes has one weight vector and no --classes.",
        )
    count = classes or 1
    if entries == 0 or entries % count or entries > MAX_DIMENSION:
        raise UsageError(
            "prove-weights-shape",
            f"{entries} weights are not {count} vectors of the same length",
            meaning="Weights are class by class, one for each feature, the constant one included.",
            hint="Compare the number of weights with --classes and the columns of the table.",
        )
    return Algorithm(kind=kind, features=entries // count, classes=count, **given)  # type: ignore[arg-type]


def _parse_json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "it is neither JSON nor .npy") from error


def _numbers(path: Path) -> NDArray[np.int64]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _unreadable(path, "it is a damaged .npy") from error
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise _unreadable(path, f"it holds {array.dtype} of shape {array.shape}")
    return _bounded(path, array.reshape(-1).tolist())


def _listed(path: Path, parsed: Any) -> NDArray[np.int64]:
    if isinstance(parsed, list) and parsed and all(isinstance(part, list) for part in parsed):
        parsed = [number for part in parsed for number in part]
    if not isinstance(parsed, list) or not all(type(number) is int for number in parsed):
        raise _unreadable(path, "it is no list of integers")
    return _bounded(path, parsed)


def _bounded(path: Path, numbers: list[int]) -> NDArray[np.int64]:
    if any(abs(number) >= _MAX_NUMBER for number in numbers):
        raise _unreadable(path, "a weight does not fit in 32 bits")
    return np.array(numbers, dtype=np.int64)


def _unreadable(path: Path, what: str) -> UsageError:
    return UsageError(
        "prove-weights-unreadable",
        f"{path} holds no weights: {what}",
        meaning="Weights are integers, in units of 2^-weight_bits: 4096 is 1.0 by default.",
        hint="Give a .npy of int32 or int64, or a JSON list; round(4096 * w) turns real weights into them.",
    )
