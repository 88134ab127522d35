"""A whole round: all parties simulated honestly in this process, and what one real party pays.

Every party signs, trains, adds noise, commits, encrypts, shares its key, checks and releases by itself. What is
not repeated for each of them is the reading of the ledger: it is the same pure computation for all, so all
share one view, which one of them reads and cosigns. What reading costs one party, and a cosignature the
coordinator, is measured by itself. Journals and budget books are in memory.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.meter import Bench
from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import BinaryTarget, NumericColumn, Schema
from cotrain.dataset.encoding import encode_cells
from cotrain.flow import Meter, run_in_process
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.privacy.budget import BudgetBook
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.party import OwnedData, Party
from cotrain.rounds.state import Phase, RunState
from cotrain.rounds.view import Board, View
from cotrain.rounds.witness import log_policy, witness_signer
from cotrain.testing.determinism import ManualClock, SeededEntropy

FEATURES = 30
ROWS = 16
SCHEMA = Schema(
    format="cotrain/schema/1",
    name="benchmark",
    columns=tuple(
        NumericColumn(name=f"x{n}", unit="1", min="-10", max="10", low="-2", high="2")
        for n in range(FEATURES)
    ),
    target=BinaryTarget(name="y"),
    min_rows=ROWS,
    max_rows=1000,
)


@dataclass(frozen=True)
class Mark:
    """A moment of the run.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of this process.
        size: Entries of the ledger.
        seconds: The meter's seconds at that moment.
    """

    wall: float
    cpu: float
    size: int
    seconds: dict[tuple[str, str], float]


@dataclass
class Stopwatch:
    """Marks when the round begins (all have registered) and when it ends (all have read the result)."""

    ledger: Ledger
    meter: Meter
    marks: dict[int, Mark] = field(default_factory=dict)

    def __call__(self, state: RunState) -> None:
        if state.phase is Phase.BETWEEN and len(state.opened) not in self.marks:
            self.marks[len(state.opened)] = Mark(
                time.perf_counter(), time.process_time(), self.ledger.size, dict(self.meter.seconds)
            )


class Listener(Party):
    """A party that speaks by what another has read into the view that they share."""

    def read(self, board: Board) -> str | None:
        del board
        return None


class PastBoard:
    """The ledger as it was when it had `size` entries: a board for a late reader."""

    def __init__(self, ledger: Ledger, size: int) -> None:
        self._ledger, self._size = ledger, size

    def size(self) -> int:
        return self._size

    def entries(self, start: int, stop: int) -> Sequence[bytes]:
        return self._ledger.entries(start, stop)

    def blob(self, sha256_hex: str) -> bytes:
        return self._ledger.blob(bytes.fromhex(sha256_hex))

    def checkpoint(self, witness: str = "") -> str:
        del witness
        note = self._ledger.checkpoint(self._size)
        if note is None:
            raise ValueError(f"no checkpoint of {self._size} entries")
        return note


def round_of_4(bench: Bench) -> None:
    _round(bench, 4)


def round_of_10(bench: Bench) -> None:
    _round(bench, 10)


def round_of_100(bench: Bench) -> None:
    _round(bench, bench.size(100, 5))


def round_of_1000(bench: Bench) -> None:
    _round(bench, bench.size(1000, 6))


def _round(bench: Bench, owners: int) -> None:
    agreement, identities = _agreement(owners)
    meter = Meter()
    with (
        tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder,
        Ledger.create(Path(folder) / "ledger.db") as ledger,
    ):
        clock, view = ManualClock(), View(log_policy(agreement))
        coordinator = Coordinator(identities[-1], agreement, ledger, clock)
        parties = [
            _party(Listener if number else Party, identity, agreement, view, clock)
            for number, identity in enumerate(identities)
        ]
        watch = Stopwatch(ledger, meter)
        state = run_in_process(coordinator, parties, progress=watch, meter=meter)
        if len(state.opened[0][1]) != owners:
            raise ValueError("not every owner's update is in the sum")
        _report_round(bench, watch, owners, state)
        _report_owner(bench, watch, agreement, state)
        _report_reader(bench, ledger, agreement, watch.marks)
        _report_cosignatures(bench, coordinator, agreement, identities, watch)


def _report_round(bench: Bench, watch: Stopwatch, owners: int, state: RunState) -> None:
    start, end = watch.marks[0], watch.marks[1]
    current = state.current
    detail = (
        f"{owners:,} owners of {ROWS} rows, {state.derived.dimension} weights, epsilon 1, {len(current.holders)} "
        f"key holders, threshold {current.threshold}; all parties in one process, one of them reads and cosigns for all"
    )
    name = f"round of {owners:,} parties"
    bench.figure(f"{name}, wall", end.wall - start.wall, "s", detail)
    bench.figures[-1]["peak_memory_mb"] = bench.peak_memory()
    bench.figure(f"{name}, CPU", end.cpu - start.cpu, "s", detail)
    coordinator = _spent(watch, "coordinator", ("coordinate",))
    note = f"{detail}; checking what arrives, writing it, opening the sum"
    bench.figure(f"{name}, coordinator's steps, wall", coordinator, "s", note)


def _report_owner(bench: Bench, watch: Stopwatch, agreement: Agreement, state: RunState) -> None:
    """What one owner spends besides reading: medians over the owners, holders of shares apart."""
    owners = [party.did for party in agreement.owners]
    name = f"round of {len(owners):,} parties"
    submit = statistics.median(_spent(watch, did, ("submitting",)) for did in owners)
    detail = "train, noise, commit, encrypt, share the key; median of the owners"
    bench.figure(f"{name}, one owner's submission, wall", 1e3 * submit, "ms", detail)
    holders = state.current.holders
    hold = statistics.median(_spent(watch, did, ("checking", "releasing")) for did in holders)
    detail = "open and check every owner's share, release the sum; median of the holders"
    bench.figure(f"{name}, one key holder's work, wall", 1e3 * hold, "ms", detail)
    sent = watch.meter.bytes_sent
    submission = statistics.median(sent[did, "submission"] for did in owners)
    bench.figure(f"{name}, one owner's submission", submission, "bytes", "record and blobs")
    holding = statistics.median(sent[did, "check"] + sent[did, "release"] for did in holders)
    bench.figure(
        f"{name}, one key holder's records", holding, "bytes", "check and release, blobs included"
    )


def _report_reader(
    bench: Bench, ledger: Ledger, agreement: Agreement, marks: dict[int, Mark]
) -> None:
    """What one party pays to check everything that the round put on the ledger."""
    start, end = (PastBoard(ledger, marks[number].size) for number in (0, 1))
    walls, cpus, view = [], [], View(log_policy(agreement))
    for _ in range(3):
        view = View(log_policy(agreement))
        view.advance(start)
        wall, cpu = time.perf_counter(), time.process_time()
        view.advance(end)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    name = f"round of {len(agreement.owners):,} parties, one's verification"
    detail = f"signatures, shapes, shares, the opened sum, the step: {end.size() - start.size():,} entries"
    bench.figure(f"{name}, wall", statistics.median(walls), "s", detail)
    bench.figure(f"{name}, CPU", statistics.median(cpus), "s", detail)
    size = _downloaded(ledger, view, start.size(), end.size())
    bench.figure(
        f"{name}, download",
        size / 1e6,
        "MB",
        "entries and blobs of the round that every party reads; a key holder also fetches sealed shares",
    )


def _report_cosignatures(
    bench: Bench,
    coordinator: Coordinator,
    agreement: Agreement,
    identities: Sequence[Identity],
    watch: Stopwatch,
) -> None:
    """What the cosignatures of all parties under one checkpoint cost the coordinator."""
    note = coordinator.checkpoint()
    follower = View(log_policy(agreement)).follower
    follower = follower.advance(coordinator.entries(0, coordinator.size()), note)
    notes = [
        follower.cosign(witness_signer(identity), agreement.expires)
        for identity in identities[1:-1]
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    for cosigned in notes:
        coordinator.cosigned(cosigned)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    start, stop = watch.marks[0].size, watch.marks[1].size
    count = sum(start < size <= stop for size in watch.ledger.checkpoint_sizes())
    name = f"cosignatures of {len(agreement.owners):,} parties, one checkpoint"
    detail = f"{len(notes):,} taken by the coordinator, not in the round's figures; a round has {count} checkpoints"
    bench.figure(f"{name}, wall", wall, "s", detail)
    bench.figure(f"{name}, CPU", cpu, "s", detail)


def _spent(watch: Stopwatch, who: str, steps: Sequence[str]) -> float:
    """Return the seconds that `who` spent on `steps` in the round."""
    start, end = watch.marks[0].seconds, watch.marks[1].seconds
    return sum(end.get((who, step), 0.0) - start.get((who, step), 0.0) for step in steps)


def _downloaded(ledger: Ledger, view: View, start: int, stop: int) -> int:
    """Return the bytes of the entries of a round and of the blobs that every reader fetches."""
    blobs = [ref.size for record in view.records[start:stop] for ref in record.common_blobs]
    return sum(blobs) + sum(map(len, ledger.entries(start, stop)))


def _agreement(owners: int) -> tuple[Agreement, list[Identity]]:
    names = [*(f"Owner {n}" for n in range(owners)), "Coordinator"]
    identities = [Identity(SeededEntropy(name).draw("identity", 32), name) for name in names]
    terms = [
        PartyTerm(
            name=identity.name,
            did=identity.did,
            roles=["coordinator" if identity.name == "Coordinator" else "data_owner"],
        )
        for identity in identities
    ]
    wishes = Wishes(title="Benchmark", rounds=1)
    agreement = draft_agreement(
        SCHEMA, terms, wishes, entropy=SeededEntropy("terms"), clock=ManualClock()
    )
    return agreement, identities


def _party(
    kind: type[Party], identity: Identity, agreement: Agreement, view: View, clock: ManualClock
) -> Party:
    data = None if identity.name == "Coordinator" else _data(identity.name)
    party = kind(identity, view, MemoryJournal(), SeededEntropy(identity.name), clock, data)
    party.approve(agreement.digest)
    return party


def _data(name: str) -> OwnedData:
    generator = np.random.default_rng(list(name.encode()))
    cells = generator.normal(size=(FEATURES + 1, ROWS)).round(3).clip(-10, 10)
    cells[-1] = cells[0] + generator.normal(size=ROWS) > 0
    book = BudgetBook.open(Path(":memory:"))
    book.set_limit(name, 10.0, 1e-5)
    return OwnedData(encode_cells(cells, SCHEMA), name, book)
