"""The chain under the contracts: one of the run's own, or a node by its address."""
