//! The shape of a row and the rules that every row keeps.

use rayon::prelude::*;

use crate::dot::square_norm_within;
use crate::error::{ModelError, RowError, RowFault, TrainingError};

/// Largest `residual_bits` and `row_bits`: residuals and features stay within `i16`, their products within `i32`.
const MAX_BITS: u32 = 14;

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Least squares with a clipped residual; labels in `[-2^f, 2^f]`.
    Linear,
    /// Two classes; labels 0 and 1.
    Logistic,
    /// K classes; labels 0 to K - 1.
    Softmax,
}

/// The shape of a dataset row and the bounds it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    kind: Kind,
    features: usize,
    classes: usize,
    row_bits: u32,
    residual_bits: u32,
}

impl Layout {
    /// A layout with `features` columns and one label, `row_bits` = log2 of the row bound, `residual_bits` = f.
    ///
    /// # Errors
    /// A shape or scale outside the range of exact arithmetic.
    pub fn new(
        kind: Kind,
        (features, classes): (usize, usize),
        (row_bits, residual_bits): (u32, u32),
    ) -> Result<Self, ModelError> {
        let enough_classes = if kind == Kind::Softmax {
            (2..=1 << 15).contains(&classes)
        } else {
            classes == 1
        };
        if !(1..=1 << 20).contains(&features) {
            return Err(ModelError::Scale("features"));
        }
        if !enough_classes {
            return Err(ModelError::Scale("classes"));
        }
        if row_bits > MAX_BITS {
            return Err(ModelError::Scale("row_bits"));
        }
        if !(1..=MAX_BITS).contains(&residual_bits) {
            return Err(ModelError::Scale("residual_bits"));
        }
        Ok(Self {
            kind,
            features,
            classes,
            row_bits,
            residual_bits,
        })
    }

    /// Which model.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Feature columns, the bias column included.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Weight vectors.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// log2 of the row bound.
    #[must_use]
    pub fn row_bits(&self) -> u32 {
        self.row_bits
    }

    /// f: residuals are in units of 2^-f.
    #[must_use]
    pub fn residual_bits(&self) -> u32 {
        self.residual_bits
    }

    /// Columns of a row: the features and the label.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.features + 1
    }

    /// Step 1: check one row and return its features and its label.
    pub(crate) fn split<'a>(&self, row: &'a [i16]) -> Result<(&'a [i16], i16), RowFault> {
        let (&label, features) = row.split_last().ok_or(RowFault::Norm)?;
        if !square_norm_within(features, self.row_bits) {
            return Err(RowFault::Norm);
        }
        if !self.knows(label) {
            return Err(RowFault::Label(label));
        }
        Ok((features, label))
    }

    fn knows(&self, label: i16) -> bool {
        match self.kind {
            Kind::Linear => u32::from(label.unsigned_abs()) <= 1 << self.residual_bits,
            Kind::Logistic => label == 0 || label == 1,
            Kind::Softmax => usize::try_from(label).is_ok_and(|class| class < self.classes),
        }
    }

    /// Check every row of a row-major block.
    ///
    /// # Errors
    /// The block is not a whole number of rows, or its first bad row.
    pub fn check_rows(&self, rows: &[i16]) -> Result<(), TrainingError> {
        let columns = self.columns();
        if !rows.len().is_multiple_of(columns) {
            return Err(TrainingError::BlockLength);
        }
        let check = |(row, data)| self.split(data).err().map(|fault| RowError { row, fault });
        let first = rows
            .par_chunks(columns)
            .enumerate()
            .with_min_len(256)
            .find_map_first(check);
        first.map_or(Ok(()), |error| Err(error.into()))
    }
}
