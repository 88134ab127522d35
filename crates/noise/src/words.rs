//! The secret stream of uniform 64-bit words (section 4, step 1).

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::NoiseError;

/// The largest number of words or samples that one call returns.
pub const MAX_COUNT: usize = 1 << 31;

/// Words per parallel task; any value gives the same stream.
pub(crate) const CHUNK: usize = 8192;

/// 32 secret bytes that fix one stream. A seed serves one vector of noise, once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Copy a seed from `bytes`.
    ///
    /// # Errors
    ///
    /// [`NoiseError::SeedLength`] unless there are 32 of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoiseError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| NoiseError::SeedLength(bytes.len()))
    }

    /// The stream from word `first` on: word `j` is bytes `8j .. 8j + 8` of the key stream, little-endian.
    pub(crate) fn stream_from(&self, first: usize) -> ChaCha20Rng {
        let mut stream = ChaCha20Rng::from_seed(self.0);
        stream.set_word_pos(2 * first as u128);
        stream
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seed(..)")
    }
}

/// The first `count` words of the stream of `seed`.
///
/// # Errors
///
/// [`NoiseError::Count`] above [`MAX_COUNT`].
pub fn words(seed: &Seed, count: usize) -> Result<Vec<u64>, NoiseError> {
    let mut words = zeros(count)?;
    words
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(chunk, part)| {
            let mut stream = seed.stream_from(chunk * CHUNK);
            part.fill_with(|| stream.next_u64());
        });
    Ok(words)
}

/// `count` zeros, if that many may be asked for.
pub(crate) fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, NoiseError> {
    if count > MAX_COUNT {
        return Err(NoiseError::Count(count));
    }
    Ok(vec![T::default(); count])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        Seed::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn the_zero_key_gives_the_published_key_stream() {
        // RFC 8439, appendix A.1, test vector 1: key, nonce and counter zero.
        let zero = Seed::from_bytes(&[0; 32]).unwrap();
        let bytes: Vec<u8> = words(&zero, 4)
            .unwrap()
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let published = [
            0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86,
            0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc,
            0x8b, 0x77, 0x0d, 0xc7,
        ];
        assert_eq!(bytes, published);
    }

    #[test]
    fn chunks_join_into_one_sequential_stream() {
        let count = 3 * CHUNK + 5;
        let mut stream = seed().stream_from(0);
        let sequential: Vec<u64> = (0..count).map(|_| stream.next_u64()).collect();
        assert_eq!(words(&seed(), count).unwrap(), sequential);
    }

    #[test]
    fn a_seed_of_another_length_is_refused() {
        assert_eq!(
            Seed::from_bytes(&[0; 31]).unwrap_err(),
            NoiseError::SeedLength(31)
        );
        assert_eq!(
            Seed::from_bytes(&[0; 33]).unwrap_err(),
            NoiseError::SeedLength(33)
        );
    }

    #[test]
    fn too_many_words_are_refused_before_memory_is_taken() {
        assert_eq!(
            words(&seed(), MAX_COUNT + 1),
            Err(NoiseError::Count(MAX_COUNT + 1))
        );
    }

    #[test]
    fn a_seed_does_not_print_itself() {
        assert_eq!(format!("{:?}", seed()), "Seed(..)");
    }
}
