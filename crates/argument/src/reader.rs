//! The verifier's side of the transcript: what is read is absorbed (spec, "Steps").

use cotrain_transcript::Transcript;
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::CompressedRistretto;

use crate::committed::Combination;
use crate::error::ProofError;
use crate::field::{Field, from_canonical, from_wide};
use crate::writer::FORMAT;

/// A proof being read.
pub(crate) struct Reader<'a> {
    transcript: Transcript,
    elements: std::slice::Iter<'a, [u8; 32]>,
    count: usize,
    /// The points read so far.
    pub(crate) points: Vec<RistrettoPoint>,
}

impl<'a> Reader<'a> {
    /// Begin to read; a proof has the tag and exactly `count` elements.
    pub(crate) fn new(
        transcript: Transcript,
        proof: &'a [u8],
        count: usize,
    ) -> Result<Self, ProofError> {
        let expected = count.saturating_mul(32).saturating_add(FORMAT.len());
        let length = ProofError::Length {
            expected,
            got: proof.len(),
        };
        if proof.len() != expected {
            return Err(length);
        }
        let (tag, rest) = proof.split_at_checked(FORMAT.len()).ok_or(length)?;
        if tag != FORMAT {
            return Err(ProofError::Format);
        }
        let (elements, []) = rest.as_chunks() else {
            return Err(length);
        };
        Ok(Self {
            transcript,
            elements: elements.iter(),
            count: 0,
            points: Vec::new(),
        })
    }

    pub(crate) fn challenge(&mut self, label: &'static [u8]) -> Field {
        from_wide(&self.transcript.challenge(label))
    }

    pub(crate) fn challenges(&mut self, label: &'static [u8], count: usize) -> Vec<Field> {
        (0..count).map(|_| self.challenge(label)).collect()
    }

    /// Read a point; return its number among the points.
    pub(crate) fn point(&mut self, label: &'static [u8]) -> Result<usize, ProofError> {
        let (element, bytes) = self.next(label)?;
        let point = CompressedRistretto(*bytes)
            .decompress()
            .ok_or(ProofError::Encoding { element })?;
        self.points.push(point);
        Ok(self.points.len() - 1)
    }

    /// Read a committed value.
    pub(crate) fn committed(&mut self, label: &'static [u8]) -> Result<Combination, ProofError> {
        self.point(label).map(Combination::point)
    }

    pub(crate) fn scalar(&mut self, label: &'static [u8]) -> Result<Field, ProofError> {
        let (element, bytes) = self.next(label)?;
        from_canonical(bytes).ok_or(ProofError::Encoding { element })
    }

    pub(crate) fn scalars(
        &mut self,
        label: &'static [u8],
        count: usize,
    ) -> Result<Vec<Field>, ProofError> {
        (0..count).map(|_| self.scalar(label)).collect()
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.elements.len() == 0
    }

    fn next(&mut self, label: &'static [u8]) -> Result<(usize, &'a [u8; 32]), ProofError> {
        let element = self.count;
        let bytes = self
            .elements
            .next()
            .ok_or(ProofError::Encoding { element })?;
        self.transcript.absorb(label, bytes);
        self.count += 1;
        Ok((element, bytes))
    }
}
