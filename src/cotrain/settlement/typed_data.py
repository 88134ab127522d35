"""What parties sign for the contracts: EIP-712 messages, one function each.

The types are those of `contracts/src`; a vector test compares the digests with the contracts' own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

Fields = Sequence[tuple[str, str, Any]]

_DOMAIN: Final = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain.

    Attributes:
        name: The contract's name in its domain.
        chain_id: EIP-155.
        contract: Its address.
    """

    name: str
    chain_id: int
    contract: str

    def digest(self, kind: str, fields: Fields) -> bytes:
        """Return the 32 bytes that are signed for a message of `kind` with (type, name, value) fields."""
        said = struct_hash(kind, fields)
        values = (_DOMAIN, keccak(text=self.name), keccak(text="1"), self.chain_id, self.contract)
        separator = keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))
        return keccak(b"\x19\x01" + separator + said)


def struct_hash(kind: str, fields: Fields) -> bytes:
    """Return `hashStruct` of a flat message (EIP-712, section "Definition of hashStruct")."""
    types, names = [item[0] for item in fields], [item[1] for item in fields]
    declared = ",".join(f"{a} {b}" for a, b in zip(types, names, strict=True))
    name_hash = keccak(text=f"{kind}({declared})")
    return keccak(encode(["bytes32", *types], [name_hash, *(item[2] for item in fields)]))


@dataclass(frozen=True)
class AgreementDomain:
    """What is signed for one agreement on the contract `Agreements`.

    Attributes:
        domain: The contract.
        agreement: 32 bytes: the agreement's name there.
    """

    domain: Domain
    agreement: bytes

    def consent(self, document: bytes, account: str, dataset: bytes, deadline: int) -> bytes:
        """A party joins; `dataset` is an owner's commitment root, 32 zero bytes for others."""
        return self._digest(
            "Consent",
            ("bytes32", "document", document),
            ("address", "account", account),
            ("bytes32", "dataset", dataset),
            ("uint256", "deadline", deadline),
        )

    def revocation(self, owner: str) -> bytes:
        """An owner withdraws its data."""
        return self._digest("Revocation", ("address", "owner", owner))

    def release(self, what: Mapping[str, Any]) -> bytes:
        """A verifier found the anchored rounds in order; fields as in `Release` of the contract."""
        return self._digest(
            "Release",
            ("uint32", "rounds", what["rounds"]),
            ("bytes32", "payouts", what["payouts"]),
            ("bytes32", "model", what["model"]),
            ("bool", "last", what["last"]),
        )

    def rejection(self, subject: str, round_number: int, evidence: bytes) -> bytes:
        """A verifier found that a party's proof or record does not hold."""
        return self._digest(
            "Rejection",
            ("address", "subject", subject),
            ("uint32", "round", round_number),
            ("bytes32", "evidence", evidence),
        )

    def checkpoint(self, round_number: int, version: int, size: int, root: bytes) -> bytes:
        """The coordinator shows a ledger of this size and root for a round (from 1) and a membership."""
        return self._digest(
            "Checkpoint",
            ("uint32", "round", round_number),
            ("uint32", "version", version),
            ("uint64", "size", size),
            ("bytes32", "root", root),
        )

    def _digest(self, kind: str, *fields: tuple[str, str, Any]) -> bytes:
        return self.domain.digest(kind, [("bytes32", "agreement", self.agreement), *fields])


def permit_digest(
    domain: Domain, owner: str, spender: str, value: int, nonce: int, deadline: int
) -> bytes:
    """ERC-2612: `owner` lets `spender` take `value` of a token."""
    return domain.digest(
        "Permit",
        [
            ("address", "owner", owner),
            ("address", "spender", spender),
            ("uint256", "value", value),
            ("uint256", "nonce", nonce),
            ("uint256", "deadline", deadline),
        ],
    )


def voucher_digest(domain: Domain, buyer: str, total: int, queries: int, receipts: bytes) -> bytes:
    """A buyer promises `total` in all for `queries` answers so far."""
    return domain.digest(
        "Voucher",
        [
            ("address", "buyer", buyer),
            ("uint128", "total", total),
            ("uint64", "queries", queries),
            ("bytes32", "receipts", receipts),
        ],
    )
