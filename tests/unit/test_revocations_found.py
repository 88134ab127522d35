"""Which transactions take an owner out of an agreement: its own, or one that brings its signature, and no other."""

from dataclasses import replace
from pathlib import Path

import pytest

from cotrain.settlement.acts import leaver_of, own_revoke_act, revoke_act
from cotrain.settlement.chain.chain import Fees
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.stand_in import find_signature, is_stand_in, make_stand_in
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import read_transaction, sign_act
from cotrain.testing.world import COORDINATOR, World, build_world


@pytest.fixture(name="world")
def fixture_world(tmp_path: Path) -> World:
    return build_world(tmp_path, money=MoneyWishes(price=10, shares={COORDINATOR: 20}))


def test_who_leaves(world: World) -> None:
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    account, stranger = terms.account(did), "0x" + "11" * 20
    own, relayed = own_revoke_act(terms, did), revoke_act(terms, did, "00" * 65)
    assert leaver_of(terms, account, own.to, own.data) == did
    for sender in (account, stranger):
        assert leaver_of(terms, sender, relayed.to, relayed.data) == did


def test_who_does_not(world: World, tmp_path: Path) -> None:
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    account, stranger = terms.account(did), "0x" + "11" * 20
    own, relayed = own_revoke_act(terms, did), revoke_act(terms, did, "00" * 65)
    (tmp_path / "other").mkdir()
    other = ContractTerms.of(
        build_world(
            tmp_path / "other", money=MoneyWishes(price=11, shares={COORDINATOR: 20})
        ).agreement
    )
    hub = terms.account(world.did(COORDINATOR))
    claim = load_contract(AGREEMENTS).call("claim", terms.name, account)
    cases = [
        (stranger, own),
        (hub, own),
        (account, replace(own, to=stranger)),
        (account, replace(own, to=None)),
        (account, replace(own, data=claim)),
        (account, replace(own, data=own.data + b"\0")),
        (account, replace(own, data=own_revoke_act(other, did).data)),
        (account, replace(relayed, data=revoke_act(other, did, "00" * 65).data)),
        (account, replace(relayed, data=relayed.data[:40])),
        (account, revoke_act(terms, world.did(COORDINATOR), "00" * 65)),
    ]
    assert [leaver_of(terms, sender, act.to, act.data) for sender, act in cases] == [None] * 10


def signed(world: World, name: str) -> tuple[str, bytes]:
    """Return an owner's signed revocation, and the call that brings it."""
    terms, identity = ContractTerms.of(world.agreement), world.actors[name].identity
    account = account_of(identity)
    signature = account.sign(terms.domain.revocation(account.address)).hex()
    return signature, revoke_act(terms, identity.did, signature).data


def test_a_signature_is_found_in_what_another_contract_passes_on(world: World) -> None:
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    signature, call = signed(world, "Owner 1")
    other, others_call = signed(world, "Owner 2")
    false = revoke_act(terms, did, other).data
    for before in (b"", b"!", bytes(333), false, false[:100], others_call):
        assert find_signature(terms, did, before + call + b"more") == signature
    for data in (b"", call[:196], false, others_call, call[:100] + b"!" + call[100:]):
        assert find_signature(terms, did, data) is None


def test_what_stands_for_a_revocation_is_one_call_that_everybody_can_compute(world: World) -> None:
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    signature, call = signed(world, "Owner 1")
    made = make_stand_in(terms, did, signature)
    assert made == make_stand_in(terms, did, signature)
    read = read_transaction(made)
    assert (read.to, read.data, read.number, read.fees.most) == (
        terms.settlement.contract,
        call,
        0,
        0,
    )
    assert leaver_of(terms, read.sender, read.to, read.data) == did
    theirs = read_transaction(make_stand_in(terms, world.did("Owner 2"), signature))
    assert read.sender != theirs.sender
    assert is_stand_in(made)


def test_what_somebody_sent_stands_for_nothing_else(world: World) -> None:
    terms, did = ContractTerms.of(world.agreement), world.did("Owner 1")
    account, chain_id = account_of(world.actors["Owner 1"].identity), terms.settlement.chain_id
    signature, _ = signed(world, "Owner 1")
    relayed = revoke_act(terms, did, signature)
    for act in (
        relayed,
        own_revoke_act(terms, did),
        replace(relayed, to=None),
        replace(relayed, data=relayed.data[:40]),
    ):
        assert not is_stand_in(sign_act(account, act, chain_id, 0, Fees()))
