"""Encryption of sums: a round opens the sum of the parties' messages, and nothing else.

Read `parameters` first (the numbers of a run), then `cipher` (encrypt, add, open), `sharing` (the
one-round key goes to its holders, who rebuild only a sum of keys) and `sealing` (shares travel
encrypted to their receivers). `refusals` maps what the compiled module (`crates/lattice`) refuses.
Formats and security: `docs/spec/encryption.md` and `docs/spec/key-sharing.md`.
"""
