"""A chain behind a node's JSON-RPC: any EVM node by its address (Ethereum JSON-RPC specification)."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError, UsageError
from cotrain.settlement.chain.chain import CallRevertedError, Fees, Head, LogEntry, Receipt

WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1
_ANSWER_LIMIT: Final = 1 << 26
_REVERTED: Final = {3, -32000, -32015}
_NOBODY = "0x" + 40 * "0"


class RemoteChain:
    """A node by its URL; implements `Chain`.

    Args:
        url: http or https.
        wait_seconds: How long a transaction may take to enter a block.

    Raises:
        UsageError: the URL is none.
        OutsideError: the node does not answer.
    """

    def __init__(self, url: str, wait_seconds: float = WAIT_SECONDS) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise UsageError("node-bad-url", f"{url!r} is not an http address of a node")
        self._url, self._wait, self._asked = url, wait_seconds, 0
        self._id = int(str(self._ask("eth_chainId")), 16)

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
        return _bytes(self._ask("eth_call", asked, "latest"))

    def nonce(self, account: str) -> int:
        """Return how many transactions of an account are in blocks."""
        return int(self._ask("eth_getTransactionCount", account, "latest"), 16)

    def fees(self) -> Fees:
        """Return twice the present base fee, and the tip that the node proposes."""
        block = self._ask("eth_getBlockByNumber", "latest", False)
        tip = int(self._ask("eth_maxPriorityFeePerGas"), 16)
        return Fees(2 * int(block.get("baseFeePerGas", "0x0"), 16) + tip, tip)

    def head(self) -> Head:
        """Return the node's last block."""
        block = self._ask("eth_getBlockByNumber", "latest", False)
        return Head(int(block["number"], 16), int(block["timestamp"], 16))

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order."""
        asked = {"address": address, "fromBlock": hex(first_block), "toBlock": "latest"}
        return [_event(entry) for entry in self._ask("eth_getLogs", asked)]

    def close(self) -> None:
        """Nothing is kept open."""

    def _hand_over(self, raw: bytes, digest: str) -> None:
        try:
            self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        except RefusedError as error:
            # The node knows it already, or it entered a block since we asked: both are as good.
            if self._ask("eth_getTransactionByHash", digest) is None:
                raise RefusedError(
                    "chain-transaction-invalid",
                    f"the node refuses a transaction: {error}",
                    meaning="Its account has other transactions since, or cannot pay the fee.",
                    hint="Give the account some of the chain's own money, and use it for this run alone.",
                ) from error

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
        found = self._ask("eth_getTransactionReceipt", digest)
        if found is None:
            return None
        number = int(found["blockNumber"], 16)
        block = self._ask("eth_getBlockByNumber", found["blockNumber"], False)
        return Receipt(
            block=number,
            time=int(block["timestamp"], 16),
            succeeded=found["status"] == "0x1",
            gas=int(found["gasUsed"], 16),
            events=tuple(_event(entry) for entry in found["logs"]),
            state_root=None,
        )

    def _ask(self, method: str, *arguments: Any) -> Any:
        self._asked += 1
        asked = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": arguments}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, json.dumps(asked).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                value = json.loads(answer.read(_ANSWER_LIMIT))
        except (OSError, ValueError) as error:
            raise OutsideError(
                "node-away",
                f"the node {self._url} does not answer: {error}",
                meaning="Nothing was lost: what was sent is on the chain or will be sent again.",
                hint="Check the address and the network, and start again.",
            ) from error
        if "error" in value:
            raise _node_error(value["error"])
        return value.get("result")


def _node_error(error: dict[str, Any]) -> RefusedError:
    data, code = error.get("data"), error.get("code")
    if isinstance(data, str) and data.startswith("0x") and code in _REVERTED:
        return CallRevertedError(_bytes(data))
    return RefusedError("node-refused", str(error.get("message", error)))


def _event(entry: dict[str, Any]) -> LogEntry:
    topics = tuple(_bytes(topic) for topic in entry["topics"])
    return LogEntry(to_checksum_address(entry["address"]), topics, _bytes(entry["data"]))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
