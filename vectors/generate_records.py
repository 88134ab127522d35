"""Write vectors/records/v1.json: known answers of identities, records, agreements and dataset roots.

Run ``python vectors/generate_records.py``; all secrets are fixed, so the file is the same every time. The records
are those of a real run of one round: two owners, a coordinator. `tests/vectors/test_record_vectors.py` checks the
file by another path: hand-made canonical JSON, hashlib, and the Ed25519 of `cryptography`.
"""

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cotrain.agreement.document import Agreement, PartyTerm
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import Schema, parse_schema
from cotrain.agreement.vocabulary import OBO, PROFILE, TERMS
from cotrain.dataset.registration import DatasetLayout, commit_dataset, dataset_root
from cotrain.flow import run_in_process
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import Identity
from cotrain.ledger.store import Ledger
from cotrain.privacy.budget import BudgetBook
from cotrain.records.canonical import encode
from cotrain.records.kinds import (
    AbortBody,
    AnswerBody,
    ApprovalBody,
    Body,
    CheckBody,
    Consent,
    DatasetBody,
    ErasureBody,
    ReceiptBody,
    RefusalBody,
    RemovalBody,
    RevocationBody,
    ScoreBody,
    SignatureBody,
    SubmissionBody,
    SuccessorBody,
    TallyBody,
    TransactionBody,
)
from cotrain.records.record import Record, blob_ref, decode_record, sign_record
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.erasure_rules import SECRETS
from cotrain.rounds.journal import MemoryJournal
from cotrain.rounds.party import OwnedData, Party
from cotrain.rounds.setup_rules import coin_commitment
from cotrain.rounds.state import digest_of, draw_holders, next_beacon, noise_coins, score_coins
from cotrain.rounds.view import View
from cotrain.rounds.witness import log_policy
from cotrain.testing.determinism import ManualClock, SeededEntropy

FILE = Path(__file__).parent / "records" / "v1.json"
NAMES = ("Cleveland", "Hungary", "Hub")
PEOPLE = [Identity(bytes([number]) * 32, name) for number, name in enumerate(NAMES, 1)]
ROWS = {
    "Cleveland": np.array([[2048, -1024, 2048, 1], [0, 512, 2048, 0]], dtype=np.int16),
    "Hungary": np.array([[-512, 2048, 2048, 0], [1024, 7, 2048, 1]], dtype=np.int16),
}


def vectors() -> dict[str, Any]:
    """Return the whole content of the file."""
    agreement = drafted()
    entries = ledger_of_a_run(agreement)
    spoken = spoken_otherwise(agreement, entries)
    return {
        "format": "cotrain/record-vectors/1",
        "identities": [identity(person, agreement.digest) for person in PEOPLE],
        "hashes": hashes(agreement.digest),
        "agreement": {"data": agreement.data.decode(), "digest": agreement.digest},
        "bad_agreements": bad_agreements(agreement),
        "ledger": [known(entry) for entry in entries],
        "other_records": [known(record.data) for record in spoken],
        "bad_records": bad_records(entries[1]),
        "datasets": datasets(agreement.data_schema),
    }


def schema() -> Schema:
    """Return a schema of two features."""
    value = {
        "format": "cotrain/schema/1",
        "name": "vectors",
        "columns": [
            {"kind": "numeric", "name": "age", "unit": "years", "min": "0", "max": "120"},
            {"kind": "flag", "name": "male"},
        ],
        "target": {"kind": "binary", "name": "sick"},
        "min_rows": 1,
        "max_rows": 100,
    }
    return parse_schema(json.dumps(value))


def drafted() -> Agreement:
    """Return the agreement of the run."""
    parties = [
        PartyTerm(name=p.name, did=p.did, roles=["coordinator" if p is PEOPLE[2] else "data_owner"])
        for p in PEOPLE
    ]
    wishes = Wishes(title="Vectors", rounds=1, survivors=2, colluders=0, assurance="recorded")
    entropy = SeededEntropy("vectors/agreement")
    return draft_agreement(schema(), parties, wishes, entropy=entropy, clock=ManualClock())


def ledger_of_a_run(agreement: Agreement) -> list[bytes]:
    """Return the entries of a whole run."""
    clock = ManualClock()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ledger = stack.enter_context(Ledger.create(folder / "ledger.db"))
        coordinator = Coordinator(PEOPLE[2], agreement, ledger, clock)
        books = [stack.enter_context(BudgetBook.open(folder / p.name)) for p in PEOPLE]
        parties = [
            party(agreement, person, book, clock)
            for person, book in zip(PEOPLE, books, strict=True)
        ]
        run_in_process(coordinator, parties)
        return list(ledger.entries(0, ledger.size))


def party(agreement: Agreement, person: Identity, book: BudgetBook, clock: ManualClock) -> Party:
    """Return a party that approved the agreement."""
    rows, data = ROWS.get(person.name), None
    if rows is not None:
        book.set_limit("rows", 1.0, float(agreement.delta))
        data = OwnedData(rows, "rows", book)
    entropy = SeededEntropy(f"vectors/{person.name}")
    made = Party(person, View(log_policy(agreement)), MemoryJournal(), entropy, clock, data)
    made.approve(agreement.digest)
    return made


def spoken_otherwise(agreement: Agreement, entries: list[bytes]) -> list[Record]:
    """Return records of the kinds that a run without trouble does not have."""
    owner, other, hub = PEOPLE
    close = next(entry for entry in entries if b'"kind":"close"' in entry)
    bodies = (
        (other, CheckBody(round=0, close=sha256(close), complaints=[owner.did])),
        (owner, AnswerBody(round=0, holder=other.did, share=blob_ref(b"a share"))),
        (owner, with_proof(entries, DatasetBody, b"a proof of the dataset")),
        (owner, with_proof(entries, SubmissionBody, b"a proof of the update")),
        (
            owner,
            RevocationBody(
                reason="The ethics board withdrew its approval \u2013 today.", signature=None
            ),
        ),
        (owner, RevocationBody(reason="", signature="5a" * 65)),
        (
            owner,
            ErasureBody(
                dataset=None,
                reason="withdrawn",
                destroyed=["rows", *SECRETS],
                time=1_700_000_001,
            ),
        ),
        (owner, with_consent(entries, DatasetBody)),
        (hub, with_consent(entries, SignatureBody)),
        (
            hub,
            TransactionBody(
                act="join", subject=owner.did, raw=blob_ref(b"a transaction"), checkpoint=None
            ),
        ),
        (
            hub,
            TransactionBody(
                act="anchor", subject="", raw=blob_ref(b"an anchor"), checkpoint="3c" * 65
            ),
        ),
        (
            hub,
            ReceiptBody(
                transaction=sha256(b"a record"),
                block=12,
                time=1_700_000_000,
                succeeded=True,
                gas=124_247,
                events=sha256(b"[]"),
                state_root=None,
            ),
        ),
        (owner, ApprovalBody(signature="a5" * 65)),
        (
            owner,
            RemovalBody(
                row=7,
                point=sha256(b"point"),
                root=sha256(b"root"),
                proof=blob_ref(b"proof of a removal"),
            ),
        ),
        (owner, ScoreBody(score=str(-(1 << 63)), proof=blob_ref(b"proof of a score"))),
        (hub, TallyBody(scores=sha256(b"scores"), payouts=sha256(b"payouts"))),
        (hub, SuccessorBody(run=sha256(b"another agreement"), transactions=62)),
        (hub, AbortBody(round=0, code="releases-missing", reason="1 of 2 key holders released")),
        (
            hub,
            RefusalBody(
                author=owner.did,
                refused="signature",
                code="conflict",
                reason="another record came first",
                evidence=blob_ref(entries[1]),
            ),
        ),
    )
    return [sign_record(person, agreement.digest, body) for person, body in bodies]


def with_proof(entries: list[bytes], kind: type[Body], proof: bytes) -> Body:
    """Return the first body of a kind as it is where the agreement asks for proofs."""
    records = (decode_record(entry, verify_signature) for entry in entries)
    body = next(record.body for record in records if isinstance(record.body, kind))
    return body.model_copy(update={"proof": blob_ref(proof)})


def with_consent(entries: list[bytes], kind: type[Body]) -> Body:
    """Return the first body of a kind as it is where money is moved."""
    records = (decode_record(entry, verify_signature) for entry in entries)
    body = next(record.body for record in records if isinstance(record.body, kind))
    consent = Consent(signature="11" * 65, permit="22" * 65, deadline=1_702_592_000)
    return body.model_copy(update={"consent": consent})


def identity(person: Identity, run: str) -> dict[str, str]:
    """Return what follows from a seed, and what the party drew for the run."""
    drawn = SeededEntropy(f"vectors/{person.name}")
    sealing_seed = drawn.draw(f"run/{run}/sealing", 32)
    sealing = X25519PrivateKey.from_private_bytes(sealing_seed)
    coin = drawn.draw(f"run/{run}/coin", 32).hex()
    return {
        "name": person.name,
        "seed": (bytes([NAMES.index(person.name) + 1]) * 32).hex(),
        "public_key": person.public_key.hex(),
        "did": person.did,
        "sealing_seed": sealing_seed.hex(),
        "sealing_key": sealing.public_key().public_bytes_raw().hex(),
        "coin": coin,
        "coin_commitment": coin_commitment(run, person.did, coin),
        "fingerprint_key": person.secret("fingerprint").hex(),
    }


def hashes(run: str) -> dict[str, Any]:
    """Return small hashes that the rules compute."""
    key_sum = np.arange(-3, 5, dtype="<i4").tobytes()
    owners = tuple(f"did:key:z6Mk{letter * 44}" for letter in "abcdefgh")
    digests = [sha256(bytes([number])) for number in range(3)]
    return {
        "list": {"digests": digests, "digest": digest_of(digests)},
        "next_beacon": {
            "run": run,
            "round": 7,
            "key_sum": key_sum.hex(),
            "beacon": next_beacon(run, 7, key_sum),
        },
        "noise_coins": {
            "run": run,
            "round": 7,
            "beacon": sha256(b"beacon"),
            "owner": PEOPLE[0].did,
            "coins": noise_coins(run, 7, sha256(b"beacon"), PEOPLE[0].did).hex(),
        },
        "score_coins": {
            "run": run,
            "beacon": sha256(b"beacon"),
            "owner": PEOPLE[0].did,
            "coins": score_coins(run, sha256(b"beacon"), PEOPLE[0].did).hex(),
        },
        "draws": [
            {
                "owners": list(owners),
                "count": count,
                "beacon": sha256(b"beacon"),
                "drawn": list(draw_holders(owners, count, sha256(b"beacon"))),
            }
            for count in (1, 3, 8)
        ],
    }


def known(entry: bytes) -> dict[str, str]:
    """Return a good record and its digest."""
    return {"data": entry.decode(), "digest": sha256(entry)}


Change = Callable[[dict[str, Any]], None]


def bad_records(good: bytes) -> list[dict[str, str]]:
    """Return bytes that are no record, each with the code of the refusal; made from a good signature."""
    text = good.decode()
    return [
        bad("record-not-canonical", "empty", b""),
        bad("record-not-canonical", "byte order mark", b"\xef\xbb\xbf" + good),
        bad("record-not-canonical", "last byte missing", good[:-1]),
        bad("record-not-canonical", "newline at the end", good + b"\n"),
        bad("record-not-canonical", "a space", good.replace(b":", b": ", 1)),
        bad("record-not-canonical", "keys out of order", unsorted(good)),
        bad("record-not-canonical", "a key twice", good.replace(b"{", b'{"author":"x",', 1)),
        bad("record-not-canonical", "a needless escape", text.replace("coin", "\\u0063oin", 1)),
        bad("record-not-canonical", "a fraction", b'{"round":1.0}'),
        bad("record-not-canonical", "an integer of 54 bits", b'{"round":9007199254740992}'),
        bad("record-not-canonical", "not a number", b'{"round":NaN}'),
        bad("record-not-canonical", "not UTF-8", b'{"round":"\xff"}'),
        bad("record-not-canonical", "half a surrogate pair", b'{"round":"\\ud800"}'),
        bad("record-malformed", "no object", b"[]"),
        bad("record-malformed", "a field too many", changed(good, lambda r: r.update(note="x"))),
        bad("record-malformed", "no run", changed(good, lambda r: r.pop("run"))),
        bad(
            "record-malformed", "version 2", changed(good, set_field("format", "cotrain/record/2"))
        ),
        bad("record-malformed", "an unknown kind", changed(good, set_field("kind", "promise"))),
        bad("record-malformed", "another kind's body", changed(good, set_field("kind", "open"))),
        bad("record-malformed", "a body field too many", changed(good, in_body("note", "x"))),
        bad(
            "record-malformed",
            "a digest in capitals",
            changed(good, in_body("sealing_key", "A" * 64)),
        ),
        bad("record-malformed", "a number for a text", changed(good, in_body("sealing_key", 1))),
        bad("record-malformed", "a null for a text", changed(good, in_body("sealing_key", None))),
        bad(
            "record-malformed", "an author that is a number", changed(good, set_field("author", 1))
        ),
        bad("record-malformed", "a signature of 63 bytes", changed(good, signature_of(b"x" * 63))),
        bad(
            "record-malformed",
            "a signature that is not base64",
            changed(good, set_field("signature", "?")),
        ),
        bad("record-malformed", "spare bits in the base64", changed(good, spare_bits)),
        bad(
            "identity-malformed",
            "an author that is no did",
            changed(good, set_field("author", "hub")),
        ),
        bad("identity-bad-signature", "another run", changed(good, set_field("run", "0" * 64))),
        bad(
            "identity-bad-signature",
            "another author",
            changed(good, set_field("author", PEOPLE[1].did)),
        ),
        bad(
            "identity-bad-signature",
            "another body",
            changed(good, in_body("sealing_key", "0" * 64)),
        ),
        bad("identity-bad-signature", "another signature", changed(good, signature_of(bytes(64)))),
        bad("identity-bad-signature", "signed without the tag", changed(good, signed_without_tag)),
    ]


def unsorted(good: bytes) -> bytes:
    """Return the record with its keys in reverse order."""
    value = json.loads(good)
    return json.dumps({key: value[key] for key in reversed(value)}, separators=(",", ":")).encode()


def changed(good: bytes, change: Change) -> bytes:
    """Return the record after a change, in canonical form again."""
    value = json.loads(good)
    change(value)
    return encode(value)


def set_field(name: str, value: Any) -> Change:
    """Return the change of one field."""
    return lambda record: record.update({name: value})


def in_body(name: str, value: Any) -> Change:
    """Return the change of one field of the body."""
    return lambda record: record["body"].update({name: value})


def signature_of(signature: bytes) -> Change:
    """Return the change of the signature."""
    return set_field("signature", base64.b64encode(signature).decode())


def spare_bits(record: dict[str, Any]) -> None:
    """Set bits of the last base64 digit that do not count."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = record["signature"].rstrip("=")
    record["signature"] = text[:-1] + digits[digits.index(text[-1]) + 1] + "=="


def signed_without_tag(record: dict[str, Any]) -> None:
    """Sign the object alone, without the line that says what it is."""
    del record["signature"]
    key = Ed25519PrivateKey.from_private_bytes(signing_secret(bytes([1]) * 32))
    record["signature"] = base64.b64encode(key.sign(encode(record))).decode()


def signing_secret(seed: bytes) -> bytes:
    """Return the Ed25519 secret of a seed."""
    return hashlib.new("sha256", hmac_block(seed)).digest()


def hmac_block(seed: bytes) -> bytes:
    """Return the outer input of HMAC-SHA-256 (RFC 2104) of the label of signing keys."""
    inner = bytes(byte ^ 0x36 for byte in seed.ljust(64, b"\0")) + b"cotrain/identity/1/signing"
    outer = bytes(byte ^ 0x5C for byte in seed.ljust(64, b"\0"))
    return outer + hashlib.sha256(inner).digest()


def bad_agreements(good: Agreement) -> list[dict[str, str]]:
    """Return agreements that nobody signs, each with the code of the refusal."""
    cases = [
        bad(code, name, changed(good.data, change))
        for code, changes in (
            ("agreement-refused-term", REFUSED_TERMS),
            ("agreement-not-understood", NOT_UNDERSTOOD),
            ("agreement-not-canonical", SAID_OTHERWISE),
        )
        for name, change in changes.items()
    ]
    return [*cases, bad("record-not-canonical", "a newline at the end", good.data + b"\n")]


def terms(policy: dict[str, Any]) -> Any:
    """Return the terms that stand under the profile's property."""
    return policy[TERMS]["@value"]


def limit(operand: str, **changes: object) -> Change:
    """Return a change of the training permission's limit on an operand."""

    def change(policy: dict[str, Any]) -> None:
        limits = policy["permission"][0]["constraint"]
        next(item for item in limits if item["leftOperand"] == operand).update(changes)

    return change


def no_limit(operand: str) -> Change:
    """Return the change that leaves out the training permission's limit on an operand."""

    def change(policy: dict[str, Any]) -> None:
        limits = policy["permission"][0]["constraint"]
        limits[:] = [item for item in limits if item["leftOperand"] != operand]

    return change


def further(**rule: object) -> Change:
    """Return the change that adds a limit to the training permission."""
    return lambda policy: policy["permission"][0]["constraint"].append(rule)


REFUSED_TERMS: dict[str, Change] = {
    "an unknown term": lambda a: terms(a).update(price="100"),
    "no title": lambda a: terms(a).pop("title"),
    "version 1": lambda a: terms(a).update(format="cotrain/agreement/1"),
    "an assurance that does not exist yet": limit(
        PROFILE + "assurance", rightOperand=PROFILE + "attested"
    ),
    "an unknown purpose": limit(PROFILE + "purpose", rightOperand=PROFILE + "anything"),
    "no rounds": limit("count", rightOperand="0"),
    "rounds in another script": limit("count", rightOperand="\u0661"),
    "a time that is none": limit("dateTime", rightOperand="tomorrow"),
    "an unknown DUO code": further(
        leftOperand=PROFILE + "dataUse", operator="isAllOf", rightOperand=[OBO + "DUO_9999999"]
    ),
    "two coordinators": lambda a: terms(a)["parties"][0].update(
        roles=["data_owner", "coordinator"]
    ),
    "an identity twice": lambda a: terms(a)["parties"][0].update(did=terms(a)["parties"][1]["did"]),
    "a name twice": lambda a: terms(a)["parties"][0].update(name=terms(a)["parties"][1]["name"]),
    "a role twice": lambda a: terms(a)["parties"][0].update(roles=["data_owner", "data_owner"]),
    "an account without money": lambda a: terms(a)["parties"][0].update(account="0x" + 40 * "1"),
    "a sum of one honest owner": lambda a: terms(a)["quorum"].update(colluders=1),
    "more survivors than owners": limit(PROFILE + "minimumGroup", rightOperand="3"),
    "more holders than owners": lambda a: terms(a)["quorum"].update(holders=3),
    "a threshold above the holders": lambda a: terms(a)["quorum"].update(holder_colluders=2),
    "noise without a budget": limit(PROFILE + "epsilon", rightOperand="0"),
    "a second spelling of a decimal": limit(PROFILE + "epsilon", rightOperand="1.0"),
    "a learning rate by zero": lambda a: terms(a)["algorithm"].update(learning_rate="1/0"),
}

NOT_UNDERSTOOD: dict[str, Change] = {
    "an unknown operand": further(leftOperand="spatial", operator="eq", rightOperand="EU"),
    "an unknown operator": limit("count", operator="lt"),
    "an unknown action": lambda a: a["permission"][0].update(action="sell"),
    "an unknown prohibition": lambda a: a["prohibition"].append({"action": "print"}),
    "an unknown obligation": lambda a: a["obligation"][0].update(action="delete"),
    "an unknown duty": lambda a: a["permission"][0].update(duty=[{"action": "attribute"}]),
    "an unknown property": lambda a: a.update(inheritFrom="urn:other"),
    "another profile": lambda a: a.update(profile="urn:cotrain:odrl:2#"),
    "another context": lambda a: a.update({"@context": ["https://example.org/context"]}),
    "an offer": lambda a: a.update({"@type": "Offer"}),
    "no expiry": no_limit("dateTime"),
    "an operand twice": further(leftOperand="count", operator="lteq", rightOperand="1"),
    "a budget that is a number": limit(PROFILE + "epsilon", rightOperand=1),
    "a term in two places": lambda a: terms(a).update(rounds=1),
    "no object of terms": lambda a: a[TERMS].update({"@value": []}),
}

SAID_OTHERWISE: dict[str, Change] = {
    "a default left out": lambda a: terms(a)["data_schema"].pop("row_bound"),
    "another algorithm than the one hashed": lambda a: terms(a)["algorithm"].update(shift=19),
    "another broader purpose": limit("purpose", rightOperand="https://w3id.org/dpv#Marketing"),
    "a budget without noise": limit(PROFILE + "noise", rightOperand=PROFILE + "none"),
    "another consumer": lambda a: a.update(assignee="did:key:z6Mk"),
    "a prohibition left out": lambda a: a["prohibition"].pop(),
    "limits in another order": lambda a: a["permission"][0]["constraint"].reverse(),
    "a time of another zone": lambda a: a.update(timestamp="2023-11-14T23:13:20+0100"),
}


def bad(code: str, name: str, data: bytes | str) -> dict[str, str]:
    """Return a case that is refused; bytes, as not all of them are text."""
    raw = data.encode() if isinstance(data, str) else data
    return {"code": code, "name": name, "data": raw.hex()}


def datasets(data_schema: Schema) -> dict[str, Any]:
    """Return layouts, roots, and one committed dataset."""
    schema_hash = data_schema.digest().hex()
    seed = bytes(range(32))
    committed = commit_dataset(ROWS["Cleveland"], schema_hash, seed)
    shapes = ((1, 2), (2, 4), (256, 4), (257, 4), (8192, 4), (8193, 4), (20_000, 33), (3, 1500))
    return {
        "committed": {
            "rows": ROWS["Cleveland"].tolist(),
            "seed": seed.hex(),
            "schema_hash": schema_hash,
            "commitments": committed.commitments.hex(),
            "root": committed.root,
        },
        "layouts": [layout(DatasetLayout(*shape), schema_hash) for shape in shapes],
        "bad_layouts": [
            {"rows": 257, "columns": 4, "points": points, "code": "dataset-commitments-length"}
            for points in (0, 1, 3)
        ],
    }


def layout(shape: DatasetLayout, schema_hash: str) -> dict[str, Any]:
    """Return one layout and the root of stand-in points: SHA-256 of 0, 1, 2, ... as 8 bytes."""
    points = b"".join(
        hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(shape.points)
    )
    return {
        "rows": shape.rows,
        "columns": shape.columns,
        "padded_columns": shape.padded_columns,
        "width": shape.width,
        "blocks": [shape.block_points(start, stop) for start, stop in shape.blocks()],
        "schema_hash": schema_hash,
        "root": dataset_root(shape, schema_hash, points),
    }


def sha256(data: bytes) -> str:
    """Return SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def document() -> str:
    """Return the text of the file."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"wrote {FILE.name}")
