"""Commitments: what binds a party to numbers that nobody else sees.

Read `pedersen` first: commit to a vector, check and add commitments, open a sum. The arithmetic is
compiled (`crates/commitment`); the format and its security are in `docs/spec/commitment.md`.
"""
