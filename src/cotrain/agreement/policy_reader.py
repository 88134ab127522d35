"""Reading a policy back into terms, strictly: what is not understood is named and refused.

`read` is the inverse of `cotrain.agreement.policy.render` on the policies that `render` makes. It checks the words;
that the terms fit together, and that writing them again gives the same bytes, is checked by
`cotrain.agreement.document.decode_agreement`. Spec: docs/spec/agreement.md.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NoReturn

from cotrain.agreement.policy import IN_RULES, MONEY_IN_RULES
from cotrain.agreement.vocabulary import (
    ACTIONS,
    AGREEMENT_URN,
    CONTEXT,
    HOLD,
    OBO,
    OPERATORS,
    PROFILE,
    QUERY,
    TERMS,
    TRAIN,
)
from cotrain.errors import MalformedError

_PROPERTIES: Final = frozenset(
    {"@context", "@type", "@id", "profile", "assigner", "assignee", "target", "timestamp"}
    | {"permission", "prohibition", "obligation", TERMS}
)
_CONSTRAINT: Final = frozenset({"leftOperand", "operator", "rightOperand"})
_PARTS: Final = {
    "permission": frozenset({"action", "constraint", "duty"}),
    "prohibition": frozenset({"action"}),
    "obligation": frozenset({"action", "constraint"}),
    "duty": frozenset({"action", "constraint"}),
}


def read(policy: Any) -> dict[str, Any]:
    """Return the terms of a policy.

    Raises:
        MalformedError: ``agreement-not-understood``: an action, operand, operator or property that this version does
            not know or misses; ``agreement-refused-term``: a value that cannot be read.
    """
    _check_properties("the policy", policy, _PROPERTIES, needed=_PROPERTIES)
    _check_constant("@context", policy["@context"], [CONTEXT])
    _check_constant("@type", policy["@type"], "Agreement")
    _check_constant("profile", policy["profile"], PROFILE)
    for place in ("permission", "prohibition", "obligation"):
        for rule in _list(place, policy[place]):
            _check_rule(place, rule)
    return _collect(policy, _profile_terms(policy[TERMS]))


def _collect(policy: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
    limits = _limits_of(_only(policy["permission"], TRAIN))
    noise = _word(limits, "noise")
    bounds = {"epsilon": "0", "delta": "0"}
    if noise != "none":
        bounds = {name: _value(limits, PROFILE + name) for name in bounds}
    terms |= {
        "nonce": _text("@id", policy["@id"]).removeprefix(AGREEMENT_URN),
        "drafted": _time("timestamp", policy["timestamp"]),
        "purpose": _word(limits, "purpose"),
        "duo": _codes(limits.get(PROFILE + "dataUse", [])),
        "rounds": _number(limits, "count"),
        "expires": _time("dateTime", _value(limits, "dateTime")),
        "assurance": _word(limits, "assurance"),
        "privacy": terms["privacy"] | {"noise": noise, **bounds},
        "quorum": terms["quorum"] | {"survivors": _number(limits, PROFILE + "minimumGroup")},
    }
    if "settlement" in terms:
        terms["settlement"] = terms["settlement"] | _money(policy["permission"])
    return terms


def _money(permissions: list[dict[str, Any]]) -> dict[str, Any]:
    holders = _limits_of(_only(permissions, HOLD))
    return {
        "price": _price(_only(permissions, TRAIN)),
        "use_price": _price(_only(permissions, QUERY)),
        "transfer": _unprefixed("recipient", _value(holders, "recipient")),
    }


def _price(permission: dict[str, Any]) -> str:
    return _value(_limits_of(_only(permission.get("duty", []), "compensate")), "payAmount")


def _profile_terms(literal: Any) -> dict[str, Any]:
    _check_properties(TERMS, literal, {"@type", "@value"}, needed={"@type", "@value"})
    _check_constant(f"@type of {TERMS}", literal["@type"], "@json")
    terms = literal["@value"]
    if not isinstance(terms, dict):
        _refuse(f"{TERMS} holds no object")
    _check_absent(terms, IN_RULES, "terms")
    for name, elsewhere in (("privacy", ("noise", "epsilon", "delta")), ("quorum", ("survivors",))):
        if not isinstance(terms.get(name), dict):
            _refuse(f"{TERMS} has no object {name!r}")
        _check_absent(terms[name], elsewhere, name)
    if "settlement" in terms:
        if not isinstance(terms["settlement"], dict):
            _refuse(f"{TERMS}: settlement is no object")
        _check_absent(terms["settlement"], MONEY_IN_RULES, "settlement")
    return dict(terms)


def _check_absent(holder: dict[str, Any], names: Collection[str], where: str) -> None:
    for name in names:
        if name in holder:
            _refuse(f"{name!r} stands under {where} of {TERMS}; its place is a rule of the policy")


def _check_rule(place: str, rule: Any) -> None:
    parts = _PARTS[place]
    _check_properties(f"a {place}", rule, parts, needed={"action"})
    action = _text(f"the action of a {place}", rule["action"])
    if action not in ACTIONS[place]:
        _refuse(f"the action {action[:80]!a} in a {place}")
    for limit in _list("constraint", rule.get("constraint", [])):
        _check_constraint(limit)
    for duty in _list("duty", rule.get("duty", [])):
        _check_rule("duty", duty)
    _limits_of(rule)


def _check_constraint(limit: Any) -> None:
    _check_properties("a constraint", limit, _CONSTRAINT, needed=_CONSTRAINT)
    operand, operator = limit["leftOperand"], limit["operator"]
    if not isinstance(operand, str) or operand not in OPERATORS:
        _refuse(f"the operand {str(operand)[:80]!a}")
    if operator != OPERATORS[operand]:
        _refuse(f"the operator {str(operator)[:80]!a} with the operand {operand!r}")


def _limits_of(rule: dict[str, Any]) -> dict[str, Any]:
    limits = rule.get("constraint", [])
    found = {limit["leftOperand"]: limit["rightOperand"] for limit in limits}
    if len(found) != len(limits):
        _refuse("an operand that stands twice in one rule")
    return found


def _only(rules: list[dict[str, Any]], action: str) -> dict[str, Any]:
    found = [rule for rule in rules if rule["action"] == action]
    if len(found) != 1:
        _refuse(f"{len(found)} rules for the action {action!r} where one is needed")
    return found[0]


def _value(limits: dict[str, Any], operand: str) -> str:
    if operand not in limits:
        _refuse(f"a rule without the operand {operand!r}")
    return _text(operand, limits[operand])


def _word(limits: dict[str, Any], name: str) -> str:
    return _unprefixed(name, _value(limits, PROFILE + name))


def _unprefixed(what: str, text: str) -> str:
    if not text.startswith(PROFILE):
        _refuse(f"the {what} {text[:80]!a}, which is not a word of the profile {PROFILE}")
    return text.removeprefix(PROFILE)


def _number(limits: dict[str, Any], operand: str) -> int:
    text = _value(limits, operand)
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        _refuse_value(f"{operand}: {text[:40]!a} is not a whole number")
    return int(text)


def _time(what: str, value: Any) -> int:
    text = _text(what, value)
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except (ValueError, OverflowError):
        _refuse_value(f"{what}: {text[:40]!a} is not a time such as 2026-01-31T12:00:00Z")


def _codes(value: Any) -> list[str]:
    return [
        _text("dataUse", code).removeprefix(OBO).replace("_", ":")
        for code in _list("dataUse", value)
    ]


def _check_properties(
    what: str, value: Any, known: Collection[str], *, needed: Collection[str]
) -> None:
    if not isinstance(value, dict):
        _refuse(f"{what} that is no object")
    unknown, missing = sorted(set(value) - set(known)), sorted(set(needed) - set(value))
    if unknown:
        _refuse(f"the property {unknown[0][:80]!a} of {what}")
    if missing:
        _refuse(f"{what} without the property {missing[0]!r}")


def _check_constant(what: str, value: Any, wanted: Any) -> None:
    if value != wanted:
        _refuse(f"the {what} {str(value)[:80]!a}; this version reads {wanted!r}")


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"a {what} that is no list")
    return list(value)


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(f"{what} that is no text")
    return str(value)


def _refuse(what: str) -> NoReturn:
    raise MalformedError(
        "agreement-not-understood",
        f"agreement, not understood: {what}",
        meaning="A party signs only what its agent or the contract enforces; what is not understood is not enforced.",
        hint="Ask for a document with the words of docs/spec/agreement.md, as `cotrain agreement new` writes it.",
    )


def _refuse_value(what: str) -> NoReturn:
    raise MalformedError(
        "agreement-refused-term",
        f"agreement, {what}",
        meaning="A party signs only terms that its agent understands and that fit together.",
        hint="Correct the term; `cotrain agreement new --help` lists the vocabulary.",
    )
