"""The registry of a run's chain: who published which dataset, algorithm, offer of computing or model, and when first.

A name is a hash; what it stands for is published elsewhere. Anybody may publish any name: the first date of each
account is what counts (`contracts/src/Registry.sol`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address

from cotrain.settlement.acts import Act, address_of, later_act
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.contracts import REGISTRY, load_contract
from cotrain.settlement.terms import ContractTerms

KINDS: Final = ("dataset", "algorithm", "compute", "model")
"""Kinds of publications, in the order of the contract's `Kind`."""


@dataclass(frozen=True)
class Publication:
    """What one account published under one name.

    Attributes:
        kind: One of `KINDS`.
        name: 32 bytes, hex.
        owner: Account that published it.
        document: 32 bytes, hex: hash of the latest description.
        since: When it was published first, by the chain's clock; Unix time.
        withdrawn: Whether it is withdrawn now.
    """

    kind: str
    name: str
    owner: str
    document: str
    since: int
    withdrawn: bool


def publish_act(terms: ContractTerms, kind: str, name: bytes, document: bytes) -> Act:
    """Return the transaction by which its sender publishes a name."""
    return later_act(terms, "publish", "", KINDS.index(kind), name, document)


def retract_act(terms: ContractTerms, kind: str, name: bytes) -> Act:
    """Return the transaction by which its sender withdraws what it published."""
    return later_act(terms, "retract", "", KINDS.index(kind), name)


def find_publication(
    chain: Chain, terms: ContractTerms, kind: str, name: bytes, owner: str
) -> Publication | None:
    """Return what an account published under a name; None if it did not."""
    contract, at = load_contract(REGISTRY), address_of(terms, REGISTRY)
    asked = contract.call("entry", KINDS.index(kind), name, owner)
    found = contract.record("entry", chain.call(at, asked))
    if not found or found["since"] == 0:
        return None
    document, since = found["document"].hex(), int(found["since"])
    return Publication(kind, name.hex(), owner, document, since, bool(found["withdrawn"]))


def list_publications(
    chain: Chain, terms: ContractTerms, first_block: int = 0
) -> Sequence[Publication]:
    """Return all publications, in the order of their first ones.

    Args:
        chain: Where the registry is.
        terms: Terms of the run that made it, or goes on with it.
        first_block: Where to begin to look.
    """
    contract, at = load_contract(REGISTRY), address_of(terms, REGISTRY)
    keys: dict[tuple[str, bytes, str], None] = {}
    for entry in chain.events(at, first_block):
        event = contract.event(entry.topics, entry.data)
        if event.name == "Published":
            values = event.values
            owner = to_checksum_address(values["owner"])
            keys.setdefault((KINDS[values["kind"]], values["name"], owner))
    found = (find_publication(chain, terms, *key) for key in keys)
    return [publication for publication in found if publication is not None]
