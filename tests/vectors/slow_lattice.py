"""Sums under encryption and key shares, from `docs/spec/encryption.md` and `key-sharing.md` alone.

Slow and obvious, shares no code with `crates/`: products by definition, Python integers throughout.
ChaCha20 is pyca/cryptography's; commitments are those of `slow_ristretto`.
"""

import hashlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from slow_ristretto import ORDER, add, blinding_generator, encode, generator, multiply

N = 2048
Q = 2**53 - 126975
K = 42


def radix(parties: int, max_field: int) -> int:
    return parties * max_field + 1


def per_coefficient(parties: int, max_field: int) -> int:
    """The largest p with R^p (2 K n + 1) <= q."""
    digits = 0
    while radix(parties, max_field) ** (digits + 1) * (2 * K * parties + 1) <= Q:
        digits += 1
    return digits


def words(label: str, inputs: list[bytes], number: int) -> Iterator[int]:
    """The 64-bit words of stream `number`: 64-bit block counter, then 64-bit stream number."""
    digest = hashlib.sha512()
    for part in (label.encode(), *inputs):
        digest.update(len(part).to_bytes(8, "little") + part)
    key, nonce = digest.digest()[:32], bytes(8) + number.to_bytes(8, "little")
    stream = Cipher(algorithms.ChaCha20(key, nonce), mode=None).encryptor()
    while True:
        block = stream.update(bytes(4096))
        yield from (int.from_bytes(block[at : at + 8], "little") for at in range(0, 4096, 8))


def uniform(context: bytes, block: int) -> list[int]:
    values: list[int] = []
    for word in words("cotrain/sum-encryption/v1/mask", [context], block):
        if len(values) == N:
            break
        if word % 2**53 < Q:
            values.append(word % 2**53)
    return values


def binomial(stream: Iterator[int], count: int) -> list[int]:
    """Ones among 84 coins, minus 42; three words for each pair."""
    values: list[int] = []
    while len(values) < count:
        first, second, rest = next(stream), next(stream), next(stream)
        values.append(first.bit_count() + (rest % 2**20).bit_count() - K)
        values.append(second.bit_count() + (rest // 2**20 % 2**20).bit_count() - K)
    return values[:count]


def key(seed: bytes) -> list[int]:
    return binomial(words("cotrain/sum-encryption/v1/key", [seed], 0), N)


def limbs(secret: list[int]) -> bytes:
    return bytes(value + K for value in secret)


def product(a: list[int], s: list[int], index: int) -> int:
    """Coefficient `index` of a s mod X^N + 1."""
    return sum((a[index - i] if i <= index else -a[index - i + N]) * s[i] for i in range(N))


def coefficient(
    bounds: tuple[int, int], fields: list[int], seeds: tuple[bytes, bytes], context: bytes, at: int
) -> int:
    """Steps E2 to E5 for one coefficient of a ciphertext; `seeds` are those of key and error."""
    secret, digits = key(seeds[0]), per_coefficient(*bounds)
    block, index = divmod(at, N)
    stream = words("cotrain/sum-encryption/v1/error", [seeds[1], limbs(secret), context], block)
    error = binomial(stream, index + 1)[index]
    base = radix(*bounds)
    modulus: int = base**digits
    mine = fields[at * digits : (at + 1) * digits]
    message: int = sum(field * base**place for place, field in enumerate(mine))
    masked = product(uniform(context, block), secret, index)
    return (masked + modulus * error + message) % Q


def unpack(ciphertext: bytes, count: int) -> list[int]:
    """The coefficients; raises ValueError for what is not canonical."""
    bits = int.from_bytes(ciphertext, "little")
    values = [bits >> (53 * place) & (2**53 - 1) for place in range(count)]
    if len(ciphertext) != -(-53 * count // 8) or bits >> (53 * count) or max(values) >= Q:
        raise ValueError("not canonical")
    return values


def opened(
    bounds: tuple[int, int], count: int, sent: list[list[int]], key_sum: list[int], context: bytes
) -> list[int]:
    """Steps O2 to O4, by definition; raises ValueError if the error or a field is too large."""
    digits, base, summands = per_coefficient(*bounds), radix(*bounds), len(sent)
    fields: list[int] = []
    for at in range(-(-count // digits)):
        block, index = divmod(at, N)
        total = sum(one[at] for one in sent) - product(uniform(context, block), key_sum, index)
        centred = (total + Q // 2) % Q - Q // 2
        error, message = divmod(centred, base**digits)
        mine = [message // base**place % base for place in range(digits)]
        if abs(error) > K * summands or max(mine) > bounds[1] * summands:
            raise ValueError("not a sum of honest messages")
        fields += mine
    return fields[:count]


def limb_shape(parties: int) -> tuple[int, int]:
    """Bits of a limb, and limbs in a scalar."""
    bits = (2 * K * parties).bit_length()
    return bits, 252 // bits


def packed(parties: int, secret: list[int]) -> list[int]:
    bits, size = limb_shape(parties)
    raised = [value + K for value in secret]
    chunks = (raised[at : at + size] for at in range(0, N, size))
    return [sum(limb << (bits * place) for place, limb in enumerate(chunk)) for chunk in chunks]


def polynomial(
    parties: int, secret: list[int], threshold: int, holders: int, seed: bytes
) -> list[list[int]]:
    """Step D1: the coefficients, lowest first; the last entry of each is a blinding."""
    shape = b"".join(number.to_bytes(4, "little") for number in (parties, threshold, holders))
    constant = packed(parties, secret)
    rows = []
    for number in range(threshold):
        stream = words("cotrain/key-sharing/v1/polynomial", [seed, limbs(secret), shape], number)
        draws = 1 if number == 0 else len(constant) + 1
        drawn = [sum(next(stream) << (64 * w) for w in range(8)) % ORDER for _ in range(draws)]
        rows.append(constant + drawn if number == 0 else drawn)
    return rows


def share(rows: list[list[int]], holder: int) -> bytes:
    """Step D3."""
    columns = zip(*rows, strict=True)
    values = (sum(c * holder**k for k, c in enumerate(column)) % ORDER for column in columns)
    return b"".join(value.to_bytes(32, "little") for value in values)


def commitment(row: list[int]) -> bytes:
    """Step D2, for one coefficient."""
    total = multiply(row[-1], blinding_generator())
    for index, value in enumerate(row[:-1]):
        total = add(total, multiply(value, generator(index)))
    return encode(total)


def scalars(encoding: bytes) -> list[int]:
    parts = (encoding[at : at + 32] for at in range(0, len(encoding), 32))
    return [int.from_bytes(part, "little") for part in parts]


def recovered(parties: int, summands: int, shares: list[tuple[int, bytes]]) -> list[int]:
    """Steps R2 and R3 with exactly the threshold of shares."""
    points = [holder for holder, _ in shares]
    weights = []
    for point in points:
        weight = 1
        for other in points:
            if other != point:
                weight = weight * other * pow(other - point, -1, ORDER) % ORDER
        weights.append(weight)
    rows = [scalars(encoding) for _, encoding in shares]
    constant = [
        sum(weight * value for weight, value in zip(weights, column, strict=True)) % ORDER
        for column in zip(*rows, strict=True)
    ][:-1]
    bits, size = limb_shape(parties)
    found = [
        scalar >> (bits * place) & (2**bits - 1) for scalar in constant for place in range(size)
    ]
    if any(found[N:]) or max(found) > 2 * K * summands or max(constant) >> (bits * size):
        raise ValueError("not a sum of keys")
    return [limb - K * summands for limb in found[:N]]
