"""The parts of records that are there only if the agreement asks for them: noise words and proofs."""

from collections.abc import Callable

from cotrain.commitment.pedersen import check_commitments
from cotrain.records.kinds import BlobRef
from cotrain.records.record import Record
from cotrain.rounds.claims import Claim
from cotrain.rounds.plan import UPDATE_WIDTH
from cotrain.rounds.refusals import expect, mismatch
from cotrain.rounds.state import BlobSource, NoiseWords, RunState


def read_words(
    state: RunState, record: Record, ref: BlobRef | None, blobs: BlobSource, *, due: bool
) -> bytes | None:
    """Return the commitment to noise words that a record names, checked; None where there must be none.

    Raises:
        ForgeryError: it is missing, not due, or was seen before in this run.
        MalformedError: it has not the agreed shape.
    """
    _expect_due(record, "noise words", ref, due=due)
    if ref is None:
        return None
    words = blobs(ref)
    check_commitments(words, state.derived.dimension, UPDATE_WIDTH)
    if words in state.seen_words:
        raise mismatch(record, "noise words", "some that were committed to before", "fresh ones")
    return words


def keep_words(state: RunState, owner: str, first_round: int, words: bytes | None) -> None:
    """Make `words` those of the owner's next submission."""
    if words is not None:
        state.noise_words[owner] = NoiseWords(first_round, words)
        state.seen_words.add(words)


def check_proof(
    state: RunState,
    record: Record,
    ref: BlobRef | None,
    blobs: BlobSource,
    claim: Callable[[], Claim],
) -> None:
    """Check that a record carries a valid proof of a claim, or none if the agreement asks for none.

    Raises:
        ForgeryError: the proof is missing, not due, or does not hold.
        MalformedError: it is no proof.
    """
    _expect_due(record, "proof", ref, due=state.terms.is_proven)
    if ref is not None:
        due = claim()
        expect(record, "bytes of proof", ref.size, due.proof_bytes())
        state.verify_proof(due, blobs(ref))


def _expect_due(record: Record, name: str, ref: BlobRef | None, *, due: bool) -> None:
    found = "none" if ref is None else "some"
    expect(record, name, found, "some" if due else "none")
