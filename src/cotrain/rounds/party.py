"""A party: reads the ledger, and says what is its turn to say.

`speak` looks at the party's own checked view and returns the messages that are due. Each is written to the
journal before it is returned, and returned again, byte for byte, until it stands in the ledger. So a party can
be killed at any moment, a message can be lost or doubled, and still it never says two different things.

What the party refuses to do (a budget that is spent, an agreement that expired), and what it notices (its
submission was left out), it keeps in `refusals`.
"""

import time
from collections.abc import Sequence
from functools import partial

from cotrain.dataset.registration import commit_dataset
from cotrain.errors import CotrainError, DataError, ForgeryError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.ledger.follower import Follower
from cotrain.ports import Clock, Entropy, Store
from cotrain.proofs.registration import prove_registration
from cotrain.records.kinds import (
    Consent,
    DatasetBody,
    ErasureBody,
    RevocationBody,
    ScoreBody,
    SignatureBody,
)
from cotrain.records.record import Message, blob_ref
from cotrain.rounds.erasure_rules import ROWS, erasing_key, erasure_reason, secrets_of
from cotrain.rounds.forgetting import destroy_secrets, forget_rounds, forget_words
from cotrain.rounds.key_holder import KeyHolder, answer
from cotrain.rounds.memory import Memory, journal_lost, round_key
from cotrain.rounds.money import money_of
from cotrain.rounds.owned import OwnedData, keep_fingerprint, kept_fingerprints
from cotrain.rounds.payee import approval, check_paid_in, consent, leaving_signature
from cotrain.rounds.removal_rules import rows_gone
from cotrain.rounds.removals import (
    DatasetSecrets,
    build_removal,
    carry_out,
    check_enough,
    due_row,
    due_to_go,
    replaced_blindings,
    secret_key,
)
from cotrain.rounds.score_rules import draws_score_noise, owes_score, scoring_of
from cotrain.rounds.scoring import Openings, ScoreWord, prove_score
from cotrain.rounds.setup_rules import (
    TOO_LATE_TO_REVOKE,
    coin_commitment,
    draws_noise,
    registration_claim,
)
from cotrain.rounds.state import Phase, RoundState, RunState
from cotrain.rounds.submission import (
    CommittedUpdate,
    RoundSecrets,
    SubmissionSecrets,
    build_submission,
    prove_update,
)
from cotrain.rounds.view import Board, View
from cotrain.rounds.witness import witness_signer
from cotrain.rounds.words import WordBook, WordSecrets


class Party:
    """One party of one run.

    Args:
        identity: Its keys.
        view: Its own view of the ledger.
        journal: Its memory across crashes.
        entropy: Where fresh secrets come from.
        clock: Its own clock: it does not believe the coordinator's.
        data: What it owns; None for a party without data.

    Attributes:
        view: Its own view of the ledger.
        refusals: Why it was silent when it could have spoken.
    """

    def __init__(
        self,
        identity: Identity,
        view: View,
        journal: Store,
        entropy: Entropy,
        clock: Clock,
        data: OwnedData | None = None,
    ) -> None:
        self.identity = identity
        self.view = view
        self.refusals: list[CotrainError] = []
        self._proving = 0.0
        self._journal = journal
        self._memory = Memory(identity, journal, entropy)
        self._holder = KeyHolder(self._memory, view)
        self._entropy = entropy
        self._clock = clock
        self._data = data

    @property
    def did(self) -> str:
        """The party's public name."""
        return self.identity.did

    def proving_seconds(self) -> float:
        """Return how long it made proofs; for reports, nothing is decided by it."""
        return self._proving

    def approve(self, run: str) -> None:
        """Consent to the agreement with this hash; without it the party never signs."""
        self._journal.put(f"approved/{run}", b"yes")

    def revoke(self, run: str, reason: str) -> None:
        """Withdraw this party's data from the next round on."""
        self._journal.put(f"revoked/{run}", reason.encode())

    def read(self, board: Board) -> str | None:
        """Read and check what is new on the board; return the checkpoint with this party's cosignature.

        The last checkpoint that this party cosigned is in its journal, so even after a restart it notices a
        ledger that was rolled back or forked.

        Returns:
            None when the board has this party's cosignature already, or when this party is the log itself.

        Raises:
            ForgeryError: the board forks, rolls back, or serves an entry that breaks a rule.
        """
        self.view.advance(board, self._pinned(), witness=self.did)
        seen = self.view.follower.encode().encode()
        if self._journal.get("follower") != seen:
            self._journal.put("follower", seen)  # before the cosignature leaves this party
        signer = witness_signer(self.identity)
        logged = self.view.state.terms.coordinator.did == self.did
        if logged or signer.name in self.view.cosigners:
            return None
        return self.view.follower.cosign(signer, self._clock.now())

    def speak(self) -> list[Message]:
        """Return the messages that are due now; empty when it is the turn of others."""
        state = self.view.state
        if state.phase is Phase.OFFER:
            return []
        run = state.terms.digest
        if self.did in state.sealing_keys and self._journal.get(f"approved/{run}") is None:
            return self._silent(journal_lost("it signed, and its journal knows nothing of it"))
        forget_words(self._journal, state, self.did)
        self._destroy_removed(state)
        turns = {
            Phase.SIGNING: self._sign,
            Phase.REGISTERING: self._register,
            Phase.FUNDING: _nothing,
            Phase.BETWEEN: self._forget,
            Phase.SUBMITTING: self._submit,
            Phase.CHECKING: self._check,
            Phase.RELEASING: self._release,
            Phase.ANCHORING: self._forget,
            Phase.SCORING: self._score,
            Phase.APPROVING: self._approve_payment,
            Phase.PAYING: self._forget,
            Phase.FINISHED: self._forget,
            Phase.ABORTED: self._forget,
        }
        due = self._revocation(state) + turns[state.phase](state)
        return due + self._removal(state) + self._erasure(state)

    # Step 2: sign, if the owner of this agent has approved exactly this agreement.
    def _sign(self, state: RunState) -> list[Message]:
        run = state.terms.digest
        if self.did in state.sealing_keys or self._journal.get(f"approved/{run}") is None:
            return []

        def build() -> Message:
            sealing = self._memory.sealing_key(run).public_key().public_bytes_raw().hex()
            commitment = coin_commitment(run, self.did, self._memory.run_secret(run, "coin").hex())
            words, score_word = self._first_words(state), self._score_word(state)
            body = SignatureBody(
                sealing_key=sealing,
                coin_commitment=commitment,
                noise_words=blob_ref(words[0]) if words else None,
                score_word=blob_ref(score_word[0]) if score_word else None,
                consent=None if self._owns(state) else self._consent(state, None),
            )
            return self._memory.message(run, body, *words, *score_word)

        return [self._memory.once(run, "signature", build)]

    # Step 3: commit to the rows, prove that they satisfy the schema, and reveal the coin.
    def _register(self, state: RunState) -> list[Message]:
        data, run = self._data, state.terms.digest
        if data is None or self.did in state.datasets or self.did in state.revoked:
            return []

        def build() -> Message:
            schema_hash = state.terms.data_schema.digest().hex()
            seed = self._entropy.draw(f"dataset/{run}", 32)
            committed = commit_dataset(data.rows, schema_hash, seed)
            proof = self._prove_dataset(state, data, committed.commitments, seed)
            body = DatasetBody(
                root=committed.root,
                rows=committed.layout.rows,
                schema_hash=schema_hash,
                commitments=blob_ref(committed.commitments),
                coin=self._memory.run_secret(run, "coin").hex(),
                proof=blob_ref(proof[0]) if proof else None,
                consent=self._consent(state, committed.root),
            )
            self._journal.put(_dataset_seed_key(run), seed)
            keep_fingerprint(self._journal, run, data.fingerprint)
            return self._memory.message(run, body, committed.commitments, *proof)

        return [self._memory.once(run, "dataset", build)]

    # Step 5: train, noise, commit, prove, encrypt, share; only within the agreement and the budget.
    def _submit(self, state: RunState) -> list[Message]:
        current, data = state.current, self._data
        if data is None or self.did not in current.owners or self.did in current.submissions:
            return []
        if self._journal.get(f"revoked/{state.terms.digest}") is not None:
            return []

        def build() -> Message:
            self._check_expiry(state)
            self._check_rows(state, data)
            check_paid_in(state, self.did)
            secrets = self._submission_secrets(state, data)
            self._openings(state).keep(state.current.number, secrets)
            return build_submission(self.identity, state, secrets, self._prove_update)

        try:
            return [self._memory.once(state.terms.digest, f"submission/{current.number}", build)]
        except (RefusedError, DataError, ForgeryError) as refusal:
            return self._silent(refusal)

    # Steps 7 and 8: check the shares received; answer those who complain about ours.
    def _check(self, state: RunState) -> list[Message]:
        current, run = state.current, state.terms.digest
        due = self._notice_dropped(state, current)
        if self.did in current.holders and self.did not in current.checks:
            build = partial(self._holder.check, state)
            try:
                due.append(self._memory.once(run, f"check/{current.number}", build))
            except (
                CotrainError
            ) as withheld:  # a share that the board does not serve accuses no owner
                due += self._silent(withheld)
        accusers = [holder for holder, accused in current.checks.items() if self.did in accused]
        if len(accusers) > state.terms.quorum.holder_colluders:
            return due + self._silent(_too_many_complaints(len(accusers), state))
        for holder in accusers:
            if (self.did, holder) not in current.answers:
                label = f"answer/{current.number}/{holder}"
                build = partial(answer, self._memory, state, holder)
                due.append(self._memory.once(run, label, build))
        return due

    # Step 10: release one sum of shares for the one set of survivors of this round.
    def _release(self, state: RunState) -> list[Message]:
        current = state.current
        if self.did not in current.holders or self.did in current.releases:
            return []
        # One label for the whole round: whatever set is asked for later, the first answer stands.
        label = f"release/{current.number}"
        build = partial(self._holder.release, state)
        try:
            return [self._memory.once(state.terms.digest, label, build)]
        except CotrainError as refusal:
            return self._silent(refusal)

    # After the last round, where a pool is divided by scores: release one, proven from all that was counted.
    def _score(self, state: RunState) -> list[Message]:
        data, run = self._data, state.terms.digest
        if (
            data is None
            or not owes_score(state, self.did)
            or self.did in scoring_of(state).released
        ):
            return []

        def build() -> Message:
            self._check_rows(state, data)
            score, proof = self._prove_score(state, data)
            return self._memory.message(
                run, ScoreBody(score=str(score), proof=blob_ref(proof)), proof
            )

        try:
            return [self._memory.once(run, "score", build)]
        except (RefusedError, DataError) as refusal:
            return self._silent(refusal)

    # After that: run all transactions again, and sign the payment if all is as the ledger says.
    def _approve_payment(self, state: RunState) -> list[Message]:
        money, run = money_of(state), state.terms.digest
        if self.did in money.approvals or money.sent is not None:
            return self._forget(state)

        def build() -> Message:
            return self._memory.message(run, approval(self.identity, state))

        try:
            return [
                *self._forget(state),
                self._memory.once(run, f"approval/{len(money.history)}", build),
            ]
        except CotrainError as refusal:
            return self._silent(refusal)

    def _consent(self, state: RunState, root: str | None) -> Consent | None:
        return consent(self.identity, state, root)

    def _owns(self, state: RunState) -> bool:
        return "data_owner" in state.terms.party(self.did).roles

    def _silent(self, refusal: CotrainError) -> list[Message]:
        """Say nothing, and keep why, once."""
        if str(refusal) not in map(str, self.refusals):
            self.refusals.append(refusal)
        return []

    def _notice_dropped(self, state: RunState, current: RoundState) -> list[Message]:
        """Notice that the round was closed without the submission that this party sent."""
        sent = self._journal.get(f"{state.terms.digest}/sent/submission/{current.number}")
        if sent is None or self.did in current.submissions:
            return []
        return self._silent(
            RefusedError(
                "party-submission-dropped",
                f"round {current.number} was closed without this party's submission",
                meaning="It came too late, or the coordinator left it out. It stays charged to the budget.",
                hint="Check the connection; if it happens again, ask the other parties what they saw.",
            )
        )

    def _forget(self, state: RunState) -> list[Message]:
        """Destroy the secrets and the copies of rounds that are over; the ledger keeps what was said."""
        forget_rounds(self._journal, state)
        return []

    def _revocation(self, state: RunState) -> list[Message]:
        run = state.terms.digest
        reason = self._journal.get(f"revoked/{run}")
        done = state.phase in TOO_LATE_TO_REVOKE or self.did in state.revoked
        if reason is None or done:
            return []

        def build() -> Message:
            body = RevocationBody(
                reason=reason.decode(), signature=leaving_signature(self.identity, state)
            )
            return self._memory.message(run, body)

        return [self._memory.once(run, "revocation", build)]

    def _removal(self, state: RunState) -> list[Message]:
        """Take the next row out of the dataset that this owner was asked to take out."""
        data, run = self._data, state.terms.digest
        row = due_row(self._journal, state, self.did)
        if data is None or row is None:
            return []

        def build() -> Message:
            check_enough(state, self.did)
            self._check_rows(state, data)
            fresh = (
                self._memory.kept(secret_key(run, row), f"removal/{run}/{row}"),
                self._entropy.draw(f"removal-proof/{run}/{row}", 32),
            )
            secrets = self._dataset_secrets(state, rows_gone(state, self.did))
            body, blobs = build_removal(state, self.did, row, data.rows, secrets, fresh)
            return self._memory.message(run, body, *blobs)

        try:
            return [self._memory.once(run, f"removal/{row}", build)]
        except (RefusedError, DataError) as refusal:
            return self._silent(refusal)

    def _destroy_removed(self, state: RunState) -> None:
        """Destroy rows that are out of the run, after what a score will be made from was computed with them."""
        data = self._data
        if data is not None and due_to_go(state, self.did, data):
            self._openings(state).freeze(data.rows, self.did)
            self._data = carry_out(self._journal, state, self.did, data)

    def _dataset_secrets(self, state: RunState, gone: Sequence[int]) -> DatasetSecrets:
        """Return the blindings of the registered rows, as they are when some are gone.

        Raises:
            RefusedError: the journal was lost.
        """
        seed = self._journal.get(_dataset_seed_key(state.terms.digest))
        if seed is None:
            raise journal_lost("the seed of its dataset is not in it")
        return DatasetSecrets(seed, replaced_blindings(self._journal, state, self.did, gone))

    def _erasure(self, state: RunState) -> list[Message]:
        """Destroy all that this owner kept for the run once it is of no more use, and certify it."""
        run, reason = state.terms.digest, erasure_reason(state, self.did)
        if reason is None or self.did in state.erased or not self._owns(state):
            return []
        if self._journal.get(f"approved/{run}") is None:
            return []

        def build() -> Message:
            rows = (ROWS,) if self._destroy(state) else ()
            registered = state.datasets.get(self.did)
            body = ErasureBody(
                dataset=registered.root if registered else None,
                reason=reason,
                destroyed=[*rows, *secrets_of(state)],
                time=self._clock.now(),
            )
            return self._memory.message(run, body)

        return [self._memory.once(run, f"erasure/{reason}", build)]

    def _destroy(self, state: RunState) -> bool:
        """Destroy all secrets of the run, and the rows; tell whether no rows are kept any more."""
        run, data = state.terms.digest, self._data
        self._journal.put(erasing_key(run), b"yes")  # from here on the rows may be missing
        if data is not None and data.copy is not None:
            data.copy.erase()
            self._data = None
        destroy_secrets(self._journal, state)
        return self._data is None

    def _check_expiry(self, state: RunState) -> None:
        now = self._clock.now()
        if now >= state.terms.expires:
            raise RefusedError(
                "party-agreement-expired",
                f"the agreement expired at {state.terms.expires}, this party's clock says {now}",
                meaning="The data may not be used any more, whatever the coordinator says.",
                hint="Sign a new agreement to go on.",
            )

    def _check_rows(self, state: RunState, data: OwnedData) -> None:
        """Check that the rows are still those that were registered."""
        if data.fingerprint not in kept_fingerprints(self._journal, state.terms.digest):
            raise RefusedError(
                "party-rows-changed",
                "the rows in this party's home are not those that it registered for this run",
                meaning="An update from other rows than the committed ones would break the agreement.",
                hint="Put the registered rows back, or register the new ones under a new agreement.",
            )

    def _first_words(self, state: RunState) -> list[bytes]:
        """Return the commitment to the words of the first submission, if noise will be drawn from them."""
        if not draws_noise(state, self.did):
            return []
        return [self._announce_words(state, 0, "words/first").commit(state.derived)]

    def _score_word(self, state: RunState) -> list[bytes]:
        """Return the commitment to the word of this owner's score, if noise will be drawn from it."""
        if not draws_score_noise(state, self.did):
            return []
        return [self._score_secret(state).commit()]

    def _score_secret(self, state: RunState) -> ScoreWord:
        return ScoreWord(self._memory.run_secret(state.terms.digest, "score-word"))

    def _openings(self, state: RunState) -> Openings:
        return Openings(self._journal, state)

    def _announce_words(self, state: RunState, first_round: int, label: str) -> WordSecrets:
        draw = partial(self._entropy.draw, f"{label}/{state.terms.digest}", 32)
        return WordBook(self._journal, state.terms.digest).announce(first_round, draw)

    def _submission_secrets(self, state: RunState, data: OwnedData) -> SubmissionSecrets:
        """Return all secrets of this round's submission, charged to the owner's budget book.

        Raises:
            RefusedError: the budget does not allow it, or the journal was lost.
        """
        current = state.current
        dataset = self._dataset_secrets(state, state.removed.get(self.did, []))
        words = self._due_words(state)  # before the charge: without them nothing can be sent
        secrets = self._charge(state, data)
        if words is None:
            return SubmissionSecrets(data.rows, dataset.seed, secrets, replaced=dataset.replaced)
        label = f"words/{current.opening}"
        following = self._announce_words(state, current.number + 1, label)
        return SubmissionSecrets(
            data.rows, dataset.seed, secrets, words, following, dataset.replaced
        )

    def _due_words(self, state: RunState) -> WordSecrets | None:
        """Return the noise words that this party's next submission uses: those of its latest logged record."""
        logged = state.noise_words.get(self.did)
        if logged is None:
            return None
        words = WordBook(self._journal, state.terms.digest).find(logged.first_round)
        if words is None or words.commit(state.derived) != logged.commitments:
            raise journal_lost("the noise words that it committed to are not in it")
        return words

    def _prove_dataset(
        self, state: RunState, data: OwnedData, commitments: bytes, seed: bytes
    ) -> list[bytes]:
        """Return the proof that the rows satisfy the schema, if the agreement asks for one."""
        if not state.terms.is_proven:
            return []
        claim = registration_claim(state, self.did, len(data.rows), commitments)
        entropy = self._entropy.draw(f"dataset-proof/{state.terms.digest}", 32)
        start = time.perf_counter()
        proof = prove_registration(
            claim.schema, data.rows, commitments, seed, claim.context, entropy
        )
        self._proving += time.perf_counter() - start
        return [proof]

    def _prove_update(
        self, state: RunState, update: CommittedUpdate, secrets: SubmissionSecrets
    ) -> bytes:
        start = time.perf_counter()
        proof = prove_update(state, self.did, update, secrets)
        self._proving += time.perf_counter() - start
        return proof

    def _prove_score(self, state: RunState, data: OwnedData) -> tuple[int, bytes]:
        """Return this owner's score and its proof."""
        word = self._score_secret(state) if draws_score_noise(state, self.did) else None
        entropy = self._entropy.draw(f"score-proof/{state.terms.digest}", 32)
        start = time.perf_counter()
        made = prove_score(
            state, self.did, self._openings(state).open(data.rows, self.did, word), entropy
        )
        self._proving += time.perf_counter() - start
        return made

    def _charge(self, state: RunState, data: OwnedData) -> RoundSecrets:
        """Charge the round to the owner's budget book; return the round's secrets.

        The seed is journalled before the charge. So a charge without a seed means that the journal was lost,
        and a second submission would publish the same sum with other noise, at no further charge.
        """
        run, number, event = state.terms.digest, state.current.number, state.derived.event
        seeded = self._journal.get(round_key(run, number)) is not None
        if not seeded and data.budget.is_charged(data.fingerprint, run, number):
            raise journal_lost(f"round {number} is charged, and its journal knows nothing of it")
        secrets = self._memory.round_secrets(state)
        if event is not None:
            self._charge_scores(state, data)
            data.budget.charge(data.fingerprint, run, number, event)
        elif data.budget.has_limit(data.fingerprint):
            raise RefusedError(
                "party-budget-without-noise",
                "these rows have a privacy budget, and the agreement asks for no noise",
                meaning="An exact sum costs more than any budget allows.",
                hint="Agree on noise, or register rows that need no protection.",
            )
        return secrets

    def _charge_scores(self, state: RunState, data: OwnedData) -> None:
        """Charge the scores of the run, once and with the first round: those of others cost these rows, too."""
        scores, terms = state.derived.scores, state.terms
        if scores is not None and scores.event is not None:
            data.budget.charge(data.fingerprint, terms.digest, terms.rounds, scores.event)

    def _pinned(self) -> Follower | None:
        stored = self._journal.get("follower")
        return None if stored is None else Follower.decode(stored)


def _nothing(state: RunState) -> list[Message]:
    """Wait for others."""
    del state
    return []


def _dataset_seed_key(run: str) -> str:
    return f"{run}/dataset-seed"


def _too_many_complaints(count: int, state: RunState) -> RefusedError:
    """Return the error for more complaints than there can be liars: each answer publishes a share."""
    return RefusedError(
        "party-too-many-complaints",
        f"{count} key holders complain of this party in round {state.current.number}, at most "
        f"{state.terms.quorum.holder_colluders} can lie",
        meaning="Answering all of them could publish enough shares to open this party's update alone.",
        hint="Ask the key holders what they received; the next round goes on with this party.",
    )
