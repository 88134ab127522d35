"""Prove a gradient of your own table, check it, and reveal it: numpy in, bytes out, no agreement.

    python examples/prove_a_gradient.py

The owner commits to its rows once. For public weights it then proves the gradient; whoever knows the root of
the table and the weights can check the proof, and learns nothing else until the owner opens it.
"""

import numpy as np

from cotrain.ports import SystemEntropy
from cotrain.proofs.estimate import estimate_gradient, measure_unit
from cotrain.proofs.gradient import commit_table, open_gradient, prove_gradient, verify_gradient
from cotrain.training.algorithm import Algorithm

# A table of our own: 1,000 rows of four features, a constant one, and a label of 0 or 1, all integers. 1.0 is
# 1024 here; a row's features together must be no longer than the row bound, 4096.
random = np.random.default_rng(0)
features = random.normal(size=(1000, 4)).clip(-1.5, 1.5)
labels = (features.sum(axis=1) > 0).astype(np.int16)
constant = np.ones((1000, 1))
rows = np.column_stack([np.hstack([features, constant]) * 1024, labels]).astype(np.int16)

# The model: logistic, five weights, in units of 2^-12.
algorithm = Algorithm(kind="logistic", features=5)
weights = np.round(np.array([0.5, -0.25, 0.1, 0.0, 0.05]) * 4096).astype(np.int32)

# What will it cost?
estimate = estimate_gradient(algorithm, len(rows))
assert estimate.seconds(measure_unit()) < 600  # noqa: S101 - an example may insist

# The owner: commit once, prove once for each gradient. Seed and entropy are secret, and fresh each time.
entropy = SystemEntropy()
table = commit_table(rows, entropy.draw("table", 32))
proven = prove_gradient(algorithm, table, weights, entropy.draw("proof", 32), context=b"example")

# Anybody: the root and the weights are known, the proof arrives.
verify_gradient(algorithm, weights, table.public.root, proven.proof, context=b"example")
print(f"proof of {len(rows)} rows holds   {len(proven.proof)} bytes")

# The owner reveals the gradient, to whom it chooses; it is the one that numpy computes.
open_gradient(algorithm, proven.proof, proven.opening)
margins = rows[:, :-1].astype(np.int64) @ weights
residuals = 1 / (1 + np.exp(-margins / (4096 * 4096))) - labels
by_numpy = rows[:, :-1].T @ residuals
by_proof = proven.opening.gradient / 4096
print(f"largest difference to numpy    {np.abs(by_proof - by_numpy).max() / len(rows):.2f} a row")
