"""The group ristretto255 (RFC 9496) and the generators of docs/spec/commitment.md.

Points are (x, y, z, t) on the twisted Edwards curve with a = -1, x = X/Z, y = Y/Z, t = XY/Z.
"""

import hashlib
from collections.abc import Sequence
from functools import cache

from reference.field import ORDER

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
D2 = 2 * D % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P

Point = tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)


def _negative(x: int) -> bool:
    return x % P % 2 == 1


def _absolute(x: int) -> int:
    x %= P
    return P - x if x & 1 else x


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496, section 4.2."""
    u, v = u % P, v % P
    v3 = v * v % P * v % P
    r = u * v3 % P * pow(u * v3 % P * v3 % P * v % P, (P - 5) // 8, P) % P
    check = v * r % P * r % P
    correct, flipped = check == u, check == -u % P
    if flipped or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return correct or flipped, _absolute(r)


# Section 4.1 fixes the signs of these two roots.
INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = -sqrt_ratio(-D - 1, 1)[1] % P


def decode(encoding: bytes) -> Point:
    """Decode (section 4.3.1); raises ValueError for what is not canonical."""
    s = int.from_bytes(encoding, "little")
    if len(encoding) != 32 or s >= P or _negative(s):
        raise ValueError("not a canonical field element")
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    u2_sq = u2 * u2 % P
    v = (-(D * u1 % P * u1) - u2_sq) % P
    was_square, invsqrt = sqrt_ratio(1, v * u2_sq)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x % P * v % P
    x, y = _absolute(2 * s * den_x), u1 * den_y % P
    t = x * y % P
    if not was_square or _negative(t) or y == 0:
        raise ValueError("not a point")
    return x, y, 1, t


def encode(point: Point) -> bytes:
    """Encode (section 4.3.2)."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    invsqrt = sqrt_ratio(1, u1 * u2 % P * u2)[1]
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 % P * t0 % P
    x, y, den_inv = x0, y0, den2
    if _negative(t0 * z_inv):
        x, y, den_inv = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if _negative(x * z_inv):
        y = -y % P
    return _absolute(den_inv * (z0 - y)).to_bytes(32, "little")


def _element_map(encoding: bytes) -> Point:
    """MAP of 32 bytes (section 4.3.4)."""
    t = int.from_bytes(encoding, "little") % 2**255 % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    if not was_square:
        s = -_absolute(s * t) % P
    c = P - 1 if was_square else r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def hash_to_group(message: bytes) -> Point:
    """MAP(SHA-512(message)): the sum of the maps of both halves (section 4.3.4)."""
    wide = hashlib.sha512(message).digest()
    return add(_element_map(wide[:32]), _element_map(wide[32:]))


def add(p: Point, q: Point) -> Point:
    """The complete addition law for a = -1 (Hisil, Wong, Carter, Dawson 2008, section 3.1)."""
    x1, y1, z1, t1 = p
    x2, y2, z2, t2 = q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = D2 * t1 % P * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(p: Point) -> Point:
    """The point -p."""
    return -p[0] % P, p[1], p[2], -p[3] % P


def is_identity(p: Point) -> bool:
    """Whether p stands for the identity of the group: the coset of (0, 1), which has x y = 0."""
    return p[0] * p[1] % P == 0


def multi_scalar(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """Return the sum of scalar times point (Pippenger), scalars taken modulo the group order."""
    pairs = [(s % ORDER, p) for s, p in zip(scalars, points, strict=True) if s % ORDER]
    # A small negative number costs as little as a small positive one.
    pairs = [(ORDER - s, negate(p)) if s > ORDER // 2 else (s, p) for s, p in pairs]
    longest = max((s.bit_length() for s, _ in pairs), default=0)
    window = max(1, len(pairs).bit_length() - 3)
    total = IDENTITY
    for shift in range((longest - 1) // window * window, -1, -window):
        for _ in range(window):
            total = add(total, total)
        total = add(total, _window_sum(pairs, shift, window))
    return total


def _window_sum(pairs: list[tuple[int, Point]], shift: int, window: int) -> Point:
    """The sum of (digit at `shift`) times point: one bucket a digit, then a running sum."""
    buckets: list[Point | None] = [None] * (1 << window)
    mask = len(buckets) - 1
    for scalar, point in pairs:
        digit = scalar >> shift & mask
        if digit:
            bucket = buckets[digit]
            buckets[digit] = point if bucket is None else add(bucket, point)
    running, total = IDENTITY, IDENTITY
    for bucket in reversed(buckets[1:]):
        if bucket is not None:
            running = add(running, bucket)
        total = add(total, running)
    return total


def _le64(i: int) -> bytes:
    return i.to_bytes(8, "little")


@cache
def entry_generator(index: int) -> Point:
    """G_index (commitment, step 1)."""
    return hash_to_group(b"cotrain/commitment/v1/generator" + _le64(index))


@cache
def blinding_generator() -> Point:
    """H (commitment, step 2)."""
    return hash_to_group(b"cotrain/commitment/v1/blinding-generator" + _le64(0))


@cache
def value_generator() -> Point:
    """V (argument, Conventions)."""
    return hash_to_group(b"cotrain/argument/v1/value-generator" + _le64(0))
