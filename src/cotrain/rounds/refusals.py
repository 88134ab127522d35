"""The errors with which rules turn records away, so that all rules say the same thing in the same words."""

from cotrain.errors import ForgeryError, RefusedError
from cotrain.records.record import Record


def out_of_turn(record: Record, waiting_for: str) -> RefusedError:
    """Return the error for a record that does not fit the phase."""
    return RefusedError(
        "rule-out-of-turn",
        f"a {record.kind} of {record.author} came while the run waits for {waiting_for}",
        meaning="The order of the protocol was not kept, so the record counts for nothing.",
        hint="Read the ledger up to its end and send what the run waits for.",
    )


def not_allowed(record: Record, who: str) -> RefusedError:
    """Return the error for a record by somebody who may not write it."""
    return RefusedError(
        "rule-not-allowed",
        f"{record.author} wrote a {record.kind}, which only {who} may",
        meaning="The agreement gives this party no such role in this step.",
        hint="Check the roles with `cotrain agreement show`.",
    )


def counted_already(record: Record) -> RefusedError:
    """Return the error for a second record where exactly one counts."""
    return RefusedError(
        "rule-counted-already",
        f"a {record.kind} of {record.author} is on the ledger already",
        meaning="Each contribution counts exactly once; the first one stands.",
        hint="Nothing to do if it was sent again by mistake.",
    )


def over_the_terms(record: Record, what: str) -> RefusedError:
    """Return the error for a record that the agreement does not allow."""
    return RefusedError(
        "rule-over-the-terms",
        f"the {record.kind} of {record.author} is not allowed: {what}",
        meaning="The signed agreement forbids it, so no party goes along.",
        hint="Draft and sign a new agreement if the parties want this.",
    )


def handed_over(successor: str) -> RefusedError:
    """Return the error for a transaction of a run whose chain goes on with another one."""
    return RefusedError(
        "chain-handed-over",
        f"the chain of this run goes on with the run {successor[:16]}",
        meaning="Two ledgers of one chain would contradict each other, so this one takes no transaction more.",
        hint="Give the folder of that run: its model is the one that is sold, and what is left to pay is paid there.",
    )


def mismatch(record: Record, name: str, found: object, expected: object) -> ForgeryError:
    """Return the error for a field that is not what everybody computes from the ledger."""
    return ForgeryError(
        "rule-mismatch",
        f"the {record.kind} of {record.author} says {name} {_short(found)}, the ledger implies {_short(expected)}",
        meaning="The record belongs to another run, round or history, or its author lies.",
        hint="Do not go on from this record; compare ledgers with another party.",
    )


def expect(record: Record, name: str, found: object, expected: object) -> None:
    """Check that a field is what everybody computes from the ledger.

    Raises:
        ForgeryError: it is not.
    """
    if found != expected:
        raise mismatch(record, name, found, expected)


def by_coordinator(record: Record, coordinator: str) -> None:
    """Check that the coordinator wrote the record.

    Raises:
        RefusedError: somebody else did.
    """
    if record.author != coordinator:
        raise not_allowed(record, "the coordinator")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
