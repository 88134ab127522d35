"""How far a copy of a ledger says that its run came: for what its holder does at its own risk."""

from cotrain.audit.auditor import ignore_progress, read_agreement
from cotrain.audit.judgement import blobs_of
from cotrain.audit.proofs import Progress
from cotrain.errors import CotrainError
from cotrain.identity.did_key import verify_signature
from cotrain.ledger.store import Ledger
from cotrain.records.record import decode_record
from cotrain.rounds.claims import Claim
from cotrain.rounds.rules import apply_record
from cotrain.rounds.state import RunState


def read_standing(ledger: Ledger, progress: Progress = ignore_progress) -> RunState:
    """Return what a copy of a ledger says, up to the first entry that is wrong or names a file that is not here.

    Proofs are not verified, and the file is not checked: that is the audit's.

    Args:
        ledger: A copy of the ledger.
        progress: Called with the entries folded and their number.

    Raises:
        CotrainError: the first entry is no agreement that a run can begin with.
    """
    read_agreement(ledger)
    state, blobs = RunState(verify_proof=_believe), blobs_of(ledger, {})
    for index in range(ledger.size):
        try:
            record = decode_record(ledger.entry(index), verify_signature)
            apply_record(state, record, blobs)
        except CotrainError:
            if index == 0:
                raise
            break
        progress(index + 1, ledger.size)
    return state


def _believe(claim: Claim, proof: bytes) -> None:
    """Take a proof for true."""
    del claim, proof
