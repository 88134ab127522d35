"""Identities: self-chosen names (`did:key`) and the keys behind them; read `keys` first."""
