//! The bytes of commitments and shares.
//!
//! Spec: `docs/spec/key-sharing.md`, section Format.

use cotrain_commitment::{CommitmentError, ENCODED_BYTES, decode_blindings, decode_points};
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use crate::{Error, Parameters};

/// Most holders of shares.
pub const MAX_HOLDERS: u32 = 1 << 16;

/// One value for each scalar of a key, then a blinding. Wiped when dropped.
pub(crate) type Row = Zeroizing<Vec<Scalar>>;

/// The point at which a holder's share is taken; never zero, where the key is.
pub(crate) fn position(holder: u32) -> Result<Scalar, Error> {
    if holder == 0 || holder > MAX_HOLDERS {
        return Err(Error::HolderOutOfRange);
    }
    Ok(Scalar::from(holder))
}

/// The commitments to the coefficients of one polynomial, one for each of the threshold.
pub(crate) fn read_commitments(bytes: &[u8]) -> Result<Vec<RistrettoPoint>, Error> {
    let count = commitment_count(bytes)?;
    decode_points(bytes, count).map_err(|error| commitments_error(&error))
}

/// How many commitments there are: at least two, since a threshold of one protects nothing.
pub(crate) fn commitment_count(bytes: &[u8]) -> Result<usize, Error> {
    let count = bytes.len() / ENCODED_BYTES;
    if count < 2 || count > MAX_HOLDERS as usize || !bytes.len().is_multiple_of(ENCODED_BYTES) {
        return Err(Error::CommitmentsLength);
    }
    Ok(count)
}

/// What is wrong with the bytes of commitments.
pub(crate) fn commitments_error(error: &CommitmentError) -> Error {
    match error {
        CommitmentError::Point { index } => Error::CommitmentNotCanonical { index: *index },
        CommitmentError::NothingToSum => Error::NothingToSum,
        _ => Error::CommitmentsLength,
    }
}

/// The scalars of a share.
pub(crate) fn read_share(parameters: &Parameters, bytes: &[u8]) -> Result<Row, Error> {
    let expected = parameters.share_bytes();
    let decoded = decode_blindings(bytes, parameters.key_scalars() + 1);
    let scalars = decoded.map_err(|error| match error {
        CommitmentError::Scalar { index } => Error::ShareNotCanonical { component: index },
        _ => Error::ShareLength {
            expected,
            got: bytes.len(),
        },
    })?;
    let mut row = Zeroizing::new(Vec::with_capacity(scalars.len()));
    row.extend_from_slice(&scalars);
    Ok(row)
}

/// Add `weight * from` to `to`.
pub(crate) fn add_weighted(to: &mut [Scalar], weight: &Scalar, from: &[Scalar]) {
    for (sum, value) in to.iter_mut().zip(from) {
        *sum += weight * value;
    }
}
