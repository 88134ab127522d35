"""What a chain holds when a run begins on it: the transactions of the runs that its base model comes from.

They are part of what the parties sign, so everybody can run them, and the run's own after them, from the empty state.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from cotrain.settlement.chain.engine import Engine, MemoryNodes
from cotrain.settlement.chain.replay import replay_on
from cotrain.settlement.contracts import CREDITS, load_contract
from cotrain.settlement.transactions import read_transaction

Step = tuple[int, bytes]
"""Time of a block, and the signed transaction in it."""

_NOBODY = "0x" + 40 * "0"


@dataclass(frozen=True)
class EarlierChain:
    """A chain before a run's first transaction.

    Attributes:
        chain_id: EIP-155.
        steps: Its transactions, oldest first; none where the run makes its own contracts.
        paid_elsewhere: Whether they ran on a chain that takes fees; see `Engine`.
    """

    chain_id: int
    steps: tuple[Step, ...] = field(default=(), repr=False)
    paid_elsewhere: bool = False

    def sent_by(self, account: str) -> int:
        """Return how many of the transactions an account signed."""
        return self._senders[account]

    def permits_of(self, account: str, token: str) -> int:
        """Return how many permits (ERC-2612) of an account the run's credits have seen."""
        if not self.steps:
            return 0
        token_code = load_contract(CREDITS)
        answer = self.call(token, token_code.call("nonces", account))
        return int(token_code.result("nonces", answer))

    def call(self, to: str, data: bytes) -> bytes:
        """Return what a contract answers after the last of the transactions.

        Raises:
            MalformedError: one of them is none.
            RefusedError: one cannot enter a block.
            CallRevertedError: the contract refuses.
        """
        engine, root, time = _run(self.chain_id, self.steps, self.paid_elsewhere)
        return engine.call(root, len(self.steps) + 1, time, to, data, _NOBODY)

    def ask(self, contract: str, to: str, function: str, *arguments: Any) -> Any:
        """Return the struct that a contract's function returns, by its fields' names."""
        loaded = load_contract(contract)
        return loaded.record(function, self.call(to, loaded.call(function, *arguments)))

    @cached_property
    def _senders(self) -> Counter[str]:
        return Counter(read_transaction(raw).sender for _, raw in self.steps)


@lru_cache(maxsize=2)
def _run(
    chain_id: int,
    steps: Sequence[Step],
    paid_elsewhere: bool,
) -> tuple[Engine, str, int]:
    """Run the transactions once for all who ask: the answer depends on nothing else."""
    engine = Engine(chain_id, MemoryNodes(), paid_elsewhere=paid_elsewhere)
    *_, last = replay_on(engine, steps)
    return engine, last.state_root, steps[-1][0]
