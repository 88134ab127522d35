"""`cotrain model`: a released model, what its use costs, paid queries, and paying out what they brought."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from cotrain.agreement.document import Agreement
from cotrain.audit.auditor import audit
from cotrain.cli.files import read_agreement, write_file
from cotrain.cli.options import PATH, json_option
from cotrain.cli.output import bar_of, emit, print_table, progress_bars, say, table, tell
from cotrain.cli.shop import open_shop, run_folder, shop_options
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.report.money import MONEY_HEAD, money_figures, money_rows, money_words
from cotrain.rounds.journal import SqliteJournal
from cotrain.serving.handover import check_handover
from cotrain.serving.session import (
    Shop,
    ask_queries,
    open_deposit,
    pay_holders,
    redeem_voucher,
)
from cotrain.serving.stakes import return_stakes
from cotrain.settlement.chain.signing import account_of

MAX_QUERIES = 10_000


@click.group()
def model() -> None:
    r"""Use a released model: see its price and holders, ask paid queries, pay out what they brought.

    \b
    Example:
      cotrain model use runs/demo --home homes/clinic --data patients.csv
    """


@model.command()
@click.argument("run", type=PATH)
@json_option
def show(run: Path, *, as_json: bool) -> None:
    r"""Audit RUN and print what its model's use costs and who was paid what.

    \b
    Example:
      cotrain model show runs/demo
    """
    with Ledger.open(run_folder(run).ledger, read_only=True) as ledger, progress_bars() as bars:
        report = audit(ledger, proof_progress=bar_of(bars, "verifying proofs"))
    released = report.state.released_model
    money = money_figures(report)
    value = {
        "run": report.run,
        "title": report.agreement.title,
        "model": None if released is None else sha256(released),
        "money": money,
    }

    def show_tables() -> None:
        say(report.agreement.title, "bold")
        say(f"model {value['model'] or 'none was released'}")
        if money is None:
            say("The agreement moves no money: nothing is paid for uses of this model.")
            return
        say(money_words(value))
        rows = table(MONEY_HEAD, money_rows(value))
        print_table(f"who was paid what, in {money['symbol']}", rows)

    emit(value, as_json=as_json, show=show_tables)


@model.command()
@click.argument("run", type=PATH)
@click.option("--out", required=True, type=PATH, help="File to write; never overwritten.")
@json_option
def release(run: Path, out: Path, *, as_json: bool) -> None:
    r"""Audit RUN and write its released model, which names its agreement, to a file.

    \b
    Example:
      cotrain model release runs/demo --out heart-model.json
    """
    if out.exists():
        raise UsageError(
            "model-exists", f"{out} exists already", hint="Choose another file with --out."
        )
    with Ledger.open(run_folder(run).ledger, read_only=True) as ledger, progress_bars() as bars:
        report = audit(ledger, proof_progress=bar_of(bars, "verifying proofs"))
    if report.state.released_model is None:
        raise RefusedError(
            "model-not-released",
            "the run released no model",
            meaning="It was aborted, or is not at its end.",
            hint="See how far it came with `cotrain audit`.",
        )
    write_file(out, report.state.released_model)
    value = {"model": sha256(report.state.released_model), "run": report.run, "file": str(out)}
    emit(value, as_json=as_json, show=lambda: say(f"{value['model']}  {out}"))
    if report.agreement.settlement is not None:
        tell("whoever uses a copy without paying breaks the agreement; no program can see it")


@model.command()
@click.argument("run", type=PATH)
@click.option("--home", required=True, type=PATH, help="The buyer's home folder (cotrain init).")
@click.option("--data", required=True, type=PATH, help="Table with the rows to ask about.")
@click.option(
    "--rows", type=click.IntRange(1, MAX_QUERIES), help="Ask about the first so many rows only."
)
@shop_options
@json_option
def use(
    run: Path, home: Path, data: Path, rows: int | None, *, as_json: bool, **where: Any
) -> None:
    r"""Ask RUN's model about the rows of a table, one paid query each.

    The buyer gets credits from the coordinator, deposits them once, and signs a voucher with each query; no query
    costs a transaction. The homes of all parties must be on this machine: in RUN, or named by --party. The server
    sees the rows. The table has the columns of the agreement's schema, the target too; what it says is not sent.
    On a node, the buyer's account pays the fees of its two transactions, the coordinator's of the others.

    \b
    Example:
      cotrain model use runs/demo --home homes/clinic --data patients.csv --rows 10
    """
    buyer = load_identity(HomeLayout(home).identity)
    with open_shop(run, **where) as shop:
        agreement = shop.terms.agreement
        few = agreement.data_schema.model_copy(
            update={"min_rows": 1}
        )  # one patient may be asked about
        encoded = encode_table(TableSource(data), few).rows[:rows, :-1].tolist()
        address, price = account_of(buyer).address, shop.use_terms.price
        asked = shop.server().newest_query(address)
        before = 0 if asked is None else asked.voucher.queries
        open_deposit(shop, buyer, (before + len(encoded)) * price)
        with progress_bars() as bars:
            task = bars.add_task("asking", total=len(encoded))
            path = HomeLayout(home).purchases(agreement.digest)
            with closing(SqliteJournal(path)) as purchases:
                answers = ask_queries(shop, buyer, purchases, encoded, lambda: bars.advance(task))
    value = {"buyer": address, "queries": len(answers), "price": price, "answers": answers}
    emit(value, as_json=as_json, show=lambda: _show_answers(value, agreement))


@model.command()
@click.argument("run", type=PATH)
@shop_options
@json_option
def settle(run: Path, *, as_json: bool, **where: Any) -> None:
    r"""Redeem the newest voucher of each buyer of RUN's model, and pay everybody its royalties.

    \b
    Example:
      cotrain model settle runs/demo
    """
    with open_shop(run, **where) as shop:
        buyers = shop.buyers()
        redeemed, unpaid = _redeem_all(shop, buyers)
        pay_holders(shop)
    value = {"buyers": len(buyers), "redeemed": redeemed, "not_covered": unpaid}
    words = f"{len(redeemed)} vouchers redeemed; see who was paid what: cotrain model show {run}"
    emit(value, as_json=as_json, show=lambda: say(words))


@model.command()
@click.argument("run", type=PATH)
@shop_options
@json_option
def stakes(run: Path, *, as_json: bool, **where: Any) -> None:
    r"""Give back the stakes of RUN's parties, when the time in which evidence counts is over.

    If the run ended without a release of the payment, the price goes back to the demander too.

    \b
    Example:
      cotrain model stakes runs/demo
    """
    with open_shop(run, **where) as shop:
        returned = return_stakes(shop)
    named = {returned.names[did]: units for did, units in returned.stakes.items()}
    value = {"stakes": named, "price_returned": returned.price}
    words = f"{len(named)} stakes went back" + (", and the price" if returned.price else "")
    emit(value, as_json=as_json, show=lambda: say(f"{words}; see `cotrain model show {run}`"))


@model.command("hand-over")
@click.argument("run", type=PATH)
@click.option(
    "--to", "file", required=True, type=PATH, help="The agreement that begins with RUN's model."
)
@shop_options
@json_option
def hand_over(run: Path, file: Path, *, as_json: bool, **where: Any) -> None:
    r"""Let the chain of RUN go on with the run of an agreement that begins with its model.

    From then on RUN's ledger takes no transaction more: the new model is the one that is sold, and what is left to pay
    to RUN's parties is paid by the new run. Do it once all parties signed the agreement.

    \b
    Example:
      cotrain model hand-over runs/first --to second.json
    """
    to = read_agreement(file)
    with open_shop(run, handing_to=to.digest, **where) as shop:
        check_handover(shop, to)
        shop.coordinator.hand_over(to.digest)
        value = {"run": shop.terms.agreement.digest, "successor": to.digest}
    words = f"the chain of {run} goes on with {to.title!r}: cotrain run --agreement {file} --base-model {run} ..."
    emit(value, as_json=as_json, show=lambda: say(words))


def _redeem_all(shop: Shop, buyers: Sequence[str]) -> tuple[list[str], list[str]]:
    """Redeem every buyer's voucher; return whose was redeemed, and whose deposit does not cover it any more."""
    redeemed, unpaid = [], []
    for buyer in buyers:
        try:
            if redeem_voucher(shop, buyer):
                redeemed.append(buyer)
        except RefusedError as refusal:
            if refusal.code != "use-not-covered":
                raise
            unpaid.append(buyer)
            tell(f"warning: {refusal}", "yellow")
    return redeemed, unpaid


def _show_answers(value: dict[str, Any], agreement: Agreement) -> None:
    kind = agreement.data_schema.target.kind
    count = len(value["answers"][0]) if value["answers"] else 0
    head = [
        "row",
        *(["answer"] if kind == "numeric" else [f"class {place}" for place in range(count)]),
    ]
    rows = [[f"{place}", *map(str, answer)] for place, answer in enumerate(value["answers"], 1)]
    print_table(f"answers to {value['queries']} paid queries", table(head, rows))
