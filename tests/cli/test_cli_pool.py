"""A demo with a pool: public rows, what report and audit say of scores, and a false score on the ledger."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_fixtures import Cotrain, fixture_cotrain  # noqa: F401 - fixtures are found by name

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.agreement.schema import load_schema
from cotrain.audit.auditor import audit
from cotrain.cli.main import run
from cotrain.data import heart
from cotrain.dataset.encoding import encode_table
from cotrain.dataset.reader import TableSource
from cotrain.errors import ForgeryError
from cotrain.identity.keys import load_identity
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.privacy.sampler import sample_noise
from cotrain.privacy.skellam import build_table
from cotrain.records.record import Message, decode_record
from cotrain.report.page import render_page
from cotrain.rounds.score_rules import scoring_of
from cotrain.testing.lying import LyingLog, restate

OPTIONS = (
    *("--pool", "40", "--epsilon", "8", "--rounds", "2", "--insecure-seed", "pool"),
    *("--assurance", "proven"),
)
POOL = 400_000_000


def test_a_pool_needs_a_price_and_proofs(tmp_path: Path, cotrain: Cotrain) -> None:
    words = ("demo", "--out", tmp_path / "run", "--pool", 40)
    cotrain(*words, "--price", "none").assert_told(2, "--pool divides a part of the price")
    cotrain(*words, "--assurance", "recorded").assert_told(2, 'assurance must be "proven"')


@pytest.fixture(scope="module", name="scored")
def fixture_scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demo with a pool; tests must not change it."""
    folder = tmp_path_factory.mktemp("pool") / "demo"
    with pytest.raises(SystemExit) as end:
        run(["demo", "--out", str(folder), *OPTIONS, "--json"])
    assert end.value.code == 0
    return folder


@pytest.fixture(name="report")
def fixture_report(scored: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((scored / "report.json").read_bytes())
    return found


def agreement_of(folder: Path) -> Agreement:
    return decode_agreement(RunLayout(folder).agreement.read_bytes())


def sorted_rows(*parts: np.ndarray) -> list[tuple[int, ...]]:
    return sorted(map(tuple, np.concatenate(parts).tolist()))


@pytest.mark.slow
def test_public_rows_leave_the_tables_and_no_test_row_is_public(scored: Path) -> None:
    agreement = agreement_of(scored)
    assert agreement.settlement is not None
    term = agreement.settlement.contribution
    assert term is not None
    assert term.epsilon == "2"
    schema, kept = load_schema(heart.SCHEMA_PATH), []
    public = term.validation_rows(schema.feature_count + 1)
    homes = RunLayout(scored).homes(heart.HOSPITALS)
    everything = []
    for name in heart.HOSPITALS:
        source = TableSource(heart.TABLE_PATH, heart.OWNER_COLUMN, name)
        rows = encode_table(source, schema).rows
        train, test = (
            np.load(homes[name].path / f"table-{part}.npy") for part in ("train", "test")
        )
        taken = len(rows) - len(train) - len(test)
        assert abs(taken - (len(train) + taken) / 10) <= 1
        assert abs(len(test) - 0.3 * len(rows)) <= 1
        kept += [train, test]
        everything.append(rows)
    assert sorted_rows(*kept, public) == sorted_rows(*everything)


@pytest.mark.slow
def test_the_report_shows_scores_beside_payouts(scored: Path, report: dict[str, Any]) -> None:
    money, pool = report["money"], report["money"]["pool"]
    assert (pool["percent"], pool["floor"], pool["epsilon"]) == (40.0, 0, "2")
    accounts = {found["name"]: found for found in money["accounts"]}
    assert sum(owner["amount"] for owner in pool["owners"]) == POOL
    for owner in pool["owners"]:
        found = accounts[owner["name"]]
        assert owner["proven"]
        assert found["earned_from_pool"] == owner["amount"]
        assert found["earned_for_run"] == owner["amount"] + 100_000_000
        assert found["why"] == f"its data, score {owner['score']:,}"
    by_score = sorted(pool["owners"], key=lambda owner: owner["score"])
    assert [owner["amount"] for owner in by_score] == sorted(o["amount"] for o in by_score)
    page = (scored / "report.html").read_text()
    assert "Contribution and payout" in page
    assert "Scores are noisy" in page
    assert "40 % of all that is paid was divided by scores" in page


@pytest.mark.slow
def test_a_report_without_released_scores_shows_no_plot_of_them(report: dict[str, Any]) -> None:
    for owner in report["money"]["pool"]["owners"]:
        owner["score"] = None
    page = render_page(report)
    assert "Contribution and payout" not in page
    assert "divided by rounds, because nobody released a score" in page


@pytest.mark.slow
def test_epsilon_is_that_of_rounds_and_scores_together(report: dict[str, Any]) -> None:
    privacy = report["privacy"]
    first, last = (point["epsilon"]["Hungary"] for point in privacy["spent_after_round"])
    assert 2 < first < last == privacy["spent"]["Hungary"]
    assert 7.9 < last <= 8
    assert "epsilon 8, delta 0.00001 for the whole run, 2 of it for the scores" in render_page(
        report
    )


@pytest.mark.slow
def test_the_audit_verifies_and_counts_the_proofs_of_scores(scored: Path, cotrain: Cotrain) -> None:
    told = cotrain("audit", scored, "--json").json
    assert told["assurance"]["found"] == "proven"
    assert told["proofs"]["verified"] == told["proofs"]["carried"] == 4 + 8 + 4
    assert told["checked"]["proofs that a score is what the updates make it"] == 4
    assert all(owner["proven_score"] for owner in told["owners"])
    assert sum("score" in line for line in told["proven"]) == 2
    assert any("public rows" in line for line in told["not_checked"])
    assert all(owner["noise_sd"] < owner["chance_sd"] for owner in told["money"]["pool"]["owners"])
    quick = cotrain("audit", scored, "--quick", 15, "--json").json
    assert quick["assurance"]["found"] == "sampled"
    assert quick["proven"] == []


@pytest.mark.slow
def test_terminal_and_audit_name_the_scores(
    scored: Path, cotrain: Cotrain, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in (("demo", "--out", scored, *OPTIONS), ("audit", scored)):
        out = cotrain(*words).out
        assert "scores and the pool, in CREDIT" in out
        assert max(map(len, out.replace(str(scored), "").splitlines())) <= 80
        for owner in report["money"]["pool"]["owners"]:
            assert out.count(f"{owner['score']:,}") >= 2, "as the reason, and in the table"


@pytest.mark.slow
def test_the_same_folder_with_another_pool_is_told(scored: Path, cotrain: Cotrain) -> None:
    other = cotrain("demo", "--out", scored, *OPTIONS[2:])
    other.assert_told(2, "--pool 40, now 0", "--out")


@pytest.mark.slow
def test_chance_in_a_score_is_that_of_its_noise_and_of_its_updates(scored: Path) -> None:
    with Ledger.open(RunLayout(scored).ledger, read_only=True) as ledger:
        report = audit(ledger)
    plan, owner = report.state.derived, report.owners[0].score
    assert owner is not None
    assert owner.chance_sd is not None
    assert plan.scores is not None
    assert plan.noise is not None
    assert plan.scores.variance is not None
    gradients = scoring_of(report.state).gradients.astype(np.int64)
    table, own = build_table(plan.noise.local_variance), build_table(plan.scores.variance)
    draws = []
    for number in range(500):
        stream = number.to_bytes(32, "big")
        noise = sample_noise(table, stream, gradients.size).reshape(gradients.shape)
        (added,) = sample_noise(own, bytes(reversed(stream)), 1)
        draws.append((gradients * noise).sum() / 2**plan.scores.shift + added)
    assert np.std(draws) == pytest.approx(owner.chance_sd, rel=0.12)


@pytest.mark.slow
def test_a_false_score_on_the_ledger_is_named_by_the_audit(scored: Path, tmp_path: Path) -> None:
    layout, agreement = RunLayout(scored), agreement_of(scored)
    homes = layout.homes(party.name for party in agreement.parties)
    hub = load_identity(homes["Coordinator"].identity)
    with Ledger.open(layout.ledger, read_only=True) as ledger:
        records = [
            decode_record(entry, lambda *_: None) for entry in ledger.entries(0, ledger.size)
        ]
        wrong = next(n for n, record in enumerate(records) if record.kind == "score")
        log = LyingLog.after(ledger, hub, agreement, wrong + 1)
    record = records[wrong]
    author = load_identity(homes[agreement.party(record.author).name].identity)
    named = {ref.sha256: log.blob(ref.sha256) for ref in record.blobs}
    raised = str(int(record.body.score) + 1)  # type: ignore[attr-defined]
    log.history[wrong] = restate(author, Message(record, named), score=raised).record.data
    with log.save(tmp_path / "ledger.db") as ledger, pytest.raises(ForgeryError) as caught:
        audit(ledger)
    assert f"entry {wrong} is wrong" in str(caught.value)
