"""The run's own chain: what enters it, what it answers, and what it refuses."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from probe.calls import CHAIN, Caller, an_account, answer, function, story

from cotrain.errors import CotrainError, ForgeryError, MalformedError, OutsideError, RefusedError
from cotrain.settlement.chain.chain import CallRevertedError, Receipt
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.replay import replay
from cotrain.testing.determinism import ManualClock

REFUSED = keccak(b"Refused(uint256,string)")[:4]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def chain(tmp_path: Path, clock: ManualClock) -> Iterator[EmbeddedChain]:
    with EmbeddedChain(tmp_path / "chain.db", CHAIN, clock) as made:
        yield made


@pytest.fixture
def caller(chain: EmbeddedChain) -> Caller:
    made = Caller()
    assert chain.send(made.create()).succeeded
    return made


def count(chain: EmbeddedChain, caller: Caller) -> int:
    return int(answer(["uint256"], chain.call(caller.to, function("count()")))[0])


def test_a_transaction_changes_the_state_and_tells_of_it(
    chain: EmbeddedChain, caller: Caller
) -> None:
    receipt = chain.send(caller.call("add(uint256,bytes)", 5, b"note"))
    assert (receipt.block, receipt.succeeded) == (2, True)
    (event,) = receipt.events
    assert event.address == caller.to
    assert event.topics[0] == keccak(b"Counted(address,uint256,bytes)")
    assert event.topics[1][12:].hex() == caller.account.address[2:].lower()
    assert answer(["uint256", "bytes"], event.data) == (5, b"note")
    assert count(chain, caller) == 5
    assert chain.nonce(caller.account.address) == 2
    head = chain.head()
    assert (head.block, head.state_root) == (2, receipt.state_root)


def test_why_it_was_reverted_is_kept_and_nothing_else(chain: EmbeddedChain, caller: Caller) -> None:
    raw = caller.call("refuse(string)", "not now")
    receipt = chain.send(raw)
    said = REFUSED + encode(["uint256", "string"], [1, "not now"])
    assert (receipt.succeeded, receipt.output, receipt.events) == (False, said, ())
    assert chain.send(raw).output == said
    assert count(chain, caller) == 0
    with pytest.raises(CallRevertedError) as refused:
        chain.call(caller.to, function("refuse(string)", "not now"))
    assert refused.value.data == said
    assert isinstance(refused.value, RefusedError)


def test_a_call_changes_nothing(chain: EmbeddedChain, caller: Caller) -> None:
    head = chain.head()
    assert answer(["uint256"], chain.call(caller.to, function("lend()"))) == (1,)
    chain.call(caller.to, function("add(uint256,bytes)", 5, b""))
    assert (chain.head(), count(chain, caller)) == (head, 0)


def test_what_lasts_for_one_transaction_is_gone_after_it(
    chain: EmbeddedChain, caller: Caller
) -> None:
    for expected in (1, 2):  # were it not gone, the second would add two
        chain.send(caller.call("lend()"))
        assert count(chain, caller) == expected


def test_events_come_in_order_with_their_place(chain: EmbeddedChain, caller: Caller) -> None:
    chain.send(caller.call("tell(uint256)", 3))
    chain.send(caller.call("refuse(string)", ""))
    chain.send(caller.call("tell(uint256)", 2))
    places = [(event.block, event.place) for event in chain.events(caller.to)]
    assert places == [(2, 0), (2, 1), (2, 2), (4, 0), (4, 1)]
    assert [event.block for event in chain.events(caller.to, 3)] == [4, 4]
    assert chain.events(caller.to, 5) == []
    assert chain.events(an_account(1).address) == []


def test_surroundings_are_the_same_for_everybody(chain: EmbeddedChain, caller: Caller) -> None:
    types = ["uint256"] * 5 + ["address", "uint256"]
    found = answer(types, chain.call(caller.to, function("surroundings()")))
    assert found == (2, 1_700_000_000, CHAIN, 0, 0, "0x" + "00" * 20, 100_000_000)


def test_sent_twice_is_carried_out_once(chain: EmbeddedChain, caller: Caller) -> None:
    raw = caller.call("add(uint256,bytes)", 5, b"")
    first = chain.send(raw)
    chain.send(caller.call("tell(uint256)", 1))
    assert chain.send(raw) == first
    assert (count(chain, caller), chain.head().block) == (5, 3)


def test_what_can_enter_is_known_before_and_nothing_is_kept(
    tmp_path: Path, chain: EmbeddedChain, caller: Caller
) -> None:
    raw = caller.call("add(uint256,bytes)", 5, b"")
    before = chain.head(), contents(tmp_path / "chain.db")
    chain.check_can_enter(raw)
    assert (chain.head(), contents(tmp_path / "chain.db")) == before
    assert count(chain, caller) == 0
    receipt = chain.send(raw)
    assert receipt.succeeded
    chain.check_can_enter(raw)  # it is there already, and would only be answered again
    chain.check_can_enter(caller.call("refuse(string)", "reverted, but in a block"))


def contents(path: Path) -> list[str]:
    """Return all that a chain's file holds, and the log beside it, while it is open."""
    with tempfile.TemporaryDirectory() as folder:
        for part in path.parent.glob(path.name + "*"):
            shutil.copy(part, folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as db:
            return list(db.iterdump())


@pytest.mark.parametrize(
    "change", [{"gas": 20_000}, {"gas": 100_000_001}, {"nonce": 7}, {"value": 1}]
)
def test_what_cannot_enter_is_refused_as_if_it_were_sent(
    chain: EmbeddedChain, caller: Caller, change: dict[str, int]
) -> None:
    data = function("add(uint256,bytes)", 5, b"")
    fields = {
        "type": 2, "chainId": CHAIN, "nonce": 1, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0,
        "gas": 200_000, "to": caller.to, "value": 0, "data": data, "accessList": [],
    }  # fmt: skip
    chain.check_can_enter(caller.account.sign_transaction(fields))
    raw = caller.account.sign_transaction({**fields, **change})
    for refuse in (chain.check_can_enter, chain.send):
        with pytest.raises(RefusedError) as caught:
            refuse(raw)
        assert caught.value.code == "chain-transaction-invalid"
    with pytest.raises(MalformedError):
        chain.check_can_enter(raw[:-1])


def test_time_never_goes_back(chain: EmbeddedChain, caller: Caller, clock: ManualClock) -> None:
    clock.advance(100)
    assert chain.send(caller.call("tell(uint256)", 1)).time == 1_700_000_100
    clock.advance(-50)
    assert chain.send(caller.call("tell(uint256)", 1)).time == 1_700_000_100


def test_all_is_there_after_opening_again(tmp_path: Path, clock: ManualClock) -> None:
    path, caller = tmp_path / "chain.db", Caller()
    sent = list(story(caller))
    with EmbeddedChain(path, CHAIN, clock) as chain:
        receipts = [chain.send(raw) for raw in sent[:6]]
    with EmbeddedChain(path, CHAIN, clock) as chain:
        assert [chain.send(raw) for raw in sent[:6]] == receipts
        receipts += [chain.send(raw) for raw in sent[6:]]
        assert [raw for _, raw in chain.steps()] == sent
        told = [event for receipt in receipts for event in receipt.events]
        assert list(chain.events(caller.to)) == told
    assert [receipt.succeeded for receipt in receipts].count(False) == 4


def deep_lists(depth: int) -> bytes:
    """Return lists in lists, three bytes each: a decoder that calls itself runs out of stack."""
    nested = b"\xc0"
    for _ in range(depth):
        size = len(nested)
        nested = (bytes([0xC0 + size]) if size < 56 else b"\xf9" + size.to_bytes(2, "big")) + nested
    return nested


def bad_transactions() -> dict[str, tuple[bytes, type[CotrainError]]]:
    caller = Caller(number=1)
    good = caller.call("tell(uint256)", 1)

    def again(**more: Any) -> bytes:
        caller.number = 1
        return caller.call("tell(uint256)", 1, **more)

    legacy = {"nonce": 1, "gasPrice": 0, "gas": 100_000, "to": caller.to, "value": 0, "data": b""}
    sign = caller.account.sign_transaction
    listed = {**legacy, "type": 1, "chainId": CHAIN, "accessList": []}
    return {
        "other chain": (again(chainId=CHAIN + 1), RefusedError),
        "number too high": (again(nonce=2), RefusedError),
        "number used": (again(nonce=0), RefusedError),
        "too little gas": (again(gas=21_000), RefusedError),
        "more gas than a block": (again(gas=100_000_001), RefusedError),
        "money it has not": (again(value=1), RefusedError),
        "a fee": (again(maxFeePerGas=1), RefusedError),
        "for any chain": (sign(legacy), MalformedError),
        "of the old type": (sign({**legacy, "chainId": CHAIN}), MalformedError),
        "of type 1": (sign(listed), MalformedError),
        "of type 3": (b"\x03" + good[1:], MalformedError),
        "of type 4": (b"\x04" + good[1:], MalformedError),
        "more behind it": (good + b"\0", MalformedError),
        "cut": (good[:-1], MalformedError),
        "nothing": (b"", MalformedError),
        "noise": (b"\x02\xff\xff\xff", MalformedError),
        "deep lists": (b"\x02" + deep_lists(3_000), MalformedError),
        "a list within": (b"\x02\xc2\xc1\x80", MalformedError),
        "no signature": (good[:-64] + bytes(64), MalformedError),
    }


@pytest.mark.parametrize("name", bad_transactions())
def test_refused_and_nothing_changed(chain: EmbeddedChain, caller: Caller, name: str) -> None:
    raw, error = bad_transactions()[name]
    head = chain.head()
    with pytest.raises(error) as refused:
        chain.send(raw)
    assert refused.value.code.startswith("chain-transaction-")
    assert refused.value.hint
    assert chain.head() == head
    assert chain.send(caller.call("tell(uint256)", 1)).block == 2


def test_the_second_form_of_a_signature_is_refused(chain: EmbeddedChain, caller: Caller) -> None:
    import rlp

    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    good = caller.call("tell(uint256)", 1)
    *fields, parity, r, s = rlp.decode(good[1:])
    high = (order - int.from_bytes(s, "big")).to_bytes(32, "big")
    other = b"\x02" + rlp.encode([*fields, b"" if parity else b"\x01", r, high])
    with pytest.raises(CotrainError):
        chain.send(other)
    assert chain.send(good).succeeded


# The file.

OTHER = """
import sys
from pathlib import Path
from cotrain.errors import OutsideError
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.testing.determinism import ManualClock
try:
    EmbeddedChain(Path(sys.argv[1]), 31337, ManualClock())
except OutsideError as error:
    print(error.code)
"""


def test_one_process_at_a_time(tmp_path: Path, chain: EmbeddedChain, caller: Caller) -> None:
    command = [sys.executable, "-c", OTHER, str(tmp_path / "chain.db")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def says() -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert says() == "chain-in-use"
    assert chain.send(caller.call("tell(uint256)", 1)).block == 2
    chain.close()
    assert not says()


def test_twice_in_one_process_is_refused_too(tmp_path: Path, chain: EmbeddedChain) -> None:
    assert chain.head().block == 0
    with pytest.raises(OutsideError) as refused:
        EmbeddedChain(tmp_path / "chain.db", CHAIN, ManualClock())
    assert refused.value.code == "chain-in-use"


def test_a_file_of_another_chain(tmp_path: Path, chain: EmbeddedChain) -> None:
    chain.close()
    with pytest.raises(OutsideError, match="is chain 31337, not 1"):
        EmbeddedChain(tmp_path / "chain.db", 1, ManualClock())


def test_files_that_are_no_chain(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_bytes(b"no database at all" * 100)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE node (hash)")
    database.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(MalformedError) as refused:
            EmbeddedChain(path, CHAIN, ManualClock())
        assert refused.value.code == "chain-bad-file"
        if path is text:
            assert path.read_bytes() == before
    with pytest.raises(OutsideError):
        EmbeddedChain(tmp_path / "no" / "folder", CHAIN, ManualClock())


def test_a_state_that_was_taken_away(tmp_path: Path, chain: EmbeddedChain, caller: Caller) -> None:
    root = bytes.fromhex(chain.head().state_root)
    assert caller.number == 1
    chain.close()
    with sqlite3.connect(tmp_path / "chain.db") as database:
        database.execute("DELETE FROM node WHERE hash = ?", (root,))
    database.close()
    with pytest.raises(ForgeryError) as refused:
        EmbeddedChain(tmp_path / "chain.db", CHAIN, ManualClock())
    assert refused.value.code == "chain-state-missing"


def test_a_disk_that_refuses_leaves_the_block_before(chain: EmbeddedChain, caller: Caller) -> None:
    raw, head = caller.call("add(uint256,bytes)", 1, bytes(100_000), gas=5_000_000), chain.head()
    pages = chain._db.execute("PRAGMA page_count").fetchone()[0]
    chain._db.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(OutsideError, match="full"):
        chain.send(raw)
    assert chain.head() == head
    chain._db.execute("PRAGMA max_page_count=1000000")
    assert chain.send(raw).block == 2


# Run again.


def run(path: Path, sent: list[bytes], pace: int) -> tuple[list[Receipt], list[tuple[int, bytes]]]:
    clock = ManualClock()
    with EmbeddedChain(path, CHAIN, clock) as chain:
        receipts = []
        for raw in sent:
            receipts.append(chain.send(raw))
            clock.advance(pace)
        return receipts, list(chain.steps())


def test_the_same_steps_give_the_same_roots(tmp_path: Path) -> None:
    sent = list(story(Caller()))
    receipts, steps = run(tmp_path / "a", sent, 3)
    assert run(tmp_path / "b", sent, 3) == (receipts, steps)
    again = list(replay(CHAIN, steps))
    assert [done.state_root for done in again] == [receipt.state_root for receipt in receipts]
    assert [(done.succeeded, done.gas, done.events, done.output) for done in again] == [
        (found.succeeded, found.gas, found.events, found.output) for found in receipts
    ]
    assert len({done.state_root for done in again}) == len(sent)


def test_another_time_gives_another_root(tmp_path: Path) -> None:
    receipts, steps = run(tmp_path / "a", list(story(Caller())), 3)
    time, raw = steps[1]
    changed = [steps[0], (time + 1, raw), *steps[2:]]
    roots = [done.state_root for done in replay(CHAIN, changed)]
    assert roots[0] == receipts[0].state_root
    assert roots[1:] != [receipt.state_root for receipt in receipts[1:]]
    assert roots[1] != receipts[1].state_root


def test_a_time_before_the_last_is_a_lie(tmp_path: Path) -> None:
    _, steps = run(tmp_path / "a", list(story(Caller())), 3)
    lie = [*steps[:3], (steps[2][0] - 1, steps[3][1])]
    with pytest.raises(ForgeryError) as refused:
        list(replay(CHAIN, lie))
    assert refused.value.code == "chain-time-backwards"
    assert "transaction 4" in str(refused.value)


def test_fees_are_lent_to_transactions_that_were_paid_elsewhere() -> None:
    from cotrain.settlement.chain.chain import Fees

    paid = [(7, raw) for raw in story(Caller(fees=Fees(30, 2)))]
    free = [(7, raw) for raw in story(Caller())]
    with pytest.raises(RefusedError, match="offers a fee"):
        list(replay(CHAIN, paid))
    there, here = list(replay(CHAIN, paid, paid_elsewhere=True)), list(replay(CHAIN, free))
    assert [(done.succeeded, done.gas, done.events) for done in there] == [
        (done.succeeded, done.gas, done.events) for done in here
    ]


@pytest.mark.parametrize("kind", [0, 1])
def test_older_types_are_run_again_where_they_were_paid_elsewhere(kind: int) -> None:
    from cotrain.settlement.chain.chain import Fees

    fees = Fees(30, 2)
    old = [(7, raw) for raw in story(Caller(fees=fees, kind=kind))]
    new = [(7, raw) for raw in story(Caller(fees=fees))]
    there, here = (list(replay(CHAIN, steps, paid_elsewhere=True)) for steps in (old, new))
    assert [(done.succeeded, done.gas, done.events) for done in there] == [
        (done.succeeded, done.gas, done.events) for done in here
    ]
    with pytest.raises(MalformedError, match="not of type 2"):
        list(replay(CHAIN, old))


def test_what_is_bound_to_no_chain_or_damaged_is_not_run_again() -> None:
    caller = Caller(kind=0)
    good = caller.create()
    fields = {"nonce": 0, "gasPrice": 0, "gas": 100_000, "to": caller.to, "value": 0, "data": b""}
    blob = b"\x03" + Caller().create()[1:]
    assert next(replay(CHAIN, [(0, good)], paid_elsewhere=True)).succeeded
    for raw, words in (
        (caller.account.sign_transaction(fields), "not bound to a chain"),
        (good + b"\0", "not a signed transaction"),
        (good[:-1], "not a signed transaction"),
        (deep_lists(3_000), "not a signed transaction"),
        (blob, "not of type 0 or 1 or 2"),
    ):
        with pytest.raises(MalformedError, match=words):
            list(replay(CHAIN, [(0, raw)], paid_elsewhere=True))
    with pytest.raises(RefusedError, match="signed for chain 1, this is chain"):
        list(replay(CHAIN, [(0, Caller(kind=0, chain_id=1).create())], paid_elsewhere=True))


def test_an_offer_above_all_money_there_can_be_is_refused_and_no_defect() -> None:
    from cotrain.settlement.chain.chain import Fees

    greedy = Caller(fees=Fees(1 << 250, 1)).create()
    with pytest.raises(RefusedError, match="more than any account can have"):
        list(replay(CHAIN, [(0, greedy)], paid_elsewhere=True))
