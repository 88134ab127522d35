"""`cotrain data register | show`."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from cotrain.agreement.document import decode_agreement
from cotrain.cli.output import console, emit, json_option, messages, read_file, table
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource, ignored_columns
from cotrain.errors import UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.local import Member, register_rows
from cotrain.privacy.budget import Balance, BudgetBook

home_option = click.option(
    "--home",
    required=True,
    type=click.Path(path_type=Path),
    help="Your home folder (cotrain init).",
)


@click.group()
def data() -> None:
    """Check and register your table for an agreement; see what its privacy budget has left."""


@data.command()
@click.argument("agreement", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@click.option(
    "--owner-column",
    help="Column that says whose row it is, if the file has rows of several owners.",
)
@click.option("--owner", help="Your value in that column.")
@click.option(
    "--budget",
    type=float,
    help="Most epsilon that these rows may ever spend; default: this agreement's.",
)
@json_option
def register(
    agreement: Path,
    file: Path,
    home: Path,
    *,
    owner_column: str | None,
    owner: str | None,
    budget: float | None,
    as_json: bool,
) -> None:
    r"""Check FILE (CSV or Parquet) against AGREEMENT's schema and keep its encoded rows for the run.

    Nothing leaves your home folder: when the run begins, only a commitment that hides the rows is published.
    The first bad cell is named by row and column, and nothing is registered.

    \b
    Example:
      cotrain data register agreement.json patients.csv --home homes/cleveland
    """
    terms = decode_agreement(read_file(agreement))
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    name = terms.party(identity.did).name
    source = TableSource(file, owner_column, owner)
    ignored = [
        column for column in ignored_columns(source, terms.data_schema) if column != owner_column
    ]
    if ignored:
        messages().print(f"ignored, because the schema does not name them: {', '.join(ignored)}")
    dataset = encode_table(source, terms.data_schema)
    limit = budget if budget is not None else float(terms.epsilon)
    fingerprint = register_rows(Member(identity, layout), terms, dataset, limit)
    value = {
        "party": name,
        "run": terms.digest,
        "rows": dataset.row_count,
        "columns": list(dataset.names),
        "fingerprint": fingerprint,
        "budget_epsilon": limit,
    }
    told = f"{name}: {dataset.row_count} rows of {len(dataset.names)} columns fit the schema"
    emit(value, as_json=as_json, show=lambda: print(f"{told}, kept for run {terms.digest[:16]}"))


@data.command()
@home_option
@json_option
def show(home: Path, *, as_json: bool) -> None:
    """Show what is kept in your home folder and what its privacy budget has left."""
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    kept = [_kept(path) for path in sorted(home.glob("rows-*.npy"))]
    budgets = _budgets(layout)
    value = {"party": identity.name, "did": identity.did, "registered": kept, "budgets": budgets}

    def show_tables() -> None:
        out = console()
        out.print(
            table(
                "kept for runs",
                ["run", "rows", "columns"],
                [[k["run"], f"{k['rows']}", f"{k['columns']}"] for k in kept],
            )
        )
        rows = [
            [
                b["dataset"][:16],
                f"{b['spent_epsilon']:.3f}",
                f"{b['limit_epsilon']:.3f}",
                f"{b['limit_delta']:g}",
            ]
            for b in budgets
        ]
        out.print(
            table(
                "privacy budgets",
                ["rows with fingerprint", "epsilon spent", "limit", "delta"],
                rows,
            )
        )

    emit(value, as_json=as_json, show=show_tables)


def _kept(path: Path) -> dict[str, Any]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            "data-rows-damaged",
            f"{path} is damaged: {error}",
            hint="Register the table again for that run.",
        ) from error
    return {"run": path.stem.removeprefix("rows-"), "rows": rows.shape[0], "columns": rows.shape[1]}


def _budgets(layout: HomeLayout) -> list[dict[str, Any]]:
    if not layout.budget.exists():
        return []
    with BudgetBook.open(layout.budget) as book:
        return [_budget(dataset, book.balance(dataset)) for dataset in book.datasets()]


def _budget(dataset: str, balance: Balance) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "limit_epsilon": balance.epsilon_limit,
        "limit_delta": balance.delta,
        "spent_epsilon": balance.epsilon_spent,
    }
