"""A finished run opened again, to sell its model or give back what was deposited: whose homes, which node."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from cotrain.agreement.document import Agreement
from cotrain.cli.files import read_agreement
from cotrain.cli.homes import members_of
from cotrain.cli.node import connect, node_options
from cotrain.cli.options import PATH
from cotrain.errors import RefusedError, UsageError
from cotrain.flow import let_all_read
from cotrain.layout import RunLayout
from cotrain.local import LocalRun, Member, hold_folder, open_run
from cotrain.ports import SystemClock, SystemEntropy
from cotrain.report.experiment import resume
from cotrain.rounds.journal import SqliteJournal
from cotrain.rounds.refusals import handed_over
from cotrain.serving.session import Shop

_PARTY = click.option(
    "--party",
    "homes",
    type=PATH,
    multiple=True,
    help="Home of one party of a run between homes. Repeat it for all, the coordinator too.",
)


def shop_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `open_shop` to a command."""
    return _PARTY(node_options(command))


def run_folder(run: Path) -> RunLayout:
    """Return the layout of a run that is there.

    Raises:
        UsageError: none is.
    """
    layout = RunLayout(run)
    if not layout.ledger.exists():
        raise UsageError(
            "model-no-run",
            f"there is no run in {run}",
            meaning="Nothing was done.",
            hint="Give a run folder, such as runs/demo.",
        )
    return layout


@contextmanager
def open_shop(
    run: Path,
    *,
    homes: Sequence[Path],
    node: str | None,
    confirmations: int | None,
    handing_to: str | None = None,
) -> Iterator[Shop]:
    """Open a finished run whose homes are all on this machine; everybody reads what was logged in the end.

    Raises:
        RefusedError: its chain goes on with another run than `handing_to`.
    """
    layout, clock = run_folder(run), SystemClock()
    with hold_folder(layout):
        agreement = read_agreement(layout.agreement)
        _check_money(agreement)
        members = _members(layout, agreement, homes)
        chain = connect(agreement, node, confirmations, agreement.coordinator.account or "")
        sources = [SystemEntropy() for _ in members]
        opened = open_run(layout, agreement, members, entropy=sources, clock=clock, node=chain)
        with closing(opened), closing(SqliteJournal(layout.use)) as store:
            successor = opened.coordinator.state.successor
            if successor not in {None, handing_to}:
                raise handed_over(successor or "")
            yield _shop_of(opened, store)
            let_all_read(opened.coordinator, opened.parties)


def _members(layout: RunLayout, agreement: Agreement, homes: Sequence[Path]) -> Sequence[Member]:
    if homes:
        return members_of(agreement, homes, "--party")
    if (layout.path / "parties").exists():
        return resume(layout).members
    raise UsageError(
        "model-no-homes",
        f"the homes of the parties are not in {layout.path}",
        meaning="What is logged must be cosigned by the parties, and the coordinator signs for the contracts.",
        hint="Give --party HOME once for each party, the coordinator too.",
    )


def _check_money(agreement: Agreement) -> None:
    if agreement.settlement is None:
        raise RefusedError(
            "use-no-money",
            "the agreement of this run moves no money",
            meaning="There is nothing to pay with, and nobody to pay.",
            hint="Use a copy of the model: cotrain model release.",
        )


def _shop_of(run: LocalRun, store: SqliteJournal) -> Shop:
    if run.chain is None:
        raise RefusedError("use-no-money", "the agreement of this run moves no money")
    return Shop(run.lead, run.coordinator, run.chain, SystemClock(), store)
