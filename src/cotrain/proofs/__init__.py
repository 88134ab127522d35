"""Zero-knowledge proofs about datasets and submissions (`docs/spec/statements.md`).

- `registration`: the committed rows satisfy the schema (S1). Start there.
- `submission`: an update is the agreed training step on the committed rows, with the noise that words
  and coins draw (S2, S3, S4).
- `gradient`: a gradient alone (S2), for other people's projects: numpy in, bytes out.
- `table`: ranges of a table alone (S1), without a schema.
- `workers`: who proves the segments; `estimate`, `costs`, `memory`: what a proof will cost, before it is made.

The mathematics is in the crates `argument` and `statements`; this package says which numbers of an
agreement enter a statement. It draws no randomness: entropy is an argument, fresh for every proof.

What a proof does not say: that rows are real, that the schema is wise, that the model is good.
"""
