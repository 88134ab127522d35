"""A party as a holder of key shares: it checks those it is given and releases one sum; who is accused answers."""

from dataclasses import dataclass, field

from cotrain.encryption.cipher import generate_key
from cotrain.encryption.sealing import SEAL_OVERHEAD, open_sealed
from cotrain.encryption.sharing import deal, find_bad_shares, sum_shares, verify_share
from cotrain.errors import CotrainError
from cotrain.records.kinds import AnswerBody, CheckBody, ReleaseBody
from cotrain.records.record import Message, blob_ref
from cotrain.rounds.memory import Memory
from cotrain.rounds.state import RunState
from cotrain.rounds.submission import share_info
from cotrain.rounds.view import View


@dataclass(frozen=True)
class KeyHolder:
    """A party in its part as a holder of key shares.

    Attributes:
        memory: Its secrets.
        view: Its own view of the ledger; sealed shares are fetched through it.
    """

    memory: Memory
    view: View = field(repr=False)

    def check(self, state: RunState) -> Message:
        """Step 7: say which owners' shares are bad."""
        current = state.current
        shares = self._shares(state)
        known = {owner: share for owner, share in shares.items() if share is not None}
        commitments = [current.submissions[owner].key_commitments for owner in known]
        index = current.key_index(self.memory.identity.did)
        bad = find_bad_shares(state.derived.parameters, index, commitments, list(known.values()))
        wrong = {owner for place, owner in enumerate(known) if place in bad}
        complaints = [owner for owner, share in shares.items() if share is None or owner in wrong]
        body = CheckBody(round=current.number, close=current.close or "", complaints=complaints)
        return self.memory.message(state.terms.digest, body)

    def release(self, state: RunState) -> Message:
        """Step 10: release the sum of the survivors' shares.

        Raises:
            ForgeryError: it does not fit the commitments; a holder that was late to complain must not look like a liar.
        """
        current, did = state.current, self.memory.identity.did
        shares = self._shares(state)
        chosen = [current.answers.get((owner, did)) or shares[owner] for owner in current.survivors]
        summed = sum_shares(state.derived.parameters, [share or b"" for share in chosen])
        verify_share(
            state.derived.parameters, current.key_commitments, current.key_index(did), summed
        )
        body = ReleaseBody(
            round=current.number, survivors=current.survivors_record or "", share=blob_ref(summed)
        )
        return self.memory.message(state.terms.digest, body, summed)

    def _shares(self, state: RunState) -> dict[str, bytes | None]:
        """Return each submitting owner's share for this party; None where it cannot be opened."""
        run, current, did = state.terms.digest, state.current, self.memory.identity.did
        key = self.memory.sealing_key(run)
        size = state.derived.parameters.share_bytes + SEAL_OVERHEAD
        start = size * (current.key_index(did) - 1)
        shares: dict[str, bytes | None] = {}
        for owner, submission in current.submissions.items():
            sealed = self.view.fetch(submission.sealed_shares)[start : start + size]
            try:
                info = share_info(run, current.number, owner, did)
                shares[owner] = open_sealed(key.private_bytes_raw(), info, b"", sealed)
            except CotrainError:
                shares[owner] = None
        return shares


def answer(memory: Memory, state: RunState, holder: str) -> Message:
    """Step 8: publish the share that a holder complained of."""
    current, secrets = state.current, memory.round_secrets(state)
    key = generate_key(secrets.derive("key"))
    _, shares = deal(
        state.derived.parameters,
        key,
        current.threshold,
        len(current.holders),
        secrets.derive("sharing"),
    )
    share = shares[current.key_index(holder) - 1]
    body = AnswerBody(round=current.number, holder=holder, share=blob_ref(share))
    return memory.message(state.terms.digest, body, share)
