//! What can be wrong with a proof, or with what a prover brings.

use std::fmt;

/// Everything that the verifier refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// Not as many bytes as the system says.
    Length {
        /// Bytes that a proof of this system has.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// Not the format tag of this version.
    Format,
    /// A point or scalar that is not canonical; counted from 0 in the order of the proof.
    Encoding {
        /// Its number.
        element: usize,
    },
    /// The points of an input matrix: another number than the system says, or one that is not canonical.
    Input {
        /// Number of the matrix among the inputs.
        matrix: usize,
    },
    /// A challenge for which the argument is not defined; an honest prover meets one with probability 2^-240.
    Challenge,
    /// The equations do not hold.
    False,
    /// The system contradicts itself: a fault of the caller.
    System(&'static str),
}

impl fmt::Display for ProofError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, got } => {
                write!(
                    formatter,
                    "a proof of this statement has {expected} bytes, not {got}"
                )
            }
            Self::Format => write!(
                formatter,
                "the proof does not begin with the tag of this version"
            ),
            Self::Encoding { element } => {
                write!(formatter, "element {element} of the proof is not canonical")
            }
            Self::Input { matrix } => {
                write!(
                    formatter,
                    "commitments number {matrix} are not those of the statement's shape"
                )
            }
            Self::Challenge => write!(formatter, "a challenge of the proof cannot be inverted"),
            Self::False => write!(formatter, "the proof does not hold for this statement"),
            Self::System(what) => write!(formatter, "the system is not well formed: {what}"),
        }
    }
}

impl std::error::Error for ProofError {}

/// Why a proof cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WitnessError {
    /// A value list or a list of blindings does not have the shape that the system says.
    Shape(&'static str),
    /// The system itself.
    System(ProofError),
}

impl fmt::Display for WitnessError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(formatter, "the witness does not fit the system: {what}"),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for WitnessError {}

impl From<ProofError> for WitnessError {
    fn from(error: ProofError) -> Self {
        Self::System(error)
    }
}
