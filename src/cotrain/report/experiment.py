"""A whole local experiment: divide a table by owner, keep test rows aside, run the protocol, compare.

All parties run in this process, each with its own home, journal, keys and view of the ledger.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cotrain.agreement.document import Agreement, PartyTerm, decode_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.numerals import code_key
from cotrain.agreement.schema import NumericTarget, Schema
from cotrain.dataset.encoding import EncodedDataset, encode_table
from cotrain.dataset.reader import TableSource, list_owners
from cotrain.errors import DataError, OutsideError
from cotrain.flow import Meter, run_in_process
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout, RunLayout
from cotrain.local import Member, approve, create_home, make_folder, open_run, register_rows
from cotrain.ports import Clock, Entropy
from cotrain.report.evaluation import Split, split_rows
from cotrain.report.request import Request, check_same, request_of
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.state import RunState

COORDINATOR = "Coordinator"

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


def prepare(
    layout: RunLayout, table: Table, wishes: Wishes, *, entropy: EntropyOf, clock: Clock, seed: int
) -> Experiment:
    """Divide the table, make the homes, draft and approve the agreement, register the rows.

    A run that was prepared before in this folder, for the same request, is taken up as it is.

    Raises:
        DataError: the table does not fit the schema, has fewer than two owners, or an owner has too few rows.
        UsageError: the folder holds a run that was made for another request.
    """
    asked = request_of(table.path, table.owner_column, table.schema, wishes, seed)
    if layout.agreement.exists():
        check_same(layout, asked)
        return resume(layout)
    splits = _split_by_owner(table, seed)
    homes = layout.homes((*splits, COORDINATOR))
    members = [Member(create_home(home, name, entropy(name)), home) for name, home in homes.items()]
    agreement = draft_agreement(
        table.schema, _terms(members), wishes, entropy=entropy(COORDINATOR), clock=clock
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
                train = np.load(home.rows(agreement.digest), allow_pickle=False)
                splits[party.name] = Split(train, np.load(_test_rows(home), allow_pickle=False))
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
) -> Outcome:
    """Run the protocol to its end, or go on from where it was interrupted.

    Raises:
        RefusedError: the run was aborted.
    """
    meter = Meter()
    sources = [entropy(member.identity.name) for member in experiment.members]
    run = open_run(
        experiment.layout, experiment.agreement, experiment.members, entropy=sources, clock=clock
    )
    opened_before = len(run.coordinator.state.opened)
    try:
        state = run_in_process(run.coordinator, run.parties, progress=progress, meter=meter)
    finally:
        run.close()
    if state.released_model is not None:
        experiment.layout.model.write_bytes(state.released_model)
    return Outcome(state, meter, len(state.opened) - opened_before)


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


def _check_names(column: str, owners: Sequence[str]) -> None:
    """Refuse names that would not tell the owners, and the coordinator, apart."""
    if "" in owners:
        reason = f"some rows name no owner in the column {column!r}"
    elif COORDINATOR in owners:
        reason = f"an owner in the column {column!r} has the coordinator's name, {COORDINATOR!r}"
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
    split = split_rows(rows, seed, stratified=not isinstance(schema.target, NumericTarget))
    if len(split.train) < schema.min_rows:
        raise DataError(
            "experiment-few-rows",
            f"owner {owner!r} has {len(rows)} rows; {len(split.train)} are left for training after "
            f"{len(split.test)} are kept aside for testing, and the schema asks for at least {schema.min_rows}",
            meaning="Too few rows would be exposed by what is learned from them.",
            hint="Leave that owner out of the table, or give it more rows.",
        )
    return split


def _terms(members: Sequence[Member]) -> list[PartyTerm]:
    return [
        PartyTerm(
            name=member.identity.name,
            did=member.identity.did,
            roles=["coordinator"] if member.identity.name == COORDINATOR else ["data_owner"],
        )
        for member in members
    ]


def _keep_rows(member: Member, agreement: Agreement, split: Split) -> None:
    schema = agreement.data_schema
    dataset = EncodedDataset(schema.digest(), schema.encoded_names, split.train)
    register_rows(member, agreement, dataset, None)
    np.save(_test_rows(member.home), split.test)


def _test_rows(home: HomeLayout) -> Path:
    return home.path / "test-rows.npy"
