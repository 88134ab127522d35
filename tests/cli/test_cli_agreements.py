"""Agreements on the command line: templates, money, questions, negotiation, receipts, and the mistakes people make."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    Result,
    fixture_agreement,
    fixture_cotrain,
    fixture_demo,
    fixture_parties,
)
from jsonschema import Draft202012Validator

from cotrain.agreement.consent import verify_receipt
from cotrain.agreement.document import decode_agreement
from cotrain.agreement.templates import TEMPLATES
from cotrain.data import heart
from cotrain.layout import RunLayout

Parties = dict[str, tuple[Path, str]]


def _new(cotrain: Cotrain, parties: Parties, out: Path, *words: object) -> Result:
    return cotrain(
        "agreement", "new", "--title", "T", "--schema", heart.SCHEMA_PATH,
        *(f"--owner={name}={parties[name][1]}" for name in ("Ada", "Bo", "Cy")),
        f"--coordinator=Hub={parties['Hub'][1]}", "--out", out, *words,
    )  # fmt: skip


@pytest.fixture(name="accounts")
def fixture_accounts(cotrain: Cotrain, parties: Parties) -> list[str]:
    return [
        f"--account={name}={cotrain('agreement', 'account', '--home', home).out.strip()}"
        for name, (home, _) in parties.items()
    ]


def test_what_is_written_satisfies_the_published_schema(
    demo: Path, tmp_path: Path, cotrain: Cotrain, parties: Parties
) -> None:
    published = Path(__file__).parents[2] / "docs" / "spec" / "agreement.schema.json"
    validator = Draft202012Validator(json.loads(published.read_text(encoding="utf-8")))
    written = [RunLayout(demo).agreement]
    for name in TEMPLATES:
        written.append(tmp_path / f"{name}.json")
        assert _new(cotrain, parties, written[-1], "--template", name).code == 0
    for path in written:
        value = json.loads(path.read_bytes())
        validator.validate(value)
        value["permission"][0]["constraint"][0]["unit"] = "s"
        assert not validator.is_valid(value)


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_templates_can_be_carried_out_and_options_go_before_them(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, name: str
) -> None:
    out, template = tmp_path / "a.json", TEMPLATES[name]
    assert _new(cotrain, parties, out, "--template", name, "--rounds", 7).code == 0
    made = decode_agreement(out.read_bytes())
    assert (made.purpose, made.duo, made.rounds) == (template.purpose, list(template.duo), 7)
    assert (made.privacy.epsilon, made.privacy.delta) == (template.epsilon, template.delta)
    assert made.assurance == "recorded"  # the fixture asks for it


def test_money_terms_are_written_and_said_to_be_the_contract_s(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, accounts: list[str]
) -> None:
    out = tmp_path / "a.json"
    result = _new(
        cotrain, parties, out, *accounts, "--price", 1000, "--use-price", "0.25", "--demander", "Hub",
        "--developer", "Bo", "--share", "Hub=20", "--stake-owner", 5, "--release-quorum", 3,
        "--challenge-days", 2, "--free-transfer", "--template", "clinical-research", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    made = decode_agreement(out.read_bytes())
    money = made.settlement
    assert money is not None
    assert (money.price, money.use_price, money.stake_owner) == ("1000000000", "250000", "5000000")
    assert (money.quorum, money.challenge_seconds, money.transfer) == (3, 172_800, "anyone")
    assert sorted(share.basis_points for share in money.shares) == [2000, 2666, 2667, 2667]
    clauses = {c["words"]: c["enforced_by"] for c in result.json["clauses"]}
    by = {
        enforcer: " ".join(w for w, e in clauses.items() if e == enforcer)
        for enforcer in set(clauses.values())
    }
    assert "Hub deposits 1000 CREDIT" in by["contract"]
    assert "Hub gets 20 % of what is paid out" in by["contract"]
    assert "may be held by anyone" in by["contract"]
    assert "who serves it answers nobody who pays less" in by["own agent"]


def test_without_money_nothing_is_the_contract_s(cotrain: Cotrain, agreement: Path) -> None:
    clauses = cotrain("agreement", "show", agreement, "--json").json["clauses"]
    assert "contract" not in {clause["enforced_by"] for clause in clauses}
    assert any("Nobody pays anything" in clause["words"] for clause in clauses)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--share", "Ada=20"], "there is no --price"),
        (["--price", "10"], "no --account"),
        (["--price", "ten"], "whole number of credits"),
        (["--demander", "Di"], "NAME=did:key"),
        (["--account", "Di=0x1"], "names nobody"),
        (["--account", "Ada"], "is not NAME=0x"),
        (["--duo", "DUO:1"], "DUO:0000006"),
        (["--template", "fun"], "clinical-research"),
    ],
)
def test_mistakes_name_the_option(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, words: list[str], what: str
) -> None:
    result = _new(cotrain, parties, tmp_path / "a.json", *words)
    assert result.code == 2
    assert what in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--use-price", "0.0000001"], "6 digits"),
        (["--use-price", "cheap"], "not a price"),
        (["--share", "Hub=101"], "from 1 to 100"),
        (["--share", "Di=10"], "names nobody"),
        (["--share", "Ada=60", "--rule", "equal"], "rule is equal"),
        (["--release-quorum", "1"], "may collude"),
        (["--share", "Hub=100"], "shares"),
    ],
)
def test_money_that_does_not_fit(
    tmp_path: Path,
    cotrain: Cotrain,
    parties: Parties,
    accounts: list[str],
    words: list[str],
    what: str,
) -> None:
    money = ["--price", "10", "--demander", "Hub"]
    result = _new(cotrain, parties, tmp_path / "a.json", *accounts, *money, *words)
    assert result.code == 2, result.err
    assert what in result.err
    assert not (tmp_path / "a.json").exists()


def test_a_mistyped_account_is_noticed(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, accounts: list[str]
) -> None:
    wrong = accounts[0][:-40] + accounts[0][-40:].swapcase()
    result = _new(
        cotrain,
        parties,
        tmp_path / "a.json",
        wrong,
        *accounts[1:],
        "--price",
        10,
        "--demander",
        "Hub",
    )
    assert result.code == 2
    assert "EIP-55" in result.err


def test_on_a_terminal_it_asks_for_what_is_missing(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "asked.json"
    answers = [
        "Asked", str(heart.SCHEMA_PATH), f"Ada={parties['Ada'][1]}", f"Bo={parties['Bo'][1]}", "", "Bo", str(out),
    ]  # fmt: skip

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(answers) + "\n"))
    result = cotrain("agreement", "new", "--rounds", 2, "--json")
    assert result.code == 0, result.err
    assert "What is the run about?" in result.err
    made = decode_agreement(out.read_bytes())
    assert (made.title, [p.name for p in made.parties]) == ("Asked", ["Ada", "Bo"])
    assert made.parties[1].roles == ["data_owner", "coordinator"]


def test_without_a_terminal_it_says_which_option_is_missing(cotrain: Cotrain) -> None:
    cotrain("agreement", "new").assert_told(2, "Missing option '--title'", "terminal")


@pytest.fixture(name="talks")
def fixture_talks(tmp_path: Path, cotrain: Cotrain, agreement: Path, parties: Parties) -> Path:
    path = tmp_path / "talks.jsonl"
    assert (
        cotrain("agreement", "offer", agreement, "--home", parties["Ada"][0], "--out", path).code
        == 0
    )
    return path


def test_a_negotiation_from_offer_to_run(
    tmp_path: Path, cotrain: Cotrain, talks: Path, parties: Parties
) -> None:
    agreed = tmp_path / "agreed.json"
    early = cotrain("agreement", "negotiation", talks, "--out", agreed)
    early.assert_told(5, "OFFERED")
    countered = cotrain(
        "agreement", "counter", talks, "--home", parties["Bo"][0], "--epsilon", "0.5", "--rounds", 3
    )
    assert countered.code == 0
    assert "privacy.epsilon" in countered.out
    states = [
        cotrain("agreement", "accept", talks, "--home", parties[name][0], "--json").json["state"]
        for name in ("Ada", "Cy", "Hub")
    ]
    assert states == ["ACCEPTED", "ACCEPTED", "AGREED"]
    assert cotrain("agreement", "negotiation", talks, "--out", agreed).code == 0
    made = decode_agreement(agreed.read_bytes())
    assert (made.rounds, made.privacy.epsilon) == (3, "0.5")
    assert cotrain("agreement", "sign", agreed, "--home", parties["Cy"][0]).code == 0


def test_a_negotiation_can_be_ended_and_not_gone_back_on(
    cotrain: Cotrain, talks: Path, parties: Parties
) -> None:
    ada, bo = parties["Ada"][0], parties["Bo"][0]
    before = talks.read_bytes()
    cotrain("agreement", "accept", talks, "--home", ada).assert_told(5, "accepted this text")
    cotrain("agreement", "counter", talks, "--home", ada, "--rounds", 9).assert_told(5, "may not")
    cotrain("agreement", "counter", talks, "--home", bo).assert_told(2, "needs either")
    scores = ("agreement", "counter", talks, "--home", bo, "--score-epsilon", "0.5")
    cotrain(*scores).assert_told(2, "no pool of this agreement")
    assert talks.read_bytes() == before
    ended = cotrain("agreement", "terminate", talks, "--home", bo, "--reason", "no approval")
    assert ended.code == 0
    assert ended.out.startswith("TERMINATED")
    cotrain("agreement", "accept", talks, "--home", bo).assert_told(5, "was terminated")


def test_an_edited_negotiation_is_refused(cotrain: Cotrain, talks: Path, parties: Parties) -> None:
    talks.write_bytes(talks.read_bytes().replace(b'"time":', b'"time":1'))
    result = cotrain("agreement", "accept", talks, "--home", parties["Bo"][0])
    assert result.code in {3, 4}


def test_receipts_say_what_happened_and_only_that(
    tmp_path: Path, cotrain: Cotrain, agreement: Path, parties: Parties
) -> None:
    home, given, gone = parties["Ada"][0], tmp_path / "given.json", tmp_path / "gone.json"
    words = ("agreement", "receipt", agreement, "--home", home, "--out")
    cotrain(*words, given).assert_told(5, "has not signed", "cotrain agreement sign")
    assert cotrain("agreement", "sign", agreement, "--home", home).code == 0
    assert cotrain(*words, given).code == 0
    cotrain(*words, given).assert_told(2, "exists already")
    cotrain(*words, gone, "--withdraw", given).assert_told(5, "has not withdrawn", "data revoke")
    assert cotrain("data", "revoke", agreement, "--home", home, "--reason", "x").code == 0
    result = cotrain(*words, gone, "--withdraw", given, "--reason", "the board said no", "--json")
    assert result.code == 0
    value = verify_receipt(gone.read_bytes(), decode_agreement(agreement.read_bytes()))
    assert value == result.json == json.loads(gone.read_bytes())
    assert [event["event_state"] for event in value["consent_events"]] == ["given", "withdrawn"]
    hub = ("agreement", "receipt", agreement, "--home", parties["Hub"][0], "--out", tmp_path / "h")
    assert cotrain("agreement", "sign", agreement, "--home", parties["Hub"][0]).code == 0
    cotrain(*hub).assert_told(5, "no data owner")


def test_a_pool_is_drafted_from_public_rows(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, accounts: list[str]
) -> None:
    everybody = (*accounts, "--demander=Hub", "--assurance", "proven")
    table = tmp_path / "public.csv"
    lines = gzip.decompress(heart.TABLE_PATH.read_bytes()).decode().splitlines()
    table.write_text("\n".join(lines[:21]) + "\n")
    paid = ("--price", "1000", "--epsilon", "8", "--pool", "40", "--validation", table)
    words = (*everybody, *paid, "--pool-floor", "25", "--json")
    drafted = _new(cotrain, parties, tmp_path / "a.json", *words)
    assert drafted.code == 0, drafted.err
    told = " ".join(c["words"] for c in drafted.json["clauses"] if c["topic"] == "contribution")
    assert "No more than 40 % of what is paid out" in told
    assert "on the 20 public rows in this agreement" in told
    assert "25 % of it is divided by the rounds" in told
    assert "no more than epsilon 6 of the privacy budget" in told
    term = decode_agreement((tmp_path / "a.json").read_bytes()).terms["settlement"]
    assert sum(share["basis_points"] for share in term["shares"]) == 6_000
    assert (term["contribution"]["pool"], term["contribution"]["epsilon"]) == (4_000, "2")

    talks, ada, bo = tmp_path / "talks.jsonl", parties["Ada"][0], parties["Bo"][0]
    assert (
        cotrain("agreement", "offer", tmp_path / "a.json", "--home", ada, "--out", talks).code == 0
    )
    countered = cotrain(
        "agreement", "counter", talks, "--home", bo, "--score-epsilon", "3", "--json"
    )
    changed = [change for change in countered.json["changes"] if "epsilon" in change["term"]]
    assert [(change["before"], change["after"]) for change in changed] == [("2", "3")]

    def refused(*given: object) -> Result:
        return _new(cotrain, parties, tmp_path / "b.json", *everybody, *given)

    refused("--price", "1000", "--pool", "40").assert_told(2, "go together", "leave all four out")
    refused("--price", "1000", "--pool-floor", "5").assert_told(2, "go together", "leave all four")
    refused("--pool", "40", "--validation", table).assert_told(2, "no --price", "Add --price")
    recorded = refused(*paid, "--assurance", "recorded")
    recorded.assert_told(2, 'the assurance must be "proven"', "")
    refused(*paid, "--score-epsilon", "8").assert_told(2, "below the whole, 8", "")
    table.write_text("\n".join([*lines[:3], lines[3].replace(",", ";", 1)]) + "\n")
    assert refused(*paid).code == 6, "a bad row is named before anything is written"
    assert not (tmp_path / "b.json").exists()
