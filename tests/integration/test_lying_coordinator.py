"""A coordinator that logs, signs or shows what it must not: honest readers stop, for ever, with the reason."""

import copy
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cotrain.audit.auditor import audit
from cotrain.errors import CotrainError, ForgeryError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import encode
from cotrain.records.kinds import (
    AbortBody,
    Body,
    CheckBody,
    CloseBody,
    FinishBody,
    OpenBody,
    RefusalBody,
    ResultBody,
    SurvivorsBody,
)
from cotrain.records.record import Message, blob_ref, decode_record, sign_record
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase, RunState, digest_of
from cotrain.rounds.view import View
from cotrain.rounds.witness import log_policy
from cotrain.testing.lying import LyingLog, restate
from cotrain.testing.simulation import CALM, Simulation
from cotrain.testing.world import COORDINATOR, World


def view_of(world: World) -> View:
    return View(log_policy(world.agreement))


def refused(world: World, log: LyingLog, code: str, index: int | None = None) -> None:
    """Check that an honest reader stops at entry `index` (the last) because of `code`, and never goes on."""
    view, wrong = view_of(world), len(log.history) - 1 if index is None else index
    with pytest.raises(ForgeryError) as caught:
        view.advance(log)
    assert caught.value.code == "view-bad-entry"
    assert f"entry {wrong} " in str(caught.value)
    assert isinstance(caught.value.__cause__, CotrainError)
    assert caught.value.__cause__.code == code
    assert len(view.records) == wrong
    with pytest.raises(ForgeryError):
        view.advance(log)
    assert view.follower.size == 0, "it cosigns nothing of this"


# Records of the coordinator's own: each field of each of them, in turn, another value.

OTHER = "1" * 64
LIES: list[tuple[str, dict[str, Any], str]] = [
    ("open", {"round": 1}, "rule-mismatch"),
    ("open", {"model": OTHER}, "rule-mismatch"),
    ("open", {"beacon": OTHER}, "rule-mismatch"),
    ("open", {"time": 2**40}, "rule-over-the-terms"),
    ("close", {"round": 1}, "rule-mismatch"),
    ("close", {"submissions": OTHER}, "rule-mismatch"),
    ("survivors", {"round": 1}, "rule-mismatch"),
    ("survivors", {"close": OTHER}, "rule-mismatch"),
    ("survivors", {"survivors": OTHER}, "rule-mismatch"),
    ("result", {"round": 1}, "rule-mismatch"),
    ("result", {"survivors": OTHER}, "rule-mismatch"),
    ("result", {"model": OTHER}, "rule-mismatch"),
    ("finish", {"rounds": 1}, "rule-mismatch"),
]


@pytest.mark.parametrize(("kind", "fields", "code"), LIES)
def test_a_field_that_is_not_what_everybody_computes(
    kind: str, fields: dict[str, Any], code: str, finished: Any
) -> None:
    index = finished.first(kind)
    log = finished.lie(index + 1)
    log.amend(index, **fields)
    refused(finished.world, log, code)


def test_every_field_of_every_record_of_the_coordinator_is_covered() -> None:
    bodies: set[type[Body]] = {OpenBody, CloseBody, SurvivorsBody, ResultBody, FinishBody}
    fields = {(body.KIND, name) for body in bodies for name in body.model_fields}
    covered = {(kind, name) for kind, lie, _ in LIES for name in lie}
    blobs = {("result", name) for name in RESULT_BLOBS} | {("finish", "model")}
    assert fields - covered - blobs == {("survivors", "excluded")}


RESULT_BLOBS = ["update_sum", "blinding_sum", "key_sum", "weights"]


@pytest.mark.parametrize("name", RESULT_BLOBS)
@pytest.mark.parametrize("byte", [0, -1])
def test_a_wrong_sum_or_model(name: str, byte: int, finished: Any) -> None:
    index = finished.first("result")
    log = finished.lie(index + 1)
    ref = getattr(finished.records[index].body, name)
    data = bytearray(log.blob(ref.sha256))
    data[byte] ^= 1
    log.amend(index, {name: bytes(data)})
    refused(finished.world, log, "rule-mismatch")


def test_a_wrong_released_model(finished: Any) -> None:
    index = finished.first("finish")
    log = finished.lie(index + 1)
    honest = log.blob(finished.records[index].body.model.sha256)
    log.amend(index, {"model": honest.replace(b"[", b"[1", 1)})
    refused(finished.world, log, "rule-mismatch")


def test_a_released_model_of_too_few_rounds(finished: Any) -> None:
    index = finished.first("open", 1)
    log = finished.lie(index)
    model = log.blob(finished.records[finished.first("finish")].body.model.sha256)
    log.say(FinishBody(rounds=1, model=blob_ref(model)), model)
    refused(finished.world, log, "rule-mismatch")


@pytest.mark.parametrize("excluded", [[0], [0, 1], [1, 0]])
def test_another_set_of_survivors(excluded: list[int], finished: Any) -> None:
    index = finished.first("survivors")
    log = finished.lie(index)
    submissions = [r for r in finished.records[:index] if r.kind == "submission"]
    kept = [r.digest for n, r in enumerate(submissions) if n not in excluded]
    body = finished.records[index].body.model_copy(
        update={
            "excluded": [submissions[n].author for n in excluded],
            "survivors": digest_of(kept),
        }
    )
    log.say(body)
    refused(finished.world, log, "rule-mismatch")


def test_a_submission_counted_twice(finished: Any) -> None:
    index = finished.first("submission")
    log = finished.lie(index + 1)
    log.history.append(log.history[index])
    refused(finished.world, log, "rule-counted-already")


def test_a_dropped_submission_changes_what_must_be_closed(finished: Any) -> None:
    index, close = finished.first("submission"), finished.first("close")
    log = finished.lie(close + 1)
    del log.history[index]
    refused(finished.world, log, "rule-mismatch")


def test_the_author_of_a_dropped_submission_notices(make_world: Any) -> None:
    """Before the close, a dropped message looks like a late one; the author is told, and the others go on."""
    world = make_world()
    simulation = Simulation(world, 0, CALM)
    coordinator = simulation.coordinator()
    honest, victim = coordinator.receive, world.did("Owner 2")

    def receive(message: Message) -> bool:
        dropped = (message.record.author, message.record.kind) == (victim, "submission")
        return not dropped and honest(message)

    coordinator.receive = receive  # type: ignore[method-assign]
    outcome = simulation.run()
    assert outcome.state.phase is Phase.FINISHED
    assert victim not in outcome.state.submitted
    codes = [error.code for error in simulation.party("Owner 2").refusals]
    assert codes == ["party-submission-dropped"] * 2
    assert simulation.party("Owner 1").refusals == []


@pytest.mark.parametrize("first", ["dataset", "submission", "close", "check", "release"])
def test_swapped_entries(first: str, finished: Any) -> None:
    """The first of each kind and the entry before it: the order of the protocol, or a hash, is broken."""
    log = finished.lie()
    index = finished.first(first) - 1
    log.history[index : index + 2] = log.history[index : index + 2][::-1]
    with pytest.raises(ForgeryError) as caught:
        view_of(finished.world).advance(log)
    assert caught.value.code == "view-bad-entry"


def test_the_order_of_submissions_is_fixed_by_the_close(finished: Any) -> None:
    log = finished.lie()
    index = finished.first("submission")
    log.history[index : index + 2] = log.history[index : index + 2][::-1]
    refused(finished.world, log, "rule-mismatch", finished.first("close"))


def test_rewritten_entries_do_not_carry_their_authors_signature(finished: Any) -> None:
    index = finished.first("submission")
    log = finished.lie(index + 1)
    log.history[index] = log.history[index].replace(b'"round":0', b'"round":1')
    refused(finished.world, log, "identity-bad-signature")


# Ends.

FALSE_ABORTS = [
    ("open", "expired", "rule-out-of-turn"),
    ("close", "below-quorum", "rule-mismatch"),
    ("survivors", "below-quorum", "rule-mismatch"),
    ("survivors", "releases-missing", "rule-out-of-turn"),
    ("result", "releases-missing", "rule-mismatch"),
    ("result", "sum-does-not-open", "rule-mismatch"),
    ("result", "expired", "rule-out-of-turn"),
    ("finish", "expired", "rule-mismatch"),
    ("finish", "below-quorum", "rule-mismatch"),
]


@pytest.mark.parametrize(("instead_of", "reason", "code"), FALSE_ABORTS)
def test_an_abort_with_a_false_reason(
    instead_of: str, reason: str, code: str, finished: Any
) -> None:
    index = finished.first(instead_of)
    log = finished.lie(index)
    number = 1 if instead_of == "finish" else 0
    if (instead_of, reason) == ("open", "expired"):
        number = 7  # this abort could be true: only its round is wrong
        code = "rule-mismatch"
    log.say(AbortBody(round=number, code=reason, reason="so they say"))
    refused(finished.world, log, code)


def test_a_sum_that_opens_cannot_be_called_closed_before_the_releases(finished: Any) -> None:
    """Found by this test: with too few releases, everybody believed that the sum did not open."""
    log = finished.lie(finished.first("release"))
    log.say(AbortBody(round=0, code="sum-does-not-open", reason="so they say"))
    refused(finished.world, log, "rule-mismatch")


def test_nothing_follows_the_end(finished: Any) -> None:
    for kind in ("open", "finish", "agreement"):
        log = finished.lie()
        log.history.append(log.history[finished.first(kind)])
        refused(finished.world, log, "rule-out-of-turn")


def test_a_round_after_the_agreed_number(finished: Any) -> None:
    log = finished.lie(finished.first("finish"))
    view = view_of(finished.world)
    view.advance(log)
    body = finished.records[finished.first("open", 1)].body
    model = finished.records[finished.first("result", 1)].body.model
    log.say(body.model_copy(update={"round": 2, "model": model, "beacon": view.state.beacon}))
    refused(finished.world, log, "rule-over-the-terms")


def test_a_round_opened_at_or_after_the_expiry(finished: Any) -> None:
    index, expires = finished.first("open"), finished.world.agreement.expires
    log = finished.lie(index + 1)
    log.amend(index, time=expires)
    refused(finished.world, log, "rule-over-the-terms")
    log.amend(index, time=expires - 1)
    view_of(finished.world).advance(log)


def test_time_does_not_run_backwards(finished: Any) -> None:
    index = finished.first("open", 1)
    log = finished.lie(index + 1)
    log.amend(index, time=finished.records[index].body.time - 1)
    refused(finished.world, log, "rule-over-the-terms")


# Refusals.


def refusal(log: LyingLog, author: str, kind: str, evidence: bytes) -> None:
    body = RefusalBody(
        author=author, refused=kind, code="conflict", reason="", evidence=blob_ref(evidence)
    )
    log.say(body, evidence)


def test_a_refusal_needs_what_its_author_signed(finished: Any) -> None:
    world, index = finished.world, finished.first("close")
    liar, victim = world.did("Owner 1"), world.did("Owner 2")
    signed = next(r for r in finished.records if r.author == liar and r.kind == "submission")
    for author, kind, evidence, code in [
        (victim, "submission", signed.data, "rule-mismatch"),
        (liar, "check", signed.data, "rule-mismatch"),
        (liar, "submission", b"he said it", "record-not-canonical"),
        (
            victim,
            "submission",
            signed.data.replace(liar.encode(), victim.encode()),
            "identity-bad-signature",
        ),
    ]:
        log = finished.lie(index)
        refusal(log, author, kind, evidence)
        refused(world, log, code)
    log = finished.lie(index)
    refusal(log, liar, "submission", signed.data)
    view_of(world).advance(log)


@pytest.mark.parametrize("kind", ["open", "close", "survivors", "result", "finish", "agreement"])
def test_nobody_else_writes_the_coordinators_records(kind: str, finished: Any) -> None:
    index = finished.first(kind)
    log, record = finished.lie(index), finished.records[index]
    blobs = {ref.sha256: log.blob(ref.sha256) for ref in record.blobs}
    log.log(restate(finished.world.actors["Owner 1"].identity, Message(record, blobs)))
    refused(finished.world, log, "rule-not-allowed")


# Histories.


def test_a_rolled_back_log(finished: Any) -> None:
    world = finished.world
    view = view_of(world)
    view.advance(finished.lie())
    with pytest.raises(ForgeryError) as caught:
        view.advance(finished.lie(finished.ledger.size - 1))
    assert caught.value.code == "ledger-rollback"


def forked(finished: Any) -> tuple[LyingLog, LyingLog]:
    index = finished.first("open", 1)
    honest, other = finished.lie(index + 1), finished.lie(index + 1)
    other.amend(index, time=finished.records[index].body.time + 1)
    return honest, other


def test_a_fork_shown_to_one_reader(finished: Any) -> None:
    honest, other = forked(finished)
    view = view_of(finished.world)
    view.advance(honest)
    other.history.append(b"more")
    with pytest.raises(ForgeryError) as caught:
        view.advance(other)
    assert caught.value.code == "ledger-fork"


@pytest.mark.parametrize("kept", [0, 5])
def test_a_fork_or_a_rollback_after_a_restart(kept: int, make_world: Any, finished: Any) -> None:
    world = make_world()
    honest, other = forked(finished)
    party = world.party("Owner 1")
    party.read(honest)
    again = world.party("Owner 1")
    victim = other if kept == 0 else finished.lie(kept)
    with pytest.raises(ForgeryError) as caught:
        again.read(victim)
    assert caught.value.code == "ledger-fork"
    assert again.speak() == []
    assert world.party("Owner 1").read(honest) is not None


def test_two_readers_who_exchange_checkpoints_find_the_fork(finished: Any) -> None:
    honest, other = forked(finished)
    one, two = view_of(finished.world), view_of(finished.world)
    one.advance(honest)
    two.advance(other)
    with pytest.raises(ForgeryError) as caught:
        one.follower.advance([], two.follower.note or "")
    assert caught.value.code == "ledger-fork"


def test_a_lost_blob_convicts_nobody_and_the_reader_goes_on_later(finished: Any) -> None:
    log, view = finished.lie(), view_of(finished.world)
    index = finished.first("submission")
    name = finished.records[index].body.ciphertext.sha256
    kept = log.blobs[name]
    log.blobs[name] = b"damaged on the way"
    with pytest.raises(ForgeryError) as caught:
        view.advance(log)
    assert caught.value.code == "view-bad-blob"
    log.blobs[name] = kept
    assert view.advance(log)
    assert view.state.phase is Phase.FINISHED
    assert len(view.records) == finished.ledger.size


def test_a_party_that_saw_a_wrong_entry_never_reads_past_it(make_world: Any, finished: Any) -> None:
    """Found by this test: the second read went on behind the wrong entry."""
    index = finished.first("close")
    log = finished.lie()
    log.amend(index, submissions=OTHER)
    party = make_world().party("Owner 1")
    for _ in range(3):
        with pytest.raises(ForgeryError):
            party.read(log)
    assert len(party.view.records) == index


# One set of survivors a round.


def test_no_two_sets_of_survivors_are_ever_released(make_world: Any) -> None:
    """Whatever honest holders are shown which of two forks, with f_h colluders in both: never t for both.

    The forks differ in one submission, so two opened sums would show that owner's update alone.
    """
    world = make_world()
    quorum = world.agreement.quorum
    assert (quorum.threshold, quorum.holders, quorum.holder_colluders) == (3, 4, 1)
    snapshot = run_to_close(world, world.coordinator())
    honest = world.owners[1:]
    for shown in product([0, 1], repeat=len(honest)):
        forks = [close_without(world, snapshot, victim) for victim in (None, "Owner 4")]
        counts = [quorum.holder_colluders] * 2
        for said in ("check", "release"):
            for name, place in zip(honest, shown, strict=True):
                told = speak_in(world, name, forks[place], said)
                assert not speak_in(world, name, forks[1 - place], said), (
                    "it is pinned to the first"
                )
                for message in told:
                    forks[place].log(message)
                counts[place] += said == "release" and bool(told)
            for fork in forks:
                fix_survivors(world, fork)
        assert min(counts) < quorum.threshold
        # A fork opens only if enough honest holders were shown it: here, all four or three of four.
        assert max(counts) == (max(shown.count(0), shown.count(1)) + 1 if opens(shown) else 1)
        for name in honest:
            restore(world, name)


def opens(shown: tuple[int, ...]) -> bool:
    """Return whether one fork got the checks of the threshold: two honest holders and the colluder."""
    return max(shown.count(0), shown.count(1)) >= 2


def run_to_close(world: World, coordinator: Any) -> LyingLog:
    parties = world.parties()
    coordinator.tick()
    while coordinator.state.phase is not Phase.SUBMITTING:
        exchange(coordinator, parties)
        coordinator.tick()
    exchange(coordinator, parties)
    coordinator._write(coordinator._pending_of("submission"))
    for name, actor in world.actors.items():
        JOURNALS[name] = copy.deepcopy(actor.journal._values)  # type: ignore[attr-defined]
    identity = world.actors[COORDINATOR].identity
    with Ledger.open(world.path) as ledger:
        return LyingLog.after(ledger, identity, world.agreement, ledger.size)


JOURNALS: dict[str, dict[str, bytes]] = {}


def restore(world: World, name: str) -> None:
    world.actors[name].journal._values = copy.deepcopy(JOURNALS[name])  # type: ignore[attr-defined]
    world.actors[name].journal.delete("follower")  # it had read up to the opening only


def exchange(coordinator: Any, parties: list[Party]) -> None:
    for party in parties:
        party.read(coordinator)
    for party in parties:
        for message in party.speak():
            coordinator.receive(message)


def close_without(world: World, log: LyingLog, victim: str | None) -> LyingLog:
    """Close round 0 without one submission, and let the colluder check its shares."""
    fork = log.fork()
    if victim is not None:
        fork.history = [
            entry for entry in fork.history if not submitted_by(world.did(victim), entry)
        ]
    close = fork.say(CloseBody(round=0, submissions=digests_in(fork))).digest
    say_check(world, "Owner 1", fork, close)
    return fork


def submitted_by(did: str, entry: bytes) -> bool:
    record = decode_record(entry, verify_signature)
    return record.kind == "submission" and record.author == did


def digests_in(log: LyingLog) -> str:
    records = [decode_record(entry, verify_signature) for entry in log.history]
    return digest_of([record.digest for record in records if record.kind == "submission"])


def say_check(world: World, name: str, log: LyingLog, close: str) -> None:
    body = CheckBody(round=0, close=close, complaints=[])
    identity = world.actors[name].identity
    log.log(Message(sign_record(identity, world.agreement.digest, body)))


def fix_survivors(world: World, fork: LyingLog) -> None:
    """Fix the survivors as soon as the rules allow it; before that nobody believes it."""
    state = view_of(world)
    state.advance(fork)
    current = state.state.current
    if state.state.phase is Phase.CHECKING and len(current.checks) >= current.threshold:
        fork.say(
            SurvivorsBody(
                round=0, close=current.close or "", excluded=[], survivors=digests_in(fork)
            )
        )


def speak_in(world: World, name: str, fork: LyingLog, kind: str) -> list[Message]:
    """Return what an honest holder says of one kind when it is shown a fork, started anew."""
    party = world.party(name)
    try:
        party.read(fork)
    except ForgeryError:
        return []
    return [message for message in party.speak() if message.record.kind == kind]


def view_state(world: World, log: LyingLog) -> RunState:
    view = view_of(world)
    view.advance(log)
    return view.state


def test_a_release_for_a_second_set_is_the_first_again(make_world: Any) -> None:
    """Even without its memory of the ledger, the journal lets a holder say one release a round."""
    world = make_world()
    snapshot = run_to_close(world, world.coordinator())
    said = []
    for victim in (None, "Owner 4"):
        fork = close_without(world, snapshot, victim)
        current = view_state(world, fork).current
        for name in world.owners[1:3]:  # the word of more colluders than are tolerated
            say_check(world, name, fork, current.close or "")
        fix_survivors(world, fork)
        world.actors["Owner 2"].journal.delete("follower")
        party = world.party("Owner 2")
        party.read(fork)
        said += [m.record for m in party.speak() if m.record.kind == "release"]
    assert said[0].data == said[1].data


# The strongest attacker: the coordinator's key, a recomputed tree, and accomplices who cosign unread.

EDITS: dict[str, dict[str, Any]] = {
    "open": {"beacon": OTHER},
    "close": {"submissions": OTHER},
    "survivors": {"survivors": OTHER},
    "result": {"model": OTHER},
    "finish": {"rounds": 3},
}


def audit_convicts(log: LyingLog, world: World, folder: Path, index: int) -> None:
    accomplices = [world.actors[name].identity for name in world.owners]
    with log.save(folder / "ledger.db", accomplices) as ledger:
        verify_all(ledger)  # the file itself is in order
        with pytest.raises(ForgeryError) as caught:
            audit(ledger)
    assert caught.value.code == "audit-wrong-entry"
    assert f"entry {index} " in str(caught.value)


@pytest.mark.parametrize("kind", list(EDITS))
def test_the_audit_names_the_coordinators_edit(kind: str, finished: Any, tmp_path: Path) -> None:
    index = finished.first(kind)
    log = finished.lie()
    log.amend(index, **EDITS[kind])
    audit_convicts(log, finished.world, tmp_path, index)


@pytest.mark.parametrize("kind", ["signature", "dataset", "submission", "check", "release"])
def test_the_audit_names_an_edited_record_of_a_party(
    kind: str, finished: Any, tmp_path: Path
) -> None:
    """The coordinator cannot sign for a party, whatever else it recomputes."""
    index = finished.first(kind)
    log = finished.lie()
    value = json.loads(log.history[index])
    name = {
        "signature": "sealing_key",
        "dataset": "coin",
        "submission": "opening",
        "check": "close",
    }
    value["body"][name.get(kind, "survivors")] = OTHER
    log.history[index] = encode(value)
    audit_convicts(log, finished.world, tmp_path, index)


@pytest.mark.parametrize("accomplices", [0, 1, 3])
def test_an_audit_asks_for_more_cosigners_than_may_collude(
    accomplices: int, finished: Any, tmp_path: Any
) -> None:
    identities = [finished.world.actors[name].identity for name in finished.world.owners]
    with finished.lie().save(tmp_path / "ledger.db", identities[:accomplices]) as ledger:
        if accomplices == 3:
            assert len(audit(ledger).cosigners) == 3
            return
        with pytest.raises(ForgeryError) as caught:
            audit(ledger)
    assert caught.value.code in {"ledger-too-few-cosignatures", "audit-too-few-cosignatures"}


def test_a_ledger_signed_by_another_key(finished: Any, tmp_path: Any) -> None:
    log = finished.lie()
    log._identity = finished.world.actors["Owner 1"].identity
    with (
        pytest.raises(ForgeryError) as caught,
        log.save(tmp_path / "ledger.db", []) as ledger,
    ):
        audit(ledger)
    assert caught.value.code in {"ledger-bad-signature", "ledger-unsigned", "ledger-wrong-key"}
