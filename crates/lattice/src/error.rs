//! What can be wrong, one variant per rule, each with a stable code.

use std::fmt;

/// Why an operation of this crate was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The number of parties is zero or above [`crate::MAX_PARTIES`].
    PartiesOutOfRange,
    /// The largest field is zero, or its sum over all parties does not fit one coefficient.
    FieldTooWide,
    /// A message without fields.
    NoFields,
    /// A field above the agreed maximum.
    FieldOutOfRange {
        /// Its position in the message.
        field: usize,
    },
    /// The key has already encrypted.
    KeyAlreadyUsed,
    /// A ciphertext whose length is not the one its parameters give.
    CiphertextLength {
        /// Bytes the parameters give.
        expected: usize,
        /// Bytes received.
        got: usize,
    },
    /// A coefficient that is not below the modulus.
    CoefficientNotCanonical {
        /// Its position.
        coefficient: usize,
    },
    /// Bits after the last coefficient that are not zero.
    PaddingNotZero,
    /// No ciphertext, or more than there are parties.
    SummandsOutOfRange,
    /// The key sum does not have one entry for each coefficient of the ring, or holds one that no sum of honest
    /// keys can reach.
    KeySumOutOfRange {
        /// The position of the entry; the degree of the ring if the length is wrong.
        coefficient: usize,
    },
    /// The opened error is above what the parties can have added: wrong key, wrong context, or a dishonest
    /// ciphertext.
    ErrorTooLarge {
        /// Its position.
        coefficient: usize,
    },
    /// An opened field is above the sum of the agreed maxima.
    SumTooLarge {
        /// The position of its coefficient.
        coefficient: usize,
    },
    /// Not 2 <= threshold <= holders <= [`crate::MAX_HOLDERS`].
    ThresholdInvalid,
    /// A holder that is zero or above [`crate::MAX_HOLDERS`].
    HolderOutOfRange,
    /// A holder who appears twice.
    HolderTwice {
        /// The holder.
        holder: u32,
    },
    /// Commitments whose length is not 32 bytes for each coefficient of the polynomial.
    CommitmentsLength,
    /// A commitment that is not the canonical encoding of a group element.
    CommitmentNotCanonical {
        /// Which coefficient of the polynomial it commits to.
        index: usize,
    },
    /// A share whose length is not the one its parameters give.
    ShareLength {
        /// Bytes the parameters give.
        expected: usize,
        /// Bytes received.
        got: usize,
    },
    /// A component of a share that is not below the group order.
    ShareNotCanonical {
        /// Its position.
        component: usize,
    },
    /// A share that is not on the polynomial that was committed to.
    ShareDoesNotFit,
    /// Nothing to add.
    NothingToSum,
    /// Fewer shares than the threshold.
    TooFewShares {
        /// How many there are.
        got: usize,
        /// How many are needed.
        needed: u32,
    },
    /// More shares than the threshold, not all on one polynomial.
    SharesDisagree,
}

impl Error {
    /// The stable identifier of the rule that was broken.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PartiesOutOfRange => "parties-out-of-range",
            Self::FieldTooWide => "field-too-wide",
            Self::NoFields => "no-fields",
            Self::FieldOutOfRange { .. } => "field-out-of-range",
            Self::KeyAlreadyUsed => "key-already-used",
            Self::CiphertextLength { .. } => "ciphertext-length",
            Self::CoefficientNotCanonical { .. } => "coefficient-not-canonical",
            Self::PaddingNotZero => "padding-not-zero",
            Self::SummandsOutOfRange => "summands-out-of-range",
            Self::KeySumOutOfRange { .. } => "key-sum-out-of-range",
            Self::ErrorTooLarge { .. } => "error-too-large",
            Self::SumTooLarge { .. } => "sum-too-large",
            Self::ThresholdInvalid => "threshold-invalid",
            Self::HolderOutOfRange => "holder-out-of-range",
            Self::HolderTwice { .. } => "holder-twice",
            Self::CommitmentsLength => "commitments-length",
            Self::CommitmentNotCanonical { .. } => "commitment-not-canonical",
            Self::ShareLength { .. } => "share-length",
            Self::ShareNotCanonical { .. } => "share-not-canonical",
            Self::ShareDoesNotFit => "share-does-not-fit",
            Self::NothingToSum => "nothing-to-sum",
            Self::TooFewShares { .. } => "too-few-shares",
            Self::SharesDisagree => "shares-disagree",
        }
    }
}

impl fmt::Display for Error {
    #[allow(clippy::too_many_lines, reason = "one short arm for each rule")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldOutOfRange { field } => {
                write!(f, "field {field} is above the agreed maximum")
            }
            Self::CiphertextLength { expected, got } => {
                write!(f, "a ciphertext of {got} bytes, expected {expected}")
            }
            Self::CoefficientNotCanonical { coefficient } => {
                write!(f, "coefficient {coefficient} is not below the modulus")
            }
            Self::KeySumOutOfRange { coefficient } => {
                write!(
                    f,
                    "coefficient {coefficient} of the key sum is beyond any sum of honest keys"
                )
            }
            Self::ErrorTooLarge { coefficient } => {
                write!(f, "coefficient {coefficient} opens to an impossible error")
            }
            Self::SumTooLarge { coefficient } => {
                write!(
                    f,
                    "coefficient {coefficient} holds a field above the sum of the maxima"
                )
            }
            Self::HolderTwice { holder } => write!(f, "holder {holder} appears twice"),
            Self::CommitmentNotCanonical { index } => {
                write!(f, "commitment {index} is not a canonical group element")
            }
            Self::ShareLength { expected, got } => {
                write!(f, "a share of {got} bytes, expected {expected}")
            }
            Self::ShareNotCanonical { component } => {
                write!(
                    f,
                    "component {component} of the share is not below the group order"
                )
            }
            Self::TooFewShares { got, needed } => write!(f, "{got} shares, {needed} needed"),
            Self::SharesDisagree => f.write_str("the shares are not on one polynomial"),
            Self::PartiesOutOfRange => f.write_str("the number of parties is out of range"),
            Self::FieldTooWide => {
                f.write_str("the sum of one field over all parties does not fit a coefficient")
            }
            Self::NoFields => f.write_str("a message needs at least one field"),
            Self::KeyAlreadyUsed => f.write_str("this key has already encrypted"),
            Self::PaddingNotZero => f.write_str("the bits after the last coefficient are not zero"),
            Self::SummandsOutOfRange => {
                f.write_str("the number of ciphertexts is not in 1..=parties")
            }
            Self::ThresholdInvalid => f.write_str("shares need 2 <= threshold <= holders"),
            Self::HolderOutOfRange => f.write_str("the holder is zero or above the maximum"),
            Self::CommitmentsLength => {
                f.write_str("not one commitment of 32 bytes for each threshold")
            }
            Self::ShareDoesNotFit => f.write_str("the share is not on the committed polynomial"),
            Self::NothingToSum => f.write_str("there is nothing to add"),
        }
    }
}

impl std::error::Error for Error {}
