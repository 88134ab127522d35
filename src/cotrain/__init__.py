"""Cotrain: train one model together without sharing data, on a ledger that anyone can audit.

Start reading in `cotrain.flow`: the whole protocol in numbered steps. `cotrain.cli` is the command line.
"""

__version__ = "0.1.0"
