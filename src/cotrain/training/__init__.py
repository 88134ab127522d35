"""Training as exact integer arithmetic: two runs, two machines and a proof agree bit for bit.

Read `twin` first: it is the whole gradient in plain Python integers. Then `algorithm` (what an
agreement fixes), `tables` (the non-linear functions), `gradient` (the fast path over
`crates/training`), `step` (the public step from an opened sum to the next weights) and `model`
(what is released). Spec: docs/spec/training.md.
"""
