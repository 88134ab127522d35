//! Entries: the small signed integers that rows are made of.

/// A signed integer that a row may hold.
pub trait Entry: Copy + Send + Sync {
    /// The same number as 64 bits.
    fn widen(self) -> i64;
}

impl Entry for i16 {
    fn widen(self) -> i64 {
        i64::from(self)
    }
}

impl Entry for i64 {
    fn widen(self) -> i64 {
        self
    }
}

/// Return the fewest bits `b` such that every value lies in `[-2^(b-1), 2^(b-1))`; 0 when all are zero.
pub(crate) fn signed_bits<E: Entry>(values: &[E]) -> u32 {
    let (magnitudes, any) = values
        .iter()
        .fold((0_u64, 0_u64), |(magnitudes, any), value| {
            let wide = value.widen();
            (
                magnitudes | (wide ^ (wide >> 63)).cast_unsigned(),
                any | wide.cast_unsigned(),
            )
        });
    if any == 0 {
        0
    } else {
        u64::BITS - magnitudes.leading_zeros() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_cover_exactly_the_values_that_occur() {
        assert_eq!(signed_bits::<i64>(&[]), 0);
        assert_eq!(signed_bits(&[0_i64, 0]), 0);
        assert_eq!(signed_bits(&[-1_i64, 0]), 1);
        assert_eq!(signed_bits(&[1_i64]), 2);
        assert_eq!(signed_bits(&[127_i64, -128]), 8);
        assert_eq!(signed_bits(&[128_i64]), 9);
        assert_eq!(signed_bits(&[i16::MIN, i16::MAX]), 16);
        assert_eq!(signed_bits(&[i64::MIN]), 64);
        assert_eq!(signed_bits(&[i64::MAX]), 64);
    }
}
