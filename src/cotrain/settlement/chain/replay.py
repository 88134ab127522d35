"""Transactions run again, in memory, by whoever doubts what was said about them."""

from collections.abc import Iterable, Iterator

from cotrain.errors import ForgeryError
from cotrain.settlement.chain.engine import EMPTY_STATE, Done, Engine, MemoryNodes


def replay(
    chain_id: int, steps: Iterable[tuple[int, bytes]], *, paid_elsewhere: bool = False
) -> Iterator[Done]:
    """Run signed transactions on a chain that is empty at first.

    Args:
        chain_id: EIP-155.
        steps: Time and signed transaction, one a block, blocks counted from 1.
        paid_elsewhere: Whether they ran on a chain that takes fees; see `Engine`.

    Raises:
        MalformedError: one is no transaction.
        RefusedError: one cannot enter a block.
        ForgeryError: one is said to have run before the one before it.
    """
    yield from replay_on(Engine(chain_id, MemoryNodes(), paid_elsewhere=paid_elsewhere), steps)


def replay_on(engine: Engine, steps: Iterable[tuple[int, bytes]]) -> Iterator[Done]:
    """Run signed transactions on an engine whose state is empty; arguments and errors are those of `replay`."""
    root, before = EMPTY_STATE, 0
    for number, (time, raw) in enumerate(steps, 1):
        if not before <= time < 1 << 63:
            raise _backwards(number, time, before)
        done = engine.execute(root, number, time, raw)
        root, before = done.state_root, time
        yield done


def _backwards(number: int, time: int, before: int) -> ForgeryError:
    return ForgeryError(
        "chain-time-backwards",
        f"transaction {number} is said to have run at {time}, the one before it at {before}",
        meaning="No chain goes back in time: contracts would have seen a deadline that had passed.",
        hint="Sign nothing. Keep this copy of the ledger and show it to the other parties.",
    )
