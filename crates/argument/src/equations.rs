//! Equations in the group, added up with weights until one multiplication decides them all.

use cotrain_commitment::{blinding_generator, generators};
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use curve25519_dalek::{RistrettoPoint, Scalar};

use crate::error::ProofError;
use crate::field::{Field, to_scalar};
use crate::points::value_generator;

/// A weighted sum that must be the identity.
#[derive(Debug, Clone, Default)]
pub struct Equation {
    /// Coefficients of the generators G, from the first.
    pub(crate) generators: Vec<Field>,
    /// Coefficient of V.
    pub(crate) value: Field,
    /// Coefficient of H.
    pub(crate) blinding: Field,
    /// Other points and their coefficients.
    pub(crate) points: Vec<(RistrettoPoint, Field)>,
    /// A number that depends on the whole proof, from which weights among proofs are drawn.
    pub(crate) digest: [u8; 32],
}

impl Equation {
    /// Add `weight` times another equation.
    fn add(&mut self, weight: Field, other: &Self) {
        if self.generators.len() < other.generators.len() {
            self.generators
                .resize(other.generators.len(), Field::default());
        }
        let pairs = self.generators.iter_mut().zip(&other.generators);
        pairs.for_each(|(sum, coefficient)| *sum += weight * coefficient);
        self.value += weight * other.value;
        self.blinding += weight * other.blinding;
        let weighted = other
            .points
            .iter()
            .map(|(point, coefficient)| (*point, weight * coefficient));
        self.points.extend(weighted);
    }

    /// Decide.
    ///
    /// # Errors
    /// [`ProofError::False`] when the sum is not the identity.
    pub fn check(&self) -> Result<(), ProofError> {
        let list = generators(self.generators.len())
            .map_err(|_| ProofError::System("a row is too wide"))?;
        let fixed = [value_generator(), blinding_generator()];
        let points = list.iter().take(self.generators.len()).chain(&fixed);
        let points = points.chain(self.points.iter().map(|(point, _)| point));
        let coefficients = self.generators.iter().chain([&self.value, &self.blinding]);
        let coefficients =
            coefficients.chain(self.points.iter().map(|(_, coefficient)| coefficient));
        let scalars: Vec<Scalar> = coefficients.map(to_scalar).collect();
        if RistrettoPoint::vartime_multiscalar_mul(&scalars, points).is_identity() {
            Ok(())
        } else {
            Err(ProofError::False)
        }
    }

    /// Decide several at once, with weights that depend on all of them.
    ///
    /// # Errors
    /// [`ProofError::False`] when any one does not hold (which one, `check` tells).
    pub fn check_all(equations: &[Self]) -> Result<(), ProofError> {
        if let [one] = equations {
            return one.check();
        }
        let mut transcript = cotrain_transcript::Transcript::new(b"cotrain/argument/batch/1");
        for equation in equations {
            transcript.absorb(b"proof", &equation.digest);
        }
        let mut sum = Self::default();
        for equation in equations {
            let weight = crate::field::from_wide(&transcript.challenge(b"weight"));
            sum.add(weight, equation);
        }
        sum.check()
    }
}
