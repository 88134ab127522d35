"""Privacy: the noise that is added, what it costs, and who keeps count; read `skellam` first.

- `skellam`: the table that turns 64 uniform bits into one Skellam sample, built in exact integers.
- `sampler`: draws samples from a table and a secret seed.
- `sampling_error`: how far sampled noise can be from the Skellam law, and what that adds to delta.
- `rdp`: what a release costs: an event (what happened) and an accountant (what it costs).
- `calibration`: how much noise a wanted guarantee needs, and the noise plan of a run.
- `budget`: a data owner's book of what each of their datasets has spent.

The arithmetic is integer or rational and rounds against us. Specifications: ``docs/spec/noise.md``
and ``docs/spec/privacy-accounting.md``.
"""
