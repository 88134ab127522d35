"""One record is erased in the middle of a run: proven to be the only change, and gone from what the owner keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.dataset.destruction import zero_rows
from cotrain.errors import CotrainError, OutsideError
from cotrain.flow import run_in_process
from cotrain.identity.did_key import verify_signature
from cotrain.privacy.budget import BudgetBook
from cotrain.proofs.removal import commit_rows
from cotrain.records.kinds import RemovalBody
from cotrain.records.record import Message, blob_ref, decode_record, sign_record
from cotrain.rounds.owned import KeptCopy, OwnedData
from cotrain.rounds.party import Party
from cotrain.rounds.removal_rules import layout_of, without_row
from cotrain.rounds.removals import ask_removal
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.rounds.submission import train
from cotrain.testing.lying import Liar
from cotrain.testing.simulation import STORM, Simulation
from cotrain.testing.world import FINGERPRINT, World, build_world

ROUNDS = 3
ROW = 4


def removal_world(folder: Path, assurance: Any = "proven", **more: Any) -> World:
    wishes = Wishes("Removal", rounds=ROUNDS, epsilon=None, colluders=1, survivors=3)
    return build_world(folder, wishes=wishes, assurance=assurance, **more)


def ask(world: World, name: str, *rows: int) -> None:
    for row in rows:
        ask_removal(world.actors[name].journal, world.agreement.digest, row)


def asking_after_a_round(world: World, name: str, *rows: int) -> Callable[[RunState], None]:
    def watch(state: RunState) -> None:
        if len(state.opened) == 1:
            ask(world, name, *rows)

    return watch


def open_sum(world: World, state: RunState, number: int, gone: dict[str, list[int]]) -> np.ndarray:
    """Return what a round's sum is when some rows of some owners are zero."""
    total = np.zeros(state.derived.dimension, dtype=np.int64)
    for name in world.owners:
        rows = world.actors[name].rows
        assert rows is not None
        left = rows.copy()
        left[gone.get(name, [])] = 0
        total += train(state.derived, left, state.weights[number])
    return total


def opened_sums(world: World) -> list[np.ndarray]:
    with world.ledger() as ledger:
        records = [decode_record(e, verify_signature) for e in ledger.entries(0, ledger.size)]
        results: list[Any] = [record.body for record in records if record.kind == "result"]
        blobs = [ledger.blob(bytes.fromhex(body.update_sum.sha256)) for body in results]
    return [np.frombuffer(blob, dtype="<i8") for blob in blobs]


def test_later_rounds_are_trained_without_the_row_and_proven_so(tmp_path: Path) -> None:
    world = removal_world(tmp_path)
    owner = world.owners[0]
    watch = asking_after_a_round(world, owner, ROW, 7)
    with world.ledger() as ledger:
        state = run_in_process(world.coordinator(ledger), world.parties(), progress=watch)
        report = audit(ledger)
    assert state.removed == {world.did(owner): [ROW, 7]}
    assert state.phase is Phase.FINISHED
    assert report.proofs.complete
    assert report.proofs.verified["removal"] == 2
    assert [found.proven_removals for found in report.owners] == [2, 0, 0, 0]
    assert [found.removed for found in report.owners] == [(ROW, 7), (), (), ()]
    gone: list[dict[str, list[int]]] = [{}, {}, {owner: [ROW, 7]}]
    for number, found in enumerate(opened_sums(world)):
        assert (found == open_sum(world, state, number, gone[number])).all()


class Swapper(Liar):
    """It puts another row in the place of the one that it says it removes."""

    lies_in = "removal"

    def twist(self, message: Message) -> list[Message]:
        state, body = self.view.state, message.record.body
        assert isinstance(body, RemovalBody)
        assert self._data is not None
        layout = layout_of(state, self.did)
        start, stop = layout.rows_of(layout.place_of(body.row)[0])
        rows = self._data.rows[start:stop].copy()
        rows[body.row] = rows[0]
        after = commit_rows(layout, rows, bytes([1]) + bytes(31))
        _, root = without_row(state, self.did, body.row, after)
        return self._restate(message, point=after.hex(), root=root)


@pytest.mark.slow
def test_a_row_cannot_be_swapped_for_another(tmp_path: Path) -> None:
    world = removal_world(tmp_path)
    cheat = world.owners[0]
    world.actors[cheat].make = Swapper
    watch = asking_after_a_round(world, cheat, ROW)
    state = run_in_process(world.coordinator(), world.parties(), progress=watch)
    assert state.removed == {}
    assert (world.did(cheat), "removal", "proof-false") in state.refusals


class Stage:
    """A run between its first and second round."""

    def __init__(self, world: World) -> None:
        self.world, self.coordinator = world, world.coordinator()
        self.parties = world.parties()
        while not (self.state.phase is Phase.BETWEEN and len(self.state.opened) == 1):
            if not self.coordinator.tick():
                for party in self.parties:
                    party.read(self.coordinator)
                    for message in party.speak():
                        self.coordinator.receive(message)

    @property
    def state(self) -> RunState:
        return self.coordinator.state

    def removal(self, name: str, row: int) -> Message:
        ask(self.world, name, row)
        party = self.party(name)
        party.read(self.coordinator)
        return next(said for said in party.speak() if said.record.kind == "removal")

    def party(self, name: str) -> Party:
        return next(p for p in self.parties if p.did == self.world.did(name))

    def code(self, name: str, body: Any, blobs: dict[str, bytes]) -> str:
        record = sign_record(self.world.actors[name].identity, self.world.agreement.digest, body)
        with pytest.raises(CotrainError) as caught:
            check_record(self.state, record, lambda ref: blobs[ref.sha256])
        return caught.value.code


def test_what_is_no_removal(tmp_path: Path) -> None:
    stage = Stage(removal_world(tmp_path))
    first, second = stage.world.owners[:2]
    said = stage.removal(first, ROW)
    body, blobs = said.record.body, dict(said.blobs)
    assert isinstance(body, RemovalBody)
    assert stage.code(second, body, blobs) == "rule-mismatch"
    assert stage.code(first, body.model_copy(update={"row": 5}), blobs) == "proof-false"
    beyond = body.model_copy(update={"row": stage.state.datasets[stage.world.did(first)].rows})
    assert stage.code(first, beyond, blobs) == "rule-mismatch"
    assert stage.code(first, body.model_copy(update={"root": "0" * 64}), blobs) == "rule-mismatch"
    assert stage.code(first, body.model_copy(update={"proof": None}), blobs) == "rule-mismatch"
    assert stage.code("Coordinator", body, blobs) == "rule-not-allowed"
    no_point = body.model_copy(update={"point": "ff" * 32})
    assert stage.code(first, no_point, blobs) == "commitment-bad-point"
    longer = blobs[body.proof.sha256] + b"\0" if body.proof else b""
    named = body.model_copy(update={"proof": blob_ref(longer)})
    assert stage.code(first, named, {blob_ref(longer).sha256: longer}) == "rule-mismatch"
    stage.coordinator.receive(said)
    stage.coordinator.tick()
    assert stage.state.removing == {stage.world.did(first): [ROW]}
    assert stage.code(first, body, blobs) == "rule-counted-already"


@pytest.mark.slow
def test_a_row_that_goes_in_a_round_is_out_of_the_next(tmp_path: Path) -> None:
    stage = Stage(removal_world(tmp_path))
    owner = stage.world.did(stage.world.owners[0])
    stage.coordinator.tick()
    assert stage.state.phase is Phase.SUBMITTING
    before = stage.state.datasets[owner].root
    stage.coordinator.receive(stage.removal(stage.world.owners[0], ROW))
    stage.coordinator.tick()
    assert stage.state.removing == {owner: [ROW]}
    assert stage.state.datasets[owner].root == before
    run_in_process(stage.coordinator, stage.parties)
    assert stage.state.removed == {owner: [ROW]}
    assert stage.state.datasets[owner].root != before
    gone: list[dict[str, list[int]]] = [{}, {}, {stage.world.owners[0]: [ROW]}]
    for number, found in enumerate(opened_sums(stage.world)):
        assert (found == open_sum(stage.world, stage.state, number, gone[number])).all()


def test_the_agreed_number_of_rows_remains(tmp_path: Path) -> None:
    world = removal_world(tmp_path, assurance="recorded")
    owner, least = world.owners[0], world.agreement.data_schema.min_rows
    rows = world.actors[owner].rows
    assert rows is not None
    ask(world, owner, *range(len(rows)))
    parties = world.parties()
    state = run_in_process(world.coordinator(), parties)
    assert len(state.removed[world.did(owner)]) == len(rows) - least
    assert [refusal.code for refusal in parties[0].refusals] == ["party-too-few-rows"]
    assert state.phase is Phase.FINISHED


def test_everybody_refuses_one_row_too_few_and_rows_of_who_withdrew(tmp_path: Path) -> None:
    stage = Stage(removal_world(tmp_path, assurance="recorded"))
    name, owner = stage.world.owners[0], stage.world.did(stage.world.owners[0])
    said = stage.removal(name, ROW)
    least = stage.world.agreement.data_schema.min_rows
    rows = [row for row in range(stage.state.datasets[owner].rows) if row != ROW]
    stage.state.removing[owner] = rows[: len(rows) + 1 - least]
    assert stage.code(name, said.record.body, dict(said.blobs)) == "rule-over-the-terms"
    stage.state.removing = {}
    stage.state.revoked.append(owner)
    assert stage.code(name, said.record.body, dict(said.blobs)) == "rule-not-allowed"


def test_the_row_is_gone_from_the_kept_copy_and_the_budget_stays(tmp_path: Path) -> None:
    world = removal_world(tmp_path, assurance="recorded")
    owner = world.owners[0]
    rows, path = world.actors[owner].rows, tmp_path / "rows.npy"
    assert rows is not None
    np.save(path, rows)
    secret = rows[ROW].tobytes()
    assert secret in path.read_bytes()
    book = BudgetBook.open(tmp_path / "budget")
    book.set_limit(FINGERPRINT, 5.0, 1e-5)
    seen: list[bytes] = []

    def zero(gone: Any) -> None:
        zero_rows(path, gone)
        seen.append(path.read_bytes())

    copy = KeptCopy(lambda: None, zero, lambda left: f"{FINGERPRINT}-{int(left.any(axis=1).sum())}")
    parties = world.parties()
    parties[0]._data = OwnedData(rows.copy(), FINGERPRINT, book, copy)
    watch = asking_after_a_round(world, owner, ROW)
    run_in_process(world.coordinator(), parties, progress=watch)
    assert len(seen) == 1
    assert secret not in seen[0]
    assert (np.load(path)[ROW] == 0).all()
    assert (np.delete(np.load(path), ROW, 0) == np.delete(rows, ROW, 0)).all()
    name = f"{FINGERPRINT}-{len(rows) - 1}"
    assert book.datasets() == [FINGERPRINT]
    assert book.has_limit(name)
    assert book.balance(name).epsilon_limit == 5.0
    book.close()


def test_rows_that_cannot_be_overwritten_stop_the_agent(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="cannot be erased"):
        zero_rows(tmp_path / "none.npy", [0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_rows_go_in_any_storm(tmp_path: Path, seed: int) -> None:
    world = removal_world(tmp_path)
    owner = world.owners[1]
    ask(world, owner, 2, 5)
    storm = Simulation(world, seed, STORM).run()
    assert storm.crashes > 0
    assert storm.state.phase is Phase.FINISHED
    assert storm.state.removed[world.did(owner)] == [2, 5]
