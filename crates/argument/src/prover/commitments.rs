//! What the prover commits to before any sumcheck (steps 3 to 5): matrices, helpers of lookups, sums.

#![allow(
    clippy::indexing_slicing,
    reason = "the prover's own lists; shapes are checked by `check_witness` and `System::check`"
)]

use ark_ff::Zero;
use cotrain_commitment::commit_rows;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{Opening, Prover};
use crate::committed::Opened;
use crate::error::WitnessError;
use crate::expansion::{EarlyChallenges, Expanded};
use crate::field::{Field, to_scalar};
use crate::multilinear::{dot, eq_table};
use crate::openings::log;
use crate::points::commit_rows as commit_field_rows;
use crate::system::{Column, Functional, Matrix, MatrixShape};
use crate::tables::DomainTables;
use crate::values::Values;

impl Prover<'_> {
    // Step 3.
    pub(super) fn commit_witnesses(&mut self) -> Result<(), WitnessError> {
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
    pub(super) fn early_challenges(&mut self) -> EarlyChallenges {
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
    pub(super) fn domain_tables(&self, domain: &Expanded) -> DomainTables {
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
    pub(super) fn commit_helpers(
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
    pub(super) fn commit_sums(
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
