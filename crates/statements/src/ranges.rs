//! Ranges: numbers cut into chunks that are looked up (spec, "Conventions").

use cotrain_argument::field::power_of_two;
use cotrain_argument::{Expression, Values};

use crate::table::{TableBuilder, Tag};

/// The largest chunk in a domain of so many variables.
pub(crate) fn largest_chunk(variables: usize) -> u32 {
    u32::try_from(variables.clamp(8, 16)).unwrap_or(16)
}

/// Cut `bits` into as few sizes of at most `most` as possible, as equal as possible, the larger ones first.
pub(crate) fn chunks(bits: u32, most: u32) -> Vec<u32> {
    let count = bits.div_ceil(most);
    (0..count)
        .map(|index| bits / count + u32::from(index < bits % count))
        .collect()
}

/// The chunk columns of one value.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    pub(crate) sizes: Vec<u32>,
    /// The number of its first column; the others follow.
    first: usize,
}

impl Chunks {
    pub(crate) fn new(bits: u32, most: u32, first: usize) -> Self {
        Self {
            sizes: chunks(bits, most),
            first,
        }
    }

    /// Its columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sizes.len()).map(|index| self.first + index)
    }

    /// The value as an affine form.
    pub(crate) fn value(&self) -> Expression {
        let mut shift = 0;
        Expression::combine(self.columns().zip(&self.sizes).map(|(column, size)| {
            let part = (power_of_two(shift), Expression::Column(column));
            shift += size;
            part
        }))
    }

    /// Each column as a lookup of `arity` numbers.
    pub(crate) fn lookups(&self, arity: usize) -> impl Iterator<Item = Vec<Expression>> + '_ {
        self.columns().zip(&self.sizes).map(move |(column, size)| {
            let row = [
                Tag::Range.expression(),
                Expression::number(i128::from(*size)),
                Expression::Column(column),
            ];
            let mut row = row.to_vec();
            row.resize(arity, Expression::number(0));
            row
        })
    }

    /// The values of the columns, and the rows of the table that they are.
    pub(crate) fn witness(&self, values: &[u64], table: &TableBuilder) -> Vec<(Values, Vec<u32>)> {
        let mut shift = 0;
        self.sizes
            .iter()
            .map(|size| {
                let mask = (1_u64 << size) - 1;
                let parts = values.iter().map(|value| (value >> shift) & mask);
                let start = table.range_start(*size);
                let (column, rows) = parts
                    .map(|part| (part.cast_signed(), start + u32::try_from(part).unwrap_or(0)))
                    .unzip();
                shift += size;
                (Values::Small(column), rows)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_few_equal_and_complete() {
        assert_eq!(chunks(0, 8), [0; 0]);
        assert_eq!(chunks(18, 13), [9, 9]);
        assert_eq!(chunks(17, 8), [6, 6, 5]);
        assert_eq!(chunks(64, 16), [16; 4]);
        for bits in 0..=64 {
            for most in 8..=16 {
                let sizes = chunks(bits, most);
                assert_eq!(sizes.iter().sum::<u32>(), bits);
                assert!(sizes.iter().all(|size| *size <= most));
            }
        }
    }
}
