//! What can be wrong with a statement, its witness or its proof.

use std::fmt;

use cotrain_argument::{ProofError, WitnessError};

/// Everything that the functions of this crate refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementError {
    /// Numbers of the statement that no agreement implies; names the number.
    Shape(&'static str),
    /// The prover's numbers do not satisfy the statement.
    Witness {
        /// Row of the segment, or entry of the update.
        place: usize,
        /// Column, where there is one.
        column: Option<usize>,
        /// What is wrong.
        what: &'static str,
    },
    /// The proof.
    Proof(ProofError),
}

impl fmt::Display for StatementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(formatter, "not a statement that can be proven: {what}"),
            Self::Witness {
                place,
                column: Some(column),
                what,
            } => {
                write!(formatter, "row {place}, column {column}: {what}")
            }
            Self::Witness {
                place,
                column: None,
                what,
            } => write!(formatter, "entry {place}: {what}"),
            Self::Proof(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for StatementError {}

impl From<ProofError> for StatementError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

impl From<WitnessError> for StatementError {
    fn from(error: WitnessError) -> Self {
        match error {
            WitnessError::Shape(what) => Self::Shape(what),
            WitnessError::System(error) => Self::Proof(error),
        }
    }
}

/// Refuse unless a condition on the statement holds.
pub(crate) fn require(condition: bool, what: &'static str) -> Result<(), StatementError> {
    if condition {
        Ok(())
    } else {
        Err(StatementError::Shape(what))
    }
}
