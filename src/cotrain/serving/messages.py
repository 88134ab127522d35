"""What buyer and server of a model say to each other: a paid query, a signed answer (docs/spec/use.md)."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cotrain.errors import ForgeryError, MalformedError
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.records.canonical import decode, encode, sha256
from cotrain.records.kinds import AccountSignature, Did, Digest

MAX_MESSAGE_BYTES = 1 << 20
Amount = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,38})$")]
Count = Annotated[int, Field(ge=1, lt=2**53)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Voucher(_Value):
    """A buyer's promise, redeemable on the chain (EIP-712).

    Attributes:
        buyer: Its account.
        total: All that it has promised so far.
        queries: Queries paid so far, this one included.
        receipts: Hash chain over the receipts of the queries before.
        signature: By the buyer's account.
    """

    buyer: Address
    total: Amount
    queries: Count
    receipts: Digest
    signature: AccountSignature


class Query(_Value):
    """A paid question: one encoded row."""

    format: Literal["cotrain/query/1"] = "cotrain/query/1"
    model: Digest
    row: list[Annotated[int, Field(ge=-(2**15), lt=2**15)]] = Field(max_length=1 << 16)
    voucher: Voucher

    @property
    def data(self) -> bytes:
        """The canonical bytes."""
        return encode(self.model_dump(mode="json"))


class Receipt(_Value):
    """What the server signs: which question it answered, with what, for how much."""

    format: Literal["cotrain/use-receipt/1"] = "cotrain/use-receipt/1"
    model: Digest
    server: Did
    buyer: Address
    query: Digest
    number: Count
    answer: list[str] = Field(max_length=1 << 12)
    total: Amount
    before: Digest

    @property
    def data(self) -> bytes:
        """The canonical bytes, which are signed."""
        return encode(self.model_dump(mode="json"))

    @property
    def chained(self) -> str:
        """The receipts so far, this one included (hex)."""
        return hashlib.sha256(
            b"cotrain/use-receipts/1/" + bytes.fromhex(self.before) + self.data
        ).hexdigest()


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt and the server's Ed25519 signature."""

    receipt: Receipt
    signature: bytes

    @property
    def data(self) -> bytes:
        """Canonical bytes of both."""
        text = base64.b64encode(self.signature).decode()
        return encode({"receipt": self.receipt.model_dump(mode="json"), "signature": text})


def sign_receipt(server: Identity, receipt: Receipt) -> SignedReceipt:
    """Sign a receipt."""
    return SignedReceipt(receipt, server.sign(receipt.data))


def decode_receipt(data: bytes) -> SignedReceipt:
    """Read a signed receipt and check its signature.

    Raises:
        MalformedError: it is none.
        ForgeryError: the signature is not the server's.
    """
    value = _read(data)
    if set(value) != {"receipt", "signature"}:
        raise _malformed("it has other fields than receipt and signature")
    try:
        receipt = Receipt.model_validate(value["receipt"])
        signature = base64.b64decode(value["signature"], validate=True)
    except (ValidationError, ValueError, TypeError) as error:
        raise _malformed(str(error).split("\n", maxsplit=1)[0]) from error
    signed = SignedReceipt(receipt, signature)
    if signed.data != data:
        raise _malformed("it has a second spelling")
    verify_signature(receipt.server, receipt.data, signature)
    return signed


def decode_query(data: bytes) -> Query:
    """Read a query; its voucher is not checked here.

    Raises:
        MalformedError: it is none.
    """
    try:
        query = Query.model_validate(_read(data))
    except ValidationError as error:
        raise _malformed(str(error).split("\n", maxsplit=1)[0]) from error
    if query.data != data:
        raise _malformed("it has a second spelling")
    return query


def query_digest(query: Query) -> str:
    """Return the hash by which a receipt names a query."""
    return sha256(query.data)


def wrong_receipt(name: str, found: object, expected: object) -> ForgeryError:
    """Return the error for a receipt that does not fit what was asked."""
    return ForgeryError(
        "use-wrong-receipt",
        f"the receipt says {name} {found}, it should be {expected}",
        meaning="The server answered something else than it was asked, or counts wrongly.",
        hint="Pay nothing more; the vouchers sent so far are the most that it can redeem.",
    )


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MESSAGE_BYTES:
        raise _malformed(f"{len(data)} bytes exceed the limit of {MAX_MESSAGE_BYTES}")
    value = decode(data)
    if not isinstance(value, dict):
        raise _malformed("it is not an object")
    return value


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "use-malformed",
        f"not a message about the use of a model: {what}",
        meaning="It is damaged, or comes from another version.",
        hint="Ask for it again.",
    )
