"""Properties of sums under encryption, and every decoder under random bytes."""

import contextlib
from collections.abc import Callable

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cotrain.encryption import cipher, sealing, sharing
from cotrain.encryption.parameters import DEGREE, SumParameters
from cotrain.errors import CotrainError, RefusedError

Attempt = Callable[[], object]
FOUR = SumParameters.derive(4, 1000)
SEEDS = st.binary(min_size=32, max_size=32)
NEAR_SHARES = st.binary(max_size=40) | st.binary(
    min_size=FOUR.share_bytes, max_size=FOUR.share_bytes
)


def _parameters(parties: int, max_field: int) -> SumParameters:
    try:
        return SumParameters.derive(parties, max_field)
    except RefusedError:
        assume(condition=False)
        raise


@settings(deadline=None, max_examples=60)
@given(
    spare=st.integers(0, 3),
    max_field=st.integers(1, 2**24),
    messages=st.integers(1, 5).flatmap(
        lambda parties: st.integers(1, 40).flatmap(
            lambda fields: st.lists(
                st.lists(st.integers(0, 2**24), min_size=fields, max_size=fields),
                min_size=parties,
                max_size=parties,
            )
        )
    ),
    context=st.binary(max_size=50),
    seed=SEEDS,
)
def test_sums_open_exactly(
    spare: int, max_field: int, messages: list[list[int]], context: bytes, seed: bytes
) -> None:
    parameters = _parameters(len(messages) + spare, max_field)
    vectors = [np.array(fields, dtype=np.uint64) % np.uint64(max_field + 1) for fields in messages]
    sent, dealings = [], []
    for party, vector in enumerate(vectors):
        key = cipher.generate_key(bytes([party]) + seed[1:])
        sent.append(cipher.encrypt(parameters, vector, key, context, seed))
        dealings.append(sharing.deal(parameters, key, 2, 3, seed))
    released = [
        (holder, sharing.sum_shares(parameters, [shares[holder - 1] for _, shares in dealings]))
        for holder in (1, 3)
    ]
    key_sum = sharing.recover_key_sum(parameters, len(sent), 2, released)
    opened = cipher.open_sum(parameters, len(vectors[0]), sent, key_sum, context)
    assert opened.tolist() == np.sum(vectors, axis=0, dtype=np.uint64).tolist()


@settings(deadline=None, max_examples=40)
@given(fields=st.integers(1, 50), order=st.permutations(range(4)), split=st.integers(1, 3))
def test_ciphertexts_add_in_any_order_and_grouping(
    fields: int, order: list[int], split: int
) -> None:
    zeros = np.zeros(fields, dtype=np.uint64)
    sent = [
        cipher.encrypt(FOUR, zeros, cipher.generate_key(bytes([i]) * 32), b"", bytes(32))
        for i in range(4)
    ]
    shuffled = [sent[place] for place in order]
    parts = [
        cipher.sum_ciphertexts(FOUR, fields, part) for part in (shuffled[:split], shuffled[split:])
    ]
    assert cipher.sum_ciphertexts(FOUR, fields, parts) == cipher.sum_ciphertexts(FOUR, fields, sent)


@settings(deadline=None, max_examples=20)
@given(
    shape=st.integers(2, 6).flatmap(
        lambda holders: st.tuples(st.integers(2, holders), st.just(holders))
    ),
    pick=st.randoms(use_true_random=False),
    seed=SEEDS,
)
def test_any_subset_of_threshold_size_rebuilds(
    shape: tuple[int, int], pick: object, seed: bytes
) -> None:
    threshold, holders = shape
    key = cipher.generate_key(seed)
    commitments, shares = sharing.deal(FOUR, key, threshold, holders, seed)
    everyone = list(enumerate(shares, start=1))
    for holder, share in everyone:
        sharing.verify_share(FOUR, commitments, holder, share)
    expected = sharing.recover_key_sum(FOUR, 1, threshold, everyone)
    chosen = pick.sample(everyone, threshold)  # type: ignore[attr-defined]
    assert (sharing.recover_key_sum(FOUR, 1, threshold, chosen) == expected).all()


@settings(deadline=None, max_examples=150)
@given(
    fields=st.integers(-1, 40),
    noise=st.binary(max_size=80),
    sized=st.randoms(use_true_random=False),
    holder=st.integers(-1, 70_000),
    share=NEAR_SHARES,
)
def test_random_bytes_are_refused_or_read_and_never_crash(
    fields: int, noise: bytes, sized: object, holder: int, share: bytes
) -> None:
    fitting = sized.randbytes(FOUR.ciphertext_bytes(max(fields, 0)))  # type: ignore[attr-defined]
    zero = np.zeros(DEGREE, dtype=np.int32)
    attempts: list[Attempt] = [
        lambda: cipher.check_ciphertext(FOUR, fields, noise),
        lambda: cipher.check_ciphertext(FOUR, fields, fitting),
        lambda: cipher.sum_ciphertexts(FOUR, fields, [fitting, noise]),
        lambda: cipher.open_total(FOUR, fields, (fitting, 2), zero, noise),
        lambda: sharing.verify_share(FOUR, noise, holder, share),
        lambda: sharing.verify_share(FOUR, bytes(64), holder, share),
        lambda: sharing.find_bad_shares(FOUR, holder, [noise, bytes(64)], [share, share]),
        lambda: sharing.sum_commitments([noise, bytes(64)]),
        lambda: sharing.sum_shares(FOUR, [share, noise]),
        lambda: sharing.recover_key_sum(FOUR, 1, 2, [(holder, share), (1, share), (2, noise)]),
        lambda: sealing.open_sealed(bytes(range(32)), b"", b"", noise),
        lambda: sealing.seal(noise, b"", b"", b"", bytes(32)),
    ]
    for attempt in attempts:
        with contextlib.suppress(CotrainError):
            attempt()
