"""`cotrain run`: the whole protocol on a user's own table, or on homes that registered their data."""

from pathlib import Path
from typing import Any

import click

from cotrain.agreement.document import Agreement
from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import Schema, parse_schema
from cotrain.cli.base_model import base_model_option, read_base
from cotrain.cli.experiment import carry_out, sources
from cotrain.cli.files import read_agreement, read_file, write_file
from cotrain.cli.homes import check_place, gather
from cotrain.cli.node import connect, node_options
from cotrain.cli.options import (
    PATH,
    as_options,
    assurance_option,
    colluders_option,
    decay_option,
    delta_option,
    epsilon_option,
    json_option,
    rate_option,
    rounds_option,
    seed_option,
    split_option,
    survivors_option,
)
from cotrain.cli.output import tell
from cotrain.dataset.draft import draft_schema
from cotrain.dataset.reader import list_owners
from cotrain.errors import UsageError
from cotrain.layout import RunLayout
from cotrain.local import has_begun_in, hold_folder
from cotrain.report.experiment import Experiment, Table, prepare

OF_A_TABLE = ("data_path", "owner_column", "target", "schema_path", "title")
OF_TERMS = (
    "epsilon",
    "delta",
    "rounds",
    "learning_rate",
    "weight_decay",
    "colluders",
    "survivors",
    "assurance",
    "split_seed",
)


@click.command("run")
@click.option("--data", "data_path", type=PATH, help="CSV or Parquet file, plain or gzip.")
@click.option("--owner-column", help="Column that says which organisation holds a row.")
@click.option("--target", help="Column to predict; needed when no --schema is given.")
@click.option("--schema", "schema_path", type=PATH, help="Schema with public bounds, JSON.")
@click.option("--title", help="What the run is about; the default names the target and the file.")
@epsilon_option
@delta_option
@rounds_option
@rate_option
@decay_option
@colluders_option
@survivors_option
@assurance_option
@split_option
@click.option(
    "--agreement",
    "agreement_path",
    type=PATH,
    help="Run this agreement between homes instead of simulating a table's owners.",
)
@click.option(
    "--home",
    "homes",
    type=PATH,
    multiple=True,
    help="With --agreement: the home of one party. Repeat it for all, the coordinator too.",
)
@base_model_option
@click.option(
    "--out",
    type=PATH,
    help="Run folder; the default is runs/ and the name of the table or agreement file.",
)
@node_options
@seed_option
@json_option
@click.pass_context
def run_command(
    context: click.Context,
    /,
    out: Path | None,
    insecure_seed: str | None,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    r"""Train one model together, on one table or between homes, all on this machine.

    With --data, a table's rows belong to several owners, and each is simulated as a party. Without --schema,
    bounds are read off the data. That leaks; the report says so, and a draft of the schema is saved in the run
    folder for you to correct.

    With --agreement, the parties are homes that were made by cotrain init, consented (cotrain agreement sign)
    and registered their rows (cotrain data register). Nobody may see their test rows, so the report has no
    figures of quality.

    If the agreement's contracts are on a chain of others (agreement new --chain-id), give --node: the coordinator
    sends its transactions there and pays their fees.

    If the folder holds an interrupted run, that run goes on.

    \b
    Examples:
      cotrain run --data my.csv --owner-column clinic --target y
      cotrain run --agreement agreement.json --home homes/a --home homes/b --home homes/hub
    """
    source = _source(context, given)
    layout = RunLayout(out or Path("runs") / source.name.split(".")[0])
    entropy, clock = sources(insecure_seed)
    if given["agreement_path"] is not None:
        agreement = read_agreement(source)
        members = gather(source, agreement, given["homes"], clock)
        check_place(layout, agreement, members)
        with hold_folder(layout):
            experiment = Experiment(layout, agreement, members, {})
            carry_out(
                experiment,
                entropy=entropy,
                clock=clock,
                connect=lambda: connect(
                    agreement, given["node"], given["confirmations"], _payer(agreement)
                ),
                as_json=as_json,
                base=_base(layout, agreement, given["base_model"]),
            )
        return
    schema = _schema(layout, given)
    table = Table(source, given["owner_column"], schema)
    wishes, seed = _wishes(given, schema), given["split_seed"]
    with hold_folder(layout):
        with as_options():
            experiment = prepare(layout, table, wishes, entropy=entropy, clock=clock, seed=seed)
        carry_out(experiment, entropy=entropy, clock=clock, as_json=as_json)


def _source(context: click.Context, given: dict[str, Any]) -> Path:
    """Return the table or the agreement, whichever is to be run, and check that the options go with it."""
    if (given["data_path"] is None) == (given["agreement_path"] is None):
        raise UsageError(
            "run-what",
            "give either --data or --agreement",
            meaning="--data simulates the owners of a table; --agreement runs homes that exist.",
            hint="cotrain run --help shows an example of each.",
        )
    if given["data_path"] is not None:
        _check_table_options(context, given)
        return Path(given["data_path"])
    typed = [name for name in (*OF_A_TABLE, *OF_TERMS) if _was_typed(context, name)]
    if typed:
        words = ", ".join("--" + name.removesuffix("_path").replace("_", "-") for name in typed)
        raise UsageError(
            "run-agreed-already",
            f"{words} cannot be given with --agreement",
            meaning="The parties agreed on these; a command cannot change them.",
            hint="Leave them out, or draft another agreement with `cotrain agreement new`.",
        )
    return Path(given["agreement_path"])


def _base(layout: RunLayout, agreement: Agreement, run: Path | None) -> bytes | None:
    """Return the base file for a run that begins; one that goes on has it on its ledger."""
    if run is None or has_begun_in(layout):
        return None
    return read_base(run, agreement).encode()


def _payer(agreement: Agreement) -> str:
    """Return the account that pays the fees of a run."""
    return agreement.coordinator.account or ""


def _check_table_options(context: click.Context, given: dict[str, Any]) -> None:
    if typed := [name for name in ("node", "confirmations") if _was_typed(context, name)]:
        raise UsageError(
            "run-node-without-agreement",
            f"--{typed[0]} cannot be given with --data",
            meaning="A run of a table's simulated owners moves no money.",
            hint="Give --agreement: `cotrain agreement new --price ... --chain-id ...` drafts one. `cotrain demo "
            "--node` shows a run of simulated owners on a development chain.",
        )
    if given["base_model"] is not None:
        raise UsageError(
            "run-base-without-agreement",
            "--base-model cannot be given with --data",
            meaning="Which model training begins with is agreed on.",
            hint="Give --agreement: `cotrain agreement new --base-model RUN` drafts one.",
        )
    if given["homes"]:
        raise UsageError(
            "run-home-without-agreement",
            "--home cannot be given with --data",
            meaning="The owners of a table are simulated; their homes are made in the run folder.",
            hint="Leave --home out, or give --agreement instead of --data.",
        )
    if given["owner_column"] is None:
        raise UsageError(
            "run-no-owner-column",
            "--owner-column is missing",
            meaning="It says which organisation holds a row.",
            hint="Name the column, for example --owner-column clinic.",
        )
    if given["schema_path"] is None and given["target"] is None:
        raise UsageError(
            "run-no-target",
            "neither --schema nor --target is given",
            meaning="It is not known which column to predict.",
            hint="Name the column to predict with --target, or give a schema.",
        )


def _was_typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _wishes(given: dict[str, Any], schema: Schema) -> Wishes:
    names = [name for name in OF_TERMS if name != "split_seed"]
    title = given["title"] or f"{schema.target.name}, from {given['data_path'].name}"
    return Wishes(title=title, **{name: given[name] for name in names})


def _schema(layout: RunLayout, given: dict[str, Any]) -> Schema:
    """Return the schema that was given, or draft one, save it and say what is wrong with drafts."""
    if given["schema_path"] is not None:
        schema = parse_schema(read_file(given["schema_path"]))
        _check_target(schema, given["target"])
        return schema
    list_owners(
        given["data_path"], given["owner_column"]
    )  # a wrong column is told before the draft
    draft = draft_schema(given["data_path"], given["target"], given["owner_column"])
    if layout.agreement.exists():
        return draft.schema
    for warning in draft.warnings:
        tell(f"warning: {warning}", "yellow")
    with hold_folder(layout):
        path = layout.path / "schema.json"
        write_file(path, draft.schema.canonical())
    tell(f"the draft is in {path}; correct it and give it with --schema")
    return draft.schema


def _check_target(schema: Schema, target: str | None) -> None:
    if target is not None and target != schema.target.name:
        raise UsageError(
            "run-two-targets",
            f"--target is {target!r}, the schema's target is {schema.target.name!r}",
            meaning="Only one column can be predicted.",
            hint="Leave --target out, or correct the schema.",
        )
