"""The audit: re-check a whole run from its ledger, holding no key and no data; read `auditor`."""
