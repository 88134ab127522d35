"""`cotrain._native.noise`."""
