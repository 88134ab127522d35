//! The one opening of all committed values (steps 9 to 13).

#![allow(
    clippy::indexing_slicing,
    reason = "the prover's own lists; shapes are checked by `check_witness` and `System::check`"
)]

use ark_ff::Zero;
use zeroize::Zeroizing;

use super::Prover;
use crate::committed::{Committed, Opened};
use crate::error::WitnessError;
use crate::expansion::{EarlyChallenges, Expanded};
use crate::field::{Field, powers};
use crate::folding::open_final;
use crate::multilinear::{dot, eq_table};
use crate::openings::{ClaimChallenges, Point, Source, sources};

impl Prover<'_> {
    // Steps 9 to 13.
    pub(super) fn open(
        &mut self,
        ended: &[(Expanded, Point)],
        table_point: &[Field],
        early: &EarlyChallenges,
    ) -> Result<(), WitnessError> {
        let challenges = ClaimChallenges {
            gamma: self.writer.challenge(b"gamma"),
            beyond: self.writer.challenge(b"beyond"),
        };
        let (list, _) = sources(self.system, ended, table_point, early, challenges)?;
        let vectors: Vec<_> = list
            .iter()
            .map(|source| self.source_vector(source))
            .collect();
        let pairs = vectors
            .iter()
            .zip(&list)
            .map(|(vector, source)| (vector.0.to_vec(), source.functional.clone()));
        let pairs: Vec<_> = pairs.collect();
        let mut claim = Opened::default();
        for (index, weight) in list.iter().flat_map(|source| &source.claims) {
            claim.add_multiple(*weight, &self.claims[*index]);
        }
        let point = self.prove_inner(pairs, &mut claim);
        let eq = eq_table(&point);
        let mut zero = Opened::default();
        let mut ends = Vec::with_capacity(list.len());
        for (vector, source) in vectors.iter().zip(&list) {
            let end = self
                .writer
                .commit(b"evaluation", dot(vector.0.as_slice(), &eq));
            zero.add_multiple(dot(&source.functional, &eq), &end);
            ends.push(end);
        }
        zero.add_multiple(-Field::from(1_u64), &claim);
        self.identities.push(zero);
        self.open_joined(&vectors, &ends, &eq)
    }

    // Steps 11 to 13.
    fn open_joined(
        &mut self,
        vectors: &[(Zeroizing<Vec<Field>>, Field)],
        ends: &[Opened],
        functional: &[Field],
    ) -> Result<(), WitnessError> {
        let deltas = powers(self.writer.challenge(b"delta"), vectors.len());
        let thetas = powers(self.writer.challenge(b"theta"), self.identities.len());
        let scale = self.writer.challenge(b"scale");
        let mut joined = Zeroizing::new(vec![Field::zero(); functional.len()]);
        let mut blinding = Field::zero();
        for ((vector, secret), (delta, end)) in vectors.iter().zip(deltas.iter().zip(ends)) {
            joined
                .iter_mut()
                .zip(vector.iter())
                .for_each(|(sum, value)| *sum += *delta * value);
            blinding += *delta * (*secret + scale * end.blinding);
        }
        for (theta, identity) in thetas.iter().zip(&self.identities) {
            blinding += scale * scale * scale * theta * identity.blinding;
        }
        open_final(&mut self.writer, &joined, blinding, functional, scale)
    }

    /// The secret vector of a source and its blinding.
    fn source_vector(&self, source: &Source) -> (Zeroizing<Vec<Field>>, Field) {
        let mut vector = Zeroizing::new(vec![Field::zero(); source.width]);
        let mut blinding = Field::zero();
        for (matrix, coefficients) in &source.rows {
            let opening = self.opening(*matrix);
            let part = Zeroizing::new(opening.values.combine(coefficients, source.width));
            vector
                .iter_mut()
                .zip(part.iter())
                .for_each(|(sum, value)| *sum += value);
            blinding += dot(coefficients, &opening.blindings);
        }
        (vector, blinding)
    }
}
