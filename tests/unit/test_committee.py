"""The odds of a drawn committee, and what an agreement may leave to them."""

from fractions import Fraction
from itertools import combinations

import pytest

from cotrain.agreement.committee import MAX_COMMITTEE_EXCESS, committee_excess
from cotrain.agreement.document import Agreement, PartyTerm, parse_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import parse_schema
from cotrain.data.heart import SCHEMA_PATH
from cotrain.errors import MalformedError
from cotrain.identity.keys import Identity
from cotrain.testing.determinism import ManualClock, SeededEntropy


@pytest.mark.parametrize(
    ("owners", "colluders", "holders", "tolerated"), [(6, 2, 3, 1), (7, 4, 4, 2), (5, 5, 3, 2)]
)
def test_the_odds_are_those_of_counting(
    owners: int, colluders: int, holders: int, tolerated: int
) -> None:
    draws = list(combinations(range(owners), holders))
    over = [draw for draw in draws if sum(owner < colluders for owner in draw) > tolerated]
    assert committee_excess(owners, colluders, holders, tolerated) == Fraction(
        len(over), len(draws)
    )


def test_when_all_hold_shares_all_colluders_do() -> None:
    assert committee_excess(4, 2, 4, 1) == 1
    assert committee_excess(4, 2, 20, 1) == 1
    assert committee_excess(4, 2, 4, 2) == 0


def _drafted(owners: int, colluders: int | None = None) -> Agreement:
    people = [Identity(n.to_bytes(32, "big"), f"p{n}") for n in range(1, owners + 2)]
    parties = [PartyTerm(name=p.name, did=p.did, roles=["data_owner"]) for p in people[1:]]
    parties.append(PartyTerm(name="hub", did=people[0].did, roles=["coordinator"]))
    schema = parse_schema(SCHEMA_PATH.read_bytes())
    return draft_agreement(
        schema,
        parties,
        Wishes("committee", colluders=colluders),
        entropy=SeededEntropy("c"),
        clock=ManualClock(),
    )


@pytest.mark.parametrize("owners", [3, 4, 20, 21, 50, 300, 1000])
def test_drafts_keep_the_odds(owners: int) -> None:
    quorum = _drafted(owners).quorum
    odds = committee_excess(
        quorum.survivors, quorum.colluders, quorum.holders, quorum.holder_colluders
    )
    assert odds <= MAX_COMMITTEE_EXCESS
    assert quorum.holder_colluders < quorum.threshold <= quorum.holders


def test_an_agreement_with_worse_odds_is_refused() -> None:
    with pytest.raises(MalformedError, match="probability"):
        _drafted(1000, colluders=333)
    value = _drafted(10).model_dump(mode="json", exclude_none=True)
    value["quorum"] |= {"holders": 9, "colluders": 5, "survivors": 9, "holder_colluders": 0}
    with pytest.raises(MalformedError, match="probability"):
        parse_agreement(value)


def test_one_holder_is_refused() -> None:
    value = _drafted(4).model_dump(mode="json", exclude_none=True)
    value["quorum"] |= {"holders": 1, "holder_colluders": 0}
    with pytest.raises(MalformedError, match="holders"):
        parse_agreement(value)


def test_the_model_must_suit_the_target() -> None:
    value = _drafted(4).model_dump(mode="json", exclude_none=True)
    value["algorithm"] |= {"kind": "linear"}
    with pytest.raises(MalformedError, match="logistic"):
        parse_agreement(value)
