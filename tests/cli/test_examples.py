"""The Python example runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_from_python.py"


@pytest.mark.slow
def test_the_python_example_prints_the_pooled_figures(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path / "run"], capture_output=True, text=True, check=True
    )
    lines = result.stdout.splitlines()
    assert [re.sub(r"[\d.]+$", "#", line) for line in lines] == [
        "ledger entries checked  #",
        "AUC alone, epsilon #    #".replace("#", "1", 1),
        "AUC together            #",
    ]
    assert 0.5 < float(lines[2].split()[-1]) <= 1
    assert (tmp_path / "run" / "ledger.db").exists()
