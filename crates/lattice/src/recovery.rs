//! Add what many dealers sent, and rebuild the sum of their keys.
//!
//! Spec: `docs/spec/key-sharing.md`; the step numbers in the comments are its.

use std::collections::BTreeSet;

use cotrain_commitment::encode_scalars;
use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use crate::limbs::unpack;
use crate::share_format::{
    Row, add_weighted, commitment_count, commitments_error, position, read_share,
};
use crate::{Error, Parameters};

/// Add the commitments of several dealers: the commitments of the sum of their polynomials.
///
/// # Errors
/// [`Error::NothingToSum`], [`Error::CommitmentsLength`] (also if lengths differ), [`Error::CommitmentNotCanonical`].
pub fn sum_commitments(commitments: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let first = commitments.first().ok_or(Error::NothingToSum)?;
    let count = commitment_count(first)?;
    cotrain_commitment::sum_commitments(commitments, count)
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

/// Rebuild the sum of `summands` keys from (holder, sum of shares), at least `threshold` of them.
///
/// The shares have been checked one by one with [`crate::verify_share`] against the summed commitments, which names a
/// liar; here a surplus share that does not fit stops the recovery.
///
/// # Errors
/// [`Error::TooFewShares`], [`Error::SharesDisagree`]; [`Error::KeySumOutOfRange`] if a dealer shared something that is
/// not a key; [`Error::SummandsOutOfRange`], [`Error::ThresholdInvalid`], [`Error::HolderOutOfRange`],
/// [`Error::HolderTwice`], [`Error::ShareLength`], [`Error::ShareNotCanonical`].
pub fn recover(
    parameters: &Parameters,
    summands: u32,
    threshold: u32,
    shares: &[(u32, &[u8])],
) -> Result<Vec<i32>, Error> {
    // R1. Shapes: enough shares, each holder once.
    if summands == 0 || summands > parameters.parties() {
        return Err(Error::SummandsOutOfRange);
    }
    if threshold < 2 {
        return Err(Error::ThresholdInvalid);
    }
    let rows = read_distinct(parameters, shares)?;
    let Some((chosen, surplus)) = rows.split_at_checked(threshold as usize) else {
        return Err(Error::TooFewShares {
            got: rows.len(),
            needed: threshold,
        });
    };
    // R2. Every surplus share, blinding included, is on the polynomial through the first ones.
    if surplus
        .iter()
        .any(|(position, row)| interpolate(chosen, position) != *row)
    {
        return Err(Error::SharesDisagree);
    }
    // R3. Its value at zero holds the limbs of the key sum, and then the blinding.
    let mut constant = interpolate(chosen, &Scalar::ZERO);
    constant.truncate(parameters.key_scalars());
    unpack(parameters, summands, &constant)
}

/// Decode the shares; each holder appears once.
fn read_distinct(
    parameters: &Parameters,
    shares: &[(u32, &[u8])],
) -> Result<Vec<(Scalar, Row)>, Error> {
    let mut seen = BTreeSet::new();
    let read = |&(holder, share): &(u32, &[u8])| {
        let position = position(holder)?;
        if !seen.insert(holder) {
            return Err(Error::HolderTwice { holder });
        }
        Ok((position, read_share(parameters, share)?))
    };
    shares.iter().map(read).collect()
}

/// The value at `target` of the polynomial through all `shares` (Lagrange).
fn interpolate(shares: &[(Scalar, Row)], target: &Scalar) -> Row {
    let mut value = Zeroizing::new(vec![
        Scalar::ZERO;
        shares.first().map_or(0, |(_, row)| row.len())
    ]);
    for (position, row) in shares {
        let others = shares
            .iter()
            .map(|(other, _)| other)
            .filter(|other| *other != position);
        let (top, bottom) = others.fold((Scalar::ONE, Scalar::ONE), |(top, bottom), other| {
            (top * (target - other), bottom * (position - other))
        });
        add_weighted(&mut value, &(top * bottom.invert()), row);
    }
    value
}
