//! The numbers of one agreement: the fixed ring, and what follows from (parties, largest field).
//!
//! Spec: `docs/spec/encryption.md`, section Parameters; reasons: `docs/adr/0004-ring-parameters.md`.

use crate::Error;

/// Degree N of the ring `Z_q[X]/(X^N + 1)`.
pub const DEGREE: usize = 2048;
/// The modulus q: the largest prime below 2^53 that is 1 mod 2N.
pub const MODULUS: u64 = 9_007_199_254_614_017;
/// Bits of one coefficient on the wire.
pub const COEFFICIENT_BITS: usize = 53;
/// Largest absolute value k of a key or error coefficient, which is centred binomial with 2k coins.
pub const NOISE_BOUND: u32 = 42;
/// Most parties one agreement can have.
pub const MAX_PARTIES: u32 = 1 << 16;

/// Bits of a scalar that limbs may fill: 2^252 is below the group order, so no packed sum wraps.
const SCALAR_BITS: u32 = 252;

/// What is fixed for one agreement, a function of the number of parties and of the largest field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    parties: u32,
    max_field: u64,
    radix: u64,
    fields_per_coefficient: usize,
    plaintext_modulus: u64,
    limb_bits: u32,
}

impl Parameters {
    /// Choose the packing for at most `parties` ciphertexts of fields in `0..=max_field`.
    ///
    /// The largest error sum and the largest message sum fit the modulus together, always, not just probably:
    /// `T (2 k n + 1) <= q`.
    ///
    /// # Errors
    /// [`Error::PartiesOutOfRange`], [`Error::FieldTooWide`].
    pub fn derive(parties: u32, max_field: u64) -> Result<Self, Error> {
        if parties == 0 || parties > MAX_PARTIES {
            return Err(Error::PartiesOutOfRange);
        }
        let key_span = 2 * NOISE_BOUND * parties;
        let limit = MODULUS / (u64::from(key_span) + 1);
        let radix = max_field
            .checked_mul(u64::from(parties))
            .and_then(|sum| sum.checked_add(1))
            .filter(|radix| (2..=limit).contains(radix))
            .ok_or(Error::FieldTooWide)?;
        let (mut plaintext_modulus, mut fields_per_coefficient) = (radix, 1);
        while plaintext_modulus <= limit / radix {
            plaintext_modulus *= radix;
            fields_per_coefficient += 1;
        }
        let limb_bits = u32::BITS - key_span.leading_zeros();
        Ok(Self {
            parties,
            max_field,
            radix,
            fields_per_coefficient,
            plaintext_modulus,
            limb_bits,
        })
    }

    /// Most ciphertexts that may be added.
    #[must_use]
    pub fn parties(&self) -> u32 {
        self.parties
    }

    /// Largest value of one field of one party.
    #[must_use]
    pub fn max_field(&self) -> u64 {
        self.max_field
    }

    /// The base in which fields are digits of a coefficient: one more than the largest field sum.
    #[must_use]
    pub fn radix(&self) -> u64 {
        self.radix
    }

    /// Digits in one coefficient.
    #[must_use]
    pub fn fields_per_coefficient(&self) -> usize {
        self.fields_per_coefficient
    }

    /// The plaintext modulus T, `radix ^ fields_per_coefficient`.
    #[must_use]
    pub fn plaintext_modulus(&self) -> u64 {
        self.plaintext_modulus
    }

    /// Coefficients that carry `fields` fields.
    #[must_use]
    pub fn coefficients(&self, fields: usize) -> usize {
        fields.div_ceil(self.fields_per_coefficient)
    }

    /// Bytes of a ciphertext of `fields` fields.
    #[must_use]
    pub fn ciphertext_bytes(&self, fields: usize) -> usize {
        block_bytes(self.coefficients(fields))
    }

    /// Bits of one limb of a shared key: holds `2 k parties`, the largest limb of a sum.
    #[must_use]
    pub fn limb_bits(&self) -> u32 {
        self.limb_bits
    }

    /// Limbs in one scalar.
    #[must_use]
    pub fn limbs_per_scalar(&self) -> usize {
        (SCALAR_BITS / self.limb_bits) as usize
    }

    /// Scalars that carry one key.
    #[must_use]
    pub fn key_scalars(&self) -> usize {
        DEGREE.div_ceil(self.limbs_per_scalar())
    }

    /// Bytes of one share: the key's scalars and one blinding.
    #[must_use]
    pub fn share_bytes(&self) -> usize {
        (self.key_scalars() + 1) * 32
    }
}

/// Bytes that hold `coefficients` coefficients; computed so that no input overflows.
pub(crate) fn block_bytes(coefficients: usize) -> usize {
    let (eights, rest) = (coefficients / 8, coefficients % 8);
    eights
        .saturating_mul(COEFFICIENT_BITS)
        .saturating_add((rest * COEFFICIENT_BITS).div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_errors_and_messages_always_fit() {
        for parties in [1, 2, 3, 4, 10, 100, 1000, MAX_PARTIES] {
            for max_field in [1, 2, 255, 65_535, 1 << 18, 1 << 20] {
                let Ok(p) = Parameters::derive(parties, max_field) else {
                    continue;
                };
                let largest = u128::from(p.plaintext_modulus()) * u128::from(84 * parties + 1);
                assert!(largest <= u128::from(MODULUS));
                assert!(
                    largest * u128::from(p.radix()) > u128::from(MODULUS),
                    "one more field would fit"
                );
                let digits = u32::try_from(p.fields_per_coefficient()).unwrap();
                assert_eq!(p.radix().pow(digits), p.plaintext_modulus());
                assert!(u64::from(84 * parties) < 1 << p.limb_bits());
            }
        }
    }

    #[test]
    fn known_numbers() {
        let p = Parameters::derive(4, 1 << 18).unwrap();
        assert_eq!(
            (
                p.fields_per_coefficient(),
                p.limb_bits(),
                p.limbs_per_scalar()
            ),
            (2, 9, 28)
        );
        assert_eq!((p.key_scalars(), p.share_bytes()), (74, 75 * 32));
        assert_eq!(p.ciphertext_bytes(1_000_000), 3_312_500);
        assert_eq!(
            Parameters::derive(1000, 65_535)
                .unwrap()
                .fields_per_coefficient(),
            1
        );
    }

    #[test]
    fn ciphertext_length_is_the_rounded_bit_count() {
        let p = Parameters::derive(1000, 65_535).unwrap();
        for c in 0..200 {
            assert_eq!(p.ciphertext_bytes(c), (c * COEFFICIENT_BITS).div_ceil(8));
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(Parameters::derive(0, 1), Err(Error::PartiesOutOfRange));
        assert_eq!(
            Parameters::derive(MAX_PARTIES + 1, 1),
            Err(Error::PartiesOutOfRange)
        );
        for max_field in [0, 1 << 52, u64::MAX] {
            assert_eq!(Parameters::derive(4, max_field), Err(Error::FieldTooWide));
        }
    }
}
