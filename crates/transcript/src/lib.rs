//! The Fiat-Shamir transcript of `docs/spec/argument.md`, over merlin (STROBE-128).
//!
//! Prover and verifier each keep a [`Transcript`]. Whatever the verifier relies on is absorbed before the challenge that
//! tests it: the fields of the statement and the points of its inputs first, then each message of the prover at
//! the moment it is written or read. A challenge is 64 bytes, for the caller to reduce.
//!
//! [`Transcript::secrets`] derives the prover's nonces from the transcript, the witness and fresh entropy, so that neither a
//! repeated nor a weak source of entropy makes two statements share one.

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

#[cfg(feature = "test-transcript")]
pub mod testing;

/// The length of the entropy that a prover brings.
pub const ENTROPY_BYTES: usize = 32;
/// The length of a challenge before it is reduced.
pub const CHALLENGE_BYTES: usize = 64;

/// Everything that was said so far.
#[derive(Clone)]
pub struct Transcript(merlin::Transcript);

impl Transcript {
    /// Begin a transcript of the protocol `label`.
    #[must_use]
    pub fn new(label: &'static [u8]) -> Self {
        Self(merlin::Transcript::new(label))
    }

    /// Absorb a message; its length is absorbed with it.
    pub fn absorb(&mut self, label: &'static [u8], message: &[u8]) {
        #[cfg(feature = "test-transcript")]
        let Some(message) = testing::absorbed(label, message) else {
            return;
        };
        #[cfg(feature = "test-transcript")]
        let message = message.as_ref();
        self.0.append_message(label, message);
    }

    /// Absorb a number.
    pub fn absorb_number(&mut self, label: &'static [u8], number: u64) {
        self.absorb(label, &number.to_le_bytes());
    }

    /// Absorb a long message by its length and SHA-512.
    pub fn absorb_long(&mut self, label: &'static [u8], message: &[u8]) {
        let mut short = Vec::with_capacity(72);
        short.extend_from_slice(&(message.len() as u64).to_le_bytes());
        short.extend_from_slice(&Sha512::digest(message));
        self.absorb(label, &short);
    }

    /// Draw a challenge that depends on everything absorbed and drawn so far.
    pub fn challenge(&mut self, label: &'static [u8]) -> [u8; CHALLENGE_BYTES] {
        let mut bytes = [0; CHALLENGE_BYTES];
        self.0.challenge_bytes(label, &mut bytes);
        #[cfg(feature = "test-transcript")]
        testing::drawn(label, &mut bytes);
        bytes
    }

    /// Return the prover's stream of secrets: bound to the transcript, to `witness` and to `entropy`.
    #[must_use]
    pub fn secrets(&self, witness: &[u8], entropy: &[u8; ENTROPY_BYTES]) -> Secrets {
        let builder = self
            .0
            .build_rng()
            .rekey_with_witness_bytes(b"witness", witness);
        let mut source = Once(Zeroizing::new(*entropy));
        let mut keyed = builder.finalize(&mut source);
        let mut seed = Zeroizing::new([0; 32]);
        rand_core_06::RngCore::fill_bytes(&mut keyed, &mut *seed);
        Secrets(ChaCha20Rng::from_seed(*seed))
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transcript(..)")
    }
}

/// A stream of secret bytes; never printed.
pub struct Secrets(ChaCha20Rng);

impl Secrets {
    /// Return 64 fresh uniform bytes.
    #[must_use]
    pub fn draw(&mut self) -> Zeroizing<[u8; CHALLENGE_BYTES]> {
        let mut bytes = Zeroizing::new([0; CHALLENGE_BYTES]);
        self.0.fill_bytes(&mut *bytes);
        bytes
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(..)")
    }
}

/// Hands its 32 bytes to merlin, which asks for exactly that many.
struct Once(Zeroizing<[u8; ENTROPY_BYTES]>);

impl rand_core_06::RngCore for Once {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, target: &mut [u8]) {
        // A second request would get other bytes, not the same again.
        let mut stream = ChaCha20Rng::from_seed(*self.0);
        stream.fill_bytes(target);
        stream.fill_bytes(&mut *self.0);
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(target);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Once {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(label: &'static [u8], message: &[u8]) -> Transcript {
        let mut transcript = Transcript::new(b"test");
        transcript.absorb(label, message);
        transcript
    }

    #[test]
    fn the_published_vector_of_merlin_is_met() {
        let mut transcript = Transcript::new(b"test protocol");
        transcript.absorb(b"some label", b"some data");
        let challenge = transcript.challenge(b"challenge");
        // merlin's own test asks for 32 bytes; the length asked for is part of the transcript, so 64 bytes differ.
        let mut short = [0; 32];
        let mut same = merlin::Transcript::new(b"test protocol");
        same.append_message(b"some label", b"some data");
        same.challenge_bytes(b"challenge", &mut short);
        let published = [
            0xd5, 0xa2, 0x19, 0x72, 0xd0, 0xd5, 0xfe, 0x32, 0x0c, 0x0d, 0x26, 0x3f, 0xac, 0x7f,
            0xff, 0xb8, 0x14, 0x5a, 0xa6, 0x40, 0xaf, 0x6e, 0x9b, 0xca, 0x17, 0x7c, 0x03, 0xc7,
            0xef, 0xcf, 0x06, 0x15,
        ];
        assert_eq!(short, published);
        assert_ne!(challenge[..32], short);
    }

    #[test]
    fn challenges_depend_on_label_message_length_and_order() {
        let base = said(b"a", b"bc").challenge(b"c");
        assert_eq!(base, said(b"a", b"bc").challenge(b"c"));
        assert_ne!(base, said(b"ab", b"c").challenge(b"c"));
        assert_ne!(base, said(b"a", b"bd").challenge(b"c"));
        assert_ne!(base, said(b"a", b"bc").challenge(b"d"));
        let mut long = Transcript::new(b"test");
        long.absorb_long(b"a", b"bc");
        assert_ne!(base, long.challenge(b"c"));
        let mut twice = said(b"a", b"bc");
        let first = twice.challenge(b"c");
        assert_ne!(first, twice.challenge(b"c"));
    }

    #[test]
    fn secrets_depend_on_transcript_witness_and_entropy() {
        let base = said(b"a", b"b").secrets(b"witness", &[1; 32]).draw();
        assert_eq!(base, said(b"a", b"b").secrets(b"witness", &[1; 32]).draw());
        assert_ne!(base, said(b"a", b"c").secrets(b"witness", &[1; 32]).draw());
        assert_ne!(base, said(b"a", b"b").secrets(b"witnesS", &[1; 32]).draw());
        assert_ne!(base, said(b"a", b"b").secrets(b"witness", &[2; 32]).draw());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let secrets = Transcript::new(b"test").secrets(b"w", &[0; 32]);
        assert_eq!(format!("{secrets:?}"), "Secrets(..)");
    }
}
