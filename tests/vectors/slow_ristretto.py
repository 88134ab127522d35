"""ristretto255 and the commitments of `docs/spec/commitment.md`, from RFC 9496 and hashlib alone.

Slow and obvious, shares no code with `crates/`. Points are (x, y, z, t) on the twisted Edwards
curve of RFC 9496, section 4.
"""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P

Point = tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)


def _negative(x: int) -> bool:
    return x % P % 2 == 1


def _absolute(x: int) -> int:
    return -x % P if _negative(x) else x % P


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of section 4.2: whether u/v is a square, and the root of u/v or of i*u/v."""
    r = u * v**3 * pow(u * v**7 % P, (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped = check == u % P, check == -u % P
    flipped_i = check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, _absolute(r)


# The even root of 1/(a-d), and of the roots of a*d-1 the odd one, as section 4.1 fixes them.
INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = -sqrt_ratio(-D - 1, 1)[1] % P


def decode(encoding: bytes) -> Point:
    """Decode of section 4.3.1; raises ValueError for what is not canonical."""
    s = int.from_bytes(encoding, "little")
    if len(encoding) != 32 or s >= P or _negative(s):
        raise ValueError("not canonical")
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio(1, v * u2 * u2)
    den_x, den_y = invsqrt * u2 % P, invsqrt * invsqrt * u2 * v % P
    x, y = _absolute(2 * s * den_x), u1 * den_y % P
    if not was_square or _negative(x * y) or y == 0:
        raise ValueError("not on the curve")
    return x, y, 1, x * y % P


def encode(point: Point) -> bytes:
    """Encode of section 4.3.2."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    invsqrt = sqrt_ratio(1, u1 * u2 * u2)[1]
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    x, y, den_inv = x0, y0, den2
    if _negative(t0 * z_inv):
        x, y, den_inv = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if _negative(x * z_inv):
        y = -y % P
    return _absolute(den_inv * (z0 - y)).to_bytes(32, "little")


def element_map(encoding: bytes) -> Point:
    """MAP of section 4.3.4, for 32 bytes."""
    t = int.from_bytes(encoding, "little") % 2**255
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


def add(p: Point, q: Point) -> Point:
    """The complete addition law for a = -1 (Hisil, Wong, Carter, Dawson 2008, section 3.1)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """Double and add; a negative scalar is taken modulo the group order."""
    total = IDENTITY
    for bit in f"{scalar % ORDER:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def hash_to_group(message: bytes) -> Point:
    """Steps 1 and 2: SHA-512, then section 4.3.4."""
    wide = hashlib.sha512(message).digest()
    return add(element_map(wide[:32]), element_map(wide[32:]))


def generator(index: int) -> Point:
    return hash_to_group(b"cotrain/commitment/v1/generator" + index.to_bytes(8, "little"))


def blinding_generator() -> Point:
    return hash_to_group(b"cotrain/commitment/v1/blinding-generator" + bytes(8))


def derive_blindings(seed: bytes, label: bytes, count: int) -> list[int]:
    """Step 3."""
    prefix = b"cotrain/commitment/v1/derive-blinding" + len(label).to_bytes(8, "little")
    prefix += label + seed
    hashes = (hashlib.sha512(prefix + index.to_bytes(8, "little")) for index in range(count))
    return [int.from_bytes(h.digest(), "little") % ORDER for h in hashes]


def scalars(encodings: bytes) -> list[int]:
    """Decode a list of scalars; raises ValueError unless each is reduced."""
    parts = [encodings[at : at + 32] for at in range(0, len(encodings), 32)]
    numbers = [int.from_bytes(part, "little") for part in parts]
    if len(encodings) % 32 or any(number >= ORDER for number in numbers):
        raise ValueError("not reduced")
    return numbers


def commit(values: list[int], width: int, blindings: list[int]) -> bytes:
    """Step 4."""
    encodings = b""
    for row, blinding in enumerate(blindings):
        total = multiply(blinding, blinding_generator())
        for column, value in enumerate(values[row * width : (row + 1) * width]):
            total = add(total, multiply(value, generator(column)))
        encodings += encode(total)
    return encodings


def opens(commitments: bytes, values: list[int], width: int, blindings: bytes) -> bool:
    """Step 8: whether everything is well formed and the commitments open to the values."""
    if not 1 <= width <= 2**16 or len(blindings) != 32 * -(-len(values) // width):
        return False
    try:
        points = [decode(commitments[at : at + 32]) for at in range(0, len(commitments), 32)]
        rho = scalars(blindings)
    except ValueError:
        return False
    return len(points) == len(rho) and commit(values, width, rho) == commitments
