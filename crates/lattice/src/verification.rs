//! Check shares against commitments, one by one or all those of a holder at once.
//!
//! Spec: `docs/spec/key-sharing.md`; the step numbers in the comments are its.

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::Rng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::dealing::commit_row;
use crate::sampling::Streams;
use crate::share_format::{Row, add_weighted, position, read_commitments, read_share};
use crate::{Error, Parameters};

/// The commitments and the share of one dealer, decoded.
struct Claim {
    points: Vec<RistrettoPoint>,
    row: Row,
}

impl Claim {
    /// V1. Everything is canonical and has its shape.
    fn read(parameters: &Parameters, commitments: &[u8], share: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            points: read_commitments(commitments)?,
            row: read_share(parameters, share)?,
        })
    }

    /// V2. The share opens the committed polynomial at `position`.
    fn check(&self, position: &Scalar) -> Result<(), Error> {
        let powers = powers(position, self.points.len());
        let expected = RistrettoPoint::vartime_multiscalar_mul(powers, &self.points);
        if commit_row(&self.row)? == expected {
            Ok(())
        } else {
            Err(Error::ShareDoesNotFit)
        }
    }
}

/// Check the share of `holder` against the dealer's commitments.
///
/// The degree of the polynomial is read off the commitments: whoever admits a dealing checks first that there are as
/// many as the threshold. Sums of shares are checked in the same way against [`crate::sum_commitments`].
///
/// # Errors
/// [`Error::ShareDoesNotFit`] for a false share; [`Error::HolderOutOfRange`], [`Error::CommitmentsLength`],
/// [`Error::CommitmentNotCanonical`], [`Error::ShareLength`], [`Error::ShareNotCanonical`] for malformed input.
pub fn verify_share(
    parameters: &Parameters,
    commitments: &[u8],
    holder: u32,
    share: &[u8],
) -> Result<(), Error> {
    let position = position(holder)?;
    Claim::read(parameters, commitments, share)?.check(&position)
}

/// Check what many dealers sent to one `holder`, pairs of commitments and share; return the places of the bad ones.
///
/// # Errors
/// [`Error::HolderOutOfRange`]; anything malformed in a pair makes that pair bad.
pub fn find_bad_shares(
    parameters: &Parameters,
    holder: u32,
    dealings: &[(&[u8], &[u8])],
) -> Result<Vec<usize>, Error> {
    let position = position(holder)?;
    let read =
        |(commitments, share): &(&[u8], &[u8])| Claim::read(parameters, commitments, share).ok();
    let claims: Vec<Option<Claim>> = dealings.par_iter().map(read).collect();
    let readable: Vec<&Claim> = claims.iter().flatten().collect();
    // B1, B2. One random combination of all; if it holds then so does each, but for a chance of 2^-128.
    let weights = draw_weights(parameters, holder, dealings, readable.len());
    let all_hold = combination_holds(&readable, &weights, &position)?;
    // B3. Otherwise find the bad ones singly.
    let is_bad = |claim: &Option<Claim>| match claim {
        None => true,
        Some(claim) => !all_hold && claim.check(&position).is_err(),
    };
    let verdicts: Vec<bool> = claims.par_iter().map(is_bad).collect();
    Ok(verdicts
        .into_iter()
        .enumerate()
        .filter_map(|(place, bad)| bad.then_some(place))
        .collect())
}

/// B1. 128-bit weights that nobody knew before every commitment and share was fixed.
fn draw_weights(
    parameters: &Parameters,
    holder: u32,
    dealings: &[(&[u8], &[u8])],
    count: usize,
) -> Vec<Scalar> {
    let shape = [parameters.parties(), holder].map(u32::to_le_bytes);
    let parts = dealings
        .iter()
        .flat_map(|(commitments, share)| [*commitments, *share]);
    let inputs: Vec<&[u8]> = std::iter::once(shape.as_flattened()).chain(parts).collect();
    let mut stream = Streams::new("cotrain/key-sharing/v1/weights", &inputs).stream(0);
    let draw =
        |_| Scalar::from(u128::from(stream.next_u64()) | u128::from(stream.next_u64()) << 64);
    (0..count).map(draw).collect()
}

/// B2. The weighted sum of shares opens the weighted sum of commitments.
fn combination_holds(
    claims: &[&Claim],
    weights: &[Scalar],
    position: &Scalar,
) -> Result<bool, Error> {
    let Some(first) = claims.first() else {
        return Ok(true);
    };
    let mut row = Zeroizing::new(vec![Scalar::ZERO; first.row.len()]);
    let mut factors: Vec<Scalar> = Vec::new();
    let mut points: Vec<&RistrettoPoint> = Vec::new();
    for (claim, weight) in claims.iter().zip(weights) {
        add_weighted(&mut row, weight, &claim.row);
        factors.extend(
            powers(position, claim.points.len())
                .iter()
                .map(|power| power * weight),
        );
        points.extend(&claim.points);
    }
    Ok(commit_row(&row)? == RistrettoPoint::vartime_multiscalar_mul(factors, points))
}

/// `1, x, x^2, ...`, as many as `count`.
fn powers(position: &Scalar, count: usize) -> Vec<Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * position))
        .take(count)
        .collect()
}
