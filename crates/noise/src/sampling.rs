//! Words to noise (section 4, step 4).

use rand_core::Rng;
use rayon::prelude::*;

use crate::error::NoiseError;
use crate::table::Table;
use crate::words::{CHUNK, Seed, zeros};

/// The noise that `words` draw: sample `j` comes from word `j`.
///
/// # Errors
///
/// [`NoiseError::Count`] above [`MAX_COUNT`](crate::MAX_COUNT).
pub fn apply(table: &Table, words: &[u64]) -> Result<Vec<i64>, NoiseError> {
    let mut samples = zeros(words.len())?;
    samples
        .par_chunks_mut(CHUNK)
        .zip(words.par_chunks(CHUNK))
        .for_each(|(part, words)| {
            for (sample, &word) in part.iter_mut().zip(words) {
                *sample = table.value(word);
            }
        });
    Ok(samples)
}

/// `apply(table, words(seed, count))`, without holding the words.
///
/// # Errors
///
/// [`NoiseError::Count`] above [`MAX_COUNT`](crate::MAX_COUNT).
pub fn sample(table: &Table, seed: &Seed, count: usize) -> Result<Vec<i64>, NoiseError> {
    let mut samples = zeros(count)?;
    samples
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(chunk, part)| {
            let mut stream = seed.stream_from(chunk * CHUNK);
            part.fill_with(|| table.value(stream.next_u64()));
        });
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn table() -> Table {
        Table::new(&[0, 1 << 62, 3 << 62]).unwrap()
    }

    #[test]
    fn sampling_is_applying_the_table_to_the_words() {
        let (seed, count) = (Seed::from_bytes(&[9; 32]).unwrap(), 2 * CHUNK + 3);
        let direct = sample(&table(), &seed, count).unwrap();
        assert_eq!(
            direct,
            apply(&table(), &words(&seed, count).unwrap()).unwrap()
        );
        let other = Seed::from_bytes(&[8; 32]).unwrap();
        assert_ne!(direct, sample(&table(), &other, count).unwrap());
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (seed, count) = (Seed::from_bytes(&[9; 32]).unwrap(), 5 * CHUNK + 1);
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| sample(&table(), &seed, count).unwrap())
        };
        assert_eq!(with_threads(1), with_threads(3));
    }

    #[test]
    fn no_samples_is_an_empty_vector_and_too_many_an_error() {
        let seed = Seed::from_bytes(&[9; 32]).unwrap();
        assert!(sample(&table(), &seed, 0).unwrap().is_empty());
        let count = crate::MAX_COUNT + 1;
        assert_eq!(
            sample(&table(), &seed, count),
            Err(NoiseError::Count(count))
        );
    }
}
