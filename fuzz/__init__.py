"""Fuzzing of the decoders; see README.md."""
