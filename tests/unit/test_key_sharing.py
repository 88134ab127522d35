"""Verifiable sharing of one-round keys: any threshold rebuilds the sum, and every lie is named."""

from collections.abc import Callable

import numpy as np
import pytest

from cotrain.encryption import cipher, sharing
from cotrain.encryption.parameters import DEGREE, SumParameters
from cotrain.errors import ForgeryError, MalformedError, UsageError

ORDER = 2**252 + 27742317777372353535851937790883648493
FOUR = SumParameters.derive(4, 65_535)
Dealing = tuple[bytes, list[bytes]]


def _seed(*parts: int) -> bytes:
    return bytes(parts).ljust(32, b"\0")


def _deal(party: int, threshold: int = 3, holders: int = 5, seed: int = 0) -> Dealing:
    key = cipher.generate_key(_seed(1, party))
    return sharing.deal(FOUR, key, threshold, holders, _seed(2, party, seed))


def _released(dealings: list[Dealing]) -> list[tuple[int, bytes]]:
    holders = range(len(dealings[0][1]))
    sums = (
        sharing.sum_shares(FOUR, [shares[place] for _, shares in dealings]) for place in holders
    )
    return list(enumerate(sums, start=1))


def _scalars(share: bytes) -> list[int]:
    return [int.from_bytes(share[at : at + 32], "little") for at in range(0, len(share), 32)]


def _bytes(scalars: list[int]) -> bytes:
    return b"".join((scalar % ORDER).to_bytes(32, "little") for scalar in scalars)


def _code(use: Callable[[], object]) -> str:
    with pytest.raises((ForgeryError, MalformedError, UsageError)) as refusal:
        use()
    return refusal.value.code


def test_sizes_follow_from_the_parameters() -> None:
    commitments, shares = _deal(0)
    assert len(commitments) == 3 * 32
    assert [len(share) for share in shares] == [FOUR.share_bytes] * 5


def test_any_threshold_of_holders_rebuilds_the_sum_of_keys() -> None:
    dealings = [_deal(party) for party in range(4)]
    released = _released(dealings)
    for holder, share in released:
        sharing.verify_share_sum(FOUR, [d[0] for d in dealings], holder, share)
    expected = sum(
        sharing.recover_key_sum(FOUR, 1, 3, _released([dealing])) for dealing in dealings
    )
    assert isinstance(expected, np.ndarray)
    for chosen in ((0, 1, 2), (4, 2, 0), (1, 3, 4), (0, 1, 2, 3, 4)):
        key_sum = sharing.recover_key_sum(FOUR, 4, 3, [released[i] for i in chosen])
        assert key_sum.dtype == np.int32
        assert key_sum.shape == (DEGREE,)
        assert (key_sum == expected).all()


def test_keys_are_small_and_vary() -> None:
    key = sharing.recover_key_sum(FOUR, 1, 3, _released([_deal(0)]))
    assert np.abs(key).max() <= 42
    # Variance 21; five standard errors of 2,048 samples are 3.3.
    assert abs(float(np.var(key.astype(float))) - 21) < 3.3


def test_fewer_holders_than_the_threshold_do_not_rebuild() -> None:
    released = _released([_deal(0)])
    assert _code(lambda: sharing.recover_key_sum(FOUR, 1, 3, released[:2])) == "too-few-shares"
    wrong = _code(lambda: sharing.recover_key_sum(FOUR, 1, 2, released[:2]))
    assert wrong == "key-sum-out-of-range"


def test_two_shares_of_threshold_three_fit_any_key() -> None:
    known = [_scalars(share) for share in _deal(0)[1][:2]]
    other = _released([_deal(1)])
    target = sharing.recover_key_sum(FOUR, 1, 3, other)
    limbs = (target + 42).tolist()
    size = FOUR.limbs_per_scalar
    packed = [
        sum(limb << (FOUR.limb_bits * place) for place, limb in enumerate(limbs[at : at + size]))
        for at in range(0, DEGREE, size)
    ] + [0]
    half = pow(2, -1, ORDER)
    third = []
    for secret, first, second in zip(packed, *known, strict=True):
        square = (second - 2 * first + secret) * half
        linear = first - secret - square
        third.append(secret + 3 * linear + 9 * square)
    forged = [(1, _bytes(known[0])), (2, _bytes(known[1])), (3, _bytes(third))]
    assert (sharing.recover_key_sum(FOUR, 1, 3, forged) == target).all()


def test_every_component_of_a_share_is_checked() -> None:
    commitments, shares = _deal(0)
    sharing.verify_share(FOUR, commitments, 1, shares[0])
    for component in range(FOUR.key_scalars + 1):
        scalars = _scalars(shares[0])
        scalars[component] += 1
        bad = _bytes(scalars)
        code = _code(lambda bad=bad: sharing.verify_share(FOUR, commitments, 1, bad))  # type: ignore[misc]
        assert code == "share-does-not-fit"


def test_a_share_belongs_to_one_holder_and_one_dealer() -> None:
    (commitments, shares), (others, _) = _deal(0), _deal(1)
    for holder in (2, 3, 5, 6, 65_536):
        code = _code(lambda at=holder: sharing.verify_share(FOUR, commitments, at, shares[0]))  # type: ignore[misc]
        assert code == "share-does-not-fit"
    code = _code(lambda: sharing.verify_share(FOUR, others, 1, shares[0]))
    assert code == "share-does-not-fit"


def test_every_commitment_matters() -> None:
    commitments, shares = _deal(0)
    first, second, third = (commitments[at : at + 32] for at in (0, 32, 64))
    changed = [
        second + first + third,
        first + third + second,
        bytes(32) + second + third,
        first + second + bytes(32),
        first + second,
        commitments + first,
    ]
    # Holder 1 would not notice the swaps: all powers of 1 are equal.
    sharing.verify_share(FOUR, commitments, 2, shares[1])
    for bad in changed:
        code = _code(lambda bad=bad: sharing.verify_share(FOUR, bad, 2, shares[1]))  # type: ignore[misc]
        assert code == "share-does-not-fit"


def test_the_degree_is_the_callers_to_check() -> None:
    commitments, shares = _deal(0)
    sharing.verify_share(FOUR, commitments + bytes(32), 1, shares[0])


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("commitments-length", lambda c, s: (c[:-1], 1, s)),
        ("commitments-length", lambda c, s: (c[:32], 1, s)),
        ("commitments-length", lambda _c, s: (b"", 1, s)),
        ("commitment-not-canonical", lambda c, s: (c[:32] + b"\xff" * 32 + c[64:], 1, s)),
        ("commitment-not-canonical", lambda c, s: (c[:64] + b"\x01" + bytes(31), 1, s)),
        ("share-length", lambda c, s: (c, 1, s[:-1])),
        ("share-length", lambda c, s: (c, 1, s + b"\0")),
        ("share-length", lambda c, _s: (c, 1, b"")),
        ("share-not-canonical", lambda c, s: (c, 1, ORDER.to_bytes(32, "little") + s[32:])),
        ("share-not-canonical", lambda c, s: (c, 1, s[:-32] + b"\xff" * 32)),
        ("holder-out-of-range", lambda c, s: (c, 0, s)),
        ("holder-out-of-range", lambda c, s: (c, 65_537, s)),
        ("size-out-of-range", lambda c, s: (c, -1, s)),
    ],
)
def test_malformed_input_is_refused(
    code: str, change: Callable[[bytes, bytes], tuple[bytes, int, bytes]]
) -> None:
    commitments, shares = _deal(0)
    bad_commitments, holder, share = change(commitments, shares[0])
    assert _code(lambda: sharing.verify_share(FOUR, bad_commitments, holder, share)) == code


def test_scalars_above_the_order_do_not_pass_for_their_residues() -> None:
    commitments, shares = _deal(0)
    first = _scalars(shares[0])[0]
    shifted = (first + ORDER).to_bytes(32, "little") + shares[0][32:]
    code = _code(lambda: sharing.verify_share(FOUR, commitments, 1, shifted))
    assert code == "share-not-canonical"


def test_a_batch_names_exactly_the_bad_dealers() -> None:
    dealings = [_deal(party) for party in range(6)]
    commitments = [dealing[0] for dealing in dealings]
    shares = [dealing[1][1] for dealing in dealings]
    assert sharing.find_bad_shares(FOUR, 2, commitments, shares) == ()
    assert sharing.find_bad_shares(FOUR, 1, commitments, shares) == (0, 1, 2, 3, 4, 5)
    assert sharing.find_bad_shares(FOUR, 2, [], []) == ()
    bad = list(shares)
    bad[1], bad[4], bad[5] = shares[0], b"", dealings[5][1][0]
    assert sharing.find_bad_shares(FOUR, 2, commitments, bad) == (1, 4, 5)
    assert _code(lambda: sharing.find_bad_shares(FOUR, 2, commitments, shares[1:])) == (
        "shares-and-dealers"
    )


def test_errors_that_cancel_are_found() -> None:
    (first, ones), (second, twos) = _deal(0), _deal(1)
    one, two = _scalars(ones[0]), _scalars(twos[0])
    one[3], two[3] = one[3] + 5, two[3] - 5
    bad = [_bytes(one), _bytes(two)]
    sharing.verify_share_sum(FOUR, [first, second], 1, sharing.sum_shares(FOUR, bad))
    assert sharing.find_bad_shares(FOUR, 1, [first, second], bad) == (0, 1)


def test_a_bad_release_is_named_and_stops_the_recovery() -> None:
    dealings = [_deal(party) for party in range(2)]
    commitments, released = [dealing[0] for dealing in dealings], _released(dealings)
    scalars = _scalars(released[3][1])
    for component in (0, FOUR.key_scalars):
        wrong = list(scalars)
        wrong[component] += 1
        bad = [*released[:3], (4, _bytes(wrong)), released[4]]
        for holder, share in bad:
            if holder == 4:
                code = _code(lambda s=share: sharing.verify_share_sum(FOUR, commitments, 4, s))  # type: ignore[misc]
                assert code == "share-does-not-fit"
            else:
                sharing.verify_share_sum(FOUR, commitments, holder, share)
        code = _code(lambda all_=bad: sharing.recover_key_sum(FOUR, 2, 3, all_))  # type: ignore[misc]
        assert code == "shares-disagree"
    sharing.recover_key_sum(FOUR, 2, 3, [*released[:3], released[4]])


def test_a_release_for_another_set_of_survivors_is_refused() -> None:
    dealings = [_deal(party) for party in range(3)]
    commitments = [dealing[0] for dealing in dealings]
    released = _released(dealings[:2])[0][1]
    sharing.verify_share_sum(FOUR, commitments[:2], 1, released)
    code = _code(lambda: sharing.verify_share_sum(FOUR, commitments, 1, released))
    assert code == "share-does-not-fit"


@pytest.mark.parametrize(
    ("code", "summands", "threshold", "chosen"),
    [
        ("holder-twice", 1, 3, [0, 1, 1]),
        ("summands-out-of-range", 0, 3, [0, 1, 2]),
        ("summands-out-of-range", 5, 3, [0, 1, 2]),
        ("threshold-invalid", 1, 1, [0, 1, 2]),
        ("too-few-shares", 1, 3, []),
        ("size-out-of-range", -1, 3, [0, 1, 2]),
    ],
)
def test_impossible_recoveries_are_refused(
    code: str, summands: int, threshold: int, chosen: list[int]
) -> None:
    released = _released([_deal(0)])
    picked = [released[place] for place in chosen]
    assert _code(lambda: sharing.recover_key_sum(FOUR, summands, threshold, picked)) == code


@pytest.mark.parametrize(("threshold", "holders"), [(0, 3), (1, 3), (4, 3), (2, 65_537)])
def test_thresholds_that_protect_nothing_are_refused(threshold: int, holders: int) -> None:
    key = cipher.generate_key(_seed(1))
    code = _code(lambda: sharing.deal(FOUR, key, threshold, holders, _seed(2)))
    assert code == "threshold-invalid"


def test_limbs_of_the_wrong_number_of_keys_are_refused() -> None:
    released = _released([_deal(party) for party in range(4)])
    code = _code(lambda: sharing.recover_key_sum(FOUR, 1, 3, released))
    assert code == "key-sum-out-of-range"


def test_nothing_cannot_be_added() -> None:
    assert _code(lambda: sharing.sum_shares(FOUR, [])) == "nothing-to-sum"
    assert _code(lambda: sharing.sum_commitments([])) == "nothing-to-sum"
    mixed = [_deal(0)[0], _deal(1, threshold=4)[0]]
    assert _code(lambda: sharing.sum_commitments(mixed)) == "commitments-length"


def test_dealing_is_deterministic_and_a_repeated_seed_repeats_no_polynomial() -> None:
    assert _deal(0) == _deal(0)
    assert _deal(0)[0] != _deal(0, seed=1)[0]
    key, other = (cipher.generate_key(_seed(1, party)) for party in (0, 1))
    dealings = [sharing.deal(FOUR, one, 2, 3, _seed(9)) for one in (key, other)]
    slopes = [(_scalars(s[1])[0] - _scalars(s[0])[0]) % ORDER for _, s in dealings]
    assert slopes[0] != slopes[1]


def test_a_key_may_be_shared_after_it_encrypted() -> None:
    key = cipher.generate_key(_seed(1, 0))
    cipher.encrypt(FOUR, np.zeros(1, dtype=np.uint64), key, b"", _seed(3))
    assert sharing.deal(FOUR, key, 3, 5, _seed(2, 0, 0)) == _deal(0)
