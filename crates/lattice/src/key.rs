//! The one-round key of one party.

use std::fmt;

use zeroize::Zeroizing;

use crate::ntt::Multiplier;
use crate::parameters::{DEGREE, NOISE_BOUND};
use crate::sampling::{Streams, shifted_binomial};

/// A key s: [`DEGREE`] centred binomial coefficients. It encrypts once, and is wiped when dropped.
pub struct SecretKey {
    /// Coefficients plus [`NOISE_BOUND`], so that all are in `0..=84`.
    limbs: Zeroizing<Vec<u8>>,
    used: bool,
}

impl SecretKey {
    /// Derive the key from a seed; the same seed gives the same key.
    #[must_use]
    pub fn generate(seed: &[u8; 32]) -> Self {
        let mut limbs = Zeroizing::new(vec![0; DEGREE]);
        shifted_binomial(
            &mut Streams::new("cotrain/sum-encryption/v1/key", &[seed]).stream(0),
            &mut limbs,
        );
        Self { limbs, used: false }
    }

    /// Whether the key has encrypted.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.used
    }

    /// Mark the key as used; false if it already was.
    pub(crate) fn claim(&mut self) -> bool {
        !std::mem::replace(&mut self.used, true)
    }

    /// The coefficients, each plus [`NOISE_BOUND`].
    pub(crate) fn limbs(&self) -> &[u8] {
        &self.limbs
    }

    /// The key prepared for products.
    pub(crate) fn multiplier(&self) -> Multiplier {
        Multiplier::new(
            self.limbs
                .iter()
                .map(|&limb| i64::from(limb) - i64::from(NOISE_BOUND)),
        )
    }

    /// A key with chosen limbs, for tests at the extremes.
    #[cfg(test)]
    pub(crate) fn from_limbs(limbs: Vec<u8>) -> Self {
        Self {
            limbs: Zeroizing::new(limbs),
            used: false,
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_the_seed_alone_and_does_not_print() {
        let key = SecretKey::generate(&[1; 32]);
        assert_eq!(key.limbs(), SecretKey::generate(&[1; 32]).limbs());
        assert_ne!(key.limbs(), SecretKey::generate(&[2; 32]).limbs());
        assert_eq!(format!("{key:?}"), "SecretKey { used: false, .. }");
    }

    #[test]
    fn can_be_claimed_once() {
        let mut key = SecretKey::generate(&[1; 32]);
        assert!(key.claim());
        assert!(!key.claim());
        assert!(key.is_used());
    }
}
