"""The chain under the contracts: one of the run's own, or a node by its address."""

import sys

USUAL_RECURSION = sys.getrecursionlimit()
"""The limit before py-evm raises it for the whole process, which would let deep JSON overflow the stack."""
