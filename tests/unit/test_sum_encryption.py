"""Encryption of sums from Python: exact sums, one-time keys, and whose fault a refusal is."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain.encryption import cipher, sharing
from cotrain.encryption.parameters import DEGREE, MODULUS, NOISE_BOUND, SumParameters
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError, UsageError

Use = Callable[[], object]
CONTEXT = b"agreement 7, round 3"
FOUR = SumParameters.derive(4, 2**18)


def _seed(*parts: int) -> bytes:
    return bytes(parts).ljust(32, b"\0")


def _message(parameters: SumParameters, fields: int, seed: int) -> NDArray[np.uint64]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, parameters.max_field + 1, fields, dtype=np.uint64)


def _key_sum(parameters: SumParameters, keys: list[int]) -> NDArray[np.int32]:
    dealings = [
        sharing.deal(parameters, cipher.generate_key(_seed(1, key)), 2, 2, _seed(2, key))
        for key in keys
    ]
    sums = [sharing.sum_shares(parameters, [d[1][place] for d in dealings]) for place in (0, 1)]
    return sharing.recover_key_sum(parameters, len(keys), 2, list(enumerate(sums, start=1)))


def _encrypt(
    parameters: SumParameters, fields: NDArray[np.uint64], key: int, context: bytes = CONTEXT
) -> bytes:
    return cipher.encrypt(
        parameters, fields, cipher.generate_key(_seed(1, key)), context, _seed(3, key)
    )


@pytest.mark.parametrize(
    ("agreed", "parties", "max_field", "fields"),
    [
        (1, 1, 1, 1),
        (2, 2, 255, 100),
        (4, 4, 2**18, 9001),
        (10, 10, 2**17, 4097),
        (10, 3, 70_000, 64),
        (1000, 12, 65_535, 2500),
    ],
)
def test_sums_are_exact(agreed: int, parties: int, max_field: int, fields: int) -> None:
    parameters = SumParameters.derive(agreed, max_field)
    messages = [_message(parameters, fields, party) for party in range(parties)]
    messages[0][:] = max_field
    sent = [_encrypt(parameters, message, key) for key, message in enumerate(messages)]
    assert {len(one) for one in sent} == {parameters.ciphertext_bytes(fields)}
    opened = cipher.open_sum(
        parameters, fields, sent, _key_sum(parameters, list(range(parties))), CONTEXT
    )
    assert opened.dtype == np.uint64
    assert (opened == sum(messages)).all()


def test_a_thousand_parties_at_their_maximum_sum_exactly() -> None:
    parameters = SumParameters.derive(1000, 65_535)
    fields = np.full(3, 65_535, dtype=np.uint64)
    one = _encrypt(parameters, fields, 0)
    total = cipher.sum_ciphertexts(parameters, 3, [one] * 1000)
    key_sum = 1000 * _key_sum(parameters, [0])
    opened = cipher.open_total(parameters, 3, (total, 1000), key_sum, CONTEXT)
    assert opened.tolist() == [65_535_000] * 3


@pytest.mark.parametrize("max_field", [1, 255, 65_535, 2**18, 2**20])
@pytest.mark.parametrize("parties", [1, 2, 4, 10, 1000, 65_536])
def test_the_worst_case_of_errors_and_messages_fits(parties: int, max_field: int) -> None:
    if (parties * max_field + 1) * (2 * NOISE_BOUND * parties + 1) > MODULUS:
        with pytest.raises(RefusedError):
            SumParameters.derive(parties, max_field)
        return
    parameters = SumParameters.derive(parties, max_field)
    assert parameters.radix == parties * max_field + 1
    assert parameters.plaintext_modulus == parameters.radix**parameters.fields_per_coefficient
    largest = parameters.plaintext_modulus * (2 * NOISE_BOUND * parties + 1)
    assert largest <= MODULUS < largest * parameters.radix
    assert 2 * NOISE_BOUND * parties < 2**parameters.limb_bits
    assert parameters.limbs_per_scalar * parameters.limb_bits <= 252
    assert parameters.key_scalars == -(-DEGREE // parameters.limbs_per_scalar)
    assert parameters.share_bytes == 32 * (parameters.key_scalars + 1)


def test_a_million_entries_of_four_parties_take_under_three_and_a_half_bytes_each() -> None:
    assert FOUR.ciphertext_bytes(10**6) == 3_312_500


@pytest.mark.parametrize(
    ("parties", "max_field", "code", "fault"),
    [
        (0, 1, "parties-out-of-range", RefusedError),
        (65_537, 1, "parties-out-of-range", RefusedError),
        (4, 0, "field-too-wide", RefusedError),
        (4, 2**45, "field-too-wide", RefusedError),
        (1000, 2**32, "field-too-wide", RefusedError),
        (-1, 1, "size-out-of-range", UsageError),
        (1, 2**70, "size-out-of-range", UsageError),
    ],
)
def test_impossible_parameters_are_refused(
    parties: int, max_field: int, code: str, fault: type[CotrainError]
) -> None:
    with pytest.raises(fault) as refusal:
        SumParameters.derive(parties, max_field)
    assert refusal.value.code == code


def test_a_key_encrypts_once() -> None:
    key = cipher.generate_key(_seed(1))
    fields = np.array([1, 2, 3], dtype=np.uint64)
    before = key.used
    first = cipher.encrypt(FOUR, fields, key, CONTEXT, _seed(2))
    assert (before, key.used) == (False, True)
    for context, seed in ((CONTEXT, _seed(2)), (b"another round", _seed(3))):
        with pytest.raises(RefusedError) as refusal:
            cipher.encrypt(FOUR, fields, key, context, seed)
        assert refusal.value.code == "key-already-used"
    again = cipher.encrypt(FOUR, fields, cipher.generate_key(_seed(1)), CONTEXT, _seed(2))
    assert again == first


def test_the_error_depends_on_seed_key_and_context() -> None:
    fields = np.zeros(2, dtype=np.uint64)
    made = {
        cipher.encrypt(FOUR, fields, cipher.generate_key(key), context, seed)
        for key in (_seed(1), _seed(2))
        for context in (b"a", b"b")
        for seed in (_seed(3), _seed(4))
    }
    assert len(made) == 8


def test_a_key_does_not_print() -> None:
    assert repr(cipher.generate_key(_seed(1))) == "SecretKey(used=False)"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (np.array([2**18 + 1], dtype=np.uint64), "field-out-of-range"),
        (np.array([], dtype=np.uint64), "no-fields"),
        (np.array([1], dtype=np.int64), "fields-array"),
        (np.array([[1]], dtype=np.uint64), "fields-array"),
    ],
)
def test_messages_that_do_not_fit_are_refused_and_leave_the_key_unused(
    fields: NDArray[np.uint64], code: str
) -> None:
    key = cipher.generate_key(_seed(1))
    with pytest.raises(UsageError) as refusal:
        cipher.encrypt(FOUR, fields, key, CONTEXT, _seed(2))
    assert refusal.value.code == code
    assert not key.used


def test_fields_need_not_be_contiguous() -> None:
    fields = np.arange(20, dtype=np.uint64)
    assert _encrypt(FOUR, fields[::2], 0) == _encrypt(FOUR, fields[::2].copy(), 0)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_seeds_have_32_bytes(size: int) -> None:
    fields = np.zeros(1, dtype=np.uint64)
    uses: list[Use] = [
        lambda: cipher.generate_key(bytes(size)),
        lambda: cipher.encrypt(FOUR, fields, cipher.generate_key(_seed(1)), b"", bytes(size)),
    ]
    for use in uses:
        with pytest.raises(UsageError) as refusal:
            use()
        assert refusal.value.code == "seed-length"


def test_every_byte_of_a_ciphertext_matters() -> None:
    fields = _message(FOUR, 7, 1)
    key_sum = _key_sum(FOUR, [0])
    good = _encrypt(FOUR, fields, 0)
    assert _open_one(good, key_sum) == fields.tolist()
    for place in range(len(good)):
        for flip in (0x01, 0x80):
            bad = bytearray(good)
            bad[place] ^= flip
            assert _open_one(bytes(bad), key_sum) != fields.tolist(), place


def _open_one(ciphertext: bytes, key_sum: NDArray[np.int32]) -> list[int] | None:
    try:
        opened = cipher.open_total(FOUR, 7, (ciphertext, 1), key_sum, CONTEXT)
        return [int(field) for field in opened]
    except (ForgeryError, MalformedError):
        return None


def _pack(coefficients: list[int]) -> bytes:
    bits = sum(value << (53 * place) for place, value in enumerate(coefficients))
    return bits.to_bytes(-(-53 * len(coefficients) // 8), "little")


@pytest.mark.parametrize(
    ("ciphertext", "code"),
    [
        (_pack([MODULUS, 0, 0]), "coefficient-not-canonical"),
        (_pack([0, 0, MODULUS]), "coefficient-not-canonical"),
        (_pack([0, 2**53 - 1, 0]), "coefficient-not-canonical"),
        (_pack([0, 0, 0])[:-1] + b"\x80", "padding-not-zero"),
        (_pack([0, 0, 1 << 53]), "padding-not-zero"),
        (_pack([0, 0, 0]) + b"\0", "ciphertext-length"),
        (_pack([0, 0, 0])[:-1], "ciphertext-length"),
        (b"", "ciphertext-length"),
        (_pack([0, 0, 0, 0]), "ciphertext-length"),
    ],
)
def test_only_one_encoding_of_a_ciphertext_is_read(ciphertext: bytes, code: str) -> None:
    zeros = _pack([0, 0, 0])
    cipher.check_ciphertext(FOUR, 5, zeros)
    uses: list[Use] = [
        lambda: cipher.check_ciphertext(FOUR, 5, ciphertext),
        lambda: cipher.sum_ciphertexts(FOUR, 5, [zeros, ciphertext]),
        lambda: cipher.open_total(FOUR, 5, (ciphertext, 1), _key_sum(FOUR, [0]), CONTEXT),
    ]
    for use in uses:
        with pytest.raises(MalformedError) as refusal:
            use()
        assert refusal.value.code == code


def test_the_largest_coefficient_is_read() -> None:
    cipher.check_ciphertext(FOUR, 5, _pack([MODULUS - 1] * 3))


@pytest.mark.parametrize("wrong", ["key", "context", "party left out", "party counted twice"])
def test_a_sum_that_does_not_belong_to_its_key_is_detected(wrong: str) -> None:
    messages = [_message(FOUR, 500, party) for party in range(3)]
    sent = [_encrypt(FOUR, message, key) for key, message in enumerate(messages)]
    key_sum, context = _key_sum(FOUR, [0, 1, 2]), CONTEXT
    assert (cipher.open_sum(FOUR, 500, sent, key_sum, context) == sum(messages)).all()
    match wrong:
        case "key":
            key_sum = _key_sum(FOUR, [0, 1, 3])
        case "context":
            context = b"agreement 7, round 4"
        case "party left out":
            sent = sent[:2]
        case _:
            sent = [sent[0], sent[1], sent[1]]
    with pytest.raises(ForgeryError) as lie:
        cipher.open_sum(FOUR, 500, sent, key_sum, context)
    assert lie.value.code in {"error-too-large", "key-sum-out-of-range"}


def test_a_party_with_another_context_is_detected() -> None:
    sent = [
        _encrypt(FOUR, _message(FOUR, 500, 0), 0),
        _encrypt(FOUR, _message(FOUR, 500, 1), 1, b"another round"),
    ]
    with pytest.raises(ForgeryError) as lie:
        cipher.open_sum(FOUR, 500, sent, _key_sum(FOUR, [0, 1]), CONTEXT)
    assert lie.value.code == "error-too-large"


@pytest.mark.parametrize(
    ("value", "summands", "good"),
    [(2**18, 1, True), (2**18 + 1, 1, False), (2**18 + 1, 2, True), (2**20, 4, True)],
)
def test_a_field_above_the_maximum_is_detected(value: int, summands: int, *, good: bool) -> None:
    # Under the key sum zero and without errors, a coefficient is its fields.
    total = (_pack([value]), summands)
    zero = np.zeros(DEGREE, dtype=np.int32)
    if good:
        assert cipher.open_total(FOUR, 1, total, zero, CONTEXT).tolist() == [value]
        return
    with pytest.raises(ForgeryError) as lie:
        cipher.open_total(FOUR, 1, total, zero, CONTEXT)
    assert lie.value.code == "sum-too-large"


def test_key_sums_out_of_range_are_refused() -> None:
    total = _pack([0])
    for bad in (np.full(DEGREE, 43, np.int32), np.full(DEGREE, -43, np.int32)):
        with pytest.raises(ForgeryError) as lie:
            cipher.open_total(FOUR, 1, (total, 1), bad, CONTEXT)
        assert lie.value.code == "key-sum-out-of-range"
    with pytest.raises(ForgeryError):
        cipher.open_total(FOUR, 1, (total, 1), np.zeros(DEGREE - 1, np.int32), CONTEXT)


@pytest.mark.parametrize("summands", [0, 5])
def test_the_number_of_summands_is_bounded_by_the_agreement(summands: int) -> None:
    with pytest.raises(UsageError) as refusal:
        cipher.open_total(FOUR, 1, (_pack([0]), summands), np.zeros(DEGREE, np.int32), CONTEXT)
    assert refusal.value.code == "summands-out-of-range"
    with pytest.raises(UsageError):
        cipher.sum_ciphertexts(FOUR, 1, [])


def test_no_fields_are_refused_everywhere() -> None:
    with pytest.raises(UsageError):
        cipher.check_ciphertext(FOUR, 0, b"")
    with pytest.raises(UsageError):
        cipher.sum_ciphertexts(FOUR, -1, [b""])


def test_refusals_say_what_they_mean() -> None:
    with pytest.raises(MalformedError) as refusal:
        cipher.check_ciphertext(FOUR, 5, b"short")
    diagnostics = refusal.value.diagnostics()
    assert diagnostics["what"] == "a ciphertext of 5 bytes, expected 20"
    assert diagnostics["meaning"]
