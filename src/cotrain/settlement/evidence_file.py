"""Evidence as a file: the call that takes a stake, and in plain words what it shows. Anybody may press it.

The words are for people and count for nothing: who presses it asks the contract first (`cotrain.settlement.pressing`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from pydantic import Field, ValidationError

from cotrain.errors import MalformedError, RefusedError
from cotrain.records.kinds import Did, Digest, Value
from cotrain.settlement.acts import REJECT, Act, evidence_gas
from cotrain.settlement.anchors import MadeAnchor
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.evidence import (
    FALSE_ANCHOR,
    REVOKED_OWNER,
    SPLIT,
    BarredUse,
    ShownCheckpoint,
    barred_use_act,
    false_anchor_act,
    split_act,
)
from cotrain.settlement.rejection import REJECTED, SignedRejection, rejection_act
from cotrain.settlement.terms import ContractTerms

FORMAT: Final = "cotrain/evidence/1"
MAX_BYTES: Final = 1 << 24

FUNCTIONS: Final = {
    SPLIT: "slashSplit",
    FALSE_ANCHOR: "slashFalseAnchor",
    REVOKED_OWNER: "slashRevoked",
    REJECTED: "slashRejected",
}
"""Kind of evidence to the contract's function."""


@dataclass(frozen=True)
class Evidence:
    """Evidence that the contract takes.

    Attributes:
        kind: One of `FUNCTIONS`; with this word the contract tells of it, too.
        subject: did of whose stake it takes.
        shows: What it shows, in plain words.
        act: The call.
    """

    kind: str
    subject: str
    shows: str
    act: Act


class _File(Value):
    format: Literal["cotrain/evidence/1"]
    kind: Literal["split", "false anchor", "revoked owner", "rejected"]
    run: Digest
    subject: Did
    shows: str
    chain_id: Annotated[int, Field(ge=1)]
    to: str
    data: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})+$")]


def split_evidence(terms: ContractTerms, one: ShownCheckpoint, other: ShownCheckpoint) -> Evidence:
    """Return two checkpoints of a coordinator as evidence."""
    shows = (
        f"{_lead(terms)} signed two ledgers for round {one.round}: one of {one.size} entries with the root "
        f"{one.root.hex()}, and one of {other.size} entries with the root {other.root.hex()}."
    )
    return _against_lead(terms, SPLIT, shows, split_act(terms, one, other))


def false_anchor_evidence(
    terms: ContractTerms, shown: ShownCheckpoint, made: MadeAnchor
) -> Evidence:
    """Return a checkpoint and the anchor of another ledger as evidence."""
    shows = (
        f"{_lead(terms)} signed for round {shown.round} a ledger of {shown.size} entries with the root "
        f"{shown.root.hex()}, and anchored one of {made.facts.size} entries with the root {made.facts.root.hex()}."
    )
    return _against_lead(terms, FALSE_ANCHOR, shows, false_anchor_act(terms, shown, made))


def barred_use_evidence(terms: ContractTerms, used: BarredUse) -> Evidence:
    """Return a revoked owner in an anchored round as evidence."""
    name = terms.agreement.party(used.leaver.did).name
    shows = (
        f"{_lead(terms)} anchored round {used.anchor.round} with the update of {name}, whose revocation the contract "
        f"had learned of at {used.leaver.time}, after {used.leaver.rounds} rounds, before that round was opened."
    )
    return _against_lead(terms, REVOKED_OWNER, shows, barred_use_act(terms, used))


def rejection_evidence(terms: ContractTerms, signed: Sequence[SignedRejection]) -> Evidence:
    """Return the signatures of a quorum under one rejection as evidence.

    Raises:
        ForgeryError: a signature is not of the party that it names.
        RefusedError: they are about different records or another run, or too few.
    """
    act, first = rejection_act(terms, signed), signed[0]
    name = terms.agreement.party(first.subject).name
    others = ", ".join(sorted({terms.agreement.party(one.party).name for one in signed}))
    shows = f"{others} reject the record {first.record}, which counts against {name}: {first.why}"
    return Evidence(REJECTED, first.subject, shows, act)


def encode_evidence(terms: ContractTerms, found: Evidence) -> bytes:
    """Return the file: JSON, `data` and `to` as any wallet takes them."""
    value = {
        "format": FORMAT,
        "kind": found.kind,
        "run": terms.agreement.digest,
        "subject": found.subject,
        "shows": found.shows,
        "chain_id": terms.settlement.chain_id,
        "to": terms.settlement.contract,
        "data": "0x" + found.act.data.hex(),
    }
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def decode_evidence(data: bytes, runs: Sequence[ContractTerms]) -> tuple[ContractTerms, Evidence]:
    """Read a file of evidence for one of several agreements, and return which one.

    Nothing is sent but one of the contract's four functions, to the agreement's contract, about this agreement, with
    the gas that follows from the call.

    Raises:
        MalformedError: it is no such file, or its call is not what it says.
        RefusedError: it is about another run.
    """
    read = _read(data)
    terms = next((one for one in runs if _place(one) == (read.run, read.chain_id, read.to)), None)
    if terms is None:
        raise _other_run(read)
    call = bytes.fromhex(read.data[2:])
    _check_call(terms, read, call)
    act = Act(read.kind.replace(" ", "-"), "", read.to, call, evidence_gas(call))
    if read.kind == REJECTED:
        act = replace(act, kind=REJECT, subject=read.subject)
    return terms, Evidence(read.kind, read.subject, read.shows, act)


def _read(data: bytes) -> _File:
    if len(data) > MAX_BYTES:
        raise _malformed(f"{len(data)} bytes exceed the limit of {MAX_BYTES}")
    try:
        value: Any = json.loads(data)
        return _File.model_validate(value)
    except (ValidationError, ValueError, RecursionError) as error:
        raise _malformed(str(error).splitlines()[0]) from error


def _place(terms: ContractTerms) -> tuple[str, int, str]:
    money = terms.settlement
    return terms.agreement.digest, money.chain_id, money.contract


def _check_call(terms: ContractTerms, read: _File, call: bytes) -> None:
    """Check that a call is the function that the file says, about this agreement and the party that it names."""
    named = _subject_of(terms, call) if read.kind == REJECTED else terms.agreement.coordinator.did
    function = load_contract(AGREEMENTS).selector(FUNCTIONS[read.kind])
    if call[:4] != function or call[4:36] != terms.name or named != read.subject:
        raise _malformed("its call is not the one that it describes")


def _subject_of(terms: ContractTerms, call: bytes) -> str | None:
    """Return the did of the party that a rejection is about."""
    try:
        _, (account, _, _) = decode(["bytes32", "(address,uint32,bytes32)"], call[4:])
    except DecodingError as error:
        raise _malformed("its call is cut off") from error
    party = terms.party_of(account)
    return None if party is None else party.did


def _lead(terms: ContractTerms) -> str:
    return terms.agreement.coordinator.name


def _against_lead(terms: ContractTerms, kind: str, shows: str, act: Act) -> Evidence:
    return Evidence(kind, terms.agreement.coordinator.did, shows, act)


def _other_run(read: _File) -> RefusedError:
    return RefusedError(
        "evidence-other-run",
        f"the evidence is about run {read.run[:16]}, on contract {read.to} of chain {read.chain_id}",
        meaning="It says nothing about the agreement of the run that was given, nor of those that its model came from.",
        hint="Give the run that it is about, or one that goes on with its chain.",
    )


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "evidence-malformed",
        f"not a file of evidence: {why}",
        meaning="Nothing was sent.",
        hint="Give the file that `cotrain evidence find` or `cotrain evidence combine` wrote.",
    )
