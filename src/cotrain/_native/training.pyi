"""`cotrain._native.training`."""
