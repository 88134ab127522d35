"""The known answers of the noise specification, against both implementations."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slow_noise

from cotrain._native import noise
from cotrain.privacy.sampler import apply_table, draw_words, sample_noise
from cotrain.privacy.skellam import build_table

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "noise" / "v1.json").read_text()
)
WORDS = [int(word) for word in VECTORS["words_applied"]]
SLOW_LIMIT = 1500**2  # the slow implementation takes seconds above this variance


def _sha256(code: str, values: list[int]) -> str:
    return hashlib.sha256(struct.pack(f"<{len(values)}{code}", *values)).hexdigest()


def test_the_words_of_a_seed() -> None:
    vector = VECTORS["words"]
    seed, count = bytes.fromhex(vector["seed"]), vector["count"]
    for words in (draw_words(seed, count).tolist(), slow_noise.stream(seed, count)):
        assert [str(word) for word in words[:8]] == vector["first"]
        assert _sha256("Q", words) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["tables"], ids=lambda vector: vector["variance"])
def test_the_core_gives_the_known_answers(vector: dict[str, Any]) -> None:
    table, seed = build_table(vector["variance"]), bytes.fromhex(vector["seed"])
    samples = sample_noise(table, seed, 1000).tolist()
    assert table.radius == vector["radius"]
    assert table.sha256() == vector["thresholds_sha256"]
    assert [str(t) for t in table.thresholds[table.radius :][:4]] == vector["thresholds_from_0"]
    assert samples[:16] == vector["samples"]
    assert _sha256("q", samples) == vector["samples_sha256"]
    drawn = apply_table(table, np.array(WORDS, dtype=np.uint64)).tolist()
    assert drawn == vector["values_at_words"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS["tables"] if vector["variance"] <= SLOW_LIMIT],
    ids=lambda vector: vector["variance"],
)
def test_the_slow_implementation_gives_the_known_answers(vector: dict[str, Any]) -> None:
    table, seed = slow_noise.thresholds(vector["variance"]), bytes.fromhex(vector["seed"])
    samples = [slow_noise.value(table, word) for word in slow_noise.stream(seed, 1000)]
    assert len(table) == 2 * vector["radius"] + 1
    assert _sha256("Q", table) == vector["thresholds_sha256"]
    assert _sha256("q", samples) == vector["samples_sha256"]
    assert [slow_noise.value(table, word) for word in WORDS] == vector["values_at_words"]


def test_the_hash_of_a_table_sees_every_threshold() -> None:
    table = slow_noise.thresholds(3)
    known = next(v["thresholds_sha256"] for v in VECTORS["tables"] if v["variance"] == 3)
    for index in range(len(table)):
        changed = [*table[:index], table[index] ^ 1, *table[index + 1 :]]
        assert _sha256("Q", changed) != known


@pytest.mark.parametrize("bad", VECTORS["bad_tables"], ids=lambda bad: bad["name"])
def test_bad_tables_are_refused(bad: dict[str, Any]) -> None:
    thresholds = np.array([int(low) for low in bad["thresholds"]], dtype=np.uint64)
    with pytest.raises(ValueError, match="threshold"):
        noise.apply(thresholds, np.zeros(1, np.uint64))
    with pytest.raises(ValueError, match="threshold"):
        noise.sample(thresholds, bytes(32), 1)
