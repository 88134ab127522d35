"""Systems (docs/spec/argument.md, System): matrices, a table, domains. All of it is public."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reference.errors import Refused
from reference.field import ORDER, log, pad


@dataclass(frozen=True)
class Matrix:
    """`kind` is input, witness, multiplicity or helper; others refer to it by its number."""

    kind: str
    entries: int
    width: int

    @property
    def commitments(self) -> int:
        """How many points it has."""
        return -(-self.entries // self.width)


def made_matrix(kind: str, entries: int) -> Matrix:
    """A matrix that a proof makes."""
    return Matrix(kind, entries, min(1024, pad(entries)))


# Columns. Vectors have exactly as many entries as the domain has rows or columns.


@dataclass(frozen=True)
class Full:
    """Entry i 2^kappa + k of a matrix."""

    matrix: int


@dataclass(frozen=True)
class Row:
    """Entry i of a matrix."""

    matrix: int


SparseRow = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ProductColumn:
    """The sum over j < p of (entry i p + j of the matrix) B_kj; row k of B is pairs (j, B_kj)."""

    matrix: int
    p: int
    b: tuple[SparseRow, ...]


@dataclass(frozen=True)
class ByRow:
    """v_i."""

    v: tuple[int, ...]


@dataclass(frozen=True)
class ByColumn:
    """v_k."""

    v: tuple[int, ...]


@dataclass(frozen=True)
class Inside:
    """v_k if i < m, else o."""

    m: int
    v: tuple[int, ...]
    o: int


SecretColumn = Full | Row | ProductColumn
ColumnKind = SecretColumn | ByRow | ByColumn | Inside


def is_secret(column: ColumnKind) -> bool:
    """Full, row and product columns are secret."""
    return isinstance(column, Full | Row | ProductColumn)


# Expressions.


@dataclass(frozen=True)
class Number:
    """A public number."""

    value: int


@dataclass(frozen=True)
class Column:
    """A column of the domain, by its number."""

    number: int


@dataclass(frozen=True)
class Linear:
    """A linear combination: pairs of coefficient and expression."""

    parts: tuple[tuple[int, "Expression"], ...]


@dataclass(frozen=True)
class Product:
    """A product of two expressions."""

    x: "Expression"
    y: "Expression"


Expression = Number | Column | Linear | Product


def linear(*parts: tuple[int, Expression]) -> Linear:
    """A linear combination."""
    return Linear(parts)


@dataclass(frozen=True)
class Affine:
    """A constant and coefficients for columns, modulo l, none of these zero, by column number."""

    constant: int
    terms: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(constant: int, terms: Iterable[tuple[int, int]]) -> "Affine":
        """Add up terms (column, coefficient)."""
        sums: dict[int, int] = {}
        for number, coefficient in terms:
            sums[number] = (sums.get(number, 0) + coefficient) % ORDER
        return Affine(constant % ORDER, tuple(sorted((n, c) for n, c in sums.items() if c)))


def add_affine(parts: Sequence[tuple[int, Affine]]) -> Affine:
    """The linear combination of (coefficient, affine form)."""
    constant = sum(factor * form.constant for factor, form in parts)
    terms = ((n, factor * c) for factor, form in parts for n, c in form.terms)
    return Affine.of(constant, terms)


def affine(expression: Expression) -> Affine:
    """The affine form of an expression without products."""
    match expression:
        case Number(value):
            return Affine.of(value, ())
        case Column(number):
            return Affine.of(0, [(number, 1)])
        case Linear(parts):
            return add_affine([(factor, affine(part)) for factor, part in parts])
        case Product():
            raise Refused("statement-shape", "an affine form has no products")


def form_expression(form: Affine) -> Expression:
    """An affine form as an expression."""
    return linear((1, Number(form.constant)), *((c, Column(n)) for n, c in form.terms))


@dataclass(frozen=True)
class Constraint:
    """`weight` is point, row or total; a total has a claim: ("product", m) or ("sum", 0)."""

    weight: str
    expression: Expression
    claim: tuple[str, int] | None = None


@dataclass(frozen=True)
class MatrixProduct:
    """R_kj = sum over i of e(i, k) D_ij for k < K, j < d."""

    e: Expression
    data: int
    p: int
    d: int
    classes: int
    result: int


@dataclass(frozen=True)
class Domain:
    """Places (i, k), i < 2^rho, k < 2^kappa."""

    rho: int
    kappa: int
    columns: tuple[ColumnKind, ...]
    constraints: tuple[Constraint, ...] = ()
    products: tuple[MatrixProduct, ...] = ()
    lookups: tuple[tuple[Affine, ...], ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of `arity` numbers."""

    arity: int
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class System:
    """What is proven about the inputs."""

    matrices: tuple[Matrix, ...]
    domains: tuple[Domain, ...]
    table: Table | None = None
    inputs: tuple[int, ...] = field(init=False)
    witnesses: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name, kind in (("inputs", "input"), ("witnesses", "witness")):
            numbers = (n for n, matrix in enumerate(self.matrices) if matrix.kind == kind)
            object.__setattr__(self, name, tuple(numbers))
        _check(self)

    @property
    def has_lookups(self) -> bool:
        """Whether any domain looks anything up."""
        return any(domain.lookups for domain in self.domains)


def _check(system: System) -> None:
    """Refuse systems that the specification gives no meaning to."""
    _require(all(m.kind in ("input", "witness") for m in system.matrices), "kinds of matrices")
    for matrix in system.matrices:
        _require(matrix.entries >= 1, "an empty matrix")
        _require(matrix.width == pad(matrix.width) <= 65536, "the width of a matrix")
    _require(not system.has_lookups or system.table is not None, "lookups without a table")
    if system.table is not None:
        arity = system.table.arity
        _require(bool(system.table.rows), "an empty table")
        _require(all(len(row) == arity for row in system.table.rows), "rows of the table")
        lookups = [lookup for domain in system.domains for lookup in domain.lookups]
        _require(all(len(lookup) == arity for lookup in lookups), "the arity of a lookup")
    for domain in system.domains:
        for column in domain.columns:
            _check_column(system, domain, column)
        for product in domain.products:
            _check_product(system, domain, product)
        _check_padded_columns(domain)


def _check_column(system: System, domain: Domain, column: ColumnKind) -> None:
    rows, columns = 1 << domain.rho, 1 << domain.kappa
    match column:
        case Full(matrix):
            _require(system.matrices[matrix].entries <= rows * columns, "a full column")
        case Row(matrix):
            _require(system.matrices[matrix].entries <= rows, "a row column")
        case ProductColumn(matrix, p, b):
            _check_data(system, domain, matrix, p)
            _require(len(b) == columns, "a product column")
            _require(all(0 <= j < p for row in b for j, _ in row), "a product column")
        case ByRow(v):
            _require(len(v) == rows, "a column by row")
        case ByColumn(v):
            _require(len(v) == columns, "a column by column")
        case Inside(m, v, _):
            _require(len(v) == columns and 0 <= m <= rows, "an inside column")


def _check_padded_columns(domain: Domain) -> None:
    """Step 9 has one p for all product columns of a matrix."""
    columns = {(c.matrix, c.p) for c in domain.columns if isinstance(c, ProductColumn)}
    columns |= {(product.data, product.p) for product in domain.products}
    _require(len(columns) == len({matrix for matrix, _ in columns}), "two p of one matrix")


def _check_data(system: System, domain: Domain, number: int, p: int) -> None:
    matrix = system.matrices[number]
    _require(p == pad(p) and p <= matrix.width, "columns of a dataset")
    _require(matrix.entries <= p << domain.rho, "rows of a dataset")


def _check_product(system: System, domain: Domain, product: MatrixProduct) -> None:
    _check_data(system, domain, product.data, product.p)
    result = system.matrices[product.result]
    _require(result.entries == product.classes * product.d, "the result of a matrix product")
    _require(1 <= product.classes <= 1 << domain.kappa, "classes of a matrix product")
    _require(1 <= product.d <= product.p, "features of a matrix product")


def _require(true: bool, what: str) -> None:
    if not true:
        raise Refused("statement-shape", f"not a system: {what}")


def variables(entries: int) -> int:
    """The number of variables of a vector, padded."""
    return log(pad(entries))
