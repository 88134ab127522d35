"""Write `vectors/encryption/v1.json`, known answers of `docs/spec/encryption.md` and `key-sharing.md`.

Run `python vectors/generate_encryption.py` only for a new format version: accepted bytes stay as
they are. The answers are checked by a second implementation that shares no code with this one
(`tests/vectors/slow_lattice.py`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cotrain.encryption import cipher, sealing, sharing
from cotrain.encryption.parameters import MODULUS, SumParameters

ORDER = 2**252 + 27742317777372353535851937790883648493
BOUNDS = [(1, 1), (2, 255), (4, 2**18), (10, 65_535), (10, 2**17), (1000, 65_535), (65_536, 2**10)]
CIPHERS: dict[str, tuple[tuple[int, int], int, int]] = {
    "one bit of one party": ((1, 1), 1, 1),
    "two digits a coefficient": ((4, 2**18), 3, 7),
    "many digits a coefficient": ((3, 5), 2, 23),
    "one digit a coefficient": ((1000, 65_535), 2, 5),
    "two blocks": ((1000, 65_535), 2, 2051),
}


def seed(*parts: object) -> bytes:
    """Return 32 bytes that depend on what they are for."""
    return hashlib.sha256(repr(("cotrain/encryption/v1/vectors", *parts)).encode()).digest()


def parameters(bounds: tuple[int, int]) -> dict[str, Any]:
    """Return the numbers that follow from parties and largest field."""
    derived = SumParameters.derive(*bounds)
    names = (
        "parties max_field radix fields_per_coefficient plaintext_modulus limb_bits "
        "limbs_per_scalar key_scalars share_bytes"
    )
    sizes = {str(fields): derived.ciphertext_bytes(fields) for fields in (1, 1000, 10**6)}
    return {name: getattr(derived, name) for name in names.split()} | {"ciphertext_bytes": sizes}


def message(name: str, party: int, fields: int, max_field: int) -> list[int]:
    """Return a message with both extremes in it."""
    words = (int.from_bytes(seed(name, party, place)[:8], "little") for place in range(fields))
    values = [word % (max_field + 1) for word in words]
    values[0] = max_field
    values[-1] = 0 if fields > 1 else max_field
    return values


def sum_case(name: str) -> dict[str, Any]:
    """Return one sum: seeds, messages, ciphertexts, the key sum through shares, the opening."""
    bounds, parties, fields = CIPHERS[name]
    derived, context = SumParameters.derive(*bounds), f"vectors, {name}".encode()
    senders, sent, dealt = [], [], []
    for party in range(parties):
        seeds = seed(name, "key", party), seed(name, "error", party)
        key, values = cipher.generate_key(seeds[0]), message(name, party, fields, bounds[1])
        array = np.array(values, dtype=np.uint64)
        sent.append(cipher.encrypt(derived, array, key, context, seeds[1]))
        dealt.append(sharing.deal(derived, key, 2, 2, seed(name, "deal", party))[1])
        senders.append({"key_seed": seeds[0].hex(), "error_seed": seeds[1].hex()})
    sums = [sharing.sum_shares(derived, [one[place] for one in dealt]) for place in (0, 1)]
    key_sum = sharing.recover_key_sum(derived, parties, 2, list(enumerate(sums, start=1)))
    opened = cipher.open_sum(derived, fields, sent, key_sum, context)
    total = cipher.sum_ciphertexts(derived, fields, sent)
    long = fields > 100
    for party, sender in enumerate(senders):
        sender["sha256"] = hashlib.sha256(sent[party]).hexdigest()
        if not long:
            sender["message"] = message(name, party, fields, bounds[1])  # type: ignore[assignment]
            sender["ciphertext"] = sent[party].hex()
    case = {
        "name": name,
        "bounds": bounds,
        "fields": fields,
        "context": context.hex(),
        "senders": senders,
        "total_sha256": hashlib.sha256(total).hexdigest(),
        "opened_sha256": hashlib.sha256(opened.astype("<u8").tobytes()).hexdigest(),
    }
    return case if long else case | {"opened": opened.tolist()}


def bad_ciphertexts() -> list[dict[str, Any]]:
    """Return encodings of three coefficients that must be refused."""
    top = pack([0, 0, MODULUS - 1])
    cases = [
        ("first coefficient is q", "coefficient-not-canonical", pack([MODULUS, 0, 0])),
        ("last coefficient is q", "coefficient-not-canonical", pack([0, 0, MODULUS])),
        ("all bits of a coefficient", "coefficient-not-canonical", pack([0, 2**53 - 1, 0])),
        ("first padding bit", "padding-not-zero", pack([0, 0, 1 << 53])),
        ("last padding bit", "padding-not-zero", top[:-1] + bytes([top[-1] | 0x80])),
        ("a byte missing", "ciphertext-length", top[:-1]),
        ("a byte too many", "ciphertext-length", top + b"\0"),
        ("empty", "ciphertext-length", b""),
    ]
    return [
        {
            "name": f"bad: {name}",
            "code": code,
            "bounds": (4, 2**18),
            "fields": 5,
            "bytes": bad.hex(),
        }
        for name, code, bad in cases
    ]


def pack(coefficients: list[int]) -> bytes:
    """Return coefficients of 53 bits each."""
    bits = sum(value << (53 * place) for place, value in enumerate(coefficients))
    return bits.to_bytes(-(-53 * len(coefficients) // 8), "little")


def dealing(parties: int, threshold: int, holders: int) -> dict[str, Any]:
    """Return one dealing: all commitments, the first share, hashes of the others."""
    derived = SumParameters.derive(parties, 1)
    seeds = seed("dealt key", parties), seed("dealing", parties)
    key = cipher.generate_key(seeds[0])
    commitments, shares = sharing.deal(derived, key, threshold, holders, seeds[1])
    chosen = list(enumerate(shares, start=1))[-threshold:]
    key_sum = sharing.recover_key_sum(derived, 1, threshold, chosen)
    return {
        "parties": parties,
        "threshold": threshold,
        "holders": holders,
        "key_seed": seeds[0].hex(),
        "seed": seeds[1].hex(),
        "commitments": commitments.hex(),
        "share_1": shares[0].hex(),
        "share_sha256": [hashlib.sha256(share).hexdigest() for share in shares],
        "key_sha256": hashlib.sha256(key_sum.astype("i1").tobytes()).hexdigest(),
    }


def bad_shares() -> list[dict[str, Any]]:
    """Return what must be refused of the dealing for four parties, as changes to (bytes, holder)."""
    good = dealing(4, 3, 4)
    commitments, share = bytes.fromhex(good["commitments"]), bytes.fromhex(good["share_1"])
    first = int.from_bytes(share[:32], "little")
    over = (first + ORDER).to_bytes(32, "little") + share[32:]
    off = ((first + 1) % ORDER).to_bytes(32, "little") + share[32:]
    last = int.from_bytes(share[-32:], "little")
    blind = share[:-32] + ((last + 1) % ORDER).to_bytes(32, "little")
    bad_point = commitments[:64] + b"\x01" + bytes(31)
    cases = [
        ("first component off by one", "share-does-not-fit", commitments, 1, off),
        ("blinding off by one", "share-does-not-fit", commitments, 1, blind),
        ("another holder", "share-does-not-fit", commitments, 2, share),
        ("identity for the key", "share-does-not-fit", bytes(32) + commitments[32:], 1, share),
        ("a coefficient missing", "share-does-not-fit", commitments[:64], 1, share),
        ("component plus the order", "share-not-canonical", commitments, 1, over),
        ("negative field element", "commitment-not-canonical", bad_point, 1, share),
        ("a byte missing", "share-length", commitments, 1, share[:-1]),
        ("a byte too many", "share-length", commitments, 1, share + b"\0"),
        ("a byte of a point missing", "commitments-length", commitments[:-1], 1, share),
        ("one commitment", "commitments-length", commitments[:32], 1, share),
        ("holder zero", "holder-out-of-range", commitments, 0, share),
    ]
    return [
        {
            "name": f"bad: {name}",
            "code": code,
            "commitments": c.hex(),
            "holder": holder,
            "share": s.hex(),
        }
        for name, code, c, holder, s in cases
    ]


def sealed() -> dict[str, str]:
    """Return one sealed message."""
    private, ikm = seed("receiver"), seed("ephemeral")
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    message_bytes, info = b"a share", b"run 7, round 3, sender, receiver"
    return {
        "private_key": private.hex(),
        "public_key": public.hex(),
        "ikm": ikm.hex(),
        "info": info.hex(),
        "aad": "",
        "plaintext": message_bytes.hex(),
        "sealed": sealing.seal(public, info, b"", message_bytes, ikm).hex(),
    }


def document() -> dict[str, Any]:
    """Return the whole file."""
    return {
        "format": "cotrain/encryption/v1",
        "modulus": MODULUS,
        "parameters": [parameters(bounds) for bounds in BOUNDS],
        "bad_parameters": [(0, 1), (65_537, 1), (4, 0), (4, 2**45), (1000, 2**32)],
        "sums": [sum_case(name) for name in CIPHERS],
        "bad_ciphertexts": bad_ciphertexts(),
        "dealings": [dealing(4, 3, 4), dealing(1000, 2, 3)],
        "bad_shares": bad_shares(),
        "sealed": sealed(),
    }


if __name__ == "__main__":
    path = Path(__file__).parent / "encryption" / "v1.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
