"""S8 in Python: a score is proven for one statement, and for no other."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cotrain._native import noise as native_noise
from cotrain.commitment.pedersen import commit, derive_blindings, row_count
from cotrain.errors import DataError, ForgeryError, MalformedError, UsageError
from cotrain.privacy.skellam import build_table
from cotrain.proofs.contribution import (
    ContributionOpening,
    ContributionStatement,
    ScoreRule,
    prove_contribution,
    release_score,
)

SEED, ENTROPY, COINS = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
ROUNDS, ENTRIES = 3, 1030
NOISY, PLAIN = ScoreRule(12, 30), ScoreRule(12, None)
Made = tuple[ContributionStatement, ContributionOpening, bytes]


@cache
def made(rule: ScoreRule) -> Made:
    generator = np.random.default_rng(5)
    gradients = generator.integers(-30_000, 30_000, (ROUNDS, ENTRIES), dtype=np.int32)
    updates = generator.integers(-(2**20), 2**20, (ROUNDS, ENTRIES))
    words = native_noise.words(SEED, ENTRIES)
    rows = row_count(ENTRIES, 1024)
    secrets = tuple(derive_blindings(SEED, b"update/%d" % t, rows) for t in range(ROUNDS))
    of_words = derive_blindings(SEED, b"words", rows)
    committed = commit((words ^ np.uint64(1 << 63)).view(np.int64), 1024, of_words)
    points = [commit(update, 1024, secret) for update, secret in zip(updates, secrets, strict=True)]
    opening = ContributionOpening(updates, secrets, words, of_words)
    coins = COINS
    if rule.variance is None:
        opening = ContributionOpening(updates, secrets, words[:0], b"")
        committed, coins = b"", b""
    public = (points, committed, coins)
    statement, proof = prove_contribution(rule, gradients, public, opening, b"run", ENTROPY)
    return statement, opening, proof


def noise_of(opening: ContributionOpening) -> int:
    drawn = opening.words + native_noise.words(COINS, ENTRIES)
    return int(native_noise.apply(build_table(30).thresholds, drawn)[0])


@pytest.mark.parametrize("rule", [NOISY, PLAIN])
def test_the_proven_score_is_that_of_plain_integers(rule: ScoreRule) -> None:
    statement, opening, proof = made(rule)
    pairs = zip(statement.gradients.ravel(), opening.updates.ravel(), strict=True)
    total = sum(int(v) * int(u) for v, u in pairs)
    noise = 0 if rule.variance is None else noise_of(opening)
    assert statement.score == (total + 2**11) // 2**12 + noise
    assert len(proof) == statement.proof_bytes()
    statement.verify(proof)


def test_every_public_number_is_bound() -> None:
    statement, _, proof = made(NOISY)
    others = statement.gradients.copy()
    others[-1, -1] += 1
    for other in (
        replace(statement, score=statement.score + 1),
        replace(statement, context=b"another run"),
        replace(statement, gradients=others),
        replace(statement, updates=statement.updates[::-1]),
        replace(statement, words=statement.updates[0]),
        replace(statement, coins=bytes(32)),
        replace(statement, rule=ScoreRule(12, 31)),
        replace(statement, rule=ScoreRule(13, 30)),
    ):
        with pytest.raises((ForgeryError, MalformedError)):
            other.verify(proof)


def test_another_score_is_not_proven() -> None:
    statement, opening, _ = made(NOISY)
    with pytest.raises(DataError, match="the score is not what"):
        replace(statement, score=statement.score - 1).prove(opening, ENTROPY)


def test_other_bytes_are_refused() -> None:
    statement, _, proof = made(NOISY)
    for bad in (b"", proof[:-1], proof + b"\0", b"cotrain/proof/2\n" + proof[16:]):
        with pytest.raises(MalformedError):
            statement.verify(bad)
    with pytest.raises((ForgeryError, MalformedError)):
        statement.verify(proof[:-32] + bytes(32))


def test_shapes_that_no_run_gives_are_refused() -> None:
    statement, opening, proof = made(NOISY)
    for other in (
        replace(statement, coins=b""),
        replace(statement, coins=bytes(31)),
        replace(statement, words=b""),
        replace(statement, rule=PLAIN),
        replace(statement, gradients=statement.gradients[0]),
        replace(statement, gradients=statement.gradients.astype(np.int64)),
        replace(statement, rule=ScoreRule(49, 30)),
        replace(statement, rule=ScoreRule(-1, 30)),
        replace(statement, score=2**63),
    ):
        with pytest.raises(UsageError) as refusal:
            other.verify(proof)
        assert refusal.value.hint
    with pytest.raises(UsageError):
        release_score(NOISY, statement.gradients[:1], opening, COINS)
    with pytest.raises(UsageError):
        release_score(NOISY, statement.gradients, opening, b"")


def test_a_score_beyond_64_bits_is_refused() -> None:
    opening = ContributionOpening(np.full((1, 4), 2**62), (b"",), np.zeros(0, np.uint64), b"")
    with pytest.raises(DataError, match="exceeds 64 bits"):
        release_score(ScoreRule(0, None), np.full((1, 4), 2**31 - 1, np.int32), opening, b"")
