"""Whether a record is one that the parties may reject: what each of them must see for itself before it signs that.

A party's record is rejected for what it says, not for when it came. So it is held against the state after every entry
of the ledger: if the rules take it anywhere, its author was honest there, and it came late, early or twice. What
counts is a false statement (a proof, share, signature or value that does not hold: `ForgeryError`, `MalformedError`)
in the very round that the record names. And its author must have cosigned this ledger up to there: else the
coordinator may have shown it another history, for which the record was right.

An entry that the rules do not allow is the coordinator's lie too, whoever wrote it: it signed the ledger that holds it.

Not judged: removals and certificates of erasure, which follow from how far their author had read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.audit.auditor import check_checkpoints, ignore_progress, read_agreement
from cotrain.audit.proofs import Progress
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError, UsageError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.records.kinds import BlobRef, RefusalBody
from cotrain.records.record import Record, decode_record
from cotrain.rounds.claims import RememberingVerifier
from cotrain.rounds.rules import apply_record, check_record
from cotrain.rounds.state import BlobSource, RunState
from cotrain.rounds.witness import log_policy
from cotrain.settlement.rejection import Rejection

JUDGED: Final = frozenset(
    {
        "signature",
        "dataset",
        "submission",
        "check",
        "answer",
        "release",
        "score",
        "approval",
        "revocation",
    }
)
"""Kinds of records of parties that can be judged from one copy of the ledger."""


class BlobMissingError(UsageError):
    """A blob that a record names is nowhere here: whoever cannot see it cannot judge."""


@dataclass(frozen=True)
class Accused:
    """A record that somebody says does not hold.

    Attributes:
        record: The record; its author signed it.
        entry: Its own entry on the ledger; None if it is not logged.
    """

    record: Record
    entry: int | None


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a record.

    Attributes:
        record: The record.
        subject: Against whom it counts.
        entries: After so many entries of the ledger the rules refuse it.
        error: Why.
    """

    record: Record
    subject: PartyTerm
    entries: int
    error: CotrainError = field(repr=False)

    @property
    def rejection(self) -> Rejection:
        """What the quorum signs."""
        number = getattr(self.record.body, "round", None)
        return Rejection(self.subject.did, 0 if number is None else number + 1, self.record.digest)

    @property
    def why(self) -> str:
        """What is wrong, in plain words."""
        return f"{self.error} [{self.error.code}]. {self.error.meaning}".strip()


def find_accused(ledger: Ledger, entry: int) -> Accused:
    """Return the record that an entry is, or that it says was refused.

    Raises:
        UsageError: the ledger has no such entry.
        ForgeryError: nobody signed it.
        MalformedError: it is no record.
    """
    if not 0 <= entry < ledger.size:
        raise UsageError(
            "evidence-no-entry",
            f"the ledger has {ledger.size} entries, there is no entry {entry}",
            meaning="Nothing was judged.",
            hint="`cotrain evidence find` lists the entries with refused records, the audit names a wrong one.",
        )
    record = decode_record(ledger.entry(entry), verify_signature)
    if not isinstance(record.body, RefusalBody):
        return Accused(record, entry)
    kept = blobs_of(ledger, {})(record.body.evidence)
    return Accused(decode_record(kept, verify_signature), None)


def list_refused(ledger: Ledger) -> list[tuple[int, RefusalBody]]:
    """Return the entries that say that a record was refused."""
    found = []
    for index in range(ledger.size):
        body = decode_record(ledger.entry(index), lambda *_: None).body
        if isinstance(body, RefusalBody):
            found.append((index, body))
    return found


def blobs_of(ledger: Ledger, more: Mapping[str, bytes]) -> BlobSource:
    """Return where blobs are taken from: the ledger, or `more` (SHA-256 to bytes).

    The source raises `BlobMissingError` for a blob that is nowhere.
    """

    def fetch(ref: BlobRef) -> bytes:
        try:
            blob = more.get(ref.sha256) or ledger.blob(bytes.fromhex(ref.sha256))
        except UsageError:
            blob = b""
        if len(blob) == ref.size and sha256(blob) == ref.sha256:
            return blob
        raise BlobMissingError(
            "evidence-no-blob",
            f"this copy of the ledger does not hold {ref.sha256}, which the record names",
            meaning="What nobody here can see cannot be judged, so nothing is signed.",
            hint="Ask the coordinator, or who gave you the record, for that file and give it with --blob.",
        )

    return fetch


def judge_author(
    ledger: Ledger, accused: Accused, blobs: BlobSource, progress: Progress = ignore_progress
) -> Judgement:
    """Return what is false in a party's record.

    Args:
        ledger: A copy of the ledger.
        accused: The record.
        blobs: Where its blobs are.
        progress: Called with the entries folded and their number.

    Raises:
        RefusedError: nothing is, or nobody can tell from this copy.
        BlobMissingError: a blob is not here.
        ForgeryError: the copy is not in order.
    """
    agreement = _open(ledger)
    record = accused.record
    _check_whose(agreement, record)
    found: Judgement | None = None
    for entries, state in _states(ledger, progress):
        error = _error(state, record, blobs)
        if error is None:
            raise _allowed(agreement, record, entries)
        if found is None and _is_false(state, record, error):
            found = Judgement(record, agreement.party(record.author), entries, error)
    if found is None:
        raise _no_lie(agreement, record)
    _check_seen(ledger, agreement, found)
    return found


def judge_log(
    ledger: Ledger, accused: Accused, blobs: BlobSource, progress: Progress = ignore_progress
) -> Judgement:
    """Return why an entry of the ledger is wrong, held against the coordinator that logged it.

    Args:
        ledger: A copy of the ledger.
        accused: The record, an entry of it.
        blobs: Where its blobs are.
        progress: Called with the entries folded and their number.

    Raises:
        RefusedError: it is not logged, or in order.
        BlobMissingError: a blob is not here.
        ForgeryError: the copy is not in order before it.
    """
    agreement = _open(ledger)
    for entries, state in _states(ledger, progress):
        if entries == accused.entry:
            error = _error(state, accused.record, blobs)
            if error is not None:
                return Judgement(accused.record, agreement.coordinator, entries, error)
            break
    raise RefusedError(
        "evidence-entry-in-order",
        "the rules take this entry, or one before it is wrong already"
        if accused.entry is not None
        else "this record is not an entry of the ledger",
        meaning="Nothing was signed.",
        hint="`cotrain audit` names the first entry that is wrong, if there is one.",
    )


def _open(ledger: Ledger) -> Agreement:
    """Check file and checkpoints, and return the agreement."""
    verify_all(ledger)
    agreement = read_agreement(ledger)
    check_checkpoints(ledger, agreement)
    return agreement


def _states(ledger: Ledger, progress: Progress) -> Iterator[tuple[int, RunState]]:
    """Yield (entries, the state after them), from the agreement on, as far as the ledger is in order.

    Nothing from the first wrong entry on counts.
    """
    state, blobs = RunState(verify_proof=RememberingVerifier()), blobs_of(ledger, {})
    for index in range(ledger.size):
        try:
            record = decode_record(ledger.entry(index), verify_signature)
            apply_record(state, record, blobs)
        except BlobMissingError:
            raise  # that a blob was lost convicts nobody
        except CotrainError:
            return
        progress(index + 1, ledger.size)
        yield index + 1, state


def _error(state: RunState, record: Record, blobs: BlobSource) -> CotrainError | None:
    """Return why the rules refuse a record now; None if they take it."""
    try:
        check_record(state, record, blobs)
    except BlobMissingError:
        raise
    except CotrainError as error:
        return error
    return None


def _is_false(state: RunState, record: Record, error: CotrainError) -> bool:
    """Tell whether a refusal is for a false statement about a round that the ledger has come to."""
    number = getattr(record.body, "round", None)
    here = number is None or (state.round is not None and state.round.number == number)
    return here and isinstance(error, ForgeryError | MalformedError)


def _check_whose(agreement: Agreement, record: Record) -> None:
    """Check that a record is of a kind and an author that can be judged here.

    Raises:
        RefusedError: it is not.
    """
    if record.run != agreement.digest:
        raise RefusedError(
            "evidence-other-run",
            f"the record is of run {record.run[:16]}, the ledger of {agreement.digest[:16]}",
            meaning="It says nothing about this agreement.",
            hint="Give a ledger of the run that the record is of.",
        )
    agreement.party(record.author)
    if record.kind not in JUDGED:
        raise RefusedError(
            "evidence-kind-not-judged",
            f"a {record.kind} of a party cannot be judged from one copy of the ledger",
            meaning="Whether it was right follows from more than is seen here.",
            hint="If it is an entry that the audit names as wrong, hold it against the coordinator: --logged.",
        )


def _check_seen(ledger: Ledger, agreement: Agreement, found: Judgement) -> None:
    """Check that the author cosigned this history up to the point at which its record is false.

    Raises:
        RefusedError: it did not, as far as this copy shows.
    """
    author = found.record.author
    if author == agreement.coordinator.did or _cosigned(ledger, agreement, author) >= found.entries:
        return
    name = agreement.party(author).name
    raise RefusedError(
        "evidence-author-not-here",
        f"nothing in this copy shows that {name} saw the first {found.entries} entries of it",
        meaning="The coordinator may have shown it another history, for which the record was right.",
        hint=f"Compare with the copy of {name}: cotrain evidence find RUN --against COPY.",
    )


def _cosigned(ledger: Ledger, agreement: Agreement, did: str) -> int:
    """Return the size of the largest checkpoint of this ledger that a party cosigned; 0 if it cosigned none."""
    policy = log_policy(agreement)
    for size in reversed(ledger.checkpoint_sizes()):
        if did in policy.verify(ledger.checkpoint(size) or "").cosigned_at:
            return size
    return 0


def _allowed(agreement: Agreement, record: Record, entries: int) -> RefusedError:
    name = agreement.party(record.author).name
    return RefusedError(
        "evidence-record-in-order",
        f"the {record.kind} of {name} is in order: after entry {entries - 1} of the ledger the rules take it",
        meaning="If it was refused, it came late or twice, or the coordinator wronged its author. Nothing was signed.",
        hint="Sign no rejection of it, whoever asks.",
    )


def _no_lie(agreement: Agreement, record: Record) -> RefusedError:
    name = agreement.party(record.author).name
    return RefusedError(
        "evidence-no-lie",
        f"the {record.kind} of {name} is refused for when it came or who it is from, not for what it says",
        meaning="This ledger shows nothing false in it, so nothing was signed. The record may be of a later round.",
        hint="Look at a newer copy of the ledger, if there is one.",
    )
