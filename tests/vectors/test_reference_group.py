"""The group, the transcript and the tables of `reference/` against published and own vectors."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import slow_ristretto as slow

from reference.chacha20 import words
from reference.field import ORDER, invert, invert_all, powers
from reference.multilinear import bind, eq, eq_at, interpolate, value_at
from reference.ristretto import (
    IDENTITY,
    Point,
    add,
    blinding_generator,
    decode,
    encode,
    entry_generator,
    hash_to_group,
    is_identity,
    multi_scalar,
    negate,
)
from reference.tables import exp_table, sigmoid_table, table_name
from reference.transcript import Transcript

VECTORS = Path(__file__).parents[2] / "vectors"


def _load(name: str) -> Any:
    return json.loads((VECTORS / name / "v1.json").read_text(encoding="utf-8"))


def test_merlin_knows_its_published_vector() -> None:
    transcript = Transcript(b"test protocol")
    transcript.append_message(b"some label", b"some data")
    expected = "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
    assert transcript.challenge_bytes(b"challenge", 32).hex() == expected


def test_challenges_depend_on_everything_before() -> None:
    def challenge(label: str, message: bytes) -> int:
        transcript = Transcript(b"test")
        transcript.append_message(label.encode(), message)
        return transcript.challenge("r")

    long = bytes(1000)
    assert challenge("a", long) == challenge("a", long)
    assert len({challenge("a", long), challenge("b", long), challenge("a", long[1:])}) == 3


def test_generators_of_the_vectors() -> None:
    known = _load("commitment")
    for index in ("0", "64", "65535"):
        assert encode(entry_generator(int(index))).hex() == known["generators"][index]
    assert encode(blinding_generator()).hex() == known["blinding_generator"]


@pytest.mark.parametrize(
    "encoding",
    [
        (2**255 - 19).to_bytes(32, "little"),
        (1).to_bytes(32, "little"),
        (2**255).to_bytes(32, "little"),
        (2**252 + 2).to_bytes(32, "little"),
        bytes(31),
    ],
)
def test_bad_points_are_not_decoded(encoding: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        decode(encoding)


def test_decoding_is_the_inverse_of_encoding() -> None:
    for point in (IDENTITY, hash_to_group(b"a"), negate(hash_to_group(b"b"))):
        encoding = encode(point)
        assert encode(decode(encoding)) == encoding
        assert slow.encode(slow.decode(encoding)) == encoding


def test_many_scalars_at_once() -> None:
    points = [hash_to_group(bytes([i])) for i in range(20)]
    scalars = [int.from_bytes(hashlib.sha256(bytes([i])).digest()) for i in range(20)]
    scalars[:3] = [0, 1, -1]
    expected: Point = IDENTITY
    for scalar, point in zip(scalars, points, strict=True):
        expected = slow.add(expected, slow.multiply(scalar, point))
    assert encode(multi_scalar(scalars, points)) == slow.encode(expected)
    assert is_identity(multi_scalar([ORDER - 1, 1], [points[0], points[0]]))
    assert not is_identity(add(points[0], points[1]))
    assert is_identity(multi_scalar([], []))


def test_numbers_are_inverted_together() -> None:
    numbers = [1, 2, ORDER - 1, 12345]
    assert invert_all(numbers) == [invert(x) for x in numbers]
    with pytest.raises(ZeroDivisionError):
        invert_all([1, 0])
    assert powers(3, 4) == [1, 3, 9, 27]
    assert powers(3, 0) == []


def test_the_first_variable_is_the_most_significant_bit() -> None:
    assert eq([]) == [1]
    assert eq([1, 0]) == [0, 0, 1, 0]
    vector, point = [3, 1, 4, 1, 5, 9, 2, 6], [7, 8, 9]
    bound = vector
    for x in point:
        bound = bind(bound, x)
    assert bound == [value_at(vector, point)]
    assert value_at(eq([2, 3, 5]), point) == eq_at([2, 3, 5], point)


def test_interpolation() -> None:
    coefficients = [5, ORDER - 2, 0, 7]
    values = [sum(c * x**power for power, c in enumerate(coefficients)) for x in range(4)]
    assert interpolate(values) == coefficients


def test_words_of_the_noise_vectors() -> None:
    known = _load("noise")["words"]
    drawn = words(bytes.fromhex(known["seed"]), 8)
    assert [str(word) for word in drawn] == known["first"]


def test_names_of_the_default_tables() -> None:
    sigmoid = table_name("sigmoid", 12, -2048, sigmoid_table(12, 2048)).hex()
    assert sigmoid == "e6b5c7f8fb45fd7cc5995aeae152f53cf06ff96a431e70723bf5739d38e343d3"
    exp = table_name("exp", 14, 0, exp_table(2048)).hex()
    assert exp == "416cdb3b61053015dc6e1ca4787a98b97d391c5dd842ce839ae2e58fb31f9d3a"


def test_chacha20_of_the_rfc() -> None:
    # RFC 8439, appendix A.1, test vector 1: the all-zero key, block 0.
    block = struct.pack("<8Q", *words(bytes(32), 8))
    assert block.hex().startswith(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
    )
