"""What is evidence and what is none, the calls that bring it to the contract, and the file that carries them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from cotrain.agreement.document import parse_agreement
from cotrain.errors import CotrainError, ForgeryError, MalformedError, OutsideError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.settlement.acts import AnchorFacts, evidence_gas, is_later_act, participants_root
from cotrain.settlement.anchors import MadeAnchor
from cotrain.settlement.chain.chain import LogEntry, Receipt
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, load_contract
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.evidence import (
    Leaver,
    ShownCheckpoint,
    find_barred_use,
    find_false_anchor,
)
from cotrain.settlement.evidence_file import (
    Evidence,
    barred_use_evidence,
    decode_evidence,
    encode_evidence,
    false_anchor_evidence,
    rejection_evidence,
    split_evidence,
)
from cotrain.settlement.merkle import leaf
from cotrain.settlement.pressing import read_slashing
from cotrain.settlement.rejection import (
    Rejection,
    SignedRejection,
    decode_rejection,
    needed,
    rejection_act,
    sign_rejection,
    stake_of,
)
from cotrain.settlement.terms import ContractTerms
from cotrain.testing.world import COORDINATOR, World, build_world

WISHES = MoneyWishes(price=100, shares={COORDINATOR: 20}, stake_owner=5, stake_coordinator=10)
RECORD = "ab" * 32


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"), money=WISHES)


@pytest.fixture(name="terms")
def fixture_terms(world: World) -> ContractTerms:
    return ContractTerms.of(world.agreement)


def anchor(**changed: Any) -> MadeAnchor:
    facts = AnchorFacts(2, 5, 1000, 0, 40, b"r" * 32, b"s" * 32, b"p" * 32)
    facts = replace(facts, **changed)
    return MadeAnchor(facts.round, facts, b"b" * 32, (b"l" * 32,))


def shown(**changed: Any) -> ShownCheckpoint:
    return replace(ShownCheckpoint(2, 5, 40, b"r" * 32, b"s" * 65), **changed)


@pytest.mark.parametrize("lie", [{"size": 41}, {"root": b"x" * 32}])
def test_another_ledger_for_the_same_round_and_membership_is_a_false_anchor(
    lie: dict[str, Any],
) -> None:
    made = anchor()
    pair = find_false_anchor([shown(round=1), shown(**lie)], [anchor(round=1), made])
    assert pair == (shown(**lie), made)


@pytest.mark.parametrize(
    "honest", [{}, {"round": 3, "size": 41}, {"version": 6, "size": 41, "root": b"x" * 32}]
)
def test_the_same_ledger_or_another_round_or_membership_is_none(honest: dict[str, Any]) -> None:
    assert find_false_anchor([shown(**honest)], [anchor()]) is None


def test_a_checkpoint_for_another_membership_than_was_anchored_is_none() -> None:
    assert find_false_anchor([shown(size=41)], [anchor(version=6)]) is None


def test_from_which_rounds_a_revoked_owner_is_barred() -> None:
    leaver = Leaver("did", "0x", time=1000, rounds=1)
    assert not leaver.is_barred_from(anchor(round=2, opened=1000))
    assert leaver.is_barred_from(anchor(round=2, opened=1001))
    assert leaver.is_barred_from(anchor(round=3, opened=1000))


def barred(world: World, terms: ContractTerms, *names: str, **changed: Any) -> Any:
    """Look for Owner 2, which revoked at time 900 after one round, in a round with these owners."""
    accounts = [terms.account(world.did(name)) for name in names]
    changed = {"participants": participants_root(accounts), **changed}
    did = world.did("Owner 2")
    leaver = Leaver(did, terms.account(did), 900, 1)
    takers = {2: [world.did(name) for name in names]}
    return find_barred_use(terms, [anchor(**changed)], [leaver], takers)


def test_a_revoked_owner_in_a_round_is_shown_with_its_participation(
    world: World, terms: ContractTerms
) -> None:
    used = barred(world, terms, "Owner 1", "Owner 2", "Owner 3")
    node = leaf(["address"], [used.leaver.account])
    for sibling in used.participation:
        node = keccak(b"".join(sorted((node, sibling))))
    assert node == used.anchor.facts.participants


def test_who_was_not_in_the_round_or_not_barred_is_no_evidence(
    world: World, terms: ContractTerms
) -> None:
    names = ("Owner 1", "Owner 2", "Owner 3")
    assert barred(world, terms, "Owner 1", "Owner 3") is None
    assert barred(world, terms, *names, opened=900) is None
    assert barred(world, terms, *names, participants=b"x" * 32) is None, "nobody knows who was in"
    assert barred(world, terms, *names, round=3) is None, "the copy does not know that round"


# A quorum's rejection.


def sign(world: World, terms: ContractTerms, name: str, **changed: Any) -> SignedRejection:
    said = Rejection(world.did("Owner 2"), 1, RECORD)
    said = replace(said, **changed)
    account = account_of(world.actors[name].identity)
    return sign_rejection(terms, said, world.did(name), account, "the proof does not hold")


def test_a_quorum_of_others_makes_one_call(world: World, terms: ContractTerms) -> None:
    names = ("Owner 3", COORDINATOR, "Owner 1")
    assert needed(terms) == 3
    signed = [sign(world, terms, name) for name in names]
    act = rejection_act(terms, [*signed, signed[0]])
    kinds = ["bytes32", "(address,uint32,bytes32)", "(address,bytes)[]"]
    name, what, approvals = decode(kinds, act.data[4:])
    assert name == terms.name
    assert what == (terms.account(world.did("Owner 2")).lower(), 1, bytes.fromhex(RECORD))
    accounts = [account for account, _ in approvals]
    assert accounts == sorted({terms.account(world.did(name)).lower() for name in names})
    assert is_later_act([terms], act.kind, act.to, act.data)


def test_if_the_quorum_is_everybody_all_others_are_enough(world: World) -> None:
    money = world.agreement.settlement
    assert money is not None
    terms = ContractTerms(world.agreement, money.model_copy(update={"quorum": 5}))
    assert needed(terms) == 4


def refusal(do: Callable[[], object]) -> str:
    with pytest.raises(CotrainError) as caught:
        do()
    return caught.value.code


def test_too_few_strangers_and_mixtures_make_none(world: World, terms: ContractTerms) -> None:
    one, two = sign(world, terms, "Owner 1"), sign(world, terms, "Owner 3")
    three = sign(world, terms, COORDINATOR)
    others: dict[str, list[SignedRejection]] = {
        "rejection-too-few": [one, two, two],
        "rejection-different-things": [one, two, sign(world, terms, COORDINATOR, round=2)],
        "rejection-bad-signature": [
            one,
            two,
            three.model_copy(update={"signature": one.signature}),
        ],
        "rejection-own-record": [
            one,
            two,
            three.model_copy(update={"party": world.did("Owner 2")}),
        ],
    }
    for code, signed in others.items():
        assert refusal(lambda signed=signed: rejection_act(terms, signed)) == code  # type: ignore[misc]
    elsewhere = [item.model_copy(update={"run": "0" * 64}) for item in (one, two, three)]
    assert refusal(lambda: rejection_act(terms, elsewhere)) == "rejection-different-things"


def test_who_may_not_sign(world: World, terms: ContractTerms) -> None:
    assert refusal(lambda: sign(world, terms, "Owner 2")) == "rejection-own-record"
    said, stranger = Rejection(world.did("Owner 2"), 1, RECORD), account_of(Identity(b"x" * 32))
    other = refusal(lambda: sign_rejection(terms, said, world.did("Owner 1"), stranger, ""))
    assert other == "rejection-other-account"


def test_nobody_signs_where_there_is_no_stake(world: World, terms: ContractTerms) -> None:
    money = terms.settlement.model_copy(update={"stake_owner": "0"})
    poor = ContractTerms(world.agreement, money)
    assert refusal(lambda: sign(world, poor, "Owner 1")) == "rejection-no-stake"
    lead = world.did(COORDINATOR)
    assert stake_of(poor, lead) == int(money.stake_coordinator), "the price is no stake"


def test_a_signed_rejection_as_a_file(world: World, terms: ContractTerms) -> None:
    signed = sign(world, terms, "Owner 1")
    assert decode_rejection(signed.data) == signed
    lies = [
        b"{}",
        signed.data + b" ",
        signed.data.replace(b"rejection/1", b"rejection/2"),
        signed.data.replace(b'"round":1', b'"round":-1'),
    ]
    for data in lies:
        with pytest.raises(MalformedError):
            decode_rejection(data)


# What a contract told.


def told(contract: str, event: str, address: str, indexed: list[bytes], data: bytes) -> LogEntry:
    entry = next(item for item in load_contract(contract).abi if item.get("name") == event)
    kinds = ",".join(item["type"] for item in entry["inputs"])
    return LogEntry(address, (keccak(text=f"{event}({kinds})"), *indexed), data, 1, 0)


def padded(account: str) -> bytes:
    return bytes.fromhex(account[2:]).rjust(32, b"\0")


def test_the_bounty_is_what_the_contract_paid_the_reporter(
    world: World, terms: ContractTerms
) -> None:
    """Other transfers of the same transaction, and stakes of other agreements, are not counted."""
    money, reporter, other = terms.settlement, "0x" + "11" * 20, "0x" + "22" * 20
    subject = terms.account(world.did("Owner 2"))

    def slashed(agreement: bytes, amount: int) -> LogEntry:
        data = encode(["string", "uint256", "address"], ["rejected", amount, reporter])
        where = [agreement, padded(subject)]
        return told(AGREEMENTS, "Slashed", money.contract, where, data)

    def sent(sender: str, to: str, amount: int) -> LogEntry:
        value = amount.to_bytes(32, "big")
        return told(CREDITS, "Transfer", money.token, [padded(sender), padded(to)], value)

    events = (
        slashed(b"o" * 32, 7),
        sent(other, reporter, 3),
        slashed(terms.name, 50),
        sent(money.contract, other, 4),
        sent(money.contract, reporter, 5),
    )
    done = read_slashing(terms, Receipt(9, 0, True, 0, events, None))
    assert (done.amount, done.bounty, done.block) == (50, 5, 9)
    with pytest.raises(OutsideError) as nothing:
        read_slashing(terms, Receipt(9, 0, True, 0, events[:2], None))
    assert nothing.value.code == "evidence-nothing-told"


# The file.


def all_kinds(world: World, terms: ContractTerms) -> list[Evidence]:
    signed = [sign(world, terms, name) for name in ("Owner 1", "Owner 3", COORDINATOR)]
    return [
        split_evidence(terms, shown(), shown(size=41)),
        false_anchor_evidence(terms, shown(size=41), anchor()),
        barred_use_evidence(terms, barred(world, terms, "Owner 1", "Owner 2")),
        rejection_evidence(terms, signed),
    ]


def test_evidence_is_read_as_it_was_written(world: World, terms: ContractTerms) -> None:
    functions = ["slashSplit", "slashFalseAnchor", "slashRevoked", "slashRejected"]
    for found, function in zip(all_kinds(world, terms), functions, strict=True):
        assert decode_evidence(encode_evidence(terms, found), [terms]) == (terms, found)
        assert found.act.data[:4] == load_contract(AGREEMENTS).selector(function)
    subjects = {found.kind: found.subject for found in all_kinds(world, terms)}
    assert subjects.pop("rejected") == world.did("Owner 2")
    assert set(subjects.values()) == {world.did(COORDINATOR)}


def test_a_file_that_calls_something_else_is_refused(world: World, terms: ContractTerms) -> None:
    """Nobody is made to send another call, by a file with honest words."""
    *_, rejected = all_kinds(world, terms)
    value = json.loads(encode_evidence(terms, rejected))
    claim = load_contract(AGREEMENTS).call("claim", terms.name, terms.account(rejected.subject))
    lies: list[dict[str, Any]] = [
        {"data": "0x" + claim.hex()},
        {"kind": "split", "subject": world.did(COORDINATOR)},
        {"subject": world.did("Owner 1")},
        {"data": value["data"][: 2 + 2 * 40]},
        {"data": value["data"].replace(terms.name.hex(), "00" * 32)},
        {"format": "cotrain/evidence/2"},
        {"more": 1},
        {"gas": rejected.act.gas},
    ]
    for lie in lies:
        with pytest.raises(MalformedError):
            decode_evidence(json.dumps({**value, **lie}).encode(), [terms])
    for data in (b"", b"[]", b"\xff", b"[" * 100_000):
        with pytest.raises(MalformedError):
            decode_evidence(data, [terms])


def test_the_gas_follows_from_the_call(world: World, terms: ContractTerms) -> None:
    """Enough for each signature and each later anchor, and nothing that a file says."""
    for found in all_kinds(world, terms):
        _, read = decode_evidence(encode_evidence(terms, found), [terms])
        assert read.act.gas == evidence_gas(found.act.data) > 300_000
    one, many = (evidence_gas(false_anchor_call(terms, later)) for later in (0, 1000))
    assert many - one >= 1000 * 2_000
    signed = [sign(world, terms, name) for name in ("Owner 1", "Owner 3", COORDINATOR, "Owner 4")]
    three, four = (rejection_act(terms, signed[:count]).gas for count in (3, 4))
    assert 20_000 <= four - three < 30_000


def false_anchor_call(terms: ContractTerms, later: int) -> bytes:
    made = replace(anchor(), later=(b"l" * 32,) * later)
    return false_anchor_evidence(terms, shown(size=41), made).act.data


def test_evidence_about_a_run_that_the_model_came_from_is_read(
    world: World, terms: ContractTerms
) -> None:
    agreement = parse_agreement({**world.agreement.terms, "title": "The next run"})
    following = ContractTerms.of(agreement)
    found = all_kinds(world, terms)[0]
    data = encode_evidence(terms, found)
    assert decode_evidence(data, [following, terms]) == (terms, found)
    assert refusal(lambda: decode_evidence(data, [following])) == "evidence-other-run"
    assert refusal(lambda: decode_evidence(data, [])) == "evidence-other-run"


@pytest.mark.parametrize("lie", [{"run": "0" * 64}, {"chain_id": 1}, {"to": "0x" + "11" * 20}])
def test_evidence_about_another_run_is_refused(
    world: World, terms: ContractTerms, lie: dict[str, Any]
) -> None:
    value = json.loads(encode_evidence(terms, all_kinds(world, terms)[0]))
    with pytest.raises(RefusedError) as caught:
        decode_evidence(json.dumps({**value, **lie}).encode(), [terms])
    assert caught.value.code == "evidence-other-run"


def test_a_signature_that_is_none_is_refused(world: World, terms: ContractTerms) -> None:
    signed = [sign(world, terms, name) for name in ("Owner 1", "Owner 3", COORDINATOR)]
    signed[0] = signed[0].model_copy(update={"signature": "00" * 65})
    with pytest.raises(ForgeryError):
        rejection_act(terms, signed)
