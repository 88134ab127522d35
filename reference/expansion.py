"""Expansion (docs/spec/argument.md, Expansion): what the challenges of step 4 add to a domain."""

from dataclasses import dataclass

from reference.field import powers
from reference.multilinear import eq
from reference.system import (
    Affine,
    ByColumn,
    Column,
    ColumnKind,
    Constraint,
    Domain,
    Expression,
    Full,
    Matrix,
    MatrixProduct,
    Number,
    Product,
    ProductColumn,
    System,
    add_affine,
    form_expression,
    is_secret,
    linear,
    made_matrix,
)

GROUP = 6


@dataclass(frozen=True)
class Challenges:
    """Challenges of step 4; `classes` and `features` by (domain, matrix product)."""

    alpha: int
    beta: int
    classes: dict[tuple[int, int], list[int]]
    features: dict[tuple[int, int], list[int]]


@dataclass(frozen=True)
class Expanded:
    """A domain with everything that the argument adds; `helpers` are numbers of matrices."""

    rho: int
    kappa: int
    columns: tuple[ColumnKind, ...]
    constraints: tuple[Constraint, ...]
    groups: tuple[tuple[tuple[Affine, ...], ...], ...]
    helpers: tuple[int, ...]

    @property
    def n(self) -> int:
        """The number of variables."""
        return self.rho + self.kappa

    @property
    def secret(self) -> list[int]:
        """The numbers of its secret columns."""
        return [number for number, column in enumerate(self.columns) if is_secret(column)]


def equal_sizes(total: int, count: int) -> list[int]:
    """`count` sizes that add up to `total`, as equal as possible, the larger ones first."""
    return [total // count + (at < total % count) for at in range(count)]


def group_lookups(domain: Domain) -> tuple[tuple[tuple[Affine, ...], ...], ...]:
    """Item 2: lookups in ceil(L / 6) groups."""
    count = -(-len(domain.lookups) // GROUP)
    rest = iter(domain.lookups)
    sizes = equal_sizes(len(domain.lookups), count) if count else []
    return tuple(tuple(next(rest) for _ in range(size)) for size in sizes)


def all_matrices(system: System) -> tuple[tuple[Matrix, ...], int | None, list[tuple[int, ...]]]:
    """Matrices with those of step 3 and 5; the number of the multiplicities; helpers by domain."""
    matrices, multiplicity = list(system.matrices), None
    if system.table is not None and system.has_lookups:
        multiplicity = len(matrices)
        matrices.append(made_matrix("multiplicity", len(system.table.rows)))
    helpers = []
    for domain in system.domains:
        first = len(matrices)
        groups = group_lookups(domain)
        matrices += [made_matrix("helper", 1 << (domain.rho + domain.kappa)) for _ in groups]
        helpers.append(tuple(range(first, len(matrices))))
    return tuple(matrices), multiplicity, helpers


def expand(
    domain: Domain, number: int, challenges: Challenges, helpers: tuple[int, ...]
) -> Expanded:
    """Expand domain `number`."""
    columns, constraints = list(domain.columns), list(domain.constraints)
    for m, product in enumerate(domain.products):  # items 1 and 3
        classes, features = challenges.classes[number, m], challenges.features[number, m]
        columns += _dual_columns(domain, product, classes, features)
        by_column, dual = Column(len(columns) - 2), Column(len(columns) - 1)
        total = Product(Product(by_column, product.e), dual)
        constraints.append(Constraint("total", total, ("product", m)))
    groups = group_lookups(domain)
    for helper, group in zip(helpers, groups, strict=True):  # items 2 and 3
        columns.append(Full(helper))
        fingerprints = [fingerprint(form, challenges) for form in group]
        identity = _group_expression(fingerprints, Column(len(columns) - 1))
        constraints.append(Constraint("point", identity))
    if groups:
        first = len(columns) - len(groups)
        helper_sum = linear(*((1, Column(first + g)) for g in range(len(groups))))
        constraints.append(Constraint("total", helper_sum, ("sum", 0)))
    return Expanded(domain.rho, domain.kappa, tuple(columns), tuple(constraints), groups, helpers)


def _dual_columns(
    domain: Domain, product: MatrixProduct, classes: list[int], features: list[int]
) -> tuple[ByColumn, ProductColumn]:
    """Item 1: by-column(eq(class)) for k < K, and the first d columns of D under eq(feature)."""
    weights = eq(classes)
    by_column = tuple(w if k < product.classes else 0 for k, w in enumerate(weights))
    row = tuple(enumerate(eq(features)[: product.d]))
    dual = ProductColumn(product.data, product.p, (row,) * (1 << domain.kappa))
    return ByColumn(by_column), dual


def fingerprint(forms: tuple[Affine, ...], challenges: Challenges) -> Affine:
    """F = alpha + sum over c of beta^c (form c)."""
    weights = powers(challenges.beta, len(forms))
    return add_affine([(1, Affine(challenges.alpha)), *zip(weights, forms, strict=True)])


def _group_expression(fingerprints: list[Affine], helper: Expression) -> Expression:
    """product(D_g, h) - N_g."""
    f = [form_expression(form) for form in fingerprints]
    d: Expression = f[0]
    n: Expression = Number(1)
    for c, own in enumerate(f[1:], start=2):
        n = _sum(d, own) if c == 2 else _sum(Product(n, own), d)
        d = Product(d, own)
    return linear((1, Product(d, helper)), (-1, n))


def _sum(a: Expression, b: Expression) -> Expression:
    return linear((1, a), (1, b))
