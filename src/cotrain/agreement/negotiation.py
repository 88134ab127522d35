"""Negotiating an agreement: signed messages in a chain, and a state machine without I/O.

Somebody offers a whole agreement; others accept exactly its bytes, or answer with a changed one. Each message names the
hash of the one before, so the order cannot be changed and nothing can be taken out of the middle. When every party
accepts one and the same text, it is agreed. Nothing here is on a ledger, and nobody is bound before it signs there.
Spec: docs/spec/negotiation-and-consent.md.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cotrain.agreement.document import Agreement
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.errors import ForgeryError, MalformedError, RefusedError
from cotrain.identity.did_key import verify_signature
from cotrain.records.canonical import MAX_BYTES, decode, encode, sha256
from cotrain.records.kinds import Did, Digest
from cotrain.records.record import RecordSigner

FORMAT: Final = "cotrain/negotiation/1"
BEGINNING: Final = 64 * "0"
"""What the first message names as the one before."""

MAX_MESSAGES: Final = 1_000

Kind = Literal["offer", "counter", "accept", "terminate"]
State = Literal["REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "TERMINATED"]


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal["cotrain/negotiation/1"]
    kind: Kind
    author: Did
    previous: Digest
    time: Annotated[int, Field(ge=0, lt=2**53)]
    agreement: Digest
    policy: dict[str, Any] | None
    reason: Annotated[str, Field(max_length=2000)]
    signature: Annotated[str, Field(max_length=100)]


@dataclass(frozen=True)
class NegotiationMessage:
    """One signed message.

    Attributes:
        kind: What it does.
        author: Who signed it.
        previous: SHA-256 of the message before; `BEGINNING` for the first.
        time: When, by the author's clock; Unix time. Nothing depends on it.
        agreement: Digest of the agreement that it offers, accepts or turns down.
        proposal: The agreement itself, in an offer or counter-offer; None else.
        reason: Why, in words for people; may be empty.
        data: The canonical bytes.
    """

    kind: Kind
    author: str
    previous: str
    time: int
    agreement: str
    proposal: Agreement | None
    reason: str
    data: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return sha256(self.data)


@dataclass(frozen=True)
class Negotiation:
    """What the messages so far amount to.

    Attributes:
        messages: All of them, in order.
        proposals: The offer and the counter-offers, in order; the last one stands.
        accepted: The parties that accept the standing one, its author included.
        terminated: Whether a party ended it.
    """

    messages: tuple[NegotiationMessage, ...]
    proposals: tuple[Agreement, ...]
    accepted: frozenset[str]
    terminated: bool = False

    @property
    def standing(self) -> Agreement:
        """The agreement that is on the table."""
        return self.proposals[-1]

    @property
    def proposer(self) -> str:
        """Who put it there."""
        return next(m.author for m in reversed(self.messages) if m.proposal is not None)

    @property
    def last(self) -> str:
        """The digest that the next message names."""
        return self.messages[-1].digest

    @property
    def missing(self) -> tuple[str, ...]:
        """The parties that have not accepted, in the order of the agreement."""
        return tuple(p.did for p in self.standing.parties if p.did not in self.accepted)

    @property
    def state(self) -> State:
        """The state, in the words of the Dataspace Protocol."""
        if self.terminated:
            return "TERMINATED"
        if not self.missing:
            return "AGREED"
        if len(self.accepted) > 1:
            return "ACCEPTED"
        owner = "data_owner" in self.standing.party(self.proposer).roles
        return "OFFERED" if owner else "REQUESTED"


def sign_offer(signer: RecordSigner, agreement: Agreement, time: int) -> NegotiationMessage:
    """Return the first message of a negotiation."""
    return _sign(signer, "offer", BEGINNING, time, agreement, reason="")


def sign_counter(
    signer: RecordSigner, before: Negotiation, agreement: Agreement, time: int, reason: str = ""
) -> NegotiationMessage:
    """Return a message that puts a changed agreement in place of the standing one."""
    return _sign(signer, "counter", before.last, time, agreement, reason=reason)


def sign_acceptance(
    signer: RecordSigner, before: Negotiation, time: int, agreement: Agreement | None = None
) -> NegotiationMessage:
    """Return a message that accepts the standing agreement, or the one given if the author read another."""
    return _sign(signer, "accept", before.last, time, agreement or before.standing, reason="")


def sign_termination(
    signer: RecordSigner, before: Negotiation, time: int, reason: str
) -> NegotiationMessage:
    """Return a message that ends the negotiation."""
    return _sign(signer, "terminate", before.last, time, before.standing, reason=reason)


def decode_message(data: bytes) -> NegotiationMessage:
    """Read one message and check its signature.

    Raises:
        MalformedError: not the canonical form of a message, or its agreement is refused.
        ForgeryError: the signature, or the digest of the agreement, does not hold.
    """
    value = decode(data)
    try:
        content = _Content.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _malformed(f"{where}: {first['msg']}") from error
    if (content.policy is not None) != (content.kind in {"offer", "counter"}):
        raise _malformed(
            f"the policy stands in offers and counter-offers, not elsewhere: {content.kind}"
        )
    verify_signature(content.author, _signed_bytes(value), _signature(content.signature))
    proposal = None if content.policy is None else from_odrl(content.policy)
    if proposal is not None and proposal.digest != content.agreement:
        raise ForgeryError(
            "negotiation-false-digest",
            f"the {content.kind} of {content.author} names {content.agreement[:16]}, and brings another agreement",
            meaning="Who accepts the digest would accept another text than the one shown.",
            hint="Do not accept it; ask its author.",
        )
    return NegotiationMessage(
        content.kind, content.author, content.previous, content.time, content.agreement, proposal,
        content.reason, data,
    )  # fmt: skip


def begin(message: NegotiationMessage) -> Negotiation:
    """Return the negotiation that an offer begins.

    Raises:
        RefusedError: it is no offer, or its author is not a party.
    """
    if message.kind != "offer" or message.proposal is None:
        _refuse("out-of-turn", f"the first message is a {message.kind}, not an offer")
    if message.previous != BEGINNING:
        _refuse("wrong-previous", "the first message names a message before it")
    message.proposal.party(message.author)
    return Negotiation((message,), (message.proposal,), frozenset({message.author}))


def follow(before: Negotiation, message: NegotiationMessage) -> Negotiation:
    """Return the negotiation after one more message.

    Raises:
        RefusedError: a message out of turn, of a stranger, behind another message than the last, or about another
            agreement than the standing one.
    """
    if message.previous != before.last:
        _refuse(
            "wrong-previous",
            f"the {message.kind} of {message.author} does not follow the last message",
        )
    if before.terminated:
        _refuse("out-of-turn", "the negotiation was terminated")
    before.standing.party(message.author)
    after = replace(before, messages=(*before.messages, message))
    if message.kind == "offer":
        _refuse("out-of-turn", "an offer begins a negotiation; later ones are counter-offers")
    if message.kind == "counter":
        return _countered(before, after, message)
    _check_about(before, message)
    if message.kind == "accept":
        return _accepted(before, after, message)
    return replace(after, terminated=True)


def read_negotiation(data: bytes) -> Negotiation:
    """Read a whole file of messages, one a line.

    Raises:
        MalformedError, ForgeryError, RefusedError: a line is no message, or is one that may not follow.
    """
    if not data.endswith(b"\n"):
        raise _malformed("the last line is not complete")
    lines = data[:-1].split(b"\n")
    if len(lines) > MAX_MESSAGES or len(data) > MAX_MESSAGES * MAX_BYTES:
        raise _malformed(f"there are more than {MAX_MESSAGES} messages")
    found = begin(decode_message(lines[0]))
    for line in lines[1:]:
        found = follow(found, decode_message(line))
    return found


def write_negotiation(messages: Sequence[NegotiationMessage]) -> bytes:
    """Return the file of messages."""
    return b"".join(message.data + b"\n" for message in messages)


def _countered(before: Negotiation, after: Negotiation, message: NegotiationMessage) -> Negotiation:
    proposal = message.proposal
    if proposal is None:  # decode_message excludes it
        raise _malformed("a counter-offer brings no agreement")
    if message.author in before.accepted:
        _refuse(
            "changed-after-acceptance",
            f"{before.standing.party(message.author).name} offered or accepted this text, and may not change it now",
        )
    if proposal.nonce != before.standing.nonce:
        _refuse(
            "another-agreement", "the counter-offer is about another agreement: its nonce differs"
        )
    if any(proposal.digest == earlier.digest for earlier in before.proposals[-1:]):
        _refuse("out-of-turn", "the counter-offer changes nothing; accept instead")
    proposal.party(message.author)
    return replace(
        after,
        proposals=(*before.proposals, proposal),
        accepted=frozenset({message.author}),
    )


def _accepted(before: Negotiation, after: Negotiation, message: NegotiationMessage) -> Negotiation:
    if message.author in before.accepted:
        _refuse(
            "out-of-turn",
            f"{before.standing.party(message.author).name} offered or accepted this text before",
        )
    return replace(after, accepted=before.accepted | {message.author})


def _check_about(before: Negotiation, message: NegotiationMessage) -> None:
    if message.agreement != before.standing.digest:
        _refuse(
            "another-agreement",
            f"the {message.kind} is about {message.agreement[:16]}; on the table is {before.standing.digest[:16]}",
        )


def _sign(
    signer: RecordSigner, kind: Kind, previous: str, time: int, agreement: Agreement, *, reason: str
) -> NegotiationMessage:
    proposes = kind in {"offer", "counter"}
    value = {
        "format": FORMAT,
        "kind": kind,
        "author": signer.did,
        "previous": previous,
        "time": time,
        "agreement": agreement.digest,
        "policy": to_odrl(agreement) if proposes else None,
        "reason": reason,
    }
    signature = signer.sign(_signed_bytes(value))
    data = encode(value | {"signature": base64.b64encode(signature).decode()})
    proposal = agreement if proposes else None
    return NegotiationMessage(
        kind, signer.did, previous, time, agreement.digest, proposal, reason, data
    )


def _signed_bytes(value: dict[str, Any]) -> bytes:
    unsigned = {name: item for name, item in value.items() if name != "signature"}
    return FORMAT.encode() + b"\n" + encode(unsigned)


def _signature(text: str) -> bytes:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("the signature is not base64") from error
    if len(signature) != 64 or base64.b64encode(signature).decode() != text:
        raise _malformed("the signature is not 64 bytes in canonical base64")
    return signature


def _refuse(code: str, what: str) -> NoReturn:
    raise RefusedError(
        f"negotiation-{code}",
        f"negotiation: {what}",
        meaning="All parties must accept one and the same text, and see the same messages in the same order.",
        hint="`cotrain agreement negotiation FILE` shows what is on the table and whose turn it is.",
    )


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "negotiation-malformed",
        f"not a message of a negotiation: {what}",
        meaning="The file is damaged, was edited, or comes from another version.",
        hint="Ask the party that sent it for the file again.",
    )
