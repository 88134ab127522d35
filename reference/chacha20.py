"""The ChaCha20 key stream with nonce and counter zero (docs/spec/noise.md, section 4, step 1)."""

import struct

MASK = 2**32 - 1
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def words(seed: bytes, count: int) -> list[int]:
    """The first `count` words of 64 bits."""
    blocks = (_block(seed, number) for number in range(-(-count // 8)))
    return [word for block in blocks for word in struct.unpack("<8Q", block)][:count]


def _block(key: bytes, counter: int) -> bytes:
    """The block function of RFC 8439 with a 64-bit counter (words 12 and 13)."""
    start = [*CONSTANTS, *struct.unpack("<8I", key), counter & MASK, counter >> 32, 0, 0]
    state = list(start)
    for _ in range(10):
        for quarter in COLUMNS + DIAGONALS:
            _quarter_round(state, *quarter)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(state, start, strict=True)))


def _quarter_round(state: list[int], a: int, b: int, c: int, d: int) -> None:
    for x, y, z, rotation in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[x] = (state[x] + state[y]) & MASK
        mixed = state[z] ^ state[x]
        state[z] = (mixed << rotation | mixed >> 32 - rotation) & MASK
