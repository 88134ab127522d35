//! The values of committed matrices, in the form that is fastest for what they are.

#![allow(
    clippy::indexing_slicing,
    reason = "the prover's own lists, whose lengths `Values::check` compares with the system"
)]

use ark_ff::Zero;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::field::{Field, power_of_two};
use crate::multilinear::PARALLEL;

/// Bits of a limb of a full-size number: a limb times 16 bits, 2048 times added up, fits 63 bits.
const LIMB_BITS: u32 = 36;
const LIMBS: usize = 7;
/// Products that are added up before the limbs are joined.
const FLUSH: usize = 2048;

/// A table of 16-bit numbers in rows, each padded with zeros to a power of two.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Rows {
    /// Numbers, row after row.
    pub values: Vec<i16>,
    /// Numbers in a row.
    pub columns: usize,
    /// Numbers in a row, padded.
    pub padded: usize,
}

impl Rows {
    /// The number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.columns
    }

    /// For each row, `sum_j x_j v_j` with small numbers.
    pub(crate) fn times_small(&self, v: &[i64]) -> Vec<Field> {
        // |x| <= 2^15, at most 2^16 columns: with |v| < 2^31 the sum is below 2^62.
        let narrow = self.columns <= 1 << 16 && v.iter().all(|v| v.unsigned_abs() < 1 << 31);
        let dot = |row: &[i16]| -> Field {
            let pairs = row.iter().zip(v);
            if narrow {
                let sum = pairs.fold(0_i64, |sum, (&x, &v)| {
                    sum.wrapping_add(i64::from(x).wrapping_mul(v))
                });
                Field::from(sum)
            } else {
                Field::from(
                    pairs
                        .map(|(&x, &v)| i128::from(x) * i128::from(v))
                        .sum::<i128>(),
                )
            }
        };
        self.values.par_chunks(self.columns).map(dot).collect()
    }

    /// For each row, `sum_j x_j v_j` with full-size numbers.
    pub(crate) fn times_field(&self, v: &[Field]) -> Vec<Field> {
        let limbs: Vec<[i64; LIMBS]> = v.iter().map(split).collect();
        let joiner = Joiner::new();
        let dot = |row: &[i16]| -> Field {
            let mut total = Field::zero();
            for (part, limbs) in row.chunks(FLUSH).zip(limbs.chunks(FLUSH)) {
                let mut sums = [0; LIMBS];
                for (&x, limbs) in part.iter().zip(limbs) {
                    add_multiple(&mut sums, x, limbs);
                }
                total += joiner.join(&sums);
            }
            total
        };
        self.values.par_chunks(self.columns).map(dot).collect()
    }

    /// `sum_r left_r row_r` over matrix rows of `width` entries; `width` entries.
    fn combine(&self, left: &[Field], width: usize) -> Vec<Field> {
        let per = width / self.padded; // rows of the table under one commitment
        let joiner = Joiner::new();
        let tasks = self
            .values
            .par_chunks(per * self.columns * FLUSH.min(task_rows(width)));
        let part = |(task, values): (usize, &[i16])| {
            let mut sums = vec![[0_i64; LIMBS]; width];
            let first = task * FLUSH.min(task_rows(width));
            for (offset, group) in values.chunks(per * self.columns).enumerate() {
                let limbs = split(left.get(first + offset).unwrap_or(&Field::zero()));
                for (inside, row) in group.chunks(self.columns).enumerate() {
                    let cells = &mut sums[inside * self.padded..];
                    for (cell, &x) in cells.iter_mut().zip(row) {
                        add_multiple(cell, x, &limbs);
                    }
                }
            }
            sums.iter()
                .map(|sums| joiner.join(sums))
                .collect::<Vec<_>>()
        };
        let zero = || vec![Field::zero(); width];
        tasks
            .enumerate()
            .map(part)
            .reduce(zero, |left, right| add(left, &right))
    }
}

/// Rows of a matrix that one task combines.
fn task_rows(width: usize) -> usize {
    ((1 << 19) / width).max(1)
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rows({} numbers)", self.values.len())
    }
}

/// The secret values of a matrix; never printed, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub enum Values {
    /// Numbers of at most 64 bits.
    Small(Vec<i64>),
    /// Full-size numbers.
    Field(Vec<Field>),
    /// A table.
    Rows(Rows),
}

impl std::fmt::Debug for Values {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Values({} secret entries)", self.entries())
    }
}

impl Values {
    /// The number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        match self {
            Self::Small(values) => values.len(),
            Self::Field(values) => values.len(),
            Self::Rows(rows) => rows.count() * rows.padded,
        }
    }

    /// The entries as numbers modulo the group order; a table's padding is left out of neither count nor list.
    pub(crate) fn to_field(&self) -> Vec<Field> {
        match self {
            Self::Small(values) => values.par_iter().map(|&value| Field::from(value)).collect(),
            Self::Field(values) => values.clone(),
            Self::Rows(rows) => {
                let padding = vec![Field::zero(); rows.padded - rows.columns];
                let row = |row: &[i16]| {
                    let entries = row.iter().map(|&x| Field::from(x));
                    entries.chain(padding.iter().copied()).collect::<Vec<_>>()
                };
                rows.values
                    .par_chunks(rows.columns)
                    .flat_map_iter(row)
                    .collect()
            }
        }
    }

    /// `sum_r left_r row_r` over rows of `width` entries: one row.
    pub(crate) fn combine(&self, left: &[Field], width: usize) -> Vec<Field> {
        match self {
            Self::Small(values) => combine(values, left, width, |&value| Field::from(value)),
            Self::Field(values) => combine(values, left, width, |&value| value),
            Self::Rows(rows) => rows.combine(left, width),
        }
    }
}

fn combine<T: Sync>(
    values: &[T],
    left: &[Field],
    width: usize,
    widen: impl Fn(&T) -> Field + Sync,
) -> Vec<Field> {
    let column = |place: usize| -> Field {
        let entries = values.iter().skip(place).step_by(width);
        entries
            .zip(left)
            .map(|(value, &left)| left * widen(value))
            .sum()
    };
    if values.len() < PARALLEL {
        return (0..width).map(column).collect();
    }
    (0..width)
        .into_par_iter()
        .with_min_len(64)
        .map(column)
        .collect()
}

fn add(mut left: Vec<Field>, right: &[Field]) -> Vec<Field> {
    left.iter_mut()
        .zip(right)
        .for_each(|(sum, other)| *sum += other);
    left
}

fn add_multiple(sums: &mut [i64; LIMBS], x: i16, limbs: &[i64; LIMBS]) {
    for (sum, limb) in sums.iter_mut().zip(limbs) {
        // |x| <= 2^15, limb <= 2^36, at most 2^11 terms: at most 2^62.
        *sum = sum.wrapping_add(i64::from(x).wrapping_mul(*limb));
    }
}

/// Cut a number into limbs of 36 bits.
fn split(number: &Field) -> [i64; LIMBS] {
    let bytes = crate::field::to_bytes(number);
    let bit = |place: u32| -> u64 {
        let (byte, shift) = ((place / 8) as usize, place % 8);
        let window: [u8; 8] = std::array::from_fn(|i| bytes.get(byte + i).copied().unwrap_or(0));
        u64::from_le_bytes(window) >> shift
    };
    // 36 bits from any bit offset fit the 57 bits that are left of a window of 64. The last limb keeps bit 252 as well: it
    // is at most 2^36, since the group order is below 2^252 + 2^125.
    std::array::from_fn(|limb| {
        let low = bit(LIMB_BITS * u32::try_from(limb).unwrap_or(0));
        let kept = if limb + 1 < LIMBS {
            low & ((1 << LIMB_BITS) - 1)
        } else {
            low
        };
        kept.cast_signed()
    })
}

/// Turns sums of limbs back into a number.
struct Joiner([Field; LIMBS]);

impl Joiner {
    fn new() -> Self {
        Self(std::array::from_fn(|limb| {
            power_of_two(LIMB_BITS * u32::try_from(limb).unwrap_or(0))
        }))
    }

    fn join(&self, sums: &[i64; LIMBS]) -> Field {
        sums.iter()
            .zip(&self.0)
            .map(|(&sum, power)| Field::from(sum) * power)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::from_wide;
    use crate::multilinear::dot;

    fn number(seed: usize) -> Field {
        from_wide(&[u8::try_from(seed % 251).unwrap() + 1; 64])
    }

    #[test]
    fn limbs_join_to_the_number() {
        let joiner = Joiner::new();
        for value in [Field::zero(), -Field::from(1_u64), number(3), number(200)] {
            assert_eq!(joiner.join(&split(&value)), value);
        }
    }

    #[test]
    fn tables_multiply_like_full_size_numbers_at_the_extremes() {
        for (columns, padded, count, width) in [
            (3, 4, 5, 8),
            (1, 1, 9, 4),
            (5000, 8192, 3, 8192),
            (2, 2, 5000, 2),
        ] {
            let pattern = [i16::MIN, i16::MAX, -1, 0, 1, i16::MAX, i16::MAX];
            let values = (0..columns * count).map(|i| pattern[i % 7]).collect();
            let rows = Rows {
                values,
                columns,
                padded,
            };
            let full = Values::Field(Values::Rows(rows.clone()).to_field());
            let v: Vec<Field> = (0..columns).map(number).collect();
            let expected: Vec<Field> = full
                .to_field()
                .chunks(padded)
                .map(|row| dot(row, &v))
                .collect();
            assert_eq!(rows.times_field(&v), expected);
            let small: Vec<i64> = (0_i64..).take(columns).map(|i| i * i - (1 << 40)).collect();
            let wide: Vec<Field> = small.iter().map(|&v| Field::from(v)).collect();
            assert_eq!(rows.times_small(&small), rows.times_field(&wide));
            let left: Vec<Field> = (0..(count * padded).div_ceil(width)).map(number).collect();
            assert_eq!(
                Values::Rows(rows).combine(&left, width),
                full.combine(&left, width)
            );
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(
            format!("{:?}", Values::Small(vec![7])),
            "Values(1 secret entries)"
        );
    }
}
