"""A second, slow implementation of `docs/spec/noise.md`, sharing no code with the first.

Tables come from mpmath's Bessel function and a downward recurrence at 60 digits; words from
another ChaCha20 (pyca/cryptography); values from a bisection of the list.
"""

from bisect import bisect_right
from math import isqrt

import mpmath
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms


def thresholds(variance: int) -> list[int]:
    """Return t_-K, ..., t_K."""
    with mpmath.workdps(60):
        tails = _tails(variance)
        words = [int(mpmath.floor(tail * 2**64 + 0.5)) for tail in tails]
    radius = max(k for k, count in enumerate(words) if k and count)
    right = words[1 : radius + 1]
    return [0, *reversed(right), *(2**64 - count for count in right)]


def _tails(variance: int) -> list[mpmath.mpf]:
    """P(X >= k) for k = 0, 1, ..., from I_{k-1} = I_{k+1} + (2k/m) I_k, started far outside."""
    start = 16 * isqrt(variance) + 200
    weights = [mpmath.mpf(0), mpmath.mpf(10) ** -100]
    for k in range(start, 0, -1):
        weights.append(weights[-2] + 2 * k * weights[-1] / variance)
    scale = mpmath.besseli(0, variance) * mpmath.exp(-variance) / weights[-1]
    tails, total = [], mpmath.mpf(0)
    for weight in weights:
        total += weight * scale
        tails.append(total)
    return tails[::-1]


def stream(seed: bytes, count: int) -> list[int]:
    """Return the first `count` words of a seed."""
    encryptor = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    octets = encryptor.update(bytes(8 * count))
    return [int.from_bytes(octets[at : at + 8], "little") for at in range(0, 8 * count, 8)]


def value(table: list[int], word: int) -> int:
    """Return what `word` draws: the last k with t_k <= word."""
    return bisect_right(table, word) - 1 - len(table) // 2
