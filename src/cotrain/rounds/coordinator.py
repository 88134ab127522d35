"""The coordinator: orders what the parties say and writes it to the ledger. Trusted for liveness only.

It keeps no state of its own: all it knows it folds from the ledger, so it can be killed at any moment and started
again. What arrives is buffered and written in the agreement's order, one step at a time, each step in one
transaction; what was buffered when it died is sent again by its authors.
"""

from collections.abc import Callable, Sequence
from functools import partial

from cotrain.agreement.document import Agreement
from cotrain.errors import CotrainError, ForgeryError, OutsideError, RefusedError
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.ports import Clock
from cotrain.records.kinds import (
    AbortBody,
    AgreementBody,
    BlobRef,
    Body,
    CloseBody,
    FinishBody,
    OpenBody,
    RefusalBody,
    ResultBody,
    SuccessorBody,
    SurvivorsBody,
    TallyBody,
    TransactionBody,
)
from cotrain.records.record import (
    Message,
    Record,
    blob_ref,
    check_blobs,
    decode_record,
    sign_record,
)
from cotrain.rounds.claims import RememberingVerifier
from cotrain.rounds.end_rules import (
    APPROVALS_MISSING,
    CONTRACT_REFUSED,
    SUM_DOES_NOT_OPEN,
    key_bytes,
    open_round,
    released_model,
    step,
    update_bytes,
)
from cotrain.rounds.handover import base_of
from cotrain.rounds.money import checkpoint_digest, has_due_transaction, money_of, next_act
from cotrain.rounds.money_rules import LEAVES_SEEN
from cotrain.rounds.money_state import MoneyState, Sent
from cotrain.rounds.node import (
    ODD_REVOCATIONS,
    check_number,
    check_stands,
    refusal_words,
    unlogged_leave,
)
from cotrain.rounds.offers import await_answer, offer_more
from cotrain.rounds.rules import apply_record, check_record
from cotrain.rounds.score_rules import due_parts, owes_score, scoring_of
from cotrain.rounds.state import Phase, RunState, digest_of, weights_bytes, weights_digest
from cotrain.rounds.witness import log_policy, log_signer, origin_of
from cotrain.settlement.acts import ANCHOR, LEAVE, payouts_root
from cotrain.settlement.chain.chain import Chain, OutbidError, Receipt
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.fees import check_fee
from cotrain.settlement.history import receipt_body
from cotrain.settlement.transactions import sign_act

_KIND_OF_PHASE = {
    Phase.SIGNING: "signature",
    Phase.REGISTERING: "dataset",
    Phase.SUBMITTING: "submission",
    Phase.CHECKING: "check",
    Phase.RELEASING: "release",
    Phase.SCORING: "score",
    Phase.APPROVING: "approval",
}

_DIRTY = -1


class Coordinator:
    """Orders and serves the records of one run; implements `Board` for its readers.

    Args:
        identity: Its keys; the agreement names it as coordinator.
        agreement: The agreement to run.
        ledger: The ledger, empty or with an earlier part of the same run.
        clock: For deadlines and for the time of each opened round.
        chain: Where the contracts are, if the agreement moves money.
        base: The file of the model that training begins with, if the agreement names one and the ledger is empty.

    Attributes:
        state: What the ledger says.
        heard: Number of messages taken so far.
    """

    def __init__(
        self,
        identity: Identity,
        agreement: Agreement,
        ledger: Ledger,
        clock: Clock,
        chain: Chain | None = None,
        base: bytes | None = None,
    ) -> None:
        if agreement.settlement is not None:
            _check_chain(agreement.settlement.chain_id, chain)
        self._chain = chain
        self.state = RunState()
        self._verifier = RememberingVerifier()
        self._identity = identity
        self._agreement, self._base = agreement, base
        self._policy = log_policy(agreement)
        self._ledger = ledger
        self._clock = clock
        self._pending: dict[tuple[str, str, str], Message] = {}
        self._logged: set[str] = set()
        self._all_spoke = False
        self._waits_for = Phase.OFFER
        self.heard = 0
        self._since = clock.now()
        self._folded = _DIRTY
        self._looked = self._since
        self._catch_up()
        if (
            self.state.money is not None
            and chain is not None
            and not self.state.money.terms.own_chain
        ):
            check_stands(chain, self.state.money.history)

    def verifying_seconds(self) -> float:
        """Return how long it verified proofs; for reports, nothing is decided by it."""
        return self._verifier.seconds

    def carry(self, kind: str, subject: str, raw: bytes) -> bool:
        """Log and carry out a signed transaction after the run; tell whether the contract took it.

        One that the chain could never take would wait on the ledger for its answer for ever, and nothing after it.

        Raises:
            CotrainError: it is none that may be logged now, or cannot enter the chain; nothing was done.
        """
        self.settle_pending()
        if self._chain is not None:
            self._chain.check_can_enter(raw)
        self._say(_transaction(kind, subject, raw), raw)
        self.settle_pending()
        return money_of(self.state).history[-1].receipt.succeeded

    def hand_over(self, run: str) -> None:
        """Log, after the run, that its chain goes on with another one; nothing is done if the ledger says so already.

        Raises:
            CotrainError: it cannot, or goes on with a third one.
        """
        self.settle_pending()
        if self.state.successor != run:
            steps = base_of(self.state, paid=True).steps
            self._say(SuccessorBody(run=run, transactions=len(steps)))

    def settle_pending(self) -> None:
        """After the run, carry out a transaction that was logged and has no answer yet, before a crash for one."""
        self._catch_up()
        while has_due_transaction(self.state):
            self._transact()

    # The board that readers see.

    def size(self) -> int:
        """Return the number of entries."""
        return self._ledger.size

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        """Return the entries from `start` up to and without `stop`."""
        return self._ledger.entries(start, stop)

    def blob(self, sha256_hex: str) -> bytes:
        """Return a blob."""
        return self._ledger.blob(bytes.fromhex(sha256_hex))

    def checkpoint(self, witness: str = "") -> str:
        """Return the latest checkpoint, with the cosignature of `witness` if it is there."""
        note = self._ledger.latest_checkpoint((self._policy.log_key.name, witness))
        if note is None:
            raise OutsideError("board-empty", "the ledger has no checkpoint yet")
        return note

    # What the parties send.

    def receive(self, message: Message) -> bool:
        """Take a message: buffer it, ignore it when it was seen before, or refuse it on the ledger.

        Returns:
            Whether it was buffered: not seen before, and allowed by the rules.

        Raises:
            ForgeryError: its blobs are not those that it names; nothing of it is kept.
        """
        check_blobs(message)
        self._catch_up()
        record = message.record
        if (
            record.digest in self._logged
            or _round_of(record, self.state.next_round) < self.state.next_round
        ):
            return False
        slot = _slot(record)
        held = self._pending.get(slot)
        if held is not None:
            if held.record.digest != record.digest:
                self._refuse(
                    message, "conflict", "another record of the same author and step came first"
                )
            return False
        try:
            check_record(self.state, record, lambda ref: message.blobs[ref.sha256])
        except CotrainError as error:
            if error.code not in {"rule-out-of-turn", "rule-counted-already"}:
                self._refuse(message, error.code, str(error))
            return False
        self._pending[slot] = message
        self.heard += 1
        return True

    def cosigned(self, note: str) -> None:
        """Add the cosignatures of `note` to the checkpoint that it signs.

        Raises:
            ForgeryError: a cosignature does not hold, or is of another tree.
        """
        self._ledger.add_checkpoint(note, self._policy)

    # What the coordinator says.

    def tick(self, *, all_spoke: bool = False) -> bool:
        """Write the next step to the ledger if its time has come; tell whether anything was written.

        Args:
            all_spoke: The transport knows that nobody who is alive has anything more to say, so waiting for
                the deadline is in vain.
        """
        self._all_spoke = all_spoke
        self._catch_up()
        if self.state.phase in {Phase.FINISHED, Phase.ABORTED}:
            return self._take("erasure")
        if self._take("revocation") or self._take("erasure") or self._take("removal"):
            return True
        if self.state.money is not None and self.state.money.refused is not None:
            return self._abort(CONTRACT_REFUSED, self._refusal(self.state.money))
        self._looked = self._clock.now()
        settled = self._settle()
        if settled is not None:
            return settled
        steps: dict[Phase, Callable[[], bool]] = {
            Phase.OFFER: self._offer,
            Phase.SIGNING: self._collect_signatures,
            Phase.REGISTERING: self._collect_datasets,
            Phase.BETWEEN: self._open_or_finish,
            Phase.SUBMITTING: self._close,
            Phase.CHECKING: self._settle_complaints,
            Phase.RELEASING: self._open_sum,
            Phase.SCORING: self._close_scores,
            Phase.APPROVING: self._collect_approvals,
        }
        next_step = steps.get(self.state.phase)
        return next_step is not None and next_step()

    # Step 1.
    def _offer(self) -> bool:
        parts = [self._agreement.data] if self._base is None else [self._agreement.data, self._base]
        document, *base = map(blob_ref, parts)
        return self._say(AgreementBody(document=document, base=base[0] if base else None), *parts)

    # Step 2.
    def _collect_signatures(self) -> bool:
        everybody = [party.did for party in self._agreement.parties]
        if self._ready([did for did in everybody if did not in self.state.sealing_keys]):
            return self._write(self._pending_of("signature"))
        return self._late() and self._abort("signatures-missing", "not every party signed in time")

    # Step 3.
    def _collect_datasets(self) -> bool:
        owners = [party.did for party in self._agreement.owners]
        if self._ready([did for did in owners if did not in self.state.datasets]):
            return self._write(self._pending_of("dataset"))
        return self._late() and self._abort(
            "below-quorum", "not every owner registered its data in time"
        )

    # Steps 4 and 12.
    def _open_or_finish(self) -> bool:
        state, terms = self.state, self._agreement
        if state.next_round == terms.rounds:
            model = released_model(state)
            return self._say(FinishBody(rounds=terms.rounds, model=blob_ref(model)), model)
        # Not later than the look for revocations: one that came since must not precede the round.
        now = max(self._looked, state.last_time)
        if now >= terms.expires:
            return self._abort("expired", f"the agreement expired at {terms.expires}")
        if not state.can_open():
            return self._abort("below-quorum", "too many owners revoked")
        model_digest = weights_digest(state.weights[-1])
        return self._say(
            OpenBody(round=state.next_round, model=model_digest, beacon=state.beacon, time=now)
        )

    # Steps 5 and 6.
    def _close(self) -> bool:
        current = self.state.current
        waiting = [owner for owner in current.owners if owner not in current.submissions]
        if not (self._ready(waiting) or self._late()):
            return False
        if len(current.submissions) + len(self._pending_of("submission")) == 0:
            return self._abort("below-quorum", "nobody submitted in time")
        self._write(self._pending_of("submission"))
        count, quorum = len(current.submissions), self._agreement.quorum.survivors
        if count < quorum:
            return self._abort(
                "below-quorum", f"{count} owners submitted in time, {quorum} are needed"
            )
        digests = [submission.digest for submission in current.submissions.values()]
        return self._say(CloseBody(round=current.number, submissions=digest_of(digests)))

    # Steps 7 to 9.
    def _settle_complaints(self) -> bool:
        current = self.state.current
        checks = self._pending_of("check")
        waiting = [holder for holder in current.holders if holder not in current.checks]
        if checks and (self._ready(waiting) or self._late()):
            return self._write(checks)
        if self._pending_of("answer"):
            return self._write(self._pending_of("answer"))
        enough = len(current.checks) >= current.threshold
        if (current.open_complaints() or not enough) and not self._late():
            return False
        excluded = current.excluded()
        survivors = [owner for owner in current.submissions if owner not in excluded]
        quorum = self._agreement.quorum.survivors
        if len(survivors) < quorum:
            return self._abort("below-quorum", f"{len(survivors)} survivors, {quorum} are needed")
        if not enough:
            reason = f"{len(current.checks)} key holders checked, {current.threshold} are needed"
            return self._abort("below-quorum", reason)
        digests = [current.submissions[owner].digest for owner in survivors]
        return self._say(
            SurvivorsBody(
                round=current.number,
                close=current.close or "",
                excluded=excluded,
                survivors=digest_of(digests),
            )
        )

    # Steps 10 and 11.
    def _open_sum(self) -> bool:
        current = self.state.current
        waiting = [holder for holder in current.holders if holder not in current.releases]
        if waiting and not (self._ready(waiting) or self._late()):
            return False
        self._write(self._pending_of("release"))
        if len(current.releases) < current.threshold:
            reason = f"{len(current.releases)} key holders released, {current.threshold} are needed"
            return self._abort("releases-missing", reason)
        return self._say_result()

    def _say_result(self) -> bool:
        current = self.state.current
        try:
            opened = open_round(self.state)
        except ForgeryError as error:
            return self._abort(SUM_DOES_NOT_OPEN, str(error))
        weights = step(self.state, opened)
        blobs = (update_bytes(opened), opened.blinding, key_bytes(opened), weights_bytes(weights))
        body = ResultBody(
            round=current.number,
            survivors=current.survivors_record or "",
            update_sum=blob_ref(blobs[0]),
            blinding_sum=blob_ref(blobs[1]),
            key_sum=blob_ref(blobs[2]),
            model=weights_digest(weights),
            weights=blob_ref(blobs[3]),
        )
        return self._say(body, *blobs)

    # Money: log the transaction that is due, send it, log the answer.
    def _settle(self) -> bool | None:
        """Take the step of money that comes before anything else; None if there is none."""
        try:
            if self._log_leave():
                return True
            return self._transact() if has_due_transaction(self.state) else None
        except RefusedError as error:
            if error.code not in ODD_REVOCATIONS or self._late():
                raise
            return False  # its owner may still put the signed revocation on the ledger

    def _transact(self) -> bool:
        money, chain = money_of(self.state), self._chain
        if chain is None:  # the constructor saw to it
            return False
        waiting = money.waiting
        if waiting is not None:
            return self._take_answer(money, chain, waiting)
        act = next_act(self.state)
        if act is None:
            return False
        account = account_of(self._identity)
        own = money.terms.own_contracts
        number = money.sent_by(account.address) if own else chain.nonce(account.address)
        fees = chain.fees()
        if not money.terms.own_chain:
            check_number(money, chain, account.address)
            check_stands(chain, money.history[-1:])
            check_fee(chain, account.address, act, fees)
        raw = sign_act(account, act, chain.chain_id, number, fees)
        shown = checkpoint_digest(self.state) if act.kind == ANCHOR else None
        signature = None if shown is None else account.sign(shown).hex()
        return self._say(_transaction(act.kind, act.subject, raw, signature), raw)

    def _take_answer(self, money: MoneyState, chain: Chain, waiting: Sent) -> bool:
        """Log the answer to what waits for one; or that it is offered more for, which is sent with the next step."""
        account = account_of(self._identity)
        try:
            receipt = await_answer(chain, money, waiting, account)
        except OutbidError as outbid:
            raw = offer_more(chain, account, waiting, outbid.asked)
            return self._say(_transaction(waiting.act.kind, waiting.act.subject, raw), raw)
        if self._log_leave(receipt):
            return True
        carried_out = next(sent for sent in waiting.offers if sent.raw == receipt.raw)
        return self._say(receipt_body(carried_out.digest, receipt, money.terms))

    def _log_leave(self, before: Receipt | None = None) -> bool:
        """Log a revocation that an owner sent to the node itself, if there is one (before an answer)."""
        money, chain = self.state.money, self._chain
        if money is None or chain is None or self.state.phase not in LEAVES_SEEN:
            return False
        if money.leaving is not None or (money.sent is not None and before is None):
            return False
        found = unlogged_leave(money, chain, before)
        if found is None:
            return False
        did, raw = found
        return self._say(_transaction(LEAVE, did, raw), raw)

    def _refusal(self, money: MoneyState) -> str:
        return str(money.refused) if self._chain is None else refusal_words(self._chain, money)

    # Scores: those that come in time are the ones that count.
    def _close_scores(self) -> bool:
        state = self.state
        scoring = scoring_of(state)
        owners = [party.did for party in self._agreement.owners if owes_score(state, party.did)]
        waiting = [owner for owner in owners if owner not in scoring.released]
        if not (self._ready(waiting) or self._late()):
            return False
        self._write(self._pending_of("score"))
        root = payouts_root(money_of(state).terms, due_parts(state))
        return self._say(TallyBody(scores=digest_of(scoring.digests), payouts=root.hex()))

    def _collect_approvals(self) -> bool:
        money = money_of(self.state)
        waiting = [p.did for p in self._agreement.parties if p.did not in money.approvals]
        if self._ready(waiting) or (self._late() and self._pending_of("approval")):
            return self._write(self._pending_of("approval"))
        needed, count = money.terms.settlement.quorum, len(money.approvals)
        reason = f"{count} parties approved the payment, {needed} are needed"
        return self._late() and self._abort(APPROVALS_MISSING, reason)

    # Writing.

    def _ready(self, authors: Sequence[str]) -> bool:
        kind = _KIND_OF_PHASE[self.state.phase]
        present = {message.record.author for message in self._pending_of(kind)}
        return all(author in present for author in authors)

    def _late(self) -> bool:
        return self._all_spoke or self._clock.now() - self._since >= self._agreement.step_seconds

    def _pending_of(self, kind: str) -> list[Message]:
        """Return the buffered messages of a kind in the agreement's order of authors."""
        order = {party.did: place for place, party in enumerate(self._agreement.parties)}
        found = [message for slot, message in self._pending.items() if slot[0] == kind]
        return sorted(
            found, key=lambda message: (order[message.record.author], message.record.digest)
        )

    def _take(self, kind: str) -> bool:
        return self._write(self._pending_of(kind))

    def _abort(self, code: str, reason: str) -> bool:
        number = self.state.round.number if self.state.round else 0
        return self._say(AbortBody(round=number, code=code, reason=reason[:2000]))

    def _refuse(self, message: Message, code: str, reason: str) -> None:
        """Log that a party's signed record was refused, once for each author, kind and code.

        With it are kept the blobs that everybody needs to judge it. What strangers send is not logged, or anybody
        could fill the ledger.
        """
        record = message.record
        if self.state.phase in {Phase.OFFER, Phase.FINISHED, Phase.ABORTED}:
            return
        if all(record.author != party.did for party in self._agreement.parties):
            return
        if (record.author, record.kind, code) in self.state.refusals:
            return
        body = RefusalBody(
            author=record.author,
            refused=record.kind,
            code=code,
            reason=reason[:2000],
            evidence=blob_ref(record.data),
        )
        needed = (ref.sha256 for ref in record.common_blobs)
        self._say(
            body, record.data, *(message.blobs[name] for name in needed if name in message.blobs)
        )

    def _say(self, body: Body, *blobs: bytes) -> bool:
        record = sign_record(self._identity, self._agreement.digest, body)
        message = Message(record, {blob_ref(data).sha256: data for data in blobs})
        folded, self._folded = self._folded, _DIRTY
        apply_record(self.state, record, partial(self._blob_of, message))
        return self._append([message], folded)

    def _write(self, messages: list[Message]) -> bool:
        """Apply and append the parties' messages in one transaction; those that fail now are refused."""
        applied: list[Message] = []
        refused: list[tuple[Message, CotrainError]] = []
        folded, self._folded = self._folded, _DIRTY
        for message in messages:
            self._pending.pop(_slot(message.record), None)
            try:
                apply_record(self.state, message.record, partial(self._blob_of, message))
            except CotrainError as error:
                refused.append((message, error))
            else:
                applied.append(message)
        self._append(applied, folded)
        for message, reason in refused:
            self._refuse(message, reason.code, str(reason))
        return bool(applied)

    def _append(self, applied: list[Message], folded: int) -> bool:
        """Append what was applied to the state of `folded` entries."""
        if applied:
            blobs = [blob for message in applied for blob in message.blobs.values()]
            self._ledger.append([message.record.data for message in applied], blobs)
            self._logged.update(message.record.digest for message in applied)
            self._sign_checkpoint()
            self._turn_page(applied)
        self._folded = folded + len(applied)
        return bool(applied)

    def _turn_page(self, applied: list[Message]) -> None:
        """Start a new deadline where the run waits for something new, and forget what came too late."""
        checked = any(message.record.kind == "check" for message in applied)
        if self.state.phase is self._waits_for and not checked:
            return
        self._since = self._clock.now()
        if self.state.phase is not self._waits_for:
            self._waits_for = self.state.phase
            lasting = {"revocation", "erasure", "removal"}
            self._pending = {s: held for s, held in self._pending.items() if s[0] in lasting}

    def _catch_up(self) -> None:
        """Fold the ledger anew unless the state is known to be that of all its entries.

        It is not at the start, nor after a write that failed: then the state is ahead of the disk.
        """
        if self._folded == self._ledger.size:
            return
        state, logged = RunState(verify_proof=self._verifier), set()
        for entry in self._ledger.entries(0, self._ledger.size):
            record = decode_record(entry, verify_signature)
            apply_record(state, record, self._blob)
            logged.add(record.digest)
        self.state, self._logged, self._waits_for = state, logged, state.phase
        self._sign_checkpoint()
        self._folded = self._ledger.size

    def _sign_checkpoint(self) -> None:
        size, run = self._ledger.size, self._agreement.digest
        if size > 0 and self._ledger.checkpoint(size) is None:
            self._ledger.issue_checkpoint(origin_of(run), log_signer(self._identity, run))

    def _blob(self, ref: BlobRef) -> bytes:
        return self._ledger.blob(bytes.fromhex(ref.sha256))

    def _blob_of(self, message: Message, ref: BlobRef) -> bytes:
        found = message.blobs.get(ref.sha256)
        return self._blob(ref) if found is None else found


def _check_chain(chain_id: int, chain: Chain | None) -> None:
    if chain is None:
        raise OutsideError(
            "settlement-no-chain",
            "the agreement moves money, and no chain was given",
            meaning="Nobody could be paid, so the run does not begin.",
            hint="Start it with `cotrain run`, which keeps a chain beside the ledger.",
        )
    if chain.chain_id != chain_id:
        raise OutsideError(
            "settlement-other-chain",
            f"the agreement's contracts are on chain {chain_id}, the chain given is {chain.chain_id}",
            meaning="Signatures for one chain count for nothing on another.",
            hint="Open the run with a chain of the number that stands in the agreement.",
        )


def _transaction(
    kind: str, subject: str, raw: bytes, checkpoint: str | None = None
) -> TransactionBody:
    return TransactionBody(act=kind, subject=subject, raw=blob_ref(raw), checkpoint=checkpoint)


def _round_of(record: Record, default: int) -> int:
    """Return the round that a record speaks of."""
    return int(getattr(record.body, "round", default))


def _slot(record: Record) -> tuple[str, str, str]:
    """Return what one record of the present step can be of: kind, author, and for answers the holder."""
    return record.kind, record.author, str(getattr(record.body, "holder", ""))
