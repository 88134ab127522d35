"""Whatever is sent, in whatever order and at whatever times: running it again gives the same, and only the same."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe.calls import CHAIN, Caller, an_account

from cotrain.errors import CotrainError, MalformedError
from cotrain.settlement.chain.chain import Receipt
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay
from cotrain.settlement.transactions import read_transaction
from cotrain.testing.determinism import ManualClock

ACTS = st.one_of(
    st.tuples(st.just("add(uint256,bytes)"), st.integers(0, 9), st.binary(max_size=40)),
    st.tuples(st.just("tell(uint256)"), st.integers(0, 4)),
    st.tuples(st.just("refuse(string)"), st.text(max_size=5)),
    st.tuples(st.just("lend()")),
    st.tuples(st.just("forget(uint256)"), st.integers(0, 9)),
    st.tuples(st.just("spawn(bytes32)"), st.sampled_from([bytes(32), b"1" * 32])),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1), ACTS, st.sampled_from([30_000, 60_000, 400_000]), st.integers(-5, 5)
    ),
    max_size=8,
)


def live(path: Path, story: list[tuple[int, tuple[object, ...], int, int]]) -> list[Receipt]:
    """Send everything; close and open the chain after each step whose pause is negative."""
    callers, clock = [Caller(an_account(number)) for number in (0, 1)], ManualClock()
    chain = EmbeddedChain(path, CHAIN, clock)
    receipts = [chain.send(callers[0].create())]
    for who, (signature, *arguments), gas, pause in story:
        clock.advance(pause)
        if pause < 0:
            chain.close()
            chain = EmbeddedChain(path, CHAIN, clock)
        to = callers[0].to
        receipts.append(chain.send(callers[who].call(str(signature), *arguments, to=to, gas=gas)))
    chain.close()
    return receipts


@pytest.mark.slow
@given(STEPS)
def test_run_again_is_what_was_live(story: list[tuple[int, tuple[object, ...], int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.db"
        receipts = live(path, story)
        with EmbeddedChain(path, CHAIN, ManualClock()) as chain:
            steps = list(chain.steps())
    assert len(steps) == len(receipts) == len(story) + 1
    assert [step[0] for step in steps] == sorted(receipt.time for receipt in receipts)
    for done, receipt in zip(replay(CHAIN, steps), receipts, strict=True):
        assert (done.state_root, done.succeeded, done.gas, done.events, done.output) == (
            receipt.state_root,
            receipt.succeeded,
            receipt.gas,
            receipt.events,
            receipt.output,
        )


@given(st.sampled_from([0, 1, 2]), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_of_any_type_is_refused_or_said_by_somebody_else(
    kind: int, place: int, change: int
) -> None:
    good = Caller(kind=kind).call("tell(uint256)", 1)
    place %= len(good)
    changed = good[:place] + bytes([good[place] ^ change]) + good[place + 1 :]
    try:
        read = read_transaction(changed)
    except MalformedError:
        return
    assert (read.sender, read.chain_id) != (read_transaction(good).sender, CHAIN)


GOOD = Caller().create()
(DONE,) = replay(CHAIN, [(0, GOOD)])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_is_said_by_somebody_else(place: int, change: int) -> None:
    changed = GOOD[:place] + bytes([GOOD[place] ^ change]) + GOOD[place + 1 :]
    try:
        done = list(replay(CHAIN, [(0, changed)]))
    except CotrainError as error:
        refused = error.code.startswith("chain-transaction-")
    else:
        refused = done[0].state_root != DONE.state_root
    assert refused


@given(st.binary(max_size=80))
def test_noise_is_refused(noise: bytes) -> None:
    for raw in (noise, b"\x02" + noise):
        for elsewhere in (False, True):
            with pytest.raises(MalformedError, match="not a signed transaction"):
                list(replay(CHAIN, [(0, raw)], paid_elsewhere=elsewhere))
        with pytest.raises(MalformedError, match="not a signed transaction"):
            read_transaction(raw)
