"""Encryption of sums: encrypt, add and open, deal a key, check the shares of many dealers."""

import numpy as np

from benchmarks.meter import Bench, at_most
from cotrain.encryption.cipher import encrypt, generate_key, open_sum
from cotrain.encryption.parameters import SumParameters
from cotrain.encryption.sharing import deal, find_bad_shares, recover_key_sum, sum_shares

MAX_FIELD = (1 << 16) - 1
CONTEXT = b"benchmark"


def encryption_of_4(bench: Bench) -> None:
    _encryption(bench, 4)


def encryption_of_10(bench: Bench) -> None:
    _encryption(bench, 10)


def _encryption(bench: Bench, parties: int) -> None:
    """One party's encryption, and the opening of the sum of all."""
    entries = bench.size(1_000_000, 1_000)
    parameters = SumParameters.derive(parties, MAX_FIELD)
    fields = np.random.default_rng(0).integers(0, MAX_FIELD, entries, dtype=np.uint64)

    def once(party: int = 0) -> bytes:
        key = generate_key(seed_of(party))
        return encrypt(parameters, fields, key, CONTEXT, seed_of(party + 5000))

    timing = bench.time(once)
    packed = parameters.fields_per_coefficient
    detail = f"{entries:,} fields of 16 bits, {parties} parties, {packed} fields a coefficient, key made anew"
    goal = at_most(0.1) if bench.cores == 1 else None
    name = f"encryption, 1,000,000 entries, {parties} parties"
    bench.per_item(name, timing, 1, detail, unit="s", goal=goal)
    ciphertexts = [once(party) for party in range(parties)]
    if bench.cores == 1:
        size = len(ciphertexts[0]) / entries
        bench.figure(
            f"ciphertext, {parties} parties", size, "bytes/entry", detail, goal=at_most(3.5)
        )
    key_sum = key_sum_of(parameters, parties)
    opened = open_sum(parameters, entries, ciphertexts, key_sum, CONTEXT)
    if not np.array_equal(opened, fields * np.uint64(parties)):
        raise ValueError("the sum did not open to the sum of the fields")
    timing = bench.time(lambda: open_sum(parameters, entries, ciphertexts, key_sum, CONTEXT))
    detail = (
        f"{parties} ciphertexts of {entries:,} fields added and opened; the result was compared"
    )
    bench.per_item(f"opening, 1,000,000 entries, {parties} parties", timing, 1, detail, unit="s")


def key_deal(bench: Bench) -> None:
    """One owner shares its key, as it does in each round."""
    for parties, threshold, holders in ((4, 3, 4), (1000, 16, 20)):
        parameters = SumParameters.derive(parties, MAX_FIELD)
        key = generate_key(seed_of(0))

        def work(
            parameters: SumParameters = parameters,
            threshold: int = threshold,
            holders: int = holders,
        ) -> object:
            return deal(parameters, key, threshold, holders, seed_of(1))  # noqa: B023

        timing = bench.time(work)
        detail = f"{holders} holders, threshold {threshold}, {parties} parties, {parameters.share_bytes} bytes a share"
        name = f"key deal, {holders} holders, t = {threshold}, {parties:,} parties"
        bench.per_item(name, timing, 1, detail, unit="ms")


def share_check(bench: Bench) -> None:
    """One holder checks what 1,000 dealers sent it."""
    dealers = bench.size(1_000, 10)
    parameters = SumParameters.derive(1000, MAX_FIELD)
    commitments, shares = [], []
    for dealer in range(dealers):
        dealt, sent = deal(
            parameters, generate_key(seed_of(dealer)), 16, 20, seed_of(dealer + 5000)
        )
        commitments.append(dealt)
        shares.append(sent[0])
    if find_bad_shares(parameters, 1, commitments, shares):
        raise ValueError("a good share was called bad")
    timing = bench.time(lambda: find_bad_shares(parameters, 1, commitments, shares))
    detail = (
        f"{dealers:,} dealers, threshold 16, all shares good: one random combination is checked"
    )
    bench.per_item("batch check of shares, 1,000 dealers", timing, 1, detail, unit="s")


def key_sum_of(parameters: SumParameters, parties: int) -> np.ndarray:
    """Return the sum of the keys as it is rebuilt in a round, from shares for two holders."""
    dealt = [
        deal(parameters, generate_key(seed_of(p)), 2, 2, seed_of(p + 9000))[1]
        for p in range(parties)
    ]
    releases = [
        (holder + 1, sum_shares(parameters, [shares[holder] for shares in dealt]))
        for holder in (0, 1)
    ]
    return recover_key_sum(parameters, parties, 2, releases)


def seed_of(number: int) -> bytes:
    return number.to_bytes(32, "little")
