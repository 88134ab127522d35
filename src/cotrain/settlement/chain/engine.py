"""One transaction after another on an EVM state: py-evm without blocks of its own.

What a transaction finds is a function of (chain id, block number, time, state root) alone: no fees, no miner, no
randomness. So whoever runs the same transactions at the same times gets the same state roots.
"""

import sys
from collections.abc import Iterator, MutableMapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import rlp
from eth.abc import ComputationAPI, ReceiptAPI, SignedTransactionAPI
from eth.consensus.context import ConsensusContext
from eth.consensus.noproof import NoProofConsensus
from eth.constants import BLANK_ROOT_HASH, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.db.chain import ChainDB
from eth.exceptions import PyEVMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from eth.vm.forks.cancun.transactions import CancunTransactionBuilder
from eth_keys.exceptions import BadSignature
from eth_typing import BlockNumber, Hash32
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.exceptions import ValidationError

from cotrain.errors import MalformedError, RefusedError
from cotrain.settlement.chain import USUAL_RECURSION
from cotrain.settlement.chain.chain import CallRevertedError, LogEntry
from cotrain.settlement.chain.types import DYNAMIC_FEE, LOGGED_TYPES, type_of

GAS_LIMIT: Final = 100_000_000
"""Of a block, which holds one transaction; a release with a thousand signatures needs a tenth."""

_OWN_TYPES: Final = frozenset({DYNAMIC_FEE})
_DEEP: Final = 1024 * 12

EMPTY_STATE: Final = BLANK_ROOT_HASH.hex()

sys.setrecursionlimit(USUAL_RECURSION)

Nodes = MutableMapping[bytes, bytes]
"""The nodes of the state trie by their hash."""


@dataclass(frozen=True)
class Done:
    """What one transaction did: as `Receipt`, without the time of its block."""

    succeeded: bool
    gas: int
    events: tuple[LogEntry, ...]
    state_root: str
    output: bytes


class _FreeVM(CancunVM):
    """Cancun, where a transaction may offer nothing for its gas."""

    consensus_class = NoProofConsensus


class Engine:
    """Runs transactions on the state under a root.

    Args:
        chain_id: EIP-155.
        nodes: The trie's nodes: read, and written by `execute`.
        paid_elsewhere: Whether transactions may offer fees. Where they ran first, these were paid in money
            that this state does not know: each sender is lent what it offers, for one transaction. Its account may
            have sent others in between: numbers may be left out, never repeated. They may be of the older types too.
            The roots are then not those of any other chain.
    """

    def __init__(self, chain_id: int, nodes: Nodes, *, paid_elsewhere: bool = False) -> None:
        self._id, self._paid_elsewhere = chain_id, paid_elsewhere
        self._context = ChainContext(chain_id)
        self._database = ChainDB(AtomicDB(nodes))  # type: ignore[arg-type]

    def execute(self, state_root: str, block: int, time: int, raw: bytes) -> Done:
        """Run a signed transaction; the nodes of the new state are written.

        Raises:
            MalformedError: it is no transaction.
            RefusedError: it cannot enter a block.
        """
        vm = self._vm(state_root, block, time)
        receipt, computation = self._apply(vm, raw)
        vm.state.persist()
        events = tuple(
            LogEntry(
                to_checksum_address(log.address),
                tuple(topic.to_bytes(32, "big") for topic in log.topics),
                bytes(log.data),
                block,
                place,
            )
            for place, log in enumerate(receipt.logs)
        )
        return Done(
            succeeded=not computation.is_error,
            gas=int(receipt.gas_used),
            events=events,
            state_root=vm.state.state_root.hex(),
            output=bytes(computation.output),
        )

    def check_can_enter(self, state_root: str, block: int, time: int, raw: bytes) -> None:
        """Run a signed transaction as `execute` does; nothing is written.

        Raises:
            MalformedError: it is no transaction.
            RefusedError: it cannot enter a block.
        """
        self._apply(self._vm(state_root, block, time), raw)

    def call(
        self, state_root: str, block: int, time: int, to: str, data: bytes, sender: str
    ) -> bytes:
        """Return what a contract answers; nothing is written.

        Raises:
            CallRevertedError: it refuses.
        """
        vm, address = self._vm(state_root, block, time), to_canonical_address(to)
        with _room_for_nested_calls():
            done = vm.execute_bytecode(
                origin=to_canonical_address(sender),
                gas_price=0,
                gas=GAS_LIMIT,
                to=address,
                sender=to_canonical_address(sender),
                value=0,
                data=data,
                code=vm.state.get_code(address),
            )
        if done.is_error:
            raise CallRevertedError(bytes(done.output))
        return bytes(done.output)

    def nonce(self, state_root: str, account: str) -> int:
        """Return how many transactions an account has sent."""
        return int(self._vm(state_root, 0, 0).state.get_nonce(to_canonical_address(account)))

    def _apply(self, vm: CancunVM, raw: bytes) -> tuple[ReceiptAPI, ComputationAPI]:
        """Run a signed transaction on a VM, which alone knows of it until its state is persisted."""
        transaction = _decode(raw, LOGGED_TYPES if self._paid_elsewhere else _OWN_TYPES)
        self._check_terms(transaction)
        with self._lent(vm, transaction):
            self._skip_numbers(vm, transaction)
            try:
                with _room_for_nested_calls():
                    return vm.apply_transaction(vm.get_header(), transaction)
            except ValidationError as error:
                raise _invalid(str(error)) from error

    def _check_terms(self, transaction: SignedTransactionAPI) -> None:
        # py-evm compares the number with nothing when it runs a transaction outside of its own chain class
        if transaction.chain_id != self._id:
            raise RefusedError(
                "chain-transaction-elsewhere",
                f"a transaction is signed for chain {transaction.chain_id}, this is chain {self._id}",
                meaning="What was said for one chain counts for nothing on another.",
                hint="Sign it for this chain.",
            )
        if transaction.max_fee_per_gas and not self._paid_elsewhere:
            raise _invalid("it offers a fee, and there is no money on this chain to pay it with")
        if transaction.gas * transaction.max_fee_per_gas >= 1 << 256:
            raise _invalid("it offers more than any account can have")
        if transaction.gas < transaction.intrinsic_gas:
            raise _invalid(f"it needs {transaction.intrinsic_gas} gas at least")

    @contextmanager
    def _lent(self, vm: CancunVM, transaction: SignedTransactionAPI) -> Iterator[None]:
        """Lend the sender the fee it offers, for one transaction; without a fee nothing is touched."""
        if not transaction.max_fee_per_gas:
            yield
            return
        vm.state.set_balance(transaction.sender, transaction.gas * transaction.max_fee_per_gas)
        yield
        vm.state.set_balance(transaction.sender, 0)
        vm.state.set_balance(ZERO_ADDRESS, 0)

    def _skip_numbers(self, vm: CancunVM, transaction: SignedTransactionAPI) -> None:
        """Believe that the sender's numbers before this one went elsewhere, where that can be."""
        if self._paid_elsewhere and transaction.nonce > vm.state.get_nonce(transaction.sender):
            vm.state.set_nonce(transaction.sender, transaction.nonce)

    def _vm(self, state_root: str, block: int, time: int) -> CancunVM:
        header = CancunBlockHeader(
            difficulty=0,
            block_number=BlockNumber(block),
            gas_limit=GAS_LIMIT,
            timestamp=time,
            coinbase=ZERO_ADDRESS,
            parent_hash=ZERO_HASH32,
            mix_hash=ZERO_HASH32,
            state_root=Hash32(bytes.fromhex(state_root)),
            base_fee_per_gas=0,
        )
        consensus = ConsensusContext(self._database.db)
        return _FreeVM(header, self._database, self._context, consensus)


@contextmanager
def _room_for_nested_calls() -> Iterator[None]:
    """Let the EVM nest its calls 1,024 deep, and nobody else: elsewhere the usual limit guards the stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _decode(raw: bytes, types: AbstractSet[int]) -> SignedTransactionAPI:
    """Read a transaction of one of some types, whose signature recovers to somebody; it has one spelling."""
    if not raw or type_of(raw) not in types:
        raise _malformed(f"it is not of type {' or '.join(map(str, sorted(types)))}")
    try:
        transaction = CancunTransactionBuilder.decode(raw)
        spelling, _ = transaction.encode(), transaction.sender  # it recovers, or raises
    except (rlp.exceptions.RLPException, PyEVMError, ValidationError, BadSignature) as error:
        raise _malformed(str(error)) from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise _malformed(str(error)) from error
    if spelling != raw:
        raise _malformed("it has a second spelling")
    if transaction.chain_id is None:
        raise _malformed("it is not bound to a chain (EIP-155)")
    return transaction


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "chain-transaction-malformed",
        f"not a signed transaction: {why}",
        meaning="Nothing was carried out.",
        hint="Send the bytes as they were signed.",
    )


def _invalid(why: str) -> RefusedError:
    return RefusedError(
        "chain-transaction-invalid",
        f"a transaction cannot enter the chain: {why}",
        meaning="It was signed for another state of its account, or offers too little gas or a fee.",
        hint="Sign it again with the account's next number.",
    )


class MemoryNodes(MutableMapping[bytes, bytes]):
    """Trie nodes in memory."""

    def __init__(self) -> None:
        self._nodes: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        return self._nodes[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._nodes[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self._nodes[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)
