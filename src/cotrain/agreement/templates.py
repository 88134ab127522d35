"""Starting points of agreements for common uses; every term can be changed in the draft."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cotrain.agreement.document import Assurance, Purpose, Role


@dataclass(frozen=True)
class Template:
    """What people in one field usually decide.

    Attributes:
        purpose: What the model may be used for.
        duo: Codes of the GA4GH Data Use Ontology.
        rounds: Number of training rounds.
        epsilon: Privacy budget of each row.
        delta: Probability with which the guarantee may fail.
        assurance: Whether datasets and updates are proven.
        days: After how many days the agreement expires.
        challenge_days: How long after the end evidence of a lie counts, if money is moved.
        shares: Percent of the price for those with a role, if money is moved; the owners divide the rest.
    """

    purpose: Purpose
    duo: tuple[str, ...]
    rounds: int
    epsilon: str
    delta: str
    assurance: Assurance
    days: int
    challenge_days: int
    shares: Mapping[Role, int] = field(default_factory=dict)


TEMPLATES: Final[Mapping[str, Template]] = {
    "clinical-research": Template(
        purpose="clinical-research",
        duo=("DUO:0000006", "DUO:0000021"),
        rounds=20,
        epsilon="1",
        delta="0.00001",
        assurance="proven",
        days=90,
        challenge_days=30,
        shares={"coordinator": 10, "algorithm_developer": 10},
    ),
    "credit-risk": Template(
        purpose="credit-risk",
        duo=(),
        rounds=20,
        epsilon="2",
        delta="0.000001",
        assurance="proven",
        days=60,
        challenge_days=30,
        shares={"coordinator": 5, "algorithm_developer": 15},
    ),
    "drug-discovery": Template(
        purpose="drug-discovery",
        duo=("DUO:0000006", "DUO:0000027"),
        rounds=30,
        epsilon="4",
        delta="0.00001",
        assurance="proven",
        days=180,
        challenge_days=60,
        shares={"coordinator": 10, "algorithm_developer": 20},
    ),
    "device-fleet": Template(
        purpose="device-fleet",
        duo=(),
        rounds=40,
        epsilon="2",
        delta="0.00001",
        assurance="recorded",
        days=30,
        challenge_days=14,
        shares={"coordinator": 20, "algorithm_developer": 10},
    ),
}
