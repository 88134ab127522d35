"""How an owner takes single rows out of its dataset in the middle of a run.

What is asked for stands in the journal. The agent commits anew to the rows around it, proves that only this row
changed, and says so on the ledger. When the next round opens, it destroys the row in its copy and goes on without it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cotrain.commitment.pedersen import derive_blindings
from cotrain.dataset.registration import point_blinding
from cotrain.errors import RefusedError
from cotrain.ports import Store
from cotrain.proofs.removal import commit_rows
from cotrain.records.kinds import RemovalBody
from cotrain.records.record import blob_ref
from cotrain.rounds.owned import OwnedData, keep_fingerprint
from cotrain.rounds.removal_rules import (
    layout_of,
    may_remove,
    removal_claim,
    rows_gone,
    rows_left,
    without_row,
)
from cotrain.rounds.state import RunState


def ask_removal(journal: Store, run: str, row: int) -> None:
    """Ask the agent of this home to take a row (from 0) out of the run, when it next can."""
    asked = asked_rows(journal, run)
    if row not in asked:
        journal.put(_asked_key(run), json.dumps([*asked, row]).encode())


def asked_rows(journal: Store, run: str) -> list[int]:
    """Return the rows that the agent was asked to take out."""
    return [int(row) for row in json.loads(journal.get(_asked_key(run)) or b"[]")]


def due_row(journal: Store, state: RunState, owner: str) -> int | None:
    """Return the row that is to be taken out next; None if there is none, or not now."""
    if not may_remove(state, owner):
        return None
    gone = rows_gone(state, owner)
    waiting = [row for row in asked_rows(journal, state.terms.digest) if row not in gone]
    return waiting[0] if waiting else None


def check_enough(state: RunState, owner: str) -> None:
    """Check that the agreed number of rows remains when one more is taken out.

    Raises:
        RefusedError: it does not.
    """
    least = state.terms.data_schema.min_rows
    if rows_left(state, owner) <= least:
        raise RefusedError(
            "party-too-few-rows",
            f"{rows_left(state, owner)} rows are left, and the agreement asks for {least}",
            meaning="The row cannot be taken out while this owner takes part.",
            hint="Withdraw altogether: cotrain data revoke.",
        )


@dataclass(frozen=True)
class DatasetSecrets:
    """The blindings of a dataset's commitments.

    Attributes:
        seed: From which they were derived at registration.
        replaced: Commitment to its own blinding, where rows were removed since.
    """

    seed: bytes = field(repr=False)
    replaced: Mapping[int, bytes] = field(repr=False)


def replaced_blindings(
    journal: Store, state: RunState, owner: str, gone: Sequence[int]
) -> dict[int, bytes]:
    """Return the blindings of the commitments that were replaced, by their number in the dataset.

    Args:
        journal: The owner's.
        state: The ledger's state.
        owner: Whose dataset.
        gone: The rows that were taken out, in order.
    """
    found = {}
    for row in gone:
        seed = journal.get(secret_key(state.terms.digest, row))
        if seed is not None:
            found[layout_of(state, owner).place_of(row)[0]] = _blinding(seed)
    return found


def secret_key(run: str, row: int) -> str:
    """Return under which key the journal keeps the secret seed of the blinding after a removal."""
    return f"{run}/removal-secrets/{row}"


def build_removal(
    state: RunState,
    owner: str,
    row: int,
    rows: NDArray[np.int16],
    secrets: DatasetSecrets,
    fresh: tuple[bytes, bytes],
) -> tuple[RemovalBody, list[bytes]]:
    """Return what takes a row out of an owner's dataset, and its blobs.

    Args:
        state: The ledger's state, while rounds go on.
        owner: Whose row.
        row: Which, from 0.
        rows: int16, shape (n, columns): all rows; those that are taken out already count as zeros.
        secrets: Of the commitments as they will be without those.
        fresh: 32 secret bytes for the blinding, which are kept, and 32 for the proof.
    """
    layout = layout_of(state, owner)
    point, place = layout.place_of(row)
    start, stop = layout.rows_of(point)
    before = rows[start:stop].copy()
    before[[other - start for other in rows_gone(state, owner) if start <= other < stop]] = 0
    after = before.copy()
    after[place] = 0
    blinding = _blinding(fresh[0])
    committed = commit_rows(layout, after, blinding)
    _, root = without_row(state, owner, row, committed)
    proofs = []
    if state.terms.is_proven:
        old = secrets.replaced.get(point) or point_blinding(layout, secrets.seed, point)
        claim = removal_claim(state, owner, row, committed)
        proofs.append(claim.statement.prove(before, (old, blinding), fresh[1]))
    proof = blob_ref(proofs[0]) if proofs else None
    return RemovalBody(row=row, point=committed.hex(), root=root, proof=proof), proofs


def due_to_go(state: RunState, owner: str, data: OwnedData) -> list[int]:
    """Return the rows that are to be destroyed now: out of the run, and still there."""
    return [row for row in state.removed.get(owner, []) if data.rows[row].any()]


def carry_out(journal: Store, state: RunState, owner: str, data: OwnedData) -> OwnedData:
    """Destroy in the kept copy the rows that are out of the run; return what is left.

    The budget book goes on counting for what is left, as if it were the same rows.
    """
    gone = due_to_go(state, owner, data)
    rows = np.array(data.rows)
    rows[gone] = 0
    if data.copy is None:
        return replace(data, rows=rows)
    fingerprint = data.copy.fingerprint(rows)
    # In this order: a program that dies in between finds rows that the journal and the book know.
    keep_fingerprint(journal, state.terms.digest, fingerprint)
    data.budget.inherit(fingerprint, data.fingerprint)
    data.copy.zero(gone)
    return replace(data, rows=rows, fingerprint=fingerprint)


def _asked_key(run: str) -> str:
    return f"{run}/remove"


def _blinding(seed: bytes) -> bytes:
    return derive_blindings(seed, b"removal", 1)
