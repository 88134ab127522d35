//! What can be wrong with a model, and with a row.

use std::fmt;

/// A model that cannot be computed exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelError {
    /// A scale lies outside the range for which the arithmetic is exact; names the scale.
    Scale(&'static str),
    /// The number of weights is not classes x features.
    WeightCount,
    /// The weight vector of this class is longer than the bound.
    WeightNorm {
        /// Index of the class.
        class: usize,
    },
    /// The table does not have the length that the bounds ask for.
    TableLength {
        /// Entries that the bounds ask for.
        expected: usize,
    },
    /// A table entry lies outside its range.
    TableValue {
        /// Position of the entry.
        position: usize,
    },
}

/// What is wrong with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// The L2 norm of its features exceeds the row bound.
    Norm,
    /// Its label is not one that the model knows.
    Label(i16),
}

/// The first bad row of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowError {
    /// Position of the row in the block.
    pub row: usize,
    /// What is wrong with it.
    pub fault: RowFault,
}

/// Why a gradient could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingError {
    /// The model.
    Model(ModelError),
    /// A row.
    Row(RowError),
    /// The block is not a whole number of rows.
    BlockLength,
    /// The running sum does not have one entry per weight.
    SumLength,
    /// The running sum could leave the 64-bit range.
    SumRange,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale(name) => write!(f, "{name} is outside the range of exact arithmetic"),
            Self::WeightCount => write!(f, "the number of weights is not classes x features"),
            Self::WeightNorm { class } => {
                write!(f, "weight vector {class} is longer than the weight bound")
            }
            Self::TableLength { expected } => write!(f, "the table must have {expected} entries"),
            Self::TableValue { position } => write!(f, "table entry {position} is out of range"),
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            RowFault::Norm => write!(
                f,
                "row {}: the features are longer than the row bound",
                self.row
            ),
            RowFault::Label(label) => {
                write!(f, "row {}: {label} is not a label of this model", self.row)
            }
        }
    }
}

impl fmt::Display for TrainingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Row(error) => error.fmt(f),
            Self::BlockLength => write!(f, "the block is not a whole number of rows"),
            Self::SumLength => write!(f, "the running sum does not have one entry per weight"),
            Self::SumRange => write!(f, "the running sum could leave the 64-bit range"),
        }
    }
}

impl std::error::Error for ModelError {}
impl std::error::Error for RowError {}
impl std::error::Error for TrainingError {}

impl From<ModelError> for TrainingError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<RowError> for TrainingError {
    fn from(error: RowError) -> Self {
        Self::Row(error)
    }
}
