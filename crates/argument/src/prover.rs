//! The prover (docs/spec/argument.md, steps 1 to 13).
//!
//! It trusts its own lists: a witness that does not satisfy the system gives a proof that is refused, never a panic for
//! shapes that [`prove`] has checked. Variable time: see "Security" in the specification.

#![allow(
    clippy::indexing_slicing,
    reason = "the prover's own lists; shapes are checked by `check_witness` and `System::check`"
)]

use ark_ff::{Zero, batch_inversion};
use cotrain_commitment::commit_rows;
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::committed::{Committed, Opened, next_claim};
use crate::error::WitnessError;
use crate::expansion::{EarlyChallenges, Expanded, expand};
use crate::field::{Field, powers, to_bytes, to_scalar};
use crate::folding::open_final;
use crate::multilinear::{bind, dot, eq_table};
use crate::nodes::{Operand, ProvenProduct, Weights, evaluate_nodes, identity};
use crate::openings::{ClaimChallenges, Point, Source, evaluate_public, log, open_column, sources};
use crate::points::{commit_rows as commit_field_rows, commit_value};
use crate::rounds::Interpolation;
use crate::system::{Column, Functional, Matrix, MatrixShape, System};
use crate::tables::{DomainTables, round_values};
use crate::values::Values;
use crate::writer::Writer;

/// Values and blindings of a committed matrix.
#[derive(Debug, Clone, Zeroize, ZeroizeOnDrop)]
pub struct Opening {
    /// Its entries.
    pub values: Values,
    /// One blinding for each of its commitments.
    pub blindings: Vec<Field>,
}

/// What the prover knows.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The input matrices.
    pub inputs: Vec<Opening>,
    /// The values of the witness matrices.
    pub witnesses: Vec<Values>,
    /// For each domain, for each lookup: the row of the table in each place.
    pub lookups: Vec<Vec<Vec<u32>>>,
}

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

fn check_witness(system: &System, witness: &Witness) -> Result<(), WitnessError> {
    let check = |fits: bool, what| {
        if fits {
            Ok(())
        } else {
            Err(WitnessError::Shape(what))
        }
    };
    check(
        witness.inputs.len() == system.inputs.len(),
        "the number of inputs",
    )?;
    for (opening, shape) in witness.inputs.iter().zip(&system.inputs) {
        check(
            opening.values.entries() == shape.entries,
            "the entries of an input",
        )?;
        check(
            opening.blindings.len() == shape.rows(),
            "the blindings of an input",
        )?;
    }
    let entries = witness.witnesses.iter().map(Values::entries);
    check(
        entries.eq(system.witnesses.iter().copied()),
        "the entries of a witness matrix",
    )?;
    check(witness.lookups.len() == system.domains.len(), "the lookups")?;
    for (lists, domain) in witness.lookups.iter().zip(&system.domains) {
        check(
            lists.len() == domain.lookups.len(),
            "the lookups of a domain",
        )?;
        for list in lists {
            check(
                list.len() == 1 << domain.variables(),
                "the places of a lookup",
            )?;
            let rows = system.table.rows();
            check(
                list.iter().all(|&row| (row as usize) < rows),
                "a row of the table",
            )?;
        }
    }
    Ok(())
}

/// A digest of all that is secret, so that nonces depend on it.
pub(crate) fn digest(witness: &Witness) -> Zeroizing<[u8; 64]> {
    let mut hash = Sha512::new();
    for opening in &witness.inputs {
        for blinding in &opening.blindings {
            hash.update(to_bytes(blinding));
        }
    }
    for values in witness
        .witnesses
        .iter()
        .chain(witness.inputs.iter().map(|input| &input.values))
    {
        match values {
            Values::Small(values) => values
                .iter()
                .for_each(|value| hash.update(value.to_le_bytes())),
            Values::Field(values) => values.iter().for_each(|value| hash.update(to_bytes(value))),
            Values::Rows(_) => {} // its blindings stand for it
        }
    }
    Zeroizing::new(hash.finalize().into())
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

    // Step 3.
    fn commit_witnesses(&mut self) -> Result<(), WitnessError> {
        for (index, values) in self.witness.witnesses.iter().enumerate() {
            self.commit_matrix(Matrix::Witness(index), values.clone(), b"matrix")?;
        }
        if self.system.has_lookups() {
            let mut counts = vec![0_i64; self.system.table.rows()];
            for row in self.witness.lookups.iter().flatten().flatten() {
                counts[*row as usize] += 1;
            }
            self.commit_matrix(
                Matrix::Multiplicities,
                Values::Small(counts),
                b"multiplicity",
            )?;
        }
        Ok(())
    }

    fn commit_matrix(
        &mut self,
        matrix: Matrix,
        values: Values,
        label: &'static [u8],
    ) -> Result<(), WitnessError> {
        let shape = self.system.shape(matrix)?;
        let blindings = self.writer.secrets(shape.rows());
        let points = commit_values(&values, shape, &blindings)?;
        self.writer.points(label, &points);
        self.made.push((matrix, Opening { values, blindings }));
        Ok(())
    }

    // Step 4.
    fn early_challenges(&mut self) -> EarlyChallenges {
        let lookups = self.system.has_lookups();
        let mut draw = |label| {
            if lookups {
                self.writer.challenge(label)
            } else {
                Field::zero()
            }
        };
        let (alpha, beta) = (draw(b"alpha"), draw(b"beta"));
        let mut points = Vec::new();
        for domain in &self.system.domains {
            let product = domain.products.iter().map(|product| {
                let class = self.writer.challenges(b"class", domain.column_variables);
                (class, self.writer.challenges(b"feature", log(product.row)))
            });
            points.push(product.collect());
        }
        EarlyChallenges {
            alpha,
            beta,
            points,
        }
    }

    /// The values of every affine node in every place, helpers left out.
    fn domain_tables(&self, domain: &Expanded) -> DomainTables {
        let mut tables = DomainTables::new(&domain.program, domain.variables());
        for (index, column) in domain.columns.iter().enumerate() {
            if tables.uses(index) && !matches!(column, Column::Full(Matrix::Helper(..))) {
                let values = Zeroizing::new(self.column_values(domain, column));
                tables.add_column(index, &values);
            }
        }
        tables
    }

    fn column_values(&self, domain: &Expanded, column: &Column) -> Vec<Field> {
        let (rows, places) = (1 << domain.row_variables, 1 << domain.column_variables);
        let by_row = |values: &dyn Fn(usize) -> Field| -> Vec<Field> {
            (0..rows)
                .flat_map(|i| std::iter::repeat_n(values(i), places))
                .collect()
        };
        match column {
            Column::Full(matrix) => {
                let mut values = self.opening(*matrix).values.to_field();
                values.resize(rows * places, Field::zero());
                values
            }
            Column::Row(matrix) => {
                let values = self.opening(*matrix).values.to_field();
                by_row(&|i| values.get(i).copied().unwrap_or_default())
            }
            Column::Product {
                matrix,
                functional,
                row,
            } => self.product_values(*matrix, *row, functional, rows, places),
            Column::ByRow(values) => by_row(&|i| values.get(i).copied().unwrap_or_default()),
            Column::ByColumn(values) => {
                let mut list = values.clone();
                list.resize(places, Field::zero());
                std::iter::repeat_n(list, rows).flatten().collect()
            }
            Column::Inside {
                rows: inside,
                by_column,
                beyond,
            } => {
                let mut list = by_column.clone();
                list.resize(places, Field::zero());
                let outside = vec![*beyond; places];
                (0..rows)
                    .flat_map(|i| {
                        if i < *inside {
                            list.clone()
                        } else {
                            outside.clone()
                        }
                    })
                    .collect()
            }
        }
    }

    fn product_values(
        &self,
        matrix: Matrix,
        row: usize,
        functional: &Functional,
        rows: usize,
        places: usize,
    ) -> Vec<Field> {
        let values = &self.opening(matrix).values;
        let repeat = |list: Vec<Field>| -> Vec<Field> {
            let mut all: Vec<Field> = list
                .into_iter()
                .flat_map(|value| std::iter::repeat_n(value, places))
                .collect();
            all.resize(rows * places, Field::zero());
            all
        };
        match (values, functional) {
            (Values::Rows(table), Functional::Same(v)) => repeat(table.times_field(v)),
            (Values::Rows(table), Functional::Each(lists)) => {
                let columns: Vec<Vec<Field>> = lists.iter().map(|v| table.times_small(v)).collect();
                let cell = |i: usize| {
                    columns
                        .iter()
                        .map(move |column| column.get(i).copied().unwrap_or_default())
                };
                (0..rows).flat_map(cell).collect()
            }
            (Values::Rows(table), Functional::Stride { step, offset }) => {
                let cell =
                    |line: &[i16], k: usize| line.get(step * k + offset).copied().unwrap_or(0);
                let lines = table.values.chunks(table.columns);
                let mut all: Vec<Field> = lines
                    .flat_map(|line| (0..places).map(move |k| Field::from(cell(line, k))))
                    .collect();
                all.resize(rows * places, Field::zero());
                all
            }
            _ => {
                let all = values.to_field();
                let line = |i: usize| all.get(i * row..(i + 1) * row).unwrap_or_default();
                let cell = |i: usize, k: usize| match functional {
                    Functional::Same(v) => dot(line(i), v),
                    Functional::Each(lists) => {
                        let v: Vec<Field> = lists[k].iter().map(|&v| Field::from(v)).collect();
                        dot(line(i), &v)
                    }
                    Functional::Stride { step, offset } => {
                        line(i).get(step * k + offset).copied().unwrap_or_default()
                    }
                };
                (0..rows)
                    .flat_map(|i| (0..places).map(move |k| (i, k)))
                    .map(|(i, k)| cell(i, k))
                    .collect()
            }
        }
    }

    // Step 5, first half.
    fn commit_helpers(
        &mut self,
        index: usize,
        domain: &Expanded,
        tables: &mut DomainTables,
        inverses: &[Field],
    ) -> Result<(), WitnessError> {
        let first = domain.columns.len() - domain.groups.len();
        for (group, range) in domain.groups.iter().enumerate() {
            let rows = &self.witness.lookups[index][range.clone()];
            let helper = helper_values(rows, inverses);
            tables.add_column(first + group, &helper);
            self.commit_matrix(
                Matrix::Helper(index, group),
                Values::Field(helper),
                b"helper",
            )?;
        }
        Ok(())
    }

    // Step 5, second half. Returns the sum of each domain's helpers, and the values of all matrix products.
    fn commit_sums(
        &mut self,
        expanded: &[Expanded],
        early: &EarlyChallenges,
    ) -> (Vec<Option<Opened>>, Vec<Opened>) {
        let mut sums = Vec::new();
        for (index, domain) in expanded.iter().enumerate() {
            let sum: Field = (0..domain.groups.len())
                .map(
                    |group| match &self.opening(Matrix::Helper(index, group)).values {
                        Values::Field(values) => values.iter().sum(),
                        _ => Field::zero(),
                    },
                )
                .sum();
            let looked_up = !domain.groups.is_empty();
            sums.push(looked_up.then(|| self.writer.commit(b"sum", sum)));
        }
        let mut products = Vec::new();
        for (domain, points) in self.system.domains.iter().zip(&early.points) {
            for (product, (class, feature)) in domain.products.iter().zip(points) {
                let values = self.opening(product.result).values.to_field();
                let features = eq_table(feature);
                let classes = eq_table(class);
                let lines = values.chunks(product.columns).zip(classes);
                let value = lines
                    .map(|(line, class)| class * dot(line, &features))
                    .sum();
                products.push(self.writer.commit(b"sum", value));
            }
        }
        (sums, products)
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

    // Steps 9 to 13.
    fn open(
        &mut self,
        ended: &[(Expanded, Point)],
        table_point: &[Field],
        early: &EarlyChallenges,
    ) -> Result<(), WitnessError> {
        let challenges = ClaimChallenges {
            gamma: self.writer.challenge(b"gamma"),
            beyond: self.writer.challenge(b"beyond"),
        };
        let (list, _) = sources(self.system, ended, table_point, early, challenges)?;
        let vectors: Vec<_> = list
            .iter()
            .map(|source| self.source_vector(source))
            .collect();
        let pairs = vectors
            .iter()
            .zip(&list)
            .map(|(vector, source)| (vector.0.to_vec(), source.functional.clone()));
        let pairs: Vec<_> = pairs.collect();
        let mut claim = Opened::default();
        for (index, weight) in list.iter().flat_map(|source| &source.claims) {
            claim.add_multiple(*weight, &self.claims[*index]);
        }
        let point = self.prove_inner(pairs, &mut claim);
        let eq = eq_table(&point);
        let mut zero = Opened::default();
        let mut ends = Vec::with_capacity(list.len());
        for (vector, source) in vectors.iter().zip(&list) {
            let end = self
                .writer
                .commit(b"evaluation", dot(vector.0.as_slice(), &eq));
            zero.add_multiple(dot(&source.functional, &eq), &end);
            ends.push(end);
        }
        zero.add_multiple(-Field::from(1_u64), &claim);
        self.identities.push(zero);
        self.open_joined(&vectors, &ends, &eq)
    }

    // Steps 11 to 13.
    fn open_joined(
        &mut self,
        vectors: &[(Zeroizing<Vec<Field>>, Field)],
        ends: &[Opened],
        functional: &[Field],
    ) -> Result<(), WitnessError> {
        let deltas = powers(self.writer.challenge(b"delta"), vectors.len());
        let thetas = powers(self.writer.challenge(b"theta"), self.identities.len());
        let scale = self.writer.challenge(b"scale");
        let mut joined = Zeroizing::new(vec![Field::zero(); functional.len()]);
        let mut blinding = Field::zero();
        for ((vector, secret), (delta, end)) in vectors.iter().zip(deltas.iter().zip(ends)) {
            joined
                .iter_mut()
                .zip(vector.iter())
                .for_each(|(sum, value)| *sum += *delta * value);
            blinding += *delta * (*secret + scale * end.blinding);
        }
        for (theta, identity) in thetas.iter().zip(&self.identities) {
            blinding += scale * scale * scale * theta * identity.blinding;
        }
        open_final(&mut self.writer, &joined, blinding, functional, scale)
    }

    /// The secret vector of a source and its blinding.
    fn source_vector(&self, source: &Source) -> (Zeroizing<Vec<Field>>, Field) {
        let mut vector = Zeroizing::new(vec![Field::zero(); source.width]);
        let mut blinding = Field::zero();
        for (matrix, coefficients) in &source.rows {
            let opening = self.opening(*matrix);
            let part = Zeroizing::new(opening.values.combine(coefficients, source.width));
            vector
                .iter_mut()
                .zip(part.iter())
                .for_each(|(sum, value)| *sum += value);
            blinding += dot(coefficients, &opening.blindings);
        }
        (vector, blinding)
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

/// Commit to the values of a matrix, row by row.
fn commit_values(
    values: &Values,
    shape: MatrixShape,
    blindings: &[Field],
) -> Result<Vec<RistrettoPoint>, WitnessError> {
    let wide = || WitnessError::Shape("a row is too wide");
    if let Values::Small(values) = values {
        let scalars: Vec<Scalar> = blindings.iter().map(to_scalar).collect();
        return commit_rows(values, shape.width, &Zeroizing::new(scalars)).map_err(|_| wide());
    }
    let entries = Zeroizing::new(values.to_field());
    commit_field_rows(&entries, shape.width, blindings).ok_or_else(wide)
}

/// The sum of the inverses of a group's fingerprints, in every place.
fn helper_values(rows: &[Vec<u32>], inverses: &[Field]) -> Vec<Field> {
    let places = rows.first().map_or(0, Vec::len);
    let sum = |place: usize| rows.iter().map(|list| inverses[list[place] as usize]).sum();
    (0..places).into_par_iter().map(sum).collect()
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
