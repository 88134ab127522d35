//! Streams of bytes from a seed, and the two distributions drawn from them.
//!
//! Spec: `docs/spec/encryption.md`, section Streams.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::parameters::{COEFFICIENT_BITS, MODULUS, NOISE_BOUND};

/// A family of `ChaCha20` streams whose key is a hash of a label and of length-prefixed inputs.
pub(crate) struct Streams {
    key: Zeroizing<[u8; 32]>,
}

impl Streams {
    /// Derive the key. Inputs may be secret.
    pub(crate) fn new(label: &str, inputs: &[&[u8]]) -> Self {
        let mut hash = Sha512::new();
        for part in std::iter::once(label.as_bytes()).chain(inputs.iter().copied()) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut digest: [u8; 64] = hash.finalize().into();
        let mut key = Zeroizing::new([0; 32]);
        for (byte, from) in key.iter_mut().zip(&digest) {
            *byte = *from;
        }
        digest.zeroize();
        Self { key }
    }

    /// The stream with this number.
    pub(crate) fn stream(&self, number: u64) -> ChaCha20Rng {
        let mut stream = ChaCha20Rng::from_seed(*self.key);
        stream.set_stream(number);
        stream
    }
}

/// Fill `values` with uniform residues: the low 53 bits of successive words, those not below q skipped.
pub(crate) fn uniform(stream: &mut ChaCha20Rng, values: &mut [u64]) {
    for value in values {
        *value = loop {
            let candidate = stream.next_u64() & ((1 << COEFFICIENT_BITS) - 1);
            if candidate < MODULUS {
                break candidate;
            }
        };
    }
}

/// Fill `values` with centred binomial values plus [`NOISE_BOUND`]: the number of ones among 84 coins.
///
/// A pair takes three words: 64 coins each from the first two, 20 each from the third.
pub(crate) fn shifted_binomial(stream: &mut ChaCha20Rng, values: &mut [u8]) {
    const REST: u32 = 2 * NOISE_BOUND - u64::BITS;
    let mask = (1_u64 << REST) - 1;
    for pair in values.chunks_mut(2) {
        let words = [stream.next_u64(), stream.next_u64()];
        let mut rest = stream.next_u64();
        for (value, word) in pair.iter_mut().zip(words) {
            *value = ones(word) + ones(rest & mask);
            rest >>= REST;
        }
    }
}

/// The number of ones in `word`.
#[allow(clippy::cast_possible_truncation, reason = "at most 64")]
fn ones(word: u64) -> u8 {
    word.count_ones() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_label_input_split_and_number() {
        let first = |streams: Streams, number| streams.stream(number).next_u64();
        let mut seen = vec![
            first(Streams::new("a", &[b"xy", b"z"]), 0),
            first(Streams::new("a", &[b"xy", b"z"]), 1),
            first(Streams::new("a", &[b"x", b"yz"]), 0),
            first(Streams::new("a", &[b"xyz"]), 0),
            first(Streams::new("ax", &[b"y", b"z"]), 0),
        ];
        assert_eq!(seen[0], first(Streams::new("a", &[b"xy", b"z"]), 0));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn binomial_has_the_stated_bound_mean_and_variance() {
        let mut values = vec![0; 200_001];
        shifted_binomial(&mut Streams::new("test", &[]).stream(0), &mut values);
        let centred = || {
            values
                .iter()
                .map(|&v| f64::from(v) - f64::from(NOISE_BOUND))
        };
        let count = 200_001_f64;
        let mean = centred().sum::<f64>() / count;
        let variance = centred().map(|v| v * v).sum::<f64>() / count;
        let fourth = centred().map(|v| v.powi(4)).sum::<f64>() / count;
        assert!(values.iter().all(|&v| u32::from(v) <= 2 * NOISE_BOUND));
        // Five standard errors: sqrt(21 / count) and sqrt((mu4 - 21^2) / count); mu4 = 3 * 21^2 - 2 * 21 / 4.
        assert!(mean.abs() < 5.0 * (21.0 / count).sqrt());
        assert!((variance - 21.0).abs() < 5.0 * (882.0 / count).sqrt());
        assert!((fourth - 1312.5).abs() < 100.0);
    }

    #[test]
    fn neighbours_of_a_pair_are_uncorrelated() {
        let mut values = vec![0; 100_000];
        shifted_binomial(&mut Streams::new("test", &[]).stream(1), &mut values);
        let product: i64 = values
            .chunks(2)
            .map(|p| (i64::from(p[0]) - 42) * (i64::from(p[1]) - 42))
            .sum();
        assert!(
            (f64::from(i32::try_from(product).unwrap()) / 50_000.0).abs()
                < 5.0 * 21.0 / 50_000_f64.sqrt()
        );
    }

    #[test]
    fn uniform_values_are_reduced_and_spread() {
        let mut values = vec![0; 50_000];
        uniform(&mut Streams::new("test", &[]).stream(2), &mut values);
        assert!(values.iter().all(|&v| v < MODULUS));
        for bit in 0..COEFFICIENT_BITS {
            let ones = values.iter().filter(|&&v| v >> bit & 1 == 1).count();
            assert!(ones.abs_diff(25_000) < 560, "bit {bit}");
        }
    }
}
