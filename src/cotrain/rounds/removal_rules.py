"""Rules of removal: an owner takes single rows out of its dataset from the next round on, and changes nothing else.

Spec: docs/spec/erasure.md, "A single record".
"""

from dataclasses import replace
from functools import partial

from cotrain.commitment.pedersen import check_commitments
from cotrain.dataset.registration import DatasetLayout, dataset_root
from cotrain.proofs.removal import RemovalStatement, point_of, replace_point
from cotrain.records.kinds import RemovalBody
from cotrain.records.record import Record
from cotrain.rounds.claims import RemovalClaim
from cotrain.rounds.parts import check_proof
from cotrain.rounds.refusals import (
    counted_already,
    expect,
    mismatch,
    not_allowed,
    out_of_turn,
    over_the_terms,
)
from cotrain.rounds.state import BlobSource, Change, Phase, RunState

_WHILE_ROUNDS_GO_ON = frozenset(
    {Phase.BETWEEN, Phase.SUBMITTING, Phase.CHECKING, Phase.RELEASING, Phase.ANCHORING}
)


def layout_of(state: RunState, owner: str) -> DatasetLayout:
    """Return the shape of an owner's registered dataset."""
    return DatasetLayout(state.datasets[owner].rows, state.terms.data_schema.feature_count + 1)


def removal_claim(state: RunState, owner: str, row: int, after: bytes) -> RemovalClaim:
    """Return what the proof of a removal says."""
    layout, dataset = layout_of(state, owner), state.next_dataset(owner)
    point, _ = layout.place_of(row)
    context = (
        b"cotrain/removal/1/"
        + bytes.fromhex(state.terms.digest)
        + owner.encode()
        + bytes.fromhex(dataset.root)
        + row.to_bytes(8, "little")
    )
    before = point_of(dataset.commitments, point)
    return RemovalClaim(RemovalStatement(layout, row, before, after, context))


def without_row(state: RunState, owner: str, row: int, after: bytes) -> tuple[bytes, str]:
    """Return commitments and root of an owner's dataset with the commitment of a row replaced."""
    layout, dataset = layout_of(state, owner), state.next_dataset(owner)
    commitments = replace_point(dataset.commitments, layout.place_of(row)[0], after)
    schema_hash = state.terms.data_schema.digest().hex()
    return commitments, dataset_root(layout, schema_hash, commitments)


def may_remove(state: RunState, owner: str) -> bool:
    """Return whether an owner may take rows out now: while rounds go on and it takes part."""
    active = owner in state.datasets and owner not in state.revoked
    return state.phase in _WHILE_ROUNDS_GO_ON and active


def rows_gone(state: RunState, owner: str) -> list[int]:
    """Return the rows that an owner took out, in order, those among them that are in the round under way."""
    return [*state.removed.get(owner, []), *state.removing.get(owner, [])]


def rows_left(state: RunState, owner: str) -> int:
    """Return how many rows of an owner's dataset were not removed."""
    return state.datasets[owner].rows - len(rows_gone(state, owner))


def removal_rule(state: RunState, record: Record, body: RemovalBody, blobs: BlobSource) -> Change:
    """From the next round on one row less: once, proven, and never below the least number that was agreed."""
    owner = record.author
    if state.phase not in _WHILE_ROUNDS_GO_ON:
        raise out_of_turn(record, state.phase.value)
    if not may_remove(state, owner):
        raise not_allowed(record, "an owner that takes part")
    if body.row in rows_gone(state, owner):
        raise counted_already(record)
    if body.row >= state.datasets[owner].rows:
        raise mismatch(record, "row", body.row, f"one below {state.datasets[owner].rows}")
    least = state.terms.data_schema.min_rows
    if rows_left(state, owner) <= least:
        raise over_the_terms(record, f"{least} rows must remain")
    after = bytes.fromhex(body.point)
    check_commitments(after, 1, 1)
    commitments, root = without_row(state, owner, body.row, after)
    expect(record, "the root", body.root, root)
    check_proof(
        state, record, body.proof, blobs, partial(removal_claim, state, owner, body.row, after)
    )
    registration = replace(state.datasets[owner], root=root, commitments=commitments)

    def change() -> None:
        state.next_datasets[owner] = registration
        state.removing.setdefault(owner, []).append(body.row)

    return change
