"""How a run's ledger is named, signed and cosigned.

The coordinator's key signs checkpoints under the run's origin; every other party is a witness that cosigns
under its own `did:key` after it has checked that nothing it saw before has changed.
"""

from cotrain.agreement.document import Agreement
from cotrain.identity.did_key import public_key_of
from cotrain.identity.keys import Identity
from cotrain.ledger.note import NamedSigner, SignatureType, VerifierKey
from cotrain.ledger.policy import Policy


def origin_of(run: str) -> str:
    """Return the origin line of a run's log."""
    return f"cotrain/run/{run}"


def log_signer(identity: Identity, run: str) -> NamedSigner:
    """Return the signer of the log's checkpoints."""
    return NamedSigner(origin_of(run), identity)


def witness_signer(identity: Identity) -> NamedSigner:
    """Return the signer of a party's cosignatures."""
    return NamedSigner(identity.did, identity)


def cosignatures_needed(agreement: Agreement) -> int:
    """Return how many cosignatures make a second history impossible.

    It is the smallest k with 2k > witnesses + colluders: two histories with k each would share an honest witness.
    """
    witnesses = len(agreement.parties) - 1
    return min(witnesses, (witnesses + agreement.quorum.colluders) // 2 + 1)


def log_policy(agreement: Agreement, cosignatures: int = 0) -> Policy:
    """Return whom to believe about the run's ledger.

    Args:
        agreement: The agreement, which names the parties and so their keys.
        cosignatures: How many parties other than the coordinator must have cosigned.
    """
    coordinator = agreement.coordinator.did
    witnesses = tuple(
        VerifierKey(party.did, SignatureType.COSIGNATURE, public_key_of(party.did))
        for party in agreement.parties
        if party.did != coordinator
    )
    log_key = VerifierKey(
        origin_of(agreement.digest), SignatureType.ED25519, public_key_of(coordinator)
    )
    return Policy(origin_of(agreement.digest), log_key, witnesses, cosignatures)
