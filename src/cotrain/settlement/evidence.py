"""Evidence against a coordinator, found by comparing what it signed with what it anchored; each costs its stake.

With each anchor the coordinator's account signs which ledger it shows for that round (docs/spec/settlement.md,
"Evidence"). An honest one signs one for each round and membership, anchors that one, and opens no round with an owner
of whose revocation the contract knew. Anybody may bring the contrary to the contract; on a run's own chain the
coordinator carries out the transactions, so there nobody can make it slash itself. What a quorum says of a refused
record is evidence against its author: `cotrain.settlement.rejection`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cotrain.settlement.acts import Act, evidence_gas, participants_root
from cotrain.settlement.anchors import MadeAnchor
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.merkle import leaf, merkle_proof
from cotrain.settlement.terms import ContractTerms

SPLIT: Final = "split"
FALSE_ANCHOR: Final = "false anchor"
REVOKED_OWNER: Final = "revoked owner"


@dataclass(frozen=True)
class ShownCheckpoint:
    """Which ledger the coordinator's account signed for with an anchor.

    Attributes:
        round: Counted from 1.
        version: Of the membership.
        size: Of the ledger, in entries.
        root: Its root (RFC 9162).
        signature: 65 bytes, of the coordinator's account (EIP-712).
    """

    round: int
    version: int
    size: int
    root: bytes
    signature: bytes = field(repr=False)

    @property
    def values(self) -> tuple[int, int, int, bytes]:
        """The fields of the contract's `Checkpoint`, in its order."""
        return self.round, self.version, self.size, self.root


@dataclass(frozen=True)
class Leaver:
    """An owner that revoked, as the contract says.

    Attributes:
        did: The owner.
        account: Its account.
        time: When the contract learned of it, Unix seconds.
        rounds: Rounds that were anchored then.
    """

    did: str
    account: str
    time: int
    rounds: int

    def is_barred_from(self, anchor: MadeAnchor) -> bool:
        """Tell whether this owner must not be in a round's sum.

        At most one round is under way at a time, so the round after the next one was opened later, whatever is said
        of the time; of the next one there is only the time at which the coordinator says that it was opened.
        """
        return anchor.round > self.rounds + 1 or anchor.facts.opened > self.time


@dataclass(frozen=True)
class BarredUse:
    """A revoked owner in an anchored round.

    Attributes:
        leaver: The owner.
        anchor: The anchor of the round.
        participation: The siblings from the owner's account to the root over the round's owners.
    """

    leaver: Leaver
    anchor: MadeAnchor
    participation: tuple[bytes, ...] = field(repr=False)


def find_split(
    ours: Iterable[ShownCheckpoint], theirs: Iterable[ShownCheckpoint]
) -> tuple[ShownCheckpoint, ShownCheckpoint] | None:
    """Return the first two checkpoints, of two copies of a ledger, that cannot both be true; None if there are none."""
    known = {(shown.round, shown.version): shown for shown in ours}
    for other in theirs:
        one = known.get((other.round, other.version))
        if one is not None and one.values != other.values:
            return one, other
    return None


def find_false_anchor(
    shown: Iterable[ShownCheckpoint], anchors: Iterable[MadeAnchor]
) -> tuple[ShownCheckpoint, MadeAnchor] | None:
    """Return the first checkpoint of a ledger beside the anchor of another one for its round; None if there is none.

    Args:
        shown: What the coordinator signed for in a copy of the ledger.
        anchors: What the contract holds.
    """
    known = {(item.facts.round, item.facts.version): item for item in anchors}
    for one in shown:
        made = known.get((one.round, one.version))
        if made is not None and (made.facts.size, made.facts.root) != (one.size, one.root):
            return one, made
    return None


def read_leavers(chain: Chain, terms: ContractTerms) -> list[Leaver]:
    """Return the owners of whose revocation the contract knows."""
    contract, found = load_contract(AGREEMENTS), []
    for party in terms.agreement.owners:
        account = terms.account(party.did)
        answer = chain.call(terms.settlement.contract, contract.call("member", terms.name, account))
        member = contract.record("member", answer)
        if time := int(member.get("revokedAt", 0)):
            found.append(Leaver(party.did, account, time, int(member["rounds"])))
    return found


def find_barred_use(
    terms: ContractTerms,
    anchors: Iterable[MadeAnchor],
    leavers: Sequence[Leaver],
    takers: Mapping[int, Sequence[str]],
) -> BarredUse | None:
    """Return the first anchored round whose sum holds the update of an owner that must not be in it; None if none does.

    Args:
        terms: The agreement, as the contract sees it.
        anchors: What the contract holds.
        leavers: Who revoked, as the contract says.
        takers: Round (from 1) to the dids of the owners in its sum, as a copy of the ledger says. A round whose
            anchor says otherwise is passed over: who was in it cannot be shown.
    """
    for anchor in anchors:
        accounts = [terms.account(did) for did in takers.get(anchor.round, ())]
        if participants_root(accounts) != anchor.facts.participants:
            continue
        for leaver in leavers:
            if leaver.account in accounts and leaver.is_barred_from(anchor):
                return BarredUse(leaver, anchor, _participation(accounts, leaver.account))
    return None


def split_act(terms: ContractTerms, one: ShownCheckpoint, other: ShownCheckpoint) -> Act:
    """Return the transaction that brings two checkpoints to the contract; its sender gets the bounty."""
    data = load_contract(AGREEMENTS).call(
        "slashSplit", terms.name, one.values, one.signature, other.values, other.signature
    )
    return Act("split", "", terms.settlement.contract, data, evidence_gas(data))


def false_anchor_act(terms: ContractTerms, shown: ShownCheckpoint, made: MadeAnchor) -> Act:
    """Return the transaction that brings a checkpoint and the anchor of another ledger to the contract."""
    data = load_contract(AGREEMENTS).call(
        "slashFalseAnchor", terms.name, shown.values, shown.signature, made.proof
    )
    return Act("false-anchor", "", terms.settlement.contract, data, evidence_gas(data))


def barred_use_act(terms: ContractTerms, used: BarredUse) -> Act:
    """Return the transaction that shows the contract a revoked owner in an anchored round."""
    data = load_contract(AGREEMENTS).call(
        "slashRevoked",
        terms.name,
        used.leaver.account,
        used.anchor.proof,
        list(used.participation),
    )
    return Act("revoked-owner", "", terms.settlement.contract, data, evidence_gas(data))


def _participation(accounts: Sequence[str], account: str) -> tuple[bytes, ...]:
    leaves = [leaf(["address"], [one]) for one in accounts]
    return tuple(merkle_proof(leaves, leaf(["address"], [account])))
