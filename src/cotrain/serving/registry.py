"""What the parties of a finished run publish in the registry, and under which name."""

from cotrain.errors import RefusedError, UsageError
from cotrain.identity.keys import Identity
from cotrain.records.canonical import sha256
from cotrain.rounds.state import RunState
from cotrain.serving.session import Shop
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.registry import (
    Publication,
    find_publication,
    publish_act,
    retract_act,
)
from cotrain.settlement.terms import ContractTerms


def name_of(state: RunState, kind: str, identity: Identity, document: bytes | None) -> bytes:
    """Return the name under which a party publishes something of a run.

    Args:
        state: The run's state.
        kind: dataset: the root of the party's registration; algorithm: the hash of its terms; model: the hash of the
            released model; compute: the hash of `document`, which describes the offer.
        identity: The party.
        document: A description.

    Raises:
        RefusedError: the run has none of that kind for this party.
        UsageError: an offer of computing has no description.
    """
    match kind:
        case "dataset":
            registered = state.datasets.get(identity.did)
            if registered is None:
                raise _none(f"{identity.name} registered no dataset in this run")
            return bytes.fromhex(registered.root)
        case "algorithm":
            return bytes(ContractTerms.of(state.terms).values[1])
        case "model":
            if state.released_model is None:
                raise _none("the run released no model")
            return bytes.fromhex(sha256(state.released_model))
        case _:
            if document is None:
                raise UsageError(
                    "registry-no-document",
                    "an offer of computing is published by its description, and none is given",
                    meaning="Nothing was published.",
                    hint="Give the description with --document FILE.",
                )
            return bytes.fromhex(sha256(document))


def publish(shop: Shop, identity: Identity, kind: str, name: bytes, document: bytes) -> Publication:
    """Publish a name from a party's account, if it does not stand there with this description already.

    Raises:
        RefusedError: the contract does not take it.
        OutsideError: the account cannot pay the fee.
    """
    account = account_of(identity)
    found = find_publication(shop.chain, shop.terms, kind, name, account.address)
    if found is None or found.withdrawn or found.document != document.hex():
        if not shop.make(account, publish_act(shop.terms, kind, name, document)):
            raise _not_taken()
        found = find_publication(shop.chain, shop.terms, kind, name, account.address)
    if found is None:
        raise _not_taken()
    return found


def retract(shop: Shop, identity: Identity, kind: str, name: bytes) -> Publication:
    """Withdraw what a party published; its first date stays.

    Raises:
        RefusedError: it published nothing under this name, or withdrew it already.
        OutsideError: the account cannot pay the fee.
    """
    account = account_of(identity)
    found = find_publication(shop.chain, shop.terms, kind, name, account.address)
    if found is None or found.withdrawn:
        raise _none(f"{identity.name} has published no {kind} under the name {name.hex()[:16]}")
    if not shop.make(account, retract_act(shop.terms, kind, name)):
        raise _not_taken()
    return find_publication(shop.chain, shop.terms, kind, name, account.address) or found


def _none(what: str) -> RefusedError:
    return RefusedError(
        "registry-nothing",
        what,
        meaning="Nothing was published or withdrawn.",
        hint="See what is published with `cotrain registry show`.",
    )


def _not_taken() -> RefusedError:
    return RefusedError(
        "registry-refused",
        "the registry did not take the transaction",
        meaning="Nothing was published or withdrawn.",
        hint="Try again; if it stays so, `cotrain audit` shows the state of the run's chain.",
    )
