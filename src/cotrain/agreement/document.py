"""The agreement: what all parties sign, in a closed vocabulary.

In memory it is the class `Agreement`; what is hashed and signed is its ODRL policy (`policy`) as canonical JSON (spec:
docs/spec/agreement.md). The SHA-256 of these bytes names the run. A term that this version does not know is refused,
never ignored: a party must not sign what its agent cannot enforce.
"""

from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cotrain.agreement.base_model import BaseModelTerm
from cotrain.agreement.committee import MAX_COMMITTEE_EXCESS, committee_excess
from cotrain.agreement.numerals import DecimalText
from cotrain.agreement.policy import render
from cotrain.agreement.policy_reader import read
from cotrain.agreement.schema import PRINTABLE, NumericTarget, Schema
from cotrain.agreement.settlement import Address, SettlementTerm, check_settlement
from cotrain.agreement.vocabulary import DUO_CODES
from cotrain.errors import MalformedError, RefusedError
from cotrain.records.canonical import decode, encode, sha256
from cotrain.records.kinds import Did, Digest

FORMAT: Final = "cotrain/agreement/2"

Role = Literal[
    "data_owner",
    "coordinator",
    "model_demander",
    "algorithm_developer",
    "compute_provider",
    "auditor",
]
Purpose = Literal[
    "clinical-research",
    "credit-risk",
    "drug-discovery",
    "device-fleet",
    "education",
    "other-research",
]
Assurance = Literal["proven", "recorded"]
_END_OF_CALENDAR = 253_402_300_800  # the year 10000, as Unix time


def _check_printable(text: str) -> str:
    if text.strip() != text or not text.isprintable():
        raise ValueError(f"{text[:40]!a} begins or ends with a blank, or holds a control character")
    return text


def _check_duo(code: str) -> str:
    if code not in DUO_CODES:
        raise ValueError(f"{code[:40]!a} is none of {', '.join(DUO_CODES)}")
    return code


DuoCode = Annotated[str, AfterValidator(_check_duo)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=120, json_schema_extra={"pattern": PRINTABLE}),
    AfterValidator(_check_printable),
]


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PartyTerm(_Term):
    """One party: its name for people, its identity for machines, what it does, and where it is paid."""

    name: Name
    did: Did
    roles: list[Role] = Field(min_length=1, json_schema_extra={"uniqueItems": True})
    account: Address | None = None


class AlgorithmTerm(_Term):
    """The training algorithm; units are those of `cotrain.training.algorithm`."""

    kind: Literal["logistic", "linear", "softmax"]
    learning_rate: str = Field(pattern=r"^[1-9][0-9]{0,8}(/[1-9][0-9]{0,8})?$")
    weight_decay: str = Field(pattern=r"^[0-9]{1,9}(/[1-9][0-9]{0,8})?$")
    weight_bits: int = Field(ge=4, le=20)
    weight_bound: int = Field(ge=1, lt=2**31)
    residual_bits: int = Field(ge=4, le=15)
    shift: int = Field(ge=0, le=40)
    averaging: Literal["tail", "none"]


class PrivacyTerm(_Term):
    """Differential privacy of each row against everybody, for the whole run.

    With `noise` "none" the sums are exact and nothing is promised; epsilon and delta are then "0".
    """

    noise: Literal["skellam", "none"]
    epsilon: DecimalText
    delta: DecimalText
    adjacency: Literal["zero-out"]


class QuorumTerm(_Term):
    """How many must take part, and how many may collude or fail.

    Attributes:
        survivors: Smallest number of owners whose sum may be opened; noise is calibrated for it.
        colluders: Owners that may share all they know, their noise included.
        holders: Number of key holders a round; all owners when equal to their number, else drawn.
        holder_colluders: Key holders that may collude in one round.
    """

    survivors: int = Field(ge=1, lt=2**20)
    colluders: int = Field(ge=0, lt=2**20)
    holders: int = Field(ge=2, le=64)
    holder_colluders: int = Field(ge=0, le=64)

    @property
    def threshold(self) -> int:
        """Key holders that must release when all agreed holders take part."""
        return self.threshold_among(self.holders)

    def threshold_among(self, holders: int) -> int:
        """Return the smallest t with 2t > holders + holder_colluders.

        Then two sets of t holders share an honest one, which releases for one set of survivors only.
        """
        return (holders + self.holder_colluders) // 2 + 1


class Agreement(_Term):
    """The whole agreement; see docs/spec/agreement.md for each term and who enforces it.

    Attributes:
        drafted: When it was drafted, by the clock of the one who did; Unix time. Nothing depends on it.
        duo: Codes of the GA4GH Data Use Ontology, all of which hold; in ascending order.
        base_model: The released model that training begins with; None for weights of zero.
    """

    format: Literal["cotrain/agreement/2"] = FORMAT
    nonce: Digest
    drafted: int = Field(ge=0, lt=_END_OF_CALENDAR)
    title: Name
    purpose: Purpose
    duo: list[DuoCode]
    parties: list[PartyTerm] = Field(min_length=1)
    data_schema: Schema
    algorithm: AlgorithmTerm
    rounds: int = Field(ge=1, le=100_000)
    privacy: PrivacyTerm
    quorum: QuorumTerm
    assurance: Assurance
    step_seconds: int = Field(ge=1, le=10**7)
    expires: int = Field(ge=0, lt=_END_OF_CALENDAR)
    settlement: SettlementTerm | None = None
    base_model: BaseModelTerm | None = None

    @model_validator(mode="after")
    def _check_rules(self) -> "Agreement":
        _check_parties(self)
        if sorted(set(self.duo)) != self.duo:
            raise ValueError("DUO codes stand in ascending order, none twice")
        _check_quorum(self)
        _check_algorithm(self)
        _check_privacy(self)
        check_settlement(self)
        return self

    @property
    def terms(self) -> dict[str, Any]:
        """The terms as plain JSON, for `parse_agreement`; not what is signed."""
        return self.model_dump(mode="json", exclude_none=True)

    @cached_property
    def data(self) -> bytes:
        """The canonical bytes of the policy: what is hashed and signed."""
        return encode(render(self.terms))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes: the name of the run."""
        return sha256(self.data)

    @cached_property
    def owners(self) -> tuple[PartyTerm, ...]:
        """The data owners, in the order of the document."""
        return tuple(party for party in self.parties if "data_owner" in party.roles)

    @cached_property
    def coordinator(self) -> PartyTerm:
        """The one party that orders and serves records."""
        return next(party for party in self.parties if "coordinator" in party.roles)

    @property
    def is_proven(self) -> bool:
        """Whether registrations and submissions carry proofs that everybody checks."""
        return self.assurance == "proven"

    @property
    def epsilon(self) -> Fraction:
        """The privacy budget of the run."""
        return Fraction(self.privacy.epsilon)

    @property
    def delta(self) -> Fraction:
        """The probability with which the privacy guarantee may fail."""
        return Fraction(self.privacy.delta)

    def party(self, did: str) -> PartyTerm:
        """Return the party with this identity.

        Raises:
            RefusedError: nobody in the agreement has it.
        """
        for party in self.parties:
            if party.did == did:
                return party
        raise RefusedError(
            "agreement-not-a-party",
            f"{did} is not a party to the agreement {self.title!r}",
            meaning="Only those who signed may take part.",
            hint="Use the identity that stands in the agreement, or draft a new agreement.",
        )


def decode_agreement(data: bytes) -> Agreement:
    """Read an agreement from the canonical bytes of its policy.

    Raises:
        MalformedError: not canonical, something that is not understood, terms that contradict each other, or a policy
            that says the same in another way.
    """
    policy = decode(data)
    agreement = parse_agreement(read(policy))
    if agreement.data != data:
        where = _difference(policy, render(agreement.terms))
        raise MalformedError(
            "agreement-not-canonical",
            f"the agreement contradicts itself or has a second spelling, at {where}",
            meaning="Its hash would not be unique, so a signature could stand for two texts.",
            hint="Write it with `cotrain agreement new`.",
        )
    return agreement


def _difference(found: Any, expected: Any, where: str = "the policy") -> str:
    """Return the first place at which two JSON values differ, for people."""
    if isinstance(found, dict) and isinstance(expected, dict) and set(found) == set(expected):
        places = [(found[name], expected[name], f"{where} > {name}") for name in sorted(found)]
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        places = [
            (one, other, f"{where} > {number}")
            for number, (one, other) in enumerate(zip(found, expected, strict=True), 1)
        ]
    else:
        return where
    for one, other, place in places:
        if one != other:
            return _difference(one, other, place)
    return where


def parse_agreement(value: Any) -> Agreement:
    """Build an agreement from its terms as plain JSON (`Agreement.terms`).

    Raises:
        MalformedError: an unknown or missing term, or terms that contradict each other.
    """
    try:
        return Agreement.model_validate_json(encode(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise MalformedError(
            "agreement-refused-term",
            f"agreement, {where}: {first['msg'].removeprefix('Value error, ')}",
            meaning="A party signs only terms that its agent understands and that fit together.",
            hint="Correct the term; `cotrain agreement new --help` lists the vocabulary.",
        ) from error


def _check_parties(agreement: Agreement) -> None:
    dids = [party.did for party in agreement.parties]
    if len(set(dids)) != len(dids):
        raise ValueError("an identity stands in the agreement twice")
    names = [party.name for party in agreement.parties]
    if len(set(names)) != len(names):
        raise ValueError("a name stands in the agreement twice")
    for party in agreement.parties:
        if len(set(party.roles)) != len(party.roles):
            raise ValueError(f"{party.name} has a role twice")
    if sum("coordinator" in party.roles for party in agreement.parties) != 1:
        raise ValueError("exactly one party is the coordinator")
    if not any("data_owner" in party.roles for party in agreement.parties):
        raise ValueError("there is no data owner")


def _check_quorum(agreement: Agreement) -> None:
    quorum, owners = agreement.quorum, len(agreement.owners)
    if quorum.survivors > owners:
        raise ValueError(f"a quorum of {quorum.survivors} cannot be met by {owners} data owners")
    if quorum.survivors < quorum.colluders + 2:
        raise ValueError(
            f"survivors must be at least colluders + 2 = {quorum.colluders + 2}: "
            "with one honest owner the sum would be its update"
        )
    if quorum.holders > owners:
        raise ValueError(f"{quorum.holders} key holders cannot be found among {owners} owners")
    if quorum.threshold > quorum.holders:
        raise ValueError(
            f"{quorum.holders} key holders cannot tolerate {quorum.holder_colluders} colluders: "
            f"{quorum.threshold} would have to release"
        )
    # Owners may withdraw, so the draw is from as few as the quorum.
    excess = committee_excess(
        quorum.survivors, quorum.colluders, quorum.holders, quorum.holder_colluders
    )
    if excess > MAX_COMMITTEE_EXCESS:
        raise ValueError(
            f"{quorum.holders} key holders among {quorum.survivors} or more owners, {quorum.colluders} of whom "
            f"collude, hold more than {quorum.holder_colluders} colluders with probability {float(excess):.2g} "
            f"a round, above {float(MAX_COMMITTEE_EXCESS):.2g}: raise holder_colluders, or lower colluders"
        )


def _check_algorithm(agreement: Agreement) -> None:
    target, term = agreement.data_schema.target, agreement.algorithm
    kind = {"binary": "logistic", "classes": "softmax", "numeric": "linear"}[target.kind]
    if term.kind != kind:
        raise ValueError(f"a {target.kind} target is for a {kind} model, not a {term.kind} one")
    if isinstance(target, NumericTarget) and target.residual_bits != term.residual_bits:
        raise ValueError(
            f"the schema scales the target by {target.residual_bits} bits, the algorithm by {term.residual_bits}"
        )


def _check_privacy(agreement: Agreement) -> None:
    privacy = agreement.privacy
    if privacy.noise == "none":
        if privacy.epsilon != "0" or privacy.delta != "0":
            raise ValueError('without noise, epsilon and delta are "0": nothing is promised')
    elif agreement.epsilon <= 0 or not 0 < agreement.delta < 1:
        raise ValueError("epsilon must be above 0 and delta between 0 and 1")
