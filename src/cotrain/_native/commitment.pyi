"""`cotrain._native.commitment`."""
