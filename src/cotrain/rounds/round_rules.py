"""Rules of a round: open, submit, close, check, answer, survivors, release (docs/spec/protocol.md, steps 4 to 10)."""

from functools import partial

from cotrain.commitment.pedersen import check_commitments
from cotrain.encryption.cipher import check_ciphertext
from cotrain.encryption.sealing import SEAL_OVERHEAD
from cotrain.encryption.sharing import sum_commitments, verify_share
from cotrain.proofs.submission import SubmissionStatement
from cotrain.records.kinds import (
    AnswerBody,
    CheckBody,
    CloseBody,
    OpenBody,
    ReleaseBody,
    SubmissionBody,
    SurvivorsBody,
)
from cotrain.records.record import Record
from cotrain.rounds.claims import SubmissionClaim
from cotrain.rounds.money import has_due_transaction
from cotrain.rounds.parts import check_proof, keep_words, read_words
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.refusals import (
    by_coordinator,
    counted_already,
    expect,
    mismatch,
    not_allowed,
    out_of_turn,
    over_the_terms,
)
from cotrain.rounds.state import (
    BlobSource,
    Change,
    Phase,
    RoundState,
    RunState,
    Submission,
    digest_of,
    draw_holders,
    noise_coins,
    weights_digest,
)


def submission_claim(state: RunState, owner: str, update: bytes) -> SubmissionClaim:
    """Return what the proof of an owner's submission for the current round says.

    Args:
        state: The ledger's state; a round is open.
        owner: Who submits.
        update: The commitment to its update.
    """
    plan, current, dataset = state.derived, state.current, state.datasets[owner]
    noise = plan.noise
    statement = SubmissionStatement(
        algorithm=plan.algorithm,
        schema=state.terms.data_schema,
        local_variance=None if noise is None else noise.local_variance,
        rows=dataset.rows,
        dataset=dataset.commitments,
        weights=state.weights[-1],
        words=b"" if noise is None else state.noise_words[owner].commitments,
        coins=b"" if noise is None else coins_of(state, owner),
        update=update,
        context=_submission_context(state, current, owner),
    )
    return SubmissionClaim(statement)


def coins_of(state: RunState, owner: str) -> bytes:
    """Return the 32 bytes from which an owner's coins of the current round are drawn."""
    current = state.current
    return noise_coins(state.terms.digest, current.number, current.beacon, owner)


def open_rule(state: RunState, record: Record, body: OpenBody, blobs: BlobSource) -> Change:
    """Step 4: the next round, on the model and beacon that everybody computes, before the agreement expires."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    if state.phase is not Phase.BETWEEN or has_due_transaction(state):
        raise out_of_turn(record, state.phase.value)
    expect(record, "round", body.round, state.next_round)
    expect(record, "model", body.model, weights_digest(state.weights[-1]))
    expect(record, "beacon", body.beacon, state.beacon)
    if body.round >= state.terms.rounds:
        raise over_the_terms(record, f"the agreement allows {state.terms.rounds} rounds")
    if body.time >= state.terms.expires or body.time < state.last_time:
        raise over_the_terms(
            record, f"its time {body.time} is not between the last round's and the expiry"
        )
    owners = state.active_owners()
    if len(owners) < state.terms.quorum.survivors:
        raise over_the_terms(record, f"{len(owners)} active owners are below the quorum")
    opened = _round(state, record, body, owners)

    def change() -> None:
        state.take_out_rows()
        state.round = opened
        state.last_time = body.time
        state.phase = Phase.SUBMITTING

    return change


def submission_rule(
    state: RunState, record: Record, body: SubmissionBody, blobs: BlobSource
) -> Change:
    """Step 5: one submission an owner, bound to this round, of the agreed shapes, never seen before, proven."""
    current = _in_round(state, record, body.round, Phase.SUBMITTING)
    if record.author not in current.owners:
        raise not_allowed(record, "an owner that takes part in this round")
    if record.author in current.submissions:
        raise counted_already(record)
    expect(record, "opening", body.opening, current.opening)
    submission = Submission(
        owner=record.author,
        digest=record.digest,
        commitments=blobs(body.commitments),
        ciphertext=blobs(body.ciphertext),
        key_commitments=blobs(body.key_commitments),
        sealed_shares=body.sealed_shares,
    )
    _check_shapes(state.derived, current, record, submission)
    if submission.commitments in state.seen_commitments:
        raise mismatch(record, "the commitment", "one that was submitted before", "a fresh one")
    due = state.derived.noise is not None
    next_words = read_words(state, record, body.next_words, blobs, due=due)
    claim = partial(submission_claim, state, record.author, submission.commitments)
    check_proof(state, record, body.proof, blobs, claim)

    def change() -> None:
        current.submissions[record.author] = submission
        keep_words(state, record.author, current.number + 1, next_words)
        state.seen_commitments.add(submission.commitments)
        state.submitted[record.author] = state.submitted.get(record.author, 0) + 1

    return change


def close_rule(state: RunState, record: Record, body: CloseBody, blobs: BlobSource) -> Change:
    """Step 6: the submissions that the log holds, all of them, and at least a quorum."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    current = _in_round(state, record, body.round, Phase.SUBMITTING)
    digests = [submission.digest for submission in current.submissions.values()]
    expect(record, "submissions", body.submissions, digest_of(digests))
    if len(digests) < state.terms.quorum.survivors:
        raise over_the_terms(record, f"{len(digests)} submissions are below the quorum")

    def change() -> None:
        current.close = record.digest
        state.phase = Phase.CHECKING

    return change


def check_rule(state: RunState, record: Record, body: CheckBody, blobs: BlobSource) -> Change:
    """Step 7: each key holder says once whose share is bad."""
    del blobs
    current = _in_round(state, record, body.round, Phase.CHECKING)
    if record.author not in current.holders:
        raise not_allowed(record, "a key holder of this round")
    if record.author in current.checks:
        raise counted_already(record)
    expect(record, "close", body.close, current.close)
    expected = [owner for owner in current.submissions if owner in set(body.complaints)]
    expect(record, "complaints", list(body.complaints), expected)
    return lambda: current.checks.__setitem__(record.author, tuple(body.complaints))


def answer_rule(state: RunState, record: Record, body: AnswerBody, blobs: BlobSource) -> Change:
    """Step 8: an accused owner shows the share; it must fit its commitments, whatever the holder received."""
    current = _in_round(state, record, body.round, Phase.CHECKING)
    if record.author not in current.checks.get(body.holder, ()):
        raise not_allowed(record, "an owner that this holder accused")
    if (record.author, body.holder) in current.answers:
        raise counted_already(record)
    share = blobs(body.share)
    commitments = current.submissions[record.author].key_commitments
    verify_share(state.derived.parameters, commitments, current.key_index(body.holder), share)
    return lambda: current.answers.__setitem__((record.author, body.holder), share)


def survivors_rule(
    state: RunState, record: Record, body: SurvivorsBody, blobs: BlobSource
) -> Change:
    """Step 9: all submissions but those of owners with an unanswered complaint; one set a round.

    At least as many holders as must release have checked their shares.
    """
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    current = _in_round(state, record, body.round, Phase.CHECKING)
    expect(record, "close", body.close, current.close)
    expect(record, "excluded", list(body.excluded), current.excluded())
    survivors = [owner for owner in current.submissions if owner not in body.excluded]
    digests = [current.submissions[owner].digest for owner in survivors]
    expect(record, "survivors", body.survivors, digest_of(digests))
    if len(survivors) < state.terms.quorum.survivors:
        raise over_the_terms(record, f"{len(survivors)} survivors are below the quorum")
    if len(current.checks) < current.threshold:
        raise over_the_terms(record, f"{len(current.checks)} checks are below {current.threshold}")
    product = sum_commitments([current.submissions[owner].key_commitments for owner in survivors])

    def change() -> None:
        current.key_commitments = product
        current.survivors_record = record.digest
        current.survivors = tuple(survivors)
        state.phase = Phase.RELEASING

    return change


def release_rule(state: RunState, record: Record, body: ReleaseBody, blobs: BlobSource) -> Change:
    """Step 10: one share sum a holder, which must fit the survivors' commitments."""
    current = _in_round(state, record, body.round, Phase.RELEASING)
    if record.author not in current.holders:
        raise not_allowed(record, "a key holder of this round")
    if record.author in current.releases:
        raise counted_already(record)
    expect(record, "survivors", body.survivors, current.survivors_record)
    share = blobs(body.share)
    index = current.key_index(record.author)
    verify_share(state.derived.parameters, current.key_commitments, index, share)
    return lambda: current.releases.__setitem__(record.author, share)


def _round(state: RunState, record: Record, body: OpenBody, owners: tuple[str, ...]) -> RoundState:
    quorum = state.terms.quorum
    holders = draw_holders(owners, quorum.holders, body.beacon)
    threshold = quorum.threshold_among(len(holders))
    if threshold > len(holders):
        raise over_the_terms(
            record, f"{len(holders)} key holders cannot reach the threshold {threshold}"
        )
    return RoundState(body.round, record.digest, body.beacon, owners, holders, threshold)


def _submission_context(state: RunState, current: RoundState, owner: str) -> bytes:
    return (
        b"cotrain/submission/1/"
        + bytes.fromhex(state.terms.digest)
        + current.number.to_bytes(8, "little")
        + bytes.fromhex(current.opening)
        + owner.encode()
        + bytes.fromhex(state.datasets[owner].root)
    )


def _check_shapes(
    plan: RunPlan, current: RoundState, record: Record, submission: Submission
) -> None:
    shape, parameters = plan.shape, plan.parameters
    check_commitments(submission.commitments, shape.dimension, shape.width)
    check_ciphertext(parameters, shape.field_count, submission.ciphertext)
    check_commitments(submission.key_commitments, current.threshold, 1)
    sealed = len(current.holders) * (parameters.share_bytes + SEAL_OVERHEAD)
    expect(record, "bytes of sealed shares", submission.sealed_shares.size, sealed)


def _in_round(state: RunState, record: Record, number: int, phase: Phase) -> RoundState:
    if state.phase is not phase:
        raise out_of_turn(record, state.phase.value)
    expect(record, "round", number, state.current.number)
    return state.current
