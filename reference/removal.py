"""S9 removal (docs/spec/statements.md): one point opens to what another one opens to, without one row."""

from dataclasses import dataclass

from reference.building import DomainBuilder, le64, require
from reference.field import log, pad
from reference.system import ByColumn, Full, Matrix, Product, System, linear

NAME = "cotrain/statement/removal/1"
MOST_ENTRIES = 65536


@dataclass(frozen=True)
class Removal:
    """The fields: w, p and the place of the row under the commitment."""

    width: int
    columns: int
    row: int

    def check(self) -> None:
        """Refuse numbers that no honest caller gives."""
        for number in (self.width, self.columns):
            require(1 <= number <= MOST_ENTRIES and pad(number) == number, "a power of two")
        require(self.columns <= self.width, "entries of a row")
        require(0 <= self.row < self.width // self.columns, "row")

    def fields(self) -> list[tuple[str, bytes]]:
        """What is absorbed after the name and the context."""
        return [
            ("width", le64(self.width)),
            ("columns", le64(self.columns)),
            ("row", le64(self.row)),
        ]

    def system(self) -> System:
        """One domain with a place for each entry; no witnesses, no table."""
        self.check()
        matrices = [Matrix("input", self.width, self.width) for _ in range(2)]
        domain = DomainBuilder(matrices, 0, log(self.width))
        before, after = domain.add(Full(0)), domain.add(Full(1))
        start = self.row * self.columns
        row = range(start, start + self.columns)
        kept = domain.add(ByColumn(tuple(int(k not in row) for k in range(self.width))))
        claim = linear((1, after), (-1, Product(kept, before)))
        return System(tuple(matrices), (domain.finish([("point", claim)], [], 0),), None)
