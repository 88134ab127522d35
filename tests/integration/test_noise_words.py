"""Noise is drawn by words that were committed to before their coins were known, each used in one opened sum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain.agreement.draft import Wishes
from cotrain.commitment.pedersen import commit, verify_opening
from cotrain.errors import CotrainError, ForgeryError
from cotrain.flow import run_in_process
from cotrain.ledger.store import Ledger
from cotrain.privacy.sampler import add_coins, committed_words, draw_words
from cotrain.records.record import Message, Record, decode_record
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.rules import apply_record, check_record
from cotrain.rounds.state import Phase, RunState, noise_coins
from cotrain.rounds.submission import train
from cotrain.rounds.words import WordBook, WordSecrets
from cotrain.testing.determinism import SeededEntropy
from cotrain.testing.lying import Liar, MissingWords, RepeatedWords, restate
from cotrain.testing.simulation import CALM, Simulation
from cotrain.testing.world import COORDINATOR, World

NOISY = Wishes("Noisy", rounds=3, epsilon="8", colluders=1, survivors=3)
LIAR = "Owner 2"

WorldMaker = Callable[..., World]


def records_of(world: World) -> list[Record]:
    with Ledger.open(world.path, read_only=True) as ledger:
        return [decode_record(entry, lambda *_: None) for entry in ledger.entries(0, ledger.size)]


def blob_of(world: World, sha256: str) -> bytes:
    with Ledger.open(world.path, read_only=True) as ledger:
        return ledger.blob(bytes.fromhex(sha256))


def openings(world: World) -> list[Any]:
    return [record for record in records_of(world) if record.kind == "open"]


def drawn_words(world: World, name: str, first_round: int) -> WordSecrets:
    """Return the words that an owner announced for rounds from `first_round` on: its entropy is known here."""
    entropy, run = SeededEntropy(f"{world.seed}/{name}"), world.agreement.digest
    if first_round == 0:
        return WordSecrets(entropy.draw(f"words/first/{run}", 32))
    opening = openings(world)[first_round - 1].digest
    return WordSecrets(entropy.draw(f"words/{opening}/{run}", 32))


def expected_sum(
    world: World, state: RunState, number: int, used: dict[str, int]
) -> NDArray[np.int64]:
    """Return the sum of a round, from each survivor's rows and the words (by first round) that it used."""
    beacon, plan = openings(world)[number].body.beacon, state.derived
    total = np.zeros(plan.dimension, dtype=np.int64)
    for name, first_round in used.items():
        rows = world.actors[name].rows
        assert rows is not None
        coins = noise_coins(world.agreement.digest, number, beacon, world.did(name))
        total += train(plan, rows, state.weights[number])
        total += drawn_words(world, name, first_round).draw(plan, coins)
    return total


def opened_sum(world: World, number: int) -> NDArray[np.int64]:
    bodies: list[Any] = [record.body for record in records_of(world) if record.kind == "result"]
    return np.frombuffer(blob_of(world, bodies[number].update_sum.sha256), dtype="<i8")


def test_the_opened_sum_holds_exactly_the_noise_of_words_and_coins(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    state = run_in_process(world.coordinator(), world.parties())
    for number in range(NOISY.rounds):
        used = dict.fromkeys(world.owners, number)
        assert np.array_equal(opened_sum(world, number), expected_sum(world, state, number, used))
    clean = expected_sum(world, state, 0, {})
    assert not np.array_equal(opened_sum(world, 0), clean)


def test_words_of_a_submission_that_was_not_logged_are_used_in_the_next_one(
    make_world: WorldMaker,
) -> None:
    """The commitment stands; the coins are new, so is the noise. What was announced in vain is forgotten."""
    world = make_world(wishes=NOISY)
    simulation = Simulation(world, 0, CALM)
    coordinator, sent = simulation.coordinator(), []
    honest = coordinator.receive

    def receive(message: Message) -> bool:
        own = message.record.author == world.did(LIAR) and message.record.kind == "submission"
        if own and message.record.body.round == 0:  # type: ignore[attr-defined]
            sent.append(message)
            return False
        return honest(message)

    coordinator.receive = receive  # type: ignore[method-assign]
    outcome = simulation.run()
    assert outcome.state.phase is Phase.FINISHED
    assert sent
    others = [name for name in world.owners if name != LIAR]
    for number, words in enumerate([{}, {LIAR: 0}, {LIAR: 2}]):
        used = dict.fromkeys(others, number) | words
        expected = expected_sum(world, outcome.state, number, used)
        assert np.array_equal(opened_sum(world, number), expected)
    announced = sent[0].record.body.next_words.sha256  # type: ignore[attr-defined]
    assert announced not in {ref.sha256 for record in records_of(world) for ref in record.blobs}


def seeds_of(world: World, name: str) -> set[int]:
    """Return the first rounds of the words that an owner's journal still knows."""
    book = WordBook(world.actors[name].journal, world.agreement.digest)
    return {first for first in range(NOISY.rounds + 1) if book.find(first) is not None}


def test_words_are_forgotten_once_they_were_used(make_world: WorldMaker) -> None:
    world, seen = make_world(wishes=NOISY), {}

    def watch(state: RunState) -> None:
        number = len(state.opened)
        if state.phase is Phase.BETWEEN:
            seen[number] = seeds_of(world, LIAR)

    run_in_process(world.coordinator(), world.parties(), progress=watch)
    assert seen[0] == {0}
    # The state moves on at the end of a pass; what a party forgets then, it forgets when it next speaks.
    assert {number: kept - {number - 1} for number, kept in seen.items()} == {
        number: {number} for number in seen
    }
    assert seeds_of(world, LIAR) == set()


def test_an_owner_that_withdraws_forgets_its_words(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    kept: list[set[int]] = []

    def watch(simulation: Simulation) -> None:
        state = simulation.coordinator().state
        if state.round and state.round.number == 0 and state.phase is Phase.CHECKING:
            simulation.party(LIAR).revoke(world.agreement.digest, "no more")
        if state.round and state.round.number == 1:
            kept.append(seeds_of(world, LIAR))

    assert Simulation(world, 0, CALM, watch=watch).run().state.phase is Phase.FINISHED
    assert kept[-1] == set()


def test_without_its_words_an_owner_is_silent_and_charges_nothing(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    journal = world.actors[LIAR].journal

    def watch(simulation: Simulation) -> None:
        if simulation.coordinator().state.phase is Phase.BETWEEN:
            journal.delete(f"{world.agreement.digest}/words")

    simulation = Simulation(world, 0, CALM, watch=watch)
    outcome = simulation.run()
    assert outcome.state.phase is Phase.FINISHED
    assert world.did(LIAR) not in outcome.state.submitted
    assert {error.code for error in simulation.party(LIAR).refusals} == {"party-journal-lost"}
    assert world.actors[LIAR].budget.history("rows") == []


# Rules.


def prefix(world: World, kind: str) -> tuple[RunState, Record, dict[str, bytes]]:
    """Return the state before the first record of a kind, that record, and its blobs."""
    state, records = RunState(), records_of(world)
    for record in records:
        blobs = {ref.sha256: blob_of(world, ref.sha256) for ref in record.blobs}
        if record.kind == kind:
            return state, record, blobs
        apply_record(state, record, lambda ref, found=blobs: found[ref.sha256])  # type: ignore[misc]
    raise AssertionError(kind)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> World:
    from cotrain.testing.world import build_world

    world = build_world(tmp_path_factory.mktemp("noisy"), wishes=NOISY)
    run_in_process(world.coordinator(), world.parties())
    return world


def words_of(kind: str) -> str:
    return "noise_words" if kind == "signature" else "next_words"


BAD: dict[str, Callable[[bytes], bytes]] = {
    "a byte short": lambda words: words[:-1],
    "a point more": lambda words: words + words[:32],
    "no point": lambda words: b"\xff" * 32 + words[32:],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("kind", ["signature", "submission"])
@pytest.mark.parametrize("change", list(BAD))
def test_a_commitment_to_words_has_the_agreed_shape(kind: str, change: str, noisy: World) -> None:
    state, record, blobs = prefix(noisy, kind)
    name = words_of(kind)
    words = blobs[getattr(record.body, name).sha256]
    check_record(state, record, lambda ref: blobs[ref.sha256])
    signer = noisy.actors["Owner 1"].identity
    lie = restate(signer, Message(record, blobs), {name: BAD[change](words)})
    with pytest.raises(CotrainError):
        check_record(state, lie.record, lambda ref: lie.blobs[ref.sha256])


@pytest.mark.parametrize("kind", ["signature", "submission"])
def test_words_that_anybody_committed_to_before_are_refused(kind: str, noisy: World) -> None:
    state, record, blobs = prefix(noisy, kind)
    if kind == "signature":
        apply_record(state, record, lambda ref: blobs[ref.sha256])
        stolen = state.noise_words[record.author].commitments
        signer = noisy.actors[LIAR].identity
    else:
        stolen = state.noise_words[noisy.did(LIAR)].commitments
        signer = noisy.actors["Owner 1"].identity
    copied = restate(signer, Message(record, blobs), {words_of(kind): stolen})
    with pytest.raises(ForgeryError) as caught:
        check_record(state, copied.record, lambda ref: copied.blobs[ref.sha256])
    assert caught.value.code == "rule-mismatch"


def test_who_draws_no_noise_names_no_words(noisy: World, make_world: WorldMaker) -> None:
    state, record, blobs = prefix(noisy, "signature")
    hub = restate(noisy.actors[COORDINATOR].identity, Message(record, blobs))
    with pytest.raises(ForgeryError, match="noise words"):
        check_record(state, hub.record, lambda ref: hub.blobs[ref.sha256])
    quiet = make_world()
    run_in_process(quiet.coordinator(), quiet.parties())
    for kind in ("signature", "submission"):
        state, honest, named = prefix(quiet, kind)
        signer = quiet.actors["Owner 1"].identity
        lie = restate(signer, Message(honest, named), {words_of(kind): bytes(32)})
        with pytest.raises(ForgeryError, match="noise words"):
            check_record(state, lie.record, lambda ref, found=lie.blobs: found[ref.sha256])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("lie", "kind", "reason"),
    [(MissingWords, "signature", "signatures-missing"), (RepeatedWords, "submission", None)],
)
def test_a_lie_about_words_is_refused(
    lie: type[Liar], kind: str, reason: str | None, make_world: WorldMaker
) -> None:
    world = make_world(wishes=NOISY)
    world.actors[LIAR].make = lie
    outcome = Simulation(world, 0, CALM).run()
    assert outcome.state.refusals == [(world.did(LIAR), kind, "rule-mismatch")]
    if reason is not None:
        assert outcome.state.abort is not None
        assert outcome.state.abort[0] == reason
    else:
        assert outcome.state.phase is Phase.FINISHED
        assert all(world.did(LIAR) not in survivors for _, survivors in outcome.state.opened)


# Words, coins and their commitment.


def test_coins_depend_on_run_round_beacon_and_owner() -> None:
    made = {
        noise_coins(run * 64, number, beacon * 64, owner)
        for run in "01"
        for number in (0, 1)
        for beacon in "01"
        for owner in ("did:a", "did:b")
    }
    assert len(made) == 16
    assert all(len(coins) == 32 for coins in made)


def test_words_and_coins_add_modulo_two_to_the_64() -> None:
    coins = bytes(range(32))
    words = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    public = draw_words(coins, 4)
    expected = [(int(w) + int(c)) % 2**64 for w, c in zip(words, public, strict=True)]
    assert add_coins(words, coins).tolist() == expected
    assert committed_words(words).tolist() == [-(2**63), 1 - 2**63, 0, 2**63 - 1]


def test_the_largest_and_least_words_can_be_committed_to() -> None:
    entries = committed_words(np.array([0, 2**64 - 1, 2**63], dtype=np.uint64))
    blinding = (7).to_bytes(32, "little")
    commitments = commit(entries, 1024, blinding)
    verify_opening(commitments, entries, 1024, blinding)
    other = entries.copy()
    other[0] += 1
    with pytest.raises(ForgeryError):
        verify_opening(commitments, other, 1024, blinding)


def test_a_word_book_knows_what_it_kept_and_nothing_else() -> None:
    journal = MemoryJournal()
    book, drawn = WordBook(journal, "run"), iter(bytes([n]) * 32 for n in range(9))
    first = book.announce(0, lambda: next(drawn))
    assert book.announce(0, lambda: next(drawn)) == first
    second = book.announce(3, lambda: next(drawn))
    assert WordBook(journal, "run").find(3) == second != first
    book.keep_only(3)
    assert (book.find(0), book.find(3)) == (None, second)
    book.keep_only(5)
    assert book.find(3) is None
    book.announce(7, lambda: next(drawn))
    book.destroy()
    assert book.find(7) is None


def test_no_part_of_the_words_shows_in_a_party(make_world: WorldMaker) -> None:
    world = make_world(wishes=NOISY)
    party = world.party("Owner 1")
    secrets = WordSecrets(b"k" * 32)
    assert "kkkk" not in repr(secrets)
    assert "kkkk" not in repr(party)
