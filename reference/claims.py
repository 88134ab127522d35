"""Step 9 of docs/spec/argument.md: what the claims about matrices say about their commitments."""

from collections.abc import Sequence
from dataclasses import dataclass

from reference.expansion import Challenges, Expanded
from reference.field import ORDER, log, pad, powers
from reference.multilinear import eq
from reference.system import Full, Matrix, MatrixProduct, ProductColumn, Row, SecretColumn


@dataclass(frozen=True)
class Group:
    """Secret columns that make one source: pairs of (number among the secret columns, column)."""

    length: int
    members: tuple[tuple[int, SecretColumn], ...]


@dataclass(frozen=True)
class Source:
    """u is the sum of weight times row, over `rows` (weight, matrix, row); `a` is public."""

    rows: tuple[tuple[int, int, int], ...]
    a: list[int]


def group_columns(domain: Expanded, matrices: Sequence[Matrix]) -> list[Group]:
    """Full and row columns by (kind, length), then product columns by matrix."""
    plain: dict[tuple[str, int], list[tuple[int, SecretColumn]]] = {}
    products: dict[tuple[str, int], list[tuple[int, SecretColumn]]] = {}
    lengths: dict[tuple[str, int], int] = {}
    for at, number in enumerate(domain.secret):
        match domain.columns[number]:
            case Full(matrix) as column:
                length = min(matrices[matrix].width, 1 << domain.n)
                plain.setdefault(("full", length), []).append((at, column))
            case Row(matrix) as column:
                length = min(matrices[matrix].width, 1 << domain.rho)
                plain.setdefault(("row", length), []).append((at, column))
            case ProductColumn(matrix, p, _) as column:
                lengths["product", matrix] = min(matrices[matrix].width, p << domain.rho)
                products.setdefault(("product", matrix), []).append((at, column))
            case _:
                pass
    groups = [Group(key[1], tuple(members)) for key, members in plain.items()]
    return groups + [Group(lengths[key], tuple(members)) for key, members in products.items()]


def product_lengths(result: Matrix) -> list[int]:
    """The numbers of entries in the rows of the result of a matrix product."""
    starts = range(0, result.entries, result.width)
    return [min(result.width, result.entries - start) for start in starts]


def domain_sources(
    domain: Expanded, matrices: Sequence[Matrix], point: Sequence[int], gammas: Sequence[int]
) -> list[Source]:
    """The sources of one domain; `gammas` are the weights of its secret columns, in order."""
    sources = []
    for group in group_columns(domain, matrices):
        if isinstance(group.members[0][1], ProductColumn):
            sources.append(_product_source(domain, matrices, group, point, gammas))
        else:
            parts = [(gammas[at], column.matrix) for at, column in group.members]
            is_full = isinstance(group.members[0][1], Full)
            own = point if is_full else point[: domain.rho]
            sources.append(plain_source(parts, matrices, own, group.length))
    return sources


def plain_source(
    parts: Sequence[tuple[int, int]],
    matrices: Sequence[Matrix],
    point: Sequence[int],
    length: int,
) -> Source:
    """U = the sum of weight times L^T M over `parts` (weight, matrix); a = eq of the last places."""
    others = len(point) - log(length)
    left = eq(point[:others])
    rows = tuple(
        (weight * factor % ORDER, matrix, row)
        for weight, matrix in parts
        for row, factor in enumerate(left[: matrices[matrix].commitments])
    )
    return Source(rows, eq(point[others:]))


def _product_source(
    domain: Expanded,
    matrices: Sequence[Matrix],
    group: Group,
    point: Sequence[int],
    gammas: Sequence[int],
) -> Source:
    r, s = point[: domain.rho], point[domain.rho :]
    columns = [(gammas[at], c) for at, c in group.members if isinstance(c, ProductColumn)]
    matrix, p = columns[0][1].matrix, columns[0][1].p
    others = domain.rho - (log(group.length) - log(p))
    left = eq(r[:others])
    rows = tuple((left[b], matrix, b) for b in range(min(len(left), matrices[matrix].commitments)))
    f, by_column = [0] * p, eq(s)
    for gamma, column in columns:
        for weight, entries in zip(by_column, column.b, strict=True):
            for j, entry in entries:
                f[j] += gamma * weight % ORDER * entry
    a = [one * entry % ORDER for one in eq(r[others:]) for entry in f]
    return Source(rows, a)


def product_sources(
    product: MatrixProduct, result: Matrix, challenges: tuple[list[int], list[int]], gamma: int
) -> list[Source]:
    """The rows of R; the committed value is counted by the caller."""
    classes, features = eq(challenges[0]), eq(challenges[1])
    weights = [
        gamma * classes[k] % ORDER * features[j] % ORDER
        for k in range(product.classes)
        for j in range(product.d)
    ]
    return [
        Source(((1, product.result, b),), weights[b * result.width :][: result.width])
        for b in range(result.commitments)
    ]


def extend_sources(sources: Sequence[Source], beyond: int) -> list[Source]:
    """Give each source W places: what its commitments hold beyond its length must be zero."""
    width = pad(max(len(source.a) for source in sources))
    tail = powers(beyond, width * len(sources))
    return [
        Source(source.rows, source.a + tail[j * width : (j + 1) * width][len(source.a) :])
        for j, source in enumerate(sources)
    ]


def class_and_feature(challenges: Challenges, domain: int, m: int) -> tuple[list[int], list[int]]:
    """The challenges of step 4 for one matrix product."""
    return challenges.classes[domain, m], challenges.features[domain, m]
