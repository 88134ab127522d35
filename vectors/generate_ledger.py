"""Write vectors/ledger/v1.json: known answers of the ledger formats, good ones and bad ones.

Run ``python vectors/generate_ledger.py``; the keys are fixed, so the file is the same every time.
`tests/vectors/test_ledger_vectors.py` checks the file with code that shares nothing with this.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.follower import Follower
from cotrain.ledger.note import Note, SignatureType, VerifierKey, parse_note
from cotrain.ledger.receipt import make_receipt
from cotrain.ledger.store import Ledger
from cotrain.ledger.tiles import Tile, bundle_path, encode_bundle, tile_path
from cotrain.ledger.tree import consistency_proof, inclusion_proof, leaf_hash, root_of

FILE = Path(__file__).parent / "ledger" / "v1.json"
ORIGIN = "log.example/vectors"
TIME = 1_700_000_000
SIZE = 11
ENTRIES = [b'{"entry":%d}' % number for number in range(SIZE)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


class FixedKey:
    """A signer whose Ed25519 seed is its number, 32 times."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self._secret = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public_key = self._secret.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return self._secret.sign(message)


LOG = FixedKey(ORIGIN, 1)
WITNESSES = [FixedKey(f"witness{number}.example", number) for number in (2, 3, 4)]
STRANGER = FixedKey("stranger.example", 5)


def vectors() -> dict[str, Any]:
    """Return the whole content of the file."""
    return {
        "format": "cotrain/ledger-vectors@v1",
        "entries": [entry.decode() for entry in ENTRIES],
        "tree": tree(),
        "policy": policy(),
        "checkpoint": cosigned(checkpoint()).encode(),
        "bad_checkpoints": bad_checkpoints(),
        "receipt": receipt(),
        "bad_receipts": bad_receipts(),
        "follower": Follower(ORIGIN, log_key()).advance(ENTRIES, checkpoint().encode()).encode(),
        "bundle": encode_bundle(ENTRIES[:3]).hex(),
        "paths": paths(),
    }


def tree() -> dict[str, Any]:
    """Return leaf hashes, every root, and some proofs."""
    return {
        "leaves": [leaf.hex() for leaf in LEAVES],
        "roots": [root_of(LEAVES[:size]).hex() for size in range(SIZE + 1)],
        "inclusion": [
            {"index": index, "size": size, "proof": hexes(inclusion_proof(LEAVES[:size], index))}
            for index, size in ((0, 1), (0, 8), (5, 8), (2, 3), (7, 11), (10, 11))
        ],
        "consistency": [
            {"old": old, "new": new, "proof": hexes(consistency_proof(LEAVES[:new], old))}
            for old, new in ((0, 11), (1, 8), (4, 8), (6, 8), (7, 11), (10, 11), (11, 11))
        ],
    }


def hexes(hashes: list[bytes]) -> list[str]:
    """Return hashes as hexadecimal text."""
    return [item.hex() for item in hashes]


def log_key() -> VerifierKey:
    """Return the key of the log."""
    return VerifierKey.of(LOG, SignatureType.ED25519)


def policy() -> dict[str, Any]:
    """Return the policy of all vectors: two of three witnesses."""
    witnesses = [VerifierKey.of(witness, SignatureType.COSIGNATURE) for witness in WITNESSES]
    return {
        "origin": ORIGIN,
        "log_key": log_key().encode(),
        "witnesses": [key.encode() for key in witnesses],
        "threshold": 2,
    }


def checkpoint(
    entries: list[bytes] = ENTRIES, signer: FixedKey = LOG, origin: str = ORIGIN
) -> Note:
    """Return a signed checkpoint without cosignatures."""
    root = root_of([leaf_hash(entry) for entry in entries])
    return sign_checkpoint(Checkpoint(origin, len(entries), root), signer)


def cosigned(note: Note, count: int = 2) -> Note:
    """Return the note with cosignatures of the first witnesses."""
    for number, witness in enumerate(WITNESSES[:count]):
        note = cosign(note, witness, TIME + number)
    return note


def bad_checkpoints() -> list[dict[str, str]]:
    """Return checkpoints that the policy refuses, each with the code of the error."""
    good = cosigned(checkpoint())
    log_line, first, second = good.signatures
    swapped = replace(first, value=second.value)
    text = good.encode()
    return [
        bad("ledger-too-few-cosignatures", "one witness", cosigned(checkpoint(), 1).encode()),
        bad(
            "ledger-too-few-cosignatures",
            "one witness twice",
            cosign(cosigned(checkpoint(), 1), WITNESSES[0], TIME + 9).encode(),
        ),
        bad(
            "ledger-too-few-cosignatures",
            "one witness and a stranger",
            cosign(cosigned(checkpoint(), 1), STRANGER, TIME).encode(),
        ),
        bad("ledger-unsigned", "no log", replace(good, signatures=(first, second)).encode()),
        bad(
            "ledger-unsigned",
            "another key under the log's name",
            cosigned(checkpoint(signer=FixedKey(ORIGIN, 5))).encode(),
        ),
        bad(
            "ledger-wrong-origin",
            "another origin",
            cosigned(checkpoint(origin="log.example/other")).encode(),
        ),
        bad(
            "ledger-bad-signature",
            "a witness's line with another's signature",
            replace(good, signatures=(log_line, swapped, second)).encode(),
        ),
        bad("ledger-bad-signature", "another size", text.replace("\n11\n", "\n12\n")),
        bad("ledger-bad-checkpoint", "a leading zero", text.replace("\n11\n", "\n011\n")),
        bad("ledger-bad-note", "no final newline", text[:-1]),
        bad("ledger-bad-note", "a carriage return", text.replace("\n11\n", "\r\n11\n")),
        bad("ledger-bad-note", "an empty line at the end", text + "\n"),
    ]


def bad(code: str, why: str, text: str) -> dict[str, str]:
    """Return one bad vector."""
    return {"code": code, "why": why, "text": text}


def receipt(index: int = 6) -> str:
    """Return the receipt of one entry."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.create(Path(folder) / "ledger.sqlite") as ledger,
    ):
        ledger.append(ENTRIES)
        return make_receipt(ledger, index, cosigned(checkpoint()).encode())


def bad_receipts() -> list[dict[str, str]]:
    """Return receipts that do not verify, each with the code of the error."""
    text = receipt()
    tag, extra, index, *proof = text.partition("\n\n")[0].split("\n")
    other = receipt(5).split("\n")[1]
    weak = parse_note(text.partition("\n\n")[2])
    return [
        bad("ledger-bad-inclusion", "another entry", text.replace(extra, other)),
        bad("ledger-bad-inclusion", "another index", text.replace(index, "index 7")),
        bad("ledger-bad-inclusion", "a hash left out", text.replace(proof[1] + "\n", "")),
        bad(
            "ledger-bad-inclusion",
            "a hash twice",
            text.replace(proof[1], f"{proof[1]}\n{proof[1]}"),
        ),
        bad("ledger-bad-receipt", "another version", text.replace(tag, tag[:-1] + "2")),
        bad("ledger-bad-receipt", "no index", text.replace(index + "\n", "")),
        bad("ledger-bad-receipt", "a leading zero", text.replace(index, "index 06")),
        bad("ledger-bad-receipt", "a short hash", text.replace(proof[0], "AAAA")),
        bad(
            "ledger-too-few-cosignatures",
            "one witness",
            text.replace(weak.signatures[2].encode(), ""),
        ),
    ]


def paths() -> list[dict[str, Any]]:
    """Return paths of tiles and bundles."""
    tiles = (Tile(0, 0, 256), Tile(0, 273, 112), Tile(1, 999, 256), Tile(2, 1234067, 1))
    rows = [{**tile._asdict(), "path": tile_path(tile)} for tile in tiles]
    return [*rows, {"level": "entries", "number": 1000, "width": 3, "path": bundle_path(1000, 3)}]


def document() -> str:
    """Return the text of the file."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(document(), encoding="utf-8")
