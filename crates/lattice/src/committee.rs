//! Who holds shares, and the bytes of commitments and shares.
//!
//! Spec: `docs/spec/key-sharing.md`, section Format.

use cotrain_commitment::{CommitmentError, ENCODED_BYTES, decode_blindings, decode_points};
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use crate::{Error, Parameters};

/// Most holders of one committee.
pub const MAX_HOLDERS: u32 = 1 << 16;

/// Key holders `1..=holders`, any `threshold` of whom rebuild a sum of keys, and fewer learn nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committee {
    threshold: u32,
    holders: u32,
}

impl Committee {
    /// A committee; a threshold of one would hand the key to each holder, so it is refused.
    ///
    /// # Errors
    /// [`Error::CommitteeInvalid`] unless `2 <= threshold <= holders <= MAX_HOLDERS`.
    pub fn new(threshold: u32, holders: u32) -> Result<Self, Error> {
        if threshold < 2 || threshold > holders || holders > MAX_HOLDERS {
            return Err(Error::CommitteeInvalid);
        }
        Ok(Self { threshold, holders })
    }

    /// Shares that rebuild, and coefficients of the polynomial.
    #[must_use]
    pub fn threshold(self) -> u32 {
        self.threshold
    }

    /// Shares dealt.
    #[must_use]
    pub fn holders(self) -> u32 {
        self.holders
    }

    /// Bytes of the commitments of one dealer.
    #[must_use]
    pub fn commitments_bytes(self) -> usize {
        self.threshold as usize * ENCODED_BYTES
    }

    /// The point at which this holder's share is taken.
    pub(crate) fn position(self, holder: u32) -> Result<Scalar, Error> {
        if holder == 0 || holder > self.holders {
            return Err(Error::HolderOutOfRange);
        }
        Ok(Scalar::from(holder))
    }

    /// The commitments to the coefficients of one polynomial.
    pub(crate) fn read_commitments(self, bytes: &[u8]) -> Result<Vec<RistrettoPoint>, Error> {
        decode_points(bytes, self.threshold as usize).map_err(|error| commitments_error(&error))
    }
}

/// What is wrong with the bytes of commitments.
pub(crate) fn commitments_error(error: &CommitmentError) -> Error {
    match error {
        CommitmentError::Point { index } => Error::CommitmentNotCanonical { index: *index },
        CommitmentError::NothingToSum => Error::NothingToSum,
        _ => Error::CommitmentsLength,
    }
}

/// One value for each scalar of a key, then a blinding. Wiped when dropped.
pub(crate) type Row = Zeroizing<Vec<Scalar>>;

/// The scalars of a share.
pub(crate) fn read_share(parameters: &Parameters, bytes: &[u8]) -> Result<Row, Error> {
    let expected = parameters.share_bytes();
    let scalars =
        decode_blindings(bytes, parameters.key_scalars() + 1).map_err(|error| match error {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_thresholds_that_protect_nothing_or_cannot_be_met() {
        for (threshold, holders) in [(0, 3), (1, 3), (4, 3), (2, MAX_HOLDERS + 1), (0, 0)] {
            assert_eq!(
                Committee::new(threshold, holders),
                Err(Error::CommitteeInvalid)
            );
        }
        let committee = Committee::new(3, 4).unwrap();
        assert_eq!(committee.commitments_bytes(), 96);
        assert!(committee.position(4).is_ok());
        assert_eq!(committee.position(0), Err(Error::HolderOutOfRange));
        assert_eq!(committee.position(5), Err(Error::HolderOutOfRange));
    }
}
