"""Which transactions take an owner out of an agreement: its own, or one that brings its signature, and no other."""

from dataclasses import replace
from pathlib import Path

import pytest

from cotrain.settlement.acts import leaver_of, own_revoke_act, revoke_act
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.draft import MoneyWishes
from cotrain.settlement.terms import ContractTerms
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
