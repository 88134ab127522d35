"""A whole local experiment: divide a table by owner, keep test rows aside, run the protocol, compare.

All parties run in this process, each with its own home, journal, keys and view of the ledger.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cotrain.agreement.document import Agreement, PartyTerm, Role, decode_agreement
from cotrain.agreement.draft import Wishes, colluders_of, draft_agreement
from cotrain.agreement.numerals import code_key
from cotrain.agreement.schema import NumericTarget, Schema
from cotrain.dataset.encoding import EncodedDataset, encode_table
from cotrain.dataset.reader import TableSource, list_owners
from cotrain.errors import DataError, OutsideError
from cotrain.flow import Meter, let_all_read, run_in_process
from cotrain.identity.keys import Identity, load_identity
from cotrain.layout import HomeLayout, RunLayout
from cotrain.local import (
    LocalRun,
    Member,
    approve,
    create_home,
    make_folder,
    open_run,
    register_rows,
)
from cotrain.ports import Clock, Entropy
from cotrain.report.evaluation import Rows, Split, split_rows
from cotrain.report.request import Request, check_same, request_of
from cotrain.rounds.journal import SqliteJournal
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RunState
from cotrain.serving.session import Shop, ask_queries, open_deposit, settle_use
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes, draft_pool, draft_settlement

COORDINATOR = "Coordinator"
DEMANDER = "Demander"
DEVELOPER = "Developer"
BUYER = "Buyer"

PUBLIC_SHARE = 0.1
"""Of each owner's training rows: what is made public where contributions are judged."""

EntropyOf = Callable[[str], Entropy]


@dataclass(frozen=True)
class Table:
    """A table with rows of several owners.

    Attributes:
        path: CSV or Parquet file.
        owner_column: Column that names the owner of each row.
        schema: What the table must satisfy.
    """

    path: Path
    owner_column: str
    schema: Schema


@dataclass(frozen=True)
class Experiment:
    """A prepared local run.

    Attributes:
        layout: Where it lies.
        agreement: What the parties will sign.
        members: All parties in the agreement's order, the coordinator last.
        splits: Each owner's training and test rows, by name; empty when the homes are real ones, whose test rows
            nobody else may see.
    """

    layout: RunLayout
    agreement: Agreement
    members: Sequence[Member] = field(repr=False)
    splits: dict[str, Split] = field(repr=False)

    def plan(self) -> RunPlan:
        """Return what follows from the agreement."""
        return RunPlan.derive(self.agreement)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: Its final state.
        meter: Times of this process, not of earlier ones that were interrupted.
        timed_rounds: Rounds that this process opened.
    """

    state: RunState
    meter: Meter
    timed_rounds: int


def prepare(  # noqa: PLR0913 - one for each thing that is asked for
    layout: RunLayout,
    table: Table,
    wishes: Wishes,
    *,
    entropy: EntropyOf,
    clock: Clock,
    seed: int,
    money: MoneyWishes | None = None,
    pool: int = 0,
) -> Experiment:
    """Divide the table, make the homes, draft and approve the agreement, register the rows.

    A run that was prepared before in this folder, for the same request, is taken up as it is. With `money`, a
    demander and an algorithm developer take part besides the owners and the coordinator. With `pool`, so many percent
    of the money are divided by scores, and a tenth of each owner's training rows is made public to judge by.

    Raises:
        DataError: the table does not fit the schema, has fewer than two owners, or an owner has too few rows.
        UsageError: the folder holds a run that was made for another request.
    """
    asked = request_of(table.path, table.owner_column, table.schema, wishes, seed, money, pool)
    if layout.agreement.exists():
        check_same(layout, asked)
        return resume(layout)
    splits = _split_by_owner(table, seed)
    if money is not None and pool:
        splits, public = _set_aside_public_rows(table.schema, splits, seed)
        money = replace(money, contribution=draft_pool(pool, public, wishes.epsilon))
    others = (COORDINATOR,) if money is None else (DEMANDER, DEVELOPER, COORDINATOR)
    homes = layout.homes((*splits, *others))
    members = [Member(create_home(home, name, entropy(name)), home) for name, home in homes.items()]
    parties = _terms(members, paid=money is not None)
    agreement = draft_agreement(
        table.schema,
        parties,
        wishes,
        entropy=entropy(COORDINATOR),
        clock=clock,
        settlement=_settlement(parties, wishes, money),
    )
    RunPlan.derive(agreement)
    for member in members:
        approve(member, agreement)
        if member.identity.name in splits:
            _keep_rows(member, agreement, splits[member.identity.name])
    _keep_prepared(layout, asked, agreement)
    return Experiment(layout, agreement, members, splits)


def _keep_prepared(layout: RunLayout, asked: Request, agreement: Agreement) -> None:
    """Write the request, then the agreement: when that is there, all is."""
    make_folder(layout.path)
    write_json(layout.request, asked)
    partial = layout.agreement.with_suffix(".partial")
    partial.write_bytes(agreement.data)
    partial.replace(layout.agreement)


def resume(layout: RunLayout) -> Experiment:
    """Return the experiment that was prepared in a folder.

    Raises:
        OutsideError: its files are not all there.
    """
    agreement = decode_agreement(layout.agreement.read_bytes())
    members, splits = [], {}
    try:
        homes = layout.homes(party.name for party in agreement.parties)
        for party in agreement.parties:
            home = homes[party.name]
            members.append(Member(load_identity(home.identity), home))
            if "data_owner" in party.roles:
                splits[party.name] = Split(*(np.load(path) for path in _table_files(home)))
    except (OSError, ValueError) as error:
        raise OutsideError(
            "experiment-incomplete",
            f"the run in {layout.path} cannot be taken up: {error}",
            meaning="A file that the run needs is missing or damaged.",
            hint="Remove the folder and run again, or restore it.",
        ) from error
    return Experiment(layout, agreement, members, splits)


def perform(
    experiment: Experiment,
    *,
    entropy: EntropyOf,
    clock: Clock,
    progress: Callable[[RunState], None],
    queries: int = 0,
    node: Chain | None = None,
    base: bytes | None = None,
) -> Outcome:
    """Run the protocol to its end, or go on from where it was interrupted.

    Args:
        experiment: What to run.
        entropy: One source for each party.
        clock: The clock of all.
        progress: Called with the coordinator's state after each pass.
        queries: Test rows on which a simulated buyer then pays for the model's answer, if money is moved.
        node: A node of the agreement's chain; None for a chain of the run's own.
        base: The file of the model that training begins with, if the agreement names one.

    Raises:
        RefusedError: the run was aborted.
    """
    meter = Meter()
    sources = [entropy(member.identity.name) for member in experiment.members]
    run = open_run(
        experiment.layout,
        experiment.agreement,
        experiment.members,
        entropy=sources,
        clock=clock,
        node=node,
        base=base,
    )
    opened_before = len(run.coordinator.state.opened)
    try:
        state = run_in_process(run.coordinator, run.parties, progress=progress, meter=meter)
        if queries and run.chain is not None:
            _use(experiment, run, run.chain, clock, entropy(BUYER), queries)
    finally:
        run.close()
    if state.released_model is not None:
        experiment.layout.model.write_bytes(state.released_model)
    return Outcome(state, meter, len(state.opened) - opened_before)


def ensure_buyer(layout: RunLayout, entropy: Entropy) -> Identity:
    """Return the simulated buyer of a run's model; its home is made if it is not there."""
    return create_home(layout.buyer, BUYER, entropy)


def _use(
    experiment: Experiment, run: LocalRun, chain: Chain, clock: Clock, entropy: Entropy, count: int
) -> None:
    """Let a buyer pay for answers on the first test rows of the first owner; everybody then cosigns the ledger."""
    layout, home = experiment.layout, experiment.layout.buyer
    buyer = ensure_buyer(layout, entropy)
    rows = next(iter(experiment.splits.values())).test[:count, :-1]
    with (
        closing(SqliteJournal(layout.use)) as store,
        closing(SqliteJournal(home.purchases(experiment.agreement.digest))) as purchases,
    ):
        shop = Shop(run.lead, run.coordinator, chain, clock, store)
        open_deposit(shop, buyer, len(rows) * shop.use_terms.price)
        asked = shop.server().newest_query(account_of(buyer).address)
        done = 0 if asked is None else asked.voucher.queries
        ask_queries(shop, buyer, purchases, rows[done:].tolist())
        settle_use(shop, account_of(buyer).address)
    let_all_read(run.coordinator, run.parties)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _split_by_owner(table: Table, seed: int) -> dict[str, Split]:
    owners = list_owners(table.path, table.owner_column)
    if len(owners) < 2:
        raise DataError(
            "experiment-one-owner",
            f"the column {table.owner_column!r} names {len(owners)} owner(s); two are the least",
            meaning="With one owner there is nobody to train together with.",
            hint="Choose the column that says which organisation holds a row.",
        )
    _check_names(table.owner_column, list(owners))
    return {owner: _split(table, owner, seed) for owner in owners}


def _set_aside_public_rows(
    schema: Schema, splits: dict[str, Split], seed: int
) -> tuple[dict[str, Split], Rows]:
    """Return the tables without a tenth of each owner's training rows, and these rows of all owners."""
    kept, public = {}, []
    for owner, split in splits.items():
        parts = split_rows(split.train, seed, PUBLIC_SHARE, stratified=_has_classes(schema))
        kept[owner] = Split(parts.train, split.test)
        public.append(parts.test)
        _check_rows(schema, owner, kept[owner], public=len(parts.test))
    return kept, np.concatenate(public)


def _check_names(column: str, owners: Sequence[str]) -> None:
    """Refuse names that would not tell the owners, and the coordinator, apart."""
    if "" in owners:
        reason = f"some rows name no owner in the column {column!r}"
    elif taken := {COORDINATOR, DEMANDER, DEVELOPER} & set(owners):
        reason = f"an owner in the column {column!r} has the name of another party, {min(taken)!r}"
    elif len({code_key(owner) for owner in owners}) < len(owners):
        reason = f"an owner in the column {column!r} is written in two ways, such as 1 and 1.0"
    else:
        return
    raise DataError(
        "experiment-bad-names",
        reason,
        meaning="It is not clear whose rows these are; nothing was used.",
        hint="Give every row one name of its owner, always written the same.",
    )


def _split(table: Table, owner: str, seed: int) -> Split:
    schema = table.schema
    rows = encode_table(TableSource(table.path, table.owner_column, owner), schema).rows
    split = split_rows(rows, seed, stratified=_has_classes(schema))
    _check_rows(schema, owner, split)
    return split


def _has_classes(schema: Schema) -> bool:
    return not isinstance(schema.target, NumericTarget)


def _check_rows(schema: Schema, owner: str, split: Split, *, public: int = 0) -> None:
    """Check that enough rows are left for training.

    Raises:
        DataError: there are fewer than the schema asks for.
    """
    if len(split.train) >= schema.min_rows:
        return
    judging = f" and {public} made public to judge contributions by" if public else ""
    raise DataError(
        "experiment-few-rows",
        f"owner {owner!r} has {len(split.train) + len(split.test) + public} rows; {len(split.train)} are left for "
        f"training after {len(split.test)} are kept aside for testing{judging}, and the schema asks for at least "
        f"{schema.min_rows}",
        meaning="Too few rows would be exposed by what is learned from them.",
        hint="Leave that owner out of the table, or give it more rows.",
    )


def _terms(members: Sequence[Member], *, paid: bool) -> list[PartyTerm]:
    roles: dict[str, list[Role]] = {COORDINATOR: ["coordinator"]}
    if paid:
        roles = {
            COORDINATOR: ["coordinator", "compute_provider"],
            DEMANDER: ["model_demander"],
            DEVELOPER: ["algorithm_developer"],
        }
    return [
        PartyTerm(
            name=member.identity.name,
            did=member.identity.did,
            roles=roles.get(member.identity.name, ["data_owner"]),
            account=account_of(member.identity).address if paid else None,
        )
        for member in members
    ]


def _settlement(
    parties: Sequence[PartyTerm], wishes: Wishes, money: MoneyWishes | None
) -> dict[str, object] | None:
    if money is None:
        return None
    owners = sum("data_owner" in party.roles for party in parties)
    return draft_settlement(parties, money, colluders=colluders_of(owners, wishes))


def _keep_rows(member: Member, agreement: Agreement, split: Split) -> None:
    schema = agreement.data_schema
    dataset = EncodedDataset(schema.digest(), schema.encoded_names, split.train)
    register_rows(member, agreement, dataset, None)
    for path, rows in zip(_table_files(member.home), (split.train, split.test), strict=True):
        np.save(path, rows)


def _table_files(home: HomeLayout) -> tuple[Path, Path]:
    """Return where a simulated owner's own table lies: training rows, and test rows that never enter the run.

    The agent's copy for the run is another file, which it destroys when the run ends.
    """
    return home.path / "table-train.npy", home.path / "table-test.npy"
