"""`cotrain prove` and `cotrain verify`: a gradient proven, checked, opened; what is refused, and how it is told."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_fixtures import Cotrain, fixture_cotrain  # noqa: F401 - fixtures are found by name
from numpy.typing import NDArray

from cotrain.data import heart
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient
from cotrain.training.model import Model

FEATURES, ROWS = 5, 40
MODEL = Algorithm(kind="logistic", features=FEATURES)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rows and weights, which is the current one."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    rows = generator.integers(-900, 901, (ROWS, FEATURES + 1), dtype=np.int16)
    rows[:, -2] = 1000
    rows[:, -1] = generator.integers(0, 2, ROWS)
    np.save("rows.npy", rows)
    weights = generator.integers(-4000, 4001, FEATURES).tolist()
    Path("weights.json").write_text(json.dumps(weights), encoding="utf-8")
    return tmp_path


def rows() -> NDArray[np.int16]:
    table: NDArray[np.int16] = np.load("rows.npy")
    return table


def weights() -> NDArray[np.int64]:
    return np.array(json.loads(Path("weights.json").read_text("utf-8")), dtype=np.int64)


PROVE = ("prove", "--rows", "rows.npy", "--weights", "weights.json", "--kind", "logistic")
VERIFY = ("verify", "gradient.proof", "--weights", "weights.json", "--kind", "logistic")


def test_a_proven_gradient_is_verified_and_opened(folder: Path, cotrain: Cotrain) -> None:
    proven = cotrain(*PROVE, "--opening", "gradient.opening", "--json")
    assert proven.code == 0
    told = proven.json
    assert (told["rows"], told["columns"], told["segments"]) == (ROWS, FEATURES + 1, 1)
    assert told["proof_bytes"] == (folder / "gradient.proof").stat().st_size
    assert told["prove_seconds"] >= 0
    assert told["peak_memory_bytes"] > 0
    assert "about" in proven.err
    checked = cotrain(
        *VERIFY, "--root", told["root"], "--opening", "gradient.opening", "--json"
    ).json
    assert checked["verdict"] == "the proof holds"
    assert checked["root"] == told["root"]
    assert checked["root_given"] is True
    assert checked["gradient"] == gradient(MODEL, rows(), weights()).tolist()


def test_what_was_shown_and_what_not_is_said_plainly(folder: Path, cotrain: Cotrain) -> None:
    del folder
    shown = cotrain(*PROVE)
    assert shown.code == 0
    for word in ("rows", "columns", "root", "prove time", "bytes", "peak memory", "secrets"):
        assert word in shown.out
    checked = cotrain(*VERIFY)
    assert checked.code == 0
    text = " ".join(checked.out.split())
    assert "exact logistic gradient over all of these rows at these weights" in text
    assert "not shown" in text
    assert "if the table is in order" in text
    assert "see --table-proof" in text
    assert "that the rows are real" in text
    assert "compare the root" in text
    assert "what the gradient is" in text
    root = cotrain(*VERIFY, "--json").json["root"]
    assert "compare the root" not in cotrain(*VERIFY, "--root", root).out


def test_the_table_can_be_proven_too(folder: Path, cotrain: Cotrain) -> None:
    told = cotrain(*PROVE, "--table-proof", "table.proof", "--json").json
    assert told["table_proof_bytes"] == (folder / "table.proof").stat().st_size
    checked = cotrain(*VERIFY, "--table-proof", "table.proof")
    assert checked.code == 0
    text = " ".join(checked.out.split())
    assert "the table is in order" in text
    assert "see --table-proof" not in text
    cotrain(*VERIFY, "--table-proof", "gradient.proof").assert_told(3, "table-proof", "first line")
    names = ("--proof", "b.proof", "--secrets", "b.secrets", "--table-proof", "b.table")
    assert cotrain(*PROVE, *names).code == 0
    cotrain(*VERIFY, "--table-proof", "b.table").assert_told(4, "about another table", "Compare")


def test_secrets_are_for_the_owner_alone(folder: Path, cotrain: Cotrain) -> None:
    assert cotrain(*PROVE, "--opening", "gradient.opening").code == 0
    for name in ("gradient.secrets", "gradient.opening"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    before = (folder / "gradient.secrets").read_bytes()
    cotrain(*PROVE).assert_told(2, "gradient.secrets exists already", "--secrets")
    assert (folder / "gradient.secrets").read_bytes() == before
    cotrain(*PROVE, "--secrets", "x", "--opening", "x").assert_told(2, "into one file", "its own")
    cotrain(*VERIFY, "--opening", "gradient.secrets").assert_told(
        3, "gradient-opening", "first line"
    )


def test_a_table_can_keep_its_root(folder: Path, cotrain: Cotrain) -> None:
    del folder
    first = cotrain(*PROVE, "--json").json
    other = ("--secrets", "second.secrets", "--proof", "second.proof")
    again = cotrain(*PROVE, *other, "--same-table-as", "gradient.secrets", "--json").json
    assert again["root"] == first["root"]
    fresh = ("--secrets", "third.secrets", "--proof", "third.proof")
    assert cotrain(*PROVE, *fresh, "--json").json["root"] != first["root"]


def test_a_table_is_encoded_by_its_schema(
    folder: Path, cotrain: Cotrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    zeros: list[int] = [0] * 14
    Path("zeros.json").write_text(json.dumps(zeros), encoding="utf-8")
    words = ("--weights", "zeros.json", "--kind", "logistic")
    table = ("--data", heart.TABLE_PATH, "--schema", heart.SCHEMA_PATH)
    owner = ("--owner-column", "org", "--owner", "Cleveland")
    told = cotrain("prove", *table, *owner, *words, "--json").json
    assert (told["rows"], told["columns"]) == (303, 15)
    assert cotrain("verify", "gradient.proof", *words, "--root", told["root"]).code == 0
    cotrain("prove", *table[:2], *words, "--secrets", "x").assert_told(2, "--schema", "CSV")
    cotrain("prove", *words, "--secrets", "x").assert_told(2, "give either --rows", "--data")


@pytest.mark.parametrize("form", ["npy", "nested", "model"])
def test_weights_come_in_several_forms(form: str, folder: Path, cotrain: Cotrain) -> None:
    del folder
    assert cotrain(*PROVE).code == 0
    values = weights()
    path, kind = Path(f"weights.{form}"), ["--kind", "logistic"]
    if form == "npy":
        np.save(path, values.astype(np.int32))
    elif form == "nested":
        path.write_text(json.dumps([values.tolist()]), encoding="utf-8")
    else:
        kind = []
        path.write_bytes(Model.of(MODEL, values, schema="00" * 32, agreement="11" * 32).encode())
        wrong = cotrain("verify", "gradient.proof", "--weights", path, "--kind", "linear")
        wrong.assert_told(2, "says kind logistic, the option says linear", "Leave the option out")
    assert cotrain("verify", "gradient.proof", "--weights", path, *kind).code == 0


def test_softmax_needs_classes(folder: Path, cotrain: Cotrain) -> None:
    del folder
    Path("many.json").write_text(json.dumps(list(range(10))), encoding="utf-8")
    words = ("--weights", "many.json", "--kind", "softmax")
    assert cotrain("prove", "--rows", "rows.npy", *words, "--classes", 2).code == 0
    assert cotrain("verify", "gradient.proof", *words, "--classes", 2).code == 0
    cotrain("verify", "gradient.proof", *words).assert_told(
        2, "softmax needs --classes", "logistic"
    )
    cotrain("verify", "gradient.proof", *words, "--classes", 3).assert_told(
        2, "3 vectors", "columns"
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (("--kind", "linear"), "about another model"),
        (("--row-bound", 8192), "about another model"),
        (("--residual-bits", 11), "about another model"),
        (("--context", "another"), "about another context"),
        (("--root", "00" * 32), "about another table"),
        (("--weights", "others.json"), "about other weights"),
    ],
)
def test_a_proof_of_something_else_is_a_lie(
    changes: tuple[Any, ...], what: str, folder: Path, cotrain: Cotrain
) -> None:
    del folder
    Path("others.json").write_text(json.dumps([1] * FEATURES), encoding="utf-8")
    assert cotrain(*PROVE).code == 0
    cotrain(*VERIFY, *changes).assert_told(4, what, "Compare")
    error = cotrain(*VERIFY, *changes, "--json").json["error"]
    assert error["code"].startswith("gradient-proof-other-")


def test_a_changed_file_is_told_apart(folder: Path, cotrain: Cotrain) -> None:
    assert cotrain(*PROVE, "--opening", "gradient.opening").code == 0
    path = folder / "gradient.proof"
    proof = path.read_bytes()
    path.write_bytes(proof + b"\0")
    cotrain(*VERIFY).assert_told(3, "bytes", "Fetch")
    path.write_bytes(proof[:-1] + bytes([proof[-1] ^ 1]))
    assert cotrain(*VERIFY).code in {3, 4}
    path.write_bytes(proof)
    opening = folder / "gradient.opening"
    shown = bytearray(opening.read_bytes())
    shown[-40] ^= 1
    opening.write_bytes(shown)
    assert cotrain(*VERIFY, "--opening", opening).code in {3, 4}
    assert (
        cotrain(*PROVE, "--secrets", "2", "--proof", "2.proof", "--opening", "2.opening").code == 0
    )
    cotrain(*VERIFY, "--opening", "2.opening").assert_told(4, "opening is of another proof", "Ask")


def test_mistakes_are_told_without_a_traceback(folder: Path, cotrain: Cotrain) -> None:
    def prove(*words: object) -> Any:
        return cotrain(*PROVE, *words)

    np.save("wide.npy", np.zeros((4, 9), dtype=np.int16))
    np.save("long.npy", np.zeros((4, FEATURES + 1), dtype=np.int32))
    np.save("labels.npy", np.full((4, FEATURES + 1), 7, dtype=np.int16))
    (folder / "text.npy").write_text("no numbers", encoding="utf-8")
    (folder / "bad.json").write_text('{"a": 1}', encoding="utf-8")
    (folder / "reals.json").write_text("[0.5]", encoding="utf-8")
    prove("--rows", "none.npy").assert_told(7, "none.npy cannot be read", "path")
    prove("--rows", "text.npy").assert_told(6, "text.npy is no .npy file", "numpy.save")
    prove("--rows", "long.npy").assert_told(6, "int32", "label last")
    prove("--rows", "wide.npy").assert_told(6, "9 columns, these weights need 6", "columns")
    prove("--rows", "labels.npy").assert_told(6, "its label", "schema")
    prove("--weights", "none.json").assert_told(7, "none.json cannot be read", "path")
    prove("--weights", "text.npy").assert_told(2, "neither JSON nor .npy", "4096")
    prove("--weights", "bad.json").assert_told(2, "bad.json is no model", "--kind")
    prove("--weights", "reals.json").assert_told(2, "no list of integers", "round")
    prove("--weight-bound", 1).assert_told(2, "longer than the weight bound")
    prove("--context", "x" * 1001).assert_told(2, "1000 are allowed", "hash")
    prove("--max-memory", "much").assert_told(2, "not a size", "--help")
    prove("--same-table-as", "rows.npy").assert_told(3, "gradient-secrets", "first line")
    cotrain(*PROVE[:-2]).assert_told(2, "of which kind", "--kind logistic")
    other = cotrain("verify", "rows.npy", *VERIFY[2:], "--root", "abc")
    other.assert_told(2, "is not the root", "64")
    assert not (folder / "gradient.proof").exists()
    assert not (folder / "gradient.secrets").exists()


def test_what_does_not_fit_in_memory_is_refused_before_it_begins(
    folder: Path, cotrain: Cotrain
) -> None:
    refused = cotrain(*PROVE, "--max-memory", "1M")
    refused.assert_told(2, "proving 1 segment of 40 x 6 needs about", "more memory")
    assert "--max-memory leaves 1.0 MiB" in refused.err
    assert not (folder / "gradient.secrets").exists()
    assert cotrain(*PROVE, "--max-memory", "2GiB", "--workers", 2).code == 0


def test_the_same_insecure_seed_gives_the_same_proof(folder: Path, cotrain: Cotrain) -> None:
    for name in ("a", "b"):
        words = ("--proof", f"{name}.proof", "--secrets", f"{name}.secrets", "--insecure-seed", "x")
        result = cotrain(*PROVE, *words)
        assert result.code == 0
        assert "insecure" in result.err
    assert (folder / "a.proof").read_bytes() == (folder / "b.proof").read_bytes()


def test_the_python_example_proves_and_opens() -> None:
    example = Path(__file__).parents[2] / "examples" / "prove_a_gradient.py"
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("proof of 1000 rows holds")
    assert float(second.split()[-3]) < 1
