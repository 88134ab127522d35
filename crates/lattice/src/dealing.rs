//! Deal a key to its holders (Pedersen, "Non-interactive and information-theoretic secure verifiable secret
//! sharing", CRYPTO 1991), with a vector in place of one secret.
//!
//! Spec: `docs/spec/key-sharing.md`; the step numbers in the comments are its.

use std::fmt;

use cotrain_commitment::{commit_scalars, encode_points, encode_scalars};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::limbs::pack;
use crate::sampling::Streams;
use crate::share_format::{MAX_HOLDERS, Row, commitments_error};
use crate::{Error, Parameters, SecretKey};

/// What a dealer publishes, and what it sends in secret.
pub struct Dealing {
    /// For everyone: a commitment to each coefficient of the polynomial, 32 bytes each.
    pub commitments: Vec<u8>,
    /// For holder `i + 1` alone: the share at index `i`. Wiped when dropped.
    pub shares: Vec<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Dealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dealing")
            .field("holders", &self.shares.len())
            .finish_non_exhaustive()
    }
}

/// Share `key` among holders `1..=holders`: any `threshold` of them rebuild it, fewer learn nothing.
///
/// `seed` is 32 secret uniform bytes; the same inputs give the same dealing.
///
/// # Errors
/// [`Error::ThresholdInvalid`] unless `2 <= threshold <= holders <= MAX_HOLDERS`; a threshold of one would hand the
/// key to each holder.
pub fn deal(
    parameters: &Parameters,
    threshold: u32,
    holders: u32,
    key: &SecretKey,
    seed: &[u8; 32],
) -> Result<Dealing, Error> {
    if threshold < 2 || threshold > holders || holders > MAX_HOLDERS {
        return Err(Error::ThresholdInvalid);
    }
    // D1. A polynomial of degree t - 1 whose constant term is the key.
    let polynomial = draw_polynomial(parameters, [threshold, holders], key, seed);
    // D2. A hiding commitment to each coefficient.
    let points: Result<Vec<RistrettoPoint>, Error> =
        polynomial.par_iter().map(|row| commit_row(row)).collect();
    // D3. Its value at each holder.
    let shares = (1..=holders)
        .into_par_iter()
        .map(|holder| encode_scalars(&evaluate(&polynomial, &Scalar::from(holder))));
    Ok(Dealing {
        commitments: encode_points(&points?),
        shares: shares.collect(),
    })
}

/// The coefficients, lowest first; each is a vector of scalars and a blinding.
fn draw_polynomial(
    parameters: &Parameters,
    [threshold, holders]: [u32; 2],
    key: &SecretKey,
    seed: &[u8; 32],
) -> Vec<Row> {
    // The key is an input, so that a seed used twice by mistake does not repeat a polynomial.
    let shape = [parameters.parties(), threshold, holders].map(u32::to_le_bytes);
    let streams = Streams::new(
        "cotrain/key-sharing/v1/polynomial",
        &[seed, key.limbs(), shape.as_flattened()],
    );
    let mut constant = pack(parameters, key);
    constant.push(draw_scalar(&mut streams.stream(0)));
    let others = (1..u64::from(threshold)).map(|index| {
        let mut stream = streams.stream(index);
        let mut row = Zeroizing::new(Vec::with_capacity(constant.len()));
        row.extend((0..constant.len()).map(|_| draw_scalar(&mut stream)));
        row
    });
    let mut polynomial: Vec<Row> = others.collect();
    polynomial.insert(0, constant);
    polynomial
}

/// A uniform scalar: 64 bytes, reduced.
fn draw_scalar(stream: &mut ChaCha20Rng) -> Scalar {
    let mut wide = [0; 64];
    stream.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

/// The commitment to a row, in constant time.
pub(crate) fn commit_row(row: &[Scalar]) -> Result<RistrettoPoint, Error> {
    let (blinding, values) = row.split_last().ok_or(Error::NothingToSum)?;
    commit_scalars(values, blinding).map_err(|error| commitments_error(&error))
}

/// The value of the polynomial at `position` (Horner).
fn evaluate(polynomial: &[Row], position: &Scalar) -> Row {
    let mut rows = polynomial.iter().rev();
    let mut value = rows.next().cloned().unwrap_or_default();
    for row in rows {
        for (sum, coefficient) in value.iter_mut().zip(row.iter()) {
            *sum = *sum * position + coefficient;
        }
    }
    value
}
