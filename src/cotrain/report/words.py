"""The sentences and numbers that the page and the terminal share."""

from typing import Any

PROVE_DATA, PROVE_UPDATES, VERIFY_PROOFS = "prove the data", "prove the updates", "verify proofs"
PROVE_SCORE = "prove the score"
PROOF_HEAD = ["party", "data", "updates proven", "bytes of proofs", "proving", "verifying"]
METRIC_NAMES = {"auc": "AUC", "accuracy": "Accuracy", "r2": "R\N{SUPERSCRIPT TWO}", "rmse": "RMSE"}

_UNAUDITED = "The cryptography of this version has not been audited by anybody outside the project."
_BOUNDS = "The schema's bounds were read off the data; they leak something about it. Replace them by public ones."
_NO_QUALITY = (
    "No quality is given: nobody may see the test rows of real parties. Each owner can score the released model "
    "on rows of its own."
)


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure for people; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def kinds_of_training(report: dict[str, Any]) -> dict[str, str]:
    """Return the compared trainings, field of the report to words, in the order in which they are shown."""
    if report["privacy"]["noise"] == "none":
        return {"alone_without_privacy": "alone", "together": "together"}
    return {
        "alone": "alone, same epsilon",
        "alone_without_privacy": "alone, no privacy",
        "together": "together",
    }


def size(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def privacy_words(report: dict[str, Any]) -> str:
    """Return what is promised to each row."""
    privacy = report["privacy"]
    if privacy["noise"] == "none":
        return "No noise was added: the opened sums are exact, and nothing is promised to any row."
    return (
        f"Each row is protected with epsilon {privacy['epsilon']}, delta {privacy['delta']} for the whole run"
        f"{_scores_included(report)}, {_against(privacy['colluders_tolerated'])}."
    )


def _scores_included(report: dict[str, Any]) -> str:
    """Return what of epsilon is for scores."""
    pool = pool_of(report)
    return f", {pool['epsilon']} of it for the scores of the owners" if pool else ""


def pool_of(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return the part of a report about the pool that is divided by scores; None if there is none."""
    money: dict[str, Any] | None = report["money"]
    return None if money is None else money["pool"]


def assurance_words(report: dict[str, Any]) -> str:
    """Return how far data and updates are backed, as the audit found it."""
    match report["assurance"]["level"]:
        case "proven":
            scores = ", and every score," if pool_of(report) else ""
            things = f"Every dataset and every update on the ledger{scores}"
            return f"Assurance: proven. {things} carries a proof that holds."
        case "sampled":
            return "Assurance: sampled. Datasets and updates carry proofs; only some of them were verified."
        case "nothing":
            return "Assurance: none yet. Proofs were agreed on, and the run did not come to one."
        case _:
            return "Assurance: recorded. Nothing is proven of datasets and updates."


def proof_rows(report: dict[str, Any]) -> list[list[str]]:
    """Return for each party what it proved, how long it proved and verified, and the bytes of its proofs."""
    proved = {found["name"]: found for found in report["assurance"]["proofs"]}
    return [
        [name, *_proved(proved.get(name)), *_seconds_of_proofs(steps)]
        for name, steps in report["cost"]["seconds"].items()
    ]


def _proved(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["-", "-", "-"]
    data = "proven" if found["dataset"] else "-"
    sizes = sum(found[kind] for kind in ("dataset_bytes", "update_bytes", "score_bytes"))
    return [data, f"{found['updates']}", size(sizes)]


def _seconds_of_proofs(steps: dict[str, float]) -> list[str]:
    proving = sum(steps.get(step, 0.0) for step in (PROVE_DATA, PROVE_UPDATES, PROVE_SCORE))
    return [f"{proving:.2f} s", f"{steps.get(VERIFY_PROOFS, 0.0):.2f} s"]


def _against(colluders: int) -> str:
    """Return against whom the promise holds. An owner knows its own share of the noise, so it counts as a colluder."""
    if colluders == 0:
        return "against everybody but the other owners, who know their own shares of the noise"
    if colluders == 1:
        return "against everybody, also against any other owner by itself"
    return f"against everybody, even if {colluders} owners pool all they know"


def notes_of(report: dict[str, Any]) -> list[str]:
    """Return what a reader should know: what the report says itself, and what follows from it."""
    notes = list(report["notes"])
    if report["data"]["bounds_read_off_the_data"]:
        notes.append(_BOUNDS)
    if report["quality"] is None:
        notes.append(_NO_QUALITY)
    cost = report["cost"]
    if cost["timed_rounds"] < cost["rounds"]:
        notes.append(
            f"The run was interrupted: times are of the last {cost['timed_rounds']} of {cost['rounds']} rounds; "
            "bytes and counts are of all."
        )
    return [*notes, _UNAUDITED]
