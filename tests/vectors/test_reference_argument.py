"""The second verifier on proofs of the slow prover: it accepts them, and nothing near them."""

import pytest
from reference_cases import NAMES, document, flipped, judge, proof_size

from reference.errors import Refused
from reference.expansion import (
    Challenges,
    Expanded,
    all_matrices,
    equal_sizes,
    expand,
    group_lookups,
)
from reference.field import ORDER
from reference.plan import count_elements
from reference.program import LinearNode, ProductNode, Program, compile_domain, count_products
from reference.system import (
    Affine,
    ByColumn,
    Column,
    Constraint,
    Domain,
    Full,
    Matrix,
    Number,
    Product,
    ProductColumn,
    Row,
    System,
    Table,
    linear,
)
from reference.vectors import read_system, write_expression, write_system

REFUSALS = {"proof-encoding", "proof-false", "proof-format", "proof-challenge"}
SMALLEST = "four_small_entries"
X, Y, Z = Column(0), Column(1), Column(2)


@pytest.mark.parametrize("name", NAMES)
def test_proofs_are_accepted(name: str) -> None:
    assert judge(name) == "accept"


def test_every_element_of_the_smallest_proof_counts() -> None:
    for offset in range(16, proof_size(SMALLEST), 32):
        assert flipped(SMALLEST, offset + offset // 32 % 32, offset // 32 % 8) in REFUSALS


@pytest.mark.parametrize("name", NAMES[1:])
def test_some_elements_of_each_proof_count(name: str) -> None:
    for offset in range(16 + 32, proof_size(name), proof_size(name) // 3):
        assert flipped(name, offset) in REFUSALS


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_seventh_element_of_each_proof_counts(name: str) -> None:
    for offset in range(16 + 32 * 3, proof_size(name), 32 * 7):
        assert flipped(name, offset + offset // 32 % 32, offset // 32 % 8) in REFUSALS


@pytest.mark.slow
def test_every_byte_of_the_smallest_proof_counts() -> None:
    for offset in range(proof_size(SMALLEST)):
        assert flipped(SMALLEST, offset, offset % 8) in REFUSALS


def test_formats_are_refused() -> None:
    proof = bytes.fromhex(document(SMALLEST)["proof"])
    for other in (b"", proof[:-1], proof[:-32], proof + b"\0", proof + bytes(32)):
        assert judge(SMALLEST, proof=other.hex()) == "proof-length"
    assert flipped(SMALLEST, 14) == "proof-format"
    assert flipped(SMALLEST, 15) == "proof-format"
    unreduced = proof[:-32] + ORDER.to_bytes(32, "little")
    assert judge(SMALLEST, proof=unreduced.hex()) == "proof-encoding"
    no_point = proof[:16] + b"\xff" * 32 + proof[48:]
    assert judge(SMALLEST, proof=no_point.hex()) == "proof-encoding"


def test_inputs_are_refused() -> None:
    (x,) = document(SMALLEST)["inputs"]
    assert judge(SMALLEST, inputs=[]) == "proof-input"
    assert judge(SMALLEST, inputs=[x, x]) == "proof-input"
    assert judge(SMALLEST, inputs=[x + x]) == "proof-input"
    assert judge(SMALLEST, inputs=[x[2:]]) == "proof-input"
    assert judge(SMALLEST, inputs=["01" + x[2:]]) == "proof-input"
    assert judge(SMALLEST, inputs=["00" * 32]) == "proof-false"


def test_fields_of_the_statement_are_bound() -> None:
    good = document(SMALLEST)["fields"]
    assert judge(SMALLEST, fields=[*good, ["context", ""]]) == "proof-false"
    assert judge(SMALLEST, fields=[["Statement", good[0][1]]]) == "proof-false"


def test_another_system_is_refused() -> None:
    system = document(SMALLEST)["system"]
    other = system | {"table": {"arity": 1, "rows": [[0], [1], [2], [4]]}}
    assert judge(SMALLEST, system=other) == "proof-false"


def test_patches_and_bases() -> None:
    document(SMALLEST)
    assert judge(SMALLEST, patch=[[0, b"cotrain/proof/1\n".hex()]]) == "accept"
    assert judge(SMALLEST, patch=[[14, b"2".hex()]]) == "proof-format"


def test_sizes_are_as_equal_as_possible() -> None:
    assert equal_sizes(7, 2) == [4, 3]
    assert equal_sizes(64, 8) == [8] * 8
    lookups = tuple((Affine(n),) for n in range(13))
    groups = group_lookups(Domain(0, 0, (), lookups=lookups))
    assert [[form.constant for (form,) in group] for group in groups] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
    ]
    assert group_lookups(Domain(0, 0, ())) == ()


def test_expressions_without_products_are_one_node() -> None:
    program = Program([linear((2, X), (3, linear((1, Y), (-1, X))), (1, Number(5)))])
    assert program.nodes == [Affine(5, ((0, ORDER - 1), (1, 3)))]
    assert Program([linear((1, X), (-1, X))]).nodes == [Affine(0)]
    assert Program([Product(Number(2), linear((3, X)))]).nodes == [Affine(0, ((0, 6),))]


def test_nodes_are_made_once_and_in_order() -> None:
    square = Product(X, X)
    program = Program([linear((1, Product(Y, square)), (4, square), (2, X)), Product(X, X)])
    assert program.nodes == [
        Affine(0, ((0, 1),)),
        ProductNode(0, 0),
        Affine(0, ((1, 1),)),
        ProductNode(2, 1),
        Affine(0, ((0, 2),)),
        LinearNode(((1, 4), (1, 3), (4, 1))),
    ]
    assert program.roots == [5, 1]
    assert program.degrees == [1, 2, 1, 3, 1, 3]
    assert Program([Product(X, Y), Product(Y, X)]).roots == [2, 3]


def test_a_single_part_is_the_node_itself() -> None:
    product = Product(X, Y)
    assert Program([linear((1, product), (0, Product(Y, Z)))]).roots == [2]
    assert Program([linear((3, product))]).nodes[-1] == LinearNode(((3, 2),))
    assert Program([Product(product, Number(7))]).nodes[-1] == LinearNode(((7, 2),))


def _challenges() -> Challenges:
    return Challenges(100, 10, {(0, 0): [3]}, {(0, 0): [5, 7]})


def _gradient_domain() -> tuple[System, Expanded]:
    matrices = (Matrix("input", 8, 8), Matrix("input", 6, 8), Matrix("witness", 4, 4))
    columns = (Full(2), ByColumn((1, 2)))
    product = {"e": X, "data": 0, "p": 4, "d": 3, "classes": 2, "result": 1}
    domain = read_system(
        {
            "matrices": [
                {"kind": m.kind, "entries": m.entries, "width": m.width} for m in matrices
            ],
            "table": {"arity": 2, "rows": [[0, 1]]},
            "domains": [
                {
                    "rho": 1,
                    "kappa": 1,
                    "columns": [{"full": 2}, {"by-column": [1, 2]}],
                    "products": [product | {"e": {"column": 0}}],
                    "lookups": [[{"column": 0}, {"column": 1}]] * 3,
                }
            ],
        }
    ).domains[0]
    assert domain.columns == columns
    system = System(matrices, (domain,), Table(2, ((0, 1),)))
    return system, expand(domain, 0, _challenges(), all_matrices(system)[2][0])


def test_expansion() -> None:
    _, expanded = _gradient_domain()
    features = tuple(enumerate([24, -28 % ORDER, -30 % ORDER]))
    assert expanded.columns[2:] == (
        ByColumn((-2 % ORDER, 3)),
        ProductColumn(0, 4, (features, features)),
        Full(4),
    )
    total, point, helper_sum = expanded.constraints
    assert total == Constraint("total", Product(Product(Column(2), X), Column(3)), ("product", 0))
    assert point.weight == "point"
    assert helper_sum == Constraint("total", linear((1, Column(4))), ("sum", 0))
    program, degree = compile_domain(expanded)
    # D_1 h of three equal fingerprints F: F F, (F F) F, D h, then (F + F) F for the numerator.
    assert degree == 5
    assert count_products(program, expanded) == 1 + 4


def test_proofs_have_as_many_elements_as_the_system_says() -> None:
    system = read_system(document(SMALLEST)["system"])
    # Points: multiplicity, helper, sum; 2 rounds of degree 3, 2 values, 1 product; 2 rounds of
    # degree 2, 1 value; 2 masks; 2 rounds of degree 2, 2 sources; 1 mask. Scalars: 3, 4 + 1.
    assert count_elements(system) == (3 + 6 + 2 + 1 + 4 + 1 + 2 + 4 + 2 + 1, 3 + 5)


def test_systems_survive_json() -> None:
    system = read_system(document(SMALLEST)["system"])
    assert read_system(write_system(system)) == system
    assert write_expression(Product(X, linear((2, Number(3))))) == {
        "product": [{"column": 0}, {"linear": [[2, 3]]}]
    }


@pytest.mark.parametrize(
    ("matrices", "columns", "lookups"),
    [
        ((Matrix("input", 5, 4),), (Full(0),), ()),
        ((Matrix("input", 5, 8),), (Row(0),), ()),
        ((Matrix("input", 4, 3),), (Full(0),), ()),
        ((Matrix("input", 4, 4),), (ProductColumn(0, 8, ((),)),), ()),
        ((Matrix("input", 4, 4),), (Full(0),), ((Affine(0),),)),
        ((Matrix("input", 4, 4),), (Full(0), ByColumn((1, 2))), ()),
    ],
)
def test_shapes_without_a_meaning_are_refused(
    matrices: tuple[Matrix, ...],
    columns: tuple[Full | Row | ProductColumn | ByColumn, ...],
    lookups: tuple[tuple[Affine, ...], ...],
) -> None:
    with pytest.raises(Refused, match="statement-shape"):
        System(matrices, (Domain(2, 0, columns, lookups=lookups),))
