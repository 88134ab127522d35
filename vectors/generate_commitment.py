"""Write `vectors/commitment/v1.json`, the known answers of `docs/spec/commitment.md`.

Run `python vectors/generate_commitment.py` only for a new format version: accepted bytes stay as
they are. The answers are checked by a second implementation that shares no code with this one
(`tests/vectors/slow_ristretto.py`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from cotrain._native import commitment as native
from cotrain.commitment import pedersen

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
SEED = hashlib.sha256(b"cotrain/commitment/v1/vectors").digest()
INDICES = (0, 1, 2, 63, 64, 1023, 1024, 65535)
OPENINGS: dict[str, tuple[str, int, list[int]]] = {
    "empty": ("int64", 4, []),
    "one entry": ("int16", 1, [-1]),
    "width one": ("int16", 1, [1, -2, 300]),
    "one entry over a row": ("int16", 4, [5, -6, 7, -8, 9]),
    "int16 extremes": ("int16", 3, [-32768, 32767, 0, -1, 1, 4096]),
    "int64 extremes": ("int64", 2, [-(2**63), 2**63 - 1, -(2**63) + 1, 0]),
    "update": ("int64", 8, [(-1) ** i * (7919**i % 2**24) for i in range(20)]),
    "all zero": ("int16", 2, [0, 0, 0]),
}


def opening(name: str) -> dict[str, Any]:
    """Return one accepted opening."""
    dtype, width, entries = OPENINGS[name]
    values = np.array(entries, dtype=dtype)
    rows = pedersen.row_count(len(entries), width)
    blindings = pedersen.derive_blindings(SEED, name.encode(), rows)
    return {
        "name": name,
        "type": dtype,
        "width": width,
        "values": entries,
        "blindings": blindings.hex(),
        "commitments": pedersen.commit(values, width, blindings).hex(),
    }


def zero_opening() -> dict[str, Any]:
    """Return the opening whose commitments are identity points."""
    return {
        "name": "identity points",
        "type": "int16",
        "width": 2,
        "values": [0, 0, 0],
        "blindings": bytes(64).hex(),
        "commitments": bytes(64).hex(),
    }


def bad_openings() -> list[dict[str, Any]]:
    """Return openings that must be refused, each with the code of its refusal."""
    good = opening("one entry over a row")
    points, scalars = bytes.fromhex(good["commitments"]), bytes.fromhex(good["blindings"])
    one = int.from_bytes(scalars[:32], "little")
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("value off by one", "does-not-open", {"values": [5, -6, 7, -8, 10]}),
        ("values swapped", "does-not-open", {"values": [-6, 5, 7, -8, 9]}),
        ("blindings swapped", "does-not-open", {"blindings": scalars[32:] + scalars[:32]}),
        ("commitments swapped", "does-not-open", {"commitments": points[32:] + points[:32]}),
        ("identity instead of a row", "does-not-open", {"commitments": bytes(32) + points[32:]}),
        ("blinding plus the order", "bad-scalar", {"blindings": _le(one + ORDER) + scalars[32:]}),
        ("blinding is the order", "bad-scalar", {"blindings": scalars[:32] + _le(ORDER)}),
        ("field element p", "bad-point", {"commitments": _le(PRIME) + points[32:]}),
        ("negative field element", "bad-point", {"commitments": points[:32] + _le(1)}),
        ("unused top bit set", "bad-point", {"commitments": points[:-1] + _top_bit(points)}),
        ("a row missing", "length", {"commitments": points[:32]}),
        ("a row too many", "length", {"commitments": points + bytes(32)}),
        ("trailing byte", "length", {"commitments": points + b"\0"}),
        ("no commitment", "length", {"commitments": b""}),
        ("a blinding missing", "blinding-count", {"blindings": scalars[:32]}),
        ("a value missing", "length", {"values": [5, -6, 7, -8]}),
        ("no width", "width", {"width": 0}),
        ("width too large", "width", {"width": 65537}),
    ]
    return [
        good | {"name": f"bad: {name}", "code": f"commitment-{code}"} | _hex(change)
        for name, code, change in changes
    ]


def _le(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _top_bit(points: bytes) -> bytes:
    return bytes([points[-1] | 0x80])


def _hex(change: dict[str, Any]) -> dict[str, Any]:
    return {key: item.hex() if isinstance(item, bytes) else item for key, item in change.items()}


def document() -> dict[str, Any]:
    """Return the whole file."""
    accepted = [opening(name) for name in OPENINGS] + [zero_opening()]
    return {
        "format": "cotrain/commitment/v1",
        "generators": {str(index): native.generator(index).hex() for index in INDICES},
        "blinding_generator": native.blinding_generator().hex(),
        "derivations": [
            {
                "seed": SEED.hex(),
                "label": label,
                "blindings": pedersen.derive_blindings(SEED, label.encode(), 3).hex(),
            }
            for label in ("", "a", "round 7")
        ],
        "openings": accepted,
        "bad_openings": bad_openings(),
    }


if __name__ == "__main__":
    path = Path(__file__).parent / "commitment" / "v1.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
