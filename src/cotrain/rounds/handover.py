"""A run that hands its model and its chain over to the next one (docs/spec/base-model.md).

A chain has one end: after the record `successor` on its ledger, a run's contracts are used through the ledger of the
run that goes on with them, and through no other.
"""

from cotrain.errors import RefusedError
from cotrain.records.kinds import SuccessorBody
from cotrain.records.record import Record
from cotrain.rounds.base import Base
from cotrain.rounds.refusals import by_coordinator, counted_already, expect, mismatch, out_of_turn
from cotrain.rounds.state import BlobSource, Change, Phase, RunState
from cotrain.settlement.earlier import Step


def base_of(state: RunState, *, paid: bool) -> Base:
    """Return a finished run's model as a base.

    Args:
        state: The run's state.
        paid: Whether the new run goes on with its chain.

    Raises:
        RefusedError: it released no model, moves no money though `paid`, or its chain is not at rest.
    """
    if state.released_model is None:
        raise RefusedError(
            "base-no-model",
            f"the run of {state.terms.title!r} released no model",
            meaning="There is nothing to begin with.",
            hint="Run it to its end, or begin without a base model.",
        )
    earlier = () if state.base is None else state.base.agreements
    steps = _steps_of(state) if paid else ()
    return Base((*earlier, state.terms), state.released_model, steps)


def successor_rule(
    state: RunState, record: Record, body: SuccessorBody, blobs: BlobSource
) -> Change:
    """After the run: its chain goes on with another one, and with one only."""
    del blobs
    by_coordinator(record, state.terms.coordinator.did)
    if state.phase is not Phase.FINISHED:
        raise out_of_turn(record, state.phase.value)
    if state.successor is not None:
        raise counted_already(record)
    if body.run == state.terms.digest:
        raise mismatch(record, "run", body.run, "another one")
    base = base_of(state, paid=True)
    expect(record, "transactions", body.transactions, len(base.steps))

    def change() -> None:
        state.successor = body.run

    return change


def _steps_of(state: RunState) -> tuple[Step, ...]:
    money = state.money
    if money is None:
        why, hint = "moves no money", "Leave out the price of the new agreement."
    elif money.waiting is not None:
        why = "waits for an answer to its last transaction"
        hint = "Carry it out first: cotrain model settle"
    else:
        own = tuple((done.receipt.time, done.sent.raw) for done in money.history)
        return money.earlier.steps + own
    raise RefusedError(
        "base-no-chain",
        f"the run of {state.terms.title!r} {why}",
        meaning="The new run would go on with its chain, whose state nobody could tell.",
        hint=hint,
    )
