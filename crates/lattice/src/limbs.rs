//! A key as a short vector of scalars, several coefficients in each.
//!
//! Adding the scalars of many keys adds their limbs without carries, because a limb is wide enough for the sum.
//! Spec: `docs/spec/key-sharing.md`, section Limbs; reasons: `docs/adr/0005-packed-key-shares.md`.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use crate::parameters::{DEGREE, NOISE_BOUND, Parameters};
use crate::{Error, SecretKey};

/// Pack the key into scalars, each below 2^252 and so below the group order.
pub(crate) fn pack(parameters: &Parameters, key: &SecretKey) -> Zeroizing<Vec<Scalar>> {
    let mut scalars = Zeroizing::new(Vec::with_capacity(parameters.key_scalars() + 1));
    let shift = Scalar::from(1_u64 << parameters.limb_bits());
    for limbs in key.limbs().chunks(parameters.limbs_per_scalar()) {
        scalars.push(
            limbs
                .iter()
                .rev()
                .fold(Scalar::ZERO, |sum, &limb| sum * shift + Scalar::from(limb)),
        );
    }
    scalars
}

/// The coefficients of a sum of `summands` keys, from the sum of their scalars.
///
/// # Errors
/// [`Error::KeySumOutOfRange`] if a limb is above what the summands can reach, or bits that carry no limb are set.
pub(crate) fn unpack(
    parameters: &Parameters,
    summands: u32,
    scalars: &[Scalar],
) -> Result<Vec<i32>, Error> {
    let largest = u64::from(2 * NOISE_BOUND * summands);
    let offset = i64::from(NOISE_BOUND * summands);
    let mut coefficients = Vec::with_capacity(DEGREE);
    for scalar in scalars {
        let mut bits = Bits::new(scalar);
        let count = parameters
            .limbs_per_scalar()
            .min(DEGREE - coefficients.len());
        for _ in 0..count {
            let coefficient = coefficients.len();
            let limb = bits.take(parameters.limb_bits());
            let centred = i64::try_from(limb)
                .ok()
                .filter(|_| limb <= largest)
                .map(|limb| limb - offset);
            let entry = centred.and_then(|value| i32::try_from(value).ok());
            coefficients.push(entry.ok_or(Error::KeySumOutOfRange { coefficient })?);
        }
        if !bits.are_zero() {
            return Err(Error::KeySumOutOfRange {
                coefficient: coefficients.len(),
            });
        }
    }
    Ok(coefficients)
}

/// The bits of a scalar, taken from the low end.
struct Bits {
    low: u128,
    high: u128,
}

impl Bits {
    fn new(scalar: &Scalar) -> Self {
        let (halves, _) = scalar.as_bytes().as_chunks::<16>();
        let mut halves = halves.iter().map(|half| u128::from_le_bytes(*half));
        Self {
            low: halves.next().unwrap_or(0),
            high: halves.next().unwrap_or(0),
        }
    }

    /// The lowest `width` bits, `0 < width < 64`.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "masked to fewer than 64 bits"
    )]
    fn take(&mut self, width: u32) -> u64 {
        let value = self.low & ((1 << width) - 1);
        self.low = self.low >> width | self.high << (u128::BITS - width);
        self.high >>= width;
        value as u64
    }

    fn are_zero(&self) -> bool {
        self.low == 0 && self.high == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(rows: &[Zeroizing<Vec<Scalar>>]) -> Vec<Scalar> {
        (0..rows[0].len())
            .map(|i| rows.iter().map(|row| row[i]).sum())
            .collect()
    }

    #[test]
    fn sums_of_scalars_are_sums_of_keys() {
        for parties in [1, 2, 3, 4, 10, 1000] {
            let parameters = Parameters::derive(parties, 255).unwrap();
            let keys: Vec<_> = (0..u8::try_from(parties.min(5)).unwrap())
                .map(|i| SecretKey::generate(&[i; 32]))
                .collect();
            let rows: Vec<_> = keys.iter().map(|key| pack(&parameters, key)).collect();
            assert_eq!(rows[0].len(), parameters.key_scalars());
            let sum = unpack(&parameters, u32::try_from(keys.len()).unwrap(), &add(&rows)).unwrap();
            for (i, entry) in sum.iter().enumerate() {
                assert_eq!(
                    *entry,
                    keys.iter()
                        .map(|key| i32::from(key.limbs()[i]) - 42)
                        .sum::<i32>()
                );
            }
        }
    }

    #[test]
    fn the_largest_sum_does_not_carry() {
        for parties in [1, 3, 4, 12, 48, 1000, crate::MAX_PARTIES] {
            let parameters = Parameters::derive(parties, 1).unwrap();
            let row = pack(&parameters, &SecretKey::from_limbs(vec![84; DEGREE]));
            let sum: Vec<_> = row
                .iter()
                .map(|scalar| scalar * Scalar::from(parties))
                .collect();
            let largest = i32::try_from(42 * parties).unwrap();
            assert_eq!(
                unpack(&parameters, parties, &sum).unwrap(),
                vec![largest; DEGREE]
            );
        }
    }

    #[test]
    fn limbs_and_leftover_bits_out_of_range_are_refused() {
        let parameters = Parameters::derive(4, 255).unwrap();
        let good = pack(&parameters, &SecretKey::generate(&[1; 32]));
        let try_one = |index: usize, change: Scalar| {
            let mut bad = good.to_vec();
            bad[index] += change;
            unpack(&parameters, 1, &bad).err()
        };
        let top = |bit: u32| (0..bit).fold(Scalar::ONE, |x, _| x + x);
        assert_eq!(unpack(&parameters, 1, &good).err(), None);
        assert_eq!(
            try_one(0, Scalar::from(85_u64)),
            Some(Error::KeySumOutOfRange { coefficient: 0 })
        );
        assert_eq!(
            try_one(1, top(9) * Scalar::from(85_u64)),
            Some(Error::KeySumOutOfRange { coefficient: 29 })
        );
        // 28 limbs of 9 bits fill 252 bits; the last scalar holds 2048 - 73 * 28 = 4 limbs.
        assert_eq!(
            try_one(73, top(36)),
            Some(Error::KeySumOutOfRange {
                coefficient: DEGREE
            })
        );
        assert!(try_one(0, -Scalar::from(200_u64)).is_some());
    }
}
