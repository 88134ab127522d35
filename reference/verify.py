"""Judge vector files: `python -m reference.verify vectors/proofs/v1.json ...`.

Prints a line a case. The exit code is 1 if any case is not judged as the file expects.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from reference.vectors import read_cases


def main(paths: Sequence[str]) -> int:
    """Judge all cases of all files."""
    wrong = 0
    for path in paths:
        for case in read_cases(json.loads(Path(path).read_text(encoding="utf-8"))):
            verdict = case.judge()
            agrees = verdict == case.expected
            wrong += not agrees
            note = "" if agrees else f"  MISMATCH, expected {case.expected}"
            sys.stdout.write(f"{case.name}: {verdict}{note}\n")
            sys.stdout.flush()
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
