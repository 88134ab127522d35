"""`cotrain prove`: prove the gradient of a table, outside any run."""

import hashlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from cotrain.agreement.schema import Schema, load_schema
from cotrain.cli.files import read_file, write_file
from cotrain.cli.gradient_options import (
    byte_size,
    context_bytes,
    read_model,
    statement_options,
)
from cotrain.cli.options import PATH, json_option, seed_option
from cotrain.cli.output import bar_of, emit, progress_bars, say, tell
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.errors import DataError, OutsideError, UsageError
from cotrain.ports import Entropy, SystemEntropy
from cotrain.proofs.estimate import (
    Estimate,
    choose_workers,
    estimate_gradient,
    estimate_rows,
    measure_unit,
    size_words,
)
from cotrain.proofs.gradient import (
    NO_SCHEMA,
    GradientProver,
    OwnedTable,
    ProvenGradient,
    check_table,
    commit_table,
)
from cotrain.proofs.gradient_secrets import GradientSecrets
from cotrain.proofs.memory import memory_limit
from cotrain.proofs.row_terms import RowTerms
from cotrain.proofs.table import prove_table
from cotrain.proofs.workers import Threads
from cotrain.testing.determinism import SeededEntropy
from cotrain.training.algorithm import Algorithm

SECRET_MODE = 0o600


@dataclass(frozen=True)
class _Files:
    """Where the results go."""

    proof: Path
    secrets: Path
    opening: Path | None
    table: Path | None


@click.command("prove")
@click.option(
    "--rows", "rows_path", type=PATH, help="Encoded rows: .npy, int16, features and label."
)
@click.option("--data", "data_path", type=PATH, help="A CSV or Parquet table, with --schema.")
@click.option("--schema", "schema_path", type=PATH, help="How --data becomes integers.")
@click.option("--owner-column", help="Column of --data that says whose row it is.")
@click.option("--owner", help="The value in that column of the rows to prove.")
@statement_options
@click.option(
    "--proof",
    "proof_path",
    type=PATH,
    default="gradient.proof",
    show_default=True,
    help="Where the proof goes; publish it.",
)
@click.option(
    "--secrets",
    "secrets_path",
    type=PATH,
    default="gradient.secrets",
    show_default=True,
    help="Where your secrets go, for your eyes only; never overwritten.",
)
@click.option(
    "--opening",
    "opening_path",
    type=PATH,
    help="Also write what reveals the gradient, to hand to whom you choose.",
)
@click.option(
    "--table-proof",
    "table_path",
    type=PATH,
    help="Also prove the table itself: numbers in range, labels of the model. Once is enough.",
)
@click.option(
    "--same-table-as",
    "earlier",
    type=PATH,
    help="The secrets of an earlier proof of this table: its root stays the same.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Segments at a time; the default fits."
)
@click.option(
    "--max-memory", metavar="SIZE", callback=byte_size, help="Take no more than this, such as 2GiB."
)
@seed_option
@json_option
def prove_command(
    *,
    rows_path: Path | None,
    data_path: Path | None,
    schema_path: Path | None,
    owner_column: str | None,
    owner: str | None,
    weights_path: Path,
    kind: str | None,
    classes: int | None,
    context: str,
    proof_path: Path,
    secrets_path: Path,
    opening_path: Path | None,
    table_path: Path | None,
    earlier: Path | None,
    workers: int | None,
    max_memory: int | None,
    insecure_seed: str | None,
    as_json: bool,
    **scales: int | None,
) -> None:
    r"""Prove the gradient of your table at public weights, without showing rows or gradient.

    The proof goes to others, the secrets stay with you. Time and memory are predicted before, and what does not
    fit this machine is refused.

    \b
    Examples:
      cotrain prove --rows rows.npy --weights weights.json --kind logistic
      cotrain prove --data patients.csv --schema schema.json --weights model.json
    """
    files = _Files(proof_path, secrets_path, opening_path, table_path)
    _check_files(files)
    bound_to = context_bytes(context)
    schema = None if schema_path is None else load_schema(schema_path)
    if schema is not None and scales["row_bound"] is None:
        scales["row_bound"] = schema.row_bound
    algorithm, weights = read_model(weights_path, kind, classes, scales)
    rows = _read_rows(rows_path, data_path, schema, (owner_column, owner))
    _check_columns(algorithm, rows)
    estimate = _estimate(algorithm, len(rows), whole=table_path is not None)
    plan = _plan(estimate, workers, max_memory)
    entropy = _entropy(insecure_seed)
    seed = entropy.draw("prove/table", 32) if earlier is None else _earlier_seed(algorithm, earlier)
    started = time.perf_counter()
    with progress_bars() as bars:
        commits = bars.add_task("committing to rows", total=None)
        table = commit_table(rows, seed, NO_SCHEMA if schema is None else schema.digest().hex())
        bars.remove_task(commits)
        prover = GradientProver(algorithm, table, weights, context=bound_to)
        show_progress = bar_of(bars, "proving segments")
        fresh = entropy.draw("prove/proof", 32)
        proven = prover.prove(fresh, Threads(plan.workers), show_progress)
        table_proof = None
        if table_path is not None:
            table_proof = prove_table(
                algorithm,
                table,
                entropy.draw("prove/table-proof", 32),
                context=bound_to,
                workers=Threads(plan.workers),
                progress=bar_of(bars, "proving the table"),
            )
    seconds = time.perf_counter() - started
    _write(files, table, proven, table_proof)
    value = (
        _summary(files, table, proven, table_proof)
        | plan.document(seconds)
        | {"kind": algorithm.kind}
    )
    emit(value, as_json=as_json, show=lambda: _show(value))


@dataclass(frozen=True)
class _Plan:
    """How a proof is made, and what it is predicted to cost."""

    estimate: Estimate
    workers: int
    seconds: float

    def document(self, seconds: float) -> dict[str, Any]:
        """Return it, with what it cost, as JSON values."""
        return {
            "segments": self.estimate.segments,
            "workers": self.workers,
            "predicted_seconds": round(self.seconds, 3),
            "predicted_memory_bytes": self.estimate.memory(self.workers),
            "prove_seconds": round(seconds, 3),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


def _estimate(algorithm: Algorithm, rows: int, *, whole: bool) -> Estimate:
    """Predict the gradient, and the table if it is proven too."""
    gradient = estimate_gradient(algorithm, rows, commits=True)
    if not whole:
        return gradient
    return gradient.before(estimate_rows(RowTerms.of_model(algorithm), rows))


def _plan(estimate: Estimate, workers: int | None, most: int | None) -> _Plan:
    """Say what is predicted, and refuse what does not fit."""
    count = choose_workers(estimate, workers, memory_limit(most=most))
    plan = _Plan(estimate, count, estimate.seconds(measure_unit()))
    tell(
        f"proving {estimate.what}, {count} at a time: about {_seconds(plan.seconds)} "
        f"and {size_words(estimate.memory(count))} of memory"
    )
    return plan


def _check_files(files: _Files) -> None:
    paths = [
        path
        for path in (files.proof, files.secrets, files.opening, files.table)
        if path is not None
    ]
    if len({path.absolute() for path in paths}) < len(paths):
        raise UsageError(
            "prove-same-file",
            "two of proof, secrets, opening and table proof are to go into one file",
            meaning="Nothing was done.",
            hint="Give each a name of its own: the proof is public, the others are not.",
        )
    if files.secrets.exists():
        raise UsageError(
            "prove-secrets-exist",
            f"{files.secrets} exists already",
            meaning="Without its secrets an earlier proof can never be opened, so they are not overwritten.",
            hint="Give another name with --secrets; --same-table-as keeps the root of the table.",
        )


def _read_rows(
    rows: Path | None,
    data: Path | None,
    schema: Schema | None,
    owner: tuple[str | None, str | None],
) -> NDArray[np.int16]:
    if (rows is None) == (data is None) or (data is None) != (schema is None):
        raise UsageError(
            "prove-which-table",
            "give either --rows, or --data with --schema",
            meaning="Nothing was done.",
            hint="--rows takes encoded rows (.npy); --data a CSV or Parquet file that --schema encodes.",
        )
    if data is not None and schema is not None:
        return encode_table(TableSource(data, *owner), schema).rows
    return _mapped(rows or Path())


def _mapped(path: Path) -> NDArray[np.int16]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise OutsideError(
            "file-not-read",
            f"{path} cannot be read: {error.strerror or error}",
            meaning="Nothing was done.",
            hint="Check the path and your right to read it.",
        ) from error
    except (ValueError, EOFError) as error:
        raise DataError(
            "prove-rows-unreadable",
            f"{path} is no .npy file",
            meaning="Nothing was done.",
            hint="Write it with numpy.save; or give a CSV with --data and --schema.",
        ) from error
    check_table(rows)
    return rows  # type: ignore[no-any-return]


def _check_columns(algorithm: Algorithm, rows: NDArray[np.int16]) -> None:
    if rows.shape[1] == algorithm.columns:
        return
    raise DataError(
        "prove-columns",
        f"the table has {rows.shape[1]} columns, these weights need {algorithm.columns}",
        meaning="A table has one column for each feature, the constant one among them, and the label last.",
        hint="Compare the number of weights with the columns; softmax has one vector for each class.",
    )


def _entropy(insecure_seed: str | None) -> Entropy:
    if insecure_seed is None:
        return SystemEntropy()
    tell("insecure: all secrets follow from the seed given; for tests only", "bold red")
    return SeededEntropy(insecure_seed)


def _earlier_seed(algorithm: Algorithm, path: Path) -> bytes:
    return GradientSecrets.decode(algorithm, read_file(path)).seed


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _write(
    files: _Files, table: OwnedTable, proven: ProvenGradient, table_proof: bytes | None
) -> None:
    # Secrets first: a proof that cannot be opened is worth less than none.
    write_secret(files.secrets, GradientSecrets(table.seed, proven.opening).encode())
    if files.opening is not None:
        write_secret(files.opening, proven.opening.encode())
    if files.table is not None and table_proof is not None:
        write_file(files.table, table_proof)
    write_file(files.proof, proven.proof)


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that nobody else can read, not even while it is written.

    Raises:
        OutsideError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        partial.replace(path)
    except OSError as error:
        raise OutsideError(
            "file-not-written",
            f"{path} cannot be written: {error.strerror}",
            meaning="Nothing was published.",
            hint="Check that the folder exists, your right to write there, and the space on the disk.",
        ) from error


def _summary(
    files: _Files, table: OwnedTable, proven: ProvenGradient, table_proof: bytes | None
) -> dict[str, Any]:
    return {
        "format": "cotrain/prove/1",
        "proof": str(files.proof),
        "secrets": str(files.secrets),
        "opening": None if files.opening is None else str(files.opening),
        "table_proof": None if files.table is None else str(files.table),
        "table_proof_bytes": None if table_proof is None else len(table_proof),
        "root": table.public.root,
        "proof_sha256": hashlib.sha256(proven.proof).hexdigest(),
        "proof_bytes": len(proven.proof),
        "table_bytes": len(table.public.commitments),
        "rows": table.public.layout.rows,
        "columns": table.public.layout.columns,
    }


def _show(value: dict[str, Any]) -> None:
    say(f"rows           {value['rows']:,}")
    say(f"columns        {value['columns']:,}")
    say(f"root           {value['root']}")
    say(f"prove time     {value['prove_seconds']:.1f} s, {value['segments']} segments")
    say(
        f"proof          {value['proof']}, {value['proof_bytes']:,} bytes, "
        f"{value['table_bytes']:,} of them commitments to the table"
    )
    if value["table_proof"] is not None:
        say(f"table proof    {value['table_proof']}, {value['table_proof_bytes']:,} bytes")
    say(f"peak memory    {size_words(value['peak_memory_bytes'])}")
    say(f"secrets        {value['secrets']}, keep them; nobody else can open this proof")
    if value["opening"] is not None:
        say(f"opening        {value['opening']}, reveals the gradient to whoever reads it")
