"""What key holders below the threshold know: nothing. Their shares fit every key there is."""

import numpy as np
import pytest

from cotrain.aggregation.opening import GROUP_ORDER
from cotrain.encryption.cipher import generate_key
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.sharing import deal, recover_key_sum, verify_share
from cotrain.errors import ForgeryError

PARAMETERS = SumParameters.derive(4, 65_535)
THRESHOLD, HOLDERS = 3, 4


def scalars(share: bytes) -> list[int]:
    return [int.from_bytes(share[at : at + 32], "little") for at in range(0, len(share), 32)]


def joined(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def interpolate(points: list[tuple[int, list[int]]], at: int) -> list[int]:
    """Return the values at `at` of the polynomials of least degree through `points`, mod the group order."""
    total = [0] * len(points[0][1])
    for place, (x, values) in enumerate(points):
        weight = 1
        for other, (y, _) in enumerate(points):
            if other != place:
                weight = weight * (at - y) * pow(x - y, -1, GROUP_ORDER) % GROUP_ORDER
        total = [(t + weight * v) % GROUP_ORDER for t, v in zip(total, values, strict=True)]
    return total


def dealt(number: int) -> tuple[bytes, list[bytes]]:
    seed = bytes([number]) * 32
    return deal(PARAMETERS, generate_key(seed), THRESHOLD, HOLDERS, bytes([100 + number]) * 32)


def secret_of(number: int) -> list[int]:
    """Return the scalars of a key (and of the blinding) as its own dealing encodes them."""
    shares = dealt(number)[1]
    return interpolate([(n + 1, scalars(share)) for n, share in enumerate(shares[:THRESHOLD])], 0)


def test_the_threshold_of_shares_gives_the_key() -> None:
    shares = dealt(1)[1]
    for chosen in [(1, 2, 3), (1, 2, 4), (2, 3, 4)]:
        releases = [(n, shares[n - 1]) for n in chosen]
        key = recover_key_sum(PARAMETERS, 1, THRESHOLD, releases)
        whole = recover_key_sum(
            PARAMETERS, 1, THRESHOLD, [(n + 1, s) for n, s in enumerate(shares)]
        )
        assert np.array_equal(key, whole)


@pytest.mark.parametrize("colluders", [(1, 2), (1, 4), (3, 4)])
def test_one_share_less_fits_every_key(colluders: tuple[int, int]) -> None:
    """For any other key there is a share of the missing holder with which the same shares give that key."""
    commitments, shares = dealt(1)
    missing = next(n for n in range(1, HOLDERS + 1) if n not in colluders)
    known = [(n, scalars(shares[n - 1])) for n in colluders]
    for other in (2, 3, 4):
        made_up = joined(interpolate([(0, secret_of(other)), *known], missing))
        releases = [(n, shares[n - 1]) for n in colluders]
        key = recover_key_sum(PARAMETERS, 1, THRESHOLD, [*releases, (missing, made_up)])
        real = [(n + 1, share) for n, share in enumerate(dealt(other)[1][:THRESHOLD])]
        assert np.array_equal(key, recover_key_sum(PARAMETERS, 1, THRESHOLD, real))
        # The commitments bind the dealer (so the made-up share is refused), but hide the key perfectly.
        with pytest.raises(ForgeryError):
            verify_share(PARAMETERS, commitments, missing, made_up)
    for n in colluders:
        verify_share(PARAMETERS, commitments, n, shares[n - 1])
