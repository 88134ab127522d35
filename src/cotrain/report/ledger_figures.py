"""What a report reads off the ledger: bytes and submissions, the same after any number of interruptions."""

from collections import defaultdict
from dataclasses import dataclass, field

from cotrain.identity.did_key import verify_signature
from cotrain.ledger.store import Ledger
from cotrain.records.kinds import DatasetBody, OpenBody, ScoreBody, SubmissionBody
from cotrain.records.record import decode_record

_AFTER_ROUNDS = {"finish", "score", "tally", "erasure"}


def _by_name() -> dict[str, int]:
    return defaultdict(int)


@dataclass(frozen=True)
class LedgerFigures:
    """Sizes of what each party said, blobs included, and who submitted when.

    Attributes:
        bytes_by_kind: Author's did to kind of record to bytes.
        bytes_by_round: For each opened round, from its opening record to the next: did to bytes. What came before the
            first round is not in it.
        submitters: For each opened round the dids of those who submitted.
        proof_bytes: Author's did to kind of record to bytes of its proofs.
    """

    bytes_by_kind: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(_by_name))
    bytes_by_round: list[dict[str, int]] = field(default_factory=list)
    submitters: list[list[str]] = field(default_factory=list)
    proof_bytes: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(_by_name))


def read_ledger_figures(ledger: Ledger) -> LedgerFigures:
    """Return the figures of a ledger that was audited before.

    Raises:
        MalformedError: an entry is not a record.
        ForgeryError: an entry's signature does not hold.
    """
    figures = LedgerFigures()
    for entry in ledger.entries(0, ledger.size):
        record = decode_record(entry, verify_signature)
        size = len(entry) + sum(ref.size for ref in record.blobs)
        figures.bytes_by_kind[record.author][record.kind] += size
        if isinstance(record.body, DatasetBody | SubmissionBody | ScoreBody) and record.body.proof:
            figures.proof_bytes[record.author][record.kind] += record.body.proof.size
        if isinstance(record.body, OpenBody):
            figures.bytes_by_round.append(_by_name())
            figures.submitters.append([])
        if figures.bytes_by_round and record.kind not in _AFTER_ROUNDS:
            figures.bytes_by_round[-1][record.author] += size
        if record.kind == "submission":
            figures.submitters[-1].append(record.author)
    return figures
