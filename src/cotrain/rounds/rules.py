"""What may follow what: one rule for each kind of record, and how a record is applied.

A rule looks at the state, a record and its blobs, and either raises or returns the change to make. It changes
nothing before all is checked, so a refused record leaves no trace in the state.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cotrain.errors import MalformedError
from cotrain.ledger.tree import leaf_hash
from cotrain.records.kinds import (
    AbortBody,
    AgreementBody,
    AnswerBody,
    ApprovalBody,
    CheckBody,
    CloseBody,
    DatasetBody,
    ErasureBody,
    FinishBody,
    OpenBody,
    ReceiptBody,
    RefusalBody,
    ReleaseBody,
    RemovalBody,
    ResultBody,
    RevocationBody,
    ScoreBody,
    SignatureBody,
    SubmissionBody,
    SuccessorBody,
    SurvivorsBody,
    TallyBody,
    TransactionBody,
)
from cotrain.records.record import Record
from cotrain.rounds.end_rules import abort_rule, finish_rule, refusal_rule, result_rule
from cotrain.rounds.erasure_rules import erasure_rule
from cotrain.rounds.handover import successor_rule
from cotrain.rounds.money_rules import approval_rule, receipt_rule, transaction_rule
from cotrain.rounds.refusals import expect
from cotrain.rounds.removal_rules import removal_rule
from cotrain.rounds.round_rules import (
    answer_rule,
    check_rule,
    close_rule,
    open_rule,
    release_rule,
    submission_rule,
    survivors_rule,
)
from cotrain.rounds.score_rules import score_rule, tally_rule
from cotrain.rounds.setup_rules import agreement_rule, dataset_rule, revocation_rule, signature_rule
from cotrain.rounds.state import BlobSource, Change, Phase, RunState

Rule = Callable[[RunState, Record, Any, BlobSource], Change]

RULES: Mapping[type, Rule] = {
    AgreementBody: agreement_rule,
    SignatureBody: signature_rule,
    DatasetBody: dataset_rule,
    OpenBody: open_rule,
    SubmissionBody: submission_rule,
    CloseBody: close_rule,
    CheckBody: check_rule,
    AnswerBody: answer_rule,
    SurvivorsBody: survivors_rule,
    ReleaseBody: release_rule,
    ResultBody: result_rule,
    AbortBody: abort_rule,
    FinishBody: finish_rule,
    ScoreBody: score_rule,
    TallyBody: tally_rule,
    RevocationBody: revocation_rule,
    RemovalBody: removal_rule,
    ErasureBody: erasure_rule,
    TransactionBody: transaction_rule,
    ReceiptBody: receipt_rule,
    ApprovalBody: approval_rule,
    SuccessorBody: successor_rule,
    RefusalBody: refusal_rule,
}


def check_record(state: RunState, record: Record, blobs: BlobSource) -> Change:
    """Check that `record` may come next and return the change that it makes.

    Raises:
        CotrainError: it may not; the state is as before.
    """
    if state.phase is not Phase.OFFER:
        expect(record, "the run", record.run, state.terms.digest)
    rule = RULES.get(type(record.body))
    if rule is None:
        raise MalformedError("rule-unknown-kind", f"there is no rule for a {record.kind}")
    return rule(state, record, record.body, blobs)


def apply_record(state: RunState, record: Record, blobs: BlobSource) -> None:
    """Check `record` and change the state by it.

    Raises:
        CotrainError: it may not come next; the state is as before.
    """
    check_record(state, record, blobs)()
    state.tree = state.tree.extend([leaf_hash(record.data)])
