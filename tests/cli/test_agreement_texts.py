"""What people read before they sign: the text of each template, and that a contract enforces what is said to be its.

After a change of the wording: ``python tests/snapshots/generate_agreements.py``, and read the difference.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from cotrain.agreement.explain import explain
from cotrain.agreement.templates import TEMPLATES

ROOT = Path(__file__).parents[2]
SNAPSHOTS = ROOT / "tests" / "snapshots"
SOURCES = ROOT / "contracts" / "src"
TESTS = ROOT / "contracts" / "test"


def generator() -> ModuleType:
    path = SNAPSHOTS / "generate_agreements.py"
    spec = importlib.util.spec_from_file_location("generate_agreements", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = generator()
AGREEMENTS = dict(MADE.agreements())

ENFORCED = {
    r"takes part as (data owner|coordinator|model demander)": (
        "Membership.sol",
        "if (!MerkleProof.verifyCalldata(proof, _terms[agreement].parties, leaf)) revert NotInAgreement();",
        "test_only_who_stands_in_the_agreement_joins_and_as_what_it_is",
    ),
    r"is paid at 0x": (
        "Membership.sol",
        "keccak256(bytes.concat(keccak256(abi.encode(party.account, party.roles, party.basisPoints))))",
        "test_only_who_stands_in_the_agreement_joins_and_as_what_it_is",
    ),
    r"^No more than \d+ rounds are recorded and paid": (
        "Rounds.sol",
        "if (made.round != next || next > current.maxRounds) revert WrongRound(next);",
        "test_anchors_follow_one_another_to_the_last",
    ),
    r"^A round whose stated epsilon exceeds": (
        "Rounds.sol",
        "if (made.epsilon > current.epsilonBudget || made.epsilon < current.epsilon) {",
        "test_the_budget_holds_and_epsilon_never_shrinks",
    ),
    r"deposits .* when it joins\. For each recorded round": (
        "Settlement.sol",
        "return uint256(account.price) * account.releasedRounds / _roundsOf(agreement);",
        "test_everybody_gets_its_share_and_the_rest_goes_back",
    ),
    r"^The price is paid out only when": (
        "Quorum.sol",
        "if (approvals.length < needed) revert TooFewApprovals(needed);",
        "test_a_release_needs_a_quorum_of_different_members",
    ),
    r"^All is paid in": (
        "Settlement.sol",
        "if (amount > 0) IERC20(account.token).safeTransfer(who, amount);",
        "test_everybody_gets_its_share_and_the_rest_goes_back",
    ),
    r"gets [\d.]+ % of what is paid out": (
        "Settlement.sol",
        "uint256 pay = uint256(account.price) * points / (BASIS_POINTS * _roundsOf(agreement));",
        "test_everybody_gets_its_share_and_the_rest_goes_back",
    ),
    r"^No more than [\d.]+ % of what is paid out, and of the shares": (
        "Settlement.sol",
        "if (account.poolUnits > MODEL_UNITS * pool / BASIS_POINTS) revert ExceedsReleased();",
        "test_a_table_that_gives_more_units_than_the_pool_is_stopped",
    ),
    r"^Each data owner deposits .* sign that it cheated": (
        "Agreements.sol",
        '_slash(agreement, what.subject, "rejected");',
        "test_a_quorum_of_others_rejects_a_record",
    ),
    r"under two different ledgers": (
        "Agreements.sol",
        "if (one.size == other.size && one.root == other.root) revert NoEvidence();",
        "test_a_split_view_costs_the_stake",
    ),
    r"^Evidence counts, and stakes stay": (
        "Settlement.sol",
        "return end + current.challenge;",
        "test_stakes_stay_until_the_time_for_evidence_is_over",
    ),
    r"^What buyers pay by signed vouchers": (
        "ModelShares.sol",
        "perUnit += (amount - forParents) * SCALE / unitsInAll;",
        "test_a_voucher_pays_what_is_new_in_it_and_once",
    ),
    r"^Shares of the model may be held": (
        "ModelShares.sol",
        "!freeTransfer && !IMembers(agreements).isMember(agreement, to)",
        "test_only_members_hold_shares_unless_the_agreement_allows_more",
    ),
    r"% of each use goes to the holders": (
        "ModelShares.sol",
        "uint256 forParents = amount * parentShare / BASIS_POINTS;",
        "test_derived_models_pay_their_parents_over_two_generations",
    ),
    r"^No round is recorded after": (
        "Membership.sol",
        "if (block.timestamp >= current.expiry) revert Expired();",
        "test_nothing_is_anchored_after_the_expiry_or_the_end",
    ),
    r"^Once a withdrawal is on the contract": (
        "Rounds.sol",
        "if (made.version != current.version) revert WrongVersion(current.version);",
        "test_a_coordinator_that_does_not_know_of_a_revocation_is_refused",
    ),
}
"""Each clause that a contract enforces: where, by which line, and which test of the contracts shows it."""


@pytest.mark.parametrize("name", list(AGREEMENTS))
def test_the_text_is_as_it_was_read(name: str) -> None:
    text = (SNAPSHOTS / "agreements" / f"{name}.txt").read_text(encoding="utf-8")
    assert MADE.text_of(AGREEMENTS[name]) == text, f"if that is wanted: {MADE.__doc__}"
    assert max(map(len, text.splitlines())) <= MADE.WIDTH


def test_every_template_has_its_texts_and_no_text_is_left_over() -> None:
    assert {path.stem for path in (SNAPSHOTS / "agreements").glob("*")} == set(AGREEMENTS)
    assert {*TEMPLATES, *(f"{name}-paid" for name in TEMPLATES)} <= set(AGREEMENTS)


def contract_clauses() -> set[str]:
    return {
        clause.words
        for agreement in AGREEMENTS.values()
        for clause in explain(agreement)
        if clause.enforced_by == "contract"
    }


def test_each_clause_of_the_contract_is_known_and_no_other() -> None:
    used = set()
    for words in contract_clauses():
        found = [pattern for pattern in ENFORCED if re.search(pattern, words)]
        assert len(found) == 1, words
        used.update(found)
    assert used == set(ENFORCED)


@pytest.mark.parametrize("pattern", list(ENFORCED))
def test_a_line_of_the_contract_enforces_it_and_a_test_shows_it(pattern: str) -> None:
    source, line, test = ENFORCED[pattern]
    assert line in (SOURCES / source).read_text(encoding="utf-8")
    tests = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*.t.sol")))
    assert f"function {test}(" in tests


def test_a_role_that_the_contract_does_not_know_is_not_said_to_be_its() -> None:
    clauses = explain(AGREEMENTS["clinical-research-paid"])
    declared = {clause.words for clause in clauses if clause.enforced_by == "declared only"}
    assert "Lab takes part as algorithm developer." in declared
    assert "Hub takes part as compute provider." in declared
