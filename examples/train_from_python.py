"""Train together from Python: four hospitals, three rounds, and the pooled figures of the report.

    python examples/train_from_python.py [FOLDER]

All parties run in this process; the folder (by default a new temporary one) holds their ledger, which
`cotrain audit FOLDER` re-checks.
"""

import sys
import tempfile
from pathlib import Path

from cotrain.agreement.draft import Wishes
from cotrain.agreement.schema import load_schema
from cotrain.audit.auditor import audit
from cotrain.data import heart
from cotrain.layout import RunLayout
from cotrain.ledger.store import Ledger
from cotrain.ports import SystemClock, SystemEntropy
from cotrain.report.experiment import Table, perform, prepare
from cotrain.report.figures import Evidence, build_report
from cotrain.report.ledger_figures import read_ledger_figures

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "run"
clock, random = SystemClock(), SystemEntropy()

# What the parties agree on, and whose rows are whose.
wishes = Wishes(title="Heart disease", purpose="clinical-research", rounds=3, epsilon="1")
table = Table(heart.TABLE_PATH, heart.OWNER_COLUMN, load_schema(heart.SCHEMA_PATH))

# Each owner gets a home, consents and registers 70 % of its rows; then the protocol runs.
experiment = prepare(
    RunLayout(folder), table, wishes, entropy=lambda _: random, clock=clock, seed=0
)
outcome = perform(experiment, entropy=lambda _: random, clock=clock, progress=lambda _: None)

# Anyone can re-check the ledger; the report adds the comparison with training alone.
with Ledger.open(experiment.layout.ledger, read_only=True) as ledger:
    evidence = Evidence(experiment, outcome, audit(ledger), read_ledger_figures(ledger))
report = build_report(evidence, seed=random.draw("comparison", 32))

pooled = report["quality"]["pooled"]
print(f"ledger entries checked  {report['assurance']['ledger_entries']}")
print(f"AUC alone, epsilon 1    {pooled['alone_mean']['auc']:.3f}")
print(f"AUC together            {pooled['together']['auc']:.3f}")
