"""Re-check everything that a ledger can show, and say what it cannot.

Steps (docs/spec/audit.md): 1. the file and its tree; 2. the agreement, which names the run, the log's key and the
witnesses; 3. the last checkpoint and its cosignatures; 4. every entry, in order, by the same rules that the
parties follow: signatures, commitments, proofs, shares, opened sums, model steps; 5. what was spent; 6. every
transaction, run again on an EVM of the auditor's own.
The first entry that is wrong is named. A quick audit verifies a sample of the proofs, and says so.
"""

from collections import Counter
from dataclasses import dataclass, field

from cotrain.agreement.document import Agreement, PartyTerm, decode_agreement
from cotrain.audit.limits import not_checked, proven
from cotrain.audit.proofs import Progress, ProofFigures, ProofPool, Quick
from cotrain.audit.scores import ScoreAudit, audit_score
from cotrain.errors import CotrainError, ForgeryError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.fsck import verify_all
from cotrain.ledger.policy import VerifiedCheckpoint
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.records.kinds import AgreementBody, BlobRef
from cotrain.records.record import Record, decode_record
from cotrain.rounds.money import epsilon_spent
from cotrain.rounds.removal_rules import rows_gone
from cotrain.rounds.rules import apply_record
from cotrain.rounds.state import Erasure, Phase, RunState
from cotrain.rounds.witness import cosignatures_needed, log_policy
from cotrain.settlement.history import check_history
from cotrain.settlement.statement import MoneyFigures, read_statement


def ignore_progress(done: int, total: int) -> None:
    """Show nothing."""
    del done, total


@dataclass(frozen=True)
class OwnerAudit:
    """What the ledger says of one data owner.

    Attributes:
        name: Its name in the agreement.
        did: Its identity.
        rows: Rows it registered.
        removed: Which of them it took out of the run since, counted from 0.
        root: Root of its dataset commitment.
        rounds: Rounds in which it submitted.
        epsilon: Privacy spent on its rows, at the agreement's delta, as a decimal; None without noise.
        revoked: Whether it withdrew.
        erased: Its certificate of erasure; None if it gave none.
        proven_dataset: Whether the proof of its registration was verified.
        proven_updates: How many of its submissions had their proof verified.
        proven_removals: How many of its removals had their proof verified.
        score: Its score and its part of the pool; None where no scores are released, or not yet.
    """

    name: str
    did: str
    rows: int
    removed: tuple[int, ...]
    root: str
    rounds: int
    epsilon: float | None
    revoked: bool
    erased: Erasure | None
    proven_dataset: bool
    proven_updates: int
    proven_removals: int
    score: ScoreAudit | None


@dataclass(frozen=True)
class AuditReport:
    """The outcome of an audit that found nothing wrong.

    Attributes:
        run: SHA-256 of the agreement: the name of the run.
        agreement: The agreement.
        entries: Number of ledger entries, all checked.
        phase: How far the run came.
        opened_rounds: Rounds whose sum was opened.
        checked: What was checked, and how often.
        proofs: What was done with the proofs.
        not_checked: What no ledger of this version can show.
        cosigners: Parties that cosigned the last checkpoint.
        owners: What the ledger says of each data owner.
        refused: Records that the coordinator refused.
        state: The final state.
        money: Who paid and who was paid, read off the transactions that were run again; None if none is moved.
    """

    run: str
    agreement: Agreement
    entries: int
    phase: Phase
    opened_rounds: int
    checked: dict[str, int]
    proofs: ProofFigures
    not_checked: tuple[str, ...]
    cosigners: tuple[str, ...]
    owners: tuple[OwnerAudit, ...]
    refused: tuple[tuple[str, str, str], ...]
    state: RunState = field(repr=False)
    money: MoneyFigures | None = None

    @property
    def proven(self) -> tuple[str, ...]:
        """What is proven of the data and updates on the ledger: nothing unless every proof was verified."""
        carried = self.proofs.carried
        if not carried or not self.proofs.complete:
            return ()
        return proven(
            self.agreement,
            updates=carried["submission"] > 0,
            scores=carried["score"] > 0,
            removals=carried["removal"] > 0,
        )

    @property
    def assurance(self) -> str:
        """How far data and updates are backed, as found; never more than what was verified.

        "recorded", "proven" if every proof on the ledger was verified, "sampled" if some of them, "nothing" if the
        agreement asks for proofs and the run did not come to one.
        """
        if not self.agreement.is_proven:
            return "recorded"
        if not self.proofs.carried:
            return "nothing"
        return "proven" if self.proofs.complete else "sampled"


def audit(
    ledger: Ledger,
    *,
    expected_run: str | None = None,
    quick: Quick | None = None,
    progress: Progress = ignore_progress,
    proof_progress: Progress = ignore_progress,
) -> AuditReport:
    """Re-check a run from its ledger.

    Args:
        ledger: The ledger, opened read-only.
        expected_run: The run that the reader means; None to take the ledger's word for which run it is.
        quick: Verify a random sample of the proofs only; None to verify all.
        progress: Called with the entries checked and their number.
        proof_progress: Called with the proofs verified and the number to be verified.

    Raises:
        ForgeryError: something is wrong; names the first wrong entry.
        MalformedError: the file is not what it should be.
    """
    # Step 1.
    verify_all(ledger)
    # Step 2.
    agreement = read_agreement(ledger, expected_run)
    # Step 3.
    checkpoint = check_checkpoints(ledger, agreement)
    # Step 4.
    entries = _entries_with_proofs(ledger) if agreement.is_proven else []
    with ProofPool(entries, quick, _wrong_entry, proof_progress) as pool:
        state, kinds = _fold(ledger, pool, progress)
        proofs = pool.finish()
    # Step 5.
    unsure = _check_cosigners(agreement, state.phase, len(checkpoint.cosigned_at))
    # Step 6.
    money = read_money(state)
    return AuditReport(
        run=agreement.digest,
        agreement=agreement,
        entries=ledger.size,
        phase=state.phase,
        opened_rounds=len(state.opened),
        checked=_checked(state, kinds, proofs, len(checkpoint.cosigned_at)),
        proofs=proofs,
        not_checked=(*_skipped(proofs), *not_checked(agreement), *unsure),
        cosigners=tuple(checkpoint.cosigned_at),
        owners=tuple(_owner(state, proofs, party) for party in agreement.owners),
        refused=tuple(state.refusals),
        state=state,
        money=money,
    )


def read_money(state: RunState) -> MoneyFigures | None:
    """Run all transactions again, compare with the receipts, and read who was paid off what they told.

    Raises:
        ForgeryError: a receipt on the ledger is not what the contracts answer.
    """
    money = state.money
    if money is None:
        return None
    steps = [(answered.sent.raw, answered.receipt) for answered in money.history]
    outcomes = check_history(money.earlier, steps)
    told = [outcome.events for outcome in outcomes]
    return read_statement(money.terms, told, money.before)


def _check_cosigners(agreement: Agreement, phase: Phase, count: int) -> tuple[str, ...]:
    """Check that so many parties cosigned that no other history of the run can have as many.

    A run that ended early or goes on may lack them; then the audit says so in place of failing.
    """
    needed = cosignatures_needed(agreement)
    if count >= needed:
        return ()
    if phase is Phase.FINISHED:
        raise ForgeryError(
            "audit-too-few-cosignatures",
            f"{count} parties cosigned the last checkpoint, {needed} are needed",
            meaning="The coordinator could show another history of this run to others.",
            hint="Get the ledger from a party that cosigned it, or let the parties read and cosign it.",
        )
    return (
        f"that there is no other history of this run: {count} parties cosigned, {needed} are needed",
    )


def read_agreement(ledger: Ledger, expected_run: str | None = None) -> Agreement:
    """Step 2: return the agreement with which a ledger begins.

    Raises:
        ForgeryError: it begins with none, or with that of another run than is meant.
    """
    if ledger.size == 0:
        raise ForgeryError(
            "audit-empty", "the ledger has no entries", meaning="Nothing was agreed on or done."
        )
    try:
        record = decode_record(ledger.entry(0), verify_signature)
        if not isinstance(record.body, AgreementBody):
            raise ForgeryError("audit-no-agreement", f"it is a {record.kind}, not an agreement")
        agreement = decode_agreement(_blob(ledger, record.body.document))
    except CotrainError as error:
        raise _wrong_entry(0, error) from error
    if expected_run is not None and agreement.digest != expected_run:
        raise ForgeryError(
            "audit-other-run",
            f"the ledger is of run {agreement.digest}, not of {expected_run}",
            meaning="It may be in order, but it is not the ledger that you asked about.",
            hint="Get the ledger of the run that you mean.",
        )
    return agreement


def check_checkpoints(ledger: Ledger, agreement: Agreement) -> VerifiedCheckpoint:
    """Step 3: check every checkpoint's signatures, and that the last is of the whole ledger; return the last.

    Raises:
        ForgeryError: one does not hold, or entries come after the last.
    """
    note = ledger.latest_checkpoint()
    policy = log_policy(agreement)
    if note is None:
        raise ForgeryError("audit-no-checkpoint", "the ledger has no checkpoint")
    for size in ledger.checkpoint_sizes():
        policy.verify(ledger.checkpoint(size) or "")
    verified = policy.verify(note)
    if verified.checkpoint.size != ledger.size:
        raise ForgeryError(
            "audit-unsigned-entries",
            f"the last checkpoint is of {verified.checkpoint.size} entries, the ledger has {ledger.size}",
            meaning="The entries after it are not vouched for by anybody.",
            hint="Start the coordinator again to sign them, or get a complete copy.",
        )
    return verified


def _entries_with_proofs(ledger: Ledger) -> list[int]:
    """Return the entries that carry a proof; those that must and do not are found by the rules."""
    found = []
    for index in range(ledger.size):
        try:
            record = decode_record(ledger.entry(index), lambda *_: None)
        except CotrainError:
            break  # the fold comes to it, or to a wrong entry before it
        if getattr(record.body, "proof", None) is not None:
            found.append(index)
    return found


def _fold(ledger: Ledger, pool: ProofPool, progress: Progress) -> tuple[RunState, Counter[str]]:
    """Apply the rules to every entry; return the state, and how many records of each kind there are."""
    state, kinds = RunState(verify_proof=pool), Counter[str]()
    for index in range(ledger.size):
        try:
            record = _replay(ledger, state, pool, index)
        except ForgeryError:
            pool.finish()  # a proof before this entry may be wrong: then that is the first wrong entry
            raise
        kinds[record.kind] += 1
        progress(index + 1, ledger.size)
    return state, kinds


def _replay(ledger: Ledger, state: RunState, pool: ProofPool, index: int) -> Record:
    try:
        record = decode_record(ledger.entry(index), verify_signature)
        pool.enter(index, record.author)
        apply_record(state, record, lambda ref: _blob(ledger, ref))
    except CotrainError as error:
        raise _wrong_entry(index, error) from error
    return record


def _blob(ledger: Ledger, ref: BlobRef) -> bytes:
    blob = ledger.blob(bytes.fromhex(ref.sha256))
    if len(blob) != ref.size or sha256(blob) != ref.sha256:
        raise ForgeryError(
            "audit-bad-blob", f"the blob {ref.sha256} has other bytes than its name says"
        )
    return blob


def _wrong_entry(index: int, error: CotrainError) -> ForgeryError:
    return ForgeryError(
        "audit-wrong-entry",
        f"entry {index} is wrong: {error} [{error.code}]",
        meaning=error.meaning or "The ledger holds something that the rules do not allow.",
        hint="Nothing from this entry on counts. Compare with the copies of other parties.",
    )


def _skipped(proofs: ProofFigures) -> tuple[str, ...]:
    """Return what a quick audit left out."""
    if proofs.complete:
        return ()
    done, total = proofs.verified.total(), proofs.carried.total()
    return (
        f"that {total - done} of the {total} proofs hold: this was a quick audit, {done} drawn at random were verified",
    )


def _checked(
    state: RunState, kinds: Counter[str], proofs: ProofFigures, cosignatures: int
) -> dict[str, int]:
    survivors = sum(len(owners) for _, owners in state.opened)
    which = "proofs" if proofs.complete else "proofs, drawn at random,"
    proven_things = {
        f"{which} that a dataset satisfies the schema": proofs.verified["dataset"],
        f"{which} that an update is the agreed step": proofs.verified["submission"],
    }
    if kinds["removal"]:
        which_row = f"{which} that a removed row is all that changed"
        proven_things[which_row] = proofs.verified["removal"]
    if state.scoring is not None:
        proven_things[f"{which} that a score is what the updates make it"] = proofs.verified[
            "score"
        ]
    return {
        "records signed by their authors": sum(kinds.values()),
        "signatures under the agreement": kinds["signature"],
        "dataset commitments registered": kinds["dataset"],
        "submissions of the agreed shape": kinds["submission"],
        **(proven_things if state.terms.is_proven else {}),
        "sums of key shares that fit their commitments": kinds["release"],
        "contributions in opened sums, each once": survivors,
        "opened sums that open the product of the commitments": kinds["result"],
        "model steps recomputed": kinds["result"],
        **_checked_scores(state, kinds),
        **_checked_money(state),
        "cosignatures of the last checkpoint": cosignatures,
    }


def _checked_scores(state: RunState, kinds: Counter[str]) -> dict[str, int]:
    scoring = state.scoring
    if scoring is None:
        return {}
    return {
        "public validation gradients computed again": len(scoring.gradients),
        "divisions of the pool computed again from the scores": kinds["tally"],
    }


def _checked_money(state: RunState) -> dict[str, int]:
    money = state.money
    if money is None:
        return {}
    earlier = len(money.earlier.steps)
    return {
        **({"transactions of earlier runs on its chain, run again": earlier} if earlier else {}),
        "transactions run again on the auditor's own EVM, equal answers": len(money.history),
        "rounds anchored on the contract, as the ledger says": money.anchored,
        "signatures under the payment": len(money.approvals),
    }


def _owner(state: RunState, proofs: ProofFigures, party: PartyTerm) -> OwnerAudit:
    did = party.did
    registration, verified = state.datasets.get(did), proofs.by_author.get(did, Counter())
    return OwnerAudit(
        name=party.name,
        did=did,
        rows=registration.rows if registration else 0,
        removed=tuple(rows_gone(state, did)),
        root=registration.root if registration else "",
        rounds=state.submitted.get(did, 0),
        epsilon=epsilon_spent(state, did),
        revoked=did in state.revoked,
        erased=state.erased.get(did),
        proven_dataset=verified["dataset"] > 0,
        proven_updates=verified["submission"],
        proven_removals=verified["removal"],
        score=audit_score(state, did, proven=verified["score"] > 0),
    )
