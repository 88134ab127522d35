"""How much accuracy the public bounds of a schema cost, against scaling by the data's own statistics.

Prints the AUC of pooled logistic regression, mean over seeds, 70/30 stratified inside each owner.
The heart table is carried; the lending table is read from the folder `COTRAIN_DATA_DIR`.

    python benchmarks/schema_accuracy.py
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from cotrain.agreement.schema import Schema, parse_schema
from cotrain.data import heart
from cotrain.dataset.encoding import EncodedDataset, encode_table
from cotrain.dataset.reader import TableSource, list_owners

SEEDS = 10
INVERSE_PENALTIES = (1.0, 10.0, 100.0)
NARROW = {
    "delinq_2yrs": "4",
    "inq_last_6mths": "4",
    "open_il_6m": "10",
    "open_il_12m": "4",
    "open_il_24m": "6",
    "inq_fi": "5",
    "inq_last_12m": "10",
    "num_il_tl": "30",
}
"""Upper ends of the lending table's typical ranges as first written down."""


def splits(owners: list[EncodedDataset], seed: int) -> Iterator[npt.NDArray[np.int16]]:
    """Yield the pooled training rows, then the pooled test rows."""
    parts = [
        train_test_split(owner.rows, test_size=0.3, stratify=owner.labels, random_state=seed)
        for owner in owners
    ]
    for side in (0, 1):
        yield np.concatenate([part[side] for part in parts])


def auc(path: Path, schema: Schema, standardise: bool = False) -> str:
    owners = [
        encode_table(TableSource(path, "org", owner), schema) for owner in list_owners(path, "org")
    ]
    found = np.empty((SEEDS, len(INVERSE_PENALTIES)))
    for seed in range(SEEDS):
        train, test = (rows.astype(np.float64) for rows in splits(owners, seed))
        scaler = StandardScaler().fit(train[:, :-2])
        for position, inverse_penalty in enumerate(INVERSE_PENALTIES):
            model = LogisticRegression(max_iter=5000, C=inverse_penalty, fit_intercept=standardise)
            inputs = [
                scaler.transform(rows[:, :-2]) if standardise else rows[:, :-1] / schema.row_bound
                for rows in (train, test)
            ]
            model.fit(inputs[0], train[:, -1])
            found[seed, position] = roc_auc_score(test[:, -1], model.decision_function(inputs[1]))
    return "  ".join(f"{value:.3f}" for value in found.mean(axis=0))


def compare(path: Path, raw: dict[str, Any], variants: dict[str, dict[str, Any]]) -> None:
    for name, changes in variants.items():
        print(f"  {name:<34} {auc(path, parse_schema(json.dumps(raw | changes)))}")
    unbounded = parse_schema(json.dumps(raw | {"row_bound": 16384, "feature_scale": 256}))
    print(f"  {'standardised by the data, unbounded':<34} {auc(path, unbounded, standardise=True)}")


def main() -> None:
    print("inverse penalty", *INVERSE_PENALTIES)
    scales = {f"S = {scale}": {"feature_scale": scale} for scale in (512, 1024, 2048, 4096)}
    print("heart, C = 4096")
    compare(heart.TABLE_PATH, json.loads(heart.SCHEMA_PATH.read_text()), scales)
    folder = os.environ.get("COTRAIN_DATA_DIR")
    if folder is None:
        print("lending: skipped, COTRAIN_DATA_DIR is not set")
        return
    raw = json.loads((Path(__file__).parent / "schemas" / "lending_club.json").read_text())
    narrow = [
        column | {"high": NARROW.get(column["name"], column.get("high"))}
        if column["kind"] == "numeric"
        else column
        for column in raw["columns"]
    ]
    print("lending, C = 4096")
    variants = scales | {
        "S = 2048, narrow ranges": {"feature_scale": 2048, "columns": narrow},
        "C = 16384, S = 2048, narrow ranges": {
            "row_bound": 16384,
            "feature_scale": 2048,
            "columns": narrow,
        },
    }
    compare(Path(folder) / "lending_club_8_states.csv.gz", raw, variants)


if __name__ == "__main__":
    main()
