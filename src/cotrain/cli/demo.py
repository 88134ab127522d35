"""`cotrain demo`: four real hospitals train together."""

from pathlib import Path

import click

from cotrain.agreement.document import Assurance
from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import load_schema
from cotrain.cli.demo_node import chain_of_demo, connect_demo
from cotrain.cli.experiment import carry_out, sources
from cotrain.cli.options import (
    PATH,
    as_options,
    assurance_option,
    epsilon_option,
    json_option,
    price_option,
    rounds_option,
    seed_option,
    split_option,
)
from cotrain.data import heart
from cotrain.errors import UsageError
from cotrain.layout import RunLayout
from cotrain.local import hold_folder
from cotrain.report.experiment import BUYER, COORDINATOR, DEVELOPER, Table, prepare
from cotrain.settlement.draft import MoneyWishes

QUERIES = 5
"""Patients for whom a buyer pays for the model's answer at the end."""

NOTES = (
    "Real data: UCI Heart Disease (Janosi, Steinbrunn, Pfisterer, Detrano), 920 patients, CC BY 4.0.",
    (
        "Without privacy the gain is modest: with regularisation tuned for each lone hospital, alone reaches a "
        "mean AUC of 0.852, against about 0.87 together. It is large where each must protect its patients alone."
    ),
    (
        "One common intercept costs accuracy at home, because 36 to 93 percent of the patients are ill, "
        "depending on the hospital; so compare by AUC, or fit a local intercept."
    ),
    "In these data cholesterol 0 means missing; the schema says so.",
    "With large owners (13,000 rows each) the gain from training together vanishes.",
)

POOL_NOTE = (
    "A tenth of each hospital's training rows was made public to judge contributions by, and is left out of training; "
    "real parties would need rows that are public anyway. At epsilon 1 scores are mostly chance."
)


@click.command()
@click.option("--out", default="runs/demo", show_default=True, type=PATH, help="Run folder.")
@epsilon_option
@rounds_option
@assurance_option
@price_option(1000)
@click.option(
    "--pool",
    type=click.IntRange(0, 80),
    default=0,
    show_default=True,
    metavar="PERCENT",
    help="Divide this part of the price among the hospitals by what their updates contributed, judged on a tenth of "
    "their training rows, which is made public. A quarter of epsilon is for the scores: at --epsilon 1 they are "
    "mostly chance, 8 is a sensible value.",
)
@click.option(
    "--node",
    metavar="URL",
    help="Put the contracts on the node of a development chain (anvil, geth --dev), whose own account pays the fees.",
)
@split_option
@seed_option
@json_option
def demo(
    out: Path,
    epsilon: str | None,
    rounds: int,
    assurance: Assurance,
    price: int | None,
    split_seed: int,
    insecure_seed: str | None,
    *,
    pool: int,
    node: str | None,
    as_json: bool,
) -> None:
    r"""Four real hospitals train a heart-disease model together, privately, on a ledger anyone can audit.

    If the folder holds an interrupted run, that run goes on; a finished one is reported again.

    \b
    Examples:
      cotrain demo --out runs/demo
      cotrain demo --out runs/on-anvil --node http://127.0.0.1:8545
    """
    if price is None:
        _refuse_without_price(pool=pool > 0, node=node is not None)
    entropy, clock = sources(insecure_seed)
    wishes = Wishes(
        title="Heart disease, four hospitals",
        purpose="clinical-research",
        rounds=rounds,
        epsilon=epsilon,
        colluders=1,
        survivors=3,
        assurance=assurance,
    )
    table = Table(heart.TABLE_PATH, heart.OWNER_COLUMN, load_schema(heart.SCHEMA_PATH))
    layout = RunLayout(out)
    money = None if price is None else _money(price, chain_of_demo(layout, node))
    with hold_folder(layout):
        with as_options():
            experiment = prepare(
                layout,
                table,
                wishes,
                entropy=entropy,
                clock=clock,
                seed=split_seed,
                money=money,
                pool=pool,
            )
        carry_out(
            experiment,
            entropy=entropy,
            clock=clock,
            notes=(*NOTES, POOL_NOTE) if pool else NOTES,
            queries=QUERIES,
            connect=lambda: connect_demo(experiment, node, entropy(BUYER)),
            as_json=as_json,
        )


def _money(price: int, chain_id: int) -> MoneyWishes:
    return MoneyWishes(
        price=price,
        shares={DEVELOPER: 10, COORDINATOR: 10},
        stake_owner=50,
        stake_coordinator=100,
        chain_id=chain_id,
    )


def _refuse_without_price(*, pool: bool, node: bool) -> None:
    """Refuse what means nothing where no money is moved.

    Raises:
        UsageError: it was asked for.
    """
    if pool:
        raise UsageError(
            "demo-pool-no-price",
            "--pool divides a part of the price, and there is none",
            meaning="Nothing was written.",
            hint="Give --price CREDITS, or leave out --pool.",
        )
    if node:
        raise UsageError(
            "demo-node-no-price",
            "--node is where contracts move the price, and there is none",
            meaning="Without money a run has no contracts. Nothing was written.",
            hint="Give --price CREDITS, or leave out --node.",
        )
