"""Skellam noise: samples a second, and the exact table that they are drawn from."""

from benchmarks.meter import Bench
from cotrain.privacy.sampler import sample_noise
from cotrain.privacy.skellam import build_table

VARIANCES = (10_000, 1_000_000)


def skellam(bench: Bench) -> None:
    count = bench.size(1_000_000, 1_000)
    for variance in VARIANCES:

        def build(variance: int = variance) -> object:
            build_table.cache_clear()
            return build_table(variance)

        timing = bench.time(build)
        table = build_table(variance)
        detail = (
            f"{len(table.thresholds):,} thresholds of 64 bits by interval arithmetic; once a run"
        )
        bench.per_item(f"Skellam table, variance {variance:,}", timing, 1, detail, unit="ms")
        timing = bench.time(lambda: sample_noise(table, bytes(32), count))  # noqa: B023
        detail = f"{count:,} samples from the ChaCha20 stream of a seed"
        bench.rate(
            f"Skellam samples, variance {variance:,}", timing, count, detail, unit="samples/s"
        )
