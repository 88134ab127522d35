"""A system once the challenges of step 4 are known, and how many points and scalars its proof has."""

from dataclasses import dataclass

from reference.claims import group_columns, product_lengths
from reference.expansion import Challenges, Expanded, all_matrices, expand
from reference.field import ORDER, log, pad
from reference.program import Program, compile_domain, count_products
from reference.system import Matrix, System, variables

FOLD_ABOVE = 256


@dataclass(frozen=True)
class Plan:
    """Expanded domains, their programs and degrees; `multiplicity` is the number of a matrix."""

    system: System
    matrices: tuple[Matrix, ...]
    multiplicity: int | None
    domains: tuple[Expanded, ...]
    programs: tuple[Program, ...]
    degrees: tuple[int, ...]


def make_plan(system: System, challenges: Challenges) -> Plan:
    """Expand and compile all domains."""
    matrices, multiplicity, helpers = all_matrices(system)
    domains = tuple(
        expand(domain, number, challenges, helpers[number])
        for number, domain in enumerate(system.domains)
    )
    compiled = [compile_domain(domain) for domain in domains]
    programs, degrees = tuple(p for p, _ in compiled), tuple(d for _, d in compiled)
    return Plan(system, matrices, multiplicity, domains, programs, degrees)


def stand_in_challenges(system: System) -> Challenges:
    """Challenges for counting: no equality between nodes can depend on what they are."""
    classes, features = {}, {}
    for number, domain in enumerate(system.domains):
        for m, product in enumerate(domain.products):
            start = 3 + 1000 * number + 100 * m
            classes[number, m] = [pow(5, start + j, ORDER) for j in range(domain.kappa)]
            features[number, m] = [pow(7, start + j, ORDER) for j in range(log(product.p))]
    return Challenges(pow(11, 12345, ORDER), pow(13, 54321, ORDER), classes, features)


def count_elements(system: System) -> tuple[int, int]:
    """The number of points and of scalars of a proof, step by step (Format)."""
    plan = make_plan(system, stand_in_challenges(system))
    made = [m.commitments for m in plan.matrices if m.kind != "input"]
    points = sum(made)  # steps 3 and 5
    points += sum(bool(d.lookups) + len(d.products) for d in system.domains)  # sums of step 5
    products = 0
    for domain, program, degree in zip(plan.domains, plan.programs, plan.degrees, strict=True):
        count = count_products(program, domain)
        points += domain.n * degree + len(domain.secret) + count  # step 6
        products += count
    if plan.multiplicity is not None and system.table is not None:
        points += 2 * variables(len(system.table.rows)) + 1  # step 7
    points, scalars = points + 2 * products, 3 * products  # step 8
    lengths = source_lengths(plan)
    width = pad(max(lengths))
    points += 2 * log(width) + len(lengths)  # step 10
    points += 6 if width > FOLD_ABOVE else 0  # step 12
    return points + 1, scalars + opening_length(width) + 1  # step 13


def opening_length(width: int) -> int:
    """Q of step 12."""
    return width // 4 if width > FOLD_ABOVE else width


def source_lengths(plan: Plan) -> list[int]:
    """The lengths of the sources of step 9, in order."""
    lengths = [
        group.length for domain in plan.domains for group in group_columns(domain, plan.matrices)
    ]
    if plan.multiplicity is not None:
        lengths.append(plan.matrices[plan.multiplicity].width)
    for domain in plan.system.domains:
        for product in domain.products:
            lengths += product_lengths(plan.matrices[product.result])
    return lengths
