//! What all models share: z = X w, and its quotient as an affine form.

use cotrain_argument::field::inverse_power_of_two;
use cotrain_argument::{Column, Domain, Expression, Functional, Matrix, MatrixProduct};

use crate::gradient::GradientStatement;
use crate::ranges::{Chunks, largest_chunk};
use crate::segment::unit;

/// The first columns of a gradient's domain.
pub(crate) struct Margin {
    pub(crate) domain: Domain,
    pub(crate) label: usize,
    pub(crate) remainder: Chunks,
    /// floor(z / 2^s), an integer wherever a lookup bounds it.
    pub(crate) quotient: Expression,
    /// The largest chunk.
    pub(crate) most: u32,
}

impl Margin {
    pub(crate) fn new(statement: &GradientStatement) -> Self {
        let (model, segment) = (&statement.model, &statement.segment);
        let places = model.classes.next_power_of_two();
        let mut domain = Domain {
            row_variables: segment.row_variables(),
            column_variables: places.trailing_zeros() as usize,
            ..Domain::default()
        };
        let vector = |weights: &[i32]| weights.iter().map(|&weight| i64::from(weight)).collect();
        let mut lists: Vec<Vec<i64>> = model.weights.chunks(model.features).map(vector).collect();
        let first = lists.first().cloned().unwrap_or_default();
        lists.resize(places, first);
        let (matrix, row) = (Matrix::Input(0), segment.padded());
        let margin = domain.push(Column::Product {
            matrix,
            row,
            functional: Functional::Each(lists),
        });
        let functional = Functional::Same(unit(model.features));
        let label = domain.push(Column::Product {
            matrix,
            row,
            functional,
        });
        let most = largest_chunk(domain.variables());
        let remainder = Chunks::new(model.margin_shift, most, 2);
        push_witnesses(&mut domain, 0, remainder.sizes.len());
        let quotient = (Expression::Column(margin) - remainder.value())
            .scale(inverse_power_of_two(model.margin_shift));
        Self {
            domain,
            label,
            remainder,
            quotient,
            most,
        }
    }

    /// Declare that the gradient is `E^T X`.
    pub(crate) fn multiply(&mut self, statement: &GradientStatement, residual: Expression) {
        self.domain.products.push(MatrixProduct {
            left: residual,
            right: Matrix::Input(0),
            row: statement.segment.padded(),
            columns: statement.model.features,
            classes: statement.model.classes,
            result: Matrix::Input(1),
        });
    }
}

/// Append full columns for `count` witness matrices from `first` on.
pub(crate) fn push_witnesses(domain: &mut Domain, first: usize, count: usize) {
    for index in first..first + count {
        domain.push(Column::Full(Matrix::Witness(index)));
    }
}

/// Bits of a number that is not negative.
pub(crate) fn bit_length(number: i64) -> u32 {
    i64::BITS - number.leading_zeros()
}

/// Floor of a division by 2^bits, and the rest.
pub(crate) fn divide(number: i64, bits: u32) -> (i64, u64) {
    let quotient = number >> bits;
    (quotient, (number - (quotient << bits)).unsigned_abs())
}
