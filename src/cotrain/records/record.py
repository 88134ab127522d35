"""The signed record: everything a party says.

A record is one canonical JSON object (spec: docs/spec/records.md)::

    {"author": "did:key:z6Mk...", "body": {...}, "format": "cotrain/record/1", "kind": "check",
     "run": "<SHA-256 of the agreement>", "signature": "<base64>"}

The Ed25519 signature covers the line ``cotrain/record/1`` and the canonical bytes of the object without its
signature. Large values (commitments, ciphertexts) stay outside as blobs that the body names by SHA-256.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from cotrain.errors import ForgeryError, MalformedError
from cotrain.records.canonical import decode, encode, sha256
from cotrain.records.kinds import BODIES, BlobRef, Body

FORMAT = "cotrain/record/1"
MAX_RECORD_BYTES = 65_535
"""The largest entry of a ledger."""
_FIELDS = {"author", "body", "format", "kind", "run", "signature"}


class RecordSigner(Protocol):
    """What signs records: an identity."""

    @property
    def did(self) -> str:
        """The `did:key` of the signer."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of `message`."""
        ...


class SignatureVerifier(Protocol):
    """Checks a signature against a `did:key`; raises `ForgeryError` if it does not hold."""

    def __call__(self, did: str, message: bytes, signature: bytes) -> None:
        """Return None, or raise."""
        ...


@dataclass(frozen=True)
class Record:
    """One signed statement by one party.

    Attributes:
        run: SHA-256 (hex) of the agreement that the record belongs to.
        author: `did:key` of the party that signed.
        body: The typed content; its class is the kind.
        signature: 64 bytes.
        data: The canonical bytes, as they stand in the ledger.
    """

    run: str
    author: str
    body: Body
    signature: bytes
    data: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """The word that names the kind of record."""
        return self.body.KIND

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return sha256(self.data)

    @property
    def blobs(self) -> list[BlobRef]:
        """The blobs that the body names, in field order."""
        return self._blobs_of(frozenset())

    @property
    def common_blobs(self) -> list[BlobRef]:
        """The blobs that every reader fetches: all but those for their receivers only."""
        return self._blobs_of(self.body.FOR_RECEIVERS)

    def _blobs_of(self, left_out: frozenset[str]) -> list[BlobRef]:
        names = (name for name in type(self.body).model_fields if name not in left_out)
        values = (getattr(self.body, name) for name in names)
        return [value for value in values if isinstance(value, BlobRef)]


@dataclass(frozen=True)
class Message:
    """A record together with the blobs that it names: what travels to the board.

    Attributes:
        record: The record.
        blobs: SHA-256 (hex) to bytes, at least every blob that the record names.
    """

    record: Record
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def sign_record(signer: RecordSigner, run: str, body: Body) -> Record:
    """Return `body` as a record signed by `signer`."""
    unsigned = _unsigned(run, signer.did, body)
    signature = signer.sign(_signed_bytes(unsigned))
    return _assemble(run, signer.did, body, signature)


def decode_record(data: bytes, verify: SignatureVerifier) -> Record:
    """Parse and check one record.

    Raises:
        MalformedError: `data` is not the canonical form of a known kind of record.
        ForgeryError: the signature does not hold.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise _malformed(f"{len(data)} bytes exceed the limit of {MAX_RECORD_BYTES}")
    value = decode(data)
    if not isinstance(value, dict) or set(value) != _FIELDS:
        raise _malformed(f"a record has exactly the fields {', '.join(sorted(_FIELDS))}")
    if value["format"] != FORMAT:
        raise _malformed(
            f"the format is {str(value['format'])[:40]!r}, this version reads {FORMAT!r}"
        )
    body = _decode_body(value["kind"], value["body"])
    signature = _decode_signature(value["signature"])
    if not isinstance(value["author"], str) or not isinstance(value["run"], str):
        raise _malformed("author and run are strings")
    record = _assemble(value["run"], value["author"], body, signature)
    if record.data != data:
        raise _malformed("the body has a second spelling")
    verify(record.author, _signed_bytes(_unsigned(record.run, record.author, body)), signature)
    return record


def check_blobs(message: Message) -> None:
    """Check that `message` carries exactly the blobs that its record names.

    Raises:
        ForgeryError: a blob is missing, has another size or another hash, or is not named.
    """
    unnamed = set(message.blobs) - {ref.sha256 for ref in message.record.blobs}
    if unnamed:
        raise ForgeryError(
            "record-blob-unnamed",
            f"the {message.record.kind} of {message.record.author} brings {len(unnamed)} blobs that it does not name",
            meaning="What nobody signed would be stored beside the ledger.",
            hint="Ask the author to send the record again.",
        )
    for ref in message.record.blobs:
        blob = message.blobs.get(ref.sha256)
        if blob is None or len(blob) != ref.size or sha256(blob) != ref.sha256:
            raise ForgeryError(
                "record-blob-mismatch",
                f"the {message.record.kind} of {message.record.author} names blob {ref.sha256[:16]}..., "
                f"which {'is missing' if blob is None else 'has other bytes'}",
                meaning="The data beside the record are not the data that its author signed.",
                hint="Ask the author to send the record again.",
            )


def blob_ref(data: bytes) -> BlobRef:
    """Return the reference to `data`."""
    return BlobRef(sha256=sha256(data), size=len(data))


def _unsigned(run: str, author: str, body: Body) -> dict[str, Any]:
    content = body.model_dump(mode="json")
    return {"author": author, "body": content, "format": FORMAT, "kind": body.KIND, "run": run}


def _signed_bytes(unsigned: dict[str, Any]) -> bytes:
    return FORMAT.encode() + b"\n" + encode(unsigned)


def _assemble(run: str, author: str, body: Body, signature: bytes) -> Record:
    value = _unsigned(run, author, body) | {"signature": base64.b64encode(signature).decode()}
    return Record(run=run, author=author, body=body, signature=signature, data=encode(value))


def _decode_body(kind: Any, value: Any) -> Body:
    body_class = BODIES.get(kind) if isinstance(kind, str) else None
    if body_class is None:
        raise _malformed(f"unknown kind of record {str(kind)[:40]!r}")
    try:
        return body_class.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"field {where or 'body'} of a {kind}: {first['msg']}") from error


def _decode_signature(value: Any) -> bytes:
    try:
        signature = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise _malformed("the signature is not base64") from error
    if len(signature) != 64:
        raise _malformed(f"the signature has {len(signature)} bytes, not 64")
    return signature


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "record-malformed",
        f"not a record: {what}",
        meaning="The entry is damaged, or comes from another version of the protocol.",
        hint="Compare with another copy of the ledger, and with the version that wrote it.",
    )
