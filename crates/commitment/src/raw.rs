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

/// Return `sum_j scalars_j G_j` for full-size scalars, in variable time.
///
/// # Errors
/// [`CommitmentError::Width`] for more than [`crate::MAX_WIDTH`] scalars.
pub fn multiply_generators(scalars: &[Scalar]) -> Result<RistrettoPoint, CommitmentError> {
    let generators = generators(scalars.len())?;
    let points = generators.iter().take(scalars.len());
    Ok(RistrettoPoint::vartime_multiscalar_mul(scalars, points))
}
