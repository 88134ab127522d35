"""Rules of the scores: released once, proven from the counted updates, closed by the coordinator, divided by everybody.

Spec: docs/spec/contribution.md, "In a run".
"""

import hashlib

from cotrain.commitment.pedersen import check_commitments
from cotrain.contribution.payouts import PoolPart, Standing, divide_pool
from cotrain.errors import RefusedError
from cotrain.proofs.contribution import ContributionStatement, ScoreRule
from cotrain.records.kinds import BlobRef, ScoreBody, TallyBody
from cotrain.records.record import Record
from cotrain.rounds.claims import ScoreClaim
from cotrain.rounds.money import money_of
from cotrain.rounds.parts import check_proof
from cotrain.rounds.plan import UPDATE_WIDTH
from cotrain.rounds.refusals import (
    by_coordinator,
    counted_already,
    expect,
    mismatch,
    not_allowed,
    out_of_turn,
)
from cotrain.rounds.state import (
    BlobSource,
    Change,
    Phase,
    RunState,
    ScoreState,
    digest_of,
    score_coins,
)
from cotrain.settlement.acts import payouts_root
from cotrain.settlement.statement import ONE_MODEL


def draws_score_noise(state: RunState, did: str) -> bool:
    """Return whether a party commits to a word for its score: a data owner, where scores are released with noise."""
    scores = state.derived.scores
    noisy = scores is not None and scores.event is not None
    return noisy and "data_owner" in state.terms.party(did).roles


def read_score_word(
    state: RunState, record: Record, ref: BlobRef | None, blobs: BlobSource
) -> bytes | None:
    """Return the commitment to the word of a score that a signature names, checked; None where there must be none.

    Raises:
        ForgeryError: it is missing, not due, or was seen before in this run.
        MalformedError: it is no commitment to one number.
    """
    due = draws_score_noise(state, record.author)
    expect(record, "word of the score", ref is not None, due)
    if ref is None:
        return None
    word = blobs(ref)
    check_commitments(word, 1, UPDATE_WIDTH)
    if word in state.seen_words:
        raise mismatch(
            record, "word of the score", "one that was committed to before", "a fresh one"
        )
    return word


def keep_score_word(state: RunState, owner: str, word: bytes | None) -> None:
    """Keep the word of the owner's score."""
    if word is not None:
        state.score_words[owner] = word
        state.seen_words.add(word)


def owes_score(state: RunState, owner: str) -> bool:
    """Return whether an owner may release a score: it took part, and did not withdraw."""
    return owner in state.counted and owner not in state.revoked


def scoring_of(state: RunState) -> ScoreState:
    """Return what is said about scores, from the phase on in which they are released.

    Raises:
        RefusedError: none are released, or not yet.
    """
    if state.scoring is None:
        raise _no_scores()
    return state.scoring


def score_claim(state: RunState, owner: str, score: int) -> ScoreClaim:
    """Return what the proof of an owner's score says: nothing in it but the score is the owner's word."""
    plan, counted, run = state.derived, state.counted[owner], state.terms.digest
    if plan.scores is None:
        raise _no_scores()
    noisy = plan.scores.variance is not None
    statement = ContributionStatement(
        rule=ScoreRule(plan.scores.shift, plan.scores.variance),
        gradients=scoring_of(state).gradients[[update.round for update in counted]],
        updates=tuple(update.commitments for update in counted),
        words=state.score_words[owner] if noisy else b"",
        coins=score_coins(run, state.beacon, owner) if noisy else b"",
        score=score,
        context=_context(state, owner),
    )
    return ScoreClaim(statement)


def score_rule(state: RunState, record: Record, body: ScoreBody, blobs: BlobSource) -> Change:
    """After the last round: one score an owner, proven from all its updates that were in an opened sum."""
    if state.phase is not Phase.SCORING:
        raise out_of_turn(record, state.phase.value)
    if not owes_score(state, record.author):
        raise not_allowed(record, "an owner that took part and did not withdraw")
    scoring, score = scoring_of(state), int(body.score)
    if record.author in scoring.released:
        raise counted_already(record)
    if not -(1 << 63) <= score < 1 << 63:
        raise mismatch(record, "the score", body.score, "an integer of 64 bits")
    check_proof(state, record, body.proof, blobs, lambda: score_claim(state, record.author, score))

    def change() -> None:
        scoring.released[record.author] = score
        scoring.digests.append(record.digest)

    return change


def tally_rule(state: RunState, record: Record, body: TallyBody, blobs: BlobSource) -> Change:
    """The coordinator closes the scores on exactly the logged ones, and names what everybody makes of them."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    if state.phase is not Phase.SCORING:
        raise out_of_turn(record, state.phase.value)
    scoring = scoring_of(state)
    expect(record, "scores", body.scores, digest_of(scoring.digests))
    parts = due_parts(state)
    root = payouts_root(money_of(state).terms, parts)
    expect(record, "payouts", body.payouts, root.hex())

    def change() -> None:
        scoring.payouts = parts
        state.phase = Phase.APPROVING

    return change


def due_parts(state: RunState) -> dict[str, PoolPart]:
    """Return what the pool gives to whom, by the scores that are on the ledger."""
    money, scoring = money_of(state), scoring_of(state)
    term = money.terms.settlement.contribution
    if term is None:
        raise _no_scores()
    released = int(money.terms.settlement.price) * money.anchored // state.terms.rounds
    units = 0 if state.released_model is None else ONE_MODEL * term.pool // 10_000
    standings = {
        party.did: Standing(
            len(state.counted[party.did]),
            scoring.released.get(party.did),
            party.did in state.revoked,
        )
        for party in state.terms.owners
        if party.did in state.counted
    }
    return divide_pool(released * term.pool // 10_000, units, term.floor, standings)


def _context(state: RunState, owner: str) -> bytes:
    numbers = b"".join(update.round.to_bytes(8, "little") for update in state.counted[owner])
    return (
        b"cotrain/score/1/"
        + bytes.fromhex(state.terms.digest)
        + hashlib.sha256(numbers).digest()
        + bytes.fromhex(state.datasets[owner].root)
        + owner.encode()
    )


def _no_scores() -> RefusedError:
    return RefusedError(
        "run-without-scores",
        "no scores are released now",
        meaning="The agreement divides nothing by scores, or the last round is not over.",
        hint="Read the agreement with `cotrain agreement show`.",
    )
