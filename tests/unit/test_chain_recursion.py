"""py-evm raises Python's recursion limit when it is imported; then deep JSON would overflow the stack."""

import subprocess
import sys


def test_the_usual_limit_holds_when_the_chain_is_imported() -> None:
    code = (
        "import sys; before = sys.getrecursionlimit(); import cotrain.settlement.chain.embedded; "
        "sys.exit(before != sys.getrecursionlimit())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
