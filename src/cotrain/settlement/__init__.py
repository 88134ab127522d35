"""Rules and money on contracts: what the agreement becomes there, and the transactions that carry it out.

Spec: docs/spec/settlement.md. The rules themselves stand in `contracts/` and nowhere else: this package computes what
is sent to them and what is signed for them, and reads what they answer.
"""
