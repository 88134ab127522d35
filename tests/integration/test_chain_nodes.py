"""The same transactions on real nodes and on the run's own chain: the same answers, in the same words."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket

import pytest
import rlp
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from probe import nodes
from probe.calls import Caller, function, story

from cotrain.errors import MalformedError, OutsideError, RefusedError, UsageError
from cotrain.settlement.chain import development
from cotrain.settlement.chain.chain import CallRevertedError, Fees, Receipt
from cotrain.settlement.chain.embedded import EmbeddedChain
from cotrain.settlement.chain.engine import Done
from cotrain.settlement.chain.remote import RemoteChain
from cotrain.settlement.chain.replay import replay
from cotrain.settlement.chain.sent import encode_sent
from cotrain.settlement.transactions import read_transaction
from cotrain.testing.determinism import ManualClock


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        yield url


@pytest.fixture(scope="module")
def geth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if nodes.GETH is None:
        pytest.skip("no geth: make geth, or name it in COTRAIN_GETH")
    with nodes.geth(tmp_path_factory.mktemp("geth")) as url:
        yield url


@pytest.fixture(params=["anvil", pytest.param("geth", marks=pytest.mark.slow)])
def node(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


_NEXT_ACCOUNT = iter(range(1, 256))


def paying(node: str) -> tuple[RemoteChain, Caller]:
    from probe.calls import an_account

    chain = RemoteChain(node)
    caller = Caller(an_account(next(_NEXT_ACCOUNT)), chain.chain_id)
    nodes.give_money(node, caller.account.address)
    caller.fees = chain.fees()
    return chain, caller


def answered(done: Receipt | Done, raw: bytes, node: str) -> tuple[object, ...]:
    """Return what must be equal. Geth is a fork further, where data have a least price (EIP-7623)."""
    data = rlp.decode(raw[1:])[7]
    least = 21_000 + 10 * (len(data) + 3 * sum(byte > 0 for byte in data))
    gas = done.gas if is_cancun(node) else max(done.gas, least)
    return done.succeeded, gas, done.events


def is_cancun(node: str) -> bool:
    return "anvil" in nodes.ask(node, "web3_clientVersion")


def test_the_same_answers_as_on_the_own_chain(node: str, tmp_path: Path) -> None:
    remote, caller = paying(node)
    assert caller.fees.most > 0
    first = remote.head().block + 1
    sent = list(story(caller))
    there = [remote.send(raw) for raw in sent]
    free = Caller(caller.account, caller.chain_id)
    with EmbeddedChain(tmp_path / "chain.db", caller.chain_id, ManualClock()) as own:
        here = [own.send(raw) for raw in story(free)]
        for raw, found, expected in zip(sent, there, here, strict=True):
            assert answered(found, raw, node) == answered(expected, raw, node)
        assert list(remote.events(caller.to, first)) == list(own.events(caller.to))
        read = function("count()")
        assert remote.call(caller.to, read) == own.call(caller.to, read)
        assert remote.nonce(caller.account.address) == own.nonce(caller.account.address)
    reverted = [one for one in there if not one.succeeded]
    assert [found.output for found in reverted] == [one.output for one in here if not one.succeeded]
    assert len(reverted) == 4


def test_what_ran_on_a_node_can_be_run_again_by_anybody(node: str) -> None:
    remote, caller = paying(node)
    sent = list(story(caller))
    there = [remote.send(raw) for raw in sent]
    steps = [(found.time, raw) for found, raw in zip(there, sent, strict=True)]
    again = replay(remote.chain_id, steps, paid_elsewhere=True)
    for raw, found, expected in zip(sent, there, again, strict=True):
        assert answered(found, raw, node) == answered(expected, raw, node)


def test_a_transaction_is_found_again_by_what_it_told(node: str) -> None:
    remote, caller = paying(node)
    remote.send(caller.create())
    raw = caller.call("tell(uint256)", 7)
    assert remote.find(raw) is None
    receipt = remote.send(raw)
    assert remote.find(raw) == receipt
    told = remote.events(caller.to, receipt.block)
    assert told
    assert all(remote.sent_in(event) == raw for event in told)
    assert all(remote.told_in(event) == replace(receipt, raw=b"") for event in told)
    elsewhere = replace(told[0], data=b"other")  # another block came in its place
    assert remote.told_in(elsewhere) is None
    with pytest.raises(OutsideError, match="dropped block"):
        remote.sent_in(elsewhere)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_transaction_of_each_type_is_rebuilt_from_what_a_node_lists(node: str, kind: int) -> None:
    remote, caller = paying(node)
    caller.kind = kind
    raw = caller.create()
    assert remote.send(raw).succeeded
    listed = nodes.ask(node, "eth_getTransactionByHash", "0x" + keccak(raw).hex())
    assert int(listed["type"], 16) == kind
    assert encode_sent(listed) == raw
    for name, value in (("input", "0x00"), ("nonce", "0x9"), ("to", caller.to), ("r", "0x1")):
        with pytest.raises(OutsideError, match="has not the hash"):
            encode_sent(listed | {name: value})
    read = read_transaction(raw)
    offered = (caller.fees.most, caller.fees.tip if kind == 2 else caller.fees.most)
    assert (read.type, read.sender, read.chain_id) == (
        kind,
        caller.account.address,
        remote.chain_id,
    )
    assert (read.fees.most, read.fees.tip) == offered
    assert (read.number, read.gas, read.to, read.value) == (0, 2_000_000, None, 0)


def test_what_no_ledger_can_hold_is_told_by_its_hash(anvil: str) -> None:
    remote, caller = paying(anvil)
    raw = caller.create()
    remote.send(raw)
    listed = nodes.ask(anvil, "eth_getTransactionByHash", "0x" + keccak(raw).hex())
    for changes, code in (
        ({"type": "0x3"}, "chain-transaction-other-type"),
        ({"type": "0x4"}, "chain-transaction-other-type"),
        ({"type": "0x0", "v": "0x1b"}, "chain-transaction-unprotected"),
    ):
        with pytest.raises(RefusedError) as refused:
            encode_sent(listed | changes)
        assert refused.value.code == code
        assert listed["hash"] in str(refused.value)
        assert "data revoke" in refused.value.hint


def test_a_transaction_that_is_bound_to_no_chain_is_not_rebuilt(anvil: str) -> None:
    remote, caller = paying(anvil)
    fields = {"nonce": 0, "gas": 21_000, "to": caller.to, "value": 0, "data": b""}
    raw = caller.account.sign_transaction({**fields, "gasPrice": caller.fees.most})
    assert remote.send(raw).succeeded
    with pytest.raises(RefusedError, match="bound to no chain"):
        encode_sent(nodes.ask(anvil, "eth_getTransactionByHash", "0x" + keccak(raw).hex()))
    with pytest.raises(MalformedError, match="not bound to a chain"):
        read_transaction(raw)


def test_numbers_that_were_used_elsewhere_may_be_left_out_on_a_chain_of_others_only() -> None:
    caller = Caller(chain_id=31337, fees=Fees())
    steps = [(1, caller.create()), (2, caller.call("tell(uint256)", 1, nonce=5))]
    with pytest.raises(RefusedError):
        list(replay(31337, steps))
    assert [done.succeeded for done in replay(31337, steps, paid_elsewhere=True)] == [True, True]
    for number in (0, 5):
        again = [*steps, (3, caller.call("tell(uint256)", 2, nonce=number))]
        with pytest.raises(RefusedError):
            list(replay(31337, again, paid_elsewhere=True))


def test_a_user_and_password_are_sent_and_never_shown() -> None:
    seen: list[tuple[str, str | None]] = []

    class Node(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Authorization"]))
            self.send_response(401 if len(seen) > 1 else 200)
            self.end_headers()
            self.wfile.write(b'{"result":"0x1"}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Node) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        chain = RemoteChain(f"http://me:p%40ss@{host}/v3/key?token=1")
        with pytest.raises(OutsideError) as refused:
            chain.balance("0x" + "11" * 20)
        server.shutdown()
    assert seen[0] == ("/v3/key?token=1", "Basic bWU6cEBzcw==")
    assert chain.shown == f"http://{host}"
    assert (
        str(refused.value)
        == f"the node http://{host} does not answer: HTTP Error 401: Unauthorized"
    )


def test_sent_again_after_a_lost_answer(node: str) -> None:
    remote, caller = paying(node)
    remote.send(caller.create())
    raw = caller.call("add(uint256,bytes)", 5, b"")
    nodes.ask(node, "eth_sendRawTransaction", "0x" + raw.hex())
    first = remote.send(raw)
    assert first.succeeded
    assert RemoteChain(node).send(raw) == first
    assert int.from_bytes(remote.call(caller.to, function("count()")), "big") == 5


def test_a_node_refuses_a_used_number_and_a_reverted_call(node: str) -> None:
    remote, caller = paying(node)
    remote.send(caller.create())
    with pytest.raises(RefusedError) as refused:
        remote.send(caller.call("tell(uint256)", 1, nonce=0))
    assert refused.value.code == "chain-transaction-invalid"
    with pytest.raises(CallRevertedError) as reverted:
        remote.call(caller.to, function("refuse(string)", "no"))
    expected = keccak(b"Refused(uint256,string)")[:4] + encode(["uint256", "string"], [1, "no"])
    assert reverted.value.data == expected


def test_an_account_without_money_is_refused(anvil: str) -> None:
    from probe.calls import an_account

    remote = RemoteChain(anvil)
    poor = Caller(an_account(next(_NEXT_ACCOUNT)), remote.chain_id, fees=remote.fees())
    with pytest.raises(RefusedError):
        remote.send(poor.create())


def test_a_node_gives_money_on_a_development_chain_only(anvil: str) -> None:
    from probe.calls import an_account

    address = an_account(next(_NEXT_ACCOUNT)).address
    assert development.give_money(anvil, RemoteChain(anvil), address, 5)
    assert RemoteChain(anvil).balance(address) == 5
    assert not development.give_money(anvil, RemoteChain(anvil), address, 10**30)
    assert RemoteChain(anvil).balance(address) == 5
    with nodes.anvil("--chain-id", "999") as other:
        assert not development.give_money(other, RemoteChain(other), address, 5)
        assert RemoteChain(other).balance(address) == 0


def test_a_node_of_another_chain(anvil: str) -> None:
    assert RemoteChain(anvil, chain_id=31337).chain_id == 31337
    with pytest.raises(OutsideError, match="of chain 31337, not 1"):
        RemoteChain(anvil, chain_id=1)


def test_a_transaction_that_enters_no_block_in_time() -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil("--no-mining") as url:
        _, caller = paying(url)
        raw = caller.create()
        with pytest.raises(OutsideError) as slow:
            RemoteChain(url, wait_seconds=0.3).send(raw)
        assert slow.value.code == "node-slow"
        nodes.ask(url, "evm_mine")
        assert RemoteChain(url).send(raw).succeeded


def _bind_when_free(held: socket, port: int) -> None:
    """Take a port as soon as the program that listened there has ended."""
    for _ in range(200):
        with suppress(OSError):
            held.bind(("127.0.0.1", port))
            return
        time.sleep(0.05)
    raise AssertionError(f"port {port} stays in use")


def test_a_node_that_goes_away() -> None:
    if nodes.ANVIL is None:
        pytest.skip("no anvil: npm ci in contracts/, or name it in COTRAIN_ANVIL")
    with nodes.anvil() as url:
        remote = RemoteChain(url)
    with socket() as silent:  # nobody else gets the port, and nobody listens there
        silent.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        _bind_when_free(silent, int(url.rsplit(":", 1)[1].rstrip("/")))
        for ask in (remote.head, remote.fees, lambda: remote.nonce("0x" + "11" * 20)):
            with pytest.raises(OutsideError, match="does not answer: Connection refused") as away:
                ask()
            assert away.value.code == "node-away"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://node.example",
        "node.example:8545",
        "",
        "file:///etc",
        "http://",
        "http://a:b",
        "http://a b",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError):
        RemoteChain(url)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>hello</html>", "node-away"),
        (b"[]", "node-nonsense"),
        (b"{}", "node-nonsense"),
        (b'{"result":null}', "node-nonsense"),
        (b'{"result":"ten"}', "node-nonsense"),
        (b'{"result":10}', "node-nonsense"),
        (b'{"error":"no"}', "node-nonsense"),
    ],
)
def test_a_server_that_is_no_node(body: bytes, code: str) -> None:
    class Nonsense(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(OutsideError) as refused:
            RemoteChain(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert refused.value.code == code
