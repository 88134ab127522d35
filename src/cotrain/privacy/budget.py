"""A data owner's budget book: what each dataset has spent, and the refusal to spend more.

One SQLite file, kept by the owner. Every charge is one transaction that is on disk before `charge`
returns; a charge that would exceed the limit is refused before anything is written. A process that
dies and asks again changes nothing: the same round of the same run is charged once. Steps:
``docs/spec/privacy-accounting.md``, section 6.
"""

import json
import operator
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cotrain.errors import MalformedError, OutsideError, RefusedError, UsageError
from cotrain.privacy.rdp import Accountant, Sensitivity, SkellamEvent

MAX_PREVIEW: Final = 1 << 20
"""`BudgetBook.remaining` counts no further than this."""

_FORMAT = 0x436F4231  # "CoB1", kept in the file's application id
_SCHEMA = """
CREATE TABLE budget (
    dataset TEXT PRIMARY KEY,
    epsilon REAL NOT NULL,
    delta REAL NOT NULL
) STRICT;
CREATE TABLE charge (
    sequence INTEGER PRIMARY KEY,
    dataset TEXT NOT NULL REFERENCES budget,
    run TEXT NOT NULL,
    round INTEGER NOT NULL,
    event TEXT NOT NULL,
    UNIQUE (dataset, run, round)
) STRICT;
"""
_ALIASES = """
CREATE TABLE IF NOT EXISTS alias (
    dataset TEXT PRIMARY KEY,
    origin TEXT NOT NULL REFERENCES budget
) STRICT
"""


@dataclass(frozen=True)
class Charge:
    """One line of the book: an event that a round of a run caused."""

    run_id: str
    round_number: int
    event: SkellamEvent


@dataclass(frozen=True)
class Balance:
    """What a dataset may spend and what it has spent.

    Attributes:
        epsilon_limit: The owner's limit.
        delta: At which epsilons are stated.
        epsilon_spent: Cost of all charges together, rounded up.
    """

    epsilon_limit: float
    delta: float
    epsilon_spent: float


class BudgetBook:
    """The open book; close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the book at `path`, or start one.

        Raises:
            OutsideError: ``budget-unreadable`` if the file cannot be opened, or is something else.
        """
        with _outside(path):
            connection = sqlite3.connect(path, isolation_level=None)
        try:
            with _outside(path):
                _prepare(connection)
        except OutsideError:
            connection.close()
            raise
        return cls(connection, path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def set_limit(self, dataset_id: str, epsilon: float, delta: float) -> None:
        """Set what `dataset_id` may spend in all its life, replacing an earlier limit.

        A limit below what is already spent is allowed: it stops every further charge.

        Raises:
            UsageError: ``privacy-bad-limit``.
        """
        if not (0 <= epsilon < float("inf") and 0 < delta < 1):
            raise UsageError("privacy-bad-limit", f"({epsilon}, {delta}) is not a privacy limit")
        dataset_id = self._origin(dataset_id)
        with self._transaction():
            self._connection.execute(
                "INSERT INTO budget VALUES (?, ?, ?) ON CONFLICT (dataset) "
                "DO UPDATE SET epsilon = excluded.epsilon, delta = excluded.delta",
                (dataset_id, float(epsilon), float(delta)),
            )

    def inherit(self, dataset_id: str, from_id: str) -> None:
        """Let another name stand for a dataset: from now on both have one limit, and every charge counts for both.

        Nothing happens if the first name is known already, or the second one is not.
        """
        with self._transaction():
            origin = self._origin(from_id)
            rows = self._connection.execute("SELECT 1 FROM budget WHERE dataset = ?", (origin,))
            if rows.fetchone() is not None and dataset_id != origin:
                self._connection.execute(
                    "INSERT OR IGNORE INTO alias SELECT ?, ? "
                    "WHERE NOT EXISTS (SELECT 1 FROM budget WHERE dataset = ?)",
                    (dataset_id, origin, dataset_id),
                )

    def charge(self, dataset_id: str, run_id: str, round_number: int, event: SkellamEvent) -> None:
        """Record what a round costs, once, before the round's result leaves the owner.

        Raises:
            RefusedError: ``privacy-no-limit``; ``privacy-charge-changed`` if this round was
                charged with another event; ``privacy-budget-spent`` if the limit would be
                exceeded. Nothing is recorded then.
        """
        dataset_id = self._origin(dataset_id)
        with self._transaction():
            limit, delta = self._limit(dataset_id)
            charged = self._charged(dataset_id, run_id, round_number)
            if charged is not None:
                _require_same(charged, event, run_id, round_number)
                return
            spent = self._accountant(dataset_id)
            after = spent.after([event]).epsilon(delta)
            if after > limit:
                raise _spent_error(dataset_id, Balance(limit, delta, spent.epsilon(delta)), after)
            self._connection.execute(
                "INSERT INTO charge (dataset, run, round, event) VALUES (?, ?, ?, ?)",
                (dataset_id, run_id, round_number, _encode(event)),
            )

    def is_charged(self, dataset_id: str, run_id: str, round_number: int) -> bool:
        """Return whether this round of this run was charged before."""
        return self._charged(self._origin(dataset_id), run_id, round_number) is not None

    def balance(self, dataset_id: str) -> Balance:
        """Return the limit and what is spent.

        Raises:
            RefusedError: ``privacy-no-limit``.
        """
        dataset_id = self._origin(dataset_id)
        limit, delta = self._limit(dataset_id)
        return Balance(limit, delta, self._accountant(dataset_id).epsilon(delta))

    def remaining(
        self, dataset_id: str, event: SkellamEvent, beside: Sequence[SkellamEvent] = ()
    ) -> int:
        """Return how many more times `event` could be charged, up to `MAX_PREVIEW`.

        Args:
            dataset_id: Whose budget.
            event: What is charged again and again.
            beside: What is charged besides, once.

        Raises:
            RefusedError: ``privacy-no-limit``.
        """
        dataset_id = self._origin(dataset_id)
        limit, delta = self._limit(dataset_id)
        spent = self._accountant(dataset_id).after(beside)

        def affordable(times: int) -> bool:
            return spent.after([event.repeated(times)]).epsilon(delta) <= limit

        low, high = 0, 1
        while high <= MAX_PREVIEW and affordable(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if affordable(middle) else (low, middle)
        return min(low, MAX_PREVIEW)

    def history(self, dataset_id: str) -> list[Charge]:
        """Return all charges of `dataset_id`, oldest first."""
        rows = self._query(
            "SELECT run, round, event FROM charge WHERE dataset = ? ORDER BY sequence",
            self._origin(dataset_id),
        )
        return [Charge(run, number, _decode(event)) for run, number, event in rows]

    def datasets(self) -> list[str]:
        """Return the datasets that have a limit, in order, each by the name under which it was given."""
        return [name for (name,) in self._query("SELECT dataset FROM budget ORDER BY 1")]

    def has_limit(self, dataset_id: str) -> bool:
        """Return whether a dataset has a limit, under whatever name."""
        return self._origin(dataset_id) in self.datasets()

    def _origin(self, dataset_id: str) -> str:
        """Return the name under which the book counts for a dataset."""
        rows = self._query("SELECT origin FROM alias WHERE dataset = ?", dataset_id)
        return rows[0][0] if rows else dataset_id

    def _limit(self, dataset_id: str) -> tuple[float, float]:
        rows = self._query("SELECT epsilon, delta FROM budget WHERE dataset = ?", dataset_id)
        if not rows:
            raise RefusedError(
                "privacy-no-limit",
                f"no privacy budget is set for dataset {dataset_id}",
                meaning="Nothing may be spent from a dataset whose owner has not said how much.",
                hint="Set a limit (epsilon, delta) for it first.",
            )
        ((epsilon, delta),) = rows
        return epsilon, delta

    def _charged(self, dataset_id: str, run_id: str, round_number: int) -> SkellamEvent | None:
        rows = self._query(
            "SELECT event FROM charge WHERE dataset = ? AND run = ? AND round = ?",
            dataset_id,
            run_id,
            round_number,
        )
        return _decode(rows[0][0]) if rows else None

    def _accountant(self, dataset_id: str) -> Accountant:
        rows = self._query(
            "SELECT event, COUNT(*) FROM charge WHERE dataset = ? GROUP BY event", dataset_id
        )
        return Accountant().after(_decode(event).repeated(times) for event, times in rows)

    def _query(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with _outside(self._path):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold the write lock throughout: two processes cannot both spend the last of a budget."""
        with _outside(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


@contextmanager
def _outside(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OutsideError(
            "budget-unreadable",
            f"the budget book {path} cannot be used: {error}",
            hint="Give the path of a budget book, or of a file that does not exist yet.",
        ) from error


def _prepare(connection: sqlite3.Connection) -> None:
    """Check the format, or lay out an empty file."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if found == 0 and tables == 0:
        for statement in _SCHEMA.split(";")[:-1]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_FORMAT}")
    elif found != _FORMAT:
        raise sqlite3.DatabaseError("it is a database of another kind or version")
    connection.execute(_ALIASES)
    connection.execute("COMMIT")


def _encode(event: SkellamEvent) -> str:
    """Return the one text form of an event: a JSON list of its integers."""
    bound = event.sensitivity
    return json.dumps(
        [bound.l2, bound.l1, bound.dimension, event.local_variance, event.honest, event.count]
    )


def _decode(text: str) -> SkellamEvent:
    try:
        l2, l1, dimension, variance, honest, count = map(operator.index, json.loads(text))
        return SkellamEvent(Sensitivity(l2, l1, dimension), variance, honest, count)
    except (TypeError, ValueError, UsageError) as error:
        raise MalformedError("budget-bad-event", f"the book holds an event {text!r}") from error


def _require_same(
    charged: SkellamEvent, event: SkellamEvent, run_id: str, round_number: int
) -> None:
    if charged != event:
        raise RefusedError(
            "privacy-charge-changed",
            f"round {round_number} of run {run_id} was charged before, with another event",
            meaning="A round is released once; a second release of it would be a new cost.",
            hint="Resend what was computed then, or run a new round.",
        )


def _spent_error(dataset_id: str, balance: Balance, after: float) -> RefusedError:
    return RefusedError(
        "privacy-budget-spent",
        f"dataset {dataset_id} has spent epsilon {balance.epsilon_spent:.4f} of "
        f"{balance.epsilon_limit:.4f} (at delta {balance.delta:g}); "
        f"this round would bring it to {after:.4f}",
        meaning="Taking part would reveal more about the people in the data than the owner allows.",
        hint="Leave the run, or decide to raise the limit.",
    )
