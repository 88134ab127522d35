"""Noise from a table and a secret seed; steps of ``docs/spec/noise.md``, section 4.

The seed is an argument: draw 32 bytes from an `Entropy`, use them for one vector, forget them. The
same seed gives the same noise on every machine. Numbers returned here are secret and live in
ordinary numpy memory.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cotrain._native import noise
from cotrain.errors import UsageError
from cotrain.privacy.skellam import SkellamTable

SEED_SIZE: Final = 32
"""Bytes in a seed."""

MAX_COUNT: Final = 1 << 31
"""Most samples of one call."""


def draw_words(seed: bytes, count: int) -> npt.NDArray[np.uint64]:
    """Return uniform 64-bit words, shape (count,): the ChaCha20 key stream of `seed`.

    Raises:
        UsageError: ``noise-bad-seed`` or ``noise-bad-count``.
    """
    _check(seed, count)
    return noise.words(seed, count)


def apply_table(table: SkellamTable, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the value that each word draws: the inverse of the table's distribution function.

    Args:
        table: From `build_table`.
        words: Any uint64 array of shape (n,), e.g. secret words shifted by public coins.
    """
    return noise.apply(table.thresholds, np.ascontiguousarray(words))


def add_coins(words: npt.NDArray[np.uint64], coins: bytes) -> npt.NDArray[np.uint64]:
    """Return each word plus its public coin, mod 2^64: the word that draws.

    Args:
        words: Secret words, shape (n,).
        coins: 32 public bytes; coin j is word j of their ChaCha20 key stream.

    Raises:
        UsageError: ``noise-bad-seed``.
    """
    return words + draw_words(coins, len(words))


def committed_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return what a commitment to words commits to: each word less 2^63."""
    return (words ^ np.uint64(1 << 63)).view(np.int64)


def sample_noise(table: SkellamTable, seed: bytes, count: int) -> npt.NDArray[np.int64]:
    """Return independent samples, shape (count,): the table applied to `draw_words`.

    Raises:
        UsageError: ``noise-bad-seed`` or ``noise-bad-count``.
    """
    _check(seed, count)
    return noise.sample(table.thresholds, seed, count)


def _check(seed: bytes, count: int) -> None:
    if len(seed) != SEED_SIZE:
        raise UsageError("noise-bad-seed", f"a noise seed has {SEED_SIZE} bytes, not {len(seed)}")
    if not 0 <= count <= MAX_COUNT:
        raise UsageError("noise-bad-count", f"cannot draw {count} samples at once")
