"""From `init` to a run between homes: each command's good case, and the mistakes that people make."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    Result,
    fixture_agreement,
    fixture_cotrain,
    fixture_parties,
    fixture_ready,
)

from cotrain.agreement.document import decode_agreement
from cotrain.data import heart
from cotrain.errors import OutsideError
from cotrain.identity.keys import load_identity
from cotrain.ledger.store import Ledger
from cotrain.rounds.journal import SqliteJournal
from cotrain.settlement.chain.signing import account_of

Parties = dict[str, tuple[Path, str]]


def test_init_makes_a_private_home_once(tmp_path: Path, cotrain: Cotrain) -> None:
    home = tmp_path / "home"
    first = cotrain("init", home, "--name", "Ada")
    again = cotrain("init", home, "--name", "Ada", "--json")
    assert first.code == again.code == 0
    assert again.json == {
        "home": str(home),
        "name": "Ada",
        "did": first.out.strip(),
        "account": account_of(load_identity(home / "identity")).address,
        "new": False,
    }
    assert home.stat().st_mode & 0o077 == 0
    cotrain("init", home, "--name", "Bo").assert_told(2, "home of 'Ada' already", "another folder")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "x" * 121])
def test_init_refuses_names_that_nobody_can_read(
    tmp_path: Path, cotrain: Cotrain, name: str
) -> None:
    cotrain("init", tmp_path / "home", "--name", name).assert_told(2, "is not a name", "printable")
    assert not (tmp_path / "home").exists()


def test_init_says_which_folder_cannot_be_made(tmp_path: Path, cotrain: Cotrain) -> None:
    (tmp_path / "file").write_text("")
    cotrain("init", tmp_path / "file" / "home", "--name", "Ada").assert_told(7, "cannot be made")


def _new(cotrain: Cotrain, parties: Parties, out: Path, *words: object, owners: int = 3) -> Result:
    names = ("Ada", "Bo", "Cy")[:owners]
    return cotrain(
        "agreement", "new", "--title", "T", "--schema", heart.SCHEMA_PATH,
        *(f"--owner={name}={parties[name][1]}" for name in names),
        f"--coordinator=Hub={parties['Hub'][1]}", "--out", out, *words,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "epsilon", "delta"),
    [
        (["--epsilon", "1.0", "--delta", "1e-5"], "1", "0.00001"),
        (["--epsilon", "5e-1", "--delta", "0.0000100"], "0.5", "0.00001"),
        (["--epsilon", "2e0", "--delta", ".001"], "2", "0.001"),
        (["--epsilon", "NONE"], "0", "0"),
    ],
)
def test_common_spellings_become_canonical(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, words: list[str], epsilon: str, delta: str
) -> None:
    out = tmp_path / "a.json"
    assert _new(cotrain, parties, out, *words).code == 0
    privacy = decode_agreement(out.read_bytes()).privacy
    assert (privacy.epsilon, privacy.delta) == (epsilon, delta)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--epsilon", "0"], "above 0"),
        (["--epsilon", "-1"], "above 0"),
        (["--epsilon", "nan"], "above 0"),
        (["--epsilon", "one"], "is not a number"),
        (["--epsilon", "1e-19"], "18 digits"),
        (["--delta", "1"], "below 1"),
        (["--delta", "0"], "above 0"),
        (["--rounds", "0"], "1<=x<=100000"),
        (["--days", "0"], "1<=x"),
        (["--learning-rate", "fast"], "not a fraction"),
        (["--learning-rate", "1/0"], "not a fraction"),
        (["--learning-rate", "0"], "above 0"),
        (["--purpose", "fun"], "clinical-research"),
        (["--survivors", "9"], "quorum of 9 cannot be met by 3"),
        (["--colluders", "2"], "cannot be met by 3"),
        (["--owner", "Di"], "NAME=did:key"),
        (["--owner", "Di=did:key:zzz"], "not a did:key"),
        (["--schema", "/nowhere.json"], "cannot be read"),
        (["--schema", __file__], "not JSON"),
    ],
)
def test_agreement_new_names_the_option_that_is_wrong(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, words: list[str], what: str
) -> None:
    result = _new(cotrain, parties, tmp_path / "a.json", *words)
    result_code = {"/nowhere.json": 7, __file__: 3}.get(words[-1], 2)
    assert result.code == result_code
    assert what in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "a.json").exists()


def test_agreement_new_needs_two_owners_and_distinct_ones(
    tmp_path: Path, cotrain: Cotrain, parties: Parties
) -> None:
    _new(cotrain, parties, tmp_path / "a.json", owners=1).assert_told(2, "at least two data owners")
    twice = _new(cotrain, parties, tmp_path / "a.json", f"--owner=Di={parties['Ada'][1]}")
    twice.assert_told(2, "twice", "its own home")


def test_an_agreement_is_never_overwritten(
    cotrain: Cotrain, parties: Parties, agreement: Path
) -> None:
    before = agreement.read_bytes()
    _new(cotrain, parties, agreement).assert_told(2, "exists already", "--out")
    assert agreement.read_bytes() == before


def test_agreement_show_and_sign(cotrain: Cotrain, parties: Parties, agreement: Path) -> None:
    shown = cotrain("agreement", "show", agreement, "--json")
    assert {"everybody", "own agent", "declared only"} == {
        clause["enforced_by"] for clause in shown.json["clauses"]
    }
    assert "epsilon 1" in cotrain("agreement", "show", agreement).out
    signed = cotrain("agreement", "sign", agreement, "--home", parties["Bo"][0], "--json")
    assert signed.json["party"] == "Bo"
    assert signed.json["run"] == shown.json["run"]


def test_a_reformatted_agreement_is_another_file(
    tmp_path: Path, cotrain: Cotrain, agreement: Path
) -> None:
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(agreement.read_bytes()), indent=2))
    cotrain("agreement", "show", pretty).assert_told(3, "not an agreement", "agreement new")
    cotrain("agreement", "show", tmp_path / "no.json").assert_told(7, "cannot be read")


def test_strangers_cannot_sign(tmp_path: Path, cotrain: Cotrain, agreement: Path) -> None:
    cotrain("init", tmp_path / "stranger", "--name", "Eve")
    sign = ("agreement", "sign", agreement, "--home")
    cotrain(*sign, tmp_path / "stranger").assert_told(5, "is not a party")
    cotrain(*sign, tmp_path / "nowhere").assert_told(7, "identity", "cotrain init")


def _register(cotrain: Cotrain, agreement: Path, home: Path, *words: object) -> Result:
    return cotrain("data", "register", agreement, heart.TABLE_PATH, "--home", home, *words)


def test_data_register_keeps_rows_and_a_budget(
    cotrain: Cotrain, parties: Parties, agreement: Path
) -> None:
    home = parties["Ada"][0]
    mine = ("--owner-column", "org", "--owner", "Cleveland")
    first = _register(cotrain, agreement, home, *mine, "--json")
    assert first.json["rows"] == 303
    assert first.json["budget"]["limit_epsilon"] == 1
    kept = _register(cotrain, agreement, home, *mine, "--budget", "2.50", "--json")
    assert kept.json["budget"]["limit_epsilon"] == 2.5
    again = _register(cotrain, agreement, home, *mine, "--json")
    assert again.json["budget"]["limit_epsilon"] == 2.5, "an earlier limit stands"
    shown = cotrain("data", "show", "--home", home, "--json").json
    assert [entry["rows"] for entry in shown["registered"]] == [303]
    assert shown["budgets"] == [again.json["budget"]]
    assert "2.500" in cotrain("data", "show", "--home", home).out
    nothing = cotrain("data", "show", "--home", parties["Hub"][0])
    assert "no rows yet" in nothing.out


def test_data_register_refusals_keep_nothing(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, agreement: Path
) -> None:
    home = parties["Ada"][0]
    few = tmp_path / "few.csv"
    few.write_text("org,age\nA,50\n")
    cases = [
        (("--owner-column", "org"), 2, "together"),
        (("--owner-column", "orgg", "--owner", "Cleveland"), 6, "orgg"),
        (("--owner-column", "org", "--owner", "Oslo"), 6, "Oslo"),
        (("--budget", "0"), 2, "above 0"),
        (("--budget", "-1"), 2, "above 0"),
    ]
    for words, code, what in cases:
        _register(cotrain, agreement, home, *words).assert_told(code, what)
    cotrain("data", "register", agreement, few, "--home", home).assert_told(6, "male")
    cotrain("data", "register", agreement, tmp_path, "--home", home).assert_told(7, "directory")
    _register(cotrain, agreement, parties["Hub"][0]).assert_told(2, "no data owner")
    assert not list(home.glob("rows-*"))


def test_a_bad_cell_is_named(
    tmp_path: Path, cotrain: Cotrain, parties: Parties, agreement: Path
) -> None:
    import gzip

    lines = gzip.decompress(heart.TABLE_PATH.read_bytes()).decode().splitlines()
    lines[7] = lines[7].replace(lines[7].split(",")[1], "old", 1)
    table = tmp_path / "bad.csv"
    table.write_text("\n".join(lines))
    bad = cotrain("data", "register", agreement, table, "--home", parties["Ada"][0])
    bad.assert_told(6, "age")
    assert "old" in bad.err
    assert "row 7" in bad.err


def test_homes_run_an_agreement_and_nobody_sees_their_test_rows(
    tmp_path: Path, cotrain: Cotrain, ready: list[str], parties: Parties
) -> None:
    out = tmp_path / "run"
    first = cotrain(*ready, "--out", out, "--json")
    assert first.code == 0, first.err
    assert first.json["quality"] is None
    assert first.json["model"]["rounds_opened"] == 2
    assert [owner["test_rows"] for owner in first.json["data"]["owners"]] == [None] * 3
    assert "No figures of quality" in (out / "report.html").read_text()
    assert cotrain(*ready, "--out", out, "--json").json == first.json, "finished runs are shown"
    audited = cotrain("audit", out, "--json").json
    assert audited["verdict"] == "nothing wrong found"
    assert [owner["erased"]["reason"] for owner in audited["owners"]] == ["settled"] * 3
    assert all(owner["erased"]["rows"] for owner in audited["owners"])
    assert not [path for home, _ in parties.values() for path in home.glob("rows-*")]
    cotrain(*ready, "--out", tmp_path / "other").assert_told(2, "began before", "--out")
    assert not (tmp_path / "other").exists()
    cotrain("demo", "--out", out).assert_told(2, "another command", "--out")
    spent = cotrain("data", "show", "--home", parties["Ada"][0], "--json").json["budgets"]
    assert 0.9 < spent[0]["spent_epsilon"] <= 1


def test_an_owner_withdraws_its_data(
    tmp_path: Path, cotrain: Cotrain, ready: list[str], parties: Parties, agreement: Path
) -> None:
    home = parties["Cy"][0]
    words = ("data", "revoke", agreement, "--home", home)
    cotrain(*words, "--reason", "x" * 2001).assert_told(2, "2001 characters", "")
    told = cotrain(*words, "--reason", "consent withdrawn", "--json")
    assert told.json["revoked"] is True
    cotrain(*ready, "--out", tmp_path / "run").assert_told(5, "not every owner registered", "")
    with Ledger.open(tmp_path / "run" / "ledger.db", read_only=True) as ledger:
        kinds = [json.loads(entry)["kind"] for entry in ledger.entries(0, ledger.size)]
    assert "revocation" in kinds
    assert "dataset" not in kinds
    hub = ("data", "revoke", agreement, "--home", parties["Hub"][0])
    assert cotrain(*hub).code != 0, "only owners have data to withdraw"


def test_rows_of_a_run_that_never_began_are_erased(
    cotrain: Cotrain, ready: list[str], parties: Parties, agreement: Path
) -> None:
    del ready
    home = parties["Ada"][0]
    cotrain("data", "erase", agreement, "--home", parties["Hub"][0]).assert_told(2, "no data owner")
    told = cotrain("data", "erase", agreement, "--home", home, "--json").json
    assert len(told["destroyed"]) == 2, "rows and journal"
    assert not [path for path in home.iterdir() if path.name in told["destroyed"]]
    assert not list(home.glob("rows-*"))
    assert (home / "budget.db").exists()
    assert cotrain("data", "erase", agreement, "--home", home, "--json").json["destroyed"] == []


def test_one_record_is_taken_out_of_a_run(
    tmp_path: Path, cotrain: Cotrain, ready: list[str], parties: Parties, agreement: Path
) -> None:
    home, out = parties["Ada"][0], tmp_path / "run"
    words = ("data", "erase", agreement, "--home", home, "--record")
    rows = len(np.load(next(home.glob("rows-*.npy"))))
    cotrain(*words, rows + 1).assert_told(2, f"there is no record {rows + 1}", "Count the rows")
    cotrain(*words, 0).assert_told(2, "0", "")
    assert cotrain(*words, 17, "--json").json["record"] == 17
    assert "record 3" in cotrain(*words, 3).out
    assert cotrain(*ready, "--out", out).code == 0
    audited = cotrain("audit", out, "--json").json
    assert [owner["removed_rows"] for owner in audited["owners"]] == [[16, 2], [], []]
    assert [owner["proven_removals"] for owner in audited["owners"]] == [0] * 3, "only recorded"
    assert f"{rows}, 2 removed" in cotrain("audit", out).out
    told = cotrain("data", "show", "--home", home, "--json").json
    assert len(told["budgets"]) == 1, "one dataset, under whatever name"
    assert 0.9 < told["budgets"][0]["spent_epsilon"] <= 1
    cotrain(*words, 1).assert_told(2, "keeps 0 rows", "")


def test_nobody_erases_by_mistake_what_a_run_needs(
    tmp_path: Path, cotrain: Cotrain, ready: list[str], parties: Parties, agreement: Path
) -> None:
    home = parties["Ada"][0]
    cotrain("data", "revoke", agreement, "--home", parties["Cy"][0])
    assert cotrain(*ready, "--out", tmp_path / "run").code == 5, "aborted before anybody registered"
    assert not list(home.glob("rows-*")), "erased by the agent"
    words = ("data", "erase", agreement, "--home", home)
    assert cotrain(*words, "--json").json["destroyed"] == []
    journal = next(home.glob("journal-*"))
    with closing(SqliteJournal(journal)) as kept:
        kept.delete(f"{name_of(agreement)}/erasing")
    cotrain(*words).assert_told(2, "has begun", "data revoke")
    assert journal.exists()
    assert journal.name in cotrain(*words, "--abandon", "--json").json["destroyed"]
    assert not journal.exists()


def test_a_crash_between_destroying_and_certifying_loses_nothing(
    tmp_path: Path,
    cotrain: Cotrain,
    ready: list[str],
    parties: Parties,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(**fields: object) -> None:
        del fields
        raise OutsideError("crash", "the light went out")

    with monkeypatch.context() as patch:
        patch.setattr("cotrain.rounds.party.ErasureBody", crash)
        assert cotrain(*ready, "--out", tmp_path / "run").code == 7
    assert not list(parties["Ada"][0].glob("rows-*")), "hers were destroyed"
    assert list(parties["Bo"][0].glob("rows-*")), "his were not yet"
    assert cotrain(*ready, "--out", tmp_path / "run").code == 0
    owners = cotrain("audit", tmp_path / "run", "--json").json["owners"]
    assert all(owner["erased"]["rows"] for owner in owners)


def name_of(agreement: Path) -> str:
    """Return the name of an agreement's run."""
    return decode_agreement(agreement.read_bytes()).digest


def test_run_between_homes_checks_everybody_first(
    tmp_path: Path, cotrain: Cotrain, ready: list[str], parties: Parties, agreement: Path
) -> None:
    out = ("--out", tmp_path / "run")
    cotrain(*ready[:-1], *out).assert_told(2, "no --home is given for Hub", "Repeat --home")
    cotrain(*ready, ready[-1], *out).assert_told(2, "homes of the same party")
    cotrain(*ready, "--epsilon", "3", *out).assert_told(2, "--epsilon cannot be given")
    cotrain(*ready, "--data", heart.TABLE_PATH, *out).assert_told(2, "either --data or --agreement")
    cotrain("init", tmp_path / "eve", "--name", "Eve")
    cotrain(*ready, f"--home={tmp_path / 'eve'}", *out).assert_told(5, "is not a party")
    home = parties["Ada"][0]
    rows = next(home.glob("rows-*.npy"))
    rows.write_bytes(b"damaged")
    cotrain(*ready, *out).assert_told(7, "rows that Ada registered", "data register")
    rows.unlink()
    cotrain(*ready, *out).assert_told(6, "Ada has registered no rows", f"--home {home}")
    words = ("--owner-column", "org", "--owner", "Cleveland", "--budget", "0.01")
    assert _register(cotrain, agreement, home, *words).code == 0
    cotrain(*ready, *out).assert_told(5, "0 of 2 rounds", "--budget")
    next(parties["Bo"][0].glob("journal-*")).unlink()
    assert _register(cotrain, agreement, home, *words[:4], "--budget", "1").code == 0
    cotrain(*ready, *out).assert_told(5, "Bo has not consented", "agreement sign")
    assert not (tmp_path / "run").exists()
