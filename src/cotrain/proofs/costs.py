"""What the proof of one segment costs: counts of what is done, times what each costs.

The counts follow from the systems of `docs/spec/statements.md`:

- *full*: multiplications by a full-size number in the group. Each helper column has one for each place, and
  the final opening has four for each entry of the longest vector.
- *small*: multiplications by a number of at most 64 bits, for witness columns, multiplicities, gradients.
- *field*: multiplications in the field: places times evaluations (the degree) times products of a place.
- *table*: rows of the lookup table. *entries*: numbers of the dataset.

The *unit* is one multiplication of a generator by a 64-bit number, as in a commitment to many of them. The price of
each thing counted, in units, was fitted by `benchmarks/calibrate_proofs.py` over 19 shapes of all statements, twice,
from 0.02 to 6 seconds: predictions are 0.76 to 1.79 times what was measured on a busy machine. Memory was fitted
likewise and then raised by a quarter, because too little is worse than too much: at least 0.87 times, and a few MB too
much for small proofs. How fast the machine is, `estimate.measure_unit` measures; `UNIT_SECONDS` remembers it of one.
"""

from dataclasses import dataclass

from cotrain.dataset.registration import BLOCK_ROWS, DatasetLayout
from cotrain.privacy.skellam import build_table
from cotrain.proofs.row_terms import FLAG, ONE_OF, RowTerms
from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import EXP_BITS

UNIT_SECONDS = 2.3e-6
"""Seconds of one core for a unit on the (busy) machine of the calibration."""

LOOKUPS_PER_HELPER = 6


@dataclass(frozen=True)
class Prices:
    """Units for each thing counted."""

    full: float
    small: float
    field: float
    table: float
    entries: float
    committed: float


PRICES = Prices(full=3.1, small=0.15, field=0.0235, table=1.1, entries=0.005, committed=0.2)

# Bytes: for each place and table of field elements; for each number of the dataset; for each row of the lookup
# table; for each entry of the longest vector; for whatever is there always.
PLACE_BYTES = 37.0
ENTRY_BYTES = 3.0
TABLE_BYTES = 220.0
WIDTH_BYTES = 2300.0
SEGMENT_BYTES = 2 << 20
COMMIT_BYTES = 64 << 20
"""Memory of committing to a block, and of the tables of generators."""


@dataclass(frozen=True)
class Counts:
    """What one proof does; see the module."""

    full: int = 0
    small: int = 0
    field: int = 0
    table: int = 0
    entries: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the sum."""
        return Counts(
            self.full + other.full,
            self.small + other.small,
            self.field + other.field,
            self.table + other.table,
            self.entries + other.entries,
        )


@dataclass(frozen=True)
class SegmentCost:
    """The cost of one proof.

    Attributes:
        counts: What is done.
        cells: Places times tables of field elements that are in memory together.
        numbers: Numbers of the dataset in the segment.
        width: Entries of the longest vector of the opening.
    """

    counts: Counts
    cells: int
    numbers: int
    width: int

    @property
    def units(self) -> float:
        """Work, in units."""
        counts, prices = self.counts, PRICES
        return (
            counts.full * prices.full
            + counts.small * prices.small
            + counts.field * prices.field
            + counts.table * prices.table
            + counts.entries * prices.entries
        )

    @property
    def memory(self) -> int:
        """Bytes that the proof needs while it is made, its rows included."""
        return SEGMENT_BYTES + int(
            PLACE_BYTES * self.cells
            + ENTRY_BYTES * self.numbers
            + TABLE_BYTES * self.counts.table
            + WIDTH_BYTES * self.width
        )


@dataclass(frozen=True)
class _Domain:
    """A domain as far as its cost depends on it.

    Attributes:
        places: 2^n.
        lookups: Their number.
        products: Products of a place besides those of lookups.
        degree: Of the constraints besides those of lookups, weights included.
        columns: Affine forms besides those of lookups.
    """

    places: int
    lookups: int
    products: int
    degree: int
    columns: int

    @property
    def groups(self) -> int:
        """Helper columns."""
        return -(-self.lookups // LOOKUPS_PER_HELPER)

    def counts(self) -> Counts:
        """Return what its helpers, its sumcheck and its values cost."""
        largest = -(-self.lookups // self.groups) if self.groups else 0
        degree = max(self.degree, largest + 2 if self.groups else 0)
        products = self.products + 3 * self.lookups
        return Counts(
            full=self.groups * self.places,
            field=self.places * degree * (products + 1),
        )

    def cells(self) -> int:
        """Return places times tables: affine forms, helpers with their copies, weights."""
        return self.places * (self.columns + self.lookups + 5 * self.groups + 2)


def gradient_segment_cost(algorithm: Algorithm, layout: DatasetLayout) -> SegmentCost:
    """Return the cost of S2 for one full segment, or for all rows if they are fewer."""
    classes = padded(algorithm.classes)
    rows = min(layout.rows, gradient_rows(algorithm, layout))
    places = padded(rows) * classes
    lookups, products, columns, table = _gradient_shape(algorithm, _most(places))
    domain = _Domain(places, lookups, products + 2, 4, columns)
    entries = rows * layout.columns
    counts = domain.counts() + Counts(
        full=_opening(layout.width),
        small=places * lookups + table + algorithm.dimension,
        table=table,
        # z = X w for each class: integers, cheap beside the dual column and the opening.
        entries=entries * (2 + -(-algorithm.classes // 4)),
    )
    return SegmentCost(counts, domain.cells(), entries, layout.width)


def gradient_rows(algorithm: Algorithm, layout: DatasetLayout) -> int:
    """Return the rows of a segment of S2 (docs/spec/statements.md)."""
    if algorithm.kind != "softmax":
        return BLOCK_ROWS
    least = max(1, layout.width // layout.padded_columns)
    return max(least, min(BLOCK_ROWS, (1 << 17) // padded(algorithm.classes)))


def _gradient_shape(algorithm: Algorithm, most: int) -> tuple[int, int, int, int]:
    """Return lookups, products, columns besides those of lookups, and table rows of a gradient."""
    rest = _chunks(algorithm.margin_shift, most)
    limit = algorithm.index_limit
    match algorithm.kind:
        case "logistic":
            return 1 + len(rest), 0, 4, _table_rows(2 * limit + 1, rest)
        case "linear":
            clip = _chunks(limit.bit_length(), most)
            own = (2 << algorithm.residual_bits) + 1
            return 1 + len(rest) + 2 * len(clip), 2, 8, _table_rows(own, rest + clip)
        case _:
            sums = _chunks((algorithm.classes << EXP_BITS).bit_length(), most)
            own = 2 * (2 * limit + 1) + (1 << algorithm.residual_bits) + 1
            lookups = 3 + len(rest) + 2 * len(sums)
            return lookups, 7, 16, _table_rows(own, rest + sums)


def dataset_segment_cost(terms: RowTerms, rows: int) -> SegmentCost:
    """Return the cost of S1 for one full segment, or for all rows if they are fewer."""
    layout = DatasetLayout(rows, terms.columns)
    count = min(rows, dataset_rows(layout))
    width = layout.padded_columns
    sub = min(4, width)
    slack = _chunks(2 * terms.row_bits + 1, _most(padded(count)))
    flags, others = FLAG in terms.kinds, ONE_OF in terms.kinds
    products = sub * (2 + 3 * flags + 2 * others) + 1
    columns = sub * (3 + 4 * flags + 2 * others)
    domains = [
        _Domain(padded(count) * width // sub, sub, products, 5, columns),
        _Domain(padded(count), len(slack), 0, 0, 0),
    ]
    groups = max(terms.groups, default=0)
    if groups:
        domains.append(_Domain(padded(count) * padded(groups), 0, 1, 3, 3))
    low, high = terms.labels
    own = (2 << terms.row_bits) + high - low + terms.feature_scale + 4
    table = _table_rows(own, slack)
    counts = Counts(
        full=_opening(layout.width),
        small=padded(count) * len(slack) + table,
        table=table,
        entries=4 * count * layout.columns,
    )
    for domain in domains:
        counts += domain.counts()
    total = sum(domain.cells() for domain in domains)
    return SegmentCost(counts, total, count * layout.columns, layout.width)


def dataset_rows(layout: DatasetLayout) -> int:
    """Return the rows of a segment of S1 (docs/spec/statements.md)."""
    least = layout.width // layout.padded_columns
    return max(least, min(BLOCK_ROWS, (1 << 20) // layout.padded_columns))


def update_cost(algorithm: Algorithm, max_rows: int, local_variance: int | None) -> SegmentCost:
    """Return the cost of S3 and S4.

    Args:
        algorithm: What is trained.
        max_rows: Largest number of rows of a party.
        local_variance: Variance of the party's noise; None without noise.
    """
    places = padded(algorithm.dimension)
    most = _most(places)
    bound = algorithm.max_abs_update(max_rows).bit_length() + 1
    chunks = _chunks(algorithm.shift, most) + (_chunks(bound, most) if algorithm.shift else [])
    own = 0
    if local_variance is not None:
        chunks += 2 * _chunks(64, most)
        own = 2 * build_table(local_variance).radius + 1
    table = _table_rows(own, chunks)
    domain = _Domain(places, len(chunks) + (own > 0), 3, 3, 8)
    counts = domain.counts() + Counts(
        full=_opening(1024),
        small=places * (len(chunks) + 1) + table,
        table=table,
        entries=3 * algorithm.dimension,
    )
    return SegmentCost(counts, domain.cells(), 3 * algorithm.dimension, 1024)


def commit_units(layout: DatasetLayout) -> float:
    """Return the work of committing to a dataset."""
    return PRICES.committed * layout.rows * layout.columns


def padded(number: int) -> int:
    """Return the least power of two that is at least `number`."""
    return 1 << (number - 1).bit_length()


def _opening(width: int) -> int:
    return 4 * width


def _most(places: int) -> int:
    return min(max(places.bit_length() - 1, 8), 16)


def _chunks(bits: int, most: int) -> list[int]:
    count = -(-bits // most)
    return [bits // count + (index < bits % count) for index in range(count)]


def _table_rows(own: int, chunks: list[int]) -> int:
    return own + sum(1 << size for size in set(chunks))
