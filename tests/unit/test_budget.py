"""The budget book: refusal before recording, once per round, across reopening, and after a kill."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cotrain.errors import MalformedError, OutsideError, RefusedError, UsageError
from cotrain.privacy.budget import BudgetBook
from cotrain.privacy.rdp import Accountant, SkellamEvent, bound_sensitivity

EVENT = SkellamEvent(bound_sensitivity(2**15, 2**12, 17, 30), local_variance=10**8, honest=5)
HEART = "dataset-heart"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budget.sqlite"


@pytest.fixture
def book(path: Path) -> Iterator[BudgetBook]:
    with BudgetBook.open(path) as opened:
        opened.set_limit(HEART, epsilon=1.0, delta=1e-6)
        yield opened


def _cost(times: int) -> float:
    return Accountant().after([EVENT.repeated(times)]).epsilon(1e-6)


def _fill(book: BudgetBook, run_id: str = "run-1") -> int:
    """Charge rounds until refused; return how many were taken."""
    for number in range(10_000):
        try:
            book.charge(HEART, run_id, number, EVENT)
        except RefusedError as error:
            if error.code != "privacy-budget-spent":
                raise
            return number
    pytest.fail("never refused")


def test_charges_add_up_to_what_the_accountant_says(book: BudgetBook) -> None:
    assert book.balance(HEART).epsilon_spent == 0
    for number in range(3):
        book.charge(HEART, "run-1", number, EVENT)
    assert book.balance(HEART).epsilon_spent == pytest.approx(_cost(3), rel=1e-9)
    assert book.balance(HEART).epsilon_limit == 1.0


def test_the_charge_that_would_exceed_the_limit_is_refused_and_not_recorded(
    book: BudgetBook,
) -> None:
    taken = _fill(book)
    assert _cost(taken) <= 1.0 < _cost(taken + 1)
    assert len(book.history(HEART)) == taken
    with pytest.raises(RefusedError) as caught:
        book.charge(HEART, "run-2", 0, EVENT)
    assert caught.value.code == "privacy-budget-spent"
    assert f"{_cost(taken):.4f} of 1.0000" in str(caught.value)
    assert f"{_cost(taken + 1):.4f}" in str(caught.value)
    assert caught.value.meaning
    assert caught.value.hint
    assert len(book.history(HEART)) == taken


def test_a_cheaper_event_still_fits_when_a_dear_one_does_not(book: BudgetBook) -> None:
    taken = _fill(book)
    book.charge(HEART, "run-2", 0, replace(EVENT, local_variance=10**10))
    assert len(book.history(HEART)) == taken + 1


def test_charging_the_same_round_again_costs_nothing(book: BudgetBook) -> None:
    for _ in range(3):
        book.charge(HEART, "run-1", 7, EVENT)
    assert len(book.history(HEART)) == 1
    taken = 1 + _fill(book, "run-2")
    book.charge(HEART, "run-1", 7, EVENT)
    assert len(book.history(HEART)) == taken


def test_charging_the_same_round_with_another_event_is_refused(book: BudgetBook) -> None:
    book.charge(HEART, "run-1", 7, EVENT)
    with pytest.raises(RefusedError) as caught:
        book.charge(HEART, "run-1", 7, replace(EVENT, local_variance=10**9))
    assert caught.value.code == "privacy-charge-changed"
    assert [charge.event for charge in book.history(HEART)] == [EVENT]


def test_a_dataset_without_a_limit_spends_nothing(book: BudgetBook) -> None:
    for call in (
        lambda: book.charge("other", "run-1", 0, EVENT),
        lambda: book.balance("other"),
        lambda: book.remaining("other", EVENT),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert caught.value.code == "privacy-no-limit"
    assert book.history("other") == []


def test_datasets_have_budgets_of_their_own(book: BudgetBook) -> None:
    book.set_limit("dataset-lung", epsilon=0.5, delta=1e-6)
    _fill(book)
    book.charge("dataset-lung", "run-1", 0, EVENT)
    assert book.balance("dataset-lung").epsilon_spent == pytest.approx(_cost(1), rel=1e-9)
    assert book.datasets() == [HEART, "dataset-lung"]


def test_spending_survives_closing_the_book(path: Path, book: BudgetBook) -> None:
    taken = _fill(book)
    before = book.balance(HEART), book.history(HEART)
    book.close()
    with BudgetBook.open(path) as again:
        assert (again.balance(HEART), again.history(HEART)) == before
        with pytest.raises(RefusedError):
            again.charge(HEART, "run-1", taken, EVENT)
        again.charge(HEART, "run-1", 0, EVENT)


def test_a_raised_limit_admits_more_and_a_lowered_one_stops_at_once(book: BudgetBook) -> None:
    taken = _fill(book)
    book.set_limit(HEART, epsilon=1.5, delta=1e-6)
    book.charge(HEART, "run-1", taken, EVENT)
    book.set_limit(HEART, epsilon=0.1, delta=1e-6)
    with pytest.raises(RefusedError):
        book.charge(HEART, "run-1", taken + 1, EVENT)
    assert book.balance(HEART).epsilon_spent > book.balance(HEART).epsilon_limit


def test_remaining_rounds_are_exactly_those_that_can_be_charged(book: BudgetBook) -> None:
    book.charge(HEART, "run-0", 0, replace(EVENT, local_variance=3 * 10**8))
    promised = book.remaining(HEART, EVENT)
    assert promised > 0
    assert _fill(book) == promised
    assert book.remaining(HEART, EVENT) == 0


def test_history_is_in_the_order_of_charging(book: BudgetBook) -> None:
    book.charge(HEART, "run-b", 2, EVENT)
    book.charge(HEART, "run-a", 1, EVENT)
    lines = [(charge.run_id, charge.round_number) for charge in book.history(HEART)]
    assert lines == [("run-b", 2), ("run-a", 1)]


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(-0.1, 1e-6), (float("inf"), 1e-6), (float("nan"), 1e-6), (1, 0), (1, 1)]
)
def test_a_limit_of_nonsense_is_refused(book: BudgetBook, epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError) as caught:
        book.set_limit(HEART, epsilon, delta)
    assert caught.value.code == "privacy-bad-limit"
    assert book.balance(HEART).epsilon_limit == 1.0


def test_files_that_are_no_book_are_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be mistaken for one" * 100)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    for path in (text, other, tmp_path / "missing" / "book.sqlite"):
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(OutsideError) as caught:
            BudgetBook.open(path)
        assert caught.value.code == "budget-unreadable"
        assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize(
    "text", ["[1, 2]", "no json", "[1, 1, 1, 0, 1, 1]", "[1.5, 1, 1, 1, 1, 1]"]
)
def test_an_event_damaged_in_the_file_is_noticed(path: Path, book: BudgetBook, text: str) -> None:
    book.charge(HEART, "run-1", 0, EVENT)
    vandal = sqlite3.connect(path)
    vandal.execute("UPDATE charge SET event = ?", (text,))
    vandal.commit()
    vandal.close()
    with pytest.raises(MalformedError):
        book.charge(HEART, "run-1", 1, EVENT)


def test_two_processes_cannot_both_spend_the_last_round(path: Path, book: BudgetBook) -> None:
    for number in range(book.remaining(HEART, EVENT) - 1):
        book.charge(HEART, "run-1", number, EVENT)
    with BudgetBook.open(path) as second:
        second.charge(HEART, "run-2", 0, EVENT)
        with pytest.raises(RefusedError):
            book.charge(HEART, "run-1", 999, EVENT)


def test_a_book_locked_by_another_is_an_outside_error(path: Path, book: BudgetBook) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    book._connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(OutsideError):
        book.charge(HEART, "run-1", 0, EVENT)
    other.execute("ROLLBACK")
    other.close()
    book.charge(HEART, "run-1", 0, EVENT)


_CHARGE_FOREVER = """
import sys
from pathlib import Path
from cotrain.privacy.budget import BudgetBook
from cotrain.privacy.rdp import Sensitivity, SkellamEvent
with BudgetBook.open(Path(sys.argv[1])) as book:
    for number in range(10**6):
        event = SkellamEvent(Sensitivity(1, 1, 1), 10**10, 10**3)
        book.charge("dataset-heart", "run-1", number, event)
        print(number, flush=True)
"""


def test_a_killed_process_loses_no_charge_and_leaves_no_half(path: Path, book: BudgetBook) -> None:
    book.close()
    with subprocess.Popen(
        [sys.executable, "-c", _CHARGE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        said = 20 + len(process.stdout.read().split())
    with BudgetBook.open(path) as again:
        kept = [charge.round_number for charge in again.history(HEART)]
        assert kept == list(range(len(kept)))
        assert said <= len(kept) <= said + 1
        again.charge(HEART, "run-2", 0, EVENT)


def test_a_failure_before_commit_leaves_the_book_as_it_was(
    path: Path, book: BudgetBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DiesAtCommit:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if statement == "COMMIT":
                raise KeyboardInterrupt
            return self._connection.execute(statement, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(book, "_connection", DiesAtCommit(book._connection))
    with pytest.raises(KeyboardInterrupt):
        book.charge(HEART, "run-1", 0, EVENT)
    monkeypatch.undo()
    assert book.history(HEART) == []
    book.charge(HEART, "run-1", 0, EVENT)
    with BudgetBook.open(path) as again:
        assert len(again.history(HEART)) == 1


def test_what_is_left_of_a_dataset_inherits_limit_and_charges(path: Path, book: BudgetBook) -> None:
    book.charge(HEART, "run-1", 0, EVENT)
    book.inherit("heart-less-one", HEART)
    book.inherit("heart-less-two", "heart-less-one")
    book.charge("heart-less-two", "run-1", 0, EVENT)  # the same round of the same run
    book.charge("heart-less-two", "run-1", 1, EVENT)
    with BudgetBook.open(path) as again:
        for name in (HEART, "heart-less-one", "heart-less-two"):
            assert again.balance(name).epsilon_spent == pytest.approx(_cost(2), rel=1e-9)
            assert again.is_charged(name, "run-1", 1)
            assert len(again.history(name)) == 2
            assert again.has_limit(name)
        again.set_limit("heart-less-one", epsilon=2.0, delta=1e-6)
        assert again.balance(HEART).epsilon_limit == 2.0
        assert again.datasets() == [HEART]
        assert again.remaining("heart-less-two", EVENT) == again.remaining(HEART, EVENT)


def test_what_has_a_limit_of_its_own_inherits_none_and_strangers_leave_none(
    book: BudgetBook,
) -> None:
    book.set_limit("dataset-lung", epsilon=3.0, delta=1e-6)
    book.inherit("dataset-lung", HEART)
    assert book.balance("dataset-lung").epsilon_limit == 3.0
    book.inherit("other", "nobody")
    assert not book.has_limit("other")


def test_books_of_earlier_versions_learn_to_inherit(path: Path, book: BudgetBook) -> None:
    book.close()
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE alias")
    old.close()
    with BudgetBook.open(path) as opened:
        opened.inherit("heart-less-one", HEART)
        assert opened.balance("heart-less-one").epsilon_limit == 1.0
