"""Write docs/spec/agreement.schema.json, a JSON Schema (2020-12) of the agreement as it is signed.

Words, patterns and limits are taken from the code that reads agreements, so the two cannot drift apart; the order of
rules and limits is that of `cotrain.agreement.policy`. `tests/unit/test_agreement_schema.py` compares it with the
reader.
"""
# ruff: noqa: INP001

import json
from pathlib import Path
from typing import Any, get_args

from cotrain.agreement.document import Agreement, Assurance, Purpose
from cotrain.agreement.policy import IN_RULES, MONEY_IN_RULES
from cotrain.agreement.settlement import SettlementTerm
from cotrain.agreement.vocabulary import (
    AGREEMENT_URN,
    CONTEXT,
    DUO_CODES,
    EXCLUDE,
    HOLD,
    OBO,
    OPERATORS,
    PROFILE,
    PROVE,
    PURPOSES,
    QUERY,
    REIDENTIFY,
    REVOCATION,
    TERMS,
    TRAIN,
)

FILE = Path(__file__).with_name("agreement.schema.json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMENT = (
    "Written by docs/spec/generate_agreement_schema.py; do not edit. What it accepts may still be refused: rules "
    "between terms are checked by the reader only (docs/spec/agreement.md, section Steps)."
)
TIME = (
    r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
)
TOKEN = r"^eip155:[1-9][0-9]{0,15}/erc20:0x[0-9a-fA-F]{40}$"  # noqa: S105 - money, no secret
NAMES = "$defs"

Node = dict[str, Any]


def schema() -> Node:
    """Return the whole schema."""
    made = Agreement.model_json_schema(ref_template="#/$defs/{model}")
    models = {name: _strict(model) for name, model in made.pop(NAMES).items()}
    terms = _strict(made)
    definitions = {
        **{name: models[name] for name in sorted(models)},
        "terms": _terms(terms, models),
        "limits": _limits(terms, models),
        "price": _payment(models, "price"),
        "use_price": _payment(models, "use_price"),
    }
    for name in ("PrivacyTerm", "QuorumTerm", "SettlementTerm"):  # a part of each stands in rules
        del definitions[name]
    return {
        "$schema": DIALECT,
        "$comment": COMMENT,
        "title": "Agreement",
        **_object(
            {
                "@context": {"const": [CONTEXT]},
                "@type": {"const": "Agreement"},
                "@id": _urn(""),
                "profile": {"const": PROFILE},
                "assigner": _urn("#owners"),
                "assignee": {"anyOf": [_property(models, "PartyTerm", "did"), _urn("#parties")]},
                "target": _urn("#datasets"),
                "timestamp": {"type": "string", "pattern": TIME},
                "permission": {"type": "array"},
                "prohibition": {"const": [{"action": REIDENTIFY}, {"action": "distribute"}]},
                "obligation": {"const": [_obligation()]},
                TERMS: _object({"@type": {"const": "@json"}, "@value": _ref("terms")}),
            }
        ),
        "if": {"properties": {TERMS: {"properties": {"@value": {"required": ["settlement"]}}}}},
        "then": _with_accounts(_paid_permissions(), _has("account")),
        "else": _with_accounts(_list_of([_train(paid=False)]), {"not": _has("account")}),
        NAMES: definitions,
    }


def _strict(node: Any) -> Any:
    """Return a model's schema as it is signed: every default is written out, what is None is left out."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if {"type": "null"} in node.get("anyOf", []):
        (node,) = (item for item in node["anyOf"] if item != {"type": "null"})
        return _strict(node)
    kept = {
        name: _strict(item)
        for name, item in node.items()
        if name not in {"default", "title", "description", "discriminator", "required"}
    }
    if node.get("type") == "object":
        fields = node["properties"]
        kept["properties"] = {name: _strict(field) for name, field in fields.items()}
        kept["required"] = sorted(name for name, field in fields.items() if not _may_miss(field))
    return kept


def _may_miss(field: Node) -> bool:
    return {"type": "null"} in field.get("anyOf", [])


def _terms(agreement: Node, models: dict[str, Node]) -> Node:
    """Return what stands under `terms`: all but the terms that stand in rules."""
    terms = _without(agreement, IN_RULES)
    terms["properties"] |= {
        "privacy": _without(models["PrivacyTerm"], ("noise", "epsilon", "delta")),
        "quorum": _without(models["QuorumTerm"], ("survivors",)),
        "settlement": _without(models["SettlementTerm"], MONEY_IN_RULES),
    }
    return terms


def _without(model: Node, names: tuple[str, ...]) -> Node:
    return {
        **model,
        "properties": {n: field for n, field in model["properties"].items() if n not in names},
        "required": [name for name in model["required"] if name not in names],
    }


def _limits(terms: Node, models: dict[str, Node]) -> Node:
    """Return the limits of training: one list for each choice of data uses and noise."""
    survivors = models["QuorumTerm"]["properties"]["survivors"]
    purpose = [
        _limit("purpose", {"enum": sorted(set(PURPOSES.values()))}),
        _limit(PROFILE + "purpose", _words(get_args(Purpose))),
    ]
    codes = [OBO + code.replace(":", "_") for code in DUO_CODES]
    uses = {"type": "array", "items": {"enum": codes}, "minItems": 1, "uniqueItems": True}
    middle = [
        _limit("dateTime", {"type": "string", "pattern": TIME}),
        _limit("count", _whole(terms["properties"]["rounds"]["maximum"])),
        _limit(PROFILE + "algorithm", {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}),
    ]
    noises = {
        "none": [_limit(PROFILE + "noise", _words(["none"]))],
        "skellam": [
            _limit(PROFILE + "noise", _words(["skellam"])),
            *(
                _limit(PROFILE + name, _property(models, "PrivacyTerm", name))
                for name in ("epsilon", "delta")
            ),
        ],
    }
    end = [
        _limit(PROFILE + "minimumGroup", _whole(survivors["exclusiveMaximum"] - 1)),
        _limit(PROFILE + "assurance", _words(get_args(Assurance))),
    ]
    return {
        "anyOf": [
            _list_of([*purpose, *use, *middle, *noise, *end])
            for use in ([], [_limit(PROFILE + "dataUse", uses)])
            for noise in noises.values()
        ]
    }


def _with_accounts(permission: Node, party: Node) -> Node:
    """Return what money, or its absence, means for the rules and for each party."""
    parties = {"properties": {"parties": {"items": party}}}
    terms = {"properties": {"@value": parties}}
    return {"properties": {"permission": permission, TERMS: terms}}


def _train(*, paid: bool) -> Node:
    """Return the permission to train: its duty to prove follows from the assurance."""
    payment = [_ref("price")] if paid else []
    proven = _list_of([_object({"action": {"const": PROVE}}), *payment])
    rule = _object({"action": {"const": TRAIN}, "constraint": _ref("limits"), "duty": {}})
    if not paid:
        rule["required"].remove("duty")
    recorded = {"properties": {"duty": _list_of(payment)}} if paid else {"not": _has("duty")}
    promised = {"properties": {"rightOperand": {"const": PROFILE + "proven"}}}
    return {
        **rule,
        "if": {"properties": {"constraint": {"contains": promised}}},
        "then": {**_has("duty"), "properties": {"duty": proven}},
        "else": recorded,
    }


def _paid_permissions() -> Node:
    words = get_args(SettlementTerm.model_fields["transfer"].annotation)
    query = {"action": {"const": QUERY}, "duty": _list_of([_ref("use_price")])}
    hold = {
        "action": {"const": HOLD},
        "constraint": _list_of([_limit("recipient", _words(words))]),
    }
    return _list_of([_train(paid=True), _object(query), _object(hold)])


def _payment(models: dict[str, Node], term: str) -> Node:
    limits = [
        _limit("payAmount", _property(models, "SettlementTerm", term)),
        _limit(PROFILE + "token", {"type": "string", "pattern": TOKEN}),
    ]
    return _object({"action": {"const": "compensate"}, "constraint": _list_of(limits)})


def _obligation() -> Node:
    limit = {"leftOperand": "event", "operator": OPERATORS["event"], "rightOperand": REVOCATION}
    return {"action": EXCLUDE, "constraint": [limit]}


def _limit(operand: str, value: Node) -> Node:
    return _object(
        {
            "leftOperand": {"const": operand},
            "operator": {"const": OPERATORS[operand]},
            "rightOperand": value,
        }
    )


def _object(properties: Node) -> Node:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _list_of(items: list[Node]) -> Node:
    """Return the schema of a list of exactly these, in this order."""
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}


def _property(models: dict[str, Node], model: str, name: str) -> Any:
    return models[model]["properties"][name]


def _words(words: Any) -> Node:
    return {"enum": [PROFILE + word for word in words]}


def _whole(maximum: int) -> Node:
    """Return the schema of a text that is a whole number from 1 to the maximum, without a needless zero."""
    digits = str(maximum)
    shorter = [f"[1-9][0-9]{{0,{len(digits) - 2}}}"] if len(digits) > 1 else []
    lower = [
        f"{digits[:place]}[{int(place == 0)}-{int(digit) - 1}][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if int(digit) > int(place == 0)
    ]
    return {"type": "string", "pattern": f"^({'|'.join([*shorter, *lower, digits])})$"}


def _urn(part: str) -> Node:
    return {"type": "string", "pattern": f"^{AGREEMENT_URN}[0-9a-f]{{64}}{part}$"}


def _has(name: str) -> Node:
    return {"required": [name]}


def _ref(name: str) -> Node:
    return {"$ref": f"#/{NAMES}/{name}"}


def document() -> str:
    """Return the text of the file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"wrote {FILE.name}")  # noqa: T201 - a script
