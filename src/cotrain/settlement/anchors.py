"""The anchors of an agreement as a chain holds them, and what shows that one of them is among them.

The contract keeps one head of a chain of hashes over all anchors. An anchor is shown by its fields, the head before
it and the hashes of those after it (`AnchorProof` of the contract; docs/spec/settlement.md, "Evidence").
"""

from dataclasses import astuple, dataclass, field
from itertools import accumulate
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from cotrain.errors import MalformedError, OutsideError, RefusedError
from cotrain.settlement.acts import AnchorFacts
from cotrain.settlement.chain.chain import Chain, LogEntry
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import read_transaction

_ANCHOR: Final = "(uint32,uint32,uint40,uint64,uint64,bytes32,bytes32,bytes32)"


@dataclass(frozen=True)
class MadeAnchor:
    """One anchor on the contract.

    Attributes:
        round: Counted from 1.
        facts: What it says in full.
        before: The head before it, 32 bytes.
        later: Hashes of the anchors after it, 32 bytes each, in order.
    """

    round: int
    facts: AnchorFacts
    before: bytes = field(repr=False)
    later: tuple[bytes, ...] = field(repr=False)

    @property
    def proof(self) -> tuple[Any, ...]:
        """`AnchorProof` of the contract, in its order."""
        return astuple(self.facts), self.before, list(self.later)


@dataclass(frozen=True)
class Anchors:
    """All anchors of an agreement that a chain holds.

    Attributes:
        made: Those that can be read, in order.
        unread: Rounds whose anchor was made in a way that cannot be read here, so nothing can be shown of it.
    """

    made: tuple[MadeAnchor, ...]
    unread: tuple[int, ...] = ()


def anchor_digest(facts: AnchorFacts) -> bytes:
    """Return the hash by which the contract keeps an anchor."""
    return keccak(encode([_ANCHOR], [astuple(facts)]))


def link(before: bytes, added: bytes) -> bytes:
    """Return the head after an anchor: of the head before it, and its hash."""
    return keccak(encode(["bytes32", "bytes32"], [before, added]))


def read_anchors(chain: Chain, terms: ContractTerms, first_block: int = 0) -> Anchors:
    """Return the anchors of an agreement from what its contract told, checked against the head that it keeps.

    Args:
        chain: The chain.
        terms: The agreement, as the contract sees it.
        first_block: A block before the first anchor; nodes answer faster than from block 0.

    Raises:
        OutsideError: the node leaves anchors out.
    """
    told = _told(chain, terms, first_block)
    digests = [digest for _, _, digest in told]
    heads = list(accumulate(digests, link, initial=terms.name))
    _check_head(chain, terms, heads[-1], len(told))
    made, unread = [], []
    for place, (entry, number, digest) in enumerate(told):
        facts = _facts(chain, entry, digest)
        if facts is None:
            unread.append(number)
        else:
            later = tuple(digests[place + 1 :])
            made.append(MadeAnchor(number, facts, heads[place], later))
    return Anchors(tuple(made), tuple(unread))


def _told(
    chain: Chain, terms: ContractTerms, first_block: int
) -> list[tuple[LogEntry, int, bytes]]:
    """Return where each anchor was told, its round, and its hash."""
    contract, found = load_contract(AGREEMENTS), []
    for entry in chain.events(terms.settlement.contract, first_block):
        event = contract.event(entry.topics, entry.data)
        if event.name == "Anchored" and event.values["agreement"] == terms.name:
            found.append((entry, int(event.values["round"]), bytes(event.values["anchorHash"])))
    return found


def _check_head(chain: Chain, terms: ContractTerms, head: bytes, count: int) -> None:
    contract = load_contract(AGREEMENTS)
    asked = contract.call("live", terms.name)
    live = contract.record("live", chain.call(terms.settlement.contract, asked))
    rounds = int(live.get("rounds", 0))
    if rounds == count and (count == 0 or live["head"] == head):
        return
    raise OutsideError(
        "evidence-anchors-missing",
        f"the contract anchored {rounds} rounds, and the node lists {count} anchors that do not lead to its head",
        meaning="The node keeps only the newest events, or leaves some out. Without all anchors none can be shown.",
        hint="Give --node another node of the same chain, one that keeps all events.",
    )


def _facts(chain: Chain, entry: LogEntry, digest: bytes) -> AnchorFacts | None:
    """Return what an anchor says, from the transaction in which it was told; None if it is not there in plain."""
    try:
        transaction = read_transaction(chain.sent_in(entry))
        _, values = decode(["bytes32", _ANCHOR], transaction.data[4:])
    except (RefusedError, MalformedError, DecodingError):
        return None
    facts = AnchorFacts(*values)
    return facts if anchor_digest(facts) == digest else None
