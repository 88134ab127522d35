"""Shipped simulators: seeded entropy, a clock set by hand, a faulty network, lying parties."""
