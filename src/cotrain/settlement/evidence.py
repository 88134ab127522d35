"""Evidence that the coordinator showed two ledgers: two of its signatures for one round, which cost it its stake.

With each anchor the coordinator's account signs which ledger it shows for that round (docs/spec/settlement.md,
"Evidence"). An honest one signs one for each round and membership. Anybody who holds two may bring them to the
contract; on a run's own chain the coordinator carries out the transactions, so there nobody can make it slash itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cotrain.settlement.acts import Act
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.terms import ContractTerms

_GAS = 300_000


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


def split_act(terms: ContractTerms, one: ShownCheckpoint, other: ShownCheckpoint) -> Act:
    """Return the transaction that brings two checkpoints to the contract; its sender gets the bounty."""
    data = load_contract(AGREEMENTS).call(
        "slashSplit", terms.name, one.values, one.signature, other.values, other.signature
    )
    return Act("split", "", terms.settlement.contract, data, _GAS)
