"""The agreement: a closed vocabulary with one spelling; what does not fit together is refused."""

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.agreement.document import Agreement, decode_agreement, parse_agreement
from cotrain.agreement.draft import Wishes
from cotrain.agreement.explain import explain
from cotrain.agreement.odrl import from_odrl, to_odrl
from cotrain.agreement.vocabulary import TERMS
from cotrain.errors import CotrainError, MalformedError, RefusedError
from cotrain.testing.world import build_world

WISHES = Wishes("Test", rounds=3, epsilon="1", colluders=1, survivors=3)


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    return build_world(tmp_path_factory.mktemp("agreement"), wishes=WISHES).agreement


def test_it_comes_back_and_its_hash_is_its_name(agreement: Agreement) -> None:
    again = decode_agreement(agreement.data)
    assert again == agreement
    assert again.digest == agreement.digest
    assert again.epsilon == 1
    assert again.delta == Fraction(1, 100_000)


def test_parties_are_found_by_name(agreement: Agreement) -> None:
    for party in agreement.parties:
        assert agreement.party(party.did) is party
    with pytest.raises(RefusedError) as caught:
        agreement.party("did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG")
    assert caught.value.code == "agreement-not-a-party"


def test_every_clause_says_who_enforces_it(agreement: Agreement, tmp_path: Path) -> None:
    clauses = explain(agreement)
    words = " ".join(clause.words for clause in clauses)
    for told in ("epsilon 1", "3 full-batch rounds", "Owner 1", "2023-12-14"):
        assert told in words
    assert {clause.enforced_by for clause in clauses} == {"everybody", "own agent", "declared only"}
    assert any("nothing is proven" in words for words in told_of("assurance", agreement))
    proven = agreement.model_copy(update={"assurance": "proven"})
    assert any("zero-knowledge" in words for words in told_of("assurance", proven))
    assert any("Its owner proves it" in words for words in told_of("training", proven))
    silent = build_world(tmp_path).agreement
    assert any("No noise is added" in clause.words for clause in explain(silent))


def told_of(topic: str, agreement: Agreement) -> list[str]:
    return [clause.words for clause in explain(agreement) if clause.topic == topic]


@pytest.mark.parametrize(
    ("holders", "colluders", "threshold"),
    [(4, 1, 3), (3, 0, 2), (3, 1, 3), (20, 11, 16), (2, 0, 2)],
)
def test_two_thresholds_share_an_honest_holder(
    holders: int, colluders: int, threshold: int, agreement: Agreement
) -> None:
    quorum = agreement.quorum.model_copy(update={"holders": holders, "holder_colluders": colluders})
    assert quorum.threshold == threshold
    assert 2 * threshold - holders > colluders
    assert 2 * (threshold - 1) - holders <= colluders


Edit = Callable[[dict[str, Any]], object]

REFUSED: dict[str, Edit] = {
    "an unknown term": lambda v: v.update(extra=1),
    "a missing term": lambda v: v.pop("rounds"),
    "another format": lambda v: v.update(format="cotrain/agreement/1"),
    "no parties": lambda v: v.update(parties=[]),
    "one identity twice": lambda v: v["parties"][0].update(did=v["parties"][1]["did"]),
    "one name twice": lambda v: v["parties"][0].update(name=v["parties"][1]["name"]),
    "a role twice": lambda v: v["parties"][0].update(roles=["data_owner", "data_owner"]),
    "an unknown role": lambda v: v["parties"][0].update(roles=["king"]),
    "no role": lambda v: v["parties"][0].update(roles=[]),
    "no coordinator": lambda v: v["parties"][-1].update(roles=["auditor"]),
    "two coordinators": lambda v: v["parties"][0].update(roles=["coordinator"]),
    "no owner": lambda v: [p.update(roles=["auditor"]) for p in v["parties"][:-1]],
    "a name with an escape": lambda v: v["parties"][0].update(name="\x1b[2J"),
    "a title of two lines": lambda v: v.update(title="a\nb"),
    "a title that turns around": lambda v: v.update(title="a\u202eb"),
    "an empty title": lambda v: v.update(title=""),
    "a quorum above the owners": lambda v: v["quorum"].update(survivors=5),
    "one honest owner": lambda v: v["quorum"].update(survivors=2),
    "holders above the owners": lambda v: v["quorum"].update(holders=5),
    "fewer colluding holders than owners": lambda v: v["quorum"].update(holder_colluders=0),
    "a threshold out of reach": lambda v: v["quorum"].update(holder_colluders=4),
    "a negative number": lambda v: v["quorum"].update(colluders=-1),
    "a truth for a number": lambda v: v["quorum"].update(colluders=True),
    "a text for a number": lambda v: v.update(rounds="3"),
    "no rounds": lambda v: v.update(rounds=0),
    "an epsilon without noise": lambda v: v["privacy"].update(noise="none"),
    "noise without epsilon": lambda v: v["privacy"].update(epsilon="0"),
    "a delta of one": lambda v: v["privacy"].update(delta="1"),
    "another adjacency": lambda v: v["privacy"].update(adjacency="substitute"),
    "a number for a decimal": lambda v: v["privacy"].update(epsilon=1),
    "two spellings of one": lambda v: v["privacy"].update(epsilon="1.0"),
    "digits of another script": lambda v: v["privacy"].update(epsilon="1\u0663"),
    "a rate of another script": lambda v: v["algorithm"].update(learning_rate="1\u0663"),
    "a decay of another script": lambda v: v["algorithm"].update(weight_decay="\u0663"),
    "a rate over zero": lambda v: v["algorithm"].update(learning_rate="1/0"),
    "an expiry after the end of the calendar": lambda v: v.update(expires=253_402_300_800),
    "another assurance": lambda v: v.update(assurance="attested"),
    "an unknown purpose": lambda v: v.update(purpose="fun"),
    "an unknown DUO code": lambda v: v.update(duo=["DUO:9999999"]),
    "a DUO code twice": lambda v: v.update(duo=["DUO:0000006", "DUO:0000006"]),
    "DUO codes out of order": lambda v: v.update(duo=["DUO:0000021", "DUO:0000006"]),
    "drafted after the end of the calendar": lambda v: v.update(drafted=253_402_300_800),
    "a nonce in capitals": lambda v: v.update(nonce="A" * 64),
    "a schema term unknown": lambda v: v["data_schema"].update(extra=1),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_terms_that_are_refused(name: str, agreement: Agreement) -> None:
    value = deepcopy(agreement.terms)
    REFUSED[name](value)
    with pytest.raises(MalformedError) as caught:
        parse_agreement(value)
    assert caught.value.code == "agreement-refused-term"
    assert caught.value.hint


def test_every_term_is_needed(agreement: Agreement) -> None:
    names = list(to_odrl(agreement)[TERMS]["@value"])
    for name in names:
        policy = to_odrl(agreement)
        del policy[TERMS]["@value"][name]
        with pytest.raises(MalformedError):
            from_odrl(policy)


@pytest.mark.parametrize(
    "spell",
    [
        lambda data: data + b"\n",
        lambda data: data[:-1],
        lambda data: data.replace(b'"weight_bits":12', b'"rounds": 3'),
        lambda data: data.replace(b'"weight_bits":12', b'"weight_bits":12,"weight_bits":12'),
        lambda data: data.replace(b'"weight_bits":12', b'"weight_bits":12.0'),
        lambda data: data.replace(b'"derived_from_data":false,', b""),
        lambda _: b"",
    ],
)
def test_there_is_one_spelling(spell: Callable[[bytes], bytes], agreement: Agreement) -> None:
    """A default left out is a second spelling too: the hash must be unique."""
    wrong = spell(agreement.data)
    assert wrong != agreement.data
    with pytest.raises(MalformedError):
        decode_agreement(wrong)


def test_the_last_expiry_can_be_explained(agreement: Agreement) -> None:
    """Found by this test: a far expiry was accepted and could not be shown."""
    value = {**agreement.terms, "expires": 253_402_300_799}
    assert any("9999-12-31" in clause.words for clause in explain(parse_agreement(value)))


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(CotrainError):
        decode_agreement(data)
