"""Write vectors/agreement/v1.json: known answers of money terms, negotiations and consent receipts.

Run ``python vectors/generate_agreement.py``; all secrets are fixed, so the file is the same every time. What is refused
for its content is signed by whoever says it: only the rule that is named stands against it.
`tests/vectors/test_agreement_vectors.py` checks the file by another path. Agreements without money are in
`vectors/records`.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cotrain.agreement.consent import make_receipt, withdraw
from cotrain.agreement.document import Agreement, PartyTerm, parse_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.negotiation import (
    Negotiation,
    NegotiationMessage,
    begin,
    follow,
    sign_acceptance,
    sign_counter,
    sign_offer,
    sign_termination,
    write_negotiation,
)
from cotrain.agreement.odrl import to_odrl
from cotrain.agreement.schema import parse_schema
from cotrain.agreement.vocabulary import PROFILE, TERMS
from cotrain.identity.keys import Identity
from cotrain.records.canonical import encode, sha256
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes, draft_settlement
from cotrain.testing.determinism import ManualClock, SeededEntropy

FILE = Path(__file__).parent / "agreement" / "v1.json"
NAMES = ("Cleveland", "Hungary", "Long Beach", "Hub", "Stranger")
PEOPLE = {name: Identity(bytes([number]) * 32, name) for number, name in enumerate(NAMES, 1)}
TIME = 1_700_000_000
NEGOTIATION = b"cotrain/negotiation/1\n"
RECEIPT = b"cotrain/consent-receipt/1\n"

Change = Callable[[dict[str, Any]], object]
Case = dict[str, str]


def vectors() -> dict[str, Any]:
    """Return the whole content of the file."""
    agreement = drafted()
    return {
        "format": "cotrain/agreement-vectors/1",
        "identities": {person.name: person.did for person in PEOPLE.values()},
        "money": {"data": agreement.data.decode(), "digest": agreement.digest},
        "bad_money": bad_money(agreement),
        "negotiations": negotiations(agreement),
        "bad_negotiations": bad_negotiations(agreement),
        "receipts": receipts(agreement),
        "bad_receipts": bad_receipts(agreement),
    }


def drafted() -> Agreement:
    """Return an agreement of three owners, and a hub that orders the model and pays for it."""
    schema = {
        "format": "cotrain/schema/1",
        "name": "vectors",
        "columns": [{"kind": "flag", "name": "male"}],
        "target": {"kind": "binary", "name": "sick"},
    }
    parties = [
        PartyTerm(
            name=name,
            did=PEOPLE[name].did,
            roles=["coordinator", "model_demander"] if name == "Hub" else ["data_owner"],
            account=account_of(PEOPLE[name]).address,
        )
        for name in NAMES[:4]
    ]
    wishes = Wishes(title="Vectors", purpose="clinical-research", rounds=3, colluders=1)
    money = MoneyWishes(price=1000, shares={"Hub": 10}, stake_owner=50, stake_coordinator=100)
    value = draft_settlement(parties, money, colluders=1)
    value["parents"] = [{"model": parties[0].account, "basis_points": 500}]
    return draft_agreement(
        parse_schema(json.dumps(schema)),
        parties,
        wishes,
        entropy=SeededEntropy("vectors/agreement"),
        clock=ManualClock(TIME),
        settlement=value,
    )


def bad(code: str, name: str, says: str, data: bytes) -> Case:
    """Return a case that is refused with a code, in words that hold `says`."""
    return {"code": code, "name": name, "says": says, "data": data.decode()}


# Money terms.


def bad_money(good: Agreement) -> list[Case]:
    """Return agreements whose money terms nobody signs."""
    cases = []
    for code, changes in BAD_MONEY.items():
        for name, (says, change) in changes.items():
            policy = to_odrl(good)
            change(policy)
            cases.append(bad(code, name, says, encode(policy)))
    return cases


def terms(policy: dict[str, Any]) -> Any:
    """Return the terms that stand under the profile's property."""
    return policy[TERMS]["@value"]


def money(**fields: object) -> Change:
    """Return a change of the money terms under the profile's property."""
    return lambda policy: terms(policy)["settlement"].update(fields)


def share(place: int, **fields: object) -> Change:
    """Return a change of one party's share."""
    return lambda policy: terms(policy)["settlement"]["shares"][place].update(fields)


def parents(*basis_points: int) -> Change:
    """Return the change to parents with these parts."""
    model = "0x" + 40 * "1"
    return money(parents=[{"model": model, "basis_points": part} for part in basis_points])


def payment(rule: int, limit: int, **fields: object) -> Change:
    """Return a change of what a rule's last duty, payment, demands."""
    return lambda policy: policy["permission"][rule]["duty"][-1]["constraint"][limit].update(fields)


BAD_MONEY: dict[str, dict[str, tuple[str, Change]]] = {
    "agreement-refused-term": {
        "an amount with a point": ("price", payment(0, 0, rightOperand="1000.5")),
        "an amount with a zero before": ("use_price", payment(1, 0, rightOperand="01")),
        "an amount below nothing": ("stake_owner", money(stake_owner="-1")),
        "an amount of 2^127": ("below 2^127", money(stake_owner=str(2**127))),
        "an amount that is a number": ("stake_coordinator", money(stake_coordinator=5)),
        "decimals beyond what is shown": ("decimals", money(decimals=19)),
        "a chain without a number": ("chain_id", money(chain_id=0)),
        "an unknown money term": ("deposit", money(deposit="1")),
        "a contract with a letter of the wrong case": (
            "EIP-55",
            lambda p: money(contract="0x" + terms(p)["settlement"]["contract"][2:].swapcase())(p),
        ),
        "a symbol with a blank": ("symbol", money(symbol="US DOLLAR")),
        "an unknown rule of sharing": ("rule", money(rule="measured")),
        "shares below the whole": ("add up to 9999", share(0, basis_points=2999)),
        "shares above the whole": ("add up to 10001", share(0, basis_points=3001)),
        "a share of nothing": ("basis_points", share(0, basis_points=0)),
        "a share twice": (
            "a share twice",
            lambda p: share(0, did=terms(p)["settlement"]["shares"][1]["did"])(p),
        ),
        "a stranger's share": ("is not a party", share(0, did=PEOPLE["Stranger"].did)),
        "equal shares that differ": (
            "the rule is equal",
            lambda p: (share(0, basis_points=2998)(p), share(1, basis_points=3002)(p)),
        ),
        "a release by no more than collude": ("may collude", money(quorum=1)),
        "a release by more than there are": ("than the 4 there are", money(quorum=5)),
        "evidence after more than a year": (
            "challenge_seconds",
            money(challenge_seconds=366 * 86_400),
        ),
        "five parents": ("parents", parents(1, 1, 1, 1, 1)),
        "parents that get more than half": ("5000 basis points", parents(2501, 2500)),
        "a party without an account": (
            "Hungary has no account",
            lambda p: terms(p)["parties"][1].pop("account"),
        ),
        "an account twice": (
            "an account stands in the agreement twice",
            lambda p: terms(p)["parties"][0].update(account=terms(p)["parties"][1]["account"]),
        ),
        "nobody who pays": (
            "exactly one party is the model demander",
            lambda p: terms(p)["parties"][3].update(roles=["coordinator"]),
        ),
        "two who pay": (
            "exactly one party is the model demander",
            lambda p: terms(p)["parties"][0].update(roles=["data_owner", "model_demander"]),
        ),
        "holders of another kind": (
            "transfer",
            lambda p: p["permission"][2]["constraint"][0].update(rightOperand=PROFILE + "nobody"),
        ),
    },
    "agreement-not-understood": {
        "an amount of a currency": ("unit", payment(0, 0, unit="EUR")),
        "a price that is a number": ("payAmount", payment(0, 0, rightOperand=1000)),
        "at most the price": ("lteq", payment(0, 0, operator="lteq")),
        "a price under the terms": ("'price' stands", money(price="1")),
        "no payment": (
            "0 rules for the action 'compensate'",
            lambda p: p["permission"][0]["duty"].pop(),
        ),
        "no rule for use": ("queryModel", lambda p: p["permission"].pop(1)),
        "holders without a limit": (
            "recipient",
            lambda p: p["permission"][2].pop("constraint"),
        ),
    },
    "agreement-not-canonical": {
        "a payment in another token": ("duty", payment(0, 1, rightOperand="eip155:1/erc20:0x")),
        "payments where no money is moved": (
            "permission",
            lambda p: (
                terms(p).pop("settlement"),
                [party.pop("account") for party in terms(p)["parties"]],
            ),
        ),
        "the payment before the proof": (
            "duty",
            lambda p: p["permission"][0]["duty"].reverse(),
        ),
        "paid rules in another order": ("permission", lambda p: p["permission"].reverse()),
        "another demander than the one named": (
            "assignee",
            lambda p: p.update(assignee=PEOPLE["Cleveland"].did),
        ),
    },
}


# Negotiations.


def negotiations(good: Agreement) -> list[Case]:
    """Return negotiations and the state in which they end."""
    offered = begin(sign_offer(PEOPLE["Cleveland"], good, TIME))
    accepted = accept(offered, "Hungary")
    countered = follow(accepted, countering("Long Beach", accepted, changed(good, rounds=2)))
    agreed = accept(countered, "Cleveland", "Hungary", "Hub")
    ended = follow(agreed, sign_termination(PEOPLE["Hub"], agreed, TIME, "no money"))
    requested = begin(sign_offer(PEOPLE["Hub"], good, TIME))
    found = (requested, offered, accepted, countered, agreed, ended)
    return [
        {
            "state": one.state,
            "standing": one.standing.digest,
            "data": write_negotiation(one.messages).decode(),
        }
        for one in found
    ]


def accept(before: Negotiation, *names: str) -> Negotiation:
    """Return the negotiation after some accepted what is on the table."""
    for name in names:
        before = follow(before, sign_acceptance(PEOPLE[name], before, TIME))
    return before


def changed(good: Agreement, **fields: object) -> Agreement:
    """Return the agreement with some terms replaced."""
    return parse_agreement(good.terms | fields)


def countering(name: str, before: Negotiation, proposal: Agreement) -> NegotiationMessage:
    """Return a counter-offer."""
    return sign_counter(PEOPLE[name], before, proposal, TIME, "too long")


def signed(name: str, tag: bytes, value: dict[str, Any]) -> bytes:
    """Return what a party signs, true or not, without the checks of its own program."""
    unsigned = {field: item for field, item in value.items() if field != "signature"}
    signature = PEOPLE[name].sign(tag + encode(unsigned))
    return encode(unsigned | {"signature": base64.b64encode(signature).decode()})


def edited(data: bytes, **fields: object) -> bytes:
    """Return a document with fields replaced and its old signature."""
    return encode(json.loads(data) | fields)


def bad_negotiations(good: Agreement) -> list[Case]:
    """Return files that are no negotiation."""
    offer = sign_offer(PEOPLE["Cleveland"], good, TIME)
    before = accept(begin(offer), "Hungary")
    return [
        *bad_beginnings(good, offer),
        *out_of_turn(good, before),
        *about_another(good, before),
        *forged_messages(good, before),
        *malformed_messages(before),
    ]


def lines(*messages: NegotiationMessage | bytes) -> bytes:
    """Return the file of some messages."""
    return b"".join((m if isinstance(m, bytes) else m.data) + b"\n" for m in messages)


def bad_beginnings(good: Agreement, offer: NegotiationMessage) -> list[Case]:
    """Return files that begin wrongly."""
    value = json.loads(offer.data) | {"previous": "1" * 64}
    strange = sign_offer(PEOPLE["Stranger"], good, TIME)
    acceptance = sign_acceptance(PEOPLE["Hungary"], begin(offer), TIME)
    return [
        bad(
            "negotiation-out-of-turn", "an acceptance first", "is a accept, not", lines(acceptance)
        ),
        bad(
            "negotiation-wrong-previous",
            "an offer behind another message",
            "names a message before it",
            lines(signed("Cleveland", NEGOTIATION, value)),
        ),
        bad("agreement-not-a-party", "a stranger's offer", "is not a party", lines(strange)),
    ]


def out_of_turn(good: Agreement, before: Negotiation) -> list[Case]:
    """Return messages whose author may not say this now; Cleveland offered, Hungary accepted."""
    other = changed(good, rounds=2)
    ended = follow(before, sign_termination(PEOPLE["Hub"], before, TIME, ""))
    second = json.loads(sign_offer(PEOPLE["Hub"], good, TIME).data) | {"previous": before.last}
    code = "negotiation-out-of-turn"
    late = "negotiation-changed-after-acceptance"

    def said(code: str, name: str, says: str, message: NegotiationMessage | bytes) -> Case:
        return bad(code, name, says, lines(*before.messages, message))

    return [
        said(
            code, "accepting twice", "this text before",
            sign_acceptance(PEOPLE["Hungary"], before, TIME),
        ),
        said(
            code, "accepting one's own offer", "this text before",
            sign_acceptance(PEOPLE["Cleveland"], before, TIME),
        ),
        said(code, "a second offer", "an offer begins", signed("Hub", NEGOTIATION, second)),
        said(
            code, "a counter-offer that changes nothing", "changes nothing",
            countering("Hub", before, good),
        ),
        said(
            late, "changing one's own offer", "may not change it now",
            countering("Cleveland", before, other),
        ),
        said(
            late, "changing what one accepted", "may not change it now",
            countering("Hungary", before, other),
        ),
        bad(
            code, "accepting after the end", "was terminated",
            lines(*ended.messages, sign_acceptance(PEOPLE["Long Beach"], ended, TIME)),
        ),
        bad(
            "negotiation-wrong-previous", "an answer to an earlier message", "does not follow",
            lines(*before.messages, sign_acceptance(PEOPLE["Hub"], begin(before.messages[0]), TIME)),
        ),
        bad(
            "negotiation-wrong-previous", "a message taken out", "does not follow",
            lines(before.messages[0], sign_acceptance(PEOPLE["Hub"], before, TIME)),
        ),
    ]  # fmt: skip


def about_another(good: Agreement, before: Negotiation) -> list[Case]:
    """Return messages of strangers, or about another agreement than the one on the table."""
    other = "negotiation-another-agreement"
    cases = (
        (
            other, "accepting another text", "on the table is",
            sign_acceptance(PEOPLE["Hub"], before, TIME, changed(good, rounds=2)),
        ),
        (
            other, "a counter-offer about another run", "its nonce differs",
            countering("Hub", before, changed(good, nonce="0" * 64)),
        ),
        (
            "agreement-not-a-party", "a stranger accepts", "is not a party",
            sign_acceptance(PEOPLE["Stranger"], before, TIME),
        ),
        (
            "agreement-not-a-party", "a stranger ends it", "is not a party",
            sign_termination(PEOPLE["Stranger"], before, TIME, ""),
        ),
    )  # fmt: skip
    return [
        bad(code, name, says, lines(*before.messages, last)) for code, name, says, last in cases
    ]


def forged_messages(good: Agreement, before: Negotiation) -> list[Case]:
    """Return messages that their author did not sign so, or that show another text than they name."""
    offer, acceptance = before.messages
    policy = to_odrl(changed(good, rounds=2))
    false = signed("Cleveland", NEGOTIATION, json.loads(offer.data) | {"policy": policy})
    untagged = signed("Hungary", b"", json.loads(acceptance.data))
    unsigned = "identity-bad-signature"
    return [
        bad("negotiation-false-digest", "one text named, another shown", "another", lines(false)),
        bad(unsigned, "a policy put in another's offer", "", lines(edited(offer.data, policy=policy))),
        bad(
            unsigned, "another's acceptance", "",
            lines(offer, edited(acceptance.data, author=PEOPLE["Hub"].did)),
        ),
        bad(unsigned, "signed without the tag", "", lines(offer, untagged)),
    ]  # fmt: skip


def malformed_messages(before: Negotiation) -> list[Case]:
    """Return what is no message at all."""
    offer, acceptance = (message.data for message in before.messages)
    code, value = "negotiation-malformed", json.loads(acceptance)
    policy = json.loads(offer)["policy"]

    def said(name: str, says: str, **fields: object) -> Case:
        return bad(code, name, says, lines(offer, signed("Hungary", NEGOTIATION, value | fields)))

    short = base64.b64encode(b"x" * 63).decode()
    return [
        said("a field too many", "note", note="x"),
        said("version 2", "format", format="cotrain/negotiation/2"),
        said("an unknown kind", "kind", kind="promise"),
        said("a policy in an acceptance", "not elsewhere: accept", policy=policy),
        said("a time that is a text", "time", time="1700000000"),
        said("a digest in capitals", "agreement", agreement="A" * 64),
        bad(code, "an offer without a policy", "not elsewhere: offer", lines(edited(offer, policy=None))),
        bad(code, "a signature of 63 bytes", "64 bytes", lines(offer, edited(acceptance, signature=short))),
        bad(code, "a last line without an end", "not complete", offer + b"\n" + acceptance),
        bad("record-not-canonical", "an empty line", "", lines(offer, b"")),
        bad("record-not-canonical", "a space", "", lines(offer, acceptance.replace(b":", b": ", 1))),
    ]  # fmt: skip


# Consent receipts.


def receipts(good: Agreement) -> dict[str, str]:
    """Return a receipt, and the same after the withdrawal."""
    given = make_receipt(good, PEOPLE["Cleveland"], TIME)
    gone = withdraw(given, good, PEOPLE["Cleveland"], TIME + 60, "the board said no")
    return {"given": given.decode(), "withdrawn": gone.decode(), "given_digest": sha256(given)}


def bad_receipts(good: Agreement) -> list[Case]:
    """Return what is no receipt of the agreement."""
    found = receipts(good)
    given, gone = (json.loads(found[name]) for name in ("given", "withdrawn"))
    data = found["given"].encode()
    return [
        *false_receipts(good, given, data),
        *malformed_receipts(given, gone),
    ]


def false_receipts(good: Agreement, given: dict[str, Any], data: bytes) -> list[Case]:
    """Return receipts that say another thing than the agreement, or that nobody signed so."""
    code, party = "consent-not-the-agreement", {"party_id": PEOPLE["Cleveland"].did}
    other = make_receipt(changed(good, rounds=2), PEOPLE["Cleveland"], TIME)
    processing = given["pii_processing"]
    purposes = [processing["purposes"][0] | {"purpose": "credit-risk"}]
    hub = {"pii_controller": {"party_id": PEOPLE["Hub"].did}}
    nobody = {"pii_controller": {"party_id": PEOPLE["Stranger"].did}}

    def said(name: str, says: str, **fields: object) -> Case:
        return bad(code, name, says, signed("Cleveland", RECEIPT, given | fields))

    return [
        said("another purpose", "'pii_processing'", pii_processing=processing | {"purposes": purposes}),
        said("fewer recipients", "'pii_processing'", pii_processing=processing | {"recipients": []}),
        said("another name", "'pii_controller'", pii_controller=party),
        said("a field too many", "'note'", note="x"),
        bad(code, "of another agreement", "'pii_processing'", other),
        bad("identity-bad-signature", "a field changed later", "", edited(data, record_id="x")),
        bad(
            "identity-bad-signature", "signed without the tag", "",
            signed("Cleveland", b"", given),
        ),
        bad("consent-no-owner", "of who has no rows", "no data owner", signed("Hub", RECEIPT, given | hub)),
        bad("agreement-not-a-party", "of a stranger", "not a party", signed("Stranger", RECEIPT, given | nobody)),
    ]  # fmt: skip


def malformed_receipts(given: dict[str, Any], gone: dict[str, Any]) -> list[Case]:
    """Return receipts whose entries or shape are wrong."""
    consent, withdrawal = gone["consent_events"]
    earlier = withdrawal | {"event_time": "2023-11-14T22:13:19Z"}
    strange = consent | {"entity_id": PEOPLE["Hungary"].did}
    code = "consent-malformed"

    def entries(name: str, says: str, *events: object) -> Case:
        return bad(
            code, name, says, signed("Cleveland", RECEIPT, given | {"consent_events": events})
        )

    version = given | {"format": "cotrain/consent-receipt/2"}
    return [
        bad(code, "version 2", "format", signed("Cleveland", RECEIPT, version)),
        bad(code, "nobody's", "names no data owner", encode({"format": given["format"]})),
        bad(code, "no signature", "64 bytes", encode(given | {"signature": ""})),
        entries("no consent", "no entry of consent"),
        entries("three entries", "more than", consent, withdrawal, withdrawal),
        entries("consent of another", "not the owner's", strange),
        entries("consent at no time", "no time", consent | {"event_time": "today"}),
        entries("implied consent", "the agreed shape", consent | {"event_type": "implied"}),
        entries("consent twice", "not a withdrawal", consent, consent),
        entries("a withdrawal before the consent", "before the consent", consent, earlier),
        entries(
            "a withdrawal of no receipt", "not a withdrawal", consent,
            {name: item for name, item in withdrawal.items() if name != "previous"},
        ),
        entries(
            "a withdrawal of what is no digest", "not a withdrawal", consent,
            withdrawal | {"previous": "x"},
        ),
        entries(
            "a reason that is no text", "not a withdrawal", consent, withdrawal | {"reason": 5},
        ),
        bad("record-not-canonical", "a newline at the end", "", encode(given) + b"\n"),
    ]  # fmt: skip


def document() -> str:
    """Return the text of the file."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(document(), encoding="utf-8")
    print(f"wrote {FILE.name}")
