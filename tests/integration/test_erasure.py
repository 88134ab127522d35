"""Erasure: what an owner kept for a run is gone when the run is over or it withdrew, and it says so on the ledger."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cotrain.agreement.draft import Wishes
from cotrain.dataset.destruction import destroy_file
from cotrain.errors import CotrainError, OutsideError, RefusedError
from cotrain.flow import run_in_process
from cotrain.records.kinds import BlobRef, ErasureBody
from cotrain.records.record import Record, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.erasure_rules import ROWS, SECRETS
from cotrain.rounds.journal import SqliteJournal
from cotrain.rounds.owned import KeptCopy
from cotrain.rounds.party import Party
from cotrain.rounds.rules import check_record
from cotrain.rounds.state import Phase, RunState
from cotrain.testing.determinism import SeededEntropy
from cotrain.testing.world import COORDINATOR, FINGERPRINT, World

NOISY = Wishes("Erasure", rounds=3, epsilon="8", colluders=1, survivors=3)
WorldMaker = Callable[..., World]


def kept(world: World, name: str) -> dict[str, bytes]:
    """Return what a party's journal in memory holds."""
    return dict(world.actors[name].journal._values)  # type: ignore[attr-defined]


def carry(world: World, coordinator: Coordinator, parties: list[Party], until: Phase) -> None:
    """Carry messages until the run waits in a phase."""
    del world
    while coordinator.state.phase is not until:
        coordinator.tick()
        for party in parties:
            party.read(coordinator)
            for message in party.speak():
                coordinator.receive(message)


def erasable(world: World, name: str, erased: list[str]) -> Party:
    """Build a party whose rows can be erased."""
    party = world.party(name)
    assert party._data is not None
    copy = KeptCopy(lambda: erased.append(name), lambda _: None, lambda _: FINGERPRINT)
    party._data = replace(party._data, copy=copy)
    return party


def test_every_owner_certifies_and_keeps_no_secret(make_world: WorldMaker) -> None:
    world, seen = make_world(wishes=NOISY), {}

    def watch(state: RunState) -> None:
        del state
        for name in world.owners:
            secret = {"secrets/", "run-secrets/", "dataset-seed", "words"}
            run = f"{world.agreement.digest}/"
            for key, value in kept(world, name).items():
                if any(key.startswith(run + part) for part in secret):
                    seen[key, value] = name

    state = run_in_process(world.coordinator(), world.parties(), progress=watch)
    kinds = {key.split("/")[1] for key, _ in seen}
    assert kinds == {"secrets", "run-secrets", "dataset-seed", "words"}, (
        "all of them were there once"
    )
    for name in world.owners:
        erasure = state.erased[world.did(name)]
        assert (erasure.reason, erasure.rows) == ("settled", False)
        left = kept(world, name)
        for (_, value), owner in seen.items():
            if owner == name and value:
                assert not any(value in data for data in left.values())
        run = world.agreement.digest
        public = (f"approved/{run}", "follower", f"{run}/erasing", f"{run}/sent/")
        assert all(key.startswith(public) for key in left)
    assert set(state.erased) == {world.did(name) for name in world.owners}


def test_rows_go_before_the_certificate_says_so(make_world: WorldMaker) -> None:
    world, erased = make_world(wishes=NOISY), list[str]()
    parties = [
        erasable(world, name, erased) if name in world.owners else world.party(name)
        for name in world.actors
    ]
    state = run_in_process(world.coordinator(), parties)
    assert sorted(erased) == sorted(world.owners)
    assert all(erasure.rows for erasure in state.erased.values())


def test_rows_that_cannot_be_erased_are_not_certified(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)

    def fail() -> None:
        raise OutsideError("rows-not-erased", "the disk is read-only")

    parties = world.parties()
    assert parties[0]._data is not None
    copy = KeptCopy(fail, lambda _: None, lambda _: FINGERPRINT)
    parties[0]._data = replace(parties[0]._data, copy=copy)
    with world.ledger() as ledger:
        with pytest.raises(OutsideError, match="read-only"):
            run_in_process(world.coordinator(ledger), parties)
        coordinator = world.coordinator(ledger)
        assert coordinator.state.phase is Phase.FINISHED
        assert world.did(world.owners[0]) not in coordinator.state.erased
        state = run_in_process(coordinator, world.parties())  # the disk is mended
    assert set(state.erased) == {world.did(name) for name in world.owners}


def test_an_owner_that_withdraws_erases_after_its_round_and_the_others_go_on(
    make_world: WorldMaker,
) -> None:
    world = make_world(wishes=NOISY)
    leaver, erased = world.owners[0], list[str]()
    did = world.did(leaver)
    parties = [
        erasable(world, name, erased) if name == leaver else world.party(name)
        for name in world.actors
    ]
    coordinator = world.coordinator()
    carry(world, coordinator, parties, Phase.CHECKING)
    parties[0].revoke(world.agreement.digest, "consent withdrawn")
    carry(world, coordinator, parties, Phase.RELEASING)
    assert did in coordinator.state.revoked
    assert did in coordinator.state.current.owners
    assert (erased, did in coordinator.state.erased) == ([], False), "the round still needs it"
    state = run_in_process(coordinator, parties)
    assert erased == [leaver]
    assert state.erased[did].reason == "withdrawn"
    assert [len(survivors) for _, survivors in state.opened] == [4, 3, 3]
    mine = [key for key in kept(world, leaver) if "/sent/erasure/" in key]
    assert len(mine) == 1


def test_an_aborted_run_is_erased_too(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    coordinator, parties = world.coordinator(), world.parties()
    carry(world, coordinator, parties, Phase.SUBMITTING)
    for name in world.owners[:2]:
        world.party(name).revoke(world.agreement.digest, "no more")
    with pytest.raises(RefusedError):
        run_in_process(coordinator, parties)
    reasons = {name: coordinator.state.erased[world.did(name)].reason for name in world.owners}
    assert reasons == dict(
        zip(world.owners, ("withdrawn", "withdrawn", "aborted", "aborted"), strict=True)
    )


def test_who_did_not_consent_says_nothing(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    coordinator, parties = world.coordinator(), world.parties()
    silent = world.owners[1]
    world.actors[silent].journal.delete("approved/")
    with pytest.raises(RefusedError, match="signed in time"):
        run_in_process(coordinator, parties)
    assert world.did(silent) not in coordinator.state.erased
    assert len(coordinator.state.erased) == len(world.owners) - 1


def certificate(world: World, name: str, **changes: object) -> Record:
    """Return a certificate of the end of a run, with changes."""
    identity = world.actors[name].identity
    values: dict[str, object] = {
        "dataset": None,
        "reason": "settled",
        "destroyed": [*SECRETS],
        "time": 1,
        **changes,
    }
    return sign_record(identity, world.agreement.digest, ErasureBody(**values))  # type: ignore[arg-type]


def nothing(ref: BlobRef) -> bytes:
    """A certificate has no blobs."""
    raise AssertionError(ref)


def code_of(state: RunState, record: Record) -> str:
    """Return with which code a record is turned away."""
    with pytest.raises(CotrainError) as caught:
        check_record(state, record, nothing)
    return caught.value.code


def test_certificates_that_say_something_else_are_refused(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    coordinator, parties = world.coordinator(), world.parties()
    carry(world, coordinator, parties, Phase.SUBMITTING)
    name = world.owners[0]
    root = coordinator.state.datasets[world.did(name)].root
    early = certificate(world, name, dataset=root)
    assert code_of(coordinator.state, early) == "rule-out-of-turn"
    state = run_in_process(coordinator, parties)
    assert code_of(state, early) == "rule-counted-already"
    assert code_of(state, certificate(world, COORDINATOR)) == "rule-not-allowed"
    del state.erased[world.did(name)]
    check_record(state, early, nothing)
    wrong: tuple[dict[str, object], ...] = (
        {"dataset": None},
        {"dataset": "0" * 64},
        {"reason": "withdrawn"},
        {"reason": "aborted"},
        {"destroyed": []},
        {"destroyed": [*SECRETS[1:]]},
        {"destroyed": [*SECRETS, ROWS]},
        {"destroyed": [ROWS, *SECRETS, ROWS]},
        {"destroyed": [ROWS, *SECRETS[::-1]]},
    )
    for changes in wrong:
        record = certificate(world, name, **{"dataset": root, **changes})
        assert code_of(state, record) == "rule-mismatch", changes


def test_a_destroyed_file_is_overwritten_first(tmp_path: Path) -> None:
    path, other_name = tmp_path / "rows.npy", tmp_path / "same-blocks"
    path.write_bytes(b"secret" * 500_000)
    os.link(path, other_name)
    destroy_file(path)
    assert not path.exists()
    assert other_name.read_bytes() == bytes(3_000_000)
    destroy_file(path)  # nothing to do


def test_a_file_that_cannot_be_destroyed_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.npy").mkdir()
    with pytest.raises(OutsideError) as caught:
        destroy_file(tmp_path / "rows.npy")
    assert caught.value.code == "rows-not-erased"


def test_no_byte_of_a_destroyed_secret_is_left_in_the_journal_file(tmp_path: Path) -> None:
    path, secret = tmp_path / "journal.db", SeededEntropy("erasure").draw("seed", 32)
    journal = SqliteJournal(path)
    journal.put("run/dataset-seed", secret)
    journal.put("run/sent/signature", b"public")
    found = [file for file in tmp_path.iterdir() if secret in file.read_bytes()]
    assert found, "it was on the disk"
    journal.delete("run/dataset-")
    assert not [file for file in tmp_path.iterdir() if secret in file.read_bytes()]
    journal.close()
