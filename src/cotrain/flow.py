"""The whole protocol, in numbered steps, with all parties in one process. Read this first.

1. The coordinator offers the agreement; its hash names the run.
2. Every party reads it, and signs it if its owner approved it; data owners commit to words for their first noise.
3. Every data owner commits to its rows, proves that they satisfy the schema, and registers the commitment. If money
   is moved, the contracts are made and everybody joins there with a signature; price and stakes are drawn.
4. The coordinator opens a round on the model that everybody can compute.
5. Every owner trains on its rows, adds its share of the noise, commits to the result, proves that it is this,
   encrypts it under a key made for this round alone, and shares that key among the key holders.
6. The coordinator closes the round.
7. Every key holder checks its shares against the owners' commitments.
8. An accused owner publishes the disputed share, or is left out.
9. The set of survivors is fixed, once.
10. Every key holder releases one sum of shares for that set; so only the sum of the keys is ever rebuilt.
11. The sum of the updates is opened, checked against the product of the commitments, and the model takes one
    public step. If money is moved, the round is anchored on the contract. Steps 4 to 11 repeat.
12. The model is released. If a pool is divided by contribution, every owner releases a score of its updates, once and
    proven, and the coordinator closes the scores. If money is moved, every party runs all transactions again, signs the
    payment if they are in order, and is paid. Every owner destroys what it kept for the run, and certifies it.

Each step is one or more signed records on the ledger (`cotrain.rounds.rules` says which may follow which); every
party checks each of them for itself and cosigns the ledger. The same parties and coordinator run over a network
without a change, because they do no I/O: this module is the transport that hands records over in memory.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cotrain.errors import OutsideError, RefusedError
from cotrain.records.record import Message
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase, RunState

COORDINATOR = "coordinator"
VERIFYING = "verify proofs"
ENDS = {Phase.FINISHED, Phase.ABORTED}


@dataclass
class Meter:
    """Seconds and bytes that a run took.

    Attributes:
        seconds: (party or "coordinator", step) to wall-clock seconds; steps do not overlap, and what proofs take is
            a step of its own: "verify proofs", "prove registering", "prove submitting", "prove scoring".
        bytes_sent: (party, kind of record) to bytes, blobs included.
    """

    seconds: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    bytes_sent: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


Progress = Callable[[RunState], None]


def ignore_progress(state: RunState) -> None:
    """Show nothing."""
    del state


def run_in_process(
    coordinator: Coordinator,
    parties: Sequence[Party],
    *,
    progress: Progress = ignore_progress,
    meter: Meter | None = None,
) -> RunState:
    """Carry records between the parties and the coordinator until the run ends.

    Args:
        coordinator: The coordinator; its ledger may hold an earlier part of the run, which then goes on.
        parties: All parties, the coordinator's own party among them.
        progress: Called with the coordinator's state after each pass.
        meter: Collects times and sizes.

    Returns:
        The final state, its phase FINISHED.

    Raises:
        RefusedError: the run was aborted; the ledger says why.
        ForgeryError: a party found the coordinator lying.
    """
    meter = meter or Meter()
    while coordinator.state.phase not in ENDS:
        moved = _tick(coordinator, meter, all_spoke=False)
        moved = _exchange(coordinator, parties, meter) or moved
        if not moved and not _tick(coordinator, meter, all_spoke=True):
            raise OutsideError(
                "flow-stuck",
                f"nobody has anything to say while the run waits for {coordinator.state.phase.value}",
                meaning="A party that must act is not taking part in this process.",
                hint="Start the run with all parties of the agreement.",
            )
        progress(coordinator.state)
    _let_all_erase(coordinator, parties, meter)
    if coordinator.state.abort is not None:
        raise aborted(*coordinator.state.abort, parties)
    return coordinator.state


def _let_all_erase(coordinator: Coordinator, parties: Sequence[Party], meter: Meter) -> None:
    """Let every owner destroy what it kept and certify it; then everybody reads and cosigns the certificates."""
    _exchange(coordinator, parties, meter)
    if _tick(coordinator, meter, all_spoke=True):
        _exchange(coordinator, parties, meter)


def let_all_read(coordinator: Coordinator, parties: Sequence[Party]) -> None:
    """Let every party read and cosign what was logged after the run ended."""
    _exchange(coordinator, parties, Meter())


def aborted(code: str, reason: str, parties: Sequence[Party] = ()) -> RefusedError:
    """Return the error for a run that was aborted, with what the parties refused."""
    refusals = sorted({str(refusal) for party in parties for refusal in party.refusals})
    told = f" ({'; '.join(refusals)})" if refusals else ""
    hints = sorted(
        {refusal.hint for party in parties for refusal in party.refusals if refusal.hint}
    )
    return RefusedError(
        "run-aborted",
        f"the run was aborted, {code}: {reason}{told}",
        meaning="No model is released. What was opened before stays charged to the privacy budgets.",
        hint=" ".join(hints)
        or "Read the ledger with `cotrain audit`, settle the cause, and sign a new agreement.",
    )


def _tick(coordinator: Coordinator, meter: Meter, *, all_spoke: bool) -> bool:
    with _timed(meter, COORDINATOR, ("coordinate", VERIFYING), coordinator.verifying_seconds):
        return coordinator.tick(all_spoke=all_spoke)


def _exchange(coordinator: Coordinator, parties: Sequence[Party], meter: Meter) -> bool:
    """Let every party read and speak once; tell whether anybody said something new."""
    before = coordinator.heard
    for party in parties:
        step = coordinator.state.phase.name.lower()
        with _timed(meter, party.did, ("verify", VERIFYING), party.view.verifying_seconds):
            note = party.read(coordinator)
        with _timed(meter, party.did, (step, f"prove {step}"), party.proving_seconds):
            messages = party.speak()
        with _timed(meter, COORDINATOR, ("coordinate", VERIFYING), coordinator.verifying_seconds):
            _carry(coordinator, party, note, messages, meter)
    return coordinator.heard > before


def _carry(
    coordinator: Coordinator,
    party: Party,
    note: str | None,
    messages: Sequence[Message],
    meter: Meter,
) -> None:
    """Hand over what a party says."""
    if note is not None:
        coordinator.cosigned(note)
    for message in messages:
        if coordinator.receive(message):
            size = len(message.record.data) + sum(map(len, message.blobs.values()))
            meter.bytes_sent[party.did, message.record.kind] += size


@contextmanager
def _timed(
    meter: Meter, who: str, steps: tuple[str, str], on_proofs: Callable[[], float]
) -> Iterator[None]:
    """Measure what is done: seconds on proofs under the second step, all others under the first."""
    start, before = time.perf_counter(), on_proofs()
    yield
    proofs = on_proofs() - before
    meter.seconds[who, steps[0]] += time.perf_counter() - start - proofs
    if proofs:
        meter.seconds[who, steps[1]] += proofs
