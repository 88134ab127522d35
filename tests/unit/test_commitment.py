"""Commitments from Python: shapes, arithmetic, and whose fault a refusal is."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain.commitment import pedersen
from cotrain.errors import CotrainError, ForgeryError, MalformedError, UsageError

ORDER = 2**252 + 27742317777372353535851937790883648493
SEED = bytes(range(32))


def _blindings(entries: int, width: int, label: bytes = b"test") -> bytes:
    return pedersen.derive_blindings(SEED, label, pedersen.row_count(entries, width))


def _random(entries: int, bound: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(-bound, bound, entries, dtype=np.int64)


@pytest.mark.parametrize(
    ("entries", "width", "rows"), [(0, 1, 0), (1, 1, 1), (8, 4, 2), (9, 4, 3), (5, 65536, 1)]
)
def test_row_count(entries: int, width: int, rows: int) -> None:
    assert pedersen.row_count(entries, width) == rows


@pytest.mark.parametrize(("entries", "width"), [(1, 0), (1, 65537), (1, -1), (-1, 1)])
def test_row_count_refuses_impossible_shapes(entries: int, width: int) -> None:
    with pytest.raises(UsageError):
        pedersen.row_count(entries, width)


@pytest.mark.parametrize(
    ("entries", "width"), [(0, 3), (1, 1), (7, 1), (64, 64), (65, 64), (3000, 10)]
)
def test_commitments_open_and_only_to_their_values(entries: int, width: int) -> None:
    values, rho = _random(entries, 2**40), _blindings(entries, width)
    commitments = pedersen.commit(values, width, rho)
    assert len(commitments) == 32 * pedersen.row_count(entries, width)
    pedersen.check_commitments(commitments, entries, width)
    pedersen.verify_opening(commitments, values, width, rho)
    for position in {0, entries // 2, entries - 1} if entries else ():
        wrong = values.copy()
        wrong[position] += 1
        with pytest.raises(ForgeryError) as lie:
            pedersen.verify_opening(commitments, wrong, width, rho)
        assert lie.value.code == "commitment-does-not-open"


def test_int16_and_int64_entries_give_the_same_bytes() -> None:
    wide = _random(5000, 2**15)
    rho = _blindings(5000, 100)
    narrow = wide.astype(np.int16)
    assert pedersen.commit(narrow, 100, rho) == pedersen.commit(wide, 100, rho)
    pedersen.verify_opening(pedersen.commit(wide, 100, rho), narrow, 100, rho)


def test_strided_views_commit_like_their_copies() -> None:
    values = _random(200, 2**20)
    rho = _blindings(100, 30)
    assert pedersen.commit(values[::2], 30, rho) == pedersen.commit(values[::2].copy(), 30, rho)


def test_commitments_do_not_depend_on_the_other_rows() -> None:
    # Many rows and one row are multiplied by different methods.
    values, rho = _random(400 * 50, 2**15), _blindings(400 * 50, 50)
    whole = pedersen.commit(values, 50, rho)
    for row in (0, 199, 399):
        part, here = values[row * 50 : (row + 1) * 50], slice(32 * row, 32 * row + 32)
        assert pedersen.commit(part, 50, rho[here]) == whole[here]


def test_the_sum_of_commitments_opens_to_the_sum() -> None:
    parts = [_random(70, 2**30, seed) for seed in range(5)]
    rhos = [_blindings(70, 16, label) for label in (b"a", b"b", b"c", b"d", b"e")]
    lists = [pedersen.commit(part, 16, rho) for part, rho in zip(parts, rhos, strict=True)]
    total, rho = np.sum(parts, axis=0), pedersen.add_blindings(rhos)
    pedersen.verify_opening(pedersen.sum_commitments(lists), total, 16, rho)
    with pytest.raises(ForgeryError):
        pedersen.verify_opening(pedersen.sum_commitments(lists[:4]), total, 16, rho)
    with pytest.raises(ForgeryError):
        pedersen.verify_opening(pedersen.sum_commitments([*lists, lists[0]]), total, 16, rho)


def test_a_commitment_and_its_inverse_sum_to_the_identity() -> None:
    values, rho = _random(4, 100), _blindings(4, 4)
    negated = (ORDER - int.from_bytes(rho, "little")).to_bytes(32, "little")
    lists = [pedersen.commit(values, 4, rho), pedersen.commit(-values, 4, negated)]
    assert pedersen.sum_commitments(lists) == bytes(32)
    assert pedersen.add_blindings([rho, negated]) == bytes(32)
    pedersen.verify_opening(bytes(32), np.zeros(4, np.int64), 4, bytes(32))


def test_equal_vectors_under_other_blindings_look_unrelated() -> None:
    values = np.zeros(8, np.int16)
    first = pedersen.commit(values, 4, _blindings(8, 4, b"first"))
    second = pedersen.commit(values, 4, _blindings(8, 4, b"second"))
    assert len({first[:32], first[32:], second[:32], second[32:]}) == 4


def test_every_flipped_byte_is_refused() -> None:
    values, rho = _random(6, 2**31), _blindings(6, 4)
    commitments = pedersen.commit(values, 4, rho)
    for position in range(64):
        flip = bytearray(64)
        flip[position] = 1 << (position % 8)
        mask = int.from_bytes(flip)
        bad_points = (int.from_bytes(commitments) ^ mask).to_bytes(64)
        bad_scalars = (int.from_bytes(rho) ^ mask).to_bytes(64)
        with pytest.raises((ForgeryError, MalformedError)):
            pedersen.verify_opening(bad_points, values, 4, rho)
        with pytest.raises((ForgeryError, MalformedError)):
            pedersen.verify_opening(commitments, values, 4, bad_scalars)


def _unreduced() -> bytes:
    return ORDER.to_bytes(32, "little")


MALFORMED: dict[str, tuple[str, Callable[[], object]]] = {
    "short seed": ("commitment-length", lambda: pedersen.derive_blindings(SEED[:31], b"", 1)),
    "long seed": ("commitment-length", lambda: pedersen.derive_blindings(SEED + b"0", b"", 1)),
    "no lists": ("commitment-nothing-to-sum", lambda: pedersen.sum_commitments([])),
    "no blindings": ("commitment-nothing-to-sum", lambda: pedersen.add_blindings([])),
    "ragged lists": ("commitment-length", lambda: pedersen.sum_commitments([bytes(64), bytes(32)])),
    "ragged blindings": (
        "commitment-blinding-count",
        lambda: pedersen.add_blindings([bytes(64), bytes(32)]),
    ),
    "half a point": ("commitment-length", lambda: pedersen.sum_commitments([bytes(48)])),
    "half a scalar": ("commitment-length", lambda: pedersen.add_blindings([bytes(48)])),
    "bad point": (
        "commitment-bad-point",
        lambda: pedersen.sum_commitments([bytes(32), b"\1" * 32]),
    ),
    "bad scalar": ("commitment-bad-scalar", lambda: pedersen.add_blindings([_unreduced()])),
    "unreduced blinding": (
        "commitment-bad-scalar",
        lambda: pedersen.commit(np.zeros(1, np.int16), 1, _unreduced()),
    ),
    "blinding missing": (
        "commitment-blinding-count",
        lambda: pedersen.commit(np.zeros(2, np.int16), 1, bytes(32)),
    ),
    "commitment too long": (
        "commitment-length",
        lambda: pedersen.check_commitments(bytes(64), 4, 4),
    ),
    "commitment for no values": (
        "commitment-length",
        lambda: pedersen.check_commitments(bytes(32), 0, 4),
    ),
    "shape too large for memory": (
        "commitment-length",
        lambda: pedersen.check_commitments(bytes(32), 2**63, 1),
    ),
    "received bad point": (
        "commitment-bad-point",
        lambda: pedersen.check_commitments(b"\xff" * 32, 4, 4),
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_are_refused_with_their_code(name: str) -> None:
    code, call = MALFORMED[name]
    with pytest.raises(MalformedError) as refusal:
        call()
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 2), np.int16),
        np.zeros(4, np.int32),
        np.zeros(4, np.float64),
        np.zeros(4, np.uint64),
        np.zeros(4, ">i8"),
        np.int64(3),
    ],
    ids=["two dimensions", "int32", "float", "unsigned", "big endian", "no dimension"],
)
def test_other_arrays_are_refused(values: NDArray[np.int64]) -> None:
    with pytest.raises(UsageError) as refusal:
        pedersen.commit(values, 4, bytes(32))
    assert refusal.value.code == "commitment-entries"
    with pytest.raises(UsageError):
        pedersen.verify_opening(bytes(32), values, 4, bytes(32))


def test_refusals_say_what_happened_and_what_to_do() -> None:
    with pytest.raises(CotrainError) as refusal:
        pedersen.verify_opening(bytes(32), np.ones(1, np.int16), 1, bytes(32))
    diagnostics = refusal.value.diagnostics()
    assert diagnostics["what"] == "row 0 does not open to these values"
    assert all(diagnostics.values())
