"""`cotrain verify`: check the proof of a gradient."""

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cotrain.cli.files import read_file
from cotrain.cli.gradient_options import context_bytes, read_model, statement_options
from cotrain.cli.options import PATH, json_option
from cotrain.cli.output import bar_of, bullets, console, emit, progress_bars, say
from cotrain.errors import UsageError
from cotrain.proofs.gradient import (
    GradientOpening,
    ParsedProof,
    is_digest,
    named_root,
    open_gradient,
    verify_gradient,
)
from cotrain.proofs.table import verify_table
from cotrain.training.algorithm import Algorithm

NOT_SHOWN = (
    "that the rows are real, or whose they are",
    "that the weights are good ones, or how they came about",
)


@click.command("verify")
@click.argument("proof", type=PATH)
@statement_options
@click.option(
    "--root",
    metavar="HEX",
    help="The table that you expect; without it, whichever the proof names.",
)
@click.option(
    "--opening",
    "opening_path",
    type=PATH,
    help="Also check that this opening reveals the proven gradient.",
)
@click.option(
    "--table-proof",
    "table_path",
    type=PATH,
    help="Also check this proof of the table (cotrain prove --table-proof).",
)
@json_option
def verify_command(
    *,
    proof: Path,
    weights_path: Path,
    kind: str | None,
    classes: int | None,
    context: str,
    root: str | None,
    opening_path: Path | None,
    table_path: Path | None,
    as_json: bool,
    **scales: int | None,
) -> None:
    r"""Check PROOF, which `cotrain prove` made, against weights and model that you know.

    Exits with 0 if it holds, 3 if the file is no such proof, 4 if it is a lie or about something else.

    \b
    Examples:
      cotrain verify gradient.proof --weights weights.json --kind logistic --root 66b3cf009b...
      cotrain verify gradient.proof --weights weights.json --kind logistic --opening gradient.opening
    """
    algorithm, weights = read_model(weights_path, kind, classes, scales)
    data = read_file(proof)
    expected = named_root(data) if root is None else _checked_root(root)
    started = time.perf_counter()
    with progress_bars() as bars:
        verify_gradient(
            algorithm,
            weights,
            expected,
            data,
            context=context_bytes(context),
            progress=bar_of(bars, "checking segments"),
        )
    parsed = ParsedProof.parse(algorithm, data, None)
    whole = table_path is not None
    if table_path is not None:
        table_proof = read_file(table_path)
        verify_table(algorithm, parsed.table, table_proof, context=context_bytes(context))
    seconds = time.perf_counter() - started
    gradient = None if opening_path is None else _open(algorithm, data, opening_path)
    shown = _shown(algorithm, parsed, gradient, whole=whole)
    missing = _not_shown(root=root is not None, opened=gradient is not None, whole=whole)
    value = {
        "format": "cotrain/verify/1",
        "verdict": "the proof holds",
        "shown": shown,
        "not_shown": missing,
        "kind": algorithm.kind,
        "rows": parsed.table.layout.rows,
        "columns": parsed.table.layout.columns,
        "root": parsed.table.root,
        "root_given": root is not None,
        "table_proven": whole,
        "proof_bytes": len(data),
        "verify_seconds": round(seconds, 3),
        "gradient": None if gradient is None else gradient.tolist(),
    }
    emit(value, as_json=as_json, show=lambda: _show(value))


def _checked_root(text: str) -> str:
    root = text.strip().lower()
    if is_digest(root):
        return root
    raise UsageError(
        "verify-bad-root",
        f"{text[:70]!r} is not the root of a table",
        meaning="Nothing was checked.",
        hint="A root has 64 hexadecimal digits; cotrain prove prints it.",
    )


def _open(algorithm: Algorithm, proof: bytes, path: Path) -> NDArray[np.int64]:
    opening = GradientOpening.decode(algorithm, read_file(path))
    open_gradient(algorithm, proof, opening)
    return opening.gradient


def _shown(
    algorithm: Algorithm, parsed: ParsedProof, gradient: NDArray[np.int64] | None, *, whole: bool
) -> str:
    layout = parsed.table.layout
    condition = "and" if whole else "and, if the table is in order (see below),"
    sentence = (
        f"The proof holds: its author knows {layout.rows:,} rows of {layout.columns:,} columns behind the root "
        f"{parsed.table.root}, {condition} the gradient that it commits to is the exact {algorithm.kind} gradient "
        f"over all of these rows at these weights"
    )
    if gradient is not None:
        sentence += f"; the opening shows this gradient, {len(gradient):,} numbers"
    if whole:
        sentence += "; the table is in order: whole numbers in range, rows within the row bound, labels of the model"
    return f"{sentence}."


def _not_shown(*, root: bool, opened: bool, whole: bool) -> list[str]:
    lines = list(NOT_SHOWN)
    if not whole:
        lines.insert(
            0,
            "that the table is in order: whole numbers in range, no more rows than these, labels of the model; "
            "its owner can prove it, see --table-proof",
        )
    if not root:
        lines.insert(
            0, "that this is the table that you mean: compare the root, or give it with --root"
        )
    if not opened:
        lines.append("what the gradient is: its owner can reveal it, see --opening")
    return lines


def _show(value: dict[str, Any]) -> None:
    say(value["shown"], "green")
    say("\nnot shown", "bold")
    console().print(bullets(value["not_shown"]))
    if value["gradient"] is not None:
        first = ", ".join(f"{number}" for number in value["gradient"][:8])
        more = ", ..." if len(value["gradient"]) > 8 else ""
        say(f"\ngradient  {first}{more}")
    say(f"\n{value['proof_bytes']:,} bytes, checked in {value['verify_seconds']:.1f} s")
