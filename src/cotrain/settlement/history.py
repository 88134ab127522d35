"""What the contracts answered, checked by running every transaction again.

A receipt on the ledger is the coordinator's word. Whoever doubts it feeds the logged transactions, at the logged
times, to an EVM of its own: success, events and, on the run's own chain, the state root must be the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cotrain.errors import ForgeryError
from cotrain.records.canonical import encode, sha256
from cotrain.records.kinds import ReceiptBody
from cotrain.settlement.chain.chain import LogEntry, Receipt
from cotrain.settlement.chain.replay import replay
from cotrain.settlement.earlier import EarlierChain
from cotrain.settlement.terms import ContractTerms

Step = tuple[bytes, ReceiptBody]
"""A signed transaction, and what the coordinator says was answered to it."""


@dataclass(frozen=True)
class Outcome:
    """What a transaction did when it was run again."""

    succeeded: bool
    gas: int
    events: tuple[LogEntry, ...]
    state_root: str


def events_digest(events: Sequence[LogEntry]) -> str:
    """Return the SHA-256 (hex) over what a transaction told: contract, topics and data, in order."""
    told = [
        [event.address.lower(), [topic.hex() for topic in event.topics], event.data.hex()]
        for event in events
    ]
    return sha256(encode(told))


def receipt_body(transaction: str, receipt: Receipt, terms: ContractTerms) -> ReceiptBody:
    """Return what the coordinator logs about an answer; `transaction` is the digest of the record before."""
    return ReceiptBody(
        transaction=transaction,
        block=receipt.block,
        time=receipt.time,
        succeeded=receipt.succeeded,
        gas=receipt.gas,
        events=events_digest(receipt.events),
        state_root=receipt.state_root if terms.own_chain else None,
    )


def check_history(earlier: EarlierChain, steps: Sequence[Step]) -> Sequence[Outcome]:
    """Run all transactions of a run again and compare.

    Args:
        earlier: The chain before the run's first transaction.
        steps: The run's own.

    Returns:
        What each of the run's own did.

    Raises:
        ForgeryError: a receipt says something else; the first one is named.
    """
    ran = tuple((body.time, raw) for raw, body in steps)
    everything = _outcomes(
        earlier.chain_id, earlier.steps + ran, paid_elsewhere=earlier.paid_elsewhere
    )
    outcomes = everything[len(earlier.steps) :]
    for number, ((_, body), outcome) in enumerate(zip(steps, outcomes, strict=True)):
        for name, said, found in _differences(body, outcome):
            if said != found:
                raise _differs(number, name, said, found)
    return outcomes


def _differences(body: ReceiptBody, outcome: Outcome) -> Iterator[tuple[str, object, object]]:
    yield "success", body.succeeded, outcome.succeeded
    yield "events", body.events, events_digest(outcome.events)
    if body.state_root is not None:
        yield "gas", body.gas, outcome.gas
        yield "state root", body.state_root, outcome.state_root


@lru_cache(maxsize=4)
def _outcomes(
    chain_id: int, steps: tuple[tuple[int, bytes], ...], *, paid_elsewhere: bool
) -> tuple[Outcome, ...]:
    """Run transactions on a fresh chain; parties of one process share the answer, which depends on nothing else."""
    return tuple(
        Outcome(done.succeeded, done.gas, tuple(done.events), done.state_root)
        for done in replay(chain_id, steps, paid_elsewhere=paid_elsewhere)
    )


def _differs(number: int, name: str, said: object, found: object) -> ForgeryError:
    return ForgeryError(
        "settlement-receipt-differs",
        f"transaction {number} of the run: the ledger says {name} {said}, running it again gives {found}",
        meaning="The coordinator's account of what the contracts did is wrong: money may be elsewhere than it says.",
        hint="Sign nothing. Keep this copy of the ledger and show it to the other parties.",
    )
