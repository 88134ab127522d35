//! The integers modulo the group order, in Montgomery form for speed, and their bytes.

#![allow(
    unexpected_cfgs,
    reason = "the derive macro asks for a feature of ark-ff's own"
)]

use ark_ff::{BigInt, BigInteger, Field as _, Fp256, MontBackend, MontConfig, PrimeField};
use curve25519_dalek::Scalar;

/// The modulus l of ristretto255 and a generator of its multiplicative group.
#[derive(MontConfig, Debug)]
#[modulus = "7237005577332262213973186563042994240857116359379907606001950938285454250989"]
#[generator = "2"]
#[derive(Clone, Copy)]
pub struct GroupOrder;

/// An integer modulo the group order.
pub type Field = Fp256<MontBackend<GroupOrder, 4>>;

/// Return the number as a scalar of the group.
#[must_use]
pub fn to_scalar(number: &Field) -> Scalar {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (chunk, limb) in chunks.iter_mut().zip(number.into_bigint().0) {
        *chunk = limb.to_le_bytes();
    }
    Scalar::from_bytes_mod_order(bytes)
}

/// Return a scalar of the group as a number.
#[must_use]
pub fn from_scalar(scalar: &Scalar) -> Field {
    from_canonical(scalar.as_bytes()).unwrap_or_default()
}

/// Return the number that 32 bytes spell, little endian, unless it is not below the group order.
#[must_use]
pub fn from_canonical(bytes: &[u8; 32]) -> Option<Field> {
    let mut limbs = [0; 4];
    let (chunks, _) = bytes.as_chunks::<8>();
    for (limb, chunk) in limbs.iter_mut().zip(chunks) {
        *limb = u64::from_le_bytes(*chunk);
    }
    Field::from_bigint(BigInt::new(limbs))
}

/// Return the 32 bytes of a number, little endian.
#[must_use]
pub fn to_bytes(number: &Field) -> [u8; 32] {
    to_scalar(number).to_bytes()
}

/// Reduce 64 bytes, little endian.
#[must_use]
pub fn from_wide(bytes: &[u8; 64]) -> Field {
    from_scalar(&Scalar::from_bytes_mod_order_wide(bytes))
}

/// Return 2^exponent.
#[must_use]
pub fn power_of_two(exponent: u32) -> Field {
    (0..exponent).fold(Field::from(1_u64), |power, _| power + power)
}

/// Return 2^-exponent.
#[must_use]
pub fn inverse_power_of_two(exponent: u32) -> Field {
    power_of_two(exponent).inverse().unwrap_or_default() // the group order is odd
}

/// Return `1, base, base^2, ...`, `count` of them.
#[must_use]
pub fn powers(base: Field, count: usize) -> Vec<Field> {
    std::iter::successors(Some(Field::from(1_u64)), |power| Some(*power * base))
        .take(count)
        .collect()
}

/// Return the number of bits of the canonical number.
#[must_use]
pub fn bits(number: &Field) -> u32 {
    number.into_bigint().num_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modulus_is_the_group_order() {
        let minus_one = -Field::from(1_u64);
        assert_eq!(to_scalar(&minus_one), -Scalar::ONE);
        assert_eq!(from_scalar(&-Scalar::ONE), minus_one);
        let wide = [0xa7; 64];
        assert_eq!(
            to_scalar(&from_wide(&wide)),
            Scalar::from_bytes_mod_order_wide(&wide)
        );
    }

    #[test]
    fn only_numbers_below_the_order_are_canonical() {
        let largest = (-Scalar::ONE).to_bytes();
        assert_eq!(from_canonical(&largest), Some(-Field::from(1_u64)));
        let mut order = largest;
        order[0] += 1;
        assert_eq!(from_canonical(&order), None);
        assert_eq!(from_canonical(&[0xff; 32]), None);
        assert_eq!(to_bytes(&-Field::from(1_u64)), largest);
    }

    #[test]
    fn products_agree_with_the_group_library() {
        let (a, b) = (from_wide(&[3; 64]), from_wide(&[250; 64]));
        assert_eq!(to_scalar(&(a * b)), to_scalar(&a) * to_scalar(&b));
        assert_eq!(power_of_two(70), Field::from(1_u128 << 70));
        assert_eq!(powers(a, 3), [Field::from(1_u64), a, a * a]);
        assert_eq!(bits(&power_of_two(64)), 65);
    }
}
