"""Deterministic twins of the ports. INSECURE: for simulations and tests, never for real data."""

import hashlib


class SeededEntropy:
    """Bytes derived from a seed and the label: the same after a restart.

    Args:
        seed: Anything; two sources with the same seed give the same bytes for the same label.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()

    def draw(self, label: str, size: int) -> bytes:
        """Return `size` bytes that depend on seed and label only."""
        return hashlib.shake_256(b"cotrain/insecure/" + self._seed + b"/" + label.encode()).digest(
            size
        )


class ManualClock:
    """A clock that moves only when told to.

    Args:
        now: First reading, seconds since the Unix epoch.
    """

    def __init__(self, now: int = 1_700_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Return the current reading."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Move on by `seconds`."""
        self._now += seconds
