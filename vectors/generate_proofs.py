"""Write `vectors/proofs/v1.json` (S1 to S4), `v2.json` (S8), `v3.json` (S9) for `docs/spec/statements.md`.

Run `python vectors/generate_proofs.py` only for a new format version: accepted answers stay as they
are. They are judged by a second verifier that shares no code with this one (`reference/`). Entropy
is fixed, so the proofs are the same on every machine; in earnest it is fresh.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cotrain._native import noise as native_noise
from cotrain._native import proofs as native
from cotrain.commitment.pedersen import commit, derive_blindings
from cotrain.dataset.registration import DatasetLayout, commit_dataset
from cotrain.privacy.skellam import build_table
from cotrain.proofs.contribution import ContributionOpening, ScoreRule, prove_contribution
from cotrain.proofs.segment_gradients import gradient_statements
from cotrain.proofs.submission import update_statement
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import gradient, round_gradient
from cotrain.training.tables import exp_table, sigmoid_table, table_for

CONTEXT = b"cotrain/vector"
SEED, FRESH = bytes(range(32)), bytes(range(32, 64))
COINS = hashlib.sha256(b"cotrain/vector/coins").digest()
LOGISTIC = Algorithm(kind="logistic", features=3)
LINEAR = Algorithm(kind="linear", features=3)
SOFTMAX = Algorithm(kind="softmax", features=2, classes=3)
SMALL = Algorithm(
    kind="logistic", features=1, row_bound=64, residual_bits=5, weight_bits=7, weight_bound=300
)
GRADIENTS: dict[str, tuple[Algorithm, list[list[int]], list[int]]] = {
    "logistic": (
        LOGISTIC,
        [[4096, 0, 0, 1], [-2364, 2364, 2364, 0], [17, -4000, 99, 1]],
        [3000, -1, 12345],
    ),
    "one row": (LOGISTIC, [[4096, 0, 0, 1]], [-131072, 0, 0]),
    "linear": (
        LINEAR,
        [[4096, 0, 0, 4096], [-2364, 2364, 2364, -4096], [17, -4000, 99, 12]],
        [0, -100000, 60000],
    ),
    "softmax": (
        SOFTMAX,
        [[4096, 0, 2], [-2896, 2896, 0], [17, -4000, 1]],
        [3000, -1, 12345, -8000, 50, 9],
    ),
    "small scales": (SMALL, [[64, 0], [-64, 1], [63, 1], [0, 0], [1, 1]], [300]),
    "zeros": (LOGISTIC, [[0, 0, 0, 0]] * 2, [0, 0, 0]),
}
UPDATES: dict[str, tuple[list[int], int, int | None]] = {
    "rounding and noise": ([-7981476, 3496356, 3496356], 18, 100),
    "rounding alone": ([-7981476, 3496356, 3496356], 18, None),
    "noise alone": ([5, -6, 7, -8, 9], 0, 30),
    "neither": ([5, -6, 7, -8, 9], 0, None),
    "largest words": ([0, 1], 1, 1),
}
DATASETS: dict[str, dict[str, Any]] = {
    "every kind of column": {
        "rows": [
            [-700, 300, -300, 0, 300, 0, 300, 1],
            [4000, 0, 211, 211, 0, 0, 211, 0],
            [1, -5, 5, 0, 0, 5, 5, 1],
        ],
        "kinds": [0, 1, 1, 2, 2, 2],
        "groups": [0, 0, 0, 1, 1, 1],
        "labels": (0, 1),
    },
    "the row bound exactly": {
        "rows": [[4096, 0, 0], [0, 0, 1], [-3000, 2048, 2]],
        "kinds": [0],
        "groups": [0],
        "labels": (0, 2),
    },
    "bias alone": {
        "rows": [[0, -4096], [2048, 4096]],
        "kinds": [],
        "groups": [],
        "labels": (-4096, 4096),
    },
}
# Validation gradients and updates by round, shift, variance.
CONTRIBUTIONS: dict[str, tuple[list[list[int]], list[list[int]], int, int | None]] = {
    "rounding and noise": (
        [[1000, -2000, 3000], [-70000, 5, 0]],
        [[20, -31, 7], [2, 1 << 20, -9]],
        9,
        30,
    ),
    "rounding alone": ([[1000, -2000, 3000]], [[-20, 31, 7]], 12, None),
    "noise alone": ([[3, -4]] * 3, [[1, 2], [3, 4], [-5, 6]], 0, 1),
    "neither, one entry": ([[-7]], [[6]], 0, None),
    "largest words": ([[1 - 2**31, 2**31 - 1]], [[2**40, -(2**40)]], 20, 1),
}
# w, p, the row, the rows under the commitment.
REMOVALS: dict[str, tuple[int, int, int, int]] = {
    "the first row": (1024, 32, 0, 32),
    "a row in the middle": (1024, 32, 17, 32),
    "the last row": (1024, 32, 31, 32),
    "one row a commitment": (1024, 1024, 0, 1),
    "a row of 2,048 columns": (2048, 2048, 0, 1),
    "the last of three rows": (1024, 16, 2, 3),
    "a place without a row": (1024, 16, 40, 3),
    "small": (8, 2, 1, 3),
    "one entry": (1, 1, 0, 1),
}
Case = dict[str, Any]


def dataset_cases() -> Iterator[Case]:
    """S1."""
    for name, terms in DATASETS.items():
        rows = np.array(terms["rows"], dtype=np.int16)
        committed = commit_dataset(rows, "00" * 32, SEED)
        count, columns = rows.shape
        kinds, groups, labels = terms["kinds"], terms["groups"], terms["labels"]
        statement = native.DatasetStatement(
            CONTEXT, (count, columns, 0, count), (12, 2048), labels, bytes(kinds), groups
        )
        blindings = derive_blindings(SEED, b"dataset/0", committed.layout.points)
        proof = statement.prove(rows, committed.commitments, blindings, FRESH)
        native.check_all([statement.reduce(committed.commitments, proof)])
        parameters = {"rows": count, "columns": columns, "first-row": 0, "segment": count}
        parameters |= {"row-bits": 12, "feature-scale": 2048, "kinds": kinds, "groups": groups}
        parameters |= {"label-low": labels[0], "label-high": labels[1]}
        yield case(f"dataset, {name}", "dataset", parameters, [committed.commitments], proof)


def gradient_cases() -> Iterator[Case]:
    """S2."""
    for name, (algorithm, numbers, weights) in GRADIENTS.items():
        rows = np.array(numbers, dtype=np.int16)
        committed = commit_dataset(rows, "00" * 32, SEED)
        layout = DatasetLayout(*rows.shape)
        model = np.array(weights, dtype=np.int32)
        [(segment, statement)] = gradient_statements(algorithm, layout, model, CONTEXT)
        secrets = (segment.blindings_of(SEED), derive_blindings(SEED, b"gradient", 1))
        sums, points, proof = statement.prove(rows, committed.commitments, secrets, FRESH)
        _require(bool((sums == gradient(algorithm, rows, model)).all()), name)
        native.check_all([statement.reduce(committed.commitments, points, proof)])
        table = table_for(algorithm)
        parameters: dict[str, Any] = {"kind": algorithm.kind, "features": algorithm.features}
        parameters |= {"classes": algorithm.classes, "row-bits": algorithm.row_bits}
        parameters |= {"residual-bits": algorithm.residual_bits}
        parameters |= {"margin-shift": algorithm.margin_shift, "index-limit": algorithm.index_limit}
        parameters |= {"table": "" if table is None else table.digest}
        parameters |= {"weights": hashlib.sha256(model.astype("<i4").tobytes()).hexdigest()}
        parameters |= {"rows": len(numbers), "first-row": 0, "segment": len(numbers)}
        inputs = [committed.commitments, points]
        yield case(f"gradient, {name}", "gradient", parameters, inputs, proof) | {
            "weights": weights
        }


def update_cases() -> Iterator[Case]:
    """S3 and S4."""
    for name, (sums, shift, variance) in UPDATES.items():
        total = np.array(sums, dtype=np.int64)
        algorithm = Algorithm(kind="logistic", features=len(sums), shift=shift)
        rounded = round_gradient(algorithm, total)
        words = _words(name, len(sums))
        update, table = rounded, None
        if variance is not None:
            table = build_table(variance)
            drawn = words + native_noise.words(COINS, len(sums))
            update = rounded + native_noise.apply(table.thresholds, drawn)
        coins = None if variance is None else COINS
        statement = update_statement(algorithm, 1000, variance, coins, CONTEXT)
        values = [total, update, (words ^ np.uint64(1 << 63)).view(np.int64)]
        secrets = [derive_blindings(SEED, label, 1) for label in (b"gradient", b"update", b"words")]
        points = [
            commit(value, 1024, secret) for value, secret in zip(values, secrets, strict=True)
        ]
        if variance is None:
            words, secrets[2], points[2] = words[:0], b"", b""
        proof = statement.prove(
            (points[0], points[1], points[2]),
            total,
            update,
            words,
            (secrets[0], secrets[1], secrets[2]),
            FRESH,
        )
        native.check_all([statement.reduce((points[0], points[1], points[2]), proof)])
        bound = algorithm.max_abs_update(1000).bit_length() + 1
        parameters: Case = {"entries": len(sums), "shift": shift, "bound-bits": bound}
        parameters |= {"noise-table": "" if table is None else table.sha256()}
        parameters |= {"coins": "" if coins is None else coins.hex()}
        inputs = [point for point in points if point]
        thresholds = None if table is None else [str(value) for value in table.thresholds]
        yield case(f"update, {name}", "update", parameters, inputs, proof) | {"table": thresholds}


def contribution_cases() -> Iterator[Case]:
    """S8."""
    for name, (gradients, updates, shift, variance) in CONTRIBUTIONS.items():
        opening = ContributionOpening(
            np.array(updates, dtype=np.int64),
            tuple(derive_blindings(SEED, b"update/%d" % t, 1) for t in range(len(updates))),
            _words(name, len(updates[0])),
            derive_blindings(SEED, b"words", 1),
        )
        committed = (opening.words ^ np.uint64(1 << 63)).view(np.int64)
        points = [
            commit(update, 1024, secret)
            for update, secret in zip(opening.updates, opening.update_blindings, strict=True)
        ]
        words, coins = commit(committed, 1024, opening.words_blindings), COINS
        if variance is None:
            opening = replace(opening, words=opening.words[:0], words_blindings=b"")
            words, coins = b"", b""
        validation = np.array(gradients, dtype=np.int32)
        public, rule = (points, words, coins), ScoreRule(shift, variance)
        statement, proof = prove_contribution(rule, validation, public, opening, CONTEXT, FRESH)
        statement.verify(proof)
        table = None if variance is None else build_table(variance)
        parameters: Case = {"rounds": len(updates), "entries": len(updates[0]), "shift": shift}
        name_of_gradients = hashlib.sha256(validation.astype("<i4").tobytes()).hexdigest()
        parameters |= {"gradients": name_of_gradients, "score": statement.score}
        parameters |= {"noise-table": "" if table is None else table.sha256()}
        parameters |= {"coins": coins.hex()}
        inputs = [point for point in (*points, words) if point]
        yield case(f"contribution, {name}", "contribution", parameters, inputs, proof) | {
            "weights": [value for line in gradients for value in line],
            "table": None if table is None else [str(value) for value in table.thresholds],
        }


def removal_cases() -> Iterator[Case]:
    """S9."""
    for name, (width, padded, row, count) in REMOVALS.items():
        before = _entries(count * padded)
        points, secrets = _removal_points(width, before, _without(before, padded, row))
        statement = native.RemovalStatement(CONTEXT, width, padded, row)
        proof = statement.prove(points, before, secrets, FRESH)
        native.check_all([statement.reduce(points, proof)])
        parameters = {"width": width, "columns": padded, "row": row}
        yield case(f"removal, {name}", "removal", parameters, list(points), proof)


def _entries(count: int) -> NDArray[np.int64]:
    return np.arange(count, dtype=np.int64) * 7919 % 8191 - 4095


def _without(entries: NDArray[np.int64], padded: int, row: int) -> NDArray[np.int64]:
    left = entries.copy()
    left[row * padded : (row + 1) * padded] = 0
    return left


def _removal_points(
    width: int, before: NDArray[np.int64], after: NDArray[np.int64]
) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Points and blindings before and after."""
    old, new = derive_blindings(SEED, b"dataset/0", 1), derive_blindings(SEED, b"removal", 1)
    return (commit(before, width, old), commit(after, width, new)), (old, new)


def _words(name: str, count: int) -> NDArray[np.uint64]:
    if name == "largest words":
        return np.full(count, 2**64 - 1, dtype=np.uint64)
    return native_noise.words(FRESH, count)


def case(name: str, kind: str, parameters: Case, inputs: list[bytes], proof: bytes) -> Case:
    """Return an accepted case."""
    return {
        "name": name,
        "kind": kind,
        "parameters": parameters,
        "context": CONTEXT.hex(),
        "inputs": [points.hex() for points in inputs],
        "proof": proof.hex(),
        "expected": "accept",
    }


def bad_cases(bases: Sequence[Case]) -> Iterator[Case]:
    """Every way to be wrong, each from an accepted case."""
    for base in bases:
        removals = bad_removals(base) if base["kind"] == "removal" else ()
        for bad in (*bad_proofs(base), *bad_statements(base), *removals):
            verdict = judge(base | bad)
            _require(verdict == bad.get("expected", verdict) != "accept", bad["name"])
            yield bad | {"expected": verdict}


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"generate_proofs: {what}")


def judge(case: Case) -> str:
    """Return "accept", or the code of the refusal, by the compiled verifier."""
    inputs = [bytes.fromhex(points) for points in case["inputs"]]
    proof, terms = _patched(case), case["parameters"]
    try:
        match case["kind"]:
            case "dataset":
                equation = _dataset(case, terms).reduce(inputs[0], proof)
            case "gradient":
                equation = _gradient(case, terms).reduce(inputs[0], inputs[1], proof)
            case "contribution":
                equation = _contribution(case, terms).reduce(_split(inputs, terms), proof)
            case "removal":
                equation = _removal(case, terms).reduce((inputs[0], inputs[1]), proof)
            case _:
                words = inputs[2] if len(inputs) > 2 else b""
                equation = _update(case, terms).reduce((inputs[0], inputs[1], words), proof)
        native.check_all([equation])
    except ValueError as refusal:
        return str(refusal.args[0])
    return "accept"


def _patched(case: Case) -> bytes:
    proof = bytearray.fromhex(case["proof"])
    for offset, new in case.get("patch", []):
        octets = bytes.fromhex(new)
        proof[offset : offset + len(octets)] = octets
    return bytes(proof)


def _altered(proof: bytes, changed: bytes) -> Case:
    """Return the members that turn `proof` into `changed`: a patch where the length stays."""
    if len(changed) != len(proof):
        return {"proof": changed.hex()}
    places = [
        index for index, pair in enumerate(zip(proof, changed, strict=True)) if pair[0] != pair[1]
    ]
    first, last = places[0], places[-1] + 1
    return {"patch": [[first, changed[first:last].hex()]]}


def _place(terms: Case, columns: int) -> tuple[int, int, int, int]:
    return terms["rows"], columns, terms["first-row"], terms["segment"]


def _dataset(case: Case, terms: Case) -> native.DatasetStatement:
    scales, labels = (
        (terms["row-bits"], terms["feature-scale"]),
        (terms["label-low"], terms["label-high"]),
    )
    place = _place(terms, terms["columns"])
    context, kinds = bytes.fromhex(case["context"]), bytes(terms["kinds"])
    return native.DatasetStatement(context, place, scales, labels, kinds, terms["groups"])


def _gradient(case: Case, terms: Case) -> native.GradientStatement:
    values = np.zeros(0, np.int32)
    if terms["kind"] == "logistic":
        values = sigmoid_table(terms["residual-bits"], terms["index-limit"]).as_array()
    if terms["kind"] == "softmax":
        values = exp_table(2 * terms["index-limit"]).as_array()
    return native.GradientStatement(
        bytes.fromhex(case["context"]),
        _place(terms, terms["features"] + 1),
        terms["kind"],
        (terms["features"], terms["classes"]),
        (terms["row-bits"], terms["residual-bits"], terms["margin-shift"], terms["index-limit"]),
        (values, bytes.fromhex(terms["table"])),
        np.array(case["weights"], dtype=np.int32),
    )


def _update(case: Case, terms: Case) -> native.UpdateStatement:
    noise = None
    if case["table"] is not None:
        thresholds = np.array([int(value) for value in case["table"]], dtype=np.uint64)
        noise = (thresholds, bytes.fromhex(terms["noise-table"]), bytes.fromhex(terms["coins"]))
    scales = (terms["shift"], terms["bound-bits"])
    return native.UpdateStatement(bytes.fromhex(case["context"]), terms["entries"], scales, noise)


def _contribution(case: Case, terms: Case) -> native.ContributionStatement:
    noise = None
    if case["table"] is not None:
        thresholds = np.array([int(value) for value in case["table"]], dtype=np.uint64)
        noise = (thresholds, bytes.fromhex(terms["noise-table"]), bytes.fromhex(terms["coins"]))
    gradients = np.array(case["weights"], dtype=np.int32).reshape(terms["rounds"], terms["entries"])
    context = bytes.fromhex(case["context"])
    return native.ContributionStatement(context, gradients, terms["shift"], noise, terms["score"])


def _removal(case: Case, terms: Case) -> native.RemovalStatement:
    context = bytes.fromhex(case["context"])
    return native.RemovalStatement(context, terms["width"], terms["columns"], terms["row"])


def _split(inputs: list[bytes], terms: Case) -> tuple[list[bytes], bytes]:
    rounds = terms["rounds"]
    return inputs[:rounds], inputs[rounds] if len(inputs) > rounds else b""


def bad_proofs(base: Case) -> Iterator[Case]:
    """Bytes that are no proof of the statement."""
    proof = bytes.fromhex(base["proof"])
    order = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
    elements = (len(proof) - 16) // 32
    changes: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "empty": ("proof-length", lambda _: b""),
        "a byte short": ("proof-length", lambda data: data[:-1]),
        "a trailing byte": ("proof-length", lambda data: data + b"\x00"),
        "another version": ("proof-format", lambda data: b"cotrain/proof/2\n" + data[16:]),
        "a scalar above the order": ("proof-encoding", lambda data: data[:-32] + order),
        "a point that is none": (
            "proof-encoding",
            lambda data: data[:16] + b"\xff" * 32 + data[48:],
        ),
        "the last scalar zero": ("proof-false", lambda data: data[:-32] + bytes(32)),
        "the first point the identity": (
            "proof-false",
            lambda data: data[:16] + bytes(32) + data[48:],
        ),
        "the first two elements swapped": (
            "proof-false",
            lambda data: data[:16] + data[48:80] + data[16:48] + data[80:],
        ),
    }
    for name, (code, change) in changes.items():
        yield {
            "name": f"bad_{base['name']}, {name}",
            "base": base["name"],
            "expected": code,
        } | _altered(proof, change(proof))
    # One element of every fifth part of the proof, replaced by its successor.
    for part in range(1, 5):
        start = 16 + 32 * (elements * part // 5)
        changed = proof[:start] + proof[start + 32 : start + 64] + proof[start + 32 :]
        if changed == proof:
            continue
        yield {
            "name": f"bad_{base['name']}, element {(start - 16) // 32} replaced",
            "base": base["name"],
            "expected": "proof-false",
        } | _altered(proof, changed)


def bad_statements(base: Case) -> Iterator[Case]:
    """The proof of another statement."""
    yield {
        "name": f"bad_{base['name']}, another context",
        "base": base["name"],
        "context": b"cotrain/vectoR".hex(),
        "expected": "proof-false",
    }
    for field, value in base["parameters"].items():
        if type(value) is int and field in {
            "row-bits",
            "margin-shift",
            "shift",
            "bound-bits",
            "label-high",
            "score",
        }:
            yield {
                "name": f"bad_{base['name']}, another {field}",
                "base": base["name"],
                "parameters": base["parameters"] | {field: value + 1},
            }
    for index, points in enumerate(base["inputs"]):
        identity = bytes(32).hex() + points[64:]
        for name, changed, code in (
            ("replaced by the identity", identity, "proof-false"),
            ("a point short", points[64:], "proof-input"),
        ):
            yield {
                "name": f"bad_{base['name']}, input {index} {name}",
                "base": base["name"],
                "inputs": [*base["inputs"][:index], changed, *base["inputs"][index + 1 :]],
                "expected": code,
            }


def bad_removals(base: Case) -> Iterator[Case]:
    """The proof of another removal."""
    terms = base["parameters"]
    width, padded, row = terms["width"], terms["columns"], terms["row"]
    changes: dict[str, tuple[Case, str]] = {
        "the row before": ({"row": row - 1}, "proof-false"),
        "the row behind": ({"row": row + 1}, "proof-false"),
        "half a row": ({"columns": padded // 2, "row": 2 * row}, "proof-false"),
        "fewer columns": ({"columns": padded // 2}, "proof-false"),
        "two rows": ({"columns": 2 * padded, "row": row // 2}, "proof-false"),
        "half the width": ({"width": width // 2, "row": 0}, "proof-length"),
        "a row beyond the commitment": ({"row": width // padded}, "statement-shape"),
        "a row wider than the commitment": ({"columns": 2 * width, "row": 0}, "statement-shape"),
        "columns that are no power of two": ({"columns": padded - 1}, "statement-shape"),
        "a width that is no power of two": ({"width": width - 1}, "statement-shape"),
        "a width above the largest": ({"width": 1 << 17}, "statement-shape"),
    }
    for name, (change, code) in changes.items():
        yield {
            "name": f"bad_{base['name']}, {name}",
            "base": base["name"],
            "parameters": terms | change,
            "expected": code,
        }
    yield from bad_points(base)


def bad_points(base: Case) -> Iterator[Case]:
    """Points of which the removal is not true."""
    terms = base["parameters"]
    width, padded, row = terms["width"], terms["columns"], terms["row"]
    before = _entries(width)
    left = _without(before, padded, row)
    changed, partly = left.copy(), left.copy()
    changed[0] += 1
    partly[row * padded] = before[row * padded]
    others = {"another row removed": _without(before, padded, row + 1), "an entry changed": changed}
    others |= {"an entry of the row kept": partly}
    first, second = base["inputs"]
    pairs = {"points exchanged": [second, first], "nothing removed": [first, first]}
    pairs |= {"removed before already": [second, second]}
    for name, after in others.items():
        (_, point), _ = _removal_points(width, before, after)
        pairs[name] = [first, point.hex()]
    for name, points in pairs.items():
        yield {
            "name": f"bad_{base['name']}, {name}",
            "base": base["name"],
            "inputs": points,
            "expected": "proof-false",
        }
    # Proofs made for these very points: the row is set to zero, but the points hold something else.
    for name in ("an entry changed", "an entry of the row kept"):
        made, secrets = _removal_points(width, before, others[name])
        statement = native.RemovalStatement(CONTEXT, width, padded, row)
        proof = statement.prove(made, before, secrets, FRESH)
        yield {
            "name": f"bad_{base['name']}, proven though {name}",
            "base": base["name"],
            "inputs": pairs[name],
            "proof": proof.hex(),
            "expected": "proof-false",
        }


def write(version: int, good: list[Case], bases: Sequence[Case]) -> None:
    """Write one file."""
    _require(all(judge(one) == "accept" for one in good), "an honest case is refused")
    path = Path(__file__).parent / "proofs" / f"v{version}.json"
    path.parent.mkdir(exist_ok=True)
    document = {"format": f"cotrain/vectors/proofs/{version}", "cases": [*good, *bad_cases(bases)]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Write the files."""
    good = [*dataset_cases(), *gradient_cases(), *update_cases()]
    write(1, good, (good[0], good[len(DATASETS)], good[len(DATASETS) + len(GRADIENTS)]))
    good = list(contribution_cases())
    write(2, good, good[:1])
    good = list(removal_cases())
    write(3, good, good[1:2])


if __name__ == "__main__":
    main()
