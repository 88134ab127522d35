"""`demo`, `run --data`, `audit`, `receipt`: what a user sees of a run, again, interrupted, or mistaken."""

import fcntl
import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    NO_PROOFS,
    Cotrain,
    fixture_cotrain,
    fixture_demo,
)

from cotrain.data import heart

SEEDED = ("--rounds", "2", "--insecure-seed", "cli")


@pytest.fixture(name="table")
def fixture_table(tmp_path: Path) -> Path:
    """A table of three columns for two owners of 60 rows."""
    path = tmp_path / "table.csv"
    rows = [
        f"{'ab'[n % 2]},{n % 7},{n * n % 11 / 2},{'yn'[(n % 7 + n * n % 11) > 7]}"
        for n in range(120)
    ]
    path.write_text("clinic,dose,size,ill\n" + "\n".join(rows) + "\n")
    return path


def test_demo_shown_again_is_the_same_report(demo: Path, cotrain: Cotrain) -> None:
    again = cotrain("demo", "--out", demo, "--rounds", 3, "--insecure-seed", "cli", "--json")
    assert again.json == json.loads((demo / "report.json").read_bytes())
    words = cotrain("demo", "--out", demo, "--rounds", 3, "--insecure-seed", "cli")
    assert "AUC on 275 test rows of all owners" in words.out
    assert "is finished" in words.err


def test_other_options_in_the_same_folder_are_told(demo: Path, cotrain: Cotrain) -> None:
    before = (demo / "ledger.db").read_bytes()
    other = cotrain("demo", "--out", demo, "--rounds", 5, "--epsilon", "none")
    other.assert_told(2, "--rounds 3, now 5; --epsilon 1, now none", "--out")
    assert (demo / "ledger.db").read_bytes() == before


def test_without_proofs_nothing_is_called_proven(demo: Path, cotrain: Cotrain) -> None:
    for words in (
        ("demo", "--out", demo, "--rounds", 3),
        ("audit", demo),
        ("audit", demo, "--quick"),
    ):
        assert "nothing is proven of" in cotrain(*words).out.lower().replace("\n", " ")
    told = cotrain("audit", demo, "--json").json
    assert told["assurance"] == {"agreed": "recorded", "found": "recorded"}
    assert told["proofs"]["all_verified"] is False
    assert told["proven"] == []


def test_the_number_of_a_quick_audit_is_a_number(demo: Path, cotrain: Cotrain) -> None:
    cotrain("audit", "--quick", demo).assert_told(2, "RUN stands before --quick")
    for wrong in ("0", "1.5", "\u0663"):
        cotrain("audit", demo, f"--quick={wrong}").assert_told(2, "not a number of proofs")


def test_a_proven_run_and_its_quick_audit(
    tmp_path: Path, cotrain: Cotrain, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / "run"
    words = ("run", "--data", table, "--owner-column", "clinic", "--target", "ill", "--out", out)
    proven = (*words, *SEEDED, "--assurance", "proven")
    made = cotrain(*proven, "--json").json["assurance"]
    assert made["agreed"] == made["level"] == "proven"
    assert [found["updates"] for found in made["proofs"]] == [2, 2]
    assert all(found["update_bytes"] > 0 for found in made["proofs"])
    shown = cotrain(*proven)
    assert "Assurance: proven." in shown.out
    assert max(map(len, shown.out.replace(str(out), "").splitlines())) <= 80
    told = cotrain("audit", out, "--json").json
    assert told["assurance"] == {"agreed": "proven", "found": "proven"}
    assert told["proofs"]["verified"] == told["proofs"]["carried"] == 6
    quick = cotrain("audit", out, "--quick", 2, "--json").json
    assert quick["assurance"] == {"agreed": "proven", "found": "sampled"}
    assert (quick["proofs"]["verified"], quick["proofs"]["all_verified"]) == (2, False)
    assert quick["proven"] == []
    assert "not every proof was verified" in cotrain("audit", out, "--quick=3").out
    assert "all 6" not in cotrain("audit", out, "--quick=3").out
    page = (out / "report.html").read_text()
    assert "Proofs, by party" in page


def test_output_fits_80_columns(
    demo: Path, cotrain: Cotrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in (("demo", "--out", demo, "--rounds", 3), ("audit", demo)):
        out = cotrain(*words).out
        assert max(map(len, out.replace(str(demo), "").splitlines())) <= 80
        assert "VA Long Beach" in out


def test_run_drafts_a_schema_with_a_warning(tmp_path: Path, cotrain: Cotrain, table: Path) -> None:
    out = tmp_path / "run"
    words = ("run", "--data", table, "--owner-column", "clinic", "--target", "ill", "--out", out)
    first = cotrain(*words, *SEEDED, "--json")
    assert first.code == 0, first.err
    assert "READ OFF YOUR ROWS" in first.err
    assert first.json["data"]["bounds_read_off_the_data"] is True
    assert "leak something" in (out / "report.html").read_text()
    schema = tmp_path / "mine.json"
    shutil.copy(out / "schema.json", schema)
    told = cotrain(*words[:-2], "--schema", schema, "--out", tmp_path / "two", *SEEDED, "--json")
    assert told.json["data"]["schema_hash"] == first.json["data"]["schema_hash"]
    table.write_text(table.read_text() + "a,1,1,y\n")
    cotrain(*words, *SEEDED).assert_told(2, "another --data file", "--out")


@pytest.mark.parametrize("suffix", ["csv.gz", "parquet"])
def test_run_reads_gzip_and_parquet(
    tmp_path: Path, cotrain: Cotrain, table: Path, suffix: str
) -> None:
    other = tmp_path / f"other.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(table), other)
    else:
        other.write_bytes(gzip.compress(table.read_bytes()))
    words = ("run", "--data", other, "--owner-column", "clinic", "--target", "ill")
    assert cotrain(*words, "--out", tmp_path / "run", *SEEDED).code == 0


@pytest.mark.parametrize(
    ("target", "kind", "metric"), [("dose", "softmax", "accuracy"), ("size", "linear", "r2")]
)
def test_run_fits_the_model_to_the_target(
    tmp_path: Path, cotrain: Cotrain, table: Path, target: str, kind: str, metric: str
) -> None:
    if kind == "linear":
        table.write_text(
            "clinic,dose,size\n"
            + "".join(f"{'ab'[n % 2]},{n % 7},{n / 3:.2f}\n" for n in range(120))
        )
    words = ("run", "--data", table, "--owner-column", "clinic", "--target", target)
    result = cotrain(*words, "--epsilon", "none", "--out", tmp_path / "run", *SEEDED, "--json")
    assert result.json["model"]["kind"] == kind
    assert result.json["quality"]["metric"] == metric
    assert result.json["privacy"]["spent"] == {"a": None, "b": None}
    assert "nothing is promised" in (tmp_path / "run" / "report.html").read_text()


def test_mistakes_with_a_table(tmp_path: Path, cotrain: Cotrain, table: Path) -> None:
    out = ("--out", tmp_path / "run")
    run = ("run", "--data", table)
    clinic = ("--owner-column", "clinic")
    cotrain("run", *out).assert_told(2, "either --data or --agreement")
    cotrain(*run, *out).assert_told(2, "--owner-column")
    cotrain(*run, *clinic, *out).assert_told(2, "neither --schema nor --target")
    cotrain(*run, *clinic, "--target", "il", *out).assert_told(6, "'il'", "'ill'")
    cotrain(*run, "--owner-column", "clinik", "--target", "ill", *out).assert_told(6, "'clinik'")
    cotrain(*run, *clinic, "--target", "ill", "--home", "x", *out).assert_told(2, "--home")
    two = (*run, *clinic, "--schema", heart.SCHEMA_PATH, "--target", "ill", *out)
    cotrain(*two).assert_told(2, "the schema's target")
    cotrain("run", "--data", "no.csv", *clinic, "--target", "ill", *out).assert_told(7, "no.csv")
    hard = (*run, *clinic, "--target", "ill", "--epsilon", "0.0001")
    cotrain(*hard, *out).assert_told(5, "no noise", "larger epsilon")
    lone = (*run, *clinic, "--target", "ill", "--survivors", "3", *out)
    cotrain(*lone).assert_told(2, "cannot be met by 2")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: text.replace("\nb,", "\na,"), "two are the least"),
        (lambda text: text.replace("\nb,", "\n,"), "name no owner"),
        (lambda text: text.replace("\nb,", "\nCoordinator,"), "the name of another party"),
        (lambda text: text.replace("\na,", "\n1,").replace("\nb,", "\n1.0,"), "two ways"),
        (lambda text: text + "c,1,1,y\n" * 25, "17 are left for training"),
    ],
)
def test_owners_that_cannot_take_part(
    tmp_path: Path, cotrain: Cotrain, table: Path, change: Callable[[str], str], what: str
) -> None:
    table.write_text(change(table.read_text()))
    words = ("run", "--data", table, "--owner-column", "clinic", "--target", "ill")
    cotrain(*words, "--out", tmp_path / "run").assert_told(6, what)


def test_names_with_one_folder_name_have_two_homes(
    tmp_path: Path, cotrain: Cotrain, table: Path
) -> None:
    text = table.read_text().replace("\na,", "\nSt. Ann,").replace("\nb,", "\nst ann,")
    table.write_text(text)
    words = ("run", "--data", table, "--owner-column", "clinic", "--target", "ill")
    result = cotrain(*words, "--out", tmp_path / "run", *SEEDED, "--json")
    assert [owner["name"] for owner in result.json["data"]["owners"]] == ["St. Ann", "st ann"]


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path, cotrain: Cotrain) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        cotrain("demo", "--out", folder).assert_told(7, "another process", "Wait")


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(tmp_path: Path, cotrain: Cotrain, end: signal.Signals) -> None:
    folder = tmp_path / "run"
    words = ["demo", "--out", str(folder), "--rounds", "8", "--insecure-seed", "cut", *NO_PROOFS]
    # Whoever is started in the background by a shell ignores SIGINT, and its children with it.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += f"from cotrain.cli.main import run; run({words!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as child:
        while not (folder / "ledger.db").exists():
            time.sleep(0.05)
        time.sleep(0.1)
        child.send_signal(end)
        _, told = child.communicate()
    if end is signal.SIGINT:
        assert child.returncode == 130
        assert "cotrain: hint: Run the same command again to go on." in told
    assert not (folder / "report.json").exists()
    result = cotrain(*words, "--json")
    assert result.code == 0
    cost = result.json["cost"]
    assert cost["rounds"] == 8
    assert cost["timed_rounds"] <= 8
    assert len(cost["bytes_by_round"]) == 8
    assert cotrain("audit", folder).code == 0


@pytest.mark.slow
def test_a_demo_killed_again_and_again_pays_everybody_once(
    tmp_path: Path, cotrain: Cotrain
) -> None:
    """Killed at random moments, most of them among the transactions, until it comes to its end."""
    folder, random = tmp_path / "run", np.random.default_rng(7)
    words = ["demo", "--out", str(folder), "--rounds", "2", "--insecure-seed", "cut", *NO_PROOFS]
    code = f"from cotrain.cli.main import run; run({words!r})"
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as child:
            while not (folder / "chain.db").exists() and child.poll() is None:
                time.sleep(0.01)
            time.sleep(2.5 * random.random())
            child.kill()
    assert cotrain(*words, "--json").code == 0
    money = cotrain("audit", folder, "--json").json["money"]
    accounts = money["accounts"]
    unit = 10 ** money["decimals"]
    assert sum(found["earned_for_run"] for found in accounts) == money["price"] == 1000 * unit
    assert sum(found["paid_for_run"] for found in accounts) == money["price"]
    assert sum(found["staked"] for found in accounts) == (4 * 50 + 100) * unit
    assert money["queries_paid"] == 5
    paid = sum(found["paid_for_use"] for found in accounts)
    assert sum(found["royalties"] for found in accounts) == paid == 5 * money["use_price"]
    assert sum(found["model_shares"] for found in accounts) == pytest.approx(1)


@pytest.mark.slow
def test_a_damaged_report_is_not_shown(tmp_path: Path, cotrain: Cotrain, demo: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demo, copy)
    (copy / "report.json").write_text("{")
    again = ("demo", "--out", copy, "--rounds", 3, "--insecure-seed", "cli")
    cotrain(*again).assert_told(7, "cannot be shown", "Remove the file")
    (copy / "report.json").unlink()
    assert cotrain(*again, "--json").json["cost"]["timed_rounds"] == 0


def test_audit_of_a_folder_and_of_a_file(demo: Path, cotrain: Cotrain) -> None:
    folder = cotrain("audit", demo, "--json").json
    assert cotrain("audit", demo / "ledger.db", "--run-id", folder["run"], "--json").json == folder
    assert folder["opened_rounds"] == 3
    assert "Nothing wrong found." in cotrain("audit", demo).out


def test_audit_refusals(tmp_path: Path, demo: Path, cotrain: Cotrain) -> None:
    cotrain("audit", tmp_path / "none").assert_told(2, "no ledger", "run folder")
    cotrain("audit", tmp_path).assert_told(2, "no ledger", "run folder")
    cotrain("audit", demo / "agreement.json").assert_told(3, "damaged", "backup")
    cotrain("audit", demo, "--run-id", "abc").assert_told(4, "not of abc")
    data = bytearray((demo / "ledger.db").read_bytes())
    (tmp_path / "cut.db").write_bytes(data[: len(data) // 2])
    cotrain("audit", tmp_path / "cut.db").assert_told(3, "damaged")
    place = data.index(b'"kind":"submission"')
    data[place + 9] ^= 1
    (tmp_path / "changed.db").write_bytes(data)
    changed = cotrain("audit", tmp_path / "changed.db", "--json")
    assert changed.code == 4
    assert set(changed.json["error"]) == {"code", "what", "meaning", "hint"}


def test_receipts(tmp_path: Path, demo: Path, cotrain: Cotrain) -> None:
    file = tmp_path / "hungary.tlog-proof"
    make = ("receipt", "make", demo)
    made = cotrain(*make, "--kind", "submission", "--party", "Hungary", "--out", file, "--json")
    assert made.json["receipt"] == file.read_text()
    assert cotrain(*make, "--entry", made.json["entry"]).out == file.read_text()
    check = ("receipt", "check", file, "--agreement", demo / "agreement.json")
    checked = cotrain(*check, "--json").json
    assert (checked["author"], checked["kind"]) == ("Hungary", "submission")
    assert "is a submission signed by Hungary" in " ".join(cotrain(*check).out.split())
    text = file.read_text()
    lines = text.splitlines()
    proof = next(place for place, line in enumerate(lines) if line.startswith("index "))
    lines[proof + 1] = "A" * 43 + "="
    file.write_text("\n".join(lines) + "\n")
    assert cotrain(*check).code == 4


def test_receipt_refusals(tmp_path: Path, demo: Path, cotrain: Cotrain) -> None:
    make = ("receipt", "make", demo)
    cotrain(*make).assert_told(2, "none of --entry", "--kind submission")
    cotrain(*make, "--entry", 9999).assert_told(2, "no signed entry", "numbered from 0")
    cotrain(*make, "--party", "Oslo").assert_told(2, "no record of Oslo", "VA Long Beach")
    cotrain("receipt", "make", tmp_path, "--entry", 0).assert_told(2, "no ledger", "run folder")
    cotrain("receipt", "check", tmp_path / "x", "--agreement", demo / "x").assert_told(7, "x")
