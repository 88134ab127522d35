"""What every chain can do for us, whether it is in this process or a node somewhere (docs/spec/chain.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cotrain.errors import OutsideError, RefusedError


@dataclass(frozen=True)
class LogEntry:
    """An event as the EVM knows it.

    Attributes:
        address: Of the contract, checksummed (EIP-55).
        topics: Up to four times 32 bytes; the first names the event.
        data: The rest.
        block: Number of its block.
        place: Its index in the block. Neither is compared: the same event on two chains is equal.
    """

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int = field(compare=False)
    place: int = field(compare=False)


@dataclass(frozen=True)
class Receipt:
    """What a transaction did.

    Attributes:
        block: Number of its block.
        time: Timestamp of its block, Unix seconds.
        succeeded: False if it was reverted.
        gas: Gas used.
        events: What contracts told, in order.
        state_root: Root of the state after its block (hex); None if the chain is not ours alone.
        output: What the call returned; of a reverted one, why, ABI-encoded. A node keeps neither: of a
            success it is empty, of a revert it is what the node answers to the same call on the block before.
        raw: The signed transaction.
    """

    block: int
    time: int
    succeeded: bool
    gas: int
    events: tuple[LogEntry, ...] = field(repr=False)
    state_root: str | None
    output: bytes = field(default=b"", repr=False)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Head:
    """The last block: its number, Unix seconds, and the state's root after it (hex)."""

    block: int
    time: int
    state_root: str


@dataclass(frozen=True)
class Fees:
    """What a transaction offers, in wei for each unit of gas; nothing on the run's own chain."""

    most: int = 0
    tip: int = 0


class Chain(Protocol):
    """A chain of EVM blocks. Each method raises `OutsideError` when disk or node fail."""

    @property
    def chain_id(self) -> int:
        """The EIP-155 number by which signatures know it."""
        ...

    def send(
        self, raw: bytes, *, replaced: Sequence[bytes] = (), offer: Fees | None = None
    ) -> Receipt:
        """Carry out a signed transaction, or return the receipt of one that was carried out before.

        Args:
            raw: The transaction.
            replaced: The same with lower fees, handed over earlier: at most one of all enters a block, and the
                receipt is of that one.
            offer: What `raw` offers, if its sender would rather offer more than wait.

        Raises:
            RefusedError: it cannot enter any block: wrong number, too little gas, nothing to pay it with.
            OutbidError: `offer` is given, and the chain asks for more.
        """
        ...

    def check_can_enter(self, raw: bytes) -> None:
        """Check, as far as the chain can tell before it is given it, that a transaction can enter a block now.

        Nothing is changed. One that can enter may be reverted all the same.

        Raises:
            MalformedError: it is no transaction.
            RefusedError: it cannot enter any block: wrong number, too little or too much gas.
        """
        ...

    def find(self, raw: bytes) -> Receipt | None:
        """Return the receipt of a transaction that is in a block, None of any other; nothing is sent."""
        ...

    def call(self, to: str, data: bytes, sender: str = ...) -> bytes:
        """Return what a contract answers, without changing anything.

        Raises:
            CallRevertedError: the contract refuses.
        """
        ...

    def nonce(self, account: str) -> int:
        """Return how many transactions an account has sent."""
        ...

    def balance(self, account: str) -> int:
        """Return what an account has to pay fees with, in wei."""
        ...

    def fees(self) -> Fees:
        """Return what a transaction should offer now."""
        ...

    def head(self) -> Head:
        """Return the last block."""
        ...

    def events(self, address: str, first_block: int = 0) -> Sequence[LogEntry]:
        """Return what a contract told since a block, in order."""
        ...

    def sent_in(self, entry: LogEntry) -> bytes:
        """Return the signed transaction in which a contract told something.

        Raises:
            RefusedError: it has a form that the ledger cannot hold.
        """
        ...

    def told_in(self, entry: LogEntry, *, deep: bool = False) -> Receipt | None:
        """Return the receipt of the transaction in which a contract told something, whatever its form.

        Args:
            entry: What was told.
            deep: Whether to wait until it counts.

        Returns:
            The receipt, without the transaction; None if the chain dropped it.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class OutbidError(OutsideError):
    """A transaction that is in no block offers less than the chain asks for.

    Attributes:
        asked: What a transaction should offer now.
    """

    def __init__(self, what: str, asked: Fees) -> None:
        super().__init__(
            "node-outbid",
            what,
            meaning="It waits until fees fall. Nothing is lost: it will not be carried out twice.",
            hint="Start again later; the run goes on from there.",
        )
        self.asked = asked


class CallRevertedError(RefusedError):
    """A contract refused a call.

    Attributes:
        data: What it said, ABI-encoded.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(
            "chain-call-reverted",
            f"the contract refused: 0x{data.hex()}",
            meaning="The rules of the contract do not allow this now.",
            hint="Look at the agreement's terms with `cotrain agreement show`.",
        )
        self.data = data
