"""A run whose pool is divided by scores: each proven, released once, counted or not; and what liars try."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotrain.agreement.contribution import ContributionTerm, write_rows
from cotrain.agreement.draft import Wishes
from cotrain.audit.auditor import audit
from cotrain.contribution.score import exact_score
from cotrain.contribution.validation import validation_gradients
from cotrain.errors import CotrainError, ForgeryError, RefusedError
from cotrain.flow import run_in_process
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import ErasureBody, ScoreBody, TallyBody
from cotrain.records.record import Message, Record, blob_ref, decode_record, sign_record
from cotrain.rounds.erasure_rules import SCORE_SECRETS, SECRETS
from cotrain.rounds.money import epsilon_spent, money_of
from cotrain.rounds.party import Party
from cotrain.rounds.removals import ask_removal
from cotrain.rounds.rules import apply_record, check_record
from cotrain.rounds.score_rules import due_parts, scoring_of
from cotrain.rounds.state import Phase, RunState, digest_of
from cotrain.rounds.submission import train
from cotrain.settlement.acts import payouts_root
from cotrain.settlement.draft import CREDIT, MoneyWishes
from cotrain.settlement.statement import ONE_MODEL, MoneyFigures
from cotrain.testing.lying import Liar
from cotrain.testing.simulation import STORM, Simulation
from cotrain.testing.world import COORDINATOR, FINGERPRINT, World, build_world, synthetic_rows

pytestmark = pytest.mark.slow

VALIDATION = synthetic_rows(7, 20)
ROUNDS = 2
POOL = 400 * CREDIT


def pool_world(folder: Path, *, noisy: bool = False, floor: int = 20, **more: Any) -> World:
    epsilon = "8" if noisy else None
    wishes = Wishes("A pool", rounds=ROUNDS, epsilon=epsilon, colluders=1, survivors=3)
    rows, part = write_rows(VALIDATION), "2" if noisy else "0"
    term = ContributionTerm(pool=4000, floor=floor, epsilon=part, rows=rows)
    money = MoneyWishes(price=1000, shares={COORDINATOR: 20}, stake_owner=50, contribution=term)
    return build_world(folder, wishes=wishes, money=money, assurance="proven", **more)


@dataclass
class Scored:
    """A finished run, and what was seen on the way."""

    world: World
    ledger: Ledger
    state: RunState
    secrets: dict[str, set[bytes]]

    @cached_property
    def money(self) -> MoneyFigures:
        found = audit(self.ledger).money
        assert found is not None
        return found

    def records(self, kind: str) -> list[Record]:
        entries = self.ledger.entries(0, self.ledger.size)
        records = [decode_record(entry, verify_signature) for entry in entries]
        return [record for record in records if record.kind == kind]


def finish(world: World) -> Scored:
    """Run to the end and remember every secret that a score is made from."""
    ledger, secrets = world.ledger(), {name: set[bytes]() for name in world.owners}

    def watch(state: RunState) -> None:
        del state
        for name in world.owners:
            for key, value in kept(world, name).items():
                if "/openings/" in key or key.endswith("/score-word"):
                    secrets[name].add(value)

    state = run_in_process(world.coordinator(ledger), world.parties(), progress=watch)
    return Scored(world, ledger, state, secrets)


def kept(world: World, name: str) -> dict[str, bytes]:
    return dict(world.actors[name].journal._values)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scored]:
    found = finish(pool_world(tmp_path_factory.mktemp("noisy"), noisy=True))
    yield found
    found.ledger.close()


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scored]:
    found = finish(pool_world(tmp_path_factory.mktemp("exact")))
    yield found
    found.ledger.close()


def earned(scored: Scored) -> dict[str, int]:
    return {found.name: found.earned for found in scored.money.accounts.values()}


def test_the_pool_is_paid_by_scores_and_all_money_is_paid(noisy: Scored) -> None:
    released, parts = scoring_of(noisy.state).released, scoring_of(noisy.state).payouts
    assert parts is not None
    assert set(released) == {noisy.world.did(name) for name in noisy.world.owners}
    for name in noisy.world.owners:
        assert earned(noisy)[name] == 100 * CREDIT + parts[noisy.world.did(name)].amount
        assert parts[noisy.world.did(name)].amount >= POOL * 20 // 100 // 4
    assert sum(earned(noisy).values()) == 1000 * CREDIT
    units = [found.units for found in noisy.money.accounts.values()]
    assert sum(units) == ONE_MODEL
    order = sorted(noisy.world.owners, key=lambda name: released[noisy.world.did(name)])
    assert order == sorted(noisy.world.owners, key=lambda name: earned(noisy)[name])


def test_without_noise_a_score_is_what_the_open_updates_make_it(exact: Scored) -> None:
    world, state = exact.world, exact.state
    plan = state.derived
    assert plan.scores is not None
    weights = state.weights[:ROUNDS]
    gradients = validation_gradients(plan.algorithm, VALIDATION, weights, plan.scores.length)
    for name in world.owners:
        rows = world.actors[name].rows
        assert rows is not None
        updates = np.array([train(plan, rows, at) for at in weights])
        expected = plan.scores.rounded(exact_score(gradients, updates))
        assert scoring_of(state).released[world.did(name)] == expected


def test_what_scores_are_made_from_is_destroyed_and_certified(noisy: Scored) -> None:
    for name in noisy.world.owners:
        assert len(noisy.secrets[name]) == ROUNDS + 1, "an opening a round, and the word"
        left = kept(noisy.world, name)
        for secret in noisy.secrets[name]:
            assert not any(secret in value for value in left.values())
    for record in noisy.records("erasure"):
        assert isinstance(record.body, ErasureBody)
        assert tuple(record.body.destroyed) == (*SECRETS, *SCORE_SECRETS)


def test_rounds_and_scores_are_charged_together_with_the_first_round(noisy: Scored) -> None:
    for name in noisy.world.owners:
        book = noisy.world.actors[name].budget
        numbers = [charge.round_number for charge in book.history(FINGERPRINT)]
        assert numbers == [ROUNDS, *range(ROUNDS)], "the scores stand behind the last round"
        spent = epsilon_spent(noisy.state, noisy.world.did(name))
        assert spent == book.balance(FINGERPRINT).epsilon_spent
        assert 7.9 < spent <= 8


def test_every_byte_of_a_score_and_of_the_tally_is_signed(exact: Scored) -> None:
    for kind in ("score", "tally"):
        data = exact.records(kind)[0].data
        for place in range(len(data)):
            flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            with pytest.raises(CotrainError):
                decode_record(flipped, verify_signature)


def test_a_budget_that_is_enough_for_the_rounds_alone_is_not_enough(tmp_path: Path) -> None:
    world = pool_world(tmp_path, noisy=True)
    poor = world.owners[0]
    world.actors[poor].budget.set_limit(FINGERPRINT, 6.5, 1e-5)
    parties = world.parties()
    state = run_in_process(world.coordinator(), parties)
    assert state.submitted[world.did(poor)] == ROUNDS - 1
    assert [refusal.code for refusal in parties[0].refusals] == ["privacy-budget-spent"]


# Who is silent, and who leaves.


class Silent(Party):
    """It looked at its score and did not like it."""

    def _score(self, state: RunState) -> list[Message]:
        del state
        return []


def test_silence_is_paid_nothing_out_of_the_pool(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    silent = world.owners[3]
    world.actors[silent].make = Silent
    scored = finish(world)
    assert earned(scored)[silent] == 100 * CREDIT
    assert sum(earned(scored).values()) == 1000 * CREDIT


def test_who_withdraws_gets_its_rounds_and_nobody_waits_for_its_score(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    ledger = world.ledger()
    coordinator, parties = world.coordinator(ledger), world.parties()

    def watch(state: RunState) -> None:
        if len(state.opened) == 1 and state.phase is Phase.BETWEEN:
            parties[0].revoke(world.agreement.digest, "enough")

    state = run_in_process(coordinator, parties, progress=watch)
    left = world.did(world.owners[0])
    parts = scoring_of(state).payouts
    assert parts is not None
    assert parts[left].amount == POOL * 20 // 100 // 7, "one round of seven"
    assert left not in scoring_of(state).released
    assert sum(part.amount for part in parts.values()) == POOL


def test_a_run_that_ends_early_pays_the_pool_of_its_rounds(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    ledger = world.ledger()

    def watch(state: RunState) -> None:
        if len(state.opened) == 1 and state.phase is Phase.BETWEEN:
            world.clock.advance(40 * 86_400 - (world.clock.now() - 1_700_000_000))

    with pytest.raises(RefusedError, match="expired"):
        run_in_process(world.coordinator(ledger), world.parties(), progress=watch)
    coordinator = world.coordinator(ledger)
    parts = scoring_of(coordinator.state).payouts
    assert parts is not None
    assert sum(part.amount for part in parts.values()) == POOL // ROUNDS
    assert sum(part.units for part in parts.values()) == 0, "no model came out"
    assert set(scoring_of(coordinator.state).released) == {world.did(n) for n in world.owners}


# Lies.


class Boaster(Liar):
    """It says a higher score, with the proof of the true one."""

    lies_in = "score"

    def twist(self, message: Message) -> list[Message]:
        body = message.record.body
        assert isinstance(body, ScoreBody)
        return self._restate(message, score=str(int(body.score) + 1))


def test_a_false_score_is_refused_and_pays_nothing(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    cheat = world.owners[1]
    world.actors[cheat].make = Boaster
    scored = finish(world)
    assert [(r[0], r[1]) for r in scored.state.refusals] == [(world.did(cheat), "score")]
    assert world.did(cheat) not in scoring_of(scored.state).released
    assert earned(scored)[cheat] == 100 * CREDIT


class Stage:
    """A run that waits in a phase, so that somebody can lie there."""

    def __init__(self, world: World, until: Phase, ready: Callable[[RunState], bool]) -> None:
        self.world, self.ledger = world, world.ledger()
        self.coordinator, self.parties = world.coordinator(self.ledger), world.parties()
        while not (self.state.phase is until and ready(self.state)):
            if not self.coordinator.tick():
                self.exchange()

    @property
    def state(self) -> RunState:
        return self.coordinator.state

    def exchange(self) -> None:
        for party in self.parties:
            party.read(self.coordinator)
            for message in party.speak():
                self.coordinator.receive(message)

    def refusal(self, name: str, body: Any, *blobs: bytes) -> CotrainError:
        identity = self.world.actors[name].identity
        record = sign_record(identity, self.world.agreement.digest, body)
        named = {blob_ref(blob).sha256: blob for blob in blobs}
        with pytest.raises(CotrainError) as caught:
            check_record(self.state, record, lambda ref: named[ref.sha256])
        return caught.value

    def score_of(self, name: str) -> tuple[ScoreBody, bytes]:
        """Return what an owner says in its turn."""
        party = next(party for party in self.parties if party.did == self.world.did(name))
        party.read(self.coordinator)
        message = next(said for said in party.speak() if said.record.kind == "score")
        assert isinstance(message.record.body, ScoreBody)
        return message.record.body, message.blobs[message.record.body.proof.sha256]


@pytest.fixture(scope="module")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = pool_world(tmp_path_factory.mktemp("scoring"))
    stage = Stage(world, Phase.SCORING, lambda _: True)
    yield stage
    stage.ledger.close()


def test_a_score_is_for_its_owner_alone(scoring: Stage) -> None:
    first, second = scoring.world.owners[:2]
    body, proof = scoring.score_of(first)
    refused = scoring.refusal(second, body, proof)
    assert refused.code == "proof-false"


def test_strangers_to_the_rounds_release_no_score(scoring: Stage) -> None:
    body, proof = scoring.score_of(scoring.world.owners[0])
    assert scoring.refusal(COORDINATOR, body, proof).code == "rule-not-allowed"


def test_a_score_beyond_64_bits_and_a_proof_of_another_length(scoring: Stage) -> None:
    owner = scoring.world.owners[0]
    body, proof = scoring.score_of(owner)
    large = body.model_copy(update={"score": str(1 << 63)})
    assert scoring.refusal(owner, large, proof).code == "rule-mismatch"
    longer = body.model_copy(update={"proof": blob_ref(proof + b"\0")})
    assert scoring.refusal(owner, longer, proof + b"\0").code == "rule-mismatch"


def test_the_coordinator_can_neither_invent_payouts_nor_leave_out_a_logged_score(
    tmp_path: Path,
) -> None:
    stage = Stage(pool_world(tmp_path), Phase.SCORING, lambda _: True)
    stage.exchange()
    stage.coordinator._write(stage.coordinator._pending_of("score")[:2])
    state = stage.state
    assert len(scoring_of(state).released) == 2
    root = payouts_root(money_of(state).terms, due_parts(state)).hex()
    digests = scoring_of(state).digests
    honest = TallyBody(scores=digest_of(digests), payouts=root)
    fewer = honest.model_copy(update={"scores": digest_of(digests[:1])})
    richer = honest.model_copy(update={"payouts": "0" * 64})
    assert stage.refusal(COORDINATOR, fewer).code == "rule-mismatch"
    assert stage.refusal(COORDINATOR, richer).code == "rule-mismatch"
    assert stage.refusal(stage.world.owners[0], honest).code == "rule-not-allowed"
    stage.ledger.close()


def test_before_the_last_round_there_are_no_scores(tmp_path: Path) -> None:
    stage = Stage(pool_world(tmp_path), Phase.BETWEEN, lambda state: len(state.opened) == 1)
    body = ScoreBody(score="1", proof=blob_ref(b"proof"))
    assert stage.refusal(stage.world.owners[0], body, b"proof").code == "rule-out-of-turn"
    tally = TallyBody(scores="0" * 64, payouts="0" * 64)
    assert stage.refusal(COORDINATOR, tally).code == "rule-out-of-turn"
    stage.ledger.close()


def test_a_word_is_committed_to_once(tmp_path: Path) -> None:
    stage = Stage(pool_world(tmp_path, noisy=True), Phase.SIGNING, lambda _: True)
    run, said = stage.world.agreement.digest, []
    for party in stage.parties[:2]:
        party.read(stage.coordinator)
        said.append(party.speak()[0])
    blobs = {**said[0].blobs, **said[1].blobs}
    apply_record(stage.state, said[0].record, lambda ref: blobs[ref.sha256])
    first, second = (message.record.body for message in said)
    for word in (first.score_word, None):  # type: ignore[attr-defined]
        body = second.model_copy(update={"score_word": word})
        record = sign_record(stage.parties[1].identity, run, body)
        with pytest.raises(ForgeryError, match="word of the score"):
            check_record(stage.state, record, lambda ref: blobs[ref.sha256])
    stage.ledger.close()


def test_who_withdrew_releases_no_score(scoring: Stage) -> None:
    owner = scoring.world.owners[0]
    body, proof = scoring.score_of(owner)
    scoring.state.revoked.append(scoring.world.did(owner))
    try:
        assert scoring.refusal(owner, body, proof).code == "rule-not-allowed"
    finally:
        scoring.state.revoked.pop()


def test_a_party_that_lost_its_openings_is_silent_and_says_why(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    stage = Stage(world, Phase.SCORING, lambda _: True)
    run = world.agreement.digest
    world.actors[world.owners[0]].journal.delete(f"{run}/openings/1")
    run_in_process(stage.coordinator, stage.parties)
    assert [refusal.code for refusal in stage.parties[0].refusals] == ["party-journal-lost"]
    assert len(scoring_of(stage.state).released) == 3
    stage.ledger.close()


def test_scores_of_rounds_before_a_removal_are_still_proven(tmp_path: Path) -> None:
    world = pool_world(tmp_path)
    owner = world.owners[0]

    def watch(state: RunState) -> None:
        if len(state.opened) == 1:
            ask_removal(world.actors[owner].journal, world.agreement.digest, 4)

    state = run_in_process(world.coordinator(), world.parties(), progress=watch)
    assert state.removed == {world.did(owner): [4]}
    plan, rows = state.derived, world.actors[owner].rows
    assert plan.scores is not None
    assert rows is not None
    left = rows.copy()
    left[4] = 0
    weights = state.weights[:2]
    gradients = validation_gradients(plan.algorithm, VALIDATION, weights, plan.scores.length)
    updates = [train(plan, rows, weights[0]), train(plan, left, weights[1])]
    expected = plan.scores.rounded(exact_score(gradients, np.array(updates)))
    assert scoring_of(state).released[world.did(owner)] == expected


# Crashes.


@pytest.mark.parametrize("seed", range(3))
def test_storms_change_no_byte(tmp_path: Path, seed: int) -> None:
    worlds = []
    for name in ("calm", "storm"):
        (tmp_path / name).mkdir()
        worlds.append(pool_world(tmp_path / name))
    calm = Simulation(worlds[0], seed).run()
    storm = Simulation(worlds[1], seed, STORM).run()
    assert storm.crashes > 0
    assert storm.root == calm.root
    assert scoring_of(storm.state).payouts == scoring_of(calm.state).payouts
