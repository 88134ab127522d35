"""`cotrain run`: the whole protocol on a user's own table, or on homes that registered their data."""

from pathlib import Path

import click

from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import Schema, parse_schema
from cotrain.cli.experiment import carry_out, sources
from cotrain.cli.output import fraction, json_option, messages, read_file, write_file
from cotrain.dataset.draft import draft_schema
from cotrain.errors import UsageError
from cotrain.layout import RunLayout
from cotrain.report.experiment import Table, prepare


@click.command("run")
@click.option(
    "--data",
    "data_path",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV or Parquet file.",
)
@click.option(
    "--owner-column", required=True, help="Column that says which organisation holds a row."
)
@click.option("--target", help="Column to predict; needed when no --schema is given.")
@click.option(
    "--schema",
    "schema_path",
    type=click.Path(path_type=Path),
    help="Schema with public bounds, JSON.",
)
@click.option("--title", default="", help="What the run is about.")
@click.option(
    "--epsilon",
    default="1",
    show_default=True,
    help='Privacy budget of each row; "none" for no noise.',
)
@click.option("--delta", default="0.00001", show_default=True)
@click.option("--rounds", default=20, show_default=True)
@click.option("--learning-rate", help="A fraction, such as 4 or 1/2; the default fits the model.")
@click.option(
    "--colluders", type=int, help="Owners that may pool all they know; the default is a third."
)
@click.option(
    "--survivors",
    type=int,
    help="Owners without whom no sum is opened; the default is all but one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder; the default is runs/ and the file's name.",
)
@click.option(
    "--split-seed",
    default=0,
    show_default=True,
    help="Which 30 % of the rows are kept aside for testing.",
)
@click.option("--insecure-seed", hidden=True, help="Deterministic secrets, for tests only.")
@json_option
def run_command(
    data_path: Path,
    owner_column: str,
    target: str | None,
    schema_path: Path | None,
    out: Path | None,
    split_seed: int,
    insecure_seed: str | None,
    *,
    as_json: bool,
    **given: str | int | None,
) -> None:
    r"""Train one model on a table whose rows belong to several owners, each simulated as a party on this machine.

    Without --schema, bounds are read off the data. That leaks; the report says so, and a draft of the schema
    is saved in the run folder for you to correct. If the folder holds an interrupted run, that run goes on.

    \b
    Example:
      cotrain run --data my.csv --owner-column clinic --target y
    """
    layout = RunLayout(out or Path("runs") / data_path.name.split(".")[0])
    entropy, clock = sources(insecure_seed)
    schema = _schema(layout, schema_path, data_path, owner_column, target)
    wishes = Wishes(
        title=str(given["title"] or f"{schema.target.name}, from {data_path.name}"),
        rounds=int(given["rounds"] or 0),
        epsilon=None if given["epsilon"] == "none" else str(given["epsilon"]),
        delta=str(given["delta"]),
        learning_rate=fraction("learning-rate", given["learning_rate"]),
        colluders=_count(given["colluders"]),
        survivors=_count(given["survivors"]),
    )
    table = Table(data_path, owner_column, schema)
    experiment = prepare(layout, table, wishes, entropy=entropy, clock=clock, seed=split_seed)
    carry_out(experiment, entropy=entropy, clock=clock, notes=(), as_json=as_json)


def _schema(
    layout: RunLayout,
    schema_path: Path | None,
    data_path: Path,
    owner_column: str,
    target: str | None,
) -> Schema:
    if schema_path is not None:
        return parse_schema(read_file(schema_path))
    if target is None:
        raise UsageError(
            "run-no-target",
            "neither --schema nor --target is given",
            hint="Name the column to predict with --target, or give a schema.",
        )
    draft = draft_schema(data_path, target, owner_column)
    for warning in draft.warnings:
        messages().print(f"[yellow]warning:[/yellow] {warning}")
    layout.path.mkdir(parents=True, exist_ok=True)
    write_file(layout.path / "schema.json", draft.schema.canonical())
    messages().print(
        f"the draft is in {layout.path / 'schema.json'}; correct it and give it with --schema"
    )
    return draft.schema


def _count(value: str | int | None) -> int | None:
    return None if value is None else int(value)
