"""An agreement as an ODRL policy: what is not understood is named and refused; nothing can be said in two ways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.document import Agreement
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.agreement.vocabulary import HOLD, OPERATORS, PROFILE, TERMS
from cotrain.errors import MalformedError
from cotrain.settlement.draft import MoneyWishes
from cotrain.testing.world import build_world

Edit = Callable[[dict[str, Any]], object]
DSP_OPERATORS = {
    "eq", "gt", "gteq", "lteq", "hasPart", "isA", "isAllOf", "isAnyOf", "isNoneOf", "isPartOf", "lt",
    "term-lteq", "neq",
}  # fmt: skip


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    return build_world(
        tmp_path_factory.mktemp("odrl"), money=MoneyWishes(price=10), assurance="proven"
    ).agreement


def limit(place: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda policy: policy["permission"][0]["constraint"][place]


def terms_of(policy: dict[str, Any]) -> Any:
    return policy[TERMS]["@value"]


def more(operand: str, operator: str, value: object) -> Edit:
    added = {"leftOperand": operand, "operator": operator, "rightOperand": value}
    return lambda p: p["permission"][0]["constraint"].append(added)


UNKNOWN: dict[str, tuple[Edit, str]] = {
    "an operand": (more("spatial", "eq", "EU"), "operand 'spatial'"),
    "an operand of another profile": (more("urn:other#x", "eq", "1"), "operand 'urn:other#x'"),
    "an operator": (lambda p: limit(2)(p).update(operator="gteq"), "operator 'gteq'"),
    "an action": (lambda p: p["permission"][0].update(action="sell"), "action 'sell'"),
    "an action as an object": (lambda p: p["permission"][0].update(action={}), "no text"),
    "a prohibition": (lambda p: p["prohibition"].append({"action": "print"}), "'print'"),
    "an obligation": (lambda p: p["obligation"][0].update(action="delete"), "action 'delete'"),
    "a duty": (lambda p: p["permission"][0]["duty"][0].update(action="attribute"), "'attribute'"),
    "a property": (lambda p: p.update(inheritFrom="urn:x"), "property 'inheritFrom'"),
    "a property of a rule": (lambda p: p["permission"][0].update(target="x"), "'target'"),
    "a remedy": (lambda p: p["prohibition"][0].update(remedy=[]), "property 'remedy'"),
    "a consequence": (
        lambda p: p["permission"][0]["duty"][0].update(consequence=[]),
        "consequence",
    ),
    "a unit": (lambda p: limit(2)(p).update(unit="x"), "property 'unit'"),
    "a logical constraint": (
        lambda p: p["permission"][0]["constraint"].append({"or": []}),
        "property 'or'",
    ),
    "another context": (lambda p: p.update({"@context": ["https://example.org"]}), "@context"),
    "an offer": (lambda p: p.update({"@type": "Offer"}), "@type"),
    "another profile": (lambda p: p.update(profile="urn:cotrain:odrl:2#"), "profile"),
    "a value of another profile": (lambda p: limit(5)(p).update(rightOperand="x"), "no word of"),
    "a permission that is no list": (lambda p: p.update(permission={}), "no list"),
    "a missing operand": (lambda p: p["permission"][0]["constraint"].pop(2), "'dateTime'"),
    "an operand twice": (lambda p: p["permission"][0]["constraint"].append(limit(2)(p)), "twice"),
    "a rule twice": (lambda p: p["permission"].append(p["permission"][0]), "2 rules"),
    "no training": (lambda p: p["permission"].pop(0), "0 rules"),
    "a missing header": (lambda p: p.pop("timestamp"), "'timestamp'"),
    "a term in two places": (lambda p: terms_of(p).update(rounds=2), "'rounds' stands"),
    "a price in two places": (lambda p: terms_of(p)["settlement"].update(price="1"), "'price' st"),
    "terms that are no literal": (lambda p: p[TERMS].update({"@type": "@id"}), "@json"),
    "terms that are no object": (lambda p: p[TERMS].update({"@value": []}), "no object"),
    "no quorum": (lambda p: terms_of(p).pop("quorum"), "no object 'quorum'"),
    "money that is a text": (lambda p: terms_of(p).update(settlement="x"), "settlement"),
}

REFUSED: dict[str, Edit] = {
    "a count that is no number": lambda p: limit(3)(p).update(rightOperand="ten"),
    "a count of another script": lambda p: limit(3)(p).update(rightOperand="\u0663"),
    "a time that is none": lambda p: limit(2)(p).update(rightOperand="tomorrow"),
    "an unknown purpose": lambda p: limit(1)(p).update(rightOperand=PROFILE + "fun"),
    "an unknown term": lambda p: terms_of(p).update(extra=1),
    "another format": lambda p: terms_of(p).update(format="cotrain/agreement/1"),
    "an unknown holder": lambda p: p["permission"][2]["constraint"][0].update(
        rightOperand=PROFILE + "nobody"
    ),
}

CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "another broader purpose": (
        lambda p: limit(0)(p).update(rightOperand="https://w3id.org/dpv#Marketing"),
        "constraint > 1 > rightOperand",
    ),
    "another algorithm": (
        lambda p: limit(4)(p).update(rightOperand="sha256:" + 64 * "0"),
        "constraint > 5 > rightOperand",
    ),
    "another consumer": (lambda p: p.update(assignee="did:key:z6Mk"), "assignee"),
    "another provider": (lambda p: p.update(assigner=p["assignee"]), "assigner"),
    "another target": (lambda p: p.update(target="urn:x"), "target"),
    "another token": (
        lambda p: p["permission"][0]["duty"][1]["constraint"][1].update(rightOperand="eip155:1"),
        "rightOperand",
    ),
    "a duty left out": (lambda p: p["permission"][0]["duty"].pop(0), "duty"),
    "a prohibition left out": (lambda p: p["prohibition"].pop(), "prohibition"),
    "an empty list of duties": (lambda p: p["permission"][2].update(duty=[]), "permission > 3"),
    "rules in another order": (lambda p: p["permission"].reverse(), "permission > 1"),
    "a count with a zero before": (lambda p: limit(3)(p).update(rightOperand="02"), "rightOperand"),
    "a time of another zone": (
        lambda p: p.update(timestamp="2023-11-15T00:13:20+0200"),
        "timestamp",
    ),
    "a name without its prefix": (lambda p: p.update({"@id": p["@id"][-64:]}), "@id"),
}


def changed(agreement: Agreement, edit: Edit) -> Any:
    policy = to_odrl(agreement)
    edit(policy)
    assert policy != to_odrl(agreement)
    return policy


@pytest.mark.parametrize("name", list(UNKNOWN))
def test_what_is_not_understood_is_named(name: str, agreement: Agreement) -> None:
    edit, what = UNKNOWN[name]
    with pytest.raises(MalformedError) as caught:
        from_odrl(changed(agreement, edit))
    assert caught.value.code == "agreement-not-understood"
    assert what.replace("no word", "not a word") in str(caught.value)
    assert "signs only what" in caught.value.meaning


@pytest.mark.parametrize("name", list(REFUSED))
def test_values_that_are_refused(name: str, agreement: Agreement) -> None:
    with pytest.raises(MalformedError) as caught:
        from_odrl(changed(agreement, REFUSED[name]))
    assert caught.value.code == "agreement-refused-term"


@pytest.mark.parametrize("name", list(CONTRADICTIONS))
def test_a_policy_cannot_say_one_thing_twice_or_in_two_ways(
    name: str, agreement: Agreement
) -> None:
    edit, where = CONTRADICTIONS[name]
    with pytest.raises(MalformedError) as caught:
        from_odrl(changed(agreement, edit))
    assert caught.value.code == "agreement-not-canonical"
    assert where in str(caught.value)


def test_both_ways_lead_back(agreement: Agreement) -> None:
    assert from_odrl(to_odrl(agreement)) == agreement
    assert to_odrl(agreement) == to_odrl(agreement)
    to_odrl(agreement)["permission"].clear()
    assert to_odrl(agreement)["permission"]


def test_without_money_the_policy_pays_nobody(tmp_path: Path) -> None:
    policy = to_odrl(build_world(tmp_path).agreement)
    assert len(policy["permission"]) == 1
    assert "duty" not in policy["permission"][0]
    assert "settlement" not in terms_of(policy)
    assert not any(HOLD in str(part) for part in policy.values())


def test_only_operators_of_the_dataspace_protocol_are_used() -> None:
    assert set(OPERATORS.values()) <= DSP_OPERATORS
