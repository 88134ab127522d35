"""The policy is a bijection: every agreement comes back from its bytes, and two agreements never share them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cotrain.agreement.document import Agreement, decode_agreement, parse_agreement
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.agreement.vocabulary import DUO_CODES, PURPOSES
from cotrain.errors import MalformedError
from cotrain.identity.keys import Identity
from cotrain.testing.world import small_schema

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


@st.composite
def money(draw: st.DrawFn, people: list[dict[str, Any]]) -> dict[str, Any]:
    for number, person in enumerate(people):
        person["account"] = "0x" + f"{number + 1:040d}"
    first = draw(st.integers(1, 9_999))
    return {
        "chain_id": draw(st.integers(1, 2**53 - 1)),
        "contract": "0x" + 40 * "7",
        "token": "0x" + 40 * "8",
        "symbol": "CREDIT",
        "decimals": draw(st.integers(0, 18)),
        "price": draw(amounts),
        "rule": "agreed",
        "shares": [
            {"did": people[0]["did"], "basis_points": first},
            {"did": people[-1]["did"], "basis_points": 10_000 - first},
        ],
        "stake_owner": draw(amounts),
        "stake_coordinator": draw(amounts),
        "quorum": draw(st.integers(2, len(people))),
        "challenge_seconds": draw(st.integers(0, 10**6)),
        "use_price": draw(amounts),
        "transfer": draw(st.sampled_from(["members", "anyone"])),
        "parents": [],
    }


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    owners = draw(st.integers(3, 5))
    names = draw(st.lists(texts, min_size=owners + 1, max_size=owners + 1, unique=True))
    people = draw(parties(names))
    noise = draw(st.booleans())
    value = {
        "format": "cotrain/agreement/2",
        "nonce": draw(digests),
        "drafted": draw(times),
        "title": draw(texts),
        "purpose": draw(st.sampled_from(list(PURPOSES))),
        "duo": sorted(draw(st.sets(st.sampled_from(list(DUO_CODES))))),
        "parties": people,
        "data_schema": small_schema().model_dump(mode="json", exclude_none=True),
        "algorithm": {
            "kind": "logistic",
            "learning_rate": "1/2",
            "weight_decay": "0",
            "weight_bits": 12,
            "weight_bound": draw(st.integers(1, 2**31 - 1)),
            "residual_bits": 12,
            "shift": draw(st.integers(0, 40)),
            "averaging": draw(st.sampled_from(["tail", "none"])),
        },
        "rounds": draw(st.integers(1, 100_000)),
        "privacy": {
            "noise": "skellam" if noise else "none",
            "epsilon": draw(st.sampled_from(["0.5", "1", "12.25"])) if noise else "0",
            "delta": "0.00001" if noise else "0",
            "adjacency": "zero-out",
        },
        "quorum": {"survivors": 3, "colluders": 1, "holders": owners, "holder_colluders": 1},
        "assurance": draw(st.sampled_from(["proven", "recorded"])),
        "step_seconds": draw(st.integers(1, 10**7)),
        "expires": draw(times),
    }
    if "model_demander" in people[-1]["roles"] and draw(st.booleans()):
        value["settlement"] = draw(money(people))
    return parse_agreement(value)


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
