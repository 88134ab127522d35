"""What a party remembers of a run across crashes: its secrets, drawn once, and what it said, byte for byte."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cotrain.errors import RefusedError
from cotrain.identity.keys import Identity
from cotrain.ports import Entropy, Store
from cotrain.records.kinds import Body
from cotrain.records.record import Message, blob_ref, sign_record
from cotrain.rounds.journal import pack_message, unpack_message
from cotrain.rounds.state import RunState
from cotrain.rounds.submission import RoundSecrets


@dataclass(frozen=True)
class Memory:
    """A party's journal, and how it is used.

    Attributes:
        identity: Its keys.
        journal: Its memory across crashes.
        entropy: Where fresh secrets come from.
    """

    identity: Identity
    journal: Store = field(repr=False)
    entropy: Entropy = field(repr=False)

    def kept(self, key: str, label: str) -> bytes:
        """Return the 32 secret bytes under `key` in the journal; draw them the first time."""
        seed = self.journal.get(key)
        if seed is None:
            seed = self.entropy.draw(label, 32)
            self.journal.put(key, seed)
        return seed

    def run_secret(self, run: str, name: str) -> bytes:
        """Return a secret of this run, destroyed when the run ends."""
        return self.kept(f"{run}/run-secrets/{name}", f"run/{run}/{name}")

    def sealing_key(self, run: str) -> X25519PrivateKey:
        """Return the key to which shares for this party are sealed."""
        # Not derived from the identity: sealed shares stay on the ledger, and the key must not outlive the run.
        return X25519PrivateKey.from_private_bytes(self.run_secret(run, "sealing"))

    def round_secrets(self, state: RunState) -> RoundSecrets:
        """Return the secrets of the current round."""
        current = state.current
        key = round_key(state.terms.digest, current.number)
        return RoundSecrets(self.kept(key, f"round/{current.opening}"))

    def message(self, run: str, body: Body, *blobs: bytes) -> Message:
        """Return a signed record with its blobs."""
        named = {blob_ref(data).sha256: data for data in blobs}
        return Message(sign_record(self.identity, run, body), named)

    def once(self, run: str, label: str, build: Callable[[], Message]) -> Message:
        """Return the journalled message of this label; build and journal it the first time."""
        key = f"{run}/sent/{label}"
        stored = self.journal.get(key)
        if stored is not None:
            return unpack_message(stored)
        message = build()
        self.journal.put(key, pack_message(message))
        return message


def round_key(run: str, number: int) -> str:
    """Return where the seed of a round stands in the journal."""
    return f"{run}/secrets/{number}"


def journal_lost(what: str) -> RefusedError:
    """Return the error for a party whose journal does not know what its records on the ledger imply."""
    return RefusedError(
        "party-journal-lost",
        f"this party lost its journal, or an older copy was put in its place: {what}",
        meaning="It could say two different things, which could open its update, so it says nothing more.",
        hint="Go on without this party; it can take part again under a new agreement.",
    )
