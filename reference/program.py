"""Programs (docs/spec/argument.md, Program): the constraints of a domain as nodes, each once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference.committed import Committed, Value, combine
from reference.expansion import Expanded
from reference.field import ORDER
from reference.system import (
    Affine,
    Column,
    Expression,
    Linear,
    Number,
    Product,
    add_affine,
    affine,
)


@dataclass(frozen=True)
class ProductNode:
    """The product of two nodes."""

    x: int
    y: int


@dataclass(frozen=True)
class LinearNode:
    """A linear combination of nodes, (coefficient, node)."""

    pairs: tuple[tuple[int, int], ...]


Node = Affine | ProductNode | LinearNode


class Program:
    """Nodes in the order in which they are made, and the node of each constraint."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self.nodes: list[Node] = []
        self.degrees: list[int] = []
        self._numbers: dict[Node, int] = {}
        self.roots = [self._node_of(self._compile(expression)) for expression in expressions]

    def _compile(self, expression: Expression) -> Affine | int:
        """An affine form, which may still be added to others, or the number of a node."""
        match expression:
            case Number() | Column():
                return affine(expression)
            case Product(x, y):
                return self._compile_product(self._compile(x), self._compile(y))
            case Linear(parts):
                return self._compile_linear(
                    [(factor % ORDER, self._compile(part)) for factor, part in parts]
                )

    def _compile_product(self, x: Affine | int, y: Affine | int) -> Affine | int:
        for constant, other in ((x, y), (y, x)):
            if isinstance(constant, Affine) and not constant.terms:
                if isinstance(other, Affine):
                    return add_affine([(constant.constant, other)])
                return self._make(LinearNode(((constant.constant, other),)))
        return self._make(ProductNode(self._node_of(x), self._node_of(y)))

    def _compile_linear(self, parts: list[tuple[int, Affine | int]]) -> Affine | int:
        form = add_affine([(factor, part) for factor, part in parts if isinstance(part, Affine)])
        others = [(factor, part) for factor, part in parts if isinstance(part, int)]
        if not others:
            return form
        pairs = [(factor, node) for factor, node in others if factor]
        if form != Affine(0):
            pairs.insert(0, (1, self._make(form)))
        if len(pairs) == 1 and pairs[0][0] == 1:
            return pairs[0][1]
        return self._make(LinearNode(tuple(pairs)))

    def _node_of(self, compiled: Affine | int) -> int:
        return self._make(compiled) if isinstance(compiled, Affine) else compiled

    def _make(self, node: Node) -> int:
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
            self.degrees.append(self._degree(node))
        return self._numbers[node]

    def _degree(self, node: Node) -> int:
        match node:
            case Affine(_, terms):
                return 1 if terms else 0
            case ProductNode(x, y):
                return self.degrees[x] + self.degrees[y]
            case LinearNode(pairs):
                return max((self.degrees[part] for _, part in pairs), default=0)


def compile_domain(domain: Expanded) -> tuple[Program, int]:
    """The program of a domain and the degree of the domain."""
    program = Program([constraint.expression for constraint in domain.constraints])
    degrees = [
        program.degrees[root] + (constraint.weight != "total")
        for root, constraint in zip(program.roots, domain.constraints, strict=True)
    ]
    return program, max([2, *degrees])


def evaluate(
    program: Program,
    columns: Sequence[Value],
    multiply: Callable[[Committed, Committed], Committed],
) -> list[Value]:
    """The values of all nodes, in order; `multiply` says what a product of two secrets is."""
    values: list[Value] = []
    for node in program.nodes:
        match node:
            case Affine(constant, terms):
                values.append(combine((constant, 1), *((c, columns[n]) for n, c in terms)))
            case LinearNode(pairs):
                values.append(combine(*((factor, values[part]) for factor, part in pairs)))
            case ProductNode(x, y):
                values.append(_product(values[x], values[y], multiply))
    return values


def _product(a: Value, b: Value, multiply: Callable[[Committed, Committed], Committed]) -> Value:
    if isinstance(a, Committed):
        return multiply(a, b) if isinstance(b, Committed) else combine((b, a))
    return combine((a, b))


def count_products(program: Program, domain: Expanded) -> int:
    """How many nodes are products of two secrets."""
    secret: list[bool] = []
    count = 0
    columns = set(domain.secret)
    for node in program.nodes:
        match node:
            case Affine(_, terms):
                secret.append(any(number in columns for number, _ in terms))
            case LinearNode(pairs):
                secret.append(any(secret[part] for _, part in pairs))
            case ProductNode(x, y):
                secret.append(secret[x] or secret[y])
                count += secret[x] and secret[y]
    return count
