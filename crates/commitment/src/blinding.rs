//! Blindings: the secret scalars that hide a commitment (docs/spec/commitment.md, steps 3 and 7).

use std::fmt;
use std::ops::Deref;

use curve25519_dalek::Scalar;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::error::CommitmentError;

/// The label of blindings derived from a seed.
pub const DERIVATION_LABEL: &[u8] = b"cotrain/commitment/v1/derive-blinding";
/// The length of a seed.
pub const SEED_BYTES: usize = 32;

/// One secret scalar for each row; wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Blindings(Zeroizing<Vec<Scalar>>);

impl Blindings {
    /// Take ownership of scalars that are secret from now on.
    #[must_use]
    pub fn new(scalars: Vec<Scalar>) -> Self {
        Self(Zeroizing::new(scalars))
    }
}

impl Deref for Blindings {
    type Target = [Scalar];

    fn deref(&self) -> &[Scalar] {
        &self.0
    }
}

impl fmt::Debug for Blindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Blindings({} secret scalars)", self.0.len())
    }
}

/// Step 3: expand a seed into `count` scalars, each 512 bits of SHA-512 reduced modulo the group order.
///
/// The seed must be fresh for every (commitment, label): equal blindings would let anyone subtract two commitments.
#[must_use]
pub fn derive_blindings(seed: &[u8; SEED_BYTES], label: &[u8], count: usize) -> Blindings {
    let prefix = Sha512::new()
        .chain_update(DERIVATION_LABEL)
        .chain_update((label.len() as u64).to_le_bytes())
        .chain_update(label)
        .chain_update(seed);
    let scalar = |index: u64| {
        let wide: Zeroizing<[u8; 64]> = Zeroizing::new(
            prefix
                .clone()
                .chain_update(index.to_le_bytes())
                .finalize()
                .into(),
        );
        Scalar::from_bytes_mod_order_wide(&wide)
    };
    Blindings::new((0..count as u64).map(scalar).collect())
}

/// Step 7: add lists of blindings, row by row.
///
/// # Errors
/// [`CommitmentError::NothingToSum`] for no list, [`CommitmentError::BlindingCount`] for lists of different lengths.
pub fn add_blindings(lists: &[&[Scalar]]) -> Result<Blindings, CommitmentError> {
    let Some((first, others)) = lists.split_first() else {
        return Err(CommitmentError::NothingToSum);
    };
    let mut sums = Blindings::new(first.to_vec());
    for list in others {
        if list.len() != sums.len() {
            return Err(CommitmentError::BlindingCount {
                expected: sums.len(),
                got: list.len(),
            });
        }
        sums.0
            .iter_mut()
            .zip(*list)
            .for_each(|(sum, scalar)| *sum += scalar);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_separates_seed_label_and_index() {
        let base = derive_blindings(&[7; 32], b"row", 3);
        assert_eq!(base, derive_blindings(&[7; 32], b"row", 3));
        assert_eq!(base[..2], derive_blindings(&[7; 32], b"row", 2)[..]);
        assert_ne!(base[0], base[1]);
        assert_ne!(base[0], derive_blindings(&[8; 32], b"row", 1)[0]);
        assert_ne!(base[0], derive_blindings(&[7; 32], b"rox", 1)[0]);
    }

    #[test]
    fn addition_is_row_by_row_and_refuses_ragged_lists() {
        let (one, two) = (Scalar::ONE, Scalar::from(2_u8));
        assert_eq!(
            add_blindings(&[&[one, two], &[-one, one]]).unwrap()[..],
            [Scalar::ZERO, one + two]
        );
        let ragged = CommitmentError::BlindingCount {
            expected: 2,
            got: 1,
        };
        assert_eq!(add_blindings(&[&[one, two], &[one]]), Err(ragged));
        assert_eq!(add_blindings(&[]), Err(CommitmentError::NothingToSum));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", Blindings::new(vec![Scalar::ONE])),
            "Blindings(1 secret scalars)"
        );
    }
}
