//! What can be wrong with a commitment, its opening or their bytes.

use std::fmt;

/// Everything that the functions of this crate refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentError {
    /// A row width (or generator index) of zero or above [`crate::MAX_WIDTH`].
    Width {
        /// The width asked for.
        width: usize,
    },
    /// Not one blinding for every row.
    BlindingCount {
        /// Rows, hence blindings, that the values need.
        expected: usize,
        /// Blindings given.
        got: usize,
    },
    /// Bytes shorter or longer than the shape says.
    Length {
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// Thirty-two bytes that are not the canonical encoding of a ristretto255 element.
    Point {
        /// Position in the list.
        index: usize,
    },
    /// Thirty-two bytes that are not a scalar below the group order.
    Scalar {
        /// Position in the list.
        index: usize,
    },
    /// A sum over no lists at all, whose length nobody knows.
    NothingToSum,
    /// A well-formed commitment that these values and blindings do not open.
    DoesNotOpen {
        /// First row that does not open.
        row: usize,
    },
}

impl CommitmentError {
    /// A stable identifier for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Width { .. } => "commitment-width",
            Self::BlindingCount { .. } => "commitment-blinding-count",
            Self::Length { .. } => "commitment-length",
            Self::Point { .. } => "commitment-bad-point",
            Self::Scalar { .. } => "commitment-bad-scalar",
            Self::NothingToSum => "commitment-nothing-to-sum",
            Self::DoesNotOpen { .. } => "commitment-does-not-open",
        }
    }
}

impl fmt::Display for CommitmentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Width { width } => {
                write!(
                    formatter,
                    "a row of {width} entries is not between 1 and {}",
                    crate::MAX_WIDTH
                )
            }
            Self::BlindingCount { expected, got } => {
                write!(
                    formatter,
                    "{expected} rows need {expected} blindings, not {got}"
                )
            }
            Self::Length { expected, got } => {
                write!(formatter, "{got} bytes where the shape needs {expected}")
            }
            Self::Point { index } => {
                write!(formatter, "point {index} is not canonical ristretto255")
            }
            Self::Scalar { index } => {
                write!(formatter, "scalar {index} is not below the group order")
            }
            Self::NothingToSum => write!(formatter, "there is no list to sum"),
            Self::DoesNotOpen { row } => {
                write!(formatter, "row {row} does not open to these values")
            }
        }
    }
}

impl std::error::Error for CommitmentError {}
