"""The plots of the page, as SVG text: the same figures give the same bytes.

Colours are those of Okabe and Ito, which people with any kind of colour vision can tell apart; no meaning hangs on
colour alone (bars are labelled and ordered, lines differ in style).
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cotrain.report.words import METRIC_NAMES, kinds_of_training, number

MAX_OWNERS = 20
"""More owners than this cannot be told apart in a plot; the tables have them all."""

GREEN, ORANGE, GREY, INK = "#007a59", "#e69f00", "#9aa5b1", "#1b2430"
_SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#9aa5b1", "#1b2430")
_CHANCE = {"auc": 0.5, "r2": 0.0}
_STYLE: Any = {
    "svg.hashsalt": "cotrain",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": "#56657a",
    "axes.edgecolor": "#b8c2cc",
    "xtick.color": "#56657a",
    "ytick.color": "#56657a",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e6ebf0",
}

Report = dict[str, Any]


def plot_gain(report: Report) -> str:
    """Return grouped bars: each owner alone at the same epsilon, alone without privacy, and together."""
    quality = report["quality"]
    metric, owners = quality["metric"], quality["owners"][:MAX_OWNERS]
    colours = {"alone": ORANGE, "alone_without_privacy": GREY, "together": GREEN}
    series = [(key, label, colours[key]) for key, label in kinds_of_training(report).items()]
    with rc_context(_STYLE):
        figure, axes = _figure(3.6)
        width = 0.8 / len(series)
        for place, (key, label, colour) in enumerate(series):
            spots = [
                group + (place - (len(series) - 1) / 2) * width for group in range(len(owners))
            ]
            values = [owner[key][metric] for owner in owners]
            _bars(axes, spots, values, width=width, label=label, colour=colour)
            if key == "alone":
                _whiskers(axes, spots, [owner["alone_range"] for owner in owners])
        axes.set_xticks(range(len(owners)), [owner["name"] for owner in owners])
        if len(owners) > 6:
            axes.tick_params(axis="x", rotation=45)
        _quality_axis(axes, metric)
        axes.grid(visible=True, axis="y")
        _legend_above(axes, len(series))
        return _svg(figure, "gain", "Quality of the model for each owner, alone and together")


def plot_rounds(report: Report) -> str:
    """Return lines: quality of the model after each round, beside training alone."""
    quality, is_private = report["quality"], report["privacy"]["noise"] != "none"
    metric, pooled = quality["metric"], quality["pooled"]
    numbers = [entry["round"] for entry in quality["rounds"]]
    lines = [("together", "together", GREEN, "-")]
    levels = [("alone_without_privacy_mean", "alone, no privacy (mean)", GREY, ":")]
    if is_private:
        lines.append(("together_without_privacy", "together, no privacy", "#0072b2", "--"))
        levels.append(("alone_mean", "alone, same epsilon (mean)", ORANGE, "-."))
    with rc_context(_STYLE):
        figure, axes = _figure(3.4)
        marker = "o" if len(numbers) <= 30 else None
        for key, label, colour, style in lines:
            values = [entry[key][metric] for entry in quality["rounds"]]
            axes.plot(numbers, values, style, label=label, color=colour, marker=marker, ms=3.5)
        for key, label, colour, style in levels:
            if pooled[key][metric] is not None:
                axes.axhline(pooled[key][metric], label=label, color=colour, ls=style, lw=1.8)
        axes.set(xlabel="round", ylabel=_metric_label(metric))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, axis="y")
        _legend_above(axes, 2)
        return _svg(figure, "rounds", "Quality of the model after each round")


def plot_payouts(report: Report) -> str:
    """Return two bars for each party that was paid: for the run, and for uses of the model, each on its own scale."""
    money = report["money"]
    unit = 10 ** money["decimals"]
    paid = [found for found in money["accounts"] if found["earned_for_run"] or found["royalties"]]
    names = [found["name"] for found in paid][:MAX_OWNERS]
    panels = (("earned_for_run", "for the run", GREEN), ("royalties", "for uses", ORANGE))
    with rc_context(_STYLE):
        figure, _ = _figure(1.2 + 0.32 * max(1, len(names)))
        figure.clear()
        for place, (key, label, colour) in enumerate(panels, 1):
            axes = figure.add_subplot(1, 2, place)
            values = [found[key] / unit for found in paid][:MAX_OWNERS]
            bars = axes.barh(range(len(names)), values, color=colour, height=0.6)
            axes.bar_label(bars, [f" {value:,.6g}" for value in values], color=INK, fontsize=9)
            axes.set_yticks(range(len(names)), names if place == 1 else [""] * len(names))
            axes.invert_yaxis()
            axes.margins(x=0.25)
            axes.set_xlabel(f"{label}, {money['symbol']}")
            axes.grid(visible=True, axis="x")
        return _svg(
            figure, "payouts", "What each party was paid, for the run and for uses of the model"
        )


def plot_scores(report: Report) -> str:
    """Return bars side by side: each owner's score with one standard deviation of its noise, and what it was paid."""
    money = report["money"]
    owners = money["pool"]["owners"][:MAX_OWNERS]
    names = [owner["name"] for owner in owners]
    paid = {found["name"]: found for found in money["accounts"]}
    with rc_context(_STYLE):
        figure, _ = _figure(1.6 + 0.42 * len(names))
        figure.clear()
        left, right = figure.subplots(1, 2, sharey=True)
        _score_bars(left, owners)
        _payout_bars(right, [paid[name] for name in names], 10 ** money["decimals"])
        right.set_xlabel(f"paid for the run, {money['symbol']}")
        left.set_yticks(range(len(names)), names)
        left.invert_yaxis()
        for axes in (left, right):
            axes.grid(visible=True, axis="x")
            axes.tick_params(axis="y", length=0)
        return _svg(figure, "scores", "Score of each owner, and what it was paid for the run")


def _score_bars(axes: Axes, owners: Sequence[Mapping[str, Any]]) -> None:
    for place, owner in enumerate(owners):
        if owner["score"] is None:
            axes.annotate(" no score", (0, place), va="center", fontsize=9)
            continue
        axes.barh(place, owner["score"], color=_SERIES[0], height=0.6)
        if owner["chance_sd"] is not None:
            between = [owner["score"] - owner["chance_sd"], owner["score"] + owner["chance_sd"]]
            axes.plot(between, [place, place], color=INK, lw=1.4, marker="|", ms=8)
    noisy = any(owner["chance_sd"] is not None for owner in owners)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_title("contribution", loc="left", fontsize=10)
    axes.set_xlabel("score" + (" (line: one standard deviation of all its noise)" if noisy else ""))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _payout_bars(axes: Axes, paid: Sequence[Mapping[str, Any]], unit: int) -> None:
    pool = [found["earned_from_pool"] / unit for found in paid]
    agreed = [found["earned_for_run"] / unit - part for found, part in zip(paid, pool, strict=True)]
    places = range(len(paid))
    axes.barh(places, agreed, color=GREY, height=0.6, label="agreed share")
    bars = axes.barh(
        places, pool, left=agreed, color=GREEN, height=0.6, hatch="//", edgecolor="white",
        linewidth=0, label="from the pool",
    )  # fmt: skip
    totals = [f" {one + other:,.6g}" for one, other in zip(agreed, pool, strict=True)]
    axes.bar_label(bars, totals, color=INK, fontsize=9)
    axes.margins(x=0.25)
    _legend_above(axes, 2)


def plot_budget(report: Report) -> str:
    """Return lines: epsilon spent by each owner after each round, and the agreement's limit."""
    points = report["privacy"]["spent_after_round"]
    groups: dict[tuple[float, ...], list[str]] = {}
    for name in points[0]["epsilon"]:
        groups.setdefault(tuple(point["epsilon"][name] for point in points), []).append(name)
    numbers = [point["round"] for point in points]
    with rc_context(_STYLE):
        figure, axes = _figure(2.8)
        for place, (values, names) in enumerate(list(groups.items())[: len(_SERIES)]):
            label = _names(names, len(points[0]["epsilon"]))
            axes.step(
                [0, *numbers], [0.0, *values], where="post", label=label, color=_SERIES[place], lw=2
            )
        limit = float(report["privacy"]["epsilon"])
        axes.axhline(limit, color=INK, lw=1, ls="--", label="limit of the agreement")
        axes.set(xlabel="round", ylabel="epsilon spent", ylim=(0, 1.12 * limit))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, axis="y")
        _legend_above(axes, 2)
        return _svg(figure, "budget", "Privacy spent by each owner after each round")


def plot_seconds(report: Report) -> str:
    """Return stacked bars: seconds per party and step."""
    seconds = report["cost"]["seconds"]
    steps = list(dict.fromkeys(step for by_step in seconds.values() for step in by_step))
    return _stacked(seconds, sorted(steps), "seconds in the process that made this report", "time")


def plot_bytes(report: Report) -> str:
    """Return stacked bars: bytes per party and kind of record."""
    sent = report["cost"]["bytes_sent"]
    totals = {
        kind: sum(kinds.get(kind, 0) for kinds in sent.values())
        for kind in dict.fromkeys(kind for kinds in sent.values() for kind in kinds)
    }
    most = sorted(totals, key=lambda kind: (-totals[kind], kind))[: len(_SERIES) - 2]
    shown = {
        name: {kind: kinds.get(kind, 0) / 1000 for kind in most}
        | {"other": sum(size for kind, size in kinds.items() if kind not in most) / 1000}
        for name, kinds in sent.items()
    }
    return _stacked(shown, [*most, "other"], "kilobytes in all rounds", "bytes")


def _stacked(
    values: Mapping[str, Mapping[str, float]], parts: Sequence[str], label: str, name: str
) -> str:
    parties = list(values)[:MAX_OWNERS]
    with rc_context(_STYLE):
        figure, axes = _figure(1.5 + 0.32 * len(parties))
        lefts = [0.0] * len(parties)
        for part, colour in zip(parts, _SERIES, strict=False):
            widths = [values[party].get(part, 0.0) for party in parties]
            axes.barh(range(len(parties)), widths, left=lefts, color=colour, label=part, height=0.7)
            lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
        axes.set_yticks(range(len(parties)), parties)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.grid(visible=True, axis="x")
        _legend_above(axes, 3)
        return _svg(figure, name, f"{label}, by party")


def _bars(
    axes: Axes,
    spots: Sequence[float],
    values: Sequence[float | None],
    *,
    width: float,
    label: str,
    colour: str,
) -> None:
    heights = [0.0 if value is None else value for value in values]
    axes.bar(spots, heights, 0.92 * width, label=label, color=colour)
    if len(values) > 8:
        return
    for spot, value in zip(spots, values, strict=True):
        # In the bar's foot, where no whisker crosses it.
        axes.annotate(
            number(value, 2),
            (spot, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            fontweight="bold",
            color="white" if colour == GREEN else INK,
        )


def _whiskers(axes: Axes, spots: Sequence[float], ranges: Sequence[list[float] | None]) -> None:
    for spot, between in zip(spots, ranges, strict=True):
        if between is not None:
            axes.plot([spot, spot], between, color=INK, lw=1.2, marker="_", ms=6)


def _quality_axis(axes: Axes, metric: str) -> None:
    chance = _CHANCE.get(metric)
    low, high = axes.get_ylim()
    if metric == "auc":
        low, high = min(0.4, low if low > 0 else 0.4), 1.0
    elif metric == "accuracy":
        low, high = 0.0, 1.0
    else:
        low, high = max(-1.0, min(-0.05, low)), 1.0
    axes.set_ylim(low, high)
    axes.set_ylabel(_metric_label(metric))
    if chance is not None:
        axes.axhline(chance, color=INK, lw=1, ls=":")


def _metric_label(metric: str) -> str:
    return METRIC_NAMES[metric] + (" (0.5 is guessing)" if metric == "auc" else "")


def _names(names: Sequence[str], everybody: int) -> str:
    if len(names) == everybody:
        return "every owner"
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} others"


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(
        frameon=False,
        fontsize=9,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        borderaxespad=0.2,
    )


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.8, height), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure, name: str, words: str) -> str:
    """Return the figure as an SVG element whose ids are its own in the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
