"""The JSON Schema of the agreement says what the reader says, except for rules between terms, which are named here."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cotrain.agreement.document import Agreement, PartyTerm, decode_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.agreement.schema import Schema, load_schema, parse_schema
from cotrain.agreement.templates import TEMPLATES
from cotrain.agreement.vocabulary import PROFILE, TERMS
from cotrain.data import heart
from cotrain.errors import CotrainError, MalformedError
from cotrain.identity.keys import Identity
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes, draft_settlement
from cotrain.testing.determinism import ManualClock, SeededEntropy

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "spec" / "agreement.schema.json"
SCHEMA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
RECORDS = json.loads((ROOT / "vectors" / "records" / "v1.json").read_text(encoding="utf-8"))
MONEY = json.loads((ROOT / "vectors" / "agreement" / "v1.json").read_text(encoding="utf-8"))

READER_ONLY = {
    # Who is who.
    "two coordinators",
    "an identity twice",
    "a name twice",
    "an account twice",
    "nobody who pays",
    "two who pay",
    "another demander than the one named",
    # Numbers that must fit together.
    "a sum of one honest owner",
    "more survivors than owners",
    "more holders than owners",
    "a threshold above the holders",
    "noise without a budget",
    "shares below the whole",
    "shares above the whole",
    "a share twice",
    "a stranger's share",
    "equal shares that differ",
    "a release by no more than collude",
    "a release by more than there are",
    "parents that get more than half",
    # What needs arithmetic or a hash.
    "another algorithm than the one hashed",
    "an amount of 2^127",
    "a contract with a letter of the wrong case",
}
"""Vectors that only the reader refuses: rules between terms, and what a pattern cannot say."""

NOT_JSON = {"a newline at the end"}
BAD = [
    (case["name"], json.loads(data))
    for case, data in (
        *((case, bytes.fromhex(case["data"])) for case in RECORDS["bad_agreements"]),
        *((case, case["data"].encode()) for case in MONEY["bad_money"]),
    )
    if case["name"] not in NOT_JSON
]


def accepts(policy: Any) -> bool:
    """Return whether the schema does."""
    return bool(VALIDATOR.is_valid(policy))


def reads(policy: Any) -> bool:
    """Return whether the reader does."""
    try:
        from_odrl(policy)
    except MalformedError:
        return False
    return True


def drafted(schema: Schema, wishes: Wishes, *, paid: bool) -> Agreement:
    """Return an agreement of three owners and a coordinator that orders the model."""
    people = [Identity(bytes([number]) * 32, f"Party {number}") for number in range(1, 5)]
    parties = [
        PartyTerm(
            name=person.name,
            did=person.did,
            roles=["data_owner"] if person is not people[-1] else ["coordinator", "model_demander"],
            account=account_of(person).address if paid else None,
        )
        for person in people
    ]
    money = None
    if paid:
        money = draft_settlement(parties, MoneyWishes(price=10, stake_owner=1), colluders=1)
        money["parents"] = [{"model": parties[0].account, "basis_points": 5}]
    return draft_agreement(
        schema, parties, wishes, entropy=SeededEntropy("1"), clock=ManualClock(), settlement=money
    )


def of_template(name: str, *, paid: bool) -> Agreement:
    template = TEMPLATES[name]
    wishes = Wishes(
        title=name,
        purpose=template.purpose,
        duo=template.duo,
        rounds=template.rounds,
        epsilon=template.epsilon,
        delta=template.delta,
        assurance=template.assurance,
        days=template.days,
    )
    return drafted(load_schema(heart.SCHEMA_PATH), wishes, paid=paid)


def test_the_generator_still_makes_the_file() -> None:
    path = FILE.with_name("generate_agreement_schema.py")
    spec = importlib.util.spec_from_file_location("generate_agreement_schema", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.document() == FILE.read_text(encoding="utf-8")


def test_it_is_a_schema_of_the_2020_dialect() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("paid", [False, True])
@pytest.mark.parametrize("name", list(TEMPLATES))
def test_every_template_satisfies_it(name: str, paid: bool) -> None:
    VALIDATOR.validate(to_odrl(of_template(name, paid=paid)))


def test_the_vectors_satisfy_it() -> None:
    for case in (RECORDS["agreement"], MONEY["money"]):
        VALIDATOR.validate(json.loads(case["data"]))
    for talks in MONEY["negotiations"]:
        for line in talks["data"].splitlines():
            policy = json.loads(line)["policy"]
            assert policy is None or accepts(policy)


@pytest.mark.parametrize(("name", "policy"), BAD, ids=[name for name, _ in BAD])
def test_bad_vectors_are_refused_by_both_or_are_named(name: str, policy: Any) -> None:
    assert not reads(policy)
    assert accepts(policy) == (name in READER_ONLY)


def test_every_exception_is_a_vector() -> None:
    assert {name for name, _ in BAD} >= READER_ONLY


def schema_of_all_kinds(kind: str) -> Schema:
    """Return a schema with columns of every kind and each of their rules."""
    missing = {"values": ["-9"], "replace_with": "0"}
    target = {
        "binary": {"kind": "binary", "name": "y"},
        "classes": {"kind": "classes", "name": "y", "categories": ["a", "b", "c"]},
        "numeric": {"kind": "numeric", "name": "y", "unit": "kg", "min": "-2.5", "max": "3"},
    }[kind]
    number = {"kind": "numeric", "name": "a", "unit": "mm Hg", "min": "-1.5", "max": "1"}
    value = {
        "format": "cotrain/schema/1",
        "name": "every kind",
        "columns": [
            {**number, "missing": missing},
            {"kind": "category", "name": "b", "categories": ["x", "z"]},
            {"kind": "flag", "name": "c", "missing": missing},
            {"kind": "indicator", "name": "d"},
        ],
        "target": target,
    }
    return parse_schema(json.dumps(value))


@pytest.mark.parametrize("kind", ["binary", "classes", "numeric"])
def test_every_kind_of_column_and_model_satisfies_it(kind: str) -> None:
    for epsilon in (None, "1"):
        wishes = Wishes("Kinds", epsilon=epsilon)
        VALIDATOR.validate(to_odrl(drafted(schema_of_all_kinds(kind), wishes, paid=False)))


Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Yield where everything stands in a JSON value, itself included."""
    yield path
    if isinstance(value, dict):
        for name in sorted(value):
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def at(value: Any, path: Place) -> Any:
    for part in path:
        value = value[part]
    return value


Change = Callable[[dict[str, Any]], object]


def put(path: Place, value: object) -> Change:
    return lambda policy: at(policy, path[:-1]).__setitem__(path[-1], value)


WISHES = Wishes("Full", purpose="clinical-research")
FULL = drafted(schema_of_all_kinds("binary"), WISHES, paid=True).data


def full() -> dict[str, Any]:
    """Return a policy in which every property stands."""
    return dict(json.loads(FULL))


PLACES = list(places(full()))


def refused_by_both(change: Callable[[dict[str, Any]], object]) -> None:
    policy = full()
    change(policy)
    assert json.dumps(policy) != json.dumps(full())  # 1 is not true
    assert not reads(policy)
    assert not accepts(policy)


def test_a_full_agreement_is_accepted_by_both() -> None:
    assert reads(full())
    assert accepts(full())


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_an_unknown_property_anywhere_is_refused_by_both(path: Place) -> None:
    if isinstance(at(full(), path), dict):
        refused_by_both(lambda policy: at(policy, path).update(unknown="1"))
    else:
        refused_by_both(lambda policy: at(policy, path[:-1]).__setitem__(path[-1], {"unknown": 1}))


@pytest.mark.parametrize("path", PLACES[1:], ids=lambda path: ".".join(map(str, path)))
def test_a_property_missing_anywhere_is_refused_by_both(path: Place) -> None:
    if isinstance(path[-1], str) and path[-1] != "missing":
        refused_by_both(lambda policy: at(policy, path[:-1]).pop(path[-1]))


@pytest.mark.parametrize("path", PLACES[1:], ids=lambda path: ".".join(map(str, path)))
def test_another_type_anywhere_is_refused_by_both(path: Place) -> None:
    found = at(full(), path)
    wrong = [None, True, 7, 1.5, "seven", [7]]
    for value in wrong:
        if type(value) is type(found) and not isinstance(found, list):
            continue
        refused_by_both(put(path, value))


def limit(place: int, **fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda policy: policy["permission"][0]["constraint"][place].update(fields)


def term(holder: str, name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda policy: policy[TERMS]["@value"][holder].update({name: value})


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown operand": limit(3, leftOperand="spatial"),
    "a wrong operator": limit(4, operator="lt"),
    "a unit": limit(3, unit="s"),
    "rounds with a needless zero": limit(4, rightOperand="020"),
    "rounds above the most": limit(4, rightOperand="100001"),
    "an expiry with an offset": limit(3, rightOperand="2026-01-31T12:00:00+01:00"),
    "an expiry of month 13": limit(3, rightOperand="2026-13-01T12:00:00Z"),
    "a delta with an exponent": limit(8, rightOperand="1e-5"),
    "a purpose of another profile": limit(1, rightOperand="urn:x#education"),
    "a group of nobody": limit(9, rightOperand="0"),
    "an assurance that does not exist yet": limit(10, rightOperand=PROFILE + "attested"),
    "a recorded run that promises proofs": limit(10, rightOperand=PROFILE + "recorded"),
    "a role twice": lambda p: p[TERMS]["@value"]["parties"][0].update(roles=["data_owner"] * 2),
    "a name that ends with a blank": lambda p: p[TERMS]["@value"].update(title="Full "),
    "a stake in another unit": term("settlement", "stake_owner", "1 CREDIT"),
    "a stake with a point": term("settlement", "stake_owner", "0.5"),
    "a share in percent": lambda p: p[TERMS]["@value"]["settlement"]["shares"][0].update(
        basis_points="33%"
    ),
    "a column's bound as a number of another spelling": lambda p: p[TERMS]["@value"]["data_schema"][
        "columns"
    ][0].update(min="-1.50"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_wrong_values_are_refused_by_both(name: str) -> None:
    refused_by_both(WRONG[name])


def test_the_schema_refuses_what_a_lenient_reader_would_skip() -> None:
    """The comparison above is worth something only if the reader is no schema itself."""
    with pytest.raises(CotrainError):
        decode_agreement(b"{}")
    assert not accepts({})
