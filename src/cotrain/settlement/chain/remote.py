"""A chain behind a node's JSON-RPC: any EVM node by its address (Ethereum JSON-RPC specification)."""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError, UsageError
from cotrain.settlement.chain.chain import CallRevertedError, Fees, Head, LogEntry, Receipt

WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 30.0
_ANSWER_LIMIT: Final = 1 << 26
_REVERTED: Final = {3, -32000, -32015}
_NOBODY = "0x" + 40 * "0"


class RemoteChain:
    """A node by its URL; implements `Chain`.

    Args:
        url: http or https.
        wait_seconds: How long a transaction may take to enter a block.
        chain_id: The EIP-155 number that the node must have; any if left out.

    Raises:
        UsageError: the URL is none.
        OutsideError: the node does not answer, or is of another chain.
    """

    def __init__(
        self, url: str, wait_seconds: float = WAIT_SECONDS, *, chain_id: int | None = None
    ) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise UsageError("node-bad-url", f"{url!r} is not an http address of a node")
        self._url, self._wait, self._asked = url, wait_seconds, 0
        with self._sense():
            self._id = int(self._ask("eth_chainId"), 16)
        if chain_id not in {None, self._id}:
            raise OutsideError(
                "node-other-chain",
                f"the node {url} is of chain {self._id}, not {chain_id}",
                meaning="Signatures for one chain count for nothing on another.",
                hint="Give the address of a node of the agreement's chain.",
            )

    @property
    def chain_id(self) -> int:
        """The chain's number, as the node says."""
        return self._id

    def send(self, raw: bytes) -> Receipt:
        """Hand a signed transaction to the node and wait until it is in a block. Sending twice does no harm."""
        digest = "0x" + keccak(raw).hex()
        found = self._receipt(digest)
        if found is None:
            self._hand_over(raw, digest)
            found = self._wait_for(digest)
        return found

    def call(self, to: str, data: bytes, sender: str = _NOBODY) -> bytes:
        """Return what a contract answers now."""
        asked = {"from": sender, "to": to, "data": "0x" + data.hex()}
        with self._sense():
            return _bytes(self._ask("eth_call", asked, "latest"))

    def nonce(self, account: str) -> int:
        """Return how many transactions of an account are in blocks."""
        with self._sense():
            return int(self._ask("eth_getTransactionCount", account, "latest"), 16)

    def fees(self) -> Fees:
        """Return twice the present base fee, and the tip that the node proposes."""
        with self._sense():
            block = self._ask("eth_getBlockByNumber", "latest", False)
            tip = int(self._ask("eth_maxPriorityFeePerGas"), 16)
            return Fees(2 * int(block.get("baseFeePerGas", "0x0"), 16) + tip, tip)

    def head(self) -> Head:
        """Return the node's last block."""
        with self._sense():
            block = self._ask("eth_getBlockByNumber", "latest", False)
            root = _bytes(block["stateRoot"]).hex()
            return Head(int(block["number"], 16), int(block["timestamp"], 16), root)

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order."""
        asked = {"address": address, "fromBlock": hex(first_block), "toBlock": "latest"}
        with self._sense():
            return [_event(entry) for entry in self._ask("eth_getLogs", asked)]

    def close(self) -> None:
        """Nothing is kept open."""

    def _hand_over(self, raw: bytes, digest: str) -> None:
        try:
            self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        except RefusedError as error:
            # The node knows it already, or it entered a block since we asked: both are as good.
            if not self._may_know(digest):
                raise RefusedError(
                    "chain-transaction-invalid",
                    f"the node refuses a transaction: {error}",
                    meaning="Its account has other transactions since, or cannot pay the fee.",
                    hint="Give the account some of the chain's own money, and use it for this run alone.",
                ) from error

    def _may_know(self, digest: str) -> bool:
        try:
            return self._ask("eth_getTransactionByHash", digest) is not None
        except RefusedError:
            return True  # it cannot tell yet; waiting for the receipt will

    def _wait_for(self, digest: str) -> Receipt:
        until = time.monotonic() + self._wait
        while (found := self._receipt(digest)) is None:
            if time.monotonic() > until:
                raise OutsideError(
                    "node-slow",
                    f"the transaction {digest} is in no block after {self._wait:g} seconds",
                    meaning="It may still enter one. Nothing is lost: it will not be sent twice.",
                    hint="Start again later; the run goes on from there.",
                )
            time.sleep(_POLL_SECONDS)
        return found

    def _receipt(self, digest: str) -> Receipt | None:
        with self._sense():
            found = self._find(digest)
            if found is None:
                return None
            block = self._ask("eth_getBlockByNumber", found["blockNumber"], False)
            succeeded = found["status"] == "0x1"
            return Receipt(
                block=int(found["blockNumber"], 16),
                time=int(block["timestamp"], 16),
                succeeded=succeeded,
                gas=int(found["gasUsed"], 16),
                events=tuple(_event(entry) for entry in found["logs"]),
                state_root=None,
                output=b"" if succeeded else self._why(digest, found["blockNumber"]),
            )

    def _find(self, digest: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] | None = self._ask("eth_getTransactionReceipt", digest)
        except RefusedError:
            return None  # geth answers so while it still indexes its blocks, after a start
        # A node may list a transaction before the block that holds it
        return None if found is None or found.get("blockNumber") is None else found

    def _why(self, digest: str, block: str) -> bytes:
        """Return why a transaction was reverted: nodes do not keep it, so the same is called once more."""
        sent = self._ask("eth_getTransactionByHash", digest)
        names = {"from": "from", "to": "to", "gas": "gas", "value": "value", "input": "data"}
        asked = {name: sent[key] for key, name in names.items() if sent.get(key) is not None}
        try:
            self._ask("eth_call", asked, hex(int(block, 16) - 1))
        except CallRevertedError as error:
            return error.data
        except RefusedError:
            return b""  # it ran out of gas, or the node has forgotten the state of that block
        return b""

    @contextmanager
    def _sense(self) -> Iterator[None]:
        """Take an answer that has not the form of the specification for a failure of the node."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise OutsideError(
                "node-nonsense",
                f"the node {self._url} does not answer as a node should: {error!r}",
                meaning="It is no Ethereum node, or one that leaves out what is needed.",
                hint="Check the address; try another node of the same chain.",
            ) from error

    def _ask(self, method: str, *arguments: Any) -> Any:
        self._asked += 1
        asked = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": arguments}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                value = json.loads(answer.read(_ANSWER_LIMIT))
        except (OSError, ValueError, HTTPException) as error:
            raise OutsideError(
                "node-away",
                f"the node {self._url} does not answer: {error}",
                meaning="Nothing was lost: what was sent is on the chain or will be sent again.",
                hint="Check the address and the network, and start again.",
            ) from error
        with self._sense():
            if value.get("error") is not None:
                raise _node_error(value["error"])
            return value["result"]


def _node_error(error: dict[str, Any]) -> RefusedError:
    data, code = error.get("data"), error.get("code")
    if isinstance(data, str) and data.startswith("0x") and code in _REVERTED:
        return CallRevertedError(_bytes(data))
    return RefusedError("node-refused", str(error.get("message", error)))


def _event(entry: dict[str, Any]) -> LogEntry:
    return LogEntry(
        address=to_checksum_address(entry["address"]),
        topics=tuple(_bytes(topic) for topic in entry["topics"]),
        data=_bytes(entry["data"]),
        block=int(entry["blockNumber"], 16),
        place=int(entry["logIndex"], 16),
    )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
