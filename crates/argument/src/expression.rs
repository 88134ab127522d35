//! Expressions over the columns of a domain.

use std::ops::{Add, Mul, Neg, Sub};

use crate::field::Field;

/// A polynomial in the columns of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A public number.
    Constant(Field),
    /// A column of the domain, by its number.
    Column(usize),
    /// A linear combination.
    Sum(Vec<(Field, Expression)>),
    /// A product of two.
    Product(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// A whole number.
    #[must_use]
    pub fn number(value: i128) -> Self {
        Self::Constant(Field::from(value))
    }

    /// `sum of coefficient * expression`, one level deep: sums within are not taken apart.
    #[must_use]
    pub fn combine(parts: impl IntoIterator<Item = (Field, Self)>) -> Self {
        Self::Sum(parts.into_iter().collect())
    }

    /// This expression times a public number.
    #[must_use]
    pub fn scale(self, factor: Field) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(value * factor),
            Self::Sum(parts) => Self::Sum(
                parts
                    .into_iter()
                    .map(|(c, part)| (c * factor, part))
                    .collect(),
            ),
            other => Self::Sum(vec![(factor, other)]),
        }
    }

    /// The parts of a sum, or the one part.
    fn parts(self) -> Vec<(Field, Self)> {
        match self {
            Self::Sum(parts) => parts,
            other => vec![(Field::from(1_u64), other)],
        }
    }
}

impl From<usize> for Expression {
    fn from(column: usize) -> Self {
        Self::Column(column)
    }
}

impl Add for Expression {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let mut parts = self.parts();
        parts.extend(other.parts());
        Self::Sum(parts)
    }
}

impl Neg for Expression {
    type Output = Self;

    fn neg(self) -> Self {
        self.scale(-Field::from(1_u64))
    }
}

impl Sub for Expression {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Expression {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::Product(Box::new(self), Box::new(other))
    }
}
