"""EZKL at the work of our gradient statement S2: proves X^T (sigmoid(X w) - y), results to `results/peer_ezkl.json`.

Usage: python -m benchmarks.peer_ezkl [--only NAME ...] [--out FILE]

EZKL lives in an environment of its own, `.venv-peer`, made here from `requirements/peer-ezkl.txt`. If that fails, the
script says so and ends well, without a file. The SRS is made here too: not from a ceremony, and nothing is downloaded.

Settings are EZKL's defaults; scales and rows are chosen by its calibration for "resources", on the very data. X and y
are the model's parameters and w its public input: that takes half the time and half the keys of X and y as inputs
(tried at 256 x 32), and the same keys serve every step, and other data of that shape, while Xw stays in the calibrated
range. The sum is not divided by the number of rows: no digits are lost there.

Each step runs in a fresh process that reads and writes the files that EZKL's own commands would, and counts them.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import RESULTS, ROOT, describe
from benchmarks.meter import Bench

FORMAT = "cotrain/benchmarks-peer-ezkl/1"
RESULT = RESULTS / "peer_ezkl.json"
REQUIREMENTS = ROOT / "requirements" / "peer-ezkl.txt"
ENVIRONMENT = ROOT / ".venv-peer"
PYTHON = ENVIRONMENT / "bin" / "python"

PUBLIC = "w and the gradient are public; ours keeps the gradient in a commitment"
VARIANTS = {
    "private": {
        "parameters": "private",
        "proves": "the prover knows some X, y that give this gradient at this w, in fixed point and with EZKL's table "
        "of the sigmoid; nothing ties X, y to a dataset, so made-up rows do as well",
        "hides": f"X and y; {PUBLIC}",
    },
    "polycommit": {
        "parameters": "polycommit",
        "proves": "the X, y under this KZG commitment give this gradient at this w, in fixed point and with EZKL's "
        "table of the sigmoid; no range of X or y is shown (nor is it by our S2: that is S1)",
        "hides": "X and y, but not from a guess: the commitment has no salt, the same data give the same one, and "
        f"each proof opens the committed polynomial at one more point (EZKL's public_commitments.md); {PUBLIC}",
    },
}
METHOD = (
    "each step in a fresh process, reading and writing files included, on as many cores as threads; single runs, "
    "verify: median of 5 after one not counted; wall_s by the clock, cpu_s of all threads; peak_memory_mb less what "
    "the process held after its imports; X and y are the model's parameters, w its input; errors against float64; if "
    "the machine was not idle, only cpu_s and the sizes can be compared"
)
FIGURES = {
    "proving_key_bytes": "bytes",
    "verifying_key_bytes": "bytes",
    "proof_bytes": "bytes",
    "largest_error": "of largest entry",
    "largest_relative_error": "of that entry",
}


class Case(NamedTuple):
    """One problem, one variant, one number of cores."""

    rows: int
    features: int
    variant: str
    cores: int

    @property
    def name(self) -> str:
        return f"{self.rows}x{self.features}-{self.variant}"


CASES = tuple(
    Case(rows, features, variant, cores)
    for rows, features in ((128, 16), (256, 32))
    for variant in VARIANTS
    for cores in (1, 2)
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.child is not None:
        print(json.dumps(_measure(options.child, Case(*json.loads(options.case)))))
        return
    cases = [case for case in CASES if options.only is None or case.name in options.only]
    document = run(cases)
    if "skipped" in document:
        print(f"skipped: {document['skipped']}")
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")


def run(cases: Sequence[Case] = CASES) -> dict[str, Any]:
    """Measure `cases` one after the other, and print the table.

    Returns:
        The document of the JSON file. Each of its cases has `steps`: prove, verify, ..., each with wall_s, cpu_s, runs,
        peak_memory_mb; or `failed`, the error. If EZKL cannot be installed, only {"skipped": why}.
    """
    try:
        versions = _install()
    except (OSError, subprocess.CalledProcessError) as error:
        return {"skipped": f"EZKL cannot be installed: {_reason(error)}"}
    document = {
        "format": FORMAT,
        "machine": describe(),
        "versions": versions,
        "method": METHOD,
        "variants": VARIANTS,
        "cases": [],
    }
    print(f"{'figure':58} {'cores':>5} {'value':>12} {'by CPU':>10} {'unit':16} {'MB':>5}")
    for case in cases:
        result = _run_case(case)
        document["cases"].append(result)
        for line in _lines(result):
            print(line, flush=True)
    return document


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peer_ezkl", description=(__doc__ or "").split("\n")[0]
    )
    names = sorted({case.name for case in CASES})
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--child", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser


def _install() -> dict[str, str]:
    """Make the environment, unless it is there and holds what is required, and return the versions in it."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    made = ENVIRONMENT / ".requirements"
    if not made.exists() or made.read_text(encoding="utf-8") != wanted:
        print("setting up .venv-peer, once", flush=True)
        _call([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)])
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _call([*pip, "--only-binary", ":all:", "-r", str(REQUIREMENTS)])
        made.write_text(wanted, encoding="utf-8")
    program = (
        "import json, platform, importlib.metadata as m, ezkl, onnx; print(json.dumps("
        "{n: m.version(n) for n in ('ezkl', 'onnx', 'numpy')} | {'python': platform.python_version()}))"
    )
    versions: dict[str, str] = json.loads(_call([str(PYTHON), "-c", program]).splitlines()[-1])
    return versions


def _run_case(case: Case) -> dict[str, Any]:
    """Run the steps, each in its own process; stop at the first that fails."""
    result: dict[str, Any] = {"name": case.name, **case._asdict(), "steps": {}}
    with tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder:
        for step in STEPS:
            try:
                measured = _run_step(step, case, folder)
            except subprocess.CalledProcessError as error:
                result["failed"] = f"{step}: {_reason(error)}"
                break
            result |= measured.pop("found")
            if measured:
                result["steps"][step] = measured
    return result


def _run_step(step: str, case: Case, folder: str) -> dict[str, Any]:
    command = [str(PYTHON), "-m", "benchmarks.peer_ezkl", "--child", step]
    environment = os.environ | {
        "RAYON_NUM_THREADS": str(case.cores),
        "EZKL_REPO_PATH": folder,
        "PYTHONPATH": str(ROOT),
    }
    output = _call([*command, "--case", json.dumps(case)], cwd=folder, env=environment)
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


def _call(command: list[str], **more: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, **more)
    return done.stdout


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    """Return the last line that the program wrote, without addresses and folders."""
    written = getattr(error, "stderr", None) or str(error)
    return re.sub(r"\S*/\S*", "...", written.strip().splitlines()[-1])[:300]


def _lines(result: dict[str, Any]) -> list[str]:
    """Return the rows of the table for one case, laid out as those of `core`."""
    prefix = f"EZKL {result['rows']} x {result['features']} {result['variant']}"
    rows = [
        (step, timing["wall_s"], f"{timing['cpu_s']:,.4g}", "s", f"{timing['peak_memory_mb']:,.0f}")
        for step, timing in result["steps"].items()
    ]
    rows += [
        (name.replace("_", " "), result[name], "", unit, "")
        for name, unit in FIGURES.items()
        if name in result
    ]
    lines = [
        f"{f'{prefix}, {name}':58} {result['cores']:>5} {value:>12,.4g} {cpu:>10} {unit:16} {held:>5}"
        for name, value, cpu, unit, held in rows
    ]
    if "failed" in result:
        lines.append(f"{prefix}, {result['cores']} cores: failed at {result['failed']}")
    return lines


# What follows runs in the peer's environment only, in the folder of the case.

MODEL, SETTINGS, CIRCUIT, INPUT, SRS = "model.onnx", "settings.json", "circuit", "input.json", "srs"
PROVING_KEY, VERIFYING_KEY, WITNESS, PROOF = "proving.key", "verifying.key", "witness.json", "proof"


def _measure(step: str, case: Case) -> dict[str, Any]:
    """Time one step on as many cores as it has threads, and say what it found."""
    import ezkl  # noqa: F401 - so that memory is counted from here

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: case.cores])
    bench = Bench(tiny=False, cores=case.cores)
    prepare, work, find, runs = STEPS[step]
    prepare(case)
    if runs == 0:
        return {"found": find(case)}
    timing = bench.time(lambda: work(case), runs)
    return {
        "wall_s": timing.wall,
        "cpu_s": timing.cpu,
        "runs": timing.runs,
        "peak_memory_mb": timing.peak_memory_mb,
        "found": find(case),
    }


def _problem(case: Case) -> dict[str, Any]:
    """Draw X, w and y: rows of a standard normal law cut at 3, labels by the model's own law."""
    import numpy as np

    draw = np.random.default_rng(1)
    rows = draw.standard_normal((case.rows, case.features)).clip(-3, 3).astype(np.float32)
    weights = draw.standard_normal((case.features, 1)) / np.sqrt(case.features)
    chance = 1 / (1 + np.exp(-rows @ weights))
    labels = (draw.random((case.rows, 1)) < chance).astype(np.float32)
    return {"X": rows, "y": labels, "w": weights.astype(np.float32)}


def _gradient(problem: dict[str, Any]) -> Any:
    """Compute the gradient in float64."""
    import numpy as np

    rows, labels, weights = (problem[name].astype(np.float64) for name in "Xyw")
    return (rows.T @ (1 / (1 + np.exp(-rows @ weights)) - labels)).ravel()


def _write_model(case: Case, problem: dict[str, Any], path: str) -> None:
    """Write the gradient as ONNX, with X and y inside."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["X", "w"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
        helper.make_node("Sub", ["p", "y"], ["e"]),
        helper.make_node("Transpose", ["e"], ["row"], perm=[1, 0]),
        helper.make_node("MatMul", ["row", "X"], ["g"]),
    ]
    graph = helper.make_graph(
        nodes,
        "gradient",
        [helper.make_tensor_value_info("w", TensorProto.FLOAT, [case.features, 1])],
        [helper.make_tensor_value_info("g", TensorProto.FLOAT, [1, case.features])],
        [numpy_helper.from_array(problem[name], name) for name in "Xy"],
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _nothing(_: Case) -> None:
    pass


def _write(case: Case) -> None:
    problem = _problem(case)
    _write_model(case, problem, MODEL)
    weights = {"input_data": [problem["w"].ravel().tolist()]}
    Path(INPUT).write_text(json.dumps(weights), encoding="utf-8")


def _calibrate(case: Case) -> None:
    import ezkl

    arguments = ezkl.PyRunArgs()
    arguments.input_visibility = "public"
    arguments.param_visibility = VARIANTS[case.variant]["parameters"]
    arguments.output_visibility = "public"
    ezkl.gen_settings(MODEL, SETTINGS, py_run_args=arguments)
    ezkl.calibrate_settings(INPUT, MODEL, SETTINGS, "resources")
    ezkl.compile_circuit(MODEL, CIRCUIT, SETTINGS)


def _settings(_: Case) -> dict[str, Any]:
    settings = json.loads(Path(SETTINGS).read_text(encoding="utf-8"))
    names = ("logrows", "input_scale", "param_scale", "lookup_range", "num_inner_cols")
    chosen = {name: settings["run_args"][name] for name in names}
    chosen["num_rows"] = settings["num_rows"]
    chosen["output_scale"] = settings["model_output_scales"][0]
    return {"settings": chosen}


def _make_srs(case: Case) -> None:
    import ezkl

    ezkl.gen_srs(SRS, _settings(case)["settings"]["logrows"])


def _make_keys(_: Case) -> None:
    import ezkl

    ezkl.setup(CIRCUIT, VERIFYING_KEY, PROVING_KEY, SRS)


def _sizes(case: Case) -> dict[str, Any]:
    names = {"proving_key_bytes": PROVING_KEY, "verifying_key_bytes": VERIFYING_KEY}
    return {name: Path(path).stat().st_size for name, path in names.items()} | _srs_size(case)


def _srs_size(_: Case) -> dict[str, Any]:
    return {"srs_bytes": Path(SRS).stat().st_size}


def _make_witness(_: Case) -> None:
    import ezkl

    ezkl.gen_witness(INPUT, CIRCUIT, WITNESS, VERIFYING_KEY, SRS)


def _errors(case: Case) -> dict[str, Any]:
    """Compare the gradient that is proven to float64."""
    import ezkl
    import numpy as np

    witness = json.loads(Path(WITNESS).read_text(encoding="utf-8"))
    scale = _settings(case)["settings"]["output_scale"]
    proven = np.array([ezkl.felt_to_float(entry, scale) for entry in witness["outputs"][0]])
    exact = _gradient(_problem(case))
    error = np.abs(proven - exact)
    return {
        "largest_error": error.max() / np.abs(exact).max(),
        "largest_relative_error": (error / np.abs(exact)).max(),
        "smallest_entry": np.abs(exact).min(),
        "largest_entry": np.abs(exact).max(),
    }


def _prove(case: Case) -> None:
    """Prove; with a commitment, put it where the verifier would put the one it knows."""
    import ezkl

    ezkl.prove(WITNESS, CIRCUIT, PROVING_KEY, PROOF, SRS)
    if case.variant == "polycommit":
        ezkl.swap_proof_commitments(PROOF, WITNESS)


def _proof_size(_: Case) -> dict[str, Any]:
    proof = json.loads(Path(PROOF).read_text(encoding="utf-8"))
    return {"proof_bytes": len(proof["proof"]), "public_numbers": len(proof["instances"][0])}


def _verify(_: Case) -> None:
    import ezkl

    if not ezkl.verify(PROOF, SETTINGS, VERIFYING_KEY, SRS):
        raise ValueError("EZKL refused its own proof")


def _check(case: Case) -> dict[str, Any]:
    """Show what the commitment does: it binds, so another's is refused, and it has no salt, so it repeats."""
    import ezkl

    if case.variant != "polycommit":
        return {}
    first = _commitment(WITNESS)
    ezkl.gen_witness(INPUT, CIRCUIT, "again.json", VERIFYING_KEY, SRS)
    problem = _problem(case)
    problem["X"][0, 0] += 0.5
    _write_model(case, problem, "other.onnx")
    ezkl.compile_circuit("other.onnx", "other", SETTINGS)
    ezkl.gen_witness(INPUT, "other", "other.json", VERIFYING_KEY, SRS)
    Path("forged").write_bytes(Path(PROOF).read_bytes())
    ezkl.swap_proof_commitments("forged", "other.json")
    try:
        refused = not ezkl.verify("forged", SETTINGS, VERIFYING_KEY, SRS)
    except RuntimeError:
        refused = True
    repeats = _commitment("again.json") == first
    return {"another_commitment_refused": refused, "commitment_repeats": repeats}


def _commitment(witness: str) -> Any:
    return json.loads(Path(witness).read_text(encoding="utf-8"))["processed_params"]["polycommit"]


def _found_nothing(_: Case) -> dict[str, Any]:
    return {}


# Step: what comes before the clock starts, what is timed, what is read from the files, and the number of runs.
Step = tuple[Callable[[Case], None], Callable[[Case], None], Callable[[Case], dict[str, Any]], int]
STEPS: dict[str, Step] = {
    "calibrate": (_write, _calibrate, _settings, 1),
    "srs": (_nothing, _make_srs, _srs_size, 1),
    "keys": (_nothing, _make_keys, _sizes, 1),
    "witness": (_nothing, _make_witness, _errors, 1),
    "prove": (_nothing, _prove, _proof_size, 1),
    "verify": (_nothing, _verify, _found_nothing, 5),
    "check": (_nothing, _nothing, _check, 0),
}


if __name__ == "__main__":
    main()
