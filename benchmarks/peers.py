"""Other people's tools at the same work, in the same process, one after the other with ours.

A peer that cannot be imported is recorded with the error. None of the peers does all of what ours does, and the
other way round: each detail says what is compared.
"""

import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encryption import CONTEXT, MAX_FIELD, key_sum_of, seed_of
from benchmarks.meter import Bench, Timing
from cotrain.encryption.cipher import (
    encrypt,
    generate_key,
    open_sum,
    open_total,
    sum_ciphertexts,
)
from cotrain.encryption.parameters import SumParameters
from cotrain.ledger.store import Ledger

CLIENTS = 4
ENTRY = b"%0200d"


def ckks(bench: Bench) -> None:
    """TenSEAL's CKKS with NVIDIA FLARE's default parameters, beside our encryption of sums."""
    try:
        import tenseal
    except ImportError as error:
        _absent(bench, "TenSEAL CKKS", error)
        return
    entries = bench.size(1_000_000, 5_000)
    plain = np.random.default_rng(0).integers(0, MAX_FIELD, entries, dtype=np.uint64)
    ours, our_size = _ours(bench, plain)
    theirs, size = _ckks(bench, tenseal, plain.astype(np.float64).tolist())
    setting = f"{entries:,} entries, {CLIENTS} clients, one thread"
    detail = (
        f"{setting}; symmetric, degree 8192, moduli 60-40-40, scale 2^40: defaults of FLARE's HEBuilder, which "
        "gives every client the same secret key; tried here: a second holder of that key reads the first's update"
    )
    for step, timing in theirs.items():
        bench.per_item(f"TenSEAL CKKS, {step}", timing, 1, detail, unit="s")
    bench.figure("TenSEAL CKKS, ciphertext", size, "bytes/entry", detail)
    ratio_detail = f"{setting}; theirs divided by ours, by CPU time, same process"
    for step, timing in ours.items():
        bench.per_item(
            f"Cotrain, {step}",
            timing,
            1,
            f"{setting}; exact; the key is made anew, its sharing is apart (key deal)",
            unit="s",
        )
        ratio = theirs[step].cpu / timing.cpu
        bench.figure(f"CKKS / Cotrain, {step}", ratio, "times", ratio_detail)
    bench.figure("CKKS / Cotrain, bytes", size / our_size, "times", ratio_detail)


def paillier(bench: Bench) -> None:
    """Paillier with 2,048-bit keys, one number a ciphertext, as python-paillier does it."""
    try:
        import phe
    except ImportError as error:
        _absent(bench, "Paillier (phe)", error)
        return
    count_ = bench.size(20, 2)
    public, private = phe.generate_paillier_keypair(n_length=2048)
    detail = f"{count_} numbers, 2,048-bit key held by one party, phe {phe.__version__}, gmpy2 {_gmpy2()}"
    numbers = list(range(count_))
    ciphertexts = [public.encrypt(number) for number in numbers]
    steps: dict[str, Callable[[], object]] = {
        "encrypt": lambda: [public.encrypt(number) for number in numbers],
        "add": lambda: [one + one for one in ciphertexts],
        "decrypt": lambda: [private.decrypt(one) for one in ciphertexts],
    }
    for step, work in steps.items():
        bench.per_item(
            f"Paillier 2048, {step}", bench.time(work, 3), count_, detail, unit="ms/entry"
        )
    size = (ciphertexts[0].ciphertext().bit_length() + 7) // 8
    bench.figure("Paillier 2048, ciphertext", size, "bytes/entry", detail)


def merkle(bench: Bench) -> None:
    """pymerkle's tree in SQLite beside our ledger: each append durable by itself, and in bulk."""
    try:
        from pymerkle import SqliteTree
    except ImportError as error:
        _absent(bench, "pymerkle", error)
        return
    with tempfile.TemporaryDirectory(prefix="cotrain-bench-") as folder:
        tree, ledger = SqliteTree(f"{folder}/tree.db"), Ledger.create(Path(folder) / "ledger.db")
        singles, bulk, numbers = bench.size(100, 3), bench.size(1000, 10), count()

        def fresh(many: int) -> list[bytes]:
            return [ENTRY % next(numbers) for _ in range(many)]

        pairs: dict[str, tuple[int, Callable[[], object], Callable[[], object]]] = {
            "appends one by one": (
                singles,
                lambda: [tree.append_entry(entry) for entry in fresh(singles)],
                lambda: [ledger.append([entry]) for entry in fresh(singles)],
            ),
            f"appends by {bulk:,}": (
                10 * bulk,
                lambda: [tree.append_entries(fresh(bulk), chunksize=bulk) for _ in range(10)],
                lambda: [ledger.append(fresh(bulk)) for _ in range(10)],
            ),
        }
        for name, (entries, theirs, ours) in pairs.items():
            _pair(bench, name, entries, theirs, ours)
        proofs = bench.size(200, 3)
        size = min(tree.get_size(), ledger.size)
        _pair(
            bench,
            "inclusion proofs",
            proofs,
            lambda: [tree.prove_inclusion(1 + 7919 * n % size, size) for n in range(proofs)],
            lambda: [ledger.inclusion(7919 * n % size, size) for n in range(proofs)],
        )
        tree.close()
        ledger.close()


def _pair(
    bench: Bench, name: str, items: int, theirs: Callable[[], object], ours: Callable[[], object]
) -> None:
    timing, ours_timing = bench.time(theirs), bench.time(ours)
    detail = "entries of 200 bytes; pymerkle's SqliteTree keeps leaf hashes only, ours all complete subtrees"
    bench.rate(f"pymerkle, {name}", timing, items, detail, unit="/s")
    bench.rate(f"Cotrain ledger, {name}", ours_timing, items, detail, unit="/s")
    bench.figure(
        f"Cotrain / pymerkle, {name}",
        timing.wall / ours_timing.wall,
        "times",
        "ours divided by theirs",
    )


def _ckks(bench: Bench, tenseal: Any, plain: list[float]) -> tuple[dict[str, Timing], float]:
    """Time the three steps and return the bytes an entry."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS,
        poly_modulus_degree=8192,
        coeff_mod_bit_sizes=[60, 40, 40],
        encryption_type=tenseal.ENCRYPTION_TYPE.SYMMETRIC,
        n_threads=1,
    )
    context.global_scale = 2**40
    slots = 4096
    pieces = [plain[start : start + slots] for start in range(0, len(plain), slots)]

    def seal() -> list[bytes]:
        return [tenseal.ckks_vector(context, piece).serialize() for piece in pieces]

    sent = seal()
    _read_by_another_client(tenseal, context, sent[0], pieces[0])

    def add() -> list[Any]:
        total = [tenseal.ckks_vector_from(context, data) for data in sent]
        for _ in range(CLIENTS - 1):
            total = [
                one + tenseal.ckks_vector_from(context, d)
                for one, d in zip(total, sent, strict=True)
            ]
        return total

    total = add()
    opened = np.concatenate([one.decrypt() for one in total])
    if np.abs(opened - CLIENTS * np.array(plain)).max() > 1:
        raise ValueError("CKKS opened another sum")
    timings = {
        "encrypt and serialise": bench.time(seal, 3),
        "add": bench.time(add, 3),
        "open the sum": bench.time(lambda: [one.decrypt() for one in total], 3),
    }
    return timings, sum(map(len, sent)) / len(plain)


def _read_by_another_client(tenseal: Any, context: Any, update: bytes, plain: list[float]) -> None:
    """Check that a second client reads an update: FLARE's HEBuilder writes one context, secret key in it, to each."""
    other = tenseal.context_from(context.serialize(save_secret_key=True))
    read = tenseal.ckks_vector_from(other, update).decrypt()
    if np.abs(np.array(read) - np.array(plain)).max() > 1:
        raise ValueError("another client did not read the update")


def _ours(bench: Bench, plain: np.ndarray) -> tuple[dict[str, Timing], float]:
    parameters = SumParameters.derive(CLIENTS, MAX_FIELD)

    def seal(party: int = 0) -> bytes:
        return encrypt(
            parameters, plain, generate_key(seed_of(party)), CONTEXT, seed_of(party + 5000)
        )

    sent = [seal(party) for party in range(CLIENTS)]
    key_sum = key_sum_of(parameters, CLIENTS)
    opened = open_sum(parameters, len(plain), sent, key_sum, CONTEXT)
    if not np.array_equal(opened, plain * np.uint64(CLIENTS)):
        raise ValueError("our sum opened to something else")
    total = sum_ciphertexts(parameters, len(plain), sent)
    timings = {
        "encrypt and serialise": bench.time(seal, 3),
        "add": bench.time(lambda: sum_ciphertexts(parameters, len(plain), sent), 3),
        "open the sum": bench.time(
            lambda: open_total(parameters, len(plain), (total, CLIENTS), key_sum, CONTEXT), 3
        ),
    }
    return timings, len(sent[0]) / len(plain)


def _absent(bench: Bench, name: str, error: ImportError) -> None:
    bench.figure(name, None, "", f"does not import: {error}")  # type: ignore[arg-type]


def _gmpy2() -> str:
    try:
        return version("gmpy2")
    except PackageNotFoundError:
        return "not installed"
