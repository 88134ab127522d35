"""S1 dataset (docs/spec/statements.md): a segment of committed rows satisfies the schema."""

from dataclasses import dataclass

from reference.building import (
    BIAS,
    FEATURE,
    LABEL,
    ZERO,
    Chunked,
    DomainBuilder,
    chunks,
    dataset_matrix,
    le64,
    make_table,
    padded_columns,
    range_rows,
    require,
)
from reference.field import log, pad
from reference.system import (
    ByColumn,
    Column,
    Domain,
    Expression,
    Inside,
    Matrix,
    Number,
    Product,
    ProductColumn,
    Row,
    SparseRow,
    System,
    linear,
)

NAME = "cotrain/statement/dataset/1"
ARITY = 3
FLAG, CATEGORY = 1, 2


@dataclass(frozen=True)
class Dataset:
    """The fields; `kinds` and `groups` have an entry for each feature without the bias."""

    rows: int
    columns: int
    first_row: int
    segment: int
    row_bits: int
    feature_scale: int
    label_low: int
    label_high: int
    kinds: tuple[int, ...]
    groups: tuple[int, ...]

    @property
    def d(self) -> int:
        """Features with the bias."""
        return self.columns - 1

    @property
    def p(self) -> int:
        """Padded columns."""
        return padded_columns(self.d)

    def check(self) -> None:
        """Refuse numbers that no honest caller gives."""
        require(self.columns >= 2, "a dataset has a bias and a label")
        require(self.segment >= 1, "an empty segment")
        require(0 <= self.first_row <= self.rows - self.segment, "a segment outside of the rows")
        require(0 <= self.row_bits <= 14, "the row bound")
        require(0 <= self.feature_scale <= 1 << self.row_bits, "the feature scale")
        require(-(2**15) <= self.label_low <= self.label_high < 2**15, "the label's range")
        require(len(self.kinds) == len(self.groups) == self.d - 1, "kinds and groups")
        require(set(self.kinds) <= {0, FLAG, CATEGORY}, "an unknown kind")
        numbers = sorted(set(self.groups) - {0})
        require(numbers == list(range(1, len(numbers) + 1)), "numbers of groups")

    def fields(self) -> list[tuple[str, bytes]]:
        """What is absorbed after the name and the context."""
        return [
            ("rows", le64(self.rows)),
            ("columns", le64(self.columns)),
            ("first-row", le64(self.first_row)),
            ("segment", le64(self.segment)),
            ("row-bits", le64(self.row_bits)),
            ("feature-scale", le64(self.feature_scale)),
            ("label-low", le64(self.label_low)),
            ("label-high", le64(self.label_high)),
            ("kinds", bytes(self.kinds)),
            ("groups", b"".join(le64(group) for group in self.groups)),
        ]

    def slack_sizes(self) -> list[int]:
        """Chunks of the slack, B = 2 log2 C + 1 bits."""
        rho = log(pad(self.segment))
        return chunks(2 * self.row_bits + 1, min(max(rho, 8), 16))

    def system(self) -> System:
        """Cells, slack, groups."""
        self.check()
        rho, sizes = log(pad(self.segment)), self.slack_sizes()
        matrices = [dataset_matrix(self.segment, self.p)]
        slack_domain = DomainBuilder(matrices, rho, 0)
        slack = Chunked([slack_domain.full() for _ in sizes], sizes)
        domains = [self._cells(matrices, rho), slack_domain.finish([], slack.lookups, ARITY)]
        if any(self.groups):
            domains.append(self._groups(matrices, rho))
        bound = 1 << self.row_bits
        table = make_table(
            ARITY,
            ((FEATURE, 0, v) for v in range(-bound, bound + 1)),
            ((LABEL, 0, v) for v in range(self.label_low, self.label_high + 1)),
            [(ZERO, 0, 0)],
            ((BIAS, 0, v) for v in range(self.feature_scale + 1)),
            range_rows(sizes),
        )
        return System(tuple(matrices), tuple(domains), table)

    def tag(self, column: int) -> int:
        """What kind of entry stands in a padded column."""
        if column < self.d - 1:
            return FEATURE
        return {self.d - 1: BIAS, self.d: LABEL}.get(column, ZERO)

    def _bias(self, kappa: int) -> ProductColumn:
        return ProductColumn(0, self.p, (((self.d - 1, 1),),) * (1 << kappa))

    def _has_kind(self, column: int, kind: int) -> int:
        return int(column < self.d - 1 and self.kinds[column] == kind)

    def _cells(self, matrices: list[Matrix], rho: int) -> Domain:
        sub = min(4, self.p)
        across = range(self.p // sub)
        domain = DomainBuilder(matrices, rho, log(len(across)))
        x = [
            domain.add(ProductColumn(0, self.p, tuple(((sub * k + b, 1),) for k in across)))
            for b in range(sub)
        ]
        bias = domain.add(self._bias(domain.kappa))
        sizes = self.slack_sizes()
        slack = Chunked([domain.add(Row(1 + m)) for m in range(len(sizes))], sizes)
        tags = [
            domain.add(Inside(self.segment, tuple(self.tag(sub * k + b) for k in across), ZERO))
            for b in range(sub)
        ]
        features = [
            domain.add(ByColumn(tuple(int(sub * k + b < self.d) for k in across)))
            for b in range(sub)
        ]
        first = domain.add(ByColumn(tuple(int(k == 0) for k in across)))
        selectors: dict[int, dict[int, Column]] = {FLAG: {}, CATEGORY: {}}
        for kind, of_kind in selectors.items():
            for b in range(sub):
                v = tuple(self._has_kind(sub * k + b, kind) for k in across)
                if any(v):
                    of_kind[b] = domain.add(ByColumn(v))
        squares = [Product(f, Product(one, one)) for f, one in zip(features, x, strict=True)]
        bound = 1 << 2 * self.row_bits
        room = Product(first, linear((1, slack.value), (-1, Number(bound))))
        constraints: list[tuple[str, Expression]] = [
            ("row", linear(*((1, square) for square in squares), (1, room)))
        ]
        for b, flag in selectors[FLAG].items():
            less, more = linear((1, x[b]), (-1, bias)), linear((1, x[b]), (1, bias))
            constraints.append(("point", Product(flag, Product(x[b], Product(less, more)))))
        for b, oneof in selectors[CATEGORY].items():
            less = linear((1, x[b]), (-1, bias))
            constraints.append(("point", Product(oneof, Product(x[b], less))))
        lookups = [(tag, Number(0), one) for tag, one in zip(tags, x, strict=True)]
        return domain.finish(constraints, lookups, ARITY)

    def _groups(self, matrices: list[Matrix], rho: int) -> Domain:
        domain = DomainBuilder(matrices, rho, log(pad(max(self.groups))))

        def members(k: int) -> SparseRow:
            return tuple((j, 1) for j, group in enumerate(self.groups) if group == k + 1)

        b = tuple(members(k) for k in range(1 << domain.kappa))
        y = domain.add(ProductColumn(0, self.p, b))
        bias = domain.add(self._bias(domain.kappa))
        return domain.finish([("point", Product(y, linear((1, y), (-1, bias))))], [], ARITY)
