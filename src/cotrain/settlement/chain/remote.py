"""A chain behind a node's JSON-RPC: any EVM node by its address (Ethereum JSON-RPC specification)."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cotrain.errors import OutsideError, RefusedError
from cotrain.settlement.chain.chain import (
    CallRevertedError,
    Fees,
    Head,
    LogEntry,
    OutbidError,
    Receipt,
)
from cotrain.settlement.chain.rpc import Rpc
from cotrain.settlement.chain.sent import encode_sent

WAIT_SECONDS: Final = 120.0
OUTBID_SECONDS: Final = 30.0
DEVELOPMENT_CHAINS: Final = frozenset({1337, 31337})
"""Numbers by which geth, anvil and hardhat know a chain that lives on one machine for development."""

DEFAULT_CONFIRMATIONS: Final = 12
_POLL_SECONDS: Final = 0.1
_NOBODY = "0x" + 40 * "0"

_GWEI: Final = 10**9

Told = Callable[[str], None]


def ignore_told(words: str) -> None:
    """Say nothing."""
    del words


def confirmations_of(chain_id: int) -> int:
    """Return how deep a transaction must lie before it counts, where nobody says otherwise."""
    return 1 if chain_id in DEVELOPMENT_CHAINS else DEFAULT_CONFIRMATIONS


class _Entered(NamedTuple):
    """A transaction that is in a block, and its receipt as the node has it."""

    raw: bytes
    receipt: dict[str, Any]

    @property
    def block(self) -> int:
        return int(self.receipt["blockNumber"], 16)


class RemoteChain:
    """A node by its URL; implements `Chain`.

    Args:
        url: http or https.
        wait_seconds: How long a transaction may take to enter a block, and how long no new block may come.
        chain_id: The EIP-155 number that the node must have; any if left out.
        confirmations: Blocks, its own counted, that must hold a transaction before it counts; by default what
            `confirmations_of` says.
        told: Hears in plain words what a person should know while a transaction is waited for.
        outbid_seconds: How long a transaction may wait whose sender would rather offer more, if the chain's base fee
            is above its offer.

    Raises:
        UsageError: the URL is none.
        OutsideError: the node does not answer, or is of another chain.
    """

    def __init__(
        self,
        url: str,
        wait_seconds: float = WAIT_SECONDS,
        *,
        chain_id: int | None = None,
        confirmations: int | None = None,
        told: Told = ignore_told,
        outbid_seconds: float = OUTBID_SECONDS,
    ) -> None:
        self._rpc, self._wait, self._told = Rpc(url), wait_seconds, told
        self._patience = outbid_seconds
        with self._rpc.sense():
            self._id = int(self._rpc.ask("eth_chainId"), 16)
        if chain_id not in {None, self._id}:
            raise OutsideError(
                "node-other-chain",
                f"the node {self.shown} is of chain {self._id}, not {chain_id}",
                meaning="Signatures for one chain count for nothing on another.",
                hint="Give the address of a node of the agreement's chain.",
            )
        self.confirmations = confirmations or confirmations_of(self._id)

    @property
    def chain_id(self) -> int:
        """The chain's number, as the node says."""
        return self._id

    @property
    def shown(self) -> str:
        """The node's host, for people; never the whole address."""
        return self._rpc.shown

    def send(
        self, raw: bytes, *, replaced: Sequence[bytes] = (), offer: Fees | None = None
    ) -> Receipt:
        """Hand a signed transaction to the node and wait until it lies deep enough. Sending twice does no harm.

        A chain that drops the block again gets the same bytes again, for as long as the transaction does not count.
        The node may have kept the offers before it, so each of them is looked for.
        """
        offers = (raw, *replaced)
        if self._entered(offers) is None:
            self._hand_over(offers, offer)
        return self._receipt(self._wait_for(offers, offer))

    def check_can_enter(self, raw: bytes) -> None:
        """Ask nothing: a node says whether it takes a transaction only by taking it."""
        del raw

    def find(self, raw: bytes) -> Receipt | None:
        """Return the receipt of a transaction that is in a block, however deep; None of any other."""
        found = self._entered((raw,))
        return None if found is None else self._receipt(found)

    def call(self, to: str, data: bytes, sender: str = _NOBODY) -> bytes:
        """Return what a contract answers now."""
        asked = {"from": sender, "to": to, "data": "0x" + data.hex()}
        with self._rpc.sense():
            return _bytes(self._rpc.ask("eth_call", asked, "latest"))

    def nonce(self, account: str) -> int:
        """Return how many transactions of an account are in blocks."""
        with self._rpc.sense():
            return int(self._rpc.ask("eth_getTransactionCount", account, "latest"), 16)

    def balance(self, account: str) -> int:
        """Return what an account has of the chain's own money, in wei."""
        with self._rpc.sense():
            return int(self._rpc.ask("eth_getBalance", account, "latest"), 16)

    def fees(self) -> Fees:
        """Return twice the present base fee, and the tip that the node proposes."""
        with self._rpc.sense():
            tip = int(self._rpc.ask("eth_maxPriorityFeePerGas"), 16)
        return Fees(2 * self._base_fee() + tip, tip)

    def head(self) -> Head:
        """Return the node's last block."""
        with self._rpc.sense():
            block = self._rpc.ask("eth_getBlockByNumber", "latest", False)
            root = _bytes(block["stateRoot"]).hex()
            return Head(int(block["number"], 16), int(block["timestamp"], 16), root)

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order, up to the last block however new."""
        asked = {"address": address, "fromBlock": hex(first_block), "toBlock": "latest"}
        with self._rpc.sense():
            return [_event(entry) for entry in self._rpc.ask("eth_getLogs", asked)]

    def sent_in(self, entry: LogEntry) -> bytes:
        """Return the signed transaction in which a contract told something.

        Raises:
            RefusedError: it is of a type that the ledger cannot hold.
            OutsideError: the node does not give it as it was signed.
        """
        digest = self._sent_as(entry)
        if digest is None:
            raise _gone(entry)
        with self._rpc.sense():
            return encode_sent(self._rpc.ask("eth_getTransactionByHash", digest))

    def told_in(self, entry: LogEntry, *, deep: bool = False) -> Receipt | None:
        """Return the receipt of the transaction in which a contract told something; None if the chain dropped it."""
        until = time.monotonic() + self._wait
        while True:
            head = self._head_number()
            digest = self._sent_as(entry)
            found = None if digest is None else self._find(digest)
            if found is None:
                return None
            if not deep or head - entry.block + 1 >= self.confirmations:
                return self._receipt(_Entered(b"", found))
            if time.monotonic() > until:
                raise _slow(str(digest), self._wait, entered=True)
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Nothing is kept open."""

    def _sent_as(self, entry: LogEntry) -> str | None:
        """Return the hash of the transaction in which a contract told something; None if its block was dropped."""
        block = hex(entry.block)
        asked = {"address": entry.address, "fromBlock": block, "toBlock": block}
        with self._rpc.sense():
            told = self._rpc.ask("eth_getLogs", asked)
            return next(
                (
                    str(one["transactionHash"])
                    for one in told
                    if int(one["logIndex"], 16) == entry.place and _event(one) == entry
                ),
                None,
            )

    def _head_number(self) -> int:
        with self._rpc.sense():
            return int(self._rpc.ask("eth_blockNumber"), 16)

    def _base_fee(self) -> int:
        with self._rpc.sense():
            block = self._rpc.ask("eth_getBlockByNumber", "latest", False)
            return int(block.get("baseFeePerGas", "0x0"), 16)

    def _hand_over(self, offers: Sequence[bytes], offer: Fees | None) -> None:
        """Hand over the newest of several offers for one transaction."""
        try:
            self._rpc.ask("eth_sendRawTransaction", "0x" + offers[0].hex())
        except RefusedError as error:
            # The node knows one already, or one entered a block since we asked: both are as good.
            if any(self._may_know(_digest(raw)) for raw in offers):
                return
            self._check_offer(offers[0], offer)
            raise RefusedError(
                "chain-transaction-invalid",
                f"the node refuses a transaction: {error}",
                meaning="Its account has other transactions since, or cannot pay the fee.",
                hint="Give the account some of the chain's own money, and use it for this run alone.",
            ) from error

    def _may_know(self, digest: str) -> bool:
        try:
            return self._rpc.ask("eth_getTransactionByHash", digest) is not None
        except RefusedError:
            return True  # it cannot tell yet; waiting for the receipt will

    def _check_offer(self, raw: bytes, offer: Fees | None) -> None:
        """Check that the base fee is not above what a transaction offers, if its sender would offer more.

        Raises:
            OutbidError: it is.
        """
        if offer is None or (base := self._base_fee()) <= offer.most:
            return
        what = (
            f"the transaction {_digest(raw)} offers at most {offer.most / _GWEI:.6g} gwei for a unit of gas, and the "
            f"chain asks for {base / _GWEI:.6g}"
        )
        self._told(f"{what}; more is offered for the same")
        raise OutbidError(what, self.fees())

    def _wait_for(self, offers: Sequence[bytes], offer: Fees | None) -> _Entered:
        """Return the one that lies deep enough, when one does; each new block above it gives more time."""
        began, newest, before = time.monotonic(), -1, None
        until = began + self._wait
        while True:
            head = self._head_number()  # before the receipt, so that no depth is overstated
            found = self._entered(offers)
            if before is not None and _block(found) != _block(before):
                self._go_on_after_drop(offers, offer, before, found)
            if found is not None:
                if head - found.block + 1 >= self.confirmations:
                    return found
                if head > newest:
                    until, newest = time.monotonic() + self._wait, head
            elif time.monotonic() > began + self._patience:
                self._check_offer(offers[0], offer)
            if time.monotonic() > until:
                raise _slow(_digest(offers[0]), self._wait, entered=found is not None)
            before = found
            time.sleep(_POLL_SECONDS)

    def _go_on_after_drop(
        self,
        offers: Sequence[bytes],
        offer: Fees | None,
        before: _Entered,
        found: _Entered | None,
    ) -> None:
        """Tell of a block that the chain dropped, and hand over again what is in no block any more."""
        now = "it is sent again" if found is None else f"block {found.block} has it"
        self._told(
            f"the chain dropped block {before.block}, which held the transaction {_digest(before.raw)}; {now}. "
            "Nothing is lost: it had not counted yet."
        )
        if found is None:
            self._hand_over(offers, offer)

    def _receipt(self, entered: _Entered) -> Receipt:
        raw, found = entered
        with self._rpc.sense():
            block = self._rpc.ask("eth_getBlockByHash", found["blockHash"], False)
            succeeded = found["status"] == "0x1"
            return Receipt(
                block=int(found["blockNumber"], 16),
                time=int(block["timestamp"], 16),
                succeeded=succeeded,
                gas=int(found["gasUsed"], 16),
                events=tuple(_event(entry) for entry in found["logs"]),
                state_root=None,
                output=b"" if succeeded else self._why(_digest(raw), found["blockNumber"]),
                raw=raw,
            )

    def _entered(self, offers: Sequence[bytes]) -> _Entered | None:
        """Return the one of several offers that is in a block."""
        for raw in offers:
            found = self._find(_digest(raw))
            if found is not None:
                return _Entered(raw, found)
        return None

    def _find(self, digest: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] | None = self._rpc.ask("eth_getTransactionReceipt", digest)
        except RefusedError:
            return None  # geth answers so while it still indexes its blocks, after a start
        # A node may list a transaction before the block that holds it
        with self._rpc.sense():
            return None if found is None or found.get("blockNumber") is None else found

    def _why(self, digest: str, block: str) -> bytes:
        """Return why a transaction was reverted: nodes do not keep it, so the same is called once more."""
        sent = self._rpc.ask("eth_getTransactionByHash", digest)
        names = {"from": "from", "to": "to", "gas": "gas", "value": "value", "input": "data"}
        asked = {name: sent[key] for key, name in names.items() if sent.get(key) is not None}
        try:
            self._rpc.ask("eth_call", asked, hex(int(block, 16) - 1))
        except CallRevertedError as error:
            return error.data
        except RefusedError:
            return b""  # it ran out of gas, or the node has forgotten the state of that block
        return b""


def _slow(digest: str, seconds: float, *, entered: bool) -> OutsideError:
    if entered:
        what = (
            f"the transaction {digest} is in a block, and no new block came for {seconds:g} seconds"
        )
    else:
        what = f"the transaction {digest} is in no block after {seconds:g} seconds"
    return OutsideError(
        "node-slow",
        what,
        meaning="It does not count yet. Nothing is lost: it will not be carried out twice.",
        hint="Start again later; the run goes on from there.",
    )


def _gone(entry: LogEntry) -> OutsideError:
    return OutsideError(
        "node-slow",
        f"the chain dropped block {entry.block} while it was read",
        meaning="What stood there will come again, or not at all. Nothing is lost.",
        hint="Start again later; the run goes on from there.",
    )


def _digest(raw: bytes) -> str:
    return "0x" + keccak(raw).hex()


def _block(found: _Entered | None) -> object:
    return None if found is None else found.receipt.get("blockHash")


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
