"""The closed vocabulary of agreements as ODRL policies: every action, operand and operator that is understood.

What is not listed here is refused: a party signs only what its agent or the contract enforces, or what is said to be
declared only. Spec: docs/spec/agreement.md, section *Vocabulary*.
"""

from typing import Final

CONTEXT: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
"""JSON-LD context of the Dataspace Protocol 2025-1."""

PROFILE: Final = "urn:cotrain:odrl:1#"
"""Our ODRL profile, and the prefix of its words. An unregistered URN: it claims no domain (ADR 19)."""

DPV: Final = "https://w3id.org/dpv#"
OBO: Final = "http://purl.obolibrary.org/obo/"
AGREEMENT_URN: Final = "urn:cotrain:agreement:"

TERMS: Final = PROFILE + "terms"
TRAIN: Final = PROFILE + "train"
QUERY: Final = PROFILE + "queryModel"
HOLD: Final = PROFILE + "holdModelShares"
PROVE: Final = PROFILE + "prove"
REIDENTIFY: Final = PROFILE + "reidentify"
EXCLUDE: Final = PROFILE + "excludeRows"
REVOCATION: Final = PROFILE + "revocation"

PURPOSES: Final = {
    "clinical-research": DPV + "ScientificResearch",
    "credit-risk": DPV + "CreditChecking",
    "drug-discovery": DPV + "ResearchAndDevelopment",
    "device-fleet": DPV + "ImproveExistingProductsAndServices",
    "education": DPV + "AcademicResearch",
    "other-research": DPV + "ResearchAndDevelopment",
}
"""Each purpose and the broader one of the W3C Data Privacy Vocabulary under which it falls."""

DUO_CODES: Final = {
    "DUO:0000006": "health, medical or biomedical research",
    "DUO:0000015": "no research into general methods",
    "DUO:0000018": "not-for-profit organisations, non-commercial use only",
    "DUO:0000019": "results must be published",
    "DUO:0000021": "approval of an ethics board required",
    "DUO:0000027": "this project only",
    "DUO:0000042": "general research",
    "DUO:0000043": "clinical care",
    "DUO:0000045": "not-for-profit organisations only",
    "DUO:0000046": "non-commercial use only",
}
"""Codes of the GA4GH Data Use Ontology that need no further parameter, in words."""

OPERATORS: Final[dict[str, str]] = {
    "purpose": "isA",
    "dateTime": "lteq",
    "count": "lteq",
    "payAmount": "eq",
    "event": "gt",
    "recipient": "eq",
    PROFILE + "purpose": "eq",
    PROFILE + "dataUse": "isAllOf",
    PROFILE + "algorithm": "eq",
    PROFILE + "noise": "eq",
    PROFILE + "epsilon": "lteq",
    PROFILE + "delta": "lteq",
    PROFILE + "minimumGroup": "gteq",
    PROFILE + "assurance": "eq",
    PROFILE + "token": "eq",
}
"""Each operand and the one operator with which it is understood."""

ACTIONS: Final[dict[str, frozenset[str]]] = {
    "permission": frozenset({TRAIN, QUERY, HOLD}),
    "prohibition": frozenset({REIDENTIFY, "distribute"}),
    "obligation": frozenset({EXCLUDE}),
    "duty": frozenset({"compensate", PROVE}),
}
"""The actions that are understood in each place."""
