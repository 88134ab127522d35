"""What a data owner brings to a run, and how its agent keeps it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cotrain.ports import Store
from cotrain.privacy.budget import BudgetBook


@dataclass(frozen=True)
class KeptCopy:
    """The copy of the rows that the owner's home keeps for a run.

    Attributes:
        erase: Destroys it.
        zero: Overwrites single rows in it with zeros.
        fingerprint: By which the owner's budget book knows such rows.
    """

    erase: Callable[[], None]
    zero: Callable[[Sequence[int]], None]
    fingerprint: Callable[[NDArray[np.int16]], str]


@dataclass(frozen=True)
class OwnedData:
    """What a data owner brings.

    Attributes:
        rows: int16, shape (n, columns): encoded by the agreement's schema.
        fingerprint: By which the owner's budget book knows these rows again.
        budget: The owner's budget book.
        copy: The kept copy of the rows; None if they are kept by somebody else, who does not erase them.
    """

    rows: NDArray[np.int16] = field(repr=False)
    fingerprint: str
    budget: BudgetBook
    copy: KeptCopy | None = None


def keep_fingerprint(journal: Store, run: str, fingerprint: str) -> None:
    """Remember that rows with this fingerprint are those of a run."""
    known = kept_fingerprints(journal, run)
    if fingerprint not in known:
        journal.put(_key(run), "\n".join([*known, fingerprint]).encode())


def kept_fingerprints(journal: Store, run: str) -> list[str]:
    """Return the fingerprints of a run's rows: as they were registered, and after each removed row."""
    return (journal.get(_key(run)) or b"").decode().splitlines()


def _key(run: str) -> str:
    return f"{run}/dataset-fingerprint"
