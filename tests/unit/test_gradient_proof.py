"""A gradient proven outside any agreement: the proof holds for its own statement and for nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cotrain.errors import CotrainError, DataError, ForgeryError, MalformedError, UsageError
from cotrain.proofs.gradient import (
    FORMAT,
    GradientOpening,
    OwnedTable,
    ProvenGradient,
    commit_table,
    committed_gradient,
    open_gradient,
    prove_gradient,
    verify_gradient,
)
from cotrain.proofs.gradient_secrets import GradientSecrets
from cotrain.records import canonical
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient

SEED, ENTROPY, CONTEXT = bytes(range(32)), bytes(range(32, 64)), b"round 1"
MODELS = {
    "logistic": Algorithm(kind="logistic", features=4),
    "linear": Algorithm(kind="linear", features=4),
    "softmax": Algorithm(kind="softmax", features=4, classes=3),
}


def rows_of(algorithm: Algorithm, count: int = 30) -> NDArray[np.int16]:
    generator = np.random.default_rng(count)
    rows = generator.integers(-1000, 1001, (count, algorithm.columns), dtype=np.int16)
    rows[:, -1] = generator.integers(0, 2, count)
    return rows


def weights_of(algorithm: Algorithm) -> NDArray[np.int32]:
    return np.random.default_rng(1).integers(-9000, 9001, algorithm.dimension, dtype=np.int32)


@cache
def made(kind: str) -> tuple[Algorithm, OwnedTable, ProvenGradient]:
    algorithm = MODELS[kind]
    table = commit_table(rows_of(algorithm), SEED)
    proven = prove_gradient(algorithm, table, weights_of(algorithm), ENTROPY, context=CONTEXT)
    return algorithm, table, proven


def check(proof: bytes, **changes: Any) -> None:
    algorithm, table, _ = made("logistic")
    arguments: dict[str, Any] = {
        "algorithm": algorithm,
        "weights": weights_of(algorithm),
        "root": table.public.root,
        "context": CONTEXT,
    }
    verify_gradient(**arguments | changes, proof=proof)


@pytest.mark.parametrize("kind", MODELS)
def test_the_proven_gradient_is_that_of_numpy(kind: str) -> None:
    algorithm, table, proven = made(kind)
    weights = weights_of(algorithm)
    verify_gradient(algorithm, weights, table.public.root, proven.proof, context=CONTEXT)
    open_gradient(algorithm, proven.proof, proven.opening)
    expected = gradient(algorithm, table.rows, weights)
    assert (proven.opening.gradient == expected).all()
    if kind == "linear":
        features, labels = table.rows[:, :-1].astype(np.int64), table.rows[:, -1].astype(np.int64)
        residuals = (features @ weights.astype(np.int64) >> algorithm.margin_shift) - labels
        clipped = residuals.clip(-algorithm.residual_scale, algorithm.residual_scale)
        assert (features.T @ clipped == expected).all()


def test_the_same_entropy_gives_the_same_bytes_and_another_one_others() -> None:
    algorithm, table, proven = made("logistic")
    weights = weights_of(algorithm)
    again = prove_gradient(algorithm, table, weights, ENTROPY, context=CONTEXT)
    assert again.proof == proven.proof
    assert again.opening.blindings == proven.opening.blindings
    other = prove_gradient(algorithm, table, weights, bytes(32), context=CONTEXT)
    assert other.proof != proven.proof
    check(other.proof)


def test_several_segments_are_summed_up() -> None:
    algorithm = MODELS["logistic"]
    table = commit_table(rows_of(algorithm, 8200), SEED)
    proven = prove_gradient(algorithm, table, weights_of(algorithm), ENTROPY)
    seen: list[tuple[int, int]] = []
    verify_gradient(
        algorithm,
        weights_of(algorithm),
        table.public.root,
        proven.proof,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
    open_gradient(algorithm, proven.proof, proven.opening)


def test_a_proof_without_the_table_needs_its_commitments() -> None:
    algorithm, table, whole = made("logistic")
    proven = prove_gradient(
        algorithm, table, weights_of(algorithm), ENTROPY, context=CONTEXT, include_table=False
    )
    points = table.public.commitments
    assert len(whole.proof) - len(proven.proof) == len(points) - len("elsewhere") + len("included")
    check(proven.proof, commitments=points)
    open_gradient(algorithm, proven.proof, proven.opening)
    for wrong, error in ((None, MalformedError), (points[:-1], MalformedError)):
        with pytest.raises(error):
            check(proven.proof, commitments=wrong)
    with pytest.raises(ForgeryError):
        check(proven.proof, commitments=commit_table(table.rows, ENTROPY).public.commitments)


def test_commitments_to_gradients_add_up_like_gradients() -> None:
    algorithm, _, proven = made("logistic")
    assert len(committed_gradient(algorithm, proven.proof)) == 32


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weights": weights_of(MODELS["logistic"]) + 1}, "gradient-proof-other-weights"),
        ({"algorithm": MODELS["linear"]}, "gradient-proof-other-model"),
        (
            {"algorithm": replace(MODELS["logistic"], residual_bits=11)},
            "gradient-proof-other-model",
        ),
        ({"algorithm": replace(MODELS["logistic"], row_bound=2048)}, "gradient-proof-other-model"),
        (
            {"algorithm": Algorithm(kind="logistic", features=9), "weights": np.zeros(9, np.int32)},
            "gradient-proof-other-model",
        ),
        ({"context": b"round 2"}, "gradient-proof-other-context"),
        ({"root": "00" * 32}, "gradient-proof-other-table"),
    ],
)
def test_it_holds_for_nothing_else(changes: dict[str, Any], code: str) -> None:
    _, _, proven = made("logistic")
    check(proven.proof)
    with pytest.raises(ForgeryError) as caught:
        check(proven.proof, **changes)
    assert caught.value.code == code
    assert caught.value.meaning
    assert caught.value.hint


def test_it_does_not_hold_for_another_table() -> None:
    _, table, proven = made("logistic")
    rows = table.rows.copy()
    rows[3, 0] += 1
    for other in (commit_table(rows, SEED), commit_table(table.rows, ENTROPY)):
        assert other.public.root != table.public.root
        with pytest.raises(ForgeryError):
            check(proven.proof, root=other.public.root)
    assert commit_table(table.rows, SEED).public.root == table.public.root


def split(proof: bytes) -> tuple[dict[str, Any], bytes]:
    tag, header, body = proof.split(b"\n", 2)
    assert tag == FORMAT.encode()
    return json.loads(header), body


def joined(header: Any, body: bytes) -> bytes:
    return FORMAT.encode() + b"\n" + canonical.encode(header) + b"\n" + body


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [leaf for name in value for leaf in leaves(value[name], (*path, name))]


def changed(value: Any, path: tuple[str, ...]) -> Any:
    if path:
        return value | {path[0]: changed(value[path[0]], path[1:])}
    if isinstance(value, int):
        return value + 1
    return value.replace("a", "b") if "a" in value else value + "00"


@pytest.mark.parametrize("path", leaves(split(made("logistic")[2].proof)[0]), ids=".".join)
def test_no_field_of_the_header_can_be_changed(path: tuple[str, ...]) -> None:
    header, body = split(made("logistic")[2].proof)
    other = changed(header, path)
    assert other != header
    with pytest.raises((ForgeryError, MalformedError)):
        check(joined(other, body))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: data.replace(b"/1\n", b"/2\n", 1),
        lambda data: data.replace(b'"context":', b'"context": ', 1),
        lambda data: data.replace(b'{"algorithm"', b'{"a":0,"algorithm"', 1),
        lambda data: data.replace(b"gradient-proof/1\n{", b"gradient-proof/1\n\n{", 1),
        lambda data: data[:0],
        lambda data: data[: len(FORMAT) + 1] + b"{}\n",
        lambda data: data[: len(FORMAT) + 1] + b"[" * 70000,
    ],
)
def test_bytes_that_are_no_proof_are_refused(change: Callable[[bytes], bytes]) -> None:
    proof = made("logistic")[2].proof
    assert change(proof) != proof
    with pytest.raises(MalformedError) as caught:
        check(change(proof))
    assert caught.value.hint


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_no_byte_of_the_body_can_be_changed(place: int) -> None:
    proof = bytearray(made("logistic")[2].proof)
    _, body = split(bytes(proof))
    proof[len(proof) - len(body) + len(body) * place // 100] ^= 1
    with pytest.raises((ForgeryError, MalformedError)):
        check(bytes(proof))


def test_a_short_file_that_claims_many_rows_costs_nothing() -> None:
    header, body = split(made("logistic")[2].proof)
    header["dataset"] |= {"rows": 1 << 26, "commitments": "elsewhere"}
    with pytest.raises(MalformedError):
        committed_gradient(MODELS["logistic"], joined(header, body))


def test_openings_and_secrets_read_as_they_were_written() -> None:
    algorithm, table, proven = made("softmax")
    opening = GradientOpening.decode(algorithm, proven.opening.encode())
    open_gradient(algorithm, proven.proof, opening)
    secrets = GradientSecrets(table.seed, proven.opening)
    again = GradientSecrets.decode(algorithm, secrets.encode())
    assert again.seed == table.seed
    assert again.encode() == secrets.encode()
    for data in (proven.opening.encode(), secrets.encode()):
        kind = GradientOpening if data == proven.opening.encode() else GradientSecrets
        for bad in (data + b"\0", data[:-1], b"x" + data, data.replace(b"/1", b"/2", 1)):
            with pytest.raises(MalformedError):
                kind.decode(algorithm, bad)
    with pytest.raises(MalformedError):
        GradientOpening.decode(MODELS["logistic"], proven.opening.encode())


def test_nothing_but_the_gradient_opens_the_proof() -> None:
    algorithm, table, proven = made("logistic")
    opening = proven.opening
    other = prove_gradient(algorithm, table, weights_of(algorithm), bytes(32), context=CONTEXT)
    more = opening.gradient + np.eye(4, dtype=np.int64)[0]
    wrong = {
        "gradient": replace(opening, gradient=more),
        "blindings": replace(opening, blindings=other.opening.blindings),
        "proof": other.opening,
    }
    for lie in wrong.values():
        with pytest.raises(ForgeryError):
            open_gradient(algorithm, proven.proof, lie)


def test_secrets_do_not_print() -> None:
    _, table, proven = made("logistic")
    text = repr((table, proven, GradientSecrets(SEED, proven.opening)))
    assert repr(SEED) not in text
    assert "gradient=" not in text
    assert "rows=array" not in text


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((3, 5), dtype=np.int32),
        np.zeros(5, dtype=np.int16),
        np.zeros((0, 5), dtype=np.int16),
        np.zeros((3, 1), dtype=np.int16),
    ],
)
def test_what_is_no_table_is_refused(rows: NDArray[Any]) -> None:
    with pytest.raises(DataError) as caught:
        commit_table(rows, SEED)
    assert caught.value.code == "gradient-table-shape"


def refused(error: type[CotrainError], rows: NDArray[np.int16], weights: NDArray[Any]) -> None:
    with pytest.raises(error):
        prove_gradient(MODELS["logistic"], commit_table(rows, SEED), weights, ENTROPY)


def test_no_proof_is_made_of_what_is_false() -> None:
    algorithm = MODELS["logistic"]
    rows, weights = rows_of(algorithm), weights_of(algorithm)
    label = rows.copy()
    label[7, -1] = 2
    refused(DataError, label, weights)
    refused(DataError, rows[:, 1:], weights)
    refused(UsageError, rows, weights[1:])
    refused(UsageError, rows, weights * 1000)
