//! Parts of a commitment for arguments that assemble them: multiples of H, and full-size rows in variable time.

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};

use crate::error::CommitmentError;
use crate::generators::{blinding_table, generators};

/// Return `blinding * H`, in constant time.
#[must_use]
pub fn multiply_blinding(blinding: &Scalar) -> RistrettoPoint {
    blinding_table() * blinding
}

/// Return `sum_j scalars_j G_j` for full-size scalars, in variable time; zeros cost nothing.
///
/// # Errors
/// [`CommitmentError::Width`] for more than [`crate::MAX_WIDTH`] scalars.
pub fn multiply_generators(scalars: &[Scalar]) -> Result<RistrettoPoint, CommitmentError> {
    let generators = generators(scalars.len())?;
    let pairs = scalars.iter().zip(generators.iter());
    let used: Vec<(&Scalar, &RistrettoPoint)> =
        pairs.filter(|(s, _)| **s != Scalar::ZERO).collect();
    let (scalars, points) = (
        used.iter().map(|pair| pair.0),
        used.iter().map(|pair| pair.1),
    );
    Ok(RistrettoPoint::vartime_multiscalar_mul(scalars, points))
}

/// Return the sum of the first `count` generators.
///
/// # Errors
/// [`CommitmentError::Width`] for more than [`crate::MAX_WIDTH`].
pub fn sum_generators(count: usize) -> Result<RistrettoPoint, CommitmentError> {
    Ok(generators(count)?.iter().take(count).sum())
}
