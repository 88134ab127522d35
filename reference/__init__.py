"""A second, slow, obvious verifier of `docs/spec/argument.md` and `docs/spec/statements.md`.

Standard library only; written from the specification, shares no code with `crates/` or `src/`.
Start with `argument.py` (the steps of the verifier) and `statements.py` (what is proven).
"""
