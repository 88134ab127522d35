//! The verifier (docs/spec/argument.md, steps 1 to 14). Nothing here indexes, unwraps or panics; shapes come from the system.

use ark_ff::{Zero, batch_inversion};
use cotrain_commitment::decode_points;
use cotrain_transcript::Transcript;
use curve25519_dalek::RistrettoPoint;

use crate::committed::{Combination, Committed, next_claim};
use crate::equations::Equation;
use crate::error::ProofError;
use crate::expansion::{EarlyChallenges, Expanded, expand};
use crate::field::{Field, powers};
use crate::folding::{DISTANCES, UNFOLDED, fold, fold_powers, power};
use crate::layout::element_count;
use crate::multilinear::{dot, eq_table};
use crate::nodes::{Operand, ProvenProduct, Weights, evaluate_nodes, identity};
use crate::openings::{ClaimChallenges, Point, Source, evaluate_public, log, sources};
use crate::program::Program;
use crate::reader::Reader;
use crate::system::{Matrix, System, Weight};

/// The committed points of each matrix.
type MatrixPoints = Vec<(Matrix, Vec<RistrettoPoint>)>;

/// Check a proof.
///
/// # Arguments
/// * `transcript`: the statement has been absorbed (step 1).
/// * `inputs`: the points of each input matrix, as they stand in the statement.
///
/// # Errors
/// Any [`ProofError`].
pub fn verify(
    system: &System,
    transcript: Transcript,
    inputs: &[&[u8]],
    proof: &[u8],
) -> Result<(), ProofError> {
    reduce(system, transcript, inputs, proof)?.check()
}

/// Check everything but the last multiplication, so that many proofs can share it: see [`Equation::check_all`].
///
/// # Errors
/// Any [`ProofError`] but the one of the equation.
pub fn reduce(
    system: &System,
    mut transcript: Transcript,
    inputs: &[&[u8]],
    proof: &[u8],
) -> Result<Equation, ProofError> {
    system.check()?;
    let points = absorb_inputs(system, &mut transcript, inputs)?;
    let reader = Reader::new(transcript, proof, element_count(system)?)?;
    let mut verifier = Verifier {
        system,
        reader,
        matrices: points,
        products: Vec::new(),
        identities: Vec::new(),
        claims: Vec::new(),
    };
    verifier.run()
}

// Step 2.
fn absorb_inputs(
    system: &System,
    transcript: &mut Transcript,
    inputs: &[&[u8]],
) -> Result<MatrixPoints, ProofError> {
    if inputs.len() != system.inputs.len() {
        return Err(ProofError::System("the number of inputs"));
    }
    let mut list = Vec::with_capacity(inputs.len());
    for (index, (bytes, shape)) in inputs.iter().zip(&system.inputs).enumerate() {
        let points =
            decode_points(bytes, shape.rows()).map_err(|_| ProofError::Input { matrix: index })?;
        transcript.absorb_long(b"input", bytes);
        list.push((Matrix::Input(index), points));
    }
    Ok(list)
}

struct Verifier<'a> {
    system: &'a System,
    reader: Reader<'a>,
    matrices: MatrixPoints,
    products: Vec<ProvenProduct<Combination>>,
    identities: Vec<Combination>,
    /// The committed values of step 9, in order.
    claims: Vec<Combination>,
}

impl Verifier<'_> {
    fn run(&mut self) -> Result<Equation, ProofError> {
        self.read_witnesses()?;
        let early = self.early_challenges();
        let expanded = expand(self.system, &early);
        self.read_helpers(&expanded)?;
        let (sums, results) = self.read_sums(&expanded)?;
        let mut ended = Vec::with_capacity(expanded.len());
        let mut values = results.iter();
        for ((domain, declared), sum) in expanded.into_iter().zip(&self.system.domains).zip(&sums) {
            let mut totals: Vec<&Combination> =
                values.by_ref().take(declared.products.len()).collect();
            totals.extend(sum);
            let point = self.check_domain(&domain, &totals)?;
            ended.push((domain, point));
        }
        let table_point = self.check_table(&early, &sums)?;
        self.claims.extend(results.iter().cloned());
        let products = self.check_products()?;
        self.check_opening(&ended, &table_point, &early, &products)
    }

    // Step 3.
    fn read_witnesses(&mut self) -> Result<(), ProofError> {
        for index in 0..self.system.witnesses.len() {
            self.read_matrix(Matrix::Witness(index), b"matrix")?;
        }
        if self.system.has_lookups() {
            self.read_matrix(Matrix::Multiplicities, b"multiplicity")?;
        }
        Ok(())
    }

    fn read_matrix(&mut self, matrix: Matrix, label: &'static [u8]) -> Result<(), ProofError> {
        let rows = self.system.shape(matrix)?.rows();
        let mut points = Vec::with_capacity(rows);
        for _ in 0..rows {
            self.reader.point(label)?;
            points.extend(self.reader.points.pop());
        }
        self.matrices.push((matrix, points));
        Ok(())
    }

    // Step 4.
    fn early_challenges(&mut self) -> EarlyChallenges {
        let (mut alpha, mut beta) = (Field::zero(), Field::zero());
        if self.system.has_lookups() {
            alpha = self.reader.challenge(b"alpha");
            beta = self.reader.challenge(b"beta");
        }
        let mut points = Vec::new();
        for domain in &self.system.domains {
            let mut list = Vec::new();
            for product in &domain.products {
                let class = self.reader.challenges(b"class", domain.column_variables);
                list.push((class, self.reader.challenges(b"feature", log(product.row))));
            }
            points.push(list);
        }
        EarlyChallenges {
            alpha,
            beta,
            points,
        }
    }

    // Step 5.
    fn read_helpers(&mut self, expanded: &[Expanded]) -> Result<(), ProofError> {
        for (index, domain) in expanded.iter().enumerate() {
            for group in 0..domain.groups.len() {
                self.read_matrix(Matrix::Helper(index, group), b"helper")?;
            }
        }
        Ok(())
    }

    fn read_sums(
        &mut self,
        expanded: &[Expanded],
    ) -> Result<(Vec<Option<Combination>>, Vec<Combination>), ProofError> {
        let mut sums = Vec::with_capacity(expanded.len());
        for domain in expanded {
            let looked_up = !domain.groups.is_empty();
            sums.push(if looked_up {
                Some(self.reader.committed(b"sum")?)
            } else {
                None
            });
        }
        let count = self
            .system
            .domains
            .iter()
            .map(|domain| domain.products.len())
            .sum();
        let results = (0..count)
            .map(|_| self.reader.committed(b"sum"))
            .collect::<Result<_, _>>()?;
        Ok((sums, results))
    }

    // Step 6.
    fn check_domain(
        &mut self,
        domain: &Expanded,
        totals: &[&Combination],
    ) -> Result<Point, ProofError> {
        let tau = self.reader.challenges(b"tau", domain.variables());
        let lambdas = powers(
            self.reader.challenge(b"lambda"),
            domain.program.constraints.len(),
        );
        let mut claim = total_claim(&domain.program, &lambdas, totals);
        let challenges = self.read_rounds(domain.variables(), domain.program.degree, &mut claim)?;
        let point = Point::new(&challenges, domain.row_variables);
        let mut columns = Vec::with_capacity(domain.columns.len());
        for column in &domain.columns {
            columns.push(if column.is_public() {
                Operand::Public(evaluate_public(column, &point))
            } else {
                let value = self.reader.committed(b"evaluation")?;
                self.claims.push(value.clone());
                Operand::Secret(value)
            });
        }
        let reader = &mut self.reader;
        let multiply = |_: &Combination, _: &Combination| reader.committed(b"product");
        let nodes = evaluate_nodes(&domain.program, &columns, &mut self.products, multiply)?;
        let row = tau.get(..domain.row_variables).unwrap_or_default();
        let weights = Weights {
            point: eq_at(&tau, &challenges),
            row: eq_at(row, &point.row),
        };
        self.identities.push(identity(
            &domain.program,
            &nodes,
            &lambdas,
            &weights,
            &claim,
        ));
        Ok(point)
    }

    // Step 6.2.
    fn read_rounds(
        &mut self,
        rounds: usize,
        degree: usize,
        claim: &mut Combination,
    ) -> Result<Vec<Field>, ProofError> {
        let mut challenges = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let mut coefficients = Vec::with_capacity(degree);
            for _ in 0..degree {
                coefficients.push(self.reader.committed(b"round")?);
            }
            let r = self.reader.challenge(b"r");
            *claim = next_claim(claim, &coefficients, r);
            challenges.push(r);
        }
        Ok(challenges)
    }

    // Step 7.
    fn check_table(
        &mut self,
        early: &EarlyChallenges,
        sums: &[Option<Combination>],
    ) -> Result<Vec<Field>, ProofError> {
        if !self.system.has_lookups() {
            return Ok(Vec::new());
        }
        let inverses = table_inverses(self.system, early)?;
        let mut claim = Combination::default();
        for sum in sums.iter().flatten() {
            claim.add_multiple(Field::from(1_u64), sum);
        }
        let rounds = log(self.system.table.rows().next_power_of_two());
        let point = self.read_rounds(rounds, 2, &mut claim)?;
        let value = self.reader.committed(b"evaluation")?;
        self.claims.push(value.clone());
        let mut zero = value;
        zero.scale(dot(&inverses, &eq_table(&point)));
        zero.add_multiple(-Field::from(1_u64), &claim);
        self.identities.push(zero);
        Ok(point)
    }

    // Step 8. Returns two equations for each product: what must be the identity, as points, V and H.
    fn check_products(&mut self) -> Result<Vec<(Combination, Field)>, ProofError> {
        let products = std::mem::take(&mut self.products);
        let mut masks = Vec::with_capacity(products.len());
        for _ in &products {
            masks.push((
                self.reader.committed(b"product-mask")?,
                self.reader.committed(b"product-mask")?,
            ));
        }
        if products.is_empty() {
            return Ok(Vec::new());
        }
        let e = self.reader.challenge(b"product");
        let mut equations = Vec::with_capacity(2 * products.len());
        for (product, (first, second)) in products.iter().zip(masks) {
            let z1 = self.reader.scalar(b"product-response")?;
            let z2 = self.reader.scalar(b"product-response")?;
            let z3 = self.reader.scalar(b"product-response")?;
            // A1 + e A - z1 V - z2 H
            let mut left = first;
            left.add_multiple(e, &product.left);
            left.add_multiple(-z1, &Combination::constant(Field::from(1_u64)));
            equations.push((left, -z2));
            // A2 + e C - z1 B - z3 H
            let mut right = second;
            right.add_multiple(e, &product.product);
            right.add_multiple(-z1, &product.right);
            equations.push((right, -z3));
        }
        Ok(equations)
    }

    // Steps 9 to 14.
    fn check_opening(
        &mut self,
        ended: &[(Expanded, Point)],
        table_point: &[Field],
        early: &EarlyChallenges,
        products: &[(Combination, Field)],
    ) -> Result<Equation, ProofError> {
        let challenges = ClaimChallenges {
            gamma: self.reader.challenge(b"gamma"),
            beyond: self.reader.challenge(b"beyond"),
        };
        let (list, count) = sources(self.system, ended, table_point, early, challenges)?;
        if count != self.claims.len() {
            return Err(ProofError::System("the number of claims"));
        }
        let mut claim = Combination::default();
        for (index, weight) in list.iter().flat_map(|source| &source.claims) {
            let value = self
                .claims
                .get(*index)
                .ok_or(ProofError::System("a claim that is not there"))?;
            claim.add_multiple(*weight, value);
        }
        // Step 10.
        let width = list.first().map_or(1, |source| source.functional.len());
        let point = self.read_rounds(log(width), 2, &mut claim)?;
        let eq = eq_table(&point);
        let mut zero = Combination::default();
        let mut ends = Vec::with_capacity(list.len());
        for source in &list {
            let end = self.reader.committed(b"evaluation")?;
            zero.add_multiple(dot(&source.functional, &eq), &end);
            ends.push(end);
        }
        zero.add_multiple(-Field::from(1_u64), &claim);
        self.identities.push(zero);
        let joined = self.join(&list, &ends)?;
        let (remaining, scalars) = self.check_final(joined, eq)?;
        self.add_up(products, remaining, &scalars)
    }

    /// Step 11: P as points of the proof, points of matrices, and V; and c.
    fn join(&mut self, list: &[Source], ends: &[Combination]) -> Result<Joined, ProofError> {
        let deltas = powers(self.reader.challenge(b"delta"), list.len());
        let thetas = powers(self.reader.challenge(b"theta"), self.identities.len());
        let scale = self.reader.challenge(b"scale");
        let mut proof = Combination::default();
        let mut rows = Vec::new();
        for ((source, end), delta) in list.iter().zip(ends).zip(&deltas) {
            proof.add_multiple(scale * delta, end);
            for (matrix, coefficients) in &source.rows {
                let known = self.matrices.iter().find(|(known, _)| known == matrix);
                let (_, points) = known.ok_or(ProofError::System("a matrix that is not there"))?;
                let pairs = points.iter().zip(coefficients);
                rows.extend(pairs.map(|(point, coefficient)| (*point, *delta * coefficient)));
            }
        }
        for (theta, identity) in thetas.iter().zip(&self.identities) {
            // The third power keeps apart what vectors hidden in committed values could add (docs/proofs/argument.md).
            proof.add_multiple(scale * scale * scale * theta, identity);
        }
        Ok(Joined { proof, rows, scale })
    }

    /// Steps 12 and 13: what must be the identity, its coefficients of G and of H.
    fn check_final(
        &mut self,
        joined: Joined,
        eq: Vec<Field>,
    ) -> Result<(Joined, FinalScalars), ProofError> {
        let Joined {
            mut proof,
            mut rows,
            scale,
        } = joined;
        let mut functional = eq;
        let mut inverses = None;
        if functional.len() > UNFOLDED {
            let mut terms = Vec::with_capacity(DISTANCES.len());
            for _ in DISTANCES {
                terms.push(self.reader.committed(b"fold")?);
            }
            let x = self.reader.challenge(b"fold");
            let (ups, downs) = fold_powers(x).ok_or(ProofError::Challenge)?;
            for (distance, term) in DISTANCES.iter().zip(&terms) {
                proof.add_multiple(power(*distance, &ups, &downs), term);
            }
            functional = fold(&functional, &downs);
            inverses = Some(downs);
        }
        let mask = self.reader.committed(b"mask")?;
        let e = self.reader.challenge(b"opening");
        let responses = self.reader.scalars(b"response", functional.len())?;
        let blinding = self.reader.scalar(b"response")?;
        // M + e P - sum z_t G'_t - c (sum z_t a'_t) V - zeta H
        proof.scale(e);
        proof.add_multiple(Field::from(1_u64), &mask);
        let product = scale * dot(&responses, &functional);
        proof.add_multiple(-product, &Combination::constant(Field::from(1_u64)));
        for (_, coefficient) in &mut rows {
            *coefficient *= e;
        }
        let parts: &[Field] = match &inverses {
            Some(factors) => factors,
            None => &[Field::from(1_u64)],
        };
        let generators = parts
            .iter()
            .flat_map(|factor| responses.iter().map(move |z| -(*factor * z)));
        let scalars = FinalScalars {
            generators: generators.collect(),
            blinding: -blinding,
        };
        Ok((Joined { proof, rows, scale }, scalars))
    }

    /// Step 14: all equations of this proof as one.
    fn add_up(
        &mut self,
        products: &[(Combination, Field)],
        last: Joined,
        scalars: &FinalScalars,
    ) -> Result<Equation, ProofError> {
        if !self.reader.is_done() {
            return Err(ProofError::System("elements that no step reads"));
        }
        let omega = self.reader.challenge(b"omega");
        let mut sum = Combination::default();
        let mut equation = Equation {
            digest: crate::field::to_bytes(&omega),
            ..Equation::default()
        };
        let mut weight = Field::from(1_u64);
        for (combination, blinding) in products {
            sum.add_multiple(weight, combination);
            equation.blinding += weight * blinding;
            weight *= omega;
        }
        sum.add_multiple(weight, &last.proof);
        equation.blinding += weight * scalars.blinding;
        equation.generators = scalars
            .generators
            .iter()
            .map(|scalar| weight * scalar)
            .collect();
        equation.value = sum.constant;
        equation.points = last
            .rows
            .into_iter()
            .map(|(point, factor)| (point, weight * factor))
            .collect();
        equation
            .points
            .extend(self.reader.points.iter().copied().zip(sum.points));
        Ok(equation)
    }
}

struct Joined {
    proof: Combination,
    rows: Vec<(RistrettoPoint, Field)>,
    scale: Field,
}

struct FinalScalars {
    generators: Vec<Field>,
    blinding: Field,
}

/// `sum over total constraints of lambda^c claim`.
fn total_claim(program: &Program, lambdas: &[Field], totals: &[&Combination]) -> Combination {
    let mut claim = Combination::default();
    let constraints = program.constraints.iter().zip(lambdas);
    let total = constraints.filter(|((weight, _), _)| *weight == Weight::Total);
    for ((_, lambda), value) in total.zip(totals) {
        claim.add_multiple(*lambda, value);
    }
    claim
}

/// `1 / (alpha + sum_c beta^c row_t,c)` for every row of the table.
fn table_inverses(system: &System, early: &EarlyChallenges) -> Result<Vec<Field>, ProofError> {
    let betas = powers(early.beta, system.table.arity);
    let rows = system.table.values.chunks(system.table.arity.max(1));
    let mut values: Vec<Field> = rows.map(|row| early.alpha + dot(row, &betas)).collect();
    if values.iter().any(Field::is_zero) {
        return Err(ProofError::Challenge);
    }
    batch_inversion(&mut values);
    Ok(values)
}

/// `eq(left)` at `right`.
fn eq_at(left: &[Field], right: &[Field]) -> Field {
    let one = Field::from(1_u64);
    left.iter()
        .zip(right)
        .map(|(&a, &b)| a * b + (one - a) * (one - b))
        .product()
}
