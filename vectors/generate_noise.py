"""Write `vectors/noise/v1.json`, the known answers of `docs/spec/noise.md`.

Run `python vectors/generate_noise.py` only for a new format version: accepted answers stay as they
are. They are checked by a second implementation that shares no code with this one
(`tests/vectors/slow_noise.py`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cotrain.privacy.sampler import apply_table, draw_words, sample_noise
from cotrain.privacy.skellam import build_table

VARIANCES = (1, 2, 3, 10, 100, 1000, 12_345, 10**6, 1500**2, 10**8)
SAMPLES = 1000
WORDS = (0, 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1)


def seed(name: str) -> bytes:
    """Return the 32 bytes of a named test seed."""
    return hashlib.sha256(f"cotrain/noise/v1/vectors/{name}".encode()).digest()


def digest(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of the values as little-endian 64-bit words."""
    return hashlib.sha256(values.astype(values.dtype.newbyteorder("<")).tobytes()).hexdigest()


def table_vector(variance: int) -> dict[str, Any]:
    """Return what is known of one table and of the noise that it draws."""
    table = build_table(variance)
    secret = seed(str(variance))
    samples = sample_noise(table, secret, SAMPLES)
    return {
        "variance": variance,
        "radius": table.radius,
        "thresholds_sha256": table.sha256(),
        "thresholds_from_0": [str(low) for low in table.thresholds[table.radius :][:4]],
        "seed": secret.hex(),
        "samples": samples[:16].tolist(),
        "samples_sha256": digest(samples),
        "values_at_words": apply_table(table, np.array(WORDS, dtype=np.uint64)).tolist(),
    }


def bad_tables() -> list[dict[str, Any]]:
    """Return lists of thresholds that no sampler may accept, with the reason."""
    good = [int(low) for low in build_table(1).thresholds]
    middle = len(good) // 2
    biased = [*good[:middle], good[middle] + 1, *good[middle + 1 :]]
    swapped = [*good[:middle], good[middle + 1], good[middle], *good[middle + 2 :]]
    cases = {
        "bad_empty": [],
        "bad_single_value": [0],
        "bad_even_length": good[:-1],
        "bad_first_not_zero": [1, *good[1:]],
        "bad_biased_by_one_word": biased,
        "bad_order": swapped,
        "bad_no_words_below": [0, 0, 0],
    }
    return [{"name": name, "thresholds": [str(t) for t in bad]} for name, bad in cases.items()]


def main() -> None:
    """Write the file."""
    key = seed("words")
    answers = {
        "format": "cotrain/noise/v1",
        "words": {
            "seed": key.hex(),
            "first": [str(word) for word in draw_words(key, 8)],
            "count": 20_000,
            "sha256": digest(draw_words(key, 20_000)),
        },
        "words_applied": [str(word) for word in WORDS],
        "tables": [table_vector(variance) for variance in VARIANCES],
        "bad_tables": bad_tables(),
    }
    target = Path(__file__).parent / "noise" / "v1.json"
    target.write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
