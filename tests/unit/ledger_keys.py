"""Keys and small logs for the tests of the ledger."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cotrain.ledger.checkpoint import Checkpoint, sign_checkpoint
from cotrain.ledger.cosignature import cosign
from cotrain.ledger.note import SignatureType, VerifierKey, parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.store import Ledger
from cotrain.ledger.tree import leaf_hash, root_of

ORIGIN = "log.example/study"
NOW = 1_700_000_000


@dataclass(frozen=True)
class Key:
    """A signer with a key derived from its number."""

    name: str
    number: int
    secret: Ed25519PrivateKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        secret = Ed25519PrivateKey.from_private_bytes(bytes([self.number]) * 32)
        object.__setattr__(self, "secret", secret)

    @property
    def public_key(self) -> bytes:
        return self.secret.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.secret.sign(message)


LOG = Key(ORIGIN, 1)
LOG_KEY = VerifierKey.of(LOG, SignatureType.ED25519)
WITNESSES = tuple(Key(f"hospital{n}.example", 10 + n) for n in range(4))
WITNESS_KEYS = tuple(VerifierKey.of(w, SignatureType.COSIGNATURE) for w in WITNESSES)
STRANGER = Key("stranger.example", 99)
POLICY = Policy(ORIGIN, LOG_KEY, WITNESS_KEYS, 3)
ALONE = Policy(ORIGIN, LOG_KEY)


def sample(count: int) -> list[bytes]:
    return [b'{"entry":%d}' % n for n in range(count)]


def note_of(entries: list[bytes], signer: Key = LOG, origin: str = ORIGIN) -> str:
    """Return a log's checkpoint of these entries."""
    root = root_of([leaf_hash(entry) for entry in entries])
    return sign_checkpoint(Checkpoint(origin, len(entries), root), signer).encode()


def cosigned(note: str, count: int = 3) -> str:
    parsed = parse_note(note)
    for witness in WITNESSES[:count]:
        parsed = cosign(parsed, witness, NOW)
    return parsed.encode()


def filled(path: Path, entries: list[bytes]) -> Ledger:
    """Return a new ledger of these entries with one checkpoint that three witnesses cosigned."""
    ledger = Ledger.create(path)
    ledger.append(entries, [b"blob of " + entry for entry in entries[:2]])
    ledger.add_checkpoint(cosigned(ledger.issue_checkpoint(ORIGIN, LOG)), POLICY)
    return ledger
