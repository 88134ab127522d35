"""A small slow prover of docs/spec/argument.md, to make proofs for the verifiers to judge.

It keeps the verifier's combinations, and beside each point what is inside. It takes any `Scalars`
for randomness and leaks time; nobody's secrets belong in here.
"""

from collections.abc import Callable, Sequence

from reference import argument
from reference.argument import (
    FOLD_POWERS,
    Fields,
    Known,
    claimed_sum,
    collect_sources,
    constraint_weights,
    domain_identity,
    draw_challenges,
    fold_numbers,
    next_claim,
    table_inverses,
)
from reference.claims import Source, extend_sources
from reference.committed import Base, Committed, H, V, Value, commit_combination
from reference.committing import (
    CommittedMatrix,
    Entries,
    Opening,
    Scalars,
    commit_opening,
    commit_row,
    commit_value,
)
from reference.expansion import Challenges, Expanded, all_matrices, fingerprint
from reference.field import ORDER, inner, invert, invert_all, powers
from reference.multilinear import bind, eq, interpolate, value_at
from reference.plan import FOLD_ABOVE, Plan, make_plan
from reference.program import evaluate
from reference.reader import SIZE, TAG
from reference.ristretto import Point, encode
from reference.system import (
    Affine,
    ByColumn,
    ByRow,
    ColumnKind,
    Full,
    Inside,
    ProductColumn,
    Row,
    System,
    is_secret,
)
from reference.transcript import Transcript


def prove(
    system: System,
    fields: Fields,
    inputs: Sequence[CommittedMatrix],
    witnesses: Sequence[Entries],
    rng: Scalars,
) -> bytes:
    """Make a proof; if the witness is false, the proof is too."""
    return Prover(system, fields, inputs, witnesses, rng).run()


class Prover:
    """One run of the prover; methods are the steps of the verifier."""

    def __init__(
        self,
        system: System,
        fields: Fields,
        inputs: Sequence[CommittedMatrix],
        witnesses: Sequence[Entries],
        rng: Scalars,
    ) -> None:
        self.system, self.fields, self.inputs, self.rng = system, fields, inputs, rng
        self.transcript = Transcript(b"cotrain/argument/1")
        self.proof = bytearray(TAG)
        self.count = 0
        self.known = Known()
        self.openings: dict[Base, Opening] = {V: (1, 0), H: (0, 1)}
        self.matrices, self.multiplicity, self.helpers = all_matrices(system)
        self.entries: dict[int, Entries] = {}
        self.blindings: dict[tuple[int, int], int] = {}
        self.gammas: list[int] = []
        for number, matrix in zip(system.inputs, inputs, strict=True):
            self.entries[number] = matrix.entries
            self.blindings |= {(number, b): r for b, r in enumerate(matrix.blindings)}
        self.entries |= dict(zip(system.witnesses, witnesses, strict=True))

    # What is written.

    def write_point(self, label: str, point: Point) -> Base:
        """Write a point; returns its name."""
        encoding = encode(point)
        self.transcript.append_message(label.encode(), encoding)
        self.proof += encoding
        self.count += 1
        return "point", self.count - 1

    def write_value(self, label: str, value: int) -> Committed:
        """Write a fresh commitment to a value."""
        opening = (value % ORDER, self.rng.draw())
        base = self.write_point(label, commit_value(opening))
        self.openings[base] = opening
        return Committed({base: 1})

    def write_scalar(self, label: str, scalar: int) -> None:
        """Write a scalar."""
        encoding = (scalar % ORDER).to_bytes(SIZE, "little")
        self.transcript.append_message(label.encode(), encoding)
        self.proof += encoding

    def write_matrix(self, number: int, label: str, entries: Entries) -> None:
        """Write the commitments of a matrix."""
        matrix = self.matrices[number]
        self.entries[number] = entries
        for b in range(matrix.commitments):
            self.blindings[number, b] = self.rng.draw()
            row = entries[b * matrix.width :][: matrix.width]
            point = commit_row(row, self.blindings[number, b])
            self.known.rows[number, b] = self.write_point(label, point)

    def opening(self, committed: Committed) -> Opening:
        """What is inside a combination."""
        pairs = [(c, self.openings[base]) for base, c in committed.terms.items()]
        value, blinding = sum(c * v for c, (v, _) in pairs), sum(c * r for c, (_, r) in pairs)
        return value % ORDER, blinding % ORDER

    # The steps.

    def run(self) -> bytes:
        """All steps in order."""
        self.steps_1_and_2_absorb()
        for number in self.system.witnesses:  # step 3
            self.write_matrix(number, "matrix", self.entries[number])
        if self.multiplicity is not None:
            self.write_matrix(self.multiplicity, "multiplicity", self.count_rows())
        challenges = draw_challenges(self.system, self.transcript)  # step 4
        plan = make_plan(self.system, challenges)
        self.step_5_helpers_and_sums(plan, challenges)
        for number in range(len(plan.domains)):
            self.step_6_domain(plan, number)
        if plan.multiplicity is not None:
            self.step_7_table(plan.multiplicity, challenges)
        if self.known.products:
            self.step_8_products()
        sources = self.step_9_claims(plan, challenges)
        openings, point = self.step_10_sources(sources)
        self.steps_11_to_13_open(sources, openings, eq(point))
        return bytes(self.proof)

    def steps_1_and_2_absorb(self) -> None:
        """The statement and the inputs."""
        for label, message in self.fields:
            self.transcript.append_message(label.encode(), message)
        for number, matrix in zip(self.system.inputs, self.inputs, strict=True):
            points = matrix.points
            self.transcript.append_long(b"input", points)
            for b in range(len(points) // SIZE):
                self.known.rows[number, b] = ("point", self.count)
                self.count += 1

    def places(self, form: Affine, domain: int) -> list[int]:
        """The values of an affine form over the declared columns, in every place."""
        declared = self.system.domains[domain]
        size = 1 << (declared.rho + declared.kappa)
        out = [form.constant] * size
        for number, coefficient in form.terms:
            values = self.column(declared.columns[number], declared.rho, declared.kappa)
            out = [(a + coefficient * b) % ORDER for a, b in zip(out, values, strict=True)]
        return out

    def column(self, column: ColumnKind, rho: int, kappa: int) -> list[int]:
        """The values of a column in every place."""
        rows, columns = range(1 << rho), range(1 << kappa)
        match column:
            case Full(matrix):
                return _padded(self.entries[matrix], len(rows) * len(columns))
            case Row(matrix):
                entries = _padded(self.entries[matrix], len(rows))
                return [entries[i] for i in rows for _ in columns]
            case ProductColumn(matrix, p, b):
                m = _padded(self.entries[matrix], len(rows) * p)
                return [
                    sum(m[i * p + j] * x for j, x in b[k]) % ORDER for i in rows for k in columns
                ]
            case ByRow(v):
                return [v[i] % ORDER for i in rows for _ in columns]
            case ByColumn(v):
                return [v[k] % ORDER for _ in rows for k in columns]
            case Inside(m, v, o):
                return [(v[k] if i < m else o) % ORDER for i in rows for k in columns]

    def count_rows(self) -> list[int]:
        """The multiplicities; what is not in the table is not counted."""
        if self.system.table is None:
            return []
        rows = [tuple(entry % ORDER for entry in row) for row in self.system.table.rows]
        numbers = {row: t for t, row in reversed(list(enumerate(rows)))}
        counts = [0] * len(rows)
        for domain, declared in enumerate(self.system.domains):
            for lookup in declared.lookups:
                forms = [self.places(form, domain) for form in lookup]
                for row in zip(*forms, strict=True):
                    if row in numbers:
                        counts[numbers[row]] += 1
        return counts

    def step_5_helpers_and_sums(self, plan: Plan, challenges: Challenges) -> None:
        """Each helper is the sum over its group of 1 / F; then the sums, then the results R^."""
        for number, domain in enumerate(plan.domains):
            for helper, group in zip(domain.helpers, domain.groups, strict=True):
                values = [self.places(fingerprint(form, challenges), number) for form in group]
                inverses = [invert_all(column) for column in values]
                entries = [sum(place) % ORDER for place in zip(*inverses, strict=True)]
                self.write_matrix(helper, "helper", entries)
        for number, domain in enumerate(plan.domains):
            if domain.groups:
                total = sum(sum(self.entries[helper]) for helper in domain.helpers)
                self.known.sums[number] = self.write_value("sum", total)
        for (number, m), classes in challenges.classes.items():
            product = self.system.domains[number].products[m]
            features, r = challenges.features[number, m], self.entries[product.result]
            rows = [r[k * product.d :][: product.d] for k in range(product.classes)]
            by_class = [inner(eq(features)[: product.d], row) for row in rows]
            result = inner(eq(classes)[: product.classes], by_class)
            self.known.results[number, m] = self.write_value("sum", result)

    def sumcheck(
        self,
        claim: Committed,
        tables: list[list[int]],
        degree: int,
        at_place: Callable[[list[int]], int],
    ) -> tuple[list[int], Committed]:
        """Rounds of step 6.2 for the sum of at_place over the rows of `tables`."""
        point: list[int] = []
        while len(tables[0]) > 1:
            values = []
            for x in range(degree + 1):
                bound = [bind(table, x) for table in tables]
                values.append(sum(at_place(list(place)) for place in zip(*bound, strict=True)))
            coefficients = self.round_coefficients(interpolate(values))
            point.append(self.transcript.challenge("r"))
            claim = next_claim(claim, coefficients, point[-1])
            tables = [bind(table, point[-1]) for table in tables]
        return point, claim

    def round_coefficients(self, coefficients: list[int]) -> list[Committed]:
        """Write c_0, c_2, ..., c_D."""
        return [self.write_value("round", c) for power, c in enumerate(coefficients) if power != 1]

    def step_6_domain(self, plan: Plan, number: int) -> None:
        """One domain."""
        domain, program = plan.domains[number], plan.programs[number]
        tau = self.transcript.challenges("tau", domain.n)
        lambdas = powers(self.transcript.challenge("lambda"), len(domain.constraints))
        columns = [self.column(column, domain.rho, domain.kappa) for column in domain.columns]
        by_row = [one for one in eq(tau[: domain.rho]) for _ in range(1 << domain.kappa)]
        kinds = [constraint.weight for constraint in domain.constraints]

        def at_place(place: list[int]) -> int:
            weight = {"total": 1, "point": place[0], "row": place[1]}
            values = _numbers(evaluate(program, place[2:], _never))
            at_roots = zip(lambdas, kinds, program.roots, strict=True)
            return sum(factor * weight[kind] * values[root] for factor, kind, root in at_roots)

        claim = claimed_sum(self.known, domain, number, lambdas)
        tables = [eq(tau), by_row, *columns]
        point, claim = self.sumcheck(claim, tables, plan.degrees[number], at_place)
        at_end = self._write_evaluations(domain, columns, point)
        nodes = evaluate(program, at_end, self._write_product)
        roots = [nodes[root] for root in program.roots]
        weights = constraint_weights(domain, tau, point)
        self.known.identities.append(domain_identity(lambdas, weights, roots, claim))
        self.known.points.append(point)

    def _write_evaluations(
        self, domain: Expanded, columns: list[list[int]], point: list[int]
    ) -> list[Value]:
        at_end: list[Value] = []
        for column, entries in zip(domain.columns, columns, strict=True):
            value = value_at(entries, point)
            if is_secret(column):
                committed = self.write_value("evaluation", value)
                self.known.claims.append(committed)
                at_end.append(committed)
            else:
                at_end.append(value)
        return at_end

    def _write_product(self, a: Committed, b: Committed) -> Committed:
        c = self.write_value("product", self.opening(a)[0] * self.opening(b)[0])
        self.known.products.append((a, b, c))
        return c

    def step_7_table(self, multiplicity: int, challenges: Challenges) -> None:
        """The table."""
        s = table_inverses(self.system, challenges)
        counts = _padded(self.entries[multiplicity], len(s))
        claim = commit_combination(*((1, one) for one in self.known.sums.values()))
        point, claim = self.sumcheck(claim, [counts, s], 2, lambda place: place[0] * place[1])
        value = self.write_value("evaluation", value_at(counts, point))
        self.known.identities.append(commit_combination((value_at(s, point), value), (-1, claim)))
        self.known.claims.append(value)
        self.known.table_point = point

    def step_8_products(self) -> None:
        """A1 = x V + s1 H, A2 = x B + s2 H; z1 = x + e a, z2 = s1 + e r_a, z3 = s2 + e (r_c - a r_b)."""
        secrets = []
        for _, b, _ in self.known.products:
            x, s1, s2 = (self.rng.draw() for _ in range(3))
            value, blinding = self.opening(b)
            self.write_point("product-mask", commit_value((x, s1)))
            self.write_point("product-mask", commit_value((x * value, x * blinding + s2)))
            secrets.append((x, s1, s2))
        e = self.transcript.challenge("product")
        for (x, s1, s2), values in zip(secrets, self.known.products, strict=True):
            (a, r_a), (_, r_b), (_, r_c) = map(self.opening, values)
            for z in (x + e * a, s1 + e * r_a, s2 + e * (r_c - a * r_b)):
                self.write_scalar("product-response", z)

    def step_9_claims(self, plan: Plan, challenges: Challenges) -> list[Source]:
        """The sources; the claims are summed up in step 10."""
        self.known.claims += list(self.known.results.values())
        self.gammas = powers(self.transcript.challenge("gamma"), len(self.known.claims))
        beyond = self.transcript.challenge("beyond")
        return extend_sources(collect_sources(plan, challenges, self.gammas, self.known), beyond)

    def secret_vector(self, source: Source) -> tuple[list[int], int]:
        """The vector u of a source and its blinding."""
        u, blinding = [0] * len(source.a), 0
        for weight, matrix, b in source.rows:
            width = self.matrices[matrix].width
            row = _padded(self.entries[matrix][b * width :][: min(width, len(u))], len(u))
            u = [(x + weight * y) % ORDER for x, y in zip(u, row, strict=True)]
            blinding += weight * self.blindings[matrix, b]
        return u, blinding % ORDER

    def step_10_sources(self, sources: list[Source]) -> tuple[list[Committed], list[int]]:
        """The sumcheck over all sources, and their values at its point."""
        us = [self.secret_vector(source)[0] for source in sources]
        publics = [source.a for source in sources]
        claim = commit_combination(*zip(self.gammas, self.known.claims, strict=True))

        def at_place(place: list[int]) -> int:
            return inner(place[: len(us)], place[len(us) :])

        point, claim = self.sumcheck(claim, us + publics, 2, at_place)
        openings = [self.write_value("evaluation", value_at(u, point)) for u in us]
        terms = [(value_at(a, point), o) for a, o in zip(publics, openings, strict=True)]
        self.known.identities.append(commit_combination(*terms, (-1, claim)))
        return openings, point

    def steps_11_to_13_open(
        self, sources: list[Source], openings: list[Committed], a: list[int]
    ) -> None:
        """Combine, fold, open."""
        delta, theta = self.transcript.challenge("delta"), self.transcript.challenge("theta")
        c = self.transcript.challenge("scale")
        u, blinding = self.combined_secret(sources, openings, (delta, theta, c), len(a))
        quarters = [1]  # G' is the sum of factor times quarter of the generators
        if len(a) > FOLD_ABOVE:
            x, cross_blindings = self._write_crosses(u, a, c)
            quarters = [pow(x, -i, ORDER) for i in argument.QUARTERS]
            u, a = fold_numbers(u, x), fold_numbers(a, invert(x))
            blinding += sum(pow(x, k, ORDER) * r for k, r in cross_blindings.items())
        masks, mask_blinding = [self.rng.draw() for _ in a], self.rng.draw()
        spread = [factor * m % ORDER for factor in quarters for m in masks]
        mask = commit_opening(spread, range(len(spread)), c * inner(masks, a), mask_blinding)
        self.write_point("mask", mask)
        e = self.transcript.challenge("opening")
        for m, entry in zip(masks, u, strict=True):
            self.write_scalar("response", m + e * entry)
        self.write_scalar("response", mask_blinding + e * blinding)

    def combined_secret(
        self,
        sources: list[Source],
        openings: list[Committed],
        challenges: tuple[int, int, int],
        width: int,
    ) -> tuple[list[int], int]:
        """What is inside P: the vector u* and the blinding."""
        delta, theta, c = challenges
        u, blinding = [0] * width, 0
        for factor, source, o in zip(powers(delta, len(sources)), sources, openings, strict=True):
            vector, r = self.secret_vector(source)
            u = [(x + factor * y) % ORDER for x, y in zip(u, _padded(vector, width), strict=True)]
            blinding += factor * (r + c * self.opening(o)[1])
        thetas = powers(theta, len(self.known.identities))
        for factor, identity in zip(thetas, self.known.identities, strict=True):
            blinding += pow(c, argument.IDENTITY_POWER, ORDER) * factor * self.opening(identity)[1]
        return u, blinding % ORDER

    def _write_crosses(self, u: list[int], a: list[int], c: int) -> tuple[int, dict[int, int]]:
        """X_k commits to the sum over i - j = k of <u_i, G_j> + c <u_i, a_j> V."""
        q = len(u) // 4
        quarters = [range(i * q, i * q + q) for i in range(4)]
        blindings = {}
        for k in FOLD_POWERS:
            pairs = [(quarters[i], quarters[i - k]) for i in range(4) if 0 <= i - k < 4]
            scalars = [u[t] for own, _ in pairs for t in own]
            places = [t for _, other in pairs for t in other]
            value = c * sum(x * a[t] for x, t in zip(scalars, places, strict=True))
            blindings[k] = self.rng.draw()
            self.write_point("fold", commit_opening(scalars, places, value, blindings[k]))
        return self.transcript.challenge("fold"), blindings


def _never(_a: Committed, _b: Committed) -> Committed:
    raise TypeError("the prover evaluates numbers")


def _numbers(values: list[Value]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _padded(entries: Sequence[int], size: int) -> list[int]:
    own = [entry % ORDER for entry in entries[:size]]
    return own + [0] * (size - len(own))
