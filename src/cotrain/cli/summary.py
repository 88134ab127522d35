"""The tables of a report on the terminal."""

from pathlib import Path
from typing import Any

from rich.table import Table

from cotrain.cli.output import bullets, console, print_table, say, table
from cotrain.report.words import METRIC_NAMES, notes_of, number, privacy_words


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
    say("\nnot checked in this version (nothing is called proven)", "bold")
    out.print(bullets(assurance["recorded"]))
    say("\ngood to know", "bold")
    out.print(bullets(notes_of(report)))
    print(f"\nreport  {folder / 'report.html'}\naudit   cotrain audit {folder}")


def _title(report: dict[str, Any]) -> str:
    quality = report["quality"]
    if quality is None:
        return "data owners"
    return f"{METRIC_NAMES[quality['metric']]} on {quality['test_rows']} test rows of all owners"


def _owners_table(report: dict[str, Any]) -> Table:
    quality, spent = report["quality"], report["privacy"]["spent"]
    metric, pooled = quality["metric"], quality["pooled"]
    sizes = {owner["name"]: owner["rows"] for owner in report["data"]["owners"]}
    rows = [
        [
            owner["name"],
            f"{sizes[owner['name']]}",
            number(owner["alone"][metric]),
            number(owner["alone_without_privacy"][metric]),
            number(owner["together"][metric]),
            number(spent[owner["name"]]),
        ]
        for owner in quality["owners"]
    ]
    means = ("alone_mean", "alone_without_privacy_mean", "together")
    rows.append(["mean", "", *(number(pooled[key][metric]) for key in means), ""])
    head = [
        "owner",
        "rows",
        "alone, same epsilon",
        "alone, no privacy",
        "together",
        "epsilon spent",
    ]
    return table(head, rows)


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
