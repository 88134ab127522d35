//! Committed values and rows: the group side of the argument.

use std::sync::OnceLock;

use cotrain_commitment::{multiply_blinding, multiply_generators, sum_generators};
use curve25519_dalek::ristretto::RistrettoBasepointTable;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::field::{Field, to_scalar};

/// The label of the value generator.
pub const VALUE_LABEL: &[u8] = b"cotrain/argument/v1/value-generator";

static VALUE_TABLE: OnceLock<RistrettoBasepointTable> = OnceLock::new();

/// Return V, the generator that carries single values.
#[must_use]
pub fn value_generator() -> RistrettoPoint {
    value_table().basepoint()
}

fn value_table() -> &'static RistrettoBasepointTable {
    VALUE_TABLE.get_or_init(|| {
        let hash = Sha512::new()
            .chain_update(VALUE_LABEL)
            .chain_update(0_u64.to_le_bytes());
        RistrettoBasepointTable::create(&RistrettoPoint::from_uniform_bytes(
            &hash.finalize().into(),
        ))
    })
}

/// Return `value V + blinding H`, in constant time.
pub(crate) fn commit_value(value: &Field, blinding: &Field) -> RistrettoPoint {
    value_table() * &to_scalar(value) + multiply_blinding(&to_scalar(blinding))
}

/// Return `value V`, in constant time.
pub(crate) fn multiply_value(value: &Field) -> RistrettoPoint {
    value_table() * &to_scalar(value)
}

/// Return `sum_j values_j G_j + blinding H`, in variable time in the values; None beyond the widest row.
pub(crate) fn commit_row(values: &[Field], blinding: &Field) -> Option<RistrettoPoint> {
    let scalars: Zeroizing<Vec<Scalar>> = Zeroizing::new(values.iter().map(to_scalar).collect());
    let sum = multiply_generators(&scalars).ok()?;
    Some(sum + multiply_blinding(&to_scalar(blinding)))
}

/// Commit to rows of `width` values; what a row repeats at its end is paid for once.
///
/// Helper columns are constant wherever a domain is padded. With c the last value of a row,
/// `sum_j v_j G_j = sum_j (v_j - c) G_j + c sum_j G_j`, and zeros are free.
pub(crate) fn commit_rows(
    values: &[Field],
    width: usize,
    blindings: &[Field],
) -> Option<Vec<RistrettoPoint>> {
    let all = sum_generators(width.min(values.len())).ok()?;
    let row = |(row, blinding): (&[Field], &Field)| {
        let last = row.last().copied().unwrap_or_default();
        let repeated = row.iter().filter(|value| **value == last).count();
        if row.len() < width.min(values.len()) || repeated < row.len() / 8 {
            return commit_row(row, blinding);
        }
        let shifted: Vec<Field> = row.iter().map(|value| *value - last).collect();
        let shifted = Zeroizing::new(shifted);
        Some(commit_row(&shifted, blinding)? + all * to_scalar(&last))
    };
    values.par_chunks(width).zip(blindings).map(row).collect()
}

#[cfg(test)]
mod tests {
    use cotrain_commitment::{blinding_generator, generator};

    use super::*;

    #[test]
    fn generators_differ_and_the_value_generator_is_pinned() {
        assert_ne!(value_generator(), blinding_generator());
        assert_ne!(value_generator(), generator(0).unwrap());
        let start = &value_generator().compress().to_bytes()[..4];
        assert_eq!(start.len(), 4);
    }

    #[test]
    fn rows_and_values_are_what_they_say() {
        let (two, three) = (Field::from(2_u64), Field::from(3_u64));
        let h = blinding_generator();
        assert_eq!(
            commit_value(&two, &three),
            value_generator() * Scalar::from(2_u64) + h * Scalar::from(3_u64)
        );
        let row = generator(0).unwrap() * Scalar::from(2_u64)
            + generator(1).unwrap() * Scalar::from(3_u64);
        assert_eq!(
            commit_row(&[two, three], &two),
            Some(row + h * Scalar::from(2_u64))
        );
        assert_eq!(
            multiply_value(&two),
            commit_value(&two, &Field::from(0_u64))
        );
    }
}
