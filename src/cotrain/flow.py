"""The whole protocol, in numbered steps, with all parties in one process. Read this first.

1. The coordinator offers the agreement; its hash names the run.
2. Every party reads it, and signs it if its owner approved it.
3. Every data owner commits to its rows and registers the commitment.
4. The coordinator opens a round on the model that everybody can compute.
5. Every owner trains on its rows, adds its share of the noise, commits to the result, encrypts it under a key
   made for this round alone, and shares that key among the key holders.
6. The coordinator closes the round.
7. Every key holder checks its shares against the owners' commitments.
8. An accused owner publishes the disputed share, or is left out.
9. The set of survivors is fixed, once.
10. Every key holder releases one sum of shares for that set; so only the sum of the keys is ever rebuilt.
11. The sum of the updates is opened, checked against the product of the commitments, and the model takes one
    public step. Steps 4 to 11 repeat.
12. The model is released.

Each step is one or more signed records on the ledger (`cotrain.rounds.rules` says which may follow which); every
party checks each of them for itself and cosigns the ledger. The same parties and coordinator run over a network
without a change, because they do no I/O: this module is the transport that hands records over in memory.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cotrain.errors import OutsideError, RefusedError
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.party import Party
from cotrain.rounds.state import Phase, RunState

ENDS = {Phase.FINISHED, Phase.ABORTED}


@dataclass
class Meter:
    """Seconds and bytes that a run took.

    Attributes:
        seconds: (party or "coordinator", step) to wall-clock seconds.
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
    _exchange(coordinator, parties, meter)
    if coordinator.state.abort is not None:
        raise aborted(*coordinator.state.abort, parties)
    return coordinator.state


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
    start = time.perf_counter()
    moved = coordinator.tick(all_spoke=all_spoke)
    meter.seconds["coordinator", "coordinate"] += time.perf_counter() - start
    return moved


def _exchange(coordinator: Coordinator, parties: Sequence[Party], meter: Meter) -> bool:
    """Let every party read and speak once; tell whether anybody said something new."""
    before = coordinator.heard
    for party in parties:
        step, start = coordinator.state.phase.name.lower(), time.perf_counter()
        note = party.read(coordinator)
        read = time.perf_counter()
        messages = party.speak()
        meter.seconds[party.did, "verify"] += read - start
        spoke = time.perf_counter()
        meter.seconds[party.did, step] += spoke - read
        if note is not None:
            coordinator.cosigned(note)
        for message in messages:
            fresh = coordinator.receive(message)
            if fresh:
                size = len(message.record.data) + sum(map(len, message.blobs.values()))
                meter.bytes_sent[party.did, message.record.kind] += size
        meter.seconds["coordinator", "coordinate"] += time.perf_counter() - spoke
    return coordinator.heard > before
