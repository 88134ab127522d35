"""The policy is a bijection: every agreement comes back from its bytes, and two agreements never share them."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cotrain.agreement.document import Agreement, decode_agreement, parse_agreement
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.agreement.settlement import SettlementTerm
from cotrain.agreement.vocabulary import DUO_CODES, OPERATORS, PURPOSES
from cotrain.errors import MalformedError
from cotrain.identity.keys import Identity
from cotrain.testing.world import small_schema

PUBLISHED = Draft202012Validator(
    json.loads(
        (Path(__file__).parents[2] / "docs" / "spec" / "agreement.schema.json").read_text(
            encoding="utf-8"
        )
    )
)
DIDS = [Identity(bytes([number]) * 32, "").did for number in range(1, 7)]
ROLES = ("data_owner", "algorithm_developer", "compute_provider", "auditor", "model_demander")
texts = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=12
).filter(str.isprintable)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
times = st.integers(0, 253_402_300_799)
amounts = st.integers(0, 2**127 - 1).map(str)


@st.composite
def parties(draw: st.DrawFn, names: list[str]) -> list[dict[str, Any]]:
    owners = [
        {"name": name, "did": did, "roles": ["data_owner"]}
        for name, did in zip(names[:-1], DIDS, strict=False)
    ]
    more = draw(st.sampled_from(ROLES[1:-1]))
    hub = {"name": names[-1], "did": DIDS[-1], "roles": ["coordinator", more]}
    if draw(st.booleans()):
        hub["roles"] = [*hub["roles"], "model_demander"]
    return [*owners, hub]


addresses = st.integers(1, 2**160 - 1).map(lambda n: to_checksum_address(n.to_bytes(20, "big")))


@st.composite
def money(draw: st.DrawFn, people: list[dict[str, Any]]) -> dict[str, Any]:
    accounts = draw(
        st.lists(addresses, min_size=len(people), max_size=len(people), unique_by=str.lower)
    )
    for person, account in zip(people, accounts, strict=True):
        person["account"] = account
    rule = draw(st.sampled_from(["agreed", "equal"]))
    return {
        "chain_id": draw(st.integers(1, 2**53 - 1)),
        "contract": draw(addresses),
        "token": draw(addresses),
        "symbol": draw(st.from_regex(r"[A-Za-z0-9.]{1,16}", fullmatch=True)),
        "decimals": draw(st.integers(0, 18)),
        "price": draw(amounts),
        "rule": rule,
        "shares": draw(equal_shares(people) if rule == "equal" else agreed_shares(people)),
        "stake_owner": draw(amounts),
        "stake_coordinator": draw(amounts),
        "quorum": draw(st.integers(2, len(people))),
        "challenge_seconds": draw(st.integers(0, 365 * 86_400)),
        "use_price": draw(amounts),
        "transfer": draw(st.sampled_from(["members", "anyone"])),
        "parents": draw(parents()),
    }


@st.composite
def agreed_shares(draw: st.DrawFn, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of the parties divide the whole, in any order."""
    order = draw(st.permutations(people))[: draw(st.integers(1, len(people)))]
    cuts = draw(
        st.lists(
            st.integers(1, 9_999), min_size=len(order) - 1, max_size=len(order) - 1, unique=True
        )
    )
    ends = [0, *sorted(cuts), 10_000]
    return [
        {"did": person["did"], "basis_points": after - before}
        for person, before, after in zip(order, ends, ends[1:], strict=False)
    ]


@st.composite
def equal_shares(draw: st.DrawFn, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The owners, all but the last, get the same up to one point; the hub gets the rest."""
    owners = len(people) - 1
    each = draw(st.integers(1, 10_000 // owners))
    rest = 10_000 - each * owners
    points = [each] * owners
    if rest < owners:  # so little is left that it goes to some of the owners
        points = [each + (place < rest) for place in range(owners)]
        rest = 0
    parts = [*points, rest] if rest else points
    return [
        {"did": person["did"], "basis_points": part}
        for person, part in zip(people, parts, strict=False)
    ]


@st.composite
def parents(draw: st.DrawFn) -> list[dict[str, Any]]:
    models = draw(st.lists(addresses, max_size=4))
    return [{"model": m, "basis_points": draw(st.integers(1, 1_250))} for m in models]


decimals = st.one_of(
    st.integers(1, 10**9 - 1).map(str),
    st.builds(
        "{}.{}{}".format,
        st.integers(0, 10**9 - 1),
        st.from_regex(r"[0-9]{0,16}", fullmatch=True),
        st.integers(1, 9),
    ),
)
fractions = st.one_of(
    st.integers(1, 10**9 - 1).map(str),
    st.builds("{}/{}".format, st.integers(1, 10**9 - 1), st.integers(1, 10**9 - 1)),
)


def below_one(decimal: str) -> str:
    """A delta with the digits of a decimal."""
    return "0." + (decimal.replace(".", "")[-17:].rstrip("0") or "1")


KINDS = {"binary": "logistic", "classes": "softmax", "numeric": "linear"}


@st.composite
def schemas(draw: st.DrawFn, kind: str, bits: int) -> dict[str, Any]:
    """The columns of `small_schema` and any target."""
    targets: dict[str, dict[str, Any]] = {
        "binary": {"kind": "binary", "name": "y", "negative": "no", "positive": draw(texts) + "+"},
        "classes": {"kind": "classes", "name": "y", "categories": ["a", "b", "c"]},
        "numeric": {"kind": "numeric", "name": "y", "unit": "kg", "min": "-1", "max": "2.5"},
    }
    target = targets[kind]
    if kind == "numeric":
        target["residual_bits"] = bits
    value = small_schema().model_dump(mode="json", exclude_none=True)
    value["columns"][0]["missing"] = {"values": ["-9"], "replace_with": "0"}
    return value | {"target": target, "derived_from_data": draw(st.booleans())}


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    owners = draw(st.integers(3, 5))
    names = draw(st.lists(texts, min_size=owners + 1, max_size=owners + 1, unique=True))
    people = draw(parties(names))
    noise = draw(st.booleans())
    kind, bits = draw(st.sampled_from(list(KINDS))), draw(st.integers(4, 14))
    survivors = draw(st.integers(3, owners))
    value: dict[str, Any] = {
        "format": "cotrain/agreement/2",
        "nonce": draw(digests),
        "drafted": draw(times),
        "title": draw(texts),
        "purpose": draw(st.sampled_from(list(PURPOSES))),
        "duo": sorted(draw(st.sets(st.sampled_from(list(DUO_CODES))))),
        "parties": people,
        "data_schema": draw(schemas(kind, bits)),
        "algorithm": {
            "kind": KINDS[kind],
            "learning_rate": draw(fractions),
            "weight_decay": draw(st.one_of(st.just("0"), fractions)),
            "weight_bits": draw(st.integers(4, 20)),
            "weight_bound": draw(st.integers(1, 2**31 - 1)),
            "residual_bits": bits,
            "shift": draw(st.integers(0, 40)),
            "averaging": draw(st.sampled_from(["tail", "none"])),
        },
        "rounds": draw(st.integers(1, 100_000)),
        "privacy": {
            "noise": "skellam" if noise else "none",
            "epsilon": draw(decimals) if noise else "0",
            "delta": draw(decimals.map(below_one)) if noise else "0",
            "adjacency": "zero-out",
        },
        "quorum": {
            "survivors": survivors,
            "colluders": 1,
            "holders": owners,
            "holder_colluders": 1,
        },
        "assurance": draw(st.sampled_from(["proven", "recorded"])),
        "step_seconds": draw(st.integers(1, 10**7)),
        "expires": draw(times),
    }
    if "model_demander" in people[-1]["roles"] and draw(st.booleans()):
        value["settlement"] = draw(money(people))
        if value["assurance"] == "proven" and draw(st.booleans()):
            add_pool(draw, value)
    return parse_agreement(value)


def add_pool(draw: st.DrawFn, value: dict[str, Any]) -> None:
    """Take a part of the largest share for a pool."""
    largest = max(value["settlement"]["shares"], key=lambda share: share["basis_points"])
    if largest["basis_points"] < 2:
        return
    pool = draw(st.integers(1, largest["basis_points"] - 1))
    largest["basis_points"] -= pool
    value["settlement"]["rule"] = "agreed"
    rows = draw(st.binary(min_size=1, max_size=5)).ljust(10, b"\0") * draw(st.integers(1, 4))
    value["settlement"]["contribution"] = {
        "pool": pool,
        "floor": draw(st.integers(0, 100)),
        "epsilon": "0" if value["privacy"]["noise"] == "none" else LEAST,
        "rows": base64.b64encode(rows).decode(),
    }


LEAST = "0.000000000000000001"


def scores_part(agreement: Agreement) -> str:
    return "0" if agreement.privacy.noise == "none" else LEAST


@given(agreements())
def test_every_agreement_satisfies_the_published_schema(agreement: Agreement) -> None:
    PUBLISHED.validate(to_odrl(agreement))


TRY = settings(max_examples=2_000, database=None, derandomize=True, phases=[Phase.generate])

MET: dict[str, Callable[[Agreement], bool]] = {
    "no money": lambda a: a.settlement is None,
    "no noise": lambda a: a.privacy.noise == "none",
    "data uses": lambda a: len(a.duo) > 1,
    "a recorded run": lambda a: not a.is_proven,
    "a model of classes": lambda a: a.algorithm.kind == "softmax",
    "a model of numbers": lambda a: a.algorithm.kind == "linear",
    "equal shares": lambda a: a.settlement is not None and a.settlement.rule == "equal",
    "a party without a share": lambda a: (
        a.settlement is not None and len(a.settlement.shares) < len(a.parties)
    ),
    "parents": lambda a: a.settlement is not None and len(a.settlement.parents) > 1,
    "free shares": lambda a: a.settlement is not None and a.settlement.transfer == "anyone",
    "a pool divided by scores": lambda a: a.settlement is not None and a.settlement.pool > 0,
    "a price of nothing": lambda a: a.settlement is not None and a.settlement.price == "0",
    "every limit of a rule": lambda a: (
        set(OPERATORS) == set(re.findall(r'"leftOperand":"([^"]*)"', a.data.decode()))
    ),
}


@pytest.mark.parametrize("name", list(MET))
def test_such_agreements_are_among_those_that_are_tried(name: str) -> None:
    find(agreements(), MET[name], settings=TRY)


SETTLEMENT: dict[str, Any] = {
    "chain_id": 1,
    "contract": "0x" + 40 * "1",
    "token": "0x" + 40 * "2",
    "symbol": "EURO",
    "decimals": 2,
    "price": "17",
    "rule": "equal",
    "shares": [{"did": did, "basis_points": 2_500} for did in (*DIDS[:3], DIDS[-1])],
    "stake_owner": "18",
    "stake_coordinator": "19",
    "quorum": 3,
    "challenge_seconds": 20,
    "use_price": "21",
    "transfer": "anyone",
    "parents": [{"model": "0x" + 40 * "3", "basis_points": 22}],
    "contribution": {"pool": 2_500, "floor": 30, "epsilon": "0", "rows": 3 * 10 * "AAAA"},
}
"""Another value for each money term of `paid`."""


def paid() -> Agreement:
    """Return a proven agreement with money between three owners and a hub."""
    found = find(
        agreements(),
        lambda a: a.settlement is not None and len(a.parties) == 4 and a.is_proven,
        settings=TRY,
    )
    shares = [{"did": DIDS[0], "basis_points": 4_000}, {"did": DIDS[-1], "basis_points": 6_000}]
    base = {"price": "0", "use_price": "0", "stake_owner": "0", "stake_coordinator": "0"}
    base |= {"rule": "agreed", "transfer": "members", "symbol": "A"}
    more = {"chain_id": 7, "contract": "0x" + 40 * "7", "token": "0x" + 40 * "8", "decimals": 0}
    more |= {"shares": shares, "quorum": 2, "challenge_seconds": 0, "parents": []}
    return parse_agreement(found.terms | {"settlement": base | more})


def test_each_money_term_has_its_place_in_the_policy() -> None:
    """One term changed, in whatever place it stands: another policy, from which that very term comes back."""
    before = paid()
    assert set(SETTLEMENT) == set(SettlementTerm.model_fields)
    for name, value in SETTLEMENT.items():
        changes = {name: value}
        if name == "rule":
            changes["shares"] = SETTLEMENT["shares"]
        if name == "contribution":
            changes["shares"] = SETTLEMENT["shares"][:3]
            changes["contribution"] |= {"epsilon": scores_part(before)}
        terms = before.terms
        after = parse_agreement(terms | {"settlement": terms["settlement"] | changes})
        again = decode_agreement(after.data)
        assert again.terms["settlement"] == terms["settlement"] | changes
        assert again.terms["settlement"][name] != terms["settlement"].get(name)
        assert after.data != before.data


@given(agreements())
def test_every_agreement_comes_back_from_its_policy(agreement: Agreement) -> None:
    again = decode_agreement(agreement.data)
    assert again == agreement
    assert again.data == agreement.data
    assert to_odrl(from_odrl(to_odrl(agreement))) == to_odrl(agreement)


@given(agreements(), agreements())
def test_two_agreements_never_share_a_policy(one: Agreement, other: Agreement) -> None:
    assert (one == other) == (one.data == other.data)


@given(agreements(), st.data())
def test_a_policy_with_any_leaf_changed_is_refused_or_is_another_agreement(
    agreement: Agreement, data: st.DataObject
) -> None:
    policy = to_odrl(agreement)
    holder, key = data.draw(st.sampled_from(leaves(policy)))
    old = holder[key]
    holder[key] = data.draw(st.one_of(texts, st.integers(0, 9), st.booleans(), st.just([])))
    try:
        read = from_odrl(policy)
    except MalformedError:
        return
    if type(holder[key]) is type(old) and holder[key] == old:
        assert read == agreement
    else:
        assert read != agreement
        assert read.digest != agreement.digest


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Return where the texts and numbers of a JSON value stand."""
    if isinstance(value, dict):
        places: list[tuple[Any, Any]] = [(value, key) for key in sorted(value)]
    else:
        places = [(value, number) for number in range(len(value))]
    found = []
    for holder, key in places:
        inner = holder[key]
        found += leaves(inner) if isinstance(inner, dict | list) else [(holder, key)]
    return found
