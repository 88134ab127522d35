//! The two inner loops: row times weights, and the norm of a row.
//!
//! Both are written so that the compiler emits 16-bit multiply-add instructions on any x86-64 or ARM processor. They use wrapping
//! 32-bit sums; the bounds below say why the final sums are exact all the same.

/// Columns per 32-bit partial sum of a dot product.
const CHUNK: usize = 128;

/// Bits of the lower limb of a weight.
const LIMB_BITS: u32 = 14;

/// Largest bound on the norm of a weight vector: the upper limb then fits `i16`.
pub(crate) const MAX_WEIGHT_BOUND: i64 = 1 << 28;

/// A weight vector as two 16-bit limbs: `weight = high * 2^14 + low`, `low` in `[-2^13, 2^13)`.
#[derive(Debug)]
pub(crate) struct Limbs {
    low: Vec<i16>,
    high: Vec<i16>,
}

impl Limbs {
    /// Split `weights`, or return None if one exceeds `MAX_WEIGHT_BOUND`.
    pub(crate) fn split(weights: &[i32]) -> Option<Self> {
        let half = 1i64 << (LIMB_BITS - 1);
        let mut limbs = Self {
            low: Vec::with_capacity(weights.len()),
            high: Vec::with_capacity(weights.len()),
        };
        for &weight in weights {
            let weight = i64::from(weight);
            if weight.abs() > MAX_WEIGHT_BOUND {
                return None;
            }
            let high = (weight + half) >> LIMB_BITS;
            limbs
                .low
                .push(i16::try_from(weight - (high << LIMB_BITS)).ok()?);
            limbs.high.push(i16::try_from(high).ok()?);
        }
        Some(limbs)
    }

    /// The exact dot product with a row of norm at most 2^14, if the weights have norm at most 2^28.
    ///
    /// By Cauchy-Schwarz a chunk of the low limbs sums to at most `2^14 * sqrt(128) * 2^13 < 2^31`, and a chunk of the
    /// high limbs to at most `2^14 * (2^14 + 12) < 2^31`, so sums modulo 2^32 are the sums themselves.
    pub(crate) fn dot(&self, features: &[i16]) -> i64 {
        let rows = features.chunks(CHUNK);
        let limbs = self.low.chunks(CHUNK).zip(self.high.chunks(CHUNK));
        rows.zip(limbs).fold(0, |sum, (x, (low, high))| {
            sum + i64::from(short_dot(x, low)) + (i64::from(short_dot(x, high)) << LIMB_BITS)
        })
    }
}

fn short_dot(left: &[i16], right: &[i16]) -> i32 {
    let products = left
        .iter()
        .zip(right)
        .map(|(&a, &b)| i32::from(a).wrapping_mul(i32::from(b)));
    products.fold(0, i32::wrapping_add)
}

/// Whether the L2 norm of `features` is at most `2^row_bits`, `row_bits` <= 14.
///
/// The entries are bounded first, so that a chunk of squares sums to at most 2^31, which is exact in `u32`.
pub(crate) fn square_norm_within(features: &[i16], row_bits: u32) -> bool {
    let (least, most) = features.iter().fold((0i16, 0i16), |(least, most), &x| {
        (least.min(x), most.max(x))
    });
    let bound = 1u64 << row_bits;
    if u64::from(least.unsigned_abs()).max(u64::from(most.unsigned_abs())) > bound {
        return false;
    }
    let chunk = 1usize << (31 - 2 * row_bits).min(12);
    let squares = features
        .chunks(chunk)
        .map(|part| u64::from(short_dot(part, part).cast_unsigned()));
    squares.sum::<u64>() <= bound * bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow_dot(x: &[i16], w: &[i32]) -> i64 {
        x.iter()
            .zip(w)
            .map(|(&x, &w)| i64::from(x) * i64::from(w))
            .sum()
    }

    #[test]
    fn dot_is_exact_at_the_bounds() {
        // Rows of norm exactly 2^14, weights near the largest norm, both signs, aligned to maximise every chunk.
        for (length, entry) in [
            (1usize, 1 << 14),
            (16, 1 << 12),
            (256, 1 << 10),
            (1024, 512),
            (4096, 256),
        ] {
            let root = 1i64 << 28;
            let each = i32::try_from(root / i64::try_from(length).unwrap().isqrt()).unwrap();
            for sign in [1i16, -1] {
                for weight in [each, -each, each - 1, 8191, 8192, -8192, -8193] {
                    let (x, w) = (vec![entry * sign; length], vec![weight; length]);
                    assert_eq!(
                        Limbs::split(&w).unwrap().dot(&x),
                        slow_dot(&x, &w),
                        "{length} {weight}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_weight_above_the_largest_bound_is_refused() {
        assert!(Limbs::split(&[1 << 28, -(1 << 28)]).is_some());
        assert!(Limbs::split(&[(1 << 28) + 1]).is_none());
        assert!(Limbs::split(&[i32::MIN]).is_none());
    }

    #[test]
    fn norm_is_decided_exactly() {
        for bits in 0..=14 {
            let bound = 1i16 << bits;
            assert!(square_norm_within(&[bound], bits));
            assert!(square_norm_within(&[0, -bound, 0], bits));
            assert!(!square_norm_within(&[bound, 1], bits));
            assert!(!square_norm_within(&[-bound - 1], bits));
            assert!(!square_norm_within(&[i16::MIN], bits));
            assert!(
                !square_norm_within(&vec![bound; 5000], bits),
                "a wrapped sum at {bits} bits"
            );
        }
    }
}
