"""Noise words: the secret half of an owner's noise, committed to before the public half can be known.

An owner commits to the words of its first submission when it signs, and with each submission to those of the next
one. A round's coins follow from its beacon. The word that draws an entry of the noise is word plus coin, mod 2^64
(docs/spec/protocol.md, "Noise words"). So nobody chooses noise, its owner included, and nobody else knows it.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.ports import Store
from cotrain.privacy.sampler import add_coins, apply_table, committed_words, draw_words
from cotrain.privacy.skellam import build_table
from cotrain.rounds.plan import RunPlan

_ENTRY = 40


@dataclass(frozen=True)
class WordSecrets:
    """The words of one submission and the blindings of their commitment, all from one secret seed."""

    seed: bytes = field(repr=False)

    def words(self, plan: RunPlan) -> NDArray[np.uint64]:
        """Return the words: uint64, shape (dimension,)."""
        return draw_words(self._derive(b"words"), plan.dimension)

    def blindings(self, plan: RunPlan) -> bytes:
        """Return the blindings of the commitment."""
        return derive_blindings(self._derive(b"blindings"), b"noise-words", plan.shape.rows)

    def commit(self, plan: RunPlan) -> bytes:
        """Return the commitment to the words."""
        return commit(committed_words(self.words(plan)), plan.shape.width, self.blindings(plan))

    def draw(self, plan: RunPlan, coins: bytes) -> NDArray[np.int64]:
        """Return the noise that these words draw with a round's coins; zeros without noise.

        Args:
            plan: The run's plan.
            coins: 32 public bytes.
        """
        if plan.noise is None:
            return np.zeros(plan.dimension, dtype=np.int64)
        table = build_table(plan.noise.local_variance)
        return apply_table(table, add_coins(self.words(plan), coins))

    def _derive(self, label: bytes) -> bytes:
        return hmac.new(self.seed, b"cotrain/noise-words/1/" + label, hashlib.sha256).digest()


class WordBook:
    """The seeds of noise words that a party may yet need: one value in its journal, so that no write is half done.

    Args:
        journal: The party's journal.
        run: The run.
    """

    def __init__(self, journal: Store, run: str) -> None:
        self._journal = journal
        self._key = f"{run}/words"

    def announce(self, first_round: int, draw: Callable[[], bytes]) -> WordSecrets:
        """Return the words that are committed to for rounds from `first_round` on; drawn the first time.

        Args:
            first_round: The first round in which they can be used.
            draw: Gives 32 fresh bytes.
        """
        seeds = self._seeds()
        if first_round not in seeds:
            seeds[first_round] = draw()
            self._keep(seeds)
        return WordSecrets(seeds[first_round])

    def find(self, first_round: int) -> WordSecrets | None:
        """Return words that were announced; None if the journal does not know them."""
        seed = self._seeds().get(first_round)
        return None if seed is None else WordSecrets(seed)

    def keep_only(self, first_round: int) -> None:
        """Destroy all words but those for rounds from `first_round` on: the others were used, or never logged."""
        seeds = self._seeds()
        if set(seeds) - {first_round}:
            self._keep({first_round: seeds[first_round]} if first_round in seeds else {})

    def destroy(self) -> None:
        """Destroy all words."""
        self._journal.delete(self._key)

    def _seeds(self) -> dict[int, bytes]:
        data = self._journal.get(self._key) or b""
        entries = (data[start : start + _ENTRY] for start in range(0, len(data), _ENTRY))
        return {int.from_bytes(entry[:8], "little"): entry[8:] for entry in entries}

    def _keep(self, seeds: dict[int, bytes]) -> None:
        entries = (first.to_bytes(8, "little") + seed for first, seed in seeds.items())
        self._journal.put(self._key, b"".join(entries))
