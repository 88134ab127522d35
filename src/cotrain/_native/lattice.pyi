"""`cotrain._native.lattice`."""
