"""Options for base models: which go together, what is written, what mistakes are told."""

import json
import shutil
from pathlib import Path

import pytest
from cli_fixtures import (  # noqa: F401 - fixtures are found by name
    Cotrain,
    Result,
    fixture_cotrain,
    fixture_demo,
    fixture_parties,
)
from jsonschema import Draft202012Validator

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.audit.auditor import audit
from cotrain.cli.base_model import read_base
from cotrain.data import heart
from cotrain.errors import RefusedError
from cotrain.identity.keys import load_identity
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import decode
from cotrain.testing.determinism import ManualClock, SeededEntropy

HOSPITALS = ("Cleveland", "Hungary", "Switzerland")
OTHERS = ("Demander", "Coordinator")
SHARE = ("--base-share", 20)
Parties = dict[str, tuple[Path, str]]


@pytest.fixture(name="first")
def fixture_first(demo: Path, tmp_path: Path) -> Path:
    """A copy of a finished run that may be changed."""
    return Path(shutil.copytree(demo, tmp_path / "first"))


def new(cotrain: Cotrain, out: Path, run: Path, *words: object, price: object = 100) -> Result:
    """Draft a second version between three of the demo's hospitals."""
    homes = RunLayout(run).homes((*heart.HOSPITALS, "Demander", "Developer", "Coordinator"))
    typed: list[object] = []
    for name in (*HOSPITALS, *OTHERS):
        option = "--owner" if name in HOSPITALS else f"--{name.lower()}"
        typed += [option, f"{name}={load_identity(homes[name].identity).did}"]
        if price is not None:
            account = cotrain("agreement", "account", "--home", homes[name].path).out.strip()
            typed += ["--account", f"{name}={account}"]
    typed += [] if price is None else ["--price", price]
    return cotrain(
        *("agreement", "new", "--title", "Second", "--schema", heart.SCHEMA_PATH, "--out", out),
        *typed,
        *words,
    )


def written(out: Path) -> Agreement:
    return decode_agreement(out.read_bytes())


def test_a_draft_names_the_model_its_run_and_who_is_paid(
    first: Path, tmp_path: Path, cotrain: Cotrain
) -> None:
    out = tmp_path / "second.json"
    result = new(cotrain, out, first, "--base-model", first, *SHARE)
    assert result.code == 0, result.err
    agreement = written(out)
    with Ledger.open(RunLayout(first).ledger, read_only=True) as ledger:
        report = audit(ledger)
    assert agreement.base_model is not None
    assert agreement.base_model.run == report.run
    assert agreement.settlement is not None
    assert [parent.basis_points for parent in agreement.settlement.parents] == [2000]
    assert report.agreement.settlement is not None
    assert agreement.settlement.contract == report.agreement.settlement.contract
    schema = Path(__file__).parents[2] / "docs" / "spec" / "agreement.schema.json"
    Draft202012Validator(json.loads(schema.read_bytes())).validate(decode(out.read_bytes()))


def test_without_a_price_only_the_weights_go_on(
    first: Path, tmp_path: Path, cotrain: Cotrain
) -> None:
    out = tmp_path / "second.json"
    assert new(cotrain, out, first, "--base-model", first, price=None).code == 0
    agreement = written(out)
    assert agreement.base_model is not None
    assert agreement.settlement is None


def test_what_does_not_go_together_is_told(first: Path, tmp_path: Path, cotrain: Cotrain) -> None:
    out = tmp_path / "second.json"
    base = ("--base-model", first)
    new(cotrain, out, first, *SHARE).assert_told(2, "there is no --base-model")
    new(cotrain, out, first, *base, *SHARE, price=None).assert_told(2, "--base-share")
    new(cotrain, out, first, *base, "--chain-id", 5).assert_told(2, "--chain-id is 5")
    new(cotrain, out, first, "--base-model", tmp_path).assert_told(2, "there is no run in")
    other = tmp_path / "schema.json"
    schema = json.loads(heart.SCHEMA_PATH.read_bytes())
    other.write_text(json.dumps({**schema, "row_bound": 2048}), encoding="utf-8")
    told = new(cotrain, out, first, *base, "--schema", other)
    told.assert_told(5, "cannot begin with this base model")
    assert not out.exists()


def test_a_table_takes_no_base_model(first: Path, tmp_path: Path, cotrain: Cotrain) -> None:
    table = ("run", "--data", heart.TABLE_PATH, "--owner-column", heart.OWNER_COLUMN)
    told = cotrain(*table, "--target", "target", "--base-model", first, "--out", tmp_path / "t")
    told.assert_told(2, "--base-model cannot be given with --data")


@pytest.mark.slow
def test_a_chain_is_handed_over_once_and_to_what_begins_with_it(
    first: Path, tmp_path: Path, cotrain: Cotrain
) -> None:
    second, third = tmp_path / "second.json", tmp_path / "third.json"
    for out in (second, third):
        assert new(cotrain, out, first, "--base-model", first, *SHARE).code == 0
    stranger = draft_agreement(
        written(second).data_schema,
        written(second).parties,
        Wishes("Stranger"),
        entropy=SeededEntropy("stranger"),
        clock=ManualClock(),
        settlement=written(second).model_dump(mode="json")["settlement"] | {"parents": []},
    )
    (tmp_path / "stranger.json").write_bytes(stranger.data)
    told = cotrain("model", "hand-over", first, "--to", tmp_path / "stranger.json")
    told.assert_told(5, "does not begin with the model")
    with pytest.raises(RefusedError, match="was not handed over"):
        read_base(first, written(second))
    for _ in range(2):
        assert cotrain("model", "hand-over", first, "--to", second).code == 0
    assert read_base(first, written(second)).term == written(second).base_model
    with pytest.raises(RefusedError, match="was not handed over"):
        read_base(first, written(third))
    told = cotrain("model", "hand-over", first, "--to", third)
    told.assert_told(5, "goes on with the run")
    cotrain("model", "settle", first).assert_told(5, "goes on with the run")
    told = new(cotrain, tmp_path / "fourth.json", first, "--base-model", first, *SHARE)
    told.assert_told(2, "and with no other")
    # without a share it begins a chain of its own
    alone = new(cotrain, tmp_path / "fourth.json", first, "--base-model", first)
    assert "begins a chain of its own" in alone.err
    assert read_base(first, written(tmp_path / "fourth.json")).steps == ()
    shown = cotrain("audit", first)
    assert f"its chain goes on with run {written(second).digest[:16]}" in shown.out
