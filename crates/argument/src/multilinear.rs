//! Multilinear polynomials by their values; the first variable is the most significant bit of the index.

use rayon::prelude::*;

use crate::field::Field;

/// Lists shorter than this are not worth a second thread.
pub(crate) const PARALLEL: usize = 1 << 10;

/// Return the 2^n values `eq(point)_i`.
#[must_use]
pub fn eq_table(point: &[Field]) -> Vec<Field> {
    let one = Field::from(1_u64);
    point.iter().fold(vec![one], |table, &r| {
        let split = |&value: &Field| {
            let high = value * r;
            [value - high, high]
        };
        if table.len() < PARALLEL {
            table.iter().flat_map(split).collect()
        } else {
            table.par_iter().flat_map_iter(split).collect()
        }
    })
}

/// Return the sum of products of two lists; the longer one's rest counts as multiplied by zero.
#[must_use]
pub fn dot(left: &[Field], right: &[Field]) -> Field {
    let products = |(left, right): (&[Field], &[Field])| -> Field {
        left.iter().zip(right).map(|(&a, &b)| a * b).sum()
    };
    let length = left.len().min(right.len());
    if length < 2 * PARALLEL {
        return products((left, right));
    }
    left.par_chunks(PARALLEL)
        .zip(right.par_chunks(PARALLEL))
        .map(products)
        .sum()
}

/// Bind the first variable to `r`: `v_b + r (v_(b + half) - v_b)`.
pub(crate) fn bind(values: &mut Vec<Field>, r: Field) {
    let half = values.len() / 2;
    let (low, high) = values.split_at_mut(half);
    let step = |(low, high): (&mut Field, &Field)| *low += r * (*high - *low);
    if half < PARALLEL {
        low.iter_mut().zip(high.iter()).for_each(step);
    } else {
        low.par_iter_mut().zip(high.par_iter()).for_each(step);
    }
    values.truncate(half);
}

/// Return the sum of `eq(point)_i` over i < count.
#[must_use]
pub(crate) fn eq_below(point: &[Field], count: usize) -> Field {
    let one = Field::from(1_u64);
    if count >> point.len() != 0 {
        return one;
    }
    // Walk the bits of `count` from the top: where it has a 1, all indices with a 0 there and the same bits above count.
    let (mut sum, mut prefix) = (Field::from(0_u64), one);
    for (place, &r) in point.iter().enumerate() {
        if (count >> (point.len() - 1 - place)) & 1 == 1 {
            sum += prefix * (one - r);
            prefix *= r;
        } else {
            prefix *= one - r;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::from_wide;

    fn point(count: u8) -> Vec<Field> {
        (1..=count).map(|seed| from_wide(&[seed; 64])).collect()
    }

    #[test]
    fn the_table_is_the_product_over_the_bits_from_the_top() {
        let (r, one) = (point(2), Field::from(1_u64));
        let expected = [
            (one - r[0]) * (one - r[1]),
            (one - r[0]) * r[1],
            r[0] * (one - r[1]),
            r[0] * r[1],
        ];
        assert_eq!(eq_table(&r), expected);
        assert_eq!(eq_table(&[]), [one]);
        assert_eq!(eq_table(&point(12)).iter().sum::<Field>(), one);
    }

    #[test]
    fn binding_all_variables_evaluates() {
        for n in [1, 3, 12] {
            let r = point(n);
            let mut values: Vec<Field> = (0..1_u64 << n).map(|i| Field::from(i * i + 7)).collect();
            let expected = dot(&eq_table(&r), &values);
            for &r in &r {
                bind(&mut values, r);
            }
            assert_eq!(values, [expected]);
        }
    }

    #[test]
    fn the_sum_below_is_the_sum_of_the_table() {
        let r = point(3);
        let table = eq_table(&r);
        for count in 0..=9 {
            assert_eq!(eq_below(&r, count), table.iter().take(count).sum::<Field>());
        }
        assert_eq!(eq_below(&[], 0), Field::from(0_u64));
        assert_eq!(eq_below(&[], 1), Field::from(1_u64));
    }
}
