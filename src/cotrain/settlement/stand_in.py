"""A revocation that another contract brought, a wallet or a relay: the call that stands for it on the ledger.

The contract asked for the owner's signature and for nothing else: who handed it over, and what it did besides, made no
difference to it. So the same call, with the same signature, makes the same of the contract when it is run again. It is
logged as a transaction of an account that nobody uses and whose key everybody can compute, so that everybody can tell
that it stands for another one. It was never sent, and nobody can send it: that account has nothing to pay fees with.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from cotrain.errors import ForgeryError
from cotrain.settlement.acts import revoke_act
from cotrain.settlement.chain.chain import Chain, Fees, LogEntry, Receipt
from cotrain.settlement.chain.signing import Account, recover
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import read_transaction, sign_act

_LABEL: Final = b"cotrain/stand-in/1/"
_SIGNATURE_BYTES: Final = 65


class _StoodFor(NamedTuple):
    """The revocation for which a transaction stands: where, of which agreement, by whose account."""

    contract: str
    agreement: bytes
    owner: str


def find_signature(terms: ContractTerms, did: str, data: bytes) -> str | None:
    """Return an owner's signed revocation (hex) that lies in what another contract was told, to be passed on."""
    start = revoke_act(terms, did, bytes(_SIGNATURE_BYTES).hex()).data[: 4 + 4 * 32]
    account, place = terms.account(did), data.find(start)
    said = terms.domain.revocation(account)
    while place >= 0:
        found = data[place + len(start) : place + len(start) + _SIGNATURE_BYTES]
        if _signed_by(account, said, found):
            return found.hex()
        place = data.find(start, place + 1)
    return None


def make_stand_in(terms: ContractTerms, did: str, signature: str) -> bytes:
    """Return the transaction that stands for a revocation which another contract brought."""
    act, account = revoke_act(terms, did, signature), terms.account(did)
    return sign_act(_nobody(terms.name, account), act, terms.settlement.chain_id, 0, Fees())


def is_stand_in(raw: bytes) -> bool:
    """Tell whether a transaction stands for another one."""
    return _stood_for(raw) is not None


def find_stood_for(chain: Chain, raw: bytes, first_block: int) -> Receipt | None:
    """Return what the chain says of the revocation for which a transaction stands; None if it knows of none.

    Args:
        chain: Where.
        raw: What stands for it.
        first_block: Where to begin to look.
    """
    wanted = _stood_for(raw)
    if wanted is None:
        return None
    for entry in chain.events(wanted.contract, first_block):
        if _is_revocation(entry, wanted):
            receipt = chain.told_in(entry)
            return None if receipt is None else _as_if_alone(receipt, wanted, raw)
    return None


def _as_if_alone(receipt: Receipt, wanted: _StoodFor, raw: bytes) -> Receipt | None:
    """Return the part of a receipt that the contract has; None if the transaction did more there than to revoke."""
    told = tuple(entry for entry in receipt.events if entry.address == wanted.contract)
    if len(told) != 1:
        return None
    return replace(receipt, events=told, raw=raw)


def _is_revocation(entry: LogEntry, wanted: _StoodFor) -> bool:
    event = load_contract(AGREEMENTS).event(entry.topics, entry.data)
    if event.name != "Revoked" or event.values["agreement"] != wanted.agreement:
        return False
    return str(event.values["owner"]).lower() == wanted.owner.lower()


def _stood_for(raw: bytes) -> _StoodFor | None:
    transaction = read_transaction(raw)
    data = transaction.data
    if transaction.to is None or data[:4] != load_contract(AGREEMENTS).selector("revokeFor"):
        return None
    try:
        agreement, owner, _ = decode(["bytes32", "address", "bytes"], data[4:])
    except DecodingError:
        return None
    if transaction.sender != _nobody(agreement, owner).address:
        return None
    return _StoodFor(transaction.to, agreement, owner)


def _nobody(agreement: bytes, owner: str) -> Account:
    """Return the account of what stands for an owner's revocation: one for each, so that its number is 0."""
    return Account(keccak(_LABEL + agreement + bytes.fromhex(owner.removeprefix("0x"))))


def _signed_by(account: str, said: bytes, signature: bytes) -> bool:
    try:
        return recover(said, signature) == account
    except ForgeryError:
        return False
