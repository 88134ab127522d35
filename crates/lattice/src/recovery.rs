//! Add what many dealers sent, and rebuild the sum of their keys.
//!
//! Spec: `docs/spec/key-sharing.md`; the step numbers in the comments are its.

use std::collections::BTreeSet;

use cotrain_commitment::encode_scalars;
use curve25519_dalek::Scalar;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::committee::{Committee, Row, add_weighted, commitments_error, read_share};
use crate::limbs::unpack;
use crate::verification::verify_share;
use crate::{Error, Parameters};

/// A rebuilt sum of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The coefficients of the sum, public from now on.
    pub key_sum: Vec<i32>,
    /// Holders whose shares were refused, in the order given.
    pub bad_holders: Vec<u32>,
}

/// Add the commitments of several dealers: the commitments of the sum of their polynomials.
///
/// # Errors
/// [`Error::NothingToSum`], [`Error::CommitmentsLength`], [`Error::CommitmentNotCanonical`].
pub fn sum_commitments(committee: Committee, commitments: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let rows = committee.threshold() as usize;
    cotrain_commitment::sum_commitments(commitments, rows)
        .map_err(|error| commitments_error(&error))
}

/// Add the shares that one holder has from several dealers.
///
/// # Errors
/// [`Error::NothingToSum`], [`Error::ShareLength`], [`Error::ShareNotCanonical`].
pub fn sum_shares(parameters: &Parameters, shares: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if shares.is_empty() {
        return Err(Error::NothingToSum);
    }
    let mut sum = Zeroizing::new(vec![Scalar::ZERO; parameters.key_scalars() + 1]);
    for share in shares {
        add_weighted(&mut sum, &Scalar::ONE, &read_share(parameters, share)?);
    }
    Ok(encode_scalars(&sum))
}

/// Rebuild the sum of `summands` keys from sums of shares, checking every one against the summed `commitments`.
///
/// # Errors
/// [`Error::TooFewShares`] names the holders whose shares are false or malformed;
/// [`Error::KeySumOutOfRange`] means that a dealer shared something that is not a key;
/// [`Error::SummandsOutOfRange`], [`Error::HolderOutOfRange`], [`Error::HolderTwice`],
/// [`Error::CommitmentsLength`], [`Error::CommitmentNotCanonical`].
pub fn recover(
    parameters: &Parameters,
    committee: Committee,
    commitments: &[u8],
    summands: u32,
    shares: &[(u32, &[u8])],
) -> Result<Recovery, Error> {
    // R1. Shapes: each holder once.
    if summands == 0 || summands > parameters.parties() {
        return Err(Error::SummandsOutOfRange);
    }
    check_holders(committee, shares)?;
    committee.read_commitments(commitments)?;
    // R2. Every share, surplus ones too, is on the summed polynomial or its holder is named.
    let check = |(holder, share): &(u32, &[u8])| {
        verify_share(parameters, committee, commitments, *holder, share).is_ok()
    };
    let verdicts: Vec<bool> = shares.par_iter().map(check).collect();
    let (good, bad): (Vec<_>, Vec<_>) = shares
        .iter()
        .zip(verdicts)
        .partition(|(_, verdict)| *verdict);
    let bad_holders: Vec<u32> = bad.into_iter().map(|((holder, _), _)| *holder).collect();
    let needed = committee.threshold() as usize;
    if good.len() < needed {
        return Err(Error::TooFewShares {
            good: good.len(),
            needed,
            bad: bad_holders,
        });
    }
    // R3. Interpolate at zero, then read the limbs. Which t shares are used does not matter: all are on one polynomial.
    let chosen: Result<Vec<(Scalar, Row)>, Error> = good
        .into_iter()
        .take(needed)
        .map(|((holder, share), _)| {
            Ok((committee.position(*holder)?, read_share(parameters, share)?))
        })
        .collect();
    let constant = interpolate(parameters, &chosen?);
    Ok(Recovery {
        key_sum: unpack(parameters, summands, &constant)?,
        bad_holders,
    })
}

/// Each holder exists and appears once.
fn check_holders(committee: Committee, shares: &[(u32, &[u8])]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (holder, _) in shares {
        committee.position(*holder)?;
        if !seen.insert(*holder) {
            return Err(Error::HolderTwice { holder: *holder });
        }
    }
    Ok(())
}

/// The value at zero, without the blinding.
fn interpolate(parameters: &Parameters, shares: &[(Scalar, Row)]) -> Vec<Scalar> {
    let mut constant = vec![Scalar::ZERO; parameters.key_scalars()];
    for (position, row) in shares {
        let others = shares
            .iter()
            .map(|(other, _)| other)
            .filter(|other| *other != position);
        let (top, bottom) = others.fold((Scalar::ONE, Scalar::ONE), |(top, bottom), other| {
            (top * other, bottom * (other - position))
        });
        add_weighted(&mut constant, &(top * bottom.invert()), row);
    }
    constant
}
