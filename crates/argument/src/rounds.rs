//! Round polynomials: from values at 0..D to coefficients.

use ark_ff::{Field as _, Zero};

use crate::field::Field;

/// Turns values at 0, 1, ..., D into coefficients.
#[derive(Debug)]
pub(crate) struct Interpolation {
    /// For each place, the coefficients of the polynomial that is 1 there and 0 at the others.
    basis: Vec<Vec<Field>>,
}

impl Interpolation {
    pub(crate) fn new(degree: usize) -> Self {
        let places: Vec<Field> = (0..=degree as u64).map(Field::from).collect();
        let basis = places.iter().enumerate().map(|(index, &place)| {
            let others = places
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            others.fold(vec![Field::from(1_u64)], |polynomial, (_, &root)| {
                let inverse = (place - root).inverse().unwrap_or_default(); // places differ
                times_root(&polynomial, root, inverse)
            })
        });
        Self {
            basis: basis.collect(),
        }
    }

    pub(crate) fn coefficients(&self, values: &[Field]) -> Vec<Field> {
        let mut sums = vec![Field::zero(); self.basis.len()];
        for (value, polynomial) in values.iter().zip(&self.basis) {
            for (sum, coefficient) in sums.iter_mut().zip(polynomial) {
                *sum += *value * coefficient;
            }
        }
        sums
    }
}

/// `polynomial (X - root) factor`.
fn times_root(polynomial: &[Field], root: Field, factor: Field) -> Vec<Field> {
    let shifted = std::iter::once(Field::zero()).chain(polynomial.iter().copied());
    let padded = polynomial.iter().copied().chain([Field::zero()]);
    shifted
        .zip(padded)
        .map(|(high, low)| (high - root * low) * factor)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_finds_the_coefficients() {
        let coefficients: Vec<Field> = [7_u64, 0, 5, 11].map(Field::from).to_vec();
        let value = |x: u64| {
            let x = Field::from(x);
            coefficients
                .iter()
                .rev()
                .fold(Field::zero(), |sum, c| sum * x + c)
        };
        let values: Vec<Field> = (0..4).map(value).collect();
        assert_eq!(Interpolation::new(3).coefficients(&values), coefficients);
    }
}
