"""Share a one-round key, check shares, rebuild a sum of keys (`docs/spec/key-sharing.md`).

Pedersen's verifiable secret sharing with a vector in place of one secret. Holders are numbered from
1. A holder releases ONE sum of shares for ONE signed set of survivors, ever: two different sets
would reveal the key of the party in which they differ. That duty is the round's; nothing here can
enforce it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cotrain._native import lattice as native
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.refusals import native_refusals
from cotrain.errors import UsageError


def deal(
    parameters: SumParameters, key: native.SecretKey, threshold: int, holders: int, seed: bytes
) -> tuple[bytes, list[bytes]]:
    """Share `key` so that any `threshold` holders rebuild it and fewer learn nothing.

    Args:
        parameters: The run's parameters.
        key: The key that encrypts this round.
        threshold: At least 2.
        holders: At least `threshold`, at most 65,536.
        seed: 32 secret uniform bytes; the same inputs give the same dealing.

    Returns:
        The commitments, 32 bytes for each of the threshold, for everyone; and for holder ``i + 1``
        alone the share at index ``i``, ``parameters.share_bytes`` each. Python cannot wipe bytes:
        seal them soon.

    Raises:
        UsageError: A threshold or a seed out of range.
    """
    with native_refusals():
        return key.deal(parameters.bounds, threshold, holders, seed)


def verify_share(parameters: SumParameters, commitments: bytes, holder: int, share: bytes) -> None:
    """Check one share against its dealer's commitments.

    The degree is read off the commitments: when a dealing is admitted, check that it has one
        commitment for each
    of the threshold.

    Raises:
        ForgeryError: ``share-does-not-fit``.
        MalformedError: A wrong length, or a point or scalar that is not canonical.
        UsageError: No such holder.
    """
    with native_refusals():
        native.verify_share(parameters.bounds, commitments, holder, share)


def find_bad_shares(
    parameters: SumParameters, holder: int, commitments: Sequence[bytes], shares: Sequence[bytes]
) -> tuple[int, ...]:
    """Check what many dealers sent to one holder, at once; return the places of the bad ones.

    Args:
        parameters: The run's parameters.
        holder: The receiver.
        commitments: One for each dealer.
        shares: One for each dealer, in the same order. Malformed ones are bad.

    Raises:
        UsageError: No such holder, or not one share for each dealer.
    """
    if len(commitments) != len(shares):
        what = f"{len(shares)} shares for {len(commitments)} dealers"
        raise UsageError("shares-and-dealers", what)
    pairs = list(zip(commitments, shares, strict=True))
    with native_refusals():
        return tuple(native.find_bad_shares(parameters.bounds, holder, pairs))


def sum_commitments(commitments: Sequence[bytes]) -> bytes:
    """Add the commitments of several dealers, all of the same threshold.

    Raises:
        MalformedError: Lengths that differ, or a point that is not canonical.
        UsageError: None given.
    """
    with native_refusals():
        return native.sum_commitments(list(commitments))


def sum_shares(parameters: SumParameters, shares: Sequence[bytes]) -> bytes:
    """Add the shares that one holder has from the survivors.

    Raises:
        MalformedError: A share of a wrong length or with a scalar that is not canonical.
        UsageError: None given.
    """
    with native_refusals():
        return native.sum_shares(parameters.bounds, list(shares))


def verify_share_sum(
    parameters: SumParameters, commitments: Sequence[bytes], holder: int, share: bytes
) -> None:
    """Check a holder's released sum of shares against the commitments of exactly the survivors.

    To check many holders, add the commitments once with `sum_commitments` and call `verify_share`.

    Raises:
        ForgeryError, MalformedError, UsageError: As `verify_share` and `sum_commitments`.
    """
    verify_share(parameters, sum_commitments(commitments), holder, share)


def recover_key_sum(
    parameters: SumParameters,
    summands: int,
    threshold: int,
    releases: Sequence[tuple[int, bytes]],
) -> NDArray[np.int32]:
    """Rebuild the sum of the survivors' keys.

    Args:
        parameters: The run's parameters.
        summands: Number of survivors, whose keys are added.
        threshold: Shares that determine the sum.
        releases: (holder, its sum of shares), each checked with `verify_share_sum`. Surplus ones
            must agree.

    Returns:
        int32, shape (2048,), each entry within ``42 * summands``.

    Raises:
        ForgeryError: ``shares-disagree``, or ``key-sum-out-of-range`` if a dealer shared what is no
            key.
        MalformedError: A share of a wrong length or with a scalar that is not canonical.
        UsageError: ``too-few-shares``, a holder twice, or numbers out of range.
    """
    with native_refusals():
        return native.recover(parameters.bounds, summands, threshold, list(releases))
