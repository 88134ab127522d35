"""The bytes of a proof, read in order (docs/spec/argument.md, Format and Steps)."""

from reference.committed import Base, Committed
from reference.errors import Refused
from reference.field import ORDER
from reference.ristretto import Point, decode
from reference.transcript import Transcript

TAG = b"cotrain/proof/1\n"
SIZE = 32


class Reader:
    """Reading absorbs. `points` holds every point of the inputs and the proof."""

    def __init__(self, proof: bytes, transcript: Transcript) -> None:
        self._proof = proof
        self._transcript = transcript
        self._number = 0
        self.points: list[Point] = []

    def check_format(self, elements: int) -> None:
        """Refuse another length before anything else, then another tag."""
        expected = len(TAG) + SIZE * elements
        if len(self._proof) != expected:
            raise Refused("proof-length", f"{len(self._proof)} bytes instead of {expected}")
        if not self._proof.startswith(TAG):
            raise Refused("proof-format", "another format or version")

    def register(self, point: Point) -> Base:
        """Give a point its name in combinations."""
        self.points.append(point)
        return "point", len(self.points) - 1

    def point(self, label: str) -> Base:
        """Read a point."""
        number, encoding = self._element(label)
        try:
            return self.register(decode(encoding))
        except ValueError:
            raise Refused("proof-encoding", f"element {number} is not a point") from None

    def committed(self, label: str) -> Committed:
        """Read a commitment to a value."""
        return Committed({self.point(label): 1})

    def scalar(self, label: str) -> int:
        """Read a scalar."""
        number, encoding = self._element(label)
        scalar = int.from_bytes(encoding, "little")
        if scalar >= ORDER:
            raise Refused("proof-encoding", f"element {number} is not a scalar")
        return scalar

    def _element(self, label: str) -> tuple[int, bytes]:
        number, self._number = self._number, self._number + 1
        encoding = self._proof[len(TAG) + SIZE * number :][:SIZE]
        self._transcript.append_message(label.encode(), encoding)
        return number, encoding
