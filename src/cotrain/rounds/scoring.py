"""What an owner keeps of its rounds until its score is released, and how it makes the score from it.

Of each round two seeds are kept: of its noise words and of its blindings. With the rows, which are there as long, they
give the update again, bit for bit. They are destroyed when the scores are closed.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.errors import RefusedError
from cotrain.ports import Store
from cotrain.privacy.sampler import committed_words, draw_words
from cotrain.proofs.contribution import ContributionOpening, release_score
from cotrain.rounds.plan import UPDATE_WIDTH
from cotrain.rounds.score_rules import score_claim
from cotrain.rounds.state import CountedUpdate, RunState, noise_coins
from cotrain.rounds.submission import SubmissionSecrets, train
from cotrain.rounds.words import WordSecrets

ZERO_WORD = 1 << 63
"""The word that is committed to as zero."""

_SEED = 32


@dataclass(frozen=True)
class ScoreWord:
    """The word of one score's noise and the blinding of its commitment, both from one secret seed."""

    seed: bytes = field(repr=False)

    def words(self, entries: int = 1) -> NDArray[np.uint64]:
        """Return the word, and words that are committed to as zero behind it: uint64, shape (entries,)."""
        words = np.full(entries, ZERO_WORD, dtype=np.uint64)
        words[:1] = draw_words(self._derive(b"word"), 1)
        return words

    def blindings(self) -> bytes:
        """Return the blinding of the commitment."""
        return derive_blindings(self._derive(b"blinding"), b"score-word", 1)

    def commit(self) -> bytes:
        """Return the commitment to the word."""
        return commit(committed_words(self.words()), UPDATE_WIDTH, self.blindings())

    def _derive(self, label: bytes) -> bytes:
        return hmac.new(self.seed, b"cotrain/score-word/1/" + label, hashlib.sha256).digest()


class Openings:
    """The seeds that a party keeps of its submissions, in its journal.

    Args:
        journal: The party's journal.
        state: The run.
    """

    def __init__(self, journal: Store, state: RunState) -> None:
        self._journal = journal
        self._state = state
        self._prefix = f"{state.terms.digest}/openings/"

    def keep(self, number: int, secrets: SubmissionSecrets) -> None:
        """Keep what opens the submission of a round, before it is sent; nothing where no scores are released."""
        if self._state.derived.scores is not None:
            words = b"" if secrets.words is None else secrets.words.seed
            self._journal.put(f"{self._prefix}{number}", secrets.blinding_seed + words)

    def freeze(self, rows: NDArray[np.int16], owner: str) -> None:
        """Compute the updates so far and keep them, because the rows are about to change."""
        for counted in self._state.counted.get(owner, []):
            key = self._update_key(counted.round)
            if self._journal.get(key) is None:
                update = self._update(counted, self._seeds(counted.round), rows, owner)
                self._journal.put(key, update.astype("<i8").tobytes())

    def destroy(self) -> None:
        """Destroy all of them."""
        self._journal.delete(self._prefix)

    def open(
        self, rows: NDArray[np.int16], owner: str, word: ScoreWord | None
    ) -> ContributionOpening:
        """Compute the updates again that are on the ledger.

        Args:
            rows: The registered rows.
            owner: This party.
            word: Of the score's noise; None without noise.

        Raises:
            RefusedError: a seed is not there any more.
        """
        state, plan = self._state, self._state.derived
        updates, blindings, entries = [], [], min(plan.dimension, UPDATE_WIDTH)
        for counted in state.counted[owner]:
            seeds, frozen = (
                self._seeds(counted.round),
                self._journal.get(self._update_key(counted.round)),
            )
            if frozen is None:
                updates.append(self._update(counted, seeds, rows, owner))
            else:
                updates.append(np.frombuffer(frozen, dtype="<i8").astype(np.int64))
            blindings.append(derive_blindings(seeds[:_SEED], b"update", plan.shape.rows))
        return ContributionOpening(
            updates=np.array(updates),
            update_blindings=tuple(blindings),
            words=word.words(entries) if word else np.empty(0, dtype=np.uint64),
            words_blindings=b"" if word is None else word.blindings(),
        )

    def _update(
        self, counted: CountedUpdate, seeds: bytes, rows: NDArray[np.int16], owner: str
    ) -> NDArray[np.int64]:
        state, plan = self._state, self._state.derived
        update = train(plan, rows, state.weights[counted.round])
        if plan.noise is None:
            return update
        coins = noise_coins(state.terms.digest, counted.round, counted.beacon, owner)
        return update + WordSecrets(seeds[_SEED:]).draw(plan, coins)

    def _seeds(self, number: int) -> bytes:
        kept = self._journal.get(f"{self._prefix}{number}")
        if kept is None:
            raise _lost(number)
        return kept

    def _update_key(self, number: int) -> str:
        return f"{self._prefix}{number}/update"


def prove_score(
    state: RunState, owner: str, opening: ContributionOpening, entropy: bytes
) -> tuple[int, bytes]:
    """Return an owner's score and the proof of it.

    Args:
        state: The ledger's state; scores are being released.
        owner: Whose score.
        opening: Its updates and its word.
        entropy: 32 fresh secret bytes.

    Raises:
        DataError: the opening is not that of the commitments, or the score exceeds 64 bits.
    """
    asked = score_claim(state, owner, 0).statement
    score = release_score(asked.rule, asked.gradients, opening, asked.coins)
    return score, score_claim(state, owner, score).statement.prove(opening, entropy)


def _lost(number: int) -> RefusedError:
    return RefusedError(
        "party-journal-lost",
        f"this party lost what it kept of round {number}, so it cannot prove its score",
        meaning="Without a score it gets nothing of what is divided by scores.",
        hint="Keep a home on a disk that is not put back to an older state.",
    )
