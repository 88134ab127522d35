//! The prover's side of the transcript: what is written is absorbed.

use cotrain_transcript::{Secrets, Transcript};
use curve25519_dalek::RistrettoPoint;

use crate::committed::Opened;
use crate::field::{Field, from_wide, to_bytes};
use crate::points::commit_value;

/// The first bytes of every proof.
pub const FORMAT: &[u8; 16] = b"cotrain/proof/1\n";

/// A proof being written.
pub(crate) struct Writer {
    transcript: Transcript,
    secrets: Secrets,
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(transcript: Transcript, secrets: Secrets) -> Self {
        Self {
            transcript,
            secrets,
            bytes: FORMAT.to_vec(),
        }
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn secret(&mut self) -> Field {
        from_wide(&self.secrets.draw())
    }

    pub(crate) fn secrets(&mut self, count: usize) -> Vec<Field> {
        (0..count).map(|_| self.secret()).collect()
    }

    pub(crate) fn challenge(&mut self, label: &'static [u8]) -> Field {
        from_wide(&self.transcript.challenge(label))
    }

    pub(crate) fn challenges(&mut self, label: &'static [u8], count: usize) -> Vec<Field> {
        (0..count).map(|_| self.challenge(label)).collect()
    }

    pub(crate) fn points(&mut self, label: &'static [u8], points: &[RistrettoPoint]) {
        for encoding in points.iter().map(RistrettoPoint::compress) {
            self.transcript.absorb(label, encoding.as_bytes());
            self.bytes.extend_from_slice(encoding.as_bytes());
        }
    }

    pub(crate) fn scalars(&mut self, label: &'static [u8], scalars: &[Field]) {
        for scalar in scalars {
            let encoding = to_bytes(scalar);
            self.transcript.absorb(label, &encoding);
            self.bytes.extend_from_slice(&encoding);
        }
    }

    /// Commit to a value under a fresh blinding.
    pub(crate) fn commit(&mut self, label: &'static [u8], value: Field) -> Opened {
        let opened = Opened {
            value,
            blinding: self.secret(),
        };
        self.points(label, &[commit_value(&opened.value, &opened.blinding)]);
        opened
    }
}
