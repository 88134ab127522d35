"""Transactions run again, in memory, by whoever doubts what was said about them."""

from collections.abc import Iterable, Iterator

from cotrain.settlement.chain.engine import EMPTY_STATE, Done, Engine, MemoryNodes


def replay(chain_id: int, steps: Iterable[tuple[int, bytes]]) -> Iterator[Done]:
    """Run signed transactions on a chain that is empty at first.

    Args:
        chain_id: EIP-155.
        steps: Time and signed transaction, one a block, blocks counted from 1.

    Raises:
        MalformedError: one is no transaction.
        RefusedError: one cannot enter a block.
    """
    engine, root = Engine(chain_id, MemoryNodes()), EMPTY_STATE
    for number, (time, raw) in enumerate(steps, 1):
        done = engine.execute(root, number, time, raw)
        root = done.state_root
        yield done
