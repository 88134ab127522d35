"""What the protocol needs from the outside world, as small Protocols passed in as arguments.

Nothing below the command line reads a clock or draws randomness by itself: it takes a `Clock` and an
`Entropy`. That is what lets one code path be simulated deterministically and deployed.
"""

import os
import time
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        ...


class Entropy(Protocol):
    """A source of secret uniform bytes."""

    def draw(self, label: str, size: int) -> bytes:
        """Return `size` secret uniform bytes.

        Args:
            label: What the bytes are for, unique per use within one party and run. The system source ignores
                it; the seeded source of the tests derives the bytes from it, so that a restarted process
                draws the same bytes again.
            size: Number of bytes.
        """
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> int:
        """Return whole seconds since the Unix epoch."""
        return int(time.time())  # noqa: TID251 - this is the port itself


class SystemEntropy:
    """The random generator of the operating system."""

    def draw(self, label: str, size: int) -> bytes:
        """Return `size` fresh bytes; `label` is ignored."""
        del label
        return os.urandom(size)  # noqa: TID251 - this is the port itself


class Store(Protocol):
    """A small durable map: a party's journal. What `put` returned for survives a crash."""

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Store `value` durably under `key`, replacing an earlier value."""
        ...

    def delete(self, prefix: str) -> None:
        """Destroy all keys that begin with `prefix`."""
        ...
