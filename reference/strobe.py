"""Keccak-f[1600] and the part of STROBE-128 v1.0.2 that merlin 3 uses."""

import struct

LANE = 2**64 - 1
RATE = 166  # STROBE's R for 128 bits: 200 - 128 / 4 - 2

ROUND_CONSTANTS = (
    *(0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000),
    *(0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009),
    *(0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A),
    *(0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003),
    *(0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A),
    *(0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008),
)
# Lane i of the state goes, rotated by ROTATIONS[i], to place TARGETS[i] (FIPS 202, rho and pi).
ROTATIONS = (
    *(0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43),
    *(25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14),
)
TARGETS = tuple(i // 5 + 5 * ((2 * (i % 5) + 3 * (i // 5)) % 5) for i in range(25))
SOURCES = tuple((TARGETS.index(i), ROTATIONS[TARGETS.index(i)]) for i in range(25))


def keccak(lanes: list[int]) -> list[int]:
    """Keccak-f[1600] on 25 lanes; lane x + 5 y is A[x, y] of FIPS 202."""
    for constant in ROUND_CONSTANTS:
        c0, c1, c2, c3, c4 = (
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        )
        theta = (
            c4 ^ (c1 << 1 & LANE | c1 >> 63),
            c0 ^ (c2 << 1 & LANE | c2 >> 63),
            c1 ^ (c3 << 1 & LANE | c3 >> 63),
            c2 ^ (c4 << 1 & LANE | c4 >> 63),
            c3 ^ (c0 << 1 & LANE | c0 >> 63),
        )
        lanes = [lane ^ theta[i % 5] for i, lane in enumerate(lanes)]
        lanes = [(lanes[i] << by | lanes[i] >> 64 - by) & LANE for i, by in SOURCES]
        out = []
        for y in (0, 5, 10, 15, 20):
            b0, b1, b2, b3, b4 = lanes[y : y + 5]
            out += [
                b0 ^ (~b1 & b2),
                b1 ^ (~b2 & b3),
                b2 ^ (~b3 & b4),
                b3 ^ (~b4 & b0),
                b4 ^ (~b0 & b1),
            ]
        lanes = out
        lanes[0] ^= constant
    return lanes


FLAG_I, FLAG_A, FLAG_C, FLAG_M = 1, 2, 4, 16


class Strobe:
    """A STROBE-128 duplex with the operations meta-AD, AD and PRF."""

    def __init__(self, label: bytes) -> None:
        start = bytes([1, RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        self._state = bytearray(start.ljust(200, b"\0"))
        self._permute()
        self._position = self._begin = 0
        self.meta_ad(label)

    def meta_ad(self, data: bytes) -> None:
        """Absorb data about data."""
        self._begin_operation(FLAG_M | FLAG_A)
        self._absorb(data)

    def ad(self, data: bytes) -> None:
        """Absorb data."""
        self._begin_operation(FLAG_A)
        self._absorb(data)

    def prf(self, count: int) -> bytes:
        """Squeeze `count` bytes; what has been given out is replaced by zeros."""
        self._begin_operation(FLAG_I | FLAG_A | FLAG_C)
        out = bytearray()
        while len(out) < count:
            end = min(RATE, self._position + count - len(out))
            out += self._state[self._position : end]
            self._state[self._position : end] = bytes(end - self._position)
            self._advance(end)
        return bytes(out)

    def _begin_operation(self, flags: int) -> None:
        begin, self._begin = self._begin, self._position + 1
        self._absorb(bytes([begin, flags]))
        if flags & FLAG_C and self._position:
            self._run()

    def _absorb(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            part = data[done : done + RATE - self._position]
            end = self._position + len(part)
            old = int.from_bytes(self._state[self._position : end], "little")
            new = old ^ int.from_bytes(part, "little")
            self._state[self._position : end] = new.to_bytes(len(part), "little")
            done += len(part)
            self._advance(end)

    def _advance(self, position: int) -> None:
        self._position = position
        if position == RATE:
            self._run()

    def _run(self) -> None:
        self._state[self._position] ^= self._begin
        self._state[self._position + 1] ^= 0x04
        self._state[RATE + 1] ^= 0x80
        self._permute()
        self._position = self._begin = 0

    def _permute(self) -> None:
        lanes = keccak(list(struct.unpack("<25Q", self._state)))
        self._state[:] = struct.pack("<25Q", *lanes)
