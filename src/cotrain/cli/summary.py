"""The tables of a report on the terminal."""

from pathlib import Path
from typing import Any

from rich.table import Table

from cotrain.cli.output import bullets, console, print_table, say, table
from cotrain.report.money import (
    MONEY_HEAD,
    POOL_HEAD,
    money_rows,
    money_words,
    pool_rows,
    score_words,
)
from cotrain.report.words import (
    METRIC_NAMES,
    PROOF_HEAD,
    assurance_words,
    kinds_of_training,
    notes_of,
    number,
    privacy_words,
    proof_rows,
)


def show_report(report: dict[str, Any], folder: Path) -> None:
    """Print the tables of a report."""
    out, assurance = console(), report["assurance"]
    say(f"\n{report['title']}", "bold")
    owners, rounds = len(report["data"]["owners"]), report["model"]["rounds_opened"]
    say(f"{owners} owners trained one model together in {rounds} rounds. {privacy_words(report)}\n")
    print_table(
        _title(report), _owners_table(report) if report["quality"] else _spent_table(report)
    )
    print_table("time and bytes sent, per party and round", _cost_table(report))
    say("checked by every party and by the audit, from the ledger alone", "bold")
    counts = [f"{count:>6}" for count in assurance["checked"].values()]
    out.print(bullets(assurance["checked"], counts))
    _show_proofs(report)
    if report["money"] is not None:
        say()
        show_money(report)
    say("not checked", "bold")
    out.print(bullets(assurance["recorded"]))
    say("\ngood to know", "bold")
    out.print(bullets(notes_of(report)))
    print(f"\nreport  {folder / 'report.html'}\naudit   cotrain audit {folder}")


def show_money(report: dict[str, Any]) -> None:
    """Print who was paid what and why, and in runs with a pool what each owner scored."""
    say(money_words(report))
    symbol = report["money"]["symbol"]
    print_table(f"who was paid what, in {symbol}", table(MONEY_HEAD, money_rows(report)))
    if words := score_words(report):
        say(words)
        print_table(f"scores and the pool, in {symbol}", table(POOL_HEAD, pool_rows(report)))


def _show_proofs(report: dict[str, Any]) -> None:
    """Print what was proven, by whom, at what cost; or that nothing was."""
    assurance = report["assurance"]
    say("\n" + assurance_words(report), "bold")
    if assurance["proven"]:
        console().print(bullets(assurance["proven"]))
    say()
    if assurance["proofs"]:
        print_table("proofs, by party", table(PROOF_HEAD, proof_rows(report)))


def _title(report: dict[str, Any]) -> str:
    quality = report["quality"]
    if quality is None:
        return "data owners"
    return f"{METRIC_NAMES[quality['metric']]} on {quality['test_rows']} test rows of all owners"


def _owners_table(report: dict[str, Any]) -> Table:
    quality, spent = report["quality"], report["privacy"]["spent"]
    metric, pooled = quality["metric"], quality["pooled"]
    sizes = {owner["name"]: owner["rows"] for owner in report["data"]["owners"]}
    keys = kinds_of_training(report)
    rows = []
    for owner in quality["owners"]:
        figures = [number(owner[key][metric]) for key in keys]
        name = owner["name"]
        rows.append([name, f"{sizes[name]}", *figures, number(spent[name])])
    means = [pooled[key if key == "together" else f"{key}_mean"][metric] for key in keys]
    rows.append(["mean", "", *(number(mean) for mean in means), ""])
    return table(["owner", "rows", *keys.values(), "epsilon spent"], rows)


def _spent_table(report: dict[str, Any]) -> Table:
    rows = [
        [owner["name"], f"{owner['rows']}", number(report["privacy"]["spent"][owner["name"]])]
        for owner in report["data"]["owners"]
    ]
    return table(["owner", "rows", "epsilon spent"], rows)


def _cost_table(report: dict[str, Any]) -> Table:
    cost = report["cost"]
    rows = [
        [
            name,
            "-" if seconds is None else f"{1000 * seconds:.0f} ms",
            f"{cost['bytes_per_round'][name]:,.0f}",
        ]
        for name, seconds in cost["seconds_per_round"].items()
    ]
    return table(["party", "time", "bytes"], rows)
