"""Verifying the proofs of a ledger: all of them or a random sample, on all cores, while the fold goes on.

The fold needs no proof's outcome to go on, so proofs are verified behind it, a few at a time. Their outcomes are
taken in the order of the entries: the first entry that is wrong is the first that is named.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from cotrain.errors import CotrainError
from cotrain.ports import Entropy
from cotrain.rounds.claims import Claim

Progress = Callable[[int, int], None]
WrongEntry = Callable[[int, CotrainError], CotrainError]

_RANK_BYTES = 16


@dataclass(frozen=True)
class Quick:
    """An audit that verifies a random sample of the proofs, and everything else in full.

    Attributes:
        count: How many proofs.
        entropy: From which they are drawn: whoever knows the draw before could lie in the others.
    """

    count: int
    entropy: Entropy


@dataclass(frozen=True)
class ProofFigures:
    """What an audit did with the proofs of a ledger.

    Attributes:
        carried: Kind of record to the number of proofs on the ledger.
        verified: Kind of record to the number of proofs that were verified; all of them hold.
        by_author: Author to kind of record to the number of its proofs that were verified.
        seconds: Time that verifying took, summed over all cores.
    """

    carried: Counter[str] = field(default_factory=Counter)
    verified: Counter[str] = field(default_factory=Counter)
    by_author: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every proof on the ledger was verified."""
        return self.verified == self.carried


@dataclass(frozen=True)
class _Pending:
    entry: int
    author: str
    kind: str
    seconds: Future[float]


class ProofPool:
    """A `ProofCheck` that verifies on all cores and tells later.

    Args:
        entries: The entries that carry proofs, in order.
        quick: Which sample to verify; None for all.
        wrong_entry: Makes the error of a wrong entry.
        progress: Called with the number of proofs verified and to be verified.
    """

    def __init__(
        self,
        entries: Sequence[int],
        quick: Quick | None,
        wrong_entry: WrongEntry,
        progress: Progress,
    ) -> None:
        self._chosen = set(entries) if quick is None else draw_sample(entries, quick)
        self._wrong_entry = wrong_entry
        self._progress = progress
        self._cores = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._cores)
        self._pending: deque[_Pending] = deque()
        self._at = (0, "")
        self._figures = ProofFigures()
        self._seconds = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Verify no more than is begun."""
        self._pool.shutdown(cancel_futures=True)

    def enter(self, entry: int, author: str) -> None:
        """Tell which entry is folded next."""
        self._at = (entry, author)

    def __call__(self, claim: Claim, proof: bytes) -> None:
        """Begin to verify a proof, if it is one of those that are to be."""
        entry, author = self._at
        self._figures.carried[claim.KIND] += 1
        if entry not in self._chosen:
            return
        # A bounded queue: each proof that waits keeps its statement in memory.
        if len(self._pending) >= 2 * self._cores:
            self._settle()
        seconds = self._pool.submit(_verify, claim, proof)
        self._pending.append(_Pending(entry, author, claim.KIND, seconds))

    def finish(self) -> ProofFigures:
        """Wait for all proofs, and return what was done.

        Raises:
            ForgeryError: one does not hold; names the first such entry.
        """
        while self._pending:
            self._settle()
        figures = self._figures
        return ProofFigures(figures.carried, figures.verified, figures.by_author, self._seconds)

    def _settle(self) -> None:
        """Take the outcome of the oldest proof."""
        oldest = self._pending.popleft()
        try:
            self._seconds += oldest.seconds.result()
        except CotrainError as error:
            raise self._wrong_entry(oldest.entry, error) from error
        figures = self._figures
        figures.verified[oldest.kind] += 1
        figures.by_author.setdefault(oldest.author, Counter())[oldest.kind] += 1
        self._progress(figures.verified.total(), len(self._chosen))


def draw_sample(entries: Sequence[int], quick: Quick) -> set[int]:
    """Return a uniform sample of the entries, all of them if they are no more than asked for."""
    drawn = quick.entropy.draw("audit/sample", _RANK_BYTES * len(entries))
    ranks = [drawn[n * _RANK_BYTES : (n + 1) * _RANK_BYTES] for n in range(len(entries))]
    order = sorted(range(len(entries)), key=ranks.__getitem__)
    return {entries[n] for n in order[: quick.count]}


def _verify(claim: Claim, proof: bytes) -> float:
    start = time.perf_counter()
    claim.verify(proof)
    return time.perf_counter() - start
