"""Write `docs/reference/performance.md` from the JSON files that the benchmarks wrote.

Usage: python -m benchmarks.page [--core FILE] [--accuracy FILE] [--proofs FILE] [--contracts FILE] [--out FILE]
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, ROOT

_HEAD = (
    "Written by `python -m benchmarks.page` from `core.json`, `proofs.json`, `contracts.json` and `accuracy.json` in "
    "`benchmarks/results/`; edit none of it by hand. How each figure is measured: `benchmarks/README.md`.\n"
)
_PROOFS = (
    "S1 is made once for each table, S2 and S3 in every round. *numpy* is the same gradient in float64, *ratio* our "
    "CPU time by its.\n"
)
PAGE = ROOT / "docs" / "reference" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--core", type=Path, default=RESULTS / "core.json")
    parser.add_argument("--accuracy", type=Path, default=RESULTS / "accuracy.json")
    parser.add_argument("--proofs", type=Path, default=RESULTS / "proofs.json")
    parser.add_argument("--contracts", type=Path, default=RESULTS / "contracts.json")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    costs, quality, proofs, contracts = (
        json.loads(path.read_text("utf-8"))
        for path in (options.core, options.accuracy, options.proofs, options.contracts)
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(write_page(costs, quality, proofs, contracts), encoding="utf-8")
    print(f"written to {options.out}")


def write_page(
    costs: dict[str, Any],
    quality: dict[str, Any],
    proofs: dict[str, Any],
    contracts: dict[str, Any],
) -> str:
    """Return the page: what it costs, beside whom, what proofs and contracts cost, and how good the models are."""
    ours = [figure for figure in costs["figures"] if not _is_peer(figure)]
    peers = [figure for figure in costs["figures"] if _is_peer(figure)]
    parts = [
        "# Performance\n",
        _HEAD,
        "## What it costs\n",
        _machine(costs["machine"]),
        _missed(ours),
        _cost_table(ours),
        "\n## Beside others, in the same process\n",
        "None of the peers does all of what ours does, nor ours of theirs; the last column says what is compared.\n",
        _cost_table(peers),
        "\n## What proofs cost\n",
        _machine(proofs["machine"]),
        _PROOFS,
        _missed(proofs["figures"]),
        _cost_table(proofs["figures"]),
        _beside_ezkl(proofs.get("peer", {})),
        "\n## What the contracts cost\n",
        _machine(contracts["machine"]),
        _gas_table(contracts),
        "\n## How good the models are\n",
        _machine(quality["machine"]),
        *map(_quality, quality["sets"]),
        "## The protocol itself\n",
        *(f"- {run['detail']}.\n" for run in quality["protocol"]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _is_peer(figure: dict[str, Any]) -> bool:
    return bool(figure["peer"])


def _machine(machine: dict[str, Any]) -> str:
    state = "idle" if machine["idle"] else f"NOT idle, load {machine['load_before']} before"
    changes = " with uncommitted changes" if machine["uncommitted_changes"] else ""
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores ({state}), {machine['system']}, Python "
        f"{machine['python']}, commit {machine['commit']}{changes} of {machine['date_of_commit']}.\n"
    )


def _missed(figures: Sequence[dict[str, Any]]) -> str:
    wanted = [figure for figure in figures if "goal" in figure]
    missed = [
        f"{figure['name']} ({_number(figure['value'])} {figure['unit']})"
        for figure in wanted
        if not figure["met"]
    ]
    told = f"missed: {'; '.join(missed)}" if missed else "none missed"
    return f"{len(wanted)} figures have a goal; {told}.\n"


def _cost_table(figures: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| figure | cores | value | by CPU time | goal | memory, MB | what |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {_cell(figure['name'])} | {figure['cores']} | {_number(figure['value'])} {figure['unit']} "
        f"| {_number(figure.get('cpu_value'))} | {_goal(figure)} | {_number(figure['peak_memory_mb'])} "
        f"| {_cell(figure['detail'])} |"
        for figure in figures
    ]
    return "\n".join(lines) + "\n"


def _beside_ezkl(peer: dict[str, Any]) -> str:
    """Return EZKL's figures as multiples of ours, where both were measured in one session."""
    if not peer.get("ratios"):
        return "\nEZKL was not measured in that session.\n"
    lines = [
        f"| {ratio['work']} | {ratio['variant']} | {_number(ratio['prove_cpu'])} | {_number(ratio['verify_cpu'])} "
        f"| {_number(ratio['proof_bytes'])} |"
        for ratio in peer["ratios"]
    ]
    head = (
        "\n### EZKL in the same session\n\nIts CPU time and bytes divided by ours, one core; its keys (minutes and "
        "160 MB a shape, made once) come on top. What each of its variants proves and hides: "
        "`benchmarks/peer_ezkl.py`. Its proofs are smaller, and it publishes the gradient.\n\n"
        "| work | variant | prove | verify | proof bytes |\n|---|---|--:|--:|--:|\n"
    )
    return head + "\n".join(lines) + "\n"


def _gas_table(contracts: dict[str, Any]) -> str:
    """Return gas by operation and number of parties, and what the run's own chain costs."""
    sizes, own = contracts["by_parties"], contracts["embedded"]
    kinds = list(dict.fromkeys(kind for size in sizes for kind in size["gas"]))
    head = " | ".join(f"{size['parties']:,} parties" for size in sizes)
    rows = [
        f"| {kind} | " + " | ".join(f"{size['gas'][kind]['median']:,}" for size in sizes) + " |"
        for kind in kinds
    ]
    worst = max(size["gas"]["anchor"]["largest"] for size in sizes)
    words = (
        "Gas of whole transactions, median; a release and a rejection hold the signatures of a quorum "
        f"({', '.join(str(size['quorum']) for size in sizes)}). The dearest anchor took {worst:,} gas (goal: at most "
        f"45,000). The run's own chain: {own['anchor_cpu_ms']:.1f} ms of CPU time an anchor, "
        f"{own['replay_cpu_ms']:.1f} ms to run a transaction again, {own['disk_bytes'] / 1e6:.1f} MB for "
        f"{own['rounds']:,} rounds.\n"
    )
    return "\n".join(
        [words, f"| operation | {head} |", "|---" + "|--:" * len(sizes) + "|", *rows, ""]
    )


def _quality(measured: dict[str, Any]) -> str:
    head = (
        f"### {measured['set']}: {measured['metric']} of {measured['seeds']} seeds\n\n{measured['detail']} "
        f"{measured['owners']} owners, {measured['train_rows']:,} rows to train, {measured['test_rows']:,} to test.\n\n"
        "| setting | rounds | rate | mean | sd | worst owner | goal |\n|---|--:|--:|--:|--:|--:|--:|\n"
    )
    lines = [
        f"| {figure['name']} | {figure.get('rounds', '')} | {figure.get('learning_rate', '')} | {figure['mean']:.3f} "
        f"| {figure['sd']:.3f} | {_number(figure.get('worst_owner_mean'))} | {_goal(figure)} |"
        for figure in measured["figures"]
    ]
    return head + "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _goal(figure: dict[str, Any]) -> str:
    if "goal" not in figure:
        return ""
    goal = figure["goal"]
    return f"{goal['bound']} {goal['value']:g}{'' if figure['met'] else ' (missed)'}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}"


if __name__ == "__main__":
    main()
