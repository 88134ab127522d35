//! What can be wrong with the inputs.

use std::error::Error;
use std::fmt;

/// An input that the sampler refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseError {
    /// The table has an even number of thresholds, fewer than 3, or more than `2^32 - 1`.
    TableLength(usize),
    /// The first threshold is not zero.
    FirstThreshold,
    /// The threshold at this index is below the one before it.
    Decreasing(usize),
    /// The threshold at this index is not the mirror image of its counterpart: the noise would be biased.
    Asymmetric(usize),
    /// The seed is not 32 bytes long.
    SeedLength(usize),
    /// More samples are asked for at once than [`MAX_COUNT`](crate::MAX_COUNT).
    Count(usize),
}

impl fmt::Display for NoiseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableLength(length) => {
                write!(
                    formatter,
                    "a table has an odd number of thresholds from 3 to 2^32 - 1, not {length}"
                )
            }
            Self::FirstThreshold => write!(formatter, "the first threshold is not 0"),
            Self::Decreasing(index) => {
                write!(formatter, "threshold {index} is below the one before it")
            }
            Self::Asymmetric(index) => write!(
                formatter,
                "threshold {index} does not mirror its counterpart"
            ),
            Self::SeedLength(length) => write!(formatter, "a seed has 32 bytes, not {length}"),
            Self::Count(count) => write!(formatter, "{count} samples at once are too many"),
        }
    }
}

impl Error for NoiseError {}
