"""The report for people: one HTML file with its plots inside, nothing fetched from elsewhere."""

import io
from collections.abc import Sequence
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #dde3e9 }
th:first-child, td:first-child { text-align: left } th { color: #5b6b7b; font-weight: 600 }
.key { display: flex; gap: 1rem; flex-wrap: wrap; margin: 1rem 0 }
.key div { background: #f2f5f8; border-radius: 8px; padding: .7rem 1rem; min-width: 9rem }
.key b { display: block; font-size: 1.5rem } .muted { color: #5b6b7b } svg { max-width: 100%; height: auto }
code { background: #f2f5f8; padding: 0 .25rem; border-radius: 4px }
.warn { border-left: 4px solid #d9822b; padding-left: .8rem }
"""
_INK, _TEAL, _ORANGE, _GREY = "#1c2733", "#0f766e", "#d9822b", "#94a3b8"


def render_page(report: dict[str, Any]) -> str:
    """Return the HTML page of a report (the JSON value of `cotrain.report.figures`)."""
    parts = [
        f"<h1>{escape(report['title'])}</h1>",
        f"<p class=muted>run <code>{report['run']}</code>, cotrain {report['version']}</p>",
        _headline(report),
        _quality(report),
        _privacy(report),
        _assurance(report),
        _cost(report),
        _notes(report),
    ]
    return (
        '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{escape(report['title'])}</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure for people; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def _headline(report: dict[str, Any]) -> str:
    pooled, metric = report["quality"]["pooled"], report["quality"]["metric"].upper()
    boxes = [
        (f"{metric} together", number(pooled["together"])),
        (f"{metric} alone, mean", number(pooled["alone_mean"])),
        (
            "epsilon",
            report["privacy"]["epsilon"] if report["privacy"]["noise"] != "none" else "no noise",
        ),
        ("owners", str(len(report["data"]["owners"]))),
        ("ledger entries", str(report["assurance"]["ledger_entries"])),
    ]
    inner = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in boxes)
    return f"<div class=key>{inner}</div>"


def _quality(report: dict[str, Any]) -> str:
    quality = report["quality"]
    rows = [
        [
            o["name"],
            number(o["alone"]),
            number(o["alone_without_privacy"]),
            number(o["together"]),
            number(o["together_on_own_test_rows"]),
        ]
        for o in quality["owners"]
    ]
    head = [
        "owner",
        "alone, same epsilon",
        "alone, no privacy",
        "together",
        "together, own test rows",
    ]
    pooled, draws = quality["pooled"], quality["draws_of_comparison_noise"]
    text = (
        f"<p>{escape(quality['metric'].upper())} on {quality['test_rows']} test rows of all owners, which no "
        f"model saw. Alone at the same epsilon is the mean of {draws} draws of the noise; together is the one "
        f"run on the ledger (mean of {draws} other draws: {number(pooled['together_repeated_mean'])}; without "
        f"privacy: {number(pooled['together_without_privacy'])}).</p>"
    )
    return f"<h2>What each owner gains</h2>{_table(head, rows)}{text}{_svg(_plot_rounds(report))}"


def _privacy(report: dict[str, Any]) -> str:
    privacy = report["privacy"]
    if privacy["noise"] == "none":
        words = "No noise was added: the opened sums are exact and nothing is promised."
        return f"<h2>Privacy</h2><p class=warn>{words}</p>"
    rows = [[name, number(spent)] for name, spent in privacy["spent"].items()]
    text = (
        f"<p>Each row is protected with epsilon {privacy['epsilon']}, delta {privacy['delta']} for the whole "
        "run, against everybody who reads the ledger, even if "
        f"{privacy['colluders_tolerated']} owners pool all they know. "
        "A neighbouring table has one row replaced by an empty one; the number of rows is public.</p>"
    )
    return f"<h2>Privacy</h2>{text}{_table(['owner', 'epsilon spent'], rows)}{_svg(_plot_budget(report))}"


def _assurance(report: dict[str, Any]) -> str:
    assurance = report["assurance"]
    checked = _table(
        ["checked by everybody from the ledger", "times"],
        [[k, str(v)] for k, v in assurance["checked"].items()],
    )
    recorded = "".join(f"<li>{escape(line)}</li>" for line in assurance["recorded"])
    return (
        "<h2>What was checked, and what was not</h2>"
        f"<p>Assurance level: <b>{escape(assurance['level'])}</b>. Proven: nothing yet. Cosigned by {escape(', '.join(assurance['cosigned_by']))}.</p>{checked}"
        f"<p class=warn>Not checked:</p><ul>{recorded}</ul>"
    )


def _cost(report: dict[str, Any]) -> str:
    cost = report["cost"]
    rows = [
        [
            name,
            number(cost["seconds_per_round"].get(name), 4),
            f"{cost['bytes_per_round'].get(name, 0):,.0f}",
        ]
        for name in cost["seconds_per_round"]
    ]
    return (
        f"<h2>Time and bytes, per party and round</h2>{_table(['party', 'seconds', 'bytes sent'], rows)}"
        f"{_svg(_plot_time(report))}"
    )


def _notes(report: dict[str, Any]) -> str:
    notes = list(report["notes"])
    if report["data"]["bounds_read_off_the_data"]:
        notes.append(
            "The schema's bounds were read off the data; they leak something about it. Replace them by public ones."
        )
    notes.append(
        "The cryptography of this version has not been audited by anybody outside the project."
    )
    return (
        "<h2>Good to know</h2><ul>"
        + "".join(f"<li>{escape(note)}</li>" for note in notes)
        + "</ul>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _figure(height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _plot_rounds(report: dict[str, Any]) -> Figure:
    figure, axes = _figure(3.4)
    rounds, pooled = report["quality"]["rounds"], report["quality"]["pooled"]
    numbers = [entry["round"] for entry in rounds]
    for key, label, colour in (
        ("together", "together", _TEAL),
        ("together_without_privacy", "together, no privacy", _GREY),
    ):
        axes.plot(
            numbers,
            [entry[key] for entry in rounds],
            label=label,
            color=colour,
            marker="o",
            markersize=3,
        )
    for key, label, style in (
        ("alone_mean", "alone, same epsilon (mean)", "--"),
        ("alone_without_privacy_mean", "alone, no privacy (mean)", ":"),
    ):
        if pooled[key] is not None:
            axes.axhline(pooled[key], label=label, color=_ORANGE, linestyle=style)
    axes.set(
        xlabel="round",
        ylabel=report["quality"]["metric"].upper(),
        title="Model after each round, on all test rows",
    )
    axes.legend(frameon=False, fontsize=9)
    return figure


def _plot_budget(report: dict[str, Any]) -> Figure:
    figure, axes = _figure(2.2)
    spent = report["privacy"]["spent"]
    axes.barh(list(spent), list(spent.values()), color=_TEAL)
    axes.axvline(float(report["privacy"]["epsilon"]), color=_INK, linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="epsilon spent (line: the agreement's limit)")
    return figure


def _plot_time(report: dict[str, Any]) -> Figure:
    figure, axes = _figure(2.6)
    seconds = report["cost"]["seconds"]
    steps = sorted({step for by_step in seconds.values() for step in by_step})
    colours = [_TEAL, _ORANGE, _GREY, "#3b82f6", "#a855f7", "#e11d48", "#84cc16", _INK]
    left = dict.fromkeys(seconds, 0.0)
    for step, colour in zip(steps, colours, strict=False):
        widths = [by_step.get(step, 0.0) for by_step in seconds.values()]
        axes.barh(list(seconds), widths, left=list(left.values()), color=colour, label=step)
        left = {name: left[name] + width for name, width in zip(seconds, widths, strict=True)}
    axes.invert_yaxis()
    axes.set(xlabel="seconds, whole run")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
