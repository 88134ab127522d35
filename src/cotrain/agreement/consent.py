"""Consent receipts: what a data owner agreed to, in the shape of ISO/IEC TS 27560, signed by the owner.

The owner is an organisation that lets its table be trained on; the people whose rows these are do not speak here, and a
receipt is no proof that they were asked. The names of the fields follow the structure of ISO/IEC TS 27560:2023 as it is
publicly described; conformance was not certified. Spec: docs/spec/negotiation-and-consent.md.
"""

import base64
import binascii
import re
from datetime import datetime
from typing import Any, Final, NoReturn

from cotrain.agreement.document import Agreement
from cotrain.agreement.policy import write_time
from cotrain.agreement.vocabulary import DUO_CODES, PURPOSES
from cotrain.errors import ForgeryError, MalformedError, RefusedError
from cotrain.identity.did_key import verify_signature
from cotrain.records.canonical import decode, encode, sha256
from cotrain.records.record import RecordSigner

FORMAT: Final = "cotrain/consent-receipt/1"
WITHDRAWAL: Final = (
    "cotrain data revoke AGREEMENT --home HOME; rounds that open later go without the rows. "
    "What was trained before stays in the model."
)
_EVENTS: Final = "consent_events"
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def make_receipt(agreement: Agreement, signer: RecordSigner, time: int) -> bytes:
    """Return an owner's signed receipt, as canonical JSON.

    Args:
        agreement: What it consents to.
        signer: The owner.
        time: When it consented; Unix time.

    Raises:
        RefusedError: the signer is no data owner of the agreement.
    """
    _check_owner(agreement, signer.did)
    value = _content(agreement, signer.did) | {_EVENTS: [_given(agreement, signer.did, time)]}
    return _sign(value, signer)


def withdraw(
    receipt: bytes, agreement: Agreement, signer: RecordSigner, time: int, reason: str
) -> bytes:
    """Return a receipt with an entry of withdrawal behind the consent, signed anew by the same owner.

    The withdrawal takes effect by a `revocation` record on the ledger, not by this document.

    Raises:
        RefusedError: it is another owner's receipt, or was withdrawn before.
        MalformedError, ForgeryError: as `verify_receipt`.
    """
    value = verify_receipt(receipt, agreement)
    if value["pii_controller"]["party_id"] != signer.did:
        raise RefusedError(
            "consent-not-yours",
            "the receipt is another owner's",
            meaning="Consent is withdrawn by the one who gave it.",
            hint="Use the home of the owner that stands in the receipt.",
        )
    if len(value[_EVENTS]) > 1:
        raise RefusedError(
            "consent-withdrawn-before",
            "the receipt says already that consent was withdrawn",
            meaning="Nothing was changed.",
            hint="Keep the receipt as it is.",
        )
    if time < _time_of(value[_EVENTS][0]):
        raise RefusedError(
            "consent-clock",
            "the withdrawal would stand before the consent",
            meaning="This machine's clock is behind the time in the receipt.",
            hint="Set the clock and try again.",
        )
    del value["signature"]
    entry = {
        "event_type": "withdrawn",
        "event_state": "withdrawn",
        "event_time": write_time(time),
        "entity_id": signer.did,
        "reason": reason,
        "previous": sha256(receipt),
    }
    value[_EVENTS] = [*value[_EVENTS], entry]
    return _sign(value, signer)


def verify_receipt(data: bytes, agreement: Agreement) -> dict[str, Any]:
    """Check a receipt against the agreement and return its content.

    Raises:
        MalformedError: not the canonical form of a receipt.
        ForgeryError: it is about another agreement, says something else than the agreement, or its signature does not
            hold.
        RefusedError: its author is no data owner of the agreement.
    """
    value = decode(data)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        _malformed(f"the format is not {FORMAT!r}")
    owner = _owner_of(value)
    verify_signature(owner, _signed_bytes(value), _signature(value))
    _check_owner(agreement, owner)
    _check_events(value, owner)
    expected = _content(agreement, owner)
    for name in sorted(set(expected) | (set(value) - {_EVENTS, "signature"})):
        if value.get(name) != expected.get(name):
            raise ForgeryError(
                "consent-not-the-agreement",
                f"the receipt's {name!r} is not what follows from the agreement {agreement.title!r}",
                meaning="It says that something else was consented to, or is about another agreement.",
                hint="Compare the digest of the agreement; ask its author.",
            )
    if value[_EVENTS][0] != _given(agreement, owner, _time_of(value[_EVENTS][0])):
        _malformed("the entry of consent is not of the agreed shape")
    return value


def _content(agreement: Agreement, owner: str) -> dict[str, Any]:
    schema, party = agreement.data_schema, agreement.party(owner)
    others = [other for other in agreement.parties if other.did != owner]
    return {
        "format": FORMAT,
        "schema_version": "modelled on ISO/IEC TS 27560:2023; conformance not certified",
        "record_id": f"urn:cotrain:consent:{agreement.digest}:{owner}",
        "pii_principal_id": "not identified: the owner consents for the rows of its table",
        "pii_controller": {"party_id": owner, "party_name": party.name, "party_role": "data owner"},
        "privacy_notice": {"agreement": agreement.digest, "title": agreement.title},
        "pii_processing": {
            "purposes": [
                {
                    "purpose": agreement.purpose,
                    "purpose_type": PURPOSES[agreement.purpose],
                    "data_use": [
                        {"code": code, "words": DUO_CODES[code]} for code in agreement.duo
                    ],
                }
            ],
            "lawful_basis": "not stated: this receipt does not decide it",
            "pii_information": {
                "schema": schema.name,
                "schema_hash": schema.digest().hex(),
                "pii_attributes": list(schema.table_names),
            },
            "processing_method": _method(agreement),
            "storage_locations": "the owner's own machine; only sums of updates are opened",
            "recipients": [
                {"party_id": o.did, "party_name": o.name, "roles": list(o.roles)} for o in others
            ],
            "validity_duration": {
                "until": write_time(agreement.expires),
                "rounds": agreement.rounds,
            },
            "withdrawal_method": WITHDRAWAL,
        },
    }


def _method(agreement: Agreement) -> str:
    privacy = agreement.privacy
    protected = (
        "without noise"
        if privacy.noise == "none"
        else f"with noise for epsilon {privacy.epsilon}, delta {privacy.delta}"
    )
    return f"training of a {agreement.algorithm.kind} model, {protected}; assurance: {agreement.assurance}"


def _given(agreement: Agreement, owner: str, time: int) -> dict[str, str]:
    return {
        "event_type": "explicit",
        "event_state": "given",
        "event_time": write_time(time),
        "entity_id": owner,
        "agreement": agreement.digest,
    }


def _check_events(value: dict[str, Any], owner: str) -> None:
    events = value.get(_EVENTS)
    if not isinstance(events, list) or not 1 <= len(events) <= 2:
        _malformed("it has no entry of consent, or more than a consent and a withdrawal")
    if not all(isinstance(event, dict) and event.get("entity_id") == owner for event in events):
        _malformed("an entry is not the owner's")
    if len(events) == 2 and not _is_withdrawal(events[1]):
        _malformed("the second entry is not a withdrawal")
    if _time_of(events[-1]) < _time_of(events[0]):
        _malformed("the withdrawal stands before the consent")


def _is_withdrawal(event: dict[str, Any]) -> bool:
    names = {"event_type", "event_state", "event_time", "entity_id", "reason", "previous"}
    if set(event) != names or not all(isinstance(value, str) for value in event.values()):
        return False
    withdrawn = event["event_type"] == event["event_state"] == "withdrawn"
    return withdrawn and _DIGEST.fullmatch(event["previous"]) is not None


def _check_owner(agreement: Agreement, did: str) -> None:
    if "data_owner" not in agreement.party(did).roles:
        raise RefusedError(
            "consent-no-owner",
            f"{agreement.party(did).name} is no data owner in the agreement {agreement.title!r}",
            meaning="Only who brings rows consents to their use.",
            hint="Use the home of a data owner.",
        )


def _time_of(event: dict[str, Any]) -> int:
    text = event.get("event_time")
    try:
        return int(datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except (ValueError, OverflowError) as error:
        raise _error("an entry has no time") from error


def _owner_of(value: dict[str, Any]) -> str:
    controller = value.get("pii_controller")
    owner = controller.get("party_id") if isinstance(controller, dict) else None
    if not isinstance(owner, str):
        _malformed("it names no data owner")
    return str(owner)


def _sign(value: dict[str, Any], signer: RecordSigner) -> bytes:
    signature = signer.sign(_signed_bytes(value))
    return encode(value | {"signature": base64.b64encode(signature).decode()})


def _signed_bytes(value: dict[str, Any]) -> bytes:
    unsigned = {name: item for name, item in value.items() if name != "signature"}
    return FORMAT.encode() + b"\n" + encode(unsigned)


def _signature(value: dict[str, Any]) -> bytes:
    text = value.get("signature")
    try:
        signature = base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _error("the signature is not base64") from error
    if len(signature) != 64 or base64.b64encode(signature).decode() != text:
        _malformed("the signature is not 64 bytes in canonical base64")
    return signature


def _malformed(what: str) -> NoReturn:
    raise _error(what)


def _error(what: str) -> MalformedError:
    return MalformedError(
        "consent-malformed",
        f"not a consent receipt: {what}",
        meaning="The file is damaged, was edited, or comes from another version.",
        hint="Ask the owner for the receipt again.",
    )
