//! Arithmetic mod q without branches on values.

use zeroize::Zeroize;

use crate::parameters::MODULUS;

/// `x` reduced once: from `[0, 2q)` to `[0, q)`.
#[inline]
pub(crate) fn reduce_once(x: u64) -> u64 {
    // Below q the subtraction wraps to a huge number, so the minimum picks the right one.
    x.min(x.wrapping_sub(MODULUS))
}

/// `x + y mod q` of reduced values.
#[inline]
pub(crate) fn add(x: u64, y: u64) -> u64 {
    reduce_once(x.wrapping_add(y))
}

/// `x - y mod q` of reduced values.
#[inline]
pub(crate) fn subtract(x: u64, y: u64) -> u64 {
    reduce_once(x.wrapping_add(MODULUS).wrapping_sub(y))
}

/// A small signed value as a residue; `|x| < q`.
#[inline]
pub(crate) fn from_signed(x: i64) -> u64 {
    let wrapped = x.cast_unsigned();
    // Adding q to a negative number wraps to the residue, which is then the smaller of the two.
    wrapped.min(wrapped.wrapping_add(MODULUS))
}

/// A residue prepared to be multiplied by many others (Shoup's trick: w and floor(w 2^64 / q)).
#[derive(Clone, Copy, Default, Zeroize)]
pub(crate) struct Factor {
    value: u64,
    quotient: u64,
}

impl Factor {
    /// Prepare the reduced residue `value`.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "value < q, so the quotient is below 2^64"
    )]
    pub(crate) fn new(value: u64) -> Self {
        Self {
            value,
            quotient: ((u128::from(value) << 64) / u128::from(MODULUS)) as u64,
        }
    }

    /// `x * self`, in `[0, 2q)`, for any `x`.
    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the high half of a 128-bit product"
    )]
    pub(crate) fn times_lazy(self, x: u64) -> u64 {
        let estimate = ((u128::from(x) * u128::from(self.quotient)) >> 64) as u64;
        x.wrapping_mul(self.value)
            .wrapping_sub(estimate.wrapping_mul(MODULUS))
    }

    /// `x * self mod q`, in `[0, q)`, for any `x`.
    #[inline]
    pub(crate) fn times(self, x: u64) -> u64 {
        reduce_once(self.times_lazy(x))
    }
}

/// `base ^ exponent mod q`, for public values.
pub(crate) fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut square, mut result) = (Factor::new(base), 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = square.times(result);
        }
        square = Factor::new(square.times(square.value));
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_wide_integers() {
        let samples = [0, 1, 2, 42, MODULUS / 2, MODULUS - 2, MODULUS - 1];
        for x in samples {
            for y in samples {
                let q = u128::from(MODULUS);
                let (a, b) = (u128::from(x), u128::from(y));
                assert_eq!(u128::from(add(x, y)), (a + b) % q);
                assert_eq!(u128::from(subtract(x, y)), (a + q - b) % q);
                assert_eq!(u128::from(Factor::new(x).times(y)), a * b % q);
            }
            for wide in [u64::MAX, 4 * MODULUS - 1, 3 * MODULUS] {
                let exact = u128::from(x) * u128::from(wide) % u128::from(MODULUS);
                assert_eq!(u128::from(Factor::new(x).times(wide)), exact);
            }
        }
        assert_eq!(from_signed(-1), MODULUS - 1);
        assert_eq!(from_signed(7), 7);
    }
}
