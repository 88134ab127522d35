"""An agreement's terms as an ODRL 2.2 policy in the Agreement shape of the Dataspace Protocol 2025-1.

`render` writes terms (the JSON of `cotrain.agreement.document.Agreement`) as a policy; each term stands in one place:
in a rule if ODRL has a place for it, else under the profile's property `terms`. The way back is `policy_reader`.
Spec: docs/spec/agreement.md.
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from cotrain.agreement.vocabulary import (
    AGREEMENT_URN,
    CONTEXT,
    EXCLUDE,
    HOLD,
    OBO,
    PROFILE,
    PROVE,
    PURPOSES,
    QUERY,
    REIDENTIFY,
    REVOCATION,
    TERMS,
    TRAIN,
)
from cotrain.records.canonical import encode, sha256

IN_RULES: Final = ("nonce", "drafted", "purpose", "duo", "rounds", "expires", "assurance")
"""Terms that stand in rules or headers of the policy and not under `terms`."""

MONEY_IN_RULES: Final = ("price", "use_price", "transfer")


def render(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy of checked terms, as a JSON value; equal terms give equal values."""
    name = AGREEMENT_URN + terms["nonce"]
    policy = {
        "@context": [CONTEXT],
        "@type": "Agreement",
        "@id": name,
        "profile": PROFILE,
        "assigner": f"{name}#owners",
        "assignee": _assignee(terms, name),
        "target": f"{name}#datasets",
        "timestamp": write_time(terms["drafted"]),
        "permission": _permissions(terms),
        "prohibition": [{"action": REIDENTIFY}, {"action": "distribute"}],
        "obligation": [{"action": EXCLUDE, "constraint": [_is("event", "gt", REVOCATION)]}],
        TERMS: {"@type": "@json", "@value": _remaining(terms)},
    }
    return deepcopy(policy)


def write_time(seconds: int) -> str:
    """Return a Unix time as xsd:dateTime in UTC, to the second."""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def _assignee(terms: Mapping[str, Any], name: str) -> str:
    demanders = [party["did"] for party in terms["parties"] if "model_demander" in party["roles"]]
    return str(demanders[0]) if len(demanders) == 1 else f"{name}#parties"


def _permissions(terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    train: dict[str, Any] = {"action": TRAIN, "constraint": _limits(terms)}
    duties = []
    money = terms.get("settlement")
    if terms["assurance"] == "proven":
        duties.append({"action": PROVE})
    if money is not None:
        duties.append(_payment(money, money["price"]))
    if duties:
        train["duty"] = duties
    if money is None:
        return [train]
    holders = _is("recipient", "eq", PROFILE + money["transfer"])
    return [
        train,
        {"action": QUERY, "duty": [_payment(money, money["use_price"])]},
        {"action": HOLD, "constraint": [holders]},
    ]


def _limits(terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    privacy = terms["privacy"]
    limits = [
        _is("purpose", "isA", PURPOSES[terms["purpose"]]),
        _is(PROFILE + "purpose", "eq", PROFILE + terms["purpose"]),
    ]
    if terms["duo"]:
        codes = [OBO + code.replace(":", "_") for code in terms["duo"]]
        limits.append(_is(PROFILE + "dataUse", "isAllOf", codes))
    limits += [
        _is("dateTime", "lteq", write_time(terms["expires"])),
        _is("count", "lteq", str(terms["rounds"])),
        _is(PROFILE + "algorithm", "eq", "sha256:" + sha256(encode(terms["algorithm"]))),
        _is(PROFILE + "noise", "eq", PROFILE + privacy["noise"]),
    ]
    if privacy["noise"] != "none":  # without noise a bound of 0 would be a false promise
        limits.append(_is(PROFILE + "epsilon", "lteq", privacy["epsilon"]))
        limits.append(_is(PROFILE + "delta", "lteq", privacy["delta"]))
    limits.append(_is(PROFILE + "minimumGroup", "gteq", str(terms["quorum"]["survivors"])))
    limits.append(_is(PROFILE + "assurance", "eq", PROFILE + terms["assurance"]))
    return limits


def _payment(money: Mapping[str, Any], amount: str) -> dict[str, Any]:
    token = f"eip155:{money['chain_id']}/erc20:{money['token']}"
    limits = [_is("payAmount", "eq", amount), _is(PROFILE + "token", "eq", token)]
    return {"action": "compensate", "constraint": limits}


def _remaining(terms: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: term for name, term in terms.items() if name not in IN_RULES}
    rest["privacy"] = {"adjacency": terms["privacy"]["adjacency"]}
    rest["quorum"] = {k: v for k, v in terms["quorum"].items() if k != "survivors"}
    money = terms.get("settlement")
    if money is not None:
        rest["settlement"] = {k: v for k, v in money.items() if k not in MONEY_IN_RULES}
    return rest


def _is(operand: str, operator: str, value: object) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}
