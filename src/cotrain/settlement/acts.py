"""The transactions of a run: which follow from the ledger, and what exactly each of them says.

Nobody chooses them. Everybody computes the same data, so a coordinator that sends anything else is refused
by the rules, whatever the contract would have accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from cotrain.contribution.payouts import PoolPart
from cotrain.records.kinds import Consent
from cotrain.settlement.addresses import CREATED, own_contracts
from cotrain.settlement.contracts import (
    AGREEMENTS,
    CREDITS,
    MODEL_SHARES,
    REGISTRY,
    load_contract,
)
from cotrain.settlement.merkle import leaf, merkle_proof, merkle_root
from cotrain.settlement.terms import ContractTerms

NO_HASH: Final = bytes(32)

REJECT: Final = "reject"
"""The act with which a quorum's word about a refused record comes to the contract."""

AFTERWARDS: Final = {
    "issue": (CREDITS, "issue"),
    "approve": (CREDITS, "approve"),
    "deposit": (MODEL_SHARES, "deposit"),
    "pay": (MODEL_SHARES, "pay"),
    "redeem": (MODEL_SHARES, "redeem"),
    "royalty": (MODEL_SHARES, "claim"),
    "parents": (MODEL_SHARES, "payParents"),
    "announce": (MODEL_SHARES, "announceWithdrawal"),
    "withdraw": (MODEL_SHARES, "withdraw"),
    "claim": (AGREEMENTS, "claim"),
    "pool": (AGREEMENTS, "claimPool"),
    "refund": (AGREEMENTS, "refund"),
    "stake": (AGREEMENTS, "returnStake"),
    "publish": (REGISTRY, "publish"),
    "retract": (REGISTRY, "withdraw"),
    REJECT: (AGREEMENTS, "slashRejected"),
}
"""What may be logged after the run, by whoever signs it: contract and function. The contract decides."""

MAY_FAIL: Final = frozenset({"claim", "pool", "refund"})
"""Acts of a run that the contract may refuse without harm: nothing was due."""


ANCHOR: Final = "anchor"
"""The act with which the coordinator's account also signs which ledger it shows."""

LEAVE: Final = "leave"
"""An owner's revocation that did not come through the ledger: it is logged when the coordinator sees it on the node."""

_GAS_OF_EVIDENCE: Final = 300_000
_GAS_OF_A_BYTE: Final = (
    100  # a signature of a quorum takes 224 bytes and 20,000 gas, an anchor 32 bytes and 2,000
)


@dataclass(frozen=True)
class Act:
    """One transaction, before it is signed.

    Attributes:
        kind: What it does: create, issue, open, permit, join, revoke, leave, anchor, release, claim, pool, refund.
        subject: The contract that is created, or the did of the party that it is about; "" if none.
        to: Address of the contract that is called; None to create one.
        data: Its data.
        gas: Gas limit.
    """

    kind: str
    subject: str
    to: str | None
    data: bytes
    gas: int


@dataclass(frozen=True)
class AnchorFacts:
    """What a round leaves on the chain; fields as in the contract's `Anchor`, in its order."""

    round: int
    version: int
    opened: int
    epsilon: int
    size: int
    root: bytes
    result: bytes
    participants: bytes


def setup_acts(
    terms: ContractTerms,
    consents: Mapping[str, Consent],
    roots: Mapping[str, str],
    *,
    fresh: bool = True,
) -> list[Act]:
    """Return what must happen before the first round: contracts, credits, the agreement, everybody's joining.

    Args:
        terms: The terms.
        consents: did to consent, of every party.
        roots: did of each owner to the root of its dataset commitment (hex).
        fresh: Whether the contracts are not there yet.
    """
    acts = creation_acts(terms) if terms.own_contracts and fresh else []
    acts += _issues(terms) if terms.own_contracts else []
    opening = load_contract(AGREEMENTS).call("open", terms.values)
    acts.append(Act("open", "", terms.settlement.contract, opening, 2_000_000))
    for party in terms.agreement.parties:
        consent, root = consents[party.did], roots.get(party.did)
        if consent.permit is not None:
            acts.append(_permit(terms, party.did, consent))
        acts.append(
            _join(terms, party.did, consent, NO_HASH if root is None else bytes.fromhex(root))
        )
    return acts


def revoke_act(terms: ContractTerms, did: str, signature: str) -> Act:
    """Return the relayed revocation of an owner."""
    data = load_contract(AGREEMENTS).call(
        "revokeFor", terms.name, terms.account(did), bytes.fromhex(signature)
    )
    return Act("revoke", did, terms.settlement.contract, data, 300_000)


def own_revoke_act(terms: ContractTerms, did: str) -> Act:
    """Return the revocation that an owner sends to the contract itself."""
    data = load_contract(AGREEMENTS).call("revoke", terms.name)
    return Act(LEAVE, did, terms.settlement.contract, data, 300_000)


def leaver_of(terms: ContractTerms, sender: str, to: str | None, data: bytes) -> str | None:
    """Return the did of the owner whom a transaction takes out of the agreement; None if it takes out nobody."""
    contract = load_contract(AGREEMENTS)
    if to != terms.settlement.contract:
        return None
    account = sender if data == contract.call("revoke", terms.name) else None
    if data[:4] == contract.selector("revokeFor"):
        try:
            name, named, _ = decode(["bytes32", "address", "bytes"], data[4:])
        except DecodingError:
            return None
        account = named if name == terms.name else None
    party = None if account is None else terms.party_of(account)
    return party.did if party is not None and "data_owner" in party.roles else None


def anchor_act(terms: ContractTerms, facts: AnchorFacts) -> Act:
    """Return the anchor of a round."""
    values = (
        facts.round,
        facts.version,
        facts.opened,
        facts.epsilon,
        facts.size,
        facts.root,
        facts.result,
        facts.participants,
    )
    data = load_contract(AGREEMENTS).call("anchor", terms.name, values)
    return Act(ANCHOR, "", terms.settlement.contract, data, 200_000)


def later_act(terms: ContractTerms, kind: str, subject: str, *arguments: Any) -> Act:
    """Return a transaction that is made when the run is over, of a kind in `AFTERWARDS`."""
    name, function = AFTERWARDS[kind]
    data = load_contract(name).call(function, *arguments)
    return Act(kind, subject, address_of(terms, name), data, 500_000)


def evidence_gas(data: bytes) -> int:
    """Return the gas limit of a call with evidence: what the contract does with it grows with what it is shown.

    It follows from the call alone, so nobody who hands on evidence can make it too little, or more than a block has.
    """
    return _GAS_OF_EVIDENCE + _GAS_OF_A_BYTE * len(data)


def is_later_act(runs: Sequence[ContractTerms], kind: str, to: str | None, data: bytes) -> bool:
    """Tell whether a transaction is of a kind that may be logged after the run.

    Args:
        runs: The run's terms, and those of the runs that its base model comes from: their contracts may be called, too.
        kind: What the record says it does.
        to: The contract that it calls.
        data: What it calls.
    """
    if kind not in AFTERWARDS:
        return False
    name, function = AFTERWARDS[kind]
    known = {address_of(terms, name) for terms in runs}
    return to in known and data[:4] == load_contract(name).selector(function)


def address_of(terms: ContractTerms, name: str) -> str:
    """Return the address of one of the run's contracts."""
    money = terms.settlement
    known = {
        AGREEMENTS: money.contract,
        CREDITS: money.token,
        MODEL_SHARES: terms.model_shares,
        REGISTRY: own_contracts(terms.account(terms.agreement.coordinator.did))[REGISTRY],
    }
    return known[name]


def participants_root(accounts: list[str]) -> bytes:
    """Return the root over the accounts of the owners in a round's sum."""
    return merkle_root([leaf(["address"], [account]) for account in accounts])


def payouts_root(terms: ContractTerms, parts: Mapping[str, PoolPart]) -> bytes:
    """Return the root over what the pool gives to whom; zeros if it gives nothing."""
    return merkle_root([_payout_leaf(terms, did, part) for did, part in parts.items()])


def release_values(rounds: int, payouts: bytes, model: bytes) -> dict[str, Any]:
    """Return what the parties sign at the end of a run: `Release` of the contract."""
    return {"rounds": rounds, "payouts": payouts, "model": model, "last": True}


def release_act(
    terms: ContractTerms, release: Mapping[str, Any], approvals: Mapping[str, str]
) -> Act:
    """Return the release, with the parties' signatures in rising order of their accounts.

    Args:
        terms: The terms.
        release: Of `release_values`.
        approvals: did to signature (hex).
    """
    signed = sorted(
        (int(terms.account(did), 16), terms.account(did), bytes.fromhex(signature))
        for did, signature in approvals.items()
    )
    what = (release["rounds"], release["payouts"], release["model"], release["last"])
    pairs = [(account, signature) for _, account, signature in signed]
    data = load_contract(AGREEMENTS).call("release", terms.name, what, pairs)
    return Act("release", "", terms.settlement.contract, data, 1_000_000 + 20_000 * len(pairs))


def payment_acts(terms: ContractTerms, parts: Mapping[str, PoolPart]) -> list[Act]:
    """Return what follows a release: everybody's agreed share and part of the pool, and what goes back to the demander.

    The contract says how much that is; where nothing is due it refuses, and nothing happens.
    """
    call, to = load_contract(AGREEMENTS).call, terms.settlement.contract
    acts = [
        Act("claim", party.did, to, call("claim", terms.name, terms.account(party.did)), 500_000)
        for party in terms.agreement.parties
        if terms.basis_points(party.did) > 0
    ]
    acts += _pool_acts(terms, parts)
    return [*acts, Act("refund", terms.demander.did, to, call("refund", terms.name), 300_000)]


def _pool_acts(terms: ContractTerms, parts: Mapping[str, PoolPart]) -> list[Act]:
    leaves = {did: _payout_leaf(terms, did, part) for did, part in parts.items()}
    acts = []
    for did, part in parts.items():
        proof = merkle_proof(list(leaves.values()), leaves[did])
        payout = (terms.account(did), part.amount, part.units)
        data = load_contract(AGREEMENTS).call("claimPool", terms.name, payout, proof)
        acts.append(Act("pool", did, terms.settlement.contract, data, 500_000))
    return acts


def _payout_leaf(terms: ContractTerms, did: str, part: PoolPart) -> bytes:
    """Return the hash of `Payout` of the contract."""
    return leaf(["address", "uint128", "uint128"], [terms.account(did), part.amount, part.units])


def creation_acts(terms: ContractTerms) -> list[Act]:
    """Return the creation of the run's own contracts."""
    issuer = terms.account(terms.agreement.coordinator.did)
    addresses = own_contracts(issuer)
    arguments = {AGREEMENTS: (addresses[MODEL_SHARES],), CREDITS: (issuer,)}
    return [
        Act("create", name, None, load_contract(name).creation(*arguments.get(name, ())), 8_000_000)
        for name in CREATED
    ]


def _issues(terms: ContractTerms) -> list[Act]:
    """Return the issue of the credits that the parties need."""
    acts = []
    for party in terms.agreement.parties:
        if due := terms.due(party.did):
            data = load_contract(CREDITS).call("issue", terms.account(party.did), due)
            acts.append(Act("issue", party.did, terms.settlement.token, data, 200_000))
    return acts


def _permit(terms: ContractTerms, did: str, consent: Consent) -> Act:
    signature = bytes.fromhex(consent.permit or "")
    r, s, v = signature[:32], signature[32:64], signature[64]
    data = load_contract(AGREEMENTS).call(
        "permit",
        terms.settlement.token,
        terms.account(did),
        terms.due(did),
        consent.deadline,
        v,
        r,
        s,
    )
    return Act("permit", did, terms.settlement.contract, data, 300_000)


def _join(terms: ContractTerms, did: str, consent: Consent, dataset: bytes) -> Act:
    data = load_contract(AGREEMENTS).call(
        "join",
        terms.name,
        terms.leaf_values(did),
        terms.party_proof(did),
        dataset,
        consent.deadline,
        bytes.fromhex(consent.signature),
    )
    return Act("join", did, terms.settlement.contract, data, 700_000)
