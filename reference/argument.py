"""The verifier of docs/spec/argument.md, steps 1 to 14.

It keeps combinations of points instead of values (`committed.py`), collects the *identities*
(combinations that must be commitments to 0) and checks everything in one sum of points at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from reference.claims import (
    Source,
    class_and_feature,
    domain_sources,
    extend_sources,
    plain_source,
    product_sources,
)
from reference.committed import Base, Committed, H, V, Value, commit_combination, lift
from reference.errors import Refused
from reference.expansion import Challenges, Expanded, all_matrices
from reference.field import ORDER, inner, invert, invert_all, log, pad, powers
from reference.multilinear import eq, eq_at, value_at
from reference.plan import FOLD_ABOVE, Plan, count_elements, make_plan
from reference.program import evaluate
from reference.reader import SIZE, Reader
from reference.ristretto import (
    Point,
    blinding_generator,
    decode,
    entry_generator,
    is_identity,
    multi_scalar,
    value_generator,
)
from reference.system import ByColumn, ByRow, ColumnKind, Inside, System
from reference.transcript import Transcript

Fields = Sequence[tuple[str, bytes]]
Entry = TypeVar("Entry")
ProductValues = tuple[Committed, Committed, Committed]  # c = a b
FOLD_POWERS = (-3, -2, -1, 1, 2, 3)
# Of the scale, in step 11; 2 would be unsound (tests/vectors/reference_forger.py).
IDENTITY_POWER = 3
QUARTERS = range(4)  # the numbers i of the quarters of step 12


def verify(system: System, fields: Fields, inputs: Sequence[bytes], proof: bytes) -> None:
    """Return, or raise Refused with a code of the specification."""
    verification = Verification(system, proof)
    verification.run(fields, inputs)


@dataclass
class Known:
    """What steps 3 to 10 leave for later steps."""

    rows: dict[tuple[int, int], Base] = field(default_factory=dict)  # (matrix, row): its point
    sums: dict[int, Committed] = field(default_factory=dict)  # domain: S
    results: dict[tuple[int, int], Committed] = field(default_factory=dict)  # R^ by product
    points: list[list[int]] = field(default_factory=list)  # where each domain was evaluated
    table_point: list[int] = field(default_factory=list)
    claims: list[Committed] = field(default_factory=list)  # columns, then multiplicities, then R^
    identities: list[Committed] = field(default_factory=list)
    products: list[ProductValues] = field(default_factory=list)


class Verification:
    """One run of the verifier."""

    def __init__(self, system: System, proof: bytes) -> None:
        self.system = system
        self.transcript = Transcript(b"cotrain/argument/1")
        self.reader = Reader(proof, self.transcript)
        self.matrices, self.multiplicity, self.helpers = all_matrices(system)
        self.known = Known()

    def run(self, fields: Fields, inputs: Sequence[bytes]) -> None:
        """All steps in order."""
        self.reader.check_format(sum(count_elements(self.system)))
        self.step_1_absorb_statement(fields)
        self.step_2_absorb_inputs(inputs)
        self.step_3_read_witnesses()
        challenges = self.step_4_draw_challenges()
        plan = make_plan(self.system, challenges)
        self.step_5_read_helpers_and_sums()
        for number in range(len(plan.domains)):
            self.step_6_check_domain(plan, number)
        if plan.multiplicity is not None:
            self.step_7_check_table(challenges)
        equations = self.step_8_check_products() if self.known.products else []
        sources, claim = self.step_9_collect_claims(plan, challenges)
        openings, point = self.step_10_reduce_sources(sources, claim)
        p, c = self.step_11_combine(sources, openings)
        equations.append(self.steps_12_and_13_open(p, c, eq(point)))
        self.step_14_check_equations(equations)

    def step_1_absorb_statement(self, fields: Fields) -> None:
        """The fields, each under its own label."""
        for label, message in fields:
            self.transcript.append_message(label.encode(), message)

    def step_2_absorb_inputs(self, inputs: Sequence[bytes]) -> None:
        """The points of each input matrix, "absorbed long"."""
        if len(inputs) != len(self.system.inputs):
            raise Refused("proof-input", "another number of input matrices")
        for number, encodings in zip(self.system.inputs, inputs, strict=True):
            self.transcript.append_long(b"input", encodings)
            if len(encodings) != SIZE * self.matrices[number].commitments:
                raise Refused("proof-input", f"number of points of input matrix {number}")
            for row in range(self.matrices[number].commitments):
                point = _decode_input(encodings[SIZE * row :][:SIZE])
                self.known.rows[number, row] = self.reader.register(point)

    def step_3_read_witnesses(self) -> None:
        """Witness matrices, then the multiplicities."""
        for number in self.system.witnesses:
            self._read_matrix(number, "matrix")
        if self.multiplicity is not None:
            self._read_matrix(self.multiplicity, "multiplicity")

    def _read_matrix(self, number: int, label: str) -> None:
        for row in range(self.matrices[number].commitments):
            self.known.rows[number, row] = self.reader.point(label)

    def step_4_draw_challenges(self) -> Challenges:
        """Alpha and beta, then class and feature for each matrix product."""
        return draw_challenges(self.system, self.transcript)

    def step_5_read_helpers_and_sums(self) -> None:
        """Helpers, then S of each domain with lookups, then R^ of each matrix product."""
        for helpers in self.helpers:
            for number in helpers:
                self._read_matrix(number, "helper")
        for number, domain in enumerate(self.system.domains):
            if domain.lookups:
                self.known.sums[number] = self.reader.committed("sum")
        for number, domain in enumerate(self.system.domains):
            for m in range(len(domain.products)):
                self.known.results[number, m] = self.reader.committed("sum")

    def step_6_check_domain(self, plan: Plan, number: int) -> None:
        """The sumcheck of one domain, the values at its end, and its identity."""
        domain, program = plan.domains[number], plan.programs[number]
        tau = self.transcript.challenges("tau", domain.n)  # 6.1
        lambdas = powers(self.transcript.challenge("lambda"), len(domain.constraints))
        claim = claimed_sum(self.known, domain, number, lambdas)
        point, claim = self.sumcheck(claim, domain.n, plan.degrees[number])  # 6.2
        columns = self._read_columns(domain, point)  # 6.3
        values = evaluate(program, columns, self._read_product)  # 6.4
        roots = [values[root] for root in program.roots]
        weights = constraint_weights(domain, tau, point)
        self.known.identities.append(domain_identity(lambdas, weights, roots, claim))  # 6.5
        self.known.points.append(point)

    def sumcheck(self, claim: Committed, rounds: int, degree: int) -> tuple[list[int], Committed]:
        """Step 6.2: the point and the claim about the value there."""
        point = []
        for _ in range(rounds):
            coefficients = [self.reader.committed("round") for _ in range(degree)]
            point.append(self.transcript.challenge("r"))
            claim = next_claim(claim, coefficients, point[-1])
        return point, claim

    def _read_columns(self, domain: Expanded, point: list[int]) -> list[Value]:
        """Step 6.3: secret columns are read, public ones computed."""
        columns: list[Value] = []
        for column in domain.columns:
            public = public_value(column, domain.rho, point)
            if public is None:
                columns.append(self.reader.committed("evaluation"))
                self.known.claims.append(lift(columns[-1]))
            else:
                columns.append(public)
        return columns

    def _read_product(self, a: Committed, b: Committed) -> Committed:
        """Step 6.4: a commitment to a product."""
        c = self.reader.committed("product")
        self.known.products.append((a, b, c))
        return c

    def step_7_check_table(self, challenges: Challenges) -> None:
        """Each use of a row was counted."""
        s = table_inverses(self.system, challenges)
        claim = commit_combination(*((1, one) for one in self.known.sums.values()))
        point, claim = self.sumcheck(claim, log(len(s)), 2)
        multiplicity = self.reader.committed("evaluation")
        self.known.identities.append(
            commit_combination((value_at(s, point), multiplicity), (-1, claim))
        )
        self.known.claims.append(multiplicity)
        self.known.table_point = point

    def step_8_check_products(self) -> list[Committed]:
        """The two equations of each product, as sums that must be the identity."""
        read = self.reader
        masks = [
            (read.committed("product-mask"), read.committed("product-mask"))
            for _ in self.known.products
        ]
        e, equations = self.transcript.challenge("product"), []
        for (a, b, c), (a1, a2) in zip(self.known.products, masks, strict=True):
            z1, z2, z3 = (read.scalar("product-response") for _ in range(3))
            first = commit_combination((1, a1), (e, a), (-1, Committed({V: z1, H: z2})))
            second = commit_combination((1, a2), (e, c), (-z1, b), (-1, Committed({H: z3})))
            equations += [first, second]
        return equations

    def step_9_collect_claims(
        self, plan: Plan, challenges: Challenges
    ) -> tuple[list[Source], Committed]:
        """The sources, and the weighted sum of all claims."""
        self.known.claims += list(self.known.results.values())
        gammas = powers(self.transcript.challenge("gamma"), len(self.known.claims))
        beyond = self.transcript.challenge("beyond")
        sources = extend_sources(collect_sources(plan, challenges, gammas, self.known), beyond)
        return sources, commit_combination(*zip(gammas, self.known.claims, strict=True))

    def step_10_reduce_sources(
        self, sources: list[Source], claim: Committed
    ) -> tuple[list[Committed], list[int]]:
        """One point for all sources; returns the values o there."""
        point, claim = self.sumcheck(claim, log(len(sources[0].a)), 2)
        openings = [self.reader.committed("evaluation") for _ in sources]
        weights = eq(point)
        terms = [
            (inner(source.a, weights[: len(source.a)]), opening)
            for source, opening in zip(sources, openings, strict=True)
        ]
        self.known.identities.append(commit_combination(*terms, (-1, claim)))
        return openings, point

    def step_11_combine(
        self, sources: list[Source], openings: list[Committed]
    ) -> tuple[Committed, int]:
        """P and the scale c."""
        delta = self.transcript.challenge("delta")
        theta = self.transcript.challenge("theta")
        c = self.transcript.challenge("scale")
        deltas, thetas = powers(delta, len(sources)), powers(theta, len(self.known.identities))
        u = commit_combination(
            *(
                (factor, self._source_commitment(source))
                for factor, source in zip(deltas, sources, strict=True)
            )
        )
        o = commit_combination(*zip(deltas, openings, strict=True))
        z = commit_combination(*zip(thetas, self.known.identities, strict=True))
        return scale_together(u, o, z, c), c

    def _source_commitment(self, source: Source) -> Committed:
        rows = self.known.rows
        return commit_combination(
            *((weight, Committed({rows[matrix, row]: 1})) for weight, matrix, row in source.rows)
        )

    def steps_12_and_13_open(self, p: Committed, c: int, a: list[int]) -> Committed:
        """Fold by 4 if W > 256, then the opening: M + e P - ... must be the identity."""
        generators: list[Committed] = [Committed({("G", t): 1}) for t in range(len(a))]
        if len(a) > FOLD_ABOVE:
            crosses = [(k, self.reader.committed("fold")) for k in FOLD_POWERS]
            x = self.transcript.challenge("fold")
            if x == 0:
                raise Refused("proof-challenge", "fold is zero")
            p = commit_combination((1, p), *((pow(x, k, ORDER), cross) for k, cross in crosses))
            generators, a = fold_generators(generators, x), fold_numbers(a, invert(x))
        mask = self.reader.committed("mask")
        e = self.transcript.challenge("opening")
        z = [self.reader.scalar("response") for _ in a]
        zeta = self.reader.scalar("response")
        response = commit_combination(*zip(z, generators, strict=True))
        value = Committed({V: c * inner(z, a) % ORDER, H: zeta})
        return commit_combination((1, mask), (e, p), (-1, response), (-1, value))

    def step_14_check_equations(self, equations: list[Committed]) -> None:
        """All equations together, under powers of omega."""
        omegas = powers(self.transcript.challenge("omega"), len(equations))
        total = commit_combination(*zip(omegas, equations, strict=True))
        points = [self._resolve(base) for base in total.terms]
        if not is_identity(multi_scalar(list(total.terms.values()), points)):
            raise Refused("proof-false", "the equations do not hold")

    def _resolve(self, base: Base) -> Point:
        match base:
            case ("V", _):
                return value_generator()
            case ("H", _):
                return blinding_generator()
            case ("G", index):
                return entry_generator(index)
            case (_, number):
                return self.reader.points[number]


def _decode_input(encoding: bytes) -> Point:
    try:
        return decode(encoding)
    except ValueError:
        raise Refused("proof-input", "a point of an input matrix is not canonical") from None


def draw_challenges(system: System, transcript: Transcript) -> Challenges:
    """Step 4."""
    alpha = beta = 0
    if system.has_lookups:
        alpha, beta = transcript.challenge("alpha"), transcript.challenge("beta")
    challenges = Challenges(alpha, beta, {}, {})
    for number, domain in enumerate(system.domains):
        for m, product in enumerate(domain.products):
            classes = transcript.challenges("class", domain.kappa)
            challenges.classes[number, m] = classes
            challenges.features[number, m] = transcript.challenges("feature", log(product.p))
    return challenges


def claimed_sum(known: Known, domain: Expanded, number: int, lambdas: Sequence[int]) -> Committed:
    """The sum of lambda^c (claim of c) over the total constraints (step 6.1)."""
    claims: list[tuple[int, Value]] = []
    for factor, constraint in zip(lambdas, domain.constraints, strict=True):
        if constraint.claim is not None:
            kind, m = constraint.claim
            claim = known.sums[number] if kind == "sum" else known.results[number, m]
            claims.append((factor, claim))
    return commit_combination(*claims)


def domain_identity(
    lambdas: Sequence[int], weights: Sequence[int], values: Sequence[Value], claim: Committed
) -> Committed:
    """The polynomial at the point minus the claim (step 6.5)."""
    terms = [
        (factor * weight % ORDER, value)
        for factor, weight, value in zip(lambdas, weights, values, strict=True)
    ]
    return commit_combination(*terms, (-1, claim))


def next_claim(claim: Committed, coefficients: Sequence[Committed], r: int) -> Committed:
    """s(r) from c_0, c_2, ..., c_D, with c_1 = claim - 2 c_0 - c_2 - ... - c_D (step 6.2)."""
    zeroth, higher = coefficients[0], coefficients[1:]
    c_1 = commit_combination((1, claim), (-2, zeroth), *((-1, c) for c in higher))
    terms = [(pow(r, power, ORDER), c) for power, c in enumerate(higher, start=2)]
    return commit_combination((1, zeroth), (r, c_1), *terms)


def public_value(column: ColumnKind, rho: int, point: Sequence[int]) -> int | None:
    """The value of a public column at a point, None for secret ones."""
    r, s = point[:rho], point[rho:]
    match column:
        case ByRow(v):
            return value_at(v, r)
        case ByColumn(v):
            return value_at(v, s)
        case Inside(m, v, o):
            return (o + sum(eq(r)[:m]) * (value_at(v, s) - o)) % ORDER
        case _:
            return None


def constraint_weights(domain: Expanded, tau: Sequence[int], point: Sequence[int]) -> list[int]:
    """The weight of each constraint at the point (step 6.1)."""
    rho = domain.rho
    weights = {
        "point": eq_at(tau, point),
        "row": eq_at(tau[:rho], point[:rho]),
        "total": 1,
    }
    return [weights[constraint.weight] for constraint in domain.constraints]


def table_inverses(system: System, challenges: Challenges) -> list[int]:
    """s_t of step 7, padded with zeros."""
    if system.table is None:
        return []
    betas = powers(challenges.beta, system.table.arity)
    denominators = [(challenges.alpha + inner(betas, row)) % ORDER for row in system.table.rows]
    if 0 in denominators:
        raise Refused("proof-challenge", "a row of the table has the fingerprint zero")
    return invert_all(denominators) + [0] * (pad(len(denominators)) - len(denominators))


def collect_sources(
    plan: Plan, challenges: Challenges, gammas: Sequence[int], known: Known
) -> list[Source]:
    """The sources of step 9 in order; claims are numbered in the same order as `gammas`."""
    sources, at = [], 0
    for domain, point in zip(plan.domains, known.points, strict=True):
        own = gammas[at : at + len(domain.secret)]
        sources += domain_sources(domain, plan.matrices, point, own)
        at += len(domain.secret)
    if plan.multiplicity is not None:
        length = plan.matrices[plan.multiplicity].width
        parts = [(gammas[at], plan.multiplicity)]
        sources.append(plain_source(parts, plan.matrices, known.table_point, length))
        at += 1
    for number, declared in enumerate(plan.system.domains):
        for m, product in enumerate(declared.products):
            own_challenges = class_and_feature(challenges, number, m)
            result = plan.matrices[product.result]
            sources += product_sources(product, result, own_challenges, gammas[at])
            at += 1
    return sources


def scale_together(u: Committed, o: Committed, z: Committed, c: int) -> Committed:
    """P = U* + c O + c^3 Z (step 11)."""
    return commit_combination((1, u), (c, o), (pow(c, IDENTITY_POWER, ORDER), z))


def fold_generators(generators: Sequence[Committed], x: int) -> list[Committed]:
    """G' = the sum of x^-i G_i over the quarters (step 12)."""
    factors = [pow(x, -i, ORDER) for i in QUARTERS]
    quarters = _split(generators)
    return [
        commit_combination(*zip(factors, places, strict=True))
        for places in zip(*quarters, strict=True)
    ]


def fold_numbers(numbers: Sequence[int], x: int) -> list[int]:
    """The sum of x^i times the i-th quarter."""
    factors = [pow(x, i, ORDER) for i in QUARTERS]
    return [inner(factors, places) for places in zip(*_split(numbers), strict=True)]


def _split(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    q = len(entries) // 4
    return [entries[at * q : at * q + q] for at in range(4)]
