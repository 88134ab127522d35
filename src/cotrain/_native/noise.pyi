"""`cotrain._native.noise`: uniform words and inverse-CDF sampling; the twin of ``docs/spec/noise.md``.

Callers use `cotrain.privacy.sampler`, which takes a built table and raises Cotrain's own errors.
"""

import numpy as np
import numpy.typing as npt

def words(seed: bytes, count: int) -> npt.NDArray[np.uint64]:
    """Return the first `count` 64-bit words of the ChaCha20 stream of `seed`.

    Args:
        seed: 32 secret bytes, used for one vector only.
        count: Number of words, at most 2^31.

    Raises:
        ValueError: The seed has another length, or `count` is too large.
    """

def apply(
    thresholds: npt.NDArray[np.uint64], words: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return the value that each word draws, shape (len(words),).

    Args:
        thresholds: Shape (2K + 1,), contiguous: the table.
        words: Shape (n,), contiguous.

    Raises:
        ValueError: The table is not one (length, order, symmetry).
    """

def sample(thresholds: npt.NDArray[np.uint64], seed: bytes, count: int) -> npt.NDArray[np.int64]:
    """Return ``apply(thresholds, words(seed, count))`` without holding the words.

    Raises:
        ValueError: As `words` and `apply`.
    """
