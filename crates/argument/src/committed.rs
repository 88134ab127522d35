//! Values under commitments, as the prover and as the verifier know them.

use zeroize::Zeroize;

use crate::field::Field;

/// Linear arithmetic on committed values.
pub(crate) trait Committed: Clone {
    /// The commitment to a public number.
    fn constant(value: Field) -> Self;
    /// Add `factor * other`.
    fn add_multiple(&mut self, factor: Field, other: &Self);
    /// Multiply by a public number.
    fn scale(&mut self, factor: Field);
}

/// A value and its blinding: what the prover knows.
#[derive(Clone, Copy, Default, Zeroize)]
pub(crate) struct Opened {
    pub(crate) value: Field,
    pub(crate) blinding: Field,
}

impl Committed for Opened {
    fn constant(value: Field) -> Self {
        Self {
            value,
            blinding: Field::default(),
        }
    }

    fn add_multiple(&mut self, factor: Field, other: &Self) {
        self.value += factor * other.value;
        self.blinding += factor * other.blinding;
    }

    fn scale(&mut self, factor: Field) {
        self.value *= factor;
        self.blinding *= factor;
    }
}

/// A combination of the proof's points and of V: what the verifier knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Combination {
    /// Coefficient of V.
    pub(crate) constant: Field,
    /// Coefficient of each point, from the first; zeros are left out at the end.
    pub(crate) points: Vec<Field>,
}

impl Combination {
    /// The point with this number.
    pub(crate) fn point(index: usize) -> Self {
        let mut points = vec![Field::default(); index];
        points.push(Field::from(1_u64));
        Self {
            constant: Field::default(),
            points,
        }
    }
}

impl Committed for Combination {
    fn constant(value: Field) -> Self {
        Self {
            constant: value,
            points: Vec::new(),
        }
    }

    fn add_multiple(&mut self, factor: Field, other: &Self) {
        self.constant += factor * other.constant;
        if self.points.len() < other.points.len() {
            self.points.resize(other.points.len(), Field::default());
        }
        for (sum, coefficient) in self.points.iter_mut().zip(&other.points) {
            *sum += factor * coefficient;
        }
    }

    fn scale(&mut self, factor: Field) {
        self.constant *= factor;
        self.points
            .iter_mut()
            .for_each(|coefficient| *coefficient *= factor);
    }
}

/// The claim after a round: `s(r)`, where `c_1` is what `s(0) + s(1) = claim` leaves.
pub(crate) fn next_claim<C: Committed>(claim: &C, coefficients: &[C], r: Field) -> C {
    // s(r) = r claim + (1 - 2r) c_0 + sum over j >= 2 of (r^j - r) c_j
    let mut next = claim.clone();
    next.scale(r);
    let mut power = r;
    for (index, coefficient) in coefficients.iter().enumerate() {
        if index == 0 {
            next.add_multiple(Field::from(1_u64) - r - r, coefficient);
        } else {
            power *= r;
            next.add_multiple(power - r, coefficient);
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_claim_is_the_polynomial_at_the_challenge() {
        let c: Vec<Field> = [3_u64, 9, 4, 6].map(Field::from).to_vec();
        let at = |x: Field| c.iter().rev().fold(Field::default(), |sum, c| sum * x + c);
        let claim = Opened::constant(at(Field::from(0_u64)) + at(Field::from(1_u64)));
        let sent = [c[0], c[2], c[3]].map(Opened::constant);
        let r = Field::from(77_u64);
        assert_eq!(next_claim(&claim, &sent, r).value, at(r));
    }
}
