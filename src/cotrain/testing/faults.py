"""Disks that fail at a chosen write: a process dies before or after what it wrote became durable.

A `Fuse` counts moments: two for each write, one just before it takes effect and one just after. When it burns
down, `CrashError` flies through the party or the coordinator, whose object must then be thrown away; what the
journal or the ledger holds is all that is left of it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from cotrain.ledger.note import Signer
from cotrain.ledger.policy import Policy, VerifiedCheckpoint
from cotrain.ledger.store import Ledger
from cotrain.ports import Store


class CrashError(Exception):
    """A process died here. Not one of Cotrain's own errors, so that nothing in it handles this one.

    Attributes:
        owner: Whose fuse burnt down.
    """

    def __init__(self, owner: str, moment: int) -> None:
        super().__init__(f"{owner or 'the process'} died at moment {moment}")
        self.owner = owner


class Fuse:
    """Raises `CrashError` at one chosen moment, once.

    Args:
        moment: How many moments pass before it; None for never.
        owner: Who dies.

    Attributes:
        moments: How many moments have passed.
    """

    def __init__(self, moment: int | None = None, owner: str = "") -> None:
        self.moments = 0
        self._owner = owner
        self._moment = moment

    def arm(self, ahead: int) -> None:
        """Burn down after `ahead` more moments."""
        self._moment = self.moments + ahead

    def tick(self) -> None:
        """Let one moment pass.

        Raises:
            CrashError: it was the chosen one.
        """
        self.moments += 1
        if self._moment is not None and self.moments > self._moment:
            self._moment = None
            raise CrashError(self._owner, self.moments)


class FaultyJournal:
    """A `Store` that fails by a fuse; what it keeps is in `store`.

    Args:
        store: The journal that survives.
        fuse: When to fail.
    """

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        return self._store.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Store `value`; die before or after, if the fuse says so."""
        self._fuse.tick()
        self._store.put(key, value)
        self._fuse.tick()

    def delete(self, prefix: str) -> None:
        """Destroy keys; die before or after, if the fuse says so."""
        self._fuse.tick()
        self._store.delete(prefix)
        self._fuse.tick()


class FaultyLedger(Ledger):
    """A ledger that fails by a fuse: around appends, and around checkpoints and cosignatures."""

    fuse: Fuse

    @classmethod
    def fused(cls, path: Path, fuse: Fuse) -> Self:
        """Open the ledger file at `path`, or make it."""
        if not path.exists():
            cls.create(path).close()
        ledger = cls.open(path)
        ledger.fuse = fuse
        return ledger

    def append(self, entries: Sequence[bytes], blobs: Iterable[bytes] = ()) -> range:
        """Append; die before or after, if the fuse says so."""
        self.fuse.tick()
        indices = super().append(entries, blobs)
        self.fuse.tick()
        return indices

    def add_checkpoint(self, note: str | bytes, policy: Policy) -> VerifiedCheckpoint:
        """Keep a checkpoint; die before or after, if the fuse says so."""
        self.fuse.tick()
        verified = super().add_checkpoint(note, policy)
        self.fuse.tick()
        return verified

    def issue_checkpoint(self, origin: str, signer: Signer) -> str:
        """Sign a checkpoint; die before or after, if the fuse says so."""
        self.fuse.tick()
        return super().issue_checkpoint(origin, signer)
