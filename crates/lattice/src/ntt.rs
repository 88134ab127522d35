//! The negacyclic number-theoretic transform: products in `Z_q[X]/(X^N + 1)`.
//!
//! Cooley-Tukey forward and Gentleman-Sande inverse with lazy reduction (Harvey, "Faster arithmetic for
//! number-theoretic transforms", 2014; layout of Longa and Naehrig, 2016). The order of transformed values is
//! private to this module: nothing on the wire depends on it.

use std::sync::LazyLock;

use zeroize::Zeroizing;

use crate::modular::{Factor, from_signed, power};
use crate::parameters::{DEGREE, MODULUS};

/// A primitive 2N-th root of unity mod q: `3 ^ ((q - 1) / 2N)`.
const ROOT: u64 = 6_395_427_220_433_938;

/// Twiddle factors in bit-reversed order.
struct Tables {
    forward: Vec<Factor>,
    inverse: Vec<Factor>,
    scale: Factor,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    forward: powers(ROOT),
    inverse: powers(power(ROOT, MODULUS - 2)),
    scale: Factor::new(power(DEGREE as u64, MODULUS - 2)),
});

/// `root ^ reversed(i)` for each i.
fn powers(root: u64) -> Vec<Factor> {
    let shift = u64::BITS - DEGREE.trailing_zeros();
    (0..DEGREE as u64)
        .map(|i| Factor::new(power(root, i.reverse_bits() >> shift)))
        .collect()
}

/// Transform reduced coefficients in place; the results are in `[0, 4q)`.
fn forward(values: &mut [u64]) {
    let mut groups = 1;
    while groups < values.len() {
        let half = values.len() / (2 * groups);
        let factors = TABLES.forward.iter().skip(groups);
        for (group, factor) in values.chunks_exact_mut(2 * half).zip(factors) {
            let (low, high) = group.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let kept = (*x).min(x.wrapping_sub(2 * MODULUS));
                let turned = factor.times_lazy(*y);
                *x = kept.wrapping_add(turned);
                *y = kept.wrapping_add(2 * MODULUS).wrapping_sub(turned);
            }
        }
        groups *= 2;
    }
}

/// Transform values in `[0, 2q)` back in place; the results are reduced coefficients.
fn inverse(values: &mut [u64]) {
    let mut groups = values.len() / 2;
    while groups > 0 {
        let half = values.len() / (2 * groups);
        let factors = TABLES.inverse.iter().skip(groups);
        for (group, factor) in values.chunks_exact_mut(2 * half).zip(factors) {
            let (low, high) = group.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let sum = x.wrapping_add(*y);
                let difference = x.wrapping_add(2 * MODULUS).wrapping_sub(*y);
                *x = sum.min(sum.wrapping_sub(2 * MODULUS));
                *y = factor.times_lazy(difference);
            }
        }
        groups /= 2;
    }
    for value in values {
        *value = TABLES.scale.times(*value);
    }
}

/// A secret ring element, transformed and prepared to multiply many public ones. Wiped when dropped.
pub(crate) struct Multiplier {
    factors: Zeroizing<Vec<Factor>>,
}

impl Multiplier {
    /// Prepare the element with these signed coefficients, one for each power of X.
    pub(crate) fn new(coefficients: impl Iterator<Item = i64>) -> Self {
        let mut values = scratch();
        for (value, coefficient) in values.iter_mut().zip(coefficients) {
            *value = from_signed(coefficient);
        }
        forward(&mut values);
        let mut factors = Zeroizing::new(Vec::with_capacity(DEGREE));
        factors.extend(
            values
                .iter()
                .map(|&value| Factor::new(Factor::new(1).times(value))),
        );
        Self { factors }
    }

    /// Replace the reduced coefficients of `other` by those of the product.
    pub(crate) fn multiply(&self, other: &mut [u64]) {
        forward(other);
        for (x, factor) in other.iter_mut().zip(self.factors.iter()) {
            *x = factor.times_lazy(*x);
        }
        inverse(other);
    }
}

/// Space for one ring element that is wiped when dropped.
pub(crate) fn scratch() -> Zeroizing<Vec<u64>> {
    Zeroizing::new(vec![0; DEGREE])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product by definition.
    fn schoolbook(a: &[i64], b: &[u64]) -> Vec<u64> {
        let q = i128::from(MODULUS);
        let mut product = vec![0_i128; DEGREE];
        for (i, &x) in a.iter().enumerate().filter(|&(_, &x)| x != 0) {
            for (j, &y) in b.iter().enumerate() {
                let term = i128::from(x) * i128::from(y) % q;
                let sign = if i + j < DEGREE { 1 } else { -1 };
                product[(i + j) % DEGREE] += sign * term;
            }
        }
        product
            .into_iter()
            .map(|x| u64::try_from(x.rem_euclid(q)).unwrap())
            .collect()
    }

    fn pattern(step: u64) -> Vec<u64> {
        (0..DEGREE as u64).map(|i| power(step + 5, i + 1)).collect()
    }

    #[test]
    fn root_has_order_2n() {
        assert_eq!(power(ROOT, DEGREE as u64), MODULUS - 1);
        assert_eq!(power(3, (MODULUS - 1) / (2 * DEGREE as u64)), ROOT);
        assert_eq!(MODULUS % (2 * DEGREE as u64), 1);
    }

    #[test]
    fn product_is_the_schoolbook_product() {
        let extremes: Vec<i64> = (0..DEGREE)
            .map(|i| if i % 3 == 0 { 42 } else { -42 })
            .collect();
        let small: Vec<i64> = (0_i64..2048).map(|i| (i * i + 3) % 85 - 42).collect();
        let large = vec![MODULUS - 1; DEGREE];
        for key in [&extremes, &small] {
            for other in [&pattern(1), &pattern(100), &large] {
                let mut product = other.clone();
                Multiplier::new(key.iter().copied()).multiply(&mut product);
                assert_eq!(product, schoolbook(key, other));
            }
        }
    }

    #[test]
    fn multiplying_by_x_to_the_n_minus_one_wraps_with_a_sign() {
        let mut product = pattern(2);
        let expected: Vec<u64> = product
            .iter()
            .skip(1)
            .map(|x| MODULUS - x)
            .chain([product[0]])
            .collect();
        Multiplier::new((0..DEGREE).map(|i| i64::from(i == DEGREE - 1))).multiply(&mut product);
        assert_eq!(product, expected);
    }
}
