//! The prover (docs/spec/argument.md, steps 1 to 13).
//!
//! It trusts its own lists: a witness that does not satisfy the system gives a proof that is refused, never a panic for
//! shapes that [`prove`] has checked. Variable time: see "Security" in the specification.

#![allow(
    clippy::indexing_slicing,
    reason = "the prover's own lists; shapes are checked by `check_witness` and `System::check`"
)]

use ark_ff::{Zero, batch_inversion};
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::committed::{Committed, Opened, next_claim};
use crate::error::WitnessError;
use crate::expansion::{EarlyChallenges, Expanded, expand};
use crate::field::{Field, powers};
use crate::multilinear::{bind, dot, eq_table};
use crate::nodes::{Operand, ProvenProduct, Weights, evaluate_nodes, identity};
use crate::openings::{Point, evaluate_public, log, open_column};
use crate::points::commit_value;
use crate::rounds::Interpolation;
use crate::system::{Matrix, System};
use crate::tables::{DomainTables, round_values};
use crate::writer::Writer;

mod commitments;
mod opening;
mod witness;

use self::witness::check_witness;
pub(crate) use self::witness::digest;
pub use self::witness::{Opening, Witness};

/// Make a proof.
///
/// # Arguments
/// * `transcript`: the statement has been absorbed (step 1).
/// * `inputs`: the points of each input matrix, as they stand in the statement.
/// * `entropy`: fresh for each proof.
///
/// # Errors
/// The system contradicts itself, or the witness does not have its shape. That the witness satisfies the constraints is not
/// checked here.
pub fn prove(
    system: &System,
    mut transcript: Transcript,
    inputs: &[&[u8]],
    witness: &Witness,
    entropy: &[u8; ENTROPY_BYTES],
) -> Result<Vec<u8>, WitnessError> {
    system.check()?;
    check_witness(system, witness)?;
    for points in inputs {
        transcript.absorb_long(b"input", points); // step 2
    }
    let secrets = transcript.secrets(&digest(witness)[..], entropy);
    let mut prover = Prover {
        system,
        witness,
        writer: Writer::new(transcript, secrets),
        made: Vec::new(),
        products: Vec::new(),
        identities: Vec::new(),
        claims: Vec::new(),
    };
    prover.run()?;
    Ok(prover.writer.finish())
}

struct Prover<'a> {
    system: &'a System,
    witness: &'a Witness,
    writer: Writer,
    /// The matrices that this proof commits to.
    made: Vec<(Matrix, Opening)>,
    products: Vec<ProvenProduct<Opened>>,
    identities: Vec<Opened>,
    /// The committed values of step 9, in order.
    claims: Vec<Opened>,
}

impl Drop for Prover<'_> {
    fn drop(&mut self) {
        self.identities.zeroize();
        self.claims.zeroize();
        for product in &mut self.products {
            product.left.zeroize();
            product.right.zeroize();
            product.product.zeroize();
        }
    }
}

impl Prover<'_> {
    fn run(&mut self) -> Result<(), WitnessError> {
        self.commit_witnesses()?;
        let early = self.early_challenges();
        let expanded = expand(self.system, &early);
        let inverses = table_inverses(self.system, &early);
        let mut tables: Vec<DomainTables> = Vec::with_capacity(expanded.len());
        for (index, domain) in expanded.iter().enumerate() {
            let mut arrays = self.domain_tables(domain);
            self.commit_helpers(index, domain, &mut arrays, &inverses)?;
            tables.push(arrays);
        }
        let (sums, results) = self.commit_sums(&expanded, &early);
        let mut ended = Vec::with_capacity(expanded.len());
        let mut products = results.iter().copied();
        for (index, (domain, arrays)) in expanded.into_iter().zip(tables).enumerate() {
            let count = self.system.domains[index].products.len();
            let mut claims: Vec<Opened> = products.by_ref().take(count).collect();
            claims.extend(sums[index]);
            let point = self.prove_domain(&domain, arrays, &claims)?;
            ended.push((domain, point));
        }
        let table_point = self.prove_table(&inverses, &sums);
        self.claims.extend(results);
        self.prove_products();
        self.open(&ended, &table_point, &early)
    }

    // Step 6.
    fn prove_domain(
        &mut self,
        domain: &Expanded,
        mut tables: DomainTables,
        totals: &[Opened],
    ) -> Result<Point, WitnessError> {
        let n = domain.variables();
        let tau = self.writer.challenges(b"tau", n);
        let lambdas = powers(
            self.writer.challenge(b"lambda"),
            domain.program.constraints.len(),
        );
        tables.weigh(&domain.program, &lambdas, &tau, domain.row_variables);
        let mut claim = total_claim(&domain.program.constraints, &lambdas, totals);
        let interpolation = Interpolation::new(domain.program.degree);
        let mut challenges = Vec::with_capacity(n);
        for _ in 0..n {
            let values = round_values(&domain.program, &tables, claim.value);
            let coefficients = Zeroizing::new(interpolation.coefficients(&values));
            let r = self.prove_round(&coefficients, &mut claim);
            tables.bind(r);
            challenges.push(r);
        }
        let point = Point::new(&challenges, domain.row_variables);
        let columns = self.commit_evaluations(domain, &point)?;
        let writer = &mut self.writer;
        let multiply = |left: &Opened, right: &Opened| -> Result<Opened, WitnessError> {
            Ok(writer.commit(b"product", left.value * right.value))
        };
        let nodes = evaluate_nodes(&domain.program, &columns, &mut self.products, multiply)?;
        let (row_tau, row_point) = (&tau[..domain.row_variables], &point.row);
        let weights = Weights {
            point: eq_at(&tau, &challenges),
            row: eq_at(row_tau, row_point),
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

    /// Commit to `c_0, c_2, ..., c_D`, draw the challenge, and move the claim on.
    fn prove_round(&mut self, coefficients: &[Field], claim: &mut Opened) -> Field {
        let sent = coefficients
            .iter()
            .enumerate()
            .filter(|(power, _)| *power != 1);
        let sent: Vec<Opened> = sent
            .map(|(_, value)| self.writer.commit(b"round", *value))
            .collect();
        let r = self.writer.challenge(b"r");
        *claim = next_claim(claim, &sent, r);
        r
    }

    fn commit_evaluations(
        &mut self,
        domain: &Expanded,
        point: &Point,
    ) -> Result<Vec<Operand<Opened>>, WitnessError> {
        let mut columns = Vec::with_capacity(domain.columns.len());
        // Columns that are read off one matrix by the same rows share `left^T M`.
        let mut combined: Vec<(Matrix, usize, Vec<Field>)> = Vec::new();
        for column in &domain.columns {
            let Some(opening) = open_column(self.system, column, point)? else {
                columns.push(Operand::Public(evaluate_public(column, point)));
                continue;
            };
            let (matrix, rows) = (opening.matrix, opening.left.len());
            let known = combined
                .iter()
                .position(|(m, r, _)| (*m, *r) == (matrix, rows));
            let place = known.unwrap_or_else(|| {
                let vector = self
                    .opening(matrix)
                    .values
                    .combine(&opening.left, opening.width);
                combined.push((matrix, rows, vector));
                combined.len() - 1
            });
            let value = dot(&combined[place].2, &opening.right);
            let evaluation = self.writer.commit(b"evaluation", value);
            self.claims.push(evaluation);
            columns.push(Operand::Secret(evaluation));
        }
        Ok(columns)
    }

    // Step 7.
    fn prove_table(&mut self, inverses: &[Field], sums: &[Option<Opened>]) -> Vec<Field> {
        if !self.system.has_lookups() {
            return Vec::new();
        }
        let mut claim = Opened::default();
        sums.iter()
            .flatten()
            .for_each(|sum| claim.add_multiple(Field::from(1_u64), sum));
        let counts = self.opening(Matrix::Multiplicities).values.to_field();
        let point = self.prove_inner(vec![(counts, inverses.to_vec())], &mut claim);
        let eq = eq_table(&point);
        let value = dot(&self.opening(Matrix::Multiplicities).values.to_field(), &eq);
        let evaluation = self.writer.commit(b"evaluation", value);
        self.claims.push(evaluation);
        let mut zero = evaluation;
        zero.scale(dot(inverses, &eq));
        zero.add_multiple(-Field::from(1_u64), &claim);
        self.identities.push(zero);
        point
    }

    /// Sumcheck of a sum of products of two vectors; return the point.
    fn prove_inner(
        &mut self,
        mut pairs: Vec<(Vec<Field>, Vec<Field>)>,
        claim: &mut Opened,
    ) -> Vec<Field> {
        let longest = pairs
            .iter()
            .map(|(left, right)| left.len().max(right.len()))
            .max();
        let length = longest.unwrap_or(1).next_power_of_two();
        for (left, right) in &mut pairs {
            left.resize(length, Field::zero());
            right.resize(length, Field::zero());
        }
        let mut point = Vec::new();
        for _ in 0..log(length) {
            let coefficients = Zeroizing::new(inner_round(&pairs));
            let r = self.prove_round(&coefficients, claim);
            for (left, right) in &mut pairs {
                bind(left, r);
                bind(right, r);
            }
            point.push(r);
        }
        for (left, _) in &mut pairs {
            left.zeroize();
        }
        point
    }

    // Step 8.
    fn prove_products(&mut self) {
        if self.products.is_empty() {
            return;
        }
        let products = std::mem::take(&mut self.products);
        let mut masks = Vec::with_capacity(products.len());
        for product in &products {
            let (x, first, second) = (
                self.writer.secret(),
                self.writer.secret(),
                self.writer.secret(),
            );
            let base = &product.right; // x B + s2 H, with B = b V + r_b H
            let masked = commit_value(&(x * base.value), &(x * base.blinding + second));
            self.writer
                .points(b"product-mask", &[commit_value(&x, &first), masked]);
            masks.push(Zeroizing::new([x, first, second]));
        }
        let e = self.writer.challenge(b"product");
        for (product, mask) in products.iter().zip(&masks) {
            let ProvenProduct {
                left,
                right,
                product,
            } = product;
            let slack = product.blinding - left.value * right.blinding;
            let responses = [
                mask[0] + e * left.value,
                mask[1] + e * left.blinding,
                mask[2] + e * slack,
            ];
            self.writer.scalars(b"product-response", &responses);
        }
        self.products = products; // wiped with the rest
    }

    fn opening(&self, matrix: Matrix) -> &Opening {
        let made = || {
            self.made
                .iter()
                .find(|(known, _)| *known == matrix)
                .map(|(_, opening)| opening)
        };
        match matrix {
            Matrix::Input(index) => &self.witness.inputs[index],
            _ => made().unwrap_or_else(|| &self.witness.inputs[0]), // steps 3 and 5 make every other matrix
        }
    }
}

/// `1 / (alpha + sum_c beta^c row_t,c)` for every row of the table.
pub(crate) fn table_inverses(system: &System, early: &EarlyChallenges) -> Vec<Field> {
    let betas = powers(early.beta, system.table.arity);
    let rows = system.table.values.chunks(system.table.arity.max(1));
    let mut values: Vec<Field> = rows.map(|row| early.alpha + dot(row, &betas)).collect();
    batch_inversion(&mut values);
    values
}

/// `sum over total constraints of lambda^c claim`.
pub(crate) fn total_claim<C: Committed>(
    constraints: &[(crate::system::Weight, usize)],
    lambdas: &[Field],
    totals: &[C],
) -> C {
    let mut claim = C::constant(Field::zero());
    let total = constraints
        .iter()
        .zip(lambdas)
        .filter(|((weight, _), _)| *weight == crate::system::Weight::Total);
    for ((_, lambda), value) in total.zip(totals) {
        claim.add_multiple(*lambda, value);
    }
    claim
}

/// `eq(point)` at another point.
pub(crate) fn eq_at(left: &[Field], right: &[Field]) -> Field {
    let one = Field::from(1_u64);
    left.iter()
        .zip(right)
        .map(|(&a, &b)| a * b + (one - a) * (one - b))
        .product()
}

/// The coefficients of the round polynomial of a sum of products of two vectors.
fn inner_round(pairs: &[(Vec<Field>, Vec<Field>)]) -> Vec<Field> {
    let mut sums = [Field::zero(); 3];
    for (left, right) in pairs {
        let half = left.len() / 2;
        let (a0, a1) = left.split_at(half);
        let (b0, b1) = right.split_at(half);
        let part = |range: std::ops::Range<usize>| {
            let mut sums = [Field::zero(); 3];
            for i in range {
                let (low, high) = (a0[i] * b0[i], (a1[i] - a0[i]) * (b1[i] - b0[i]));
                sums[0] += low;
                sums[1] += a1[i] * b1[i] - low - high;
                sums[2] += high;
            }
            sums
        };
        let chunk = 1 << 12;
        let parts = (0..half.div_ceil(chunk)).into_par_iter();
        let list: Vec<[Field; 3]> = parts
            .map(|c| part(c * chunk..((c + 1) * chunk).min(half)))
            .collect();
        for part in list {
            sums.iter_mut()
                .zip(part)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    sums.to_vec()
}
