"""Provers that do not follow docs/spec/argument.md, for the second verifier to refuse."""

from collections.abc import Callable
from itertools import product

from reference import argument
from reference.argument import next_claim
from reference.claims import Source
from reference.committed import Committed, commit_combination
from reference.committing import Scalars, commit_input, commit_value
from reference.field import ORDER, inner, invert, log
from reference.multilinear import bind, eq, interpolate, value_at
from reference.prover import Prover
from reference.ristretto import add, entry_generator, multi_scalar
from reference.statements import Statement

Vector = list[int]


def padded(vector: Vector, width: int) -> Vector:
    return vector + [0] * (width - len(vector))


class VectorsInValues(Prover):
    """Hides a false identity 0 behind vectors inside of committed values.

    Nothing shows that a "committed value" is a V + r H alone. Here the rounds and the first value
    of step 10 have parts along G_0, G_1, ... as well. With z the error of identity 0, a_0 the
    public vector of source 0 and e = eq(r), the claim's part after all rounds is
    p(r) = z a_0 + (<e, e> t - <t, e> e) / (W - 1), which has <p(r), e> = z <a_0, e> for every r,
    degree 2 in each variable, and sums to 0 over all places when t = -W z a_0: a claim without
    parts leads there. The first value o_0 gets a part g with <g, a*> = z. Then the identity of step
    10 has the part <a_0, a*> g - p, orthogonal to a*, and the cross term c^2 <g, a*> of P's own
    inner product stands exactly where step 11 puts c^2 z.
    """

    def step_10_sources(self, sources: list[Source]) -> tuple[list[Committed], list[int]]:
        us = [self.secret_vector(source)[0] for source in sources]
        publics = [source.a for source in sources]
        width = len(publics[0])
        claim = commit_combination(*zip(self.gammas, self.known.claims, strict=True))
        error = self.opening(self.known.identities[0])[0]
        part = _claim_part(error, publics[0])
        point: Vector = []
        tables = us + publics
        for _ in range(log(width)):
            coefficients = self._mixed_round(tables, len(us), point, part)
            point.append(self.transcript.challenge("r"))
            claim = next_claim(claim, coefficients, point[-1])
            tables = [bind(table, point[-1]) for table in tables]
        own = padded([error * invert(eq(point)[0]) % ORDER], width)
        openings = [self._write_mixed("evaluation", value_at(us[0], point), own)]
        openings += [self.write_value("evaluation", value_at(u, point)) for u in us[1:]]
        weights = [value_at(a, point) for a in publics]
        terms = zip(weights, openings, strict=True)
        self.known.identities.append(commit_combination(*terms, (-1, claim)))
        self._parts = [own, [weights[0] * g - p for g, p in zip(own, part(point), strict=True)]]
        return openings, point

    def combined_secret(
        self,
        sources: list[Source],
        openings: list[Committed],
        challenges: tuple[int, int, int],
        width: int,
    ) -> tuple[list[int], int]:
        u, blinding = super().combined_secret(sources, openings, challenges, width)
        _, theta, c = challenges
        last = pow(theta, len(self.known.identities) - 1, ORDER)
        scale = pow(c, argument.IDENTITY_POWER, ORDER) * last
        first, second = self._parts
        mixed = zip(u, first, second, strict=True)
        return [(x + c * y + scale * z) % ORDER for x, y, z in mixed], blinding

    def _mixed_round(
        self, tables: list[Vector], count: int, point: Vector, part: Callable[[Vector], Vector]
    ) -> list[Committed]:
        values, vectors = [], []
        free = log(len(tables[0])) - 1
        for x in range(3):
            places = zip(*(bind(table, x) for table in tables), strict=True)
            values.append(sum(inner(place[:count], place[count:]) for place in places))
            parts = [part([*point, x, *rest]) for rest in product((0, 1), repeat=free)]
            vectors.append([sum(column) for column in zip(*parts, strict=True)])
        coefficients = interpolate(values)
        by_power = list(zip(*map(interpolate, zip(*vectors, strict=True)), strict=True))
        return [self._write_mixed("round", coefficients[k], list(by_power[k])) for k in (0, 2)]

    def _write_mixed(self, label: str, value: int, vector: Vector) -> Committed:
        opening = (value % ORDER, self.rng.draw())
        generators = [entry_generator(t) for t in range(len(vector))]
        point = add(commit_value(opening), multi_scalar(vector, generators))
        base = self.write_point(label, point)
        self.openings[base] = opening
        return Committed({base: 1})


def _claim_part(error: int, a: Vector) -> Callable[[Vector], Vector]:
    width = len(a)
    t = [-width * error * entry % ORDER for entry in a]
    scale = invert(width - 1)

    def part(r: Vector) -> Vector:
        e = eq(r)
        e_e, t_e = inner(e, e), inner(t, e)
        rows = zip(a, t, e, strict=True)
        return [(error * x + scale * (e_e * y - t_e * z)) % ORDER for x, y, z in rows]

    return part


class EntriesBeyond(Prover):
    """Commits to entries of input matrix 1 beyond the places that its domain has."""

    def secret_vector(self, source: Source) -> tuple[list[int], int]:
        u, blinding = super().secret_vector(source)
        for weight, matrix, _ in source.rows:
            if matrix == 1:
                hidden = list(self.inputs[1].entries)[self.matrices[1].entries :]
                for place, entry in enumerate(hidden, self.matrices[1].entries):
                    u[place] = (u[place] + weight * entry) % ORDER
        return u, blinding


def forge(
    prover: type[Prover],
    statement: Statement,
    inputs: list[list[int]],
    witnesses: list[list[int]],
) -> tuple[list[str], str]:
    """Points of the inputs and a proof, both hexadecimal, by a prover of the given kind."""
    rng = Scalars(b"forger")
    matrices = [commit_input(entries, 1024, rng) for entries in inputs]
    made = prover(statement.system, statement.fields, matrices, witnesses, rng)
    return [matrix.points.hex() for matrix in matrices], made.run().hex()
