"""Aggregation: from encrypted updates to one opened and checked sum; read `opening`."""
