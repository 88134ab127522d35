"""`cotrain data register | show | revoke | erase`."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from cotrain.agreement.document import Agreement
from cotrain.cli.files import read_agreement
from cotrain.cli.node import connect, node_options, refuse_node
from cotrain.cli.options import PATH, decimal_text, home_option, json_option
from cotrain.cli.output import emit, print_table, say, table, tell
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource, ignored_columns
from cotrain.errors import UsageError
from cotrain.identity.keys import Identity, load_identity
from cotrain.layout import HomeLayout
from cotrain.local import (
    Member,
    erase_kept,
    has_begun,
    has_erased,
    owned_data,
    register_rows,
    remove_row,
)
from cotrain.local import revoke as revoke_rows
from cotrain.privacy.budget import Balance, BudgetBook
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.direct import revoke_directly
from cotrain.settlement.terms import ContractTerms

MAX_REASON = 2000


@click.group()
def data() -> None:
    r"""Check and register your table for an agreement; see what its privacy budget has left.

    \b
    Example:
      cotrain data show --home homes/cleveland
    """


@data.command()
@click.argument("agreement", type=PATH)
@click.argument("file", type=PATH)
@home_option
@click.option(
    "--owner-column",
    help="Column that says whose row it is, if the file has rows of several owners.",
)
@click.option("--owner", help="Your value in that column.")
@click.option(
    "--budget",
    metavar="DECIMAL",
    callback=decimal_text(),
    help="Most epsilon that these rows may ever spend, in all runs together; replaces an earlier limit. "
    "The default is this agreement's epsilon, or the limit that these rows have already.",
)
@json_option
def register(
    agreement: Path,
    file: Path,
    home: Path,
    *,
    owner_column: str | None,
    owner: str | None,
    budget: str | None,
    as_json: bool,
) -> None:
    r"""Check FILE (CSV or Parquet) against AGREEMENT's schema and keep its encoded rows for the run.

    Nothing leaves your home folder: when the run begins, only a commitment that hides the rows is published.
    The first bad cell is named by row and column, and nothing is registered.

    \b
    Example:
      cotrain data register agreement.json patients.csv --home homes/cleveland
    """
    terms = read_agreement(agreement)
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    name = _owner_name(terms, identity.did)
    dataset = encode_table(_source(terms, file, owner_column, owner), terms.data_schema)
    limit = None if budget is None else float(budget)
    fingerprint = register_rows(Member(identity, layout), terms, dataset, limit)
    balance = _balance(layout, fingerprint)
    value = {
        "party": name,
        "run": terms.digest,
        "rows": dataset.row_count,
        "columns": list(dataset.names),
        "fingerprint": fingerprint,
        "budget": balance,
    }

    def show_words() -> None:
        say(
            f"{name}: {dataset.row_count} rows of {len(dataset.names)} columns fit the schema, "
            f"kept for run {terms.digest[:16]}"
        )
        if balance is not None:
            say(
                f"{name}: these rows have spent epsilon {balance['spent_epsilon']:.3f} "
                f"of {balance['limit_epsilon']:.3f}"
            )

    emit(value, as_json=as_json, show=show_words)


@data.command()
@home_option
@json_option
def show(home: Path, *, as_json: bool) -> None:
    r"""Show what is kept in your home folder and what its privacy budget has left.

    \b
    Example:
      cotrain data show --home homes/cleveland
    """
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    kept = [_kept(path) for path in sorted(home.glob("rows-*.npy"))]
    budgets = _budgets(layout)
    value = {"party": identity.name, "did": identity.did, "registered": kept, "budgets": budgets}
    emit(value, as_json=as_json, show=lambda: _show(identity.name, kept, budgets))


def _show(name: str, kept: list[dict[str, Any]], budgets: list[dict[str, Any]]) -> None:
    if not kept and not budgets:
        say(f"{name} has registered no rows yet")
        tell("register a table: cotrain data register AGREEMENT FILE --home HOME")
        return
    rows = [[k["run"], f"{k['rows']}", f"{k['columns']}"] for k in kept]
    if rows:
        print_table("kept for runs", table(["run", "rows", "columns"], rows))
    else:
        say("no rows are kept: they are erased when a run ends\n")
    limits = [
        [
            b["dataset"][:16],
            f"{b['spent_epsilon']:.3f}",
            f"{b['limit_epsilon']:.3f}",
            f"{b['limit_delta']:g}",
        ]
        for b in budgets
    ]
    head = ["rows with fingerprint", "epsilon spent", "limit", "delta"]
    print_table("privacy budgets", table(head, limits))


def _owner_name(terms: Agreement, did: str) -> str:
    party = terms.party(did)
    if "data_owner" not in party.roles:
        raise UsageError(
            "data-not-an-owner",
            f"{party.name} is no data owner in the agreement {terms.title!r}",
            meaning="Its rows would never be used, so they are not kept.",
            hint="Register the table from the home of the party that owns it.",
        )
    return party.name


def _source(terms: Agreement, file: Path, column: str | None, owner: str | None) -> TableSource:
    if (column is None) != (owner is None):
        raise UsageError(
            "data-half-an-owner",
            "--owner-column and --owner are given together or not at all",
            meaning="Nothing was registered.",
            hint="Give both, for example --owner-column clinic --owner Cleveland.",
        )
    source = TableSource(file, column, owner)
    ignored = [name for name in ignored_columns(source, terms.data_schema) if name != column]
    if ignored:
        tell(f"ignored, because the schema does not name them: {', '.join(ignored)}")
    return source


def _kept(path: Path) -> dict[str, Any]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            "data-rows-damaged",
            f"{path} is damaged: {error}",
            meaning="The run for which these rows were kept cannot use them.",
            hint="Register the table again for that run.",
        ) from error
    return {"run": path.stem.removeprefix("rows-"), "rows": rows.shape[0], "columns": rows.shape[1]}


def _budgets(layout: HomeLayout) -> list[dict[str, Any]]:
    if not layout.budget.exists():
        return []
    with BudgetBook.open(layout.budget) as book:
        return [_budget(dataset, book.balance(dataset)) for dataset in book.datasets()]


@data.command()
@click.argument("agreement", type=PATH)
@home_option
@click.option("--reason", default="", help="Why, for the others to read; at most 2,000 characters.")
@click.option(
    "--directly",
    is_flag=True,
    help="Also tell the contract yourself, by --node and at your own fee: no coordinator can delay that.",
)
@node_options
@json_option
def revoke(
    agreement: Path, home: Path, *, reason: str, directly: bool, as_json: bool, **where: Any
) -> None:
    r"""Withdraw your data from an AGREEMENT: from the next round on nobody can use it.

    Your agent submits nothing more and puts your withdrawal on the ledger. What was learned in earlier rounds
    stays in the model. If you have not registered your data yet, the run does not begin.

    With --directly your own account tells the contract too, where the agreement's chain is one of others: from
    that block on it anchors no round that was opened later with you in it, whatever the coordinator does.

    \b
    Examples:
      cotrain data revoke agreement.json --home homes/cleveland --reason "consent withdrawn"
      cotrain data revoke agreement.json --home homes/cleveland --directly --node http://127.0.0.1:8545
    """
    terms = read_agreement(agreement)
    layout = HomeLayout(home)
    identity = load_identity(layout.identity)
    name = _owner_name(terms, identity.did)
    if len(reason) > MAX_REASON:
        raise UsageError(
            "data-long-reason",
            f"the reason has {len(reason)} characters, {MAX_REASON} are allowed",
            hint="Shorten it; everybody who reads the ledger sees it.",
        )
    if not directly:
        refuse_node("without --directly this command tells your agent only")
    revoke_rows(Member(identity, layout), terms, reason)
    block = _tell_contract(terms, identity, **where) if directly else None
    value = {
        "run": terms.digest,
        "party": name,
        "did": identity.did,
        "revoked": True,
        "block": block,
    }
    known = "" if block is None else f"; the contract knows since block {block}"
    words = f"{name} withdraws its data from {terms.title!r}{known}"
    emit(value, as_json=as_json, show=lambda: say(words))


def _tell_contract(
    terms: Agreement, owner: Identity, node: str | None, confirmations: int | None
) -> int | None:
    """Send an owner's own revocation; return its block, None if the contract knew already."""
    chain = connect(terms, node, confirmations, account_of(owner).address)
    if chain is None:
        raise UsageError(
            "data-no-chain-of-others",
            "--directly is given, and the agreement's contracts are on no chain of others",
            meaning="Your agent knows of the withdrawal and will put it on the ledger; nothing was sent to a contract.",
            hint="Leave --directly out.",
        )
    receipt = revoke_directly(chain, ContractTerms.of(terms), owner)
    if receipt is None:
        tell("the contract knew of this withdrawal already; nothing was sent")
    return None if receipt is None else receipt.block


@data.command()
@click.argument("agreement", type=PATH)
@home_option
@click.option(
    "--abandon",
    is_flag=True,
    help="Also if the run has begun: your agent can take no further part in it, and certifies nothing.",
)
@click.option(
    "--record",
    type=click.IntRange(1),
    metavar="N",
    help="Only the N-th of the rows that you registered, from 1; the run goes on without it.",
)
@json_option
def erase(agreement: Path, home: Path, *, abandon: bool, record: int | None, as_json: bool) -> None:
    r"""Destroy what your home keeps for an AGREEMENT whose run never began: encoded rows and secrets.

    For a run that has begun this is not needed: when it ends, or after you withdraw (cotrain data revoke), your
    agent destroys all of it and certifies that on the ledger. Your own table and your privacy budgets are not
    touched.

    With --record, one row is taken out of a run that goes on: before the next round your agent proves on the ledger
    that this row, and nothing else, is gone from your dataset, and destroys it in your home. Everybody sees which
    row it was by its number. What the rounds before learned from it stays, within your privacy budget.

    \b
    Examples:
      cotrain data erase agreement.json --home homes/cleveland
      cotrain data erase agreement.json --home homes/cleveland --record 17
    """
    terms = read_agreement(agreement)
    layout = HomeLayout(home)
    member = Member(load_identity(layout.identity), layout)
    name = _owner_name(terms, member.identity.did)
    if record is not None:
        _erase_record(terms, member, name, record, as_json=as_json)
        return
    begun = has_begun(member, terms)
    if begun and not (abandon or has_erased(member, terms)):
        raise UsageError(
            "data-run-begun",
            f"the run of {terms.title!r} has begun",
            meaning="Without its secrets your agent would fall silent in the middle of it. Nothing was erased.",
            hint=f"Withdraw with `cotrain data revoke {agreement} --home {home}`: your agent erases all of it after "
            "the current round. If the run will never go on, add --abandon.",
        )
    files = erase_kept(member, terms) if abandon or not begun else []
    value = {"run": terms.digest, "party": name, "did": member.identity.did, "destroyed": files}
    words = f"destroyed {', '.join(files)}" if files else "nothing is kept for this run"
    emit(value, as_json=as_json, show=lambda: say(f"{name}: {words}"))


def _erase_record(
    terms: Agreement, member: Member, name: str, record: int, *, as_json: bool
) -> None:
    """Ask the agent to take one row out of the run."""
    data = owned_data(member, terms)
    rows = 0 if data is None else len(data.rows)
    if data is not None:
        data.budget.close()
    if record > rows:
        raise UsageError(
            "data-no-such-record",
            f"{name} keeps {rows} rows for {terms.title!r}, there is no record {record}",
            meaning="Nothing was erased.",
            hint="Count the rows of your table from 1, without its header. After the end of a run none are kept.",
        )
    remove_row(member, terms, record - 1)
    value = {"run": terms.digest, "party": name, "did": member.identity.did, "record": record}
    words = f"record {record} is taken out before the next round, and destroyed here"
    emit(value, as_json=as_json, show=lambda: say(f"{name}: {words}"))


def _balance(layout: HomeLayout, fingerprint: str) -> dict[str, Any] | None:
    """Return what the rows may spend; None when no limit is set, as without noise."""
    found = [budget for budget in _budgets(layout) if budget["dataset"] == fingerprint]
    return found[0] if found else None


def _budget(dataset: str, balance: Balance) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "limit_epsilon": balance.epsilon_limit,
        "limit_delta": balance.delta,
        "spent_epsilon": balance.epsilon_spent,
    }
