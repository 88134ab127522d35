"""The report for people: one HTML file with its plots inside, nothing fetched from elsewhere."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from cotrain.report.money import (
    MONEY_HEAD,
    POOL_HEAD,
    has_scores,
    money_rows,
    money_words,
    pool_rows,
    score_words,
)
from cotrain.report.plots import (
    MAX_OWNERS,
    plot_budget,
    plot_bytes,
    plot_gain,
    plot_payouts,
    plot_rounds,
    plot_scores,
    plot_seconds,
)
from cotrain.report.words import (
    METRIC_NAMES,
    PROOF_HEAD,
    assurance_words,
    kinds_of_training,
    notes_of,
    number,
    pool_of,
    privacy_words,
    proof_rows,
    size,
)

Report = dict[str, Any]


def render_page(report: Report) -> str:
    """Return the HTML page of a report (the JSON value of `cotrain.report.figures`); the same for the same report."""
    title = escape(report["title"])
    style = files("cotrain.report").joinpath("page.css").read_text(encoding="utf-8")
    sections = (_head, _quality, _privacy, _assurance, _money, _cost, _notes)
    body = "\n".join(section(report) for section in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} - cotrain report</title>\n<style>\n{style}</style></head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    owners, model = report["data"]["owners"], report["model"]
    rows = sum(owner["rows"] for owner in owners)
    lead = (
        f"{len(owners)} owners trained one {model['kind']} model together in {model['rounds_opened']} rounds, on "
        f"{rows:,} rows. Published were commitments, encrypted updates and their sums. {privacy_words(report)}"
    )
    boxes = [*_quality_boxes(report), *_fact_boxes(report)]
    inner = "".join(
        f"<div{' class=main' if place == 0 else ''}><b>{escape(value)}</b>{escape(name)}</div>"
        for place, (value, name) in enumerate(boxes)
    )
    return f'<h1>{escape(report["title"])}</h1>\n<p class="lead">{escape(lead)}</p>\n<div class="key">{inner}</div>'


def _quality_boxes(report: Report) -> list[tuple[str, str]]:
    quality = report["quality"]
    if quality is None:
        return []
    metric, pooled = quality["metric"], quality["pooled"]
    name = METRIC_NAMES[metric]
    alone = "alone, same epsilon (mean)" if _is_private(report) else "alone (mean)"
    return [
        (number(pooled["together"][metric]), f"{name} together"),
        (number(pooled["alone_mean"][metric]), f"{name} {alone}"),
    ]


def _fact_boxes(report: Report) -> list[tuple[str, str]]:
    privacy = report["privacy"]
    spent = [value for value in privacy["spent"].values() if value is not None]
    budget = (
        (number(max(spent)), f"of epsilon {privacy['epsilon']} spent")
        if _is_private(report)
        else ("none", "noise: exact sums")
    )
    entries = report["assurance"]["ledger_entries"]
    return [budget, (f"{entries:,}", "ledger entries, all checked")]


def _quality(report: Report) -> str:
    quality = report["quality"]
    if quality is None:
        return (
            "<h2>What each owner gained</h2>\n<p>No figures of quality are given. Measuring them takes test rows in "
            "one place, and nobody may see those of real parties. Each owner can score the released model on rows "
            "of its own.</p>"
        )
    metric = quality["metric"]
    parts = [
        "<h2>What each owner gained</h2>",
        f"<p>{_quality_words(quality)}</p>",
        _figure(plot_gain(report), _gain_words(report)),
        _gain_table(report),
        _own_rows(report),
        "<h3>Round by round</h3>",
        _figure(
            plot_rounds(report),
            f"{METRIC_NAMES[metric]} of the common model after each round, on the test rows of all owners. The model "
            f"that is released {_averaging(report)}.",
        ),
    ]
    return "\n".join(parts)


_MEANINGS = {
    "auc": "the chance that the model ranks a positive case above a negative one: 0.5 is guessing, 1 is perfect",
    "accuracy": "the share of rows that the model puts in the right class",
    "r2": "the share of the target's variance that the model explains: 0 is no better than the mean, 1 is perfect",
}


def _quality_words(quality: dict[str, Any]) -> str:
    metric = quality["metric"]
    return (
        f"{METRIC_NAMES[metric]} is {_MEANINGS[metric]}. It is measured on {quality['test_rows']} test rows of all "
        "owners, which no model saw in training."
    )


def _gain_words(report: Report) -> str:
    quality = report["quality"]
    if not _is_private(report):
        return "Each owner's own model, and the one trained together."
    return (
        "Each owner's own model with the noise that the same epsilon asks of one owner, its own model without any "
        "privacy, and the one trained together. Alone with noise is the mean of "
        f"{quality['draws_of_comparison_noise']} draws, the line its least and largest; together is the one run on "
        "the ledger."
    )


def _gain_table(report: Report) -> str:
    quality, privacy = report["quality"], report["privacy"]
    metric, pooled = quality["metric"], quality["pooled"]
    sizes = {owner["name"]: owner["rows"] for owner in report["data"]["owners"]}
    keys = kinds_of_training(report)
    rows = [
        [owner["name"], f"{sizes[owner['name']]:,}", *(number(owner[key][metric]) for key in keys)]
        for owner in quality["owners"]
    ]
    means = [pooled[key if key == "together" else f"{key}_mean"][metric] for key in keys]
    rows.append(["mean", f"{sum(sizes.values()):,}", *(number(mean) for mean in means)])
    words = ""
    if _is_private(report):
        least, most = pooled["together_repeated_range"]
        words = (
            "<p>Noise makes every run come out a little differently: "
            f"{quality['draws_of_comparison_noise']} repetitions of the common training gave {number(least)} to "
            f"{number(most)}. Without any noise it would reach "
            f"{number(pooled['together_without_privacy'][metric])}; the noise for epsilon "
            f"{escape(privacy['epsilon'])} costs the rest.</p>"
        )
    head = ["owner", "training rows", *keys.values()]
    return _table(head, rows, has_sum=True) + words


def _own_rows(report: Report) -> str:
    """Return the same comparison on each owner's own test rows: what it means at home."""
    quality = report["quality"]
    metric = quality["metric"]
    keys = kinds_of_training(report)
    tests = {owner["name"]: owner["test_rows"] for owner in report["data"]["owners"]}
    rows = [
        [
            owner["name"],
            f"{tests[owner['name']]}",
            *(number(owner["own_test_rows"][key][metric]) for key in keys),
        ]
        for owner in quality["owners"]
    ]
    head = ["owner", "own test rows", *keys.values()]
    return (
        f"<h3>At home: {METRIC_NAMES[metric]} on each owner's own test rows</h3>\n"
        f"{_table(head, rows)}<p class=soft>Few test rows make these figures rough. A dash: it is not defined there, "
        "because all rows have the same label.</p>"
    )


def _averaging(report: Report) -> str:
    if report["model"]["averaging"] == "tail":
        return "is the mean of the models of the last rounds"
    return "is the last of them"


def _privacy(report: Report) -> str:
    privacy = report["privacy"]
    if not _is_private(report):
        return f'<h2>Privacy</h2>\n<p class="warn">{escape(privacy_words(report))}</p>'
    text = (
        f"{privacy_words(report)} Epsilon bounds how much anything "
        "published can depend on one row (smaller is safer); delta is the probability with which the bound may fail. "
        "Compared are tables in which one row is replaced by an empty one; how many rows an owner has is public."
    )
    caption = (
        f"Each owner adds its own share of the noise; the sum carries a standard deviation of "
        f"{privacy['noise_sd_of_the_sum']:,.0f} integer units on each weight's gradient."
    )
    if pool_of(report) is not None:
        caption += " What the scores cost is charged with the first round, whether or not they are released."
    rows = [
        [name, number(spent, 4), privacy["epsilon"], privacy["delta"]]
        for name, spent in privacy["spent"].items()
    ]
    plot = _figure(plot_budget(report), caption) if privacy["spent_after_round"] else ""
    return (
        f"<h2>Privacy spent</h2>\n<p>{escape(text)}</p>\n{plot}\n"
        f"{_table(['owner', 'epsilon spent', 'limit', 'delta'], rows)}"
    )


def _assurance(report: Report) -> str:
    assurance = report["assurance"]
    checked = "".join(
        f"<li><b>{count:,}</b> {escape(name)}</li>" for name, count in assurance["checked"].items()
    )
    recorded = "".join(f"<li>{escape(line)}</li>" for line in assurance["recorded"])
    return (
        "<h2>What was checked, and what was not</h2>\n"
        f"<p>{escape(assurance_words(report))} The ledger's last checkpoint is "
        f"cosigned by {escape(', '.join(assurance['cosigned_by']))}.</p>\n"
        f"{_proven(report)}"
        f'<div class="two"><div><h3>Checked by every party and by the audit, from the ledger alone</h3>'
        f'<ul class="plain yes">{checked}</ul></div>'
        f'<div><h3>Not checked</h3><ul class="plain no">{recorded}</ul></div></div>'
    )


def _proven(report: Report) -> str:
    """Return what was proven, and by whom at what cost; nothing unless the audit verified proofs."""
    assurance = report["assurance"]
    if not assurance["proofs"]:
        return ""
    lines = "".join(f"<li>{escape(line)}</li>" for line in assurance["proven"])
    claims = f'<h3>Proven</h3>\n<ul class="plain yes">{lines}</ul>\n' if lines else ""
    table = _table(PROOF_HEAD, proof_rows(report))
    words = (
        "Times are of all proofs that a party made or verified; every party verifies those of all."
    )
    return f"{claims}<h3>Proofs, by party</h3>\n{table}<p class=soft>{words}</p>\n"


def _money(report: Report) -> str:
    """Return who was paid what and why; nothing if no money is moved."""
    if report["money"] is None:
        return ""
    symbol = report["money"]["symbol"]
    caption = "Paid out by the contracts, by party: for the run, and for paid uses of the model."
    return (
        f"<h2>Who was paid what</h2>\n<p>{escape(money_words(report))} Amounts in {escape(symbol)}, read off the "
        "transactions, which the audit ran again.</p>\n"
        f"{_figure(plot_payouts(report), caption)}\n{_table(MONEY_HEAD, money_rows(report))}{_scores(report)}"
    )


def _scores(report: Report) -> str:
    """Return what each owner contributed beside what it was paid; nothing in runs without scores."""
    if not has_scores(report):
        return ""
    caption = (
        "Each owner's released score, and what it was paid for the run: its agreed share, and its part of the pool "
        "that is divided by scores."
    )
    return (
        f"\n<h3>Contribution and payout</h3>\n<p>{escape(score_words(report))}</p>\n"
        f"{_figure(plot_scores(report), caption)}\n{_table(POOL_HEAD, pool_rows(report))}"
    )


def _cost(report: Report) -> str:
    cost = report["cost"]
    rows = [
        [name, number(seconds, 3), size(cost["bytes_per_round"][name])]
        for name, seconds in cost["seconds_per_round"].items()
    ]
    machine = report["machine"]
    return (
        "<h2>What it cost</h2>\n"
        f"<p>All parties ran one after another on one machine ({machine['cores']} cores, "
        f"{escape(machine['processor'])}, Python {escape(machine['python'])}). Times include setting up; no network "
        "is in them.</p>\n"
        f"{_table(['party', 'seconds a round', 'sent a round'], rows)}\n"
        f"<h3>Time, by party and step</h3>\n{_figure(plot_seconds(report), _shown(report))}\n"
        f"<h3>Bytes sent, by party and kind of record</h3>\n{_figure(plot_bytes(report), _bytes_words(report))}\n"
        f"{_round_bytes(report)}"
    )


def _bytes_words(report: Report) -> str:
    cost = report["cost"]
    total = sum(sum(sizes.values()) for sizes in cost["bytes_by_round"])
    mean = size(total / max(1, cost["rounds"]))
    return f"Read off the ledger, blobs included; {mean} a round from all parties together. {_shown(report)}"


def _round_bytes(report: Report) -> str:
    by_round, parties = report["cost"]["bytes_by_round"], list(report["cost"]["bytes_sent"])
    if not by_round or len(parties) > MAX_OWNERS or len(by_round) > 200:
        return ""
    rows = [
        [f"{number}", *(f"{sizes[party]:,}" for party in parties)]
        for number, sizes in enumerate(by_round, 1)
    ]
    return f"<details><summary>Bytes sent in each round</summary>{_table(['round', *parties], rows)}</details>"


def _shown(report: Report) -> str:
    parties = len(report["cost"]["seconds"])
    return f"The first {MAX_OWNERS} of {parties} parties are shown." if parties > MAX_OWNERS else ""


def _notes(report: Report) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in notes_of(report))
    return (
        f"<h2>Good to know</h2>\n<ul>{notes}</ul>\n"
        f"<footer>Run <code>{report['run']}</code>, made by cotrain {escape(report['version'])}. Anyone can check the "
        "ledger again, holding no key and no data: <code>cotrain audit</code> and the run's folder.</footer>"
    )


def _is_private(report: Report) -> bool:
    return bool(report["privacy"]["noise"] != "none")


def _figure(svg: str, caption: str) -> str:
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{svg}{words}</figure>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, has_sum: bool = False) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = [f"<tr>{_cells(row)}</tr>" for row in rows]
    if has_sum:
        body[-1] = body[-1].replace("<tr>", '<tr class="sum">', 1)
    return f'<div class="scroll"><table><tr>{top}</tr>{"".join(body)}</table></div>'


def _cells(row: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)
