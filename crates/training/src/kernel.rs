//! The gradient of a block of rows, in parallel over its parts.

use rayon::prelude::*;

use crate::dot::{Limbs, MAX_WEIGHT_BOUND};
use crate::error::{ModelError, RowError, RowFault, TrainingError};
use crate::layout::Layout;
use crate::residual::Residual;

/// Entries of a block that one task works on: large beside the cost of a task, small beside a dataset.
const TASK_ENTRIES: usize = 1 << 20;

/// What a model needs besides the shape of its rows.
#[derive(Debug, Clone)]
pub struct ModelParameters {
    /// Bits between a margin and its quotient.
    pub margin_shift: u32,
    /// Largest L2 norm of a weight vector.
    pub weight_bound: i64,
    /// Sigmoid or exponential table; empty for linear.
    pub table: Vec<i32>,
    /// classes x features, row-major.
    pub weights: Vec<i32>,
}

/// One model at one set of weights.
#[derive(Debug)]
pub struct Kernel {
    layout: Layout,
    residual: Residual,
    weights: Vec<Limbs>,
}

impl Kernel {
    /// Check the parameters against the layout and prepare the weights.
    ///
    /// # Errors
    /// A scale, the weights or the table do not fit.
    pub fn new(layout: Layout, parameters: ModelParameters) -> Result<Self, ModelError> {
        let ModelParameters {
            margin_shift,
            weight_bound,
            table,
            weights,
        } = parameters;
        if !(1..=MAX_WEIGHT_BOUND).contains(&weight_bound) {
            return Err(ModelError::Scale("weight_bound"));
        }
        if layout.classes().checked_mul(layout.features()) != Some(weights.len()) {
            return Err(ModelError::WeightCount);
        }
        let residual = Residual::new(layout, margin_shift, weight_bound, table)?;
        let vectors = weights.chunks(layout.features()).enumerate();
        let weights = vectors
            .map(|(class, vector)| bounded_limbs(class, vector, weight_bound))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            layout,
            residual,
            weights,
        })
    }

    /// The number of weights, and of entries of a gradient.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.layout.classes() * self.layout.features()
    }

    /// Add the gradient of a row-major block to `sum`, which has one entry per weight.
    ///
    /// # Errors
    /// A shape that does not fit, the first bad row, or a sum that could overflow; `sum` is then unchanged.
    pub fn add_rows(&self, rows: &[i16], sum: &mut [i64]) -> Result<(), TrainingError> {
        let columns = self.layout.columns();
        if !rows.len().is_multiple_of(columns) {
            return Err(TrainingError::BlockLength);
        }
        if sum.len() != self.dimension() {
            return Err(TrainingError::SumLength);
        }
        self.check_range(rows.len() / columns, sum)?;
        let task_rows = (TASK_ENTRIES / columns).max(1);
        let tasks = rows.par_chunks(task_rows * columns).enumerate();
        // The reduction keeps the order of the parts, so the error that survives is that of the first bad row.
        let total = tasks
            .map(|(part, block)| self.gradient(part * task_rows, block))
            .reduce(|| Ok(Vec::new()), merge)?;
        add_to(sum, &total);
        Ok(())
    }

    /// Every entry grows by at most rows x 2^f x C; with that it must stay inside 64 bits.
    fn check_range(&self, rows: usize, sum: &[i64]) -> Result<(), TrainingError> {
        let each = 1i64 << (self.layout.residual_bits() + self.layout.row_bits());
        let growth = i64::try_from(rows)
            .ok()
            .and_then(|rows| rows.checked_mul(each))
            .ok_or(TrainingError::SumRange)?;
        let fits = |entry: &i64| {
            entry
                .checked_abs()
                .is_some_and(|size| size.checked_add(growth).is_some())
        };
        if sum.iter().all(fits) {
            Ok(())
        } else {
            Err(TrainingError::SumRange)
        }
    }

    fn gradient(&self, first_row: usize, block: &[i16]) -> Result<Vec<i64>, RowError> {
        let columns = self.layout.columns();
        // This many products of at most 2^f x C fit in 32 bits.
        let narrow_rows =
            ((1usize << 31) - 1) >> (self.layout.residual_bits() + self.layout.row_bits());
        let mut wide = vec![0i64; self.dimension()];
        let mut narrow = vec![0i32; self.dimension()];
        let mut margins = vec![0i64; self.layout.classes()];
        let mut row = first_row;
        for group in block.chunks(narrow_rows.clamp(1, 1024) * columns) {
            for data in group.chunks(columns) {
                self.add_row(data, &mut margins, &mut narrow)
                    .map_err(|fault| RowError { row, fault })?;
                row += 1;
            }
            widen(&mut wide, &mut narrow);
        }
        Ok(wide)
    }

    fn add_row(
        &self,
        data: &[i16],
        margins: &mut [i64],
        narrow: &mut [i32],
    ) -> Result<(), RowFault> {
        let (features, label) = self.layout.split(data)?;
        for (margin, vector) in margins.iter_mut().zip(&self.weights) {
            *margin = vector.dot(features);
        }
        self.residual.apply(margins, label).ok_or(RowFault::Norm)?;
        // Step 4: g += e x.
        for (residual, part) in margins
            .iter()
            .zip(narrow.chunks_mut(self.layout.features()))
        {
            let residual = i16::try_from(*residual).map_err(|_| RowFault::Norm)?;
            add_multiple(part, residual, features);
        }
        Ok(())
    }
}

fn bounded_limbs(class: usize, vector: &[i32], bound: i64) -> Result<Limbs, ModelError> {
    let square: i128 = vector.iter().map(|&weight| i128::from(weight).pow(2)).sum();
    if square > i128::from(bound).pow(2) {
        return Err(ModelError::WeightNorm { class });
    }
    Limbs::split(vector).ok_or(ModelError::WeightNorm { class })
}

fn add_multiple(sum: &mut [i32], factor: i16, features: &[i16]) {
    for (entry, &x) in sum.iter_mut().zip(features) {
        // At most `narrow_rows` such products are added, so nothing wraps; the wrapping form lets the loop vectorise.
        *entry = entry.wrapping_add(i32::from(factor).wrapping_mul(i32::from(x)));
    }
}

fn widen(wide: &mut [i64], narrow: &mut [i32]) {
    for (sum, part) in wide.iter_mut().zip(narrow) {
        *sum = sum.wrapping_add(i64::from(*part));
        *part = 0;
    }
}

fn add_to(sum: &mut [i64], part: &[i64]) {
    for (entry, part) in sum.iter_mut().zip(part) {
        // `check_range` has bounded the result.
        *entry = entry.wrapping_add(*part);
    }
}

fn merge(
    left: Result<Vec<i64>, RowError>,
    right: Result<Vec<i64>, RowError>,
) -> Result<Vec<i64>, RowError> {
    let (mut left, right) = (left?, right?);
    if left.is_empty() {
        return Ok(right);
    }
    add_to(&mut left, &right);
    Ok(left)
}
