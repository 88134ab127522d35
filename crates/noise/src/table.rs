//! A validated sampling table and its guide (section 4, steps 2 and 3).
#![allow(clippy::indexing_slicing)] // indices come from the guide, which `Table::new` builds in range

use crate::error::NoiseError;

/// Most bits of a word that choose a place in the guide: 2^20 places, 4 MiB.
const MAX_GUIDE_BITS: u32 = 20;

/// Thresholds `t_-K = 0 <= ... <= t_K`; the word `u` draws the value `k` with `t_k <= u < t_{k+1}`.
#[derive(Clone, Debug)]
pub struct Table {
    thresholds: Vec<u64>,
    /// For each value of the top bits: the index of the last threshold not above the smallest such word.
    guide: Vec<u32>,
    /// How far a word is shifted to leave its top bits.
    shift: u32,
    radius: i64,
}

impl Table {
    /// Check the thresholds and build the guide.
    ///
    /// # Errors
    ///
    /// [`NoiseError::TableLength`], [`NoiseError::FirstThreshold`], [`NoiseError::Decreasing`] or
    /// [`NoiseError::Asymmetric`].
    pub fn new(thresholds: &[u64]) -> Result<Self, NoiseError> {
        let length = thresholds.len();
        let short = u32::try_from(length).map_err(|_| NoiseError::TableLength(length))?;
        if short < 3 || short % 2 == 0 {
            return Err(NoiseError::TableLength(length));
        }
        check_order(thresholds)?;
        check_mirror(thresholds)?;
        let bits = (u32::BITS - short.leading_zeros()).min(MAX_GUIDE_BITS);
        let shift = u64::BITS - bits;
        Ok(Self {
            thresholds: thresholds.to_vec(),
            guide: build_guide(thresholds, bits, shift),
            shift,
            radius: i64::from(short / 2),
        })
    }

    /// The value that `word` draws.
    #[must_use]
    pub fn value(&self, word: u64) -> i64 {
        let place = usize::try_from(word >> self.shift).unwrap_or(0); // at most 20 bits
        let (first, last) = (self.guide[place] as usize, self.guide[place + 1] as usize);
        let above =
            self.thresholds[first + 1..=last].partition_point(|&threshold| threshold <= word);
        i64::try_from(first + above).unwrap_or(0) - self.radius // the index is below 2^32
    }
}

fn check_order(thresholds: &[u64]) -> Result<(), NoiseError> {
    if thresholds[0] != 0 {
        return Err(NoiseError::FirstThreshold);
    }
    match thresholds.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(index) => Err(NoiseError::Decreasing(index + 1)),
        None => Ok(()),
    }
}

/// `t_k = 2^64 - t_{1-k}`: as many words draw `k` as draw `-k`.
fn check_mirror(thresholds: &[u64]) -> Result<(), NoiseError> {
    let ascending = thresholds[1..].iter();
    let mirrored = thresholds[1..].iter().rev();
    match ascending
        .zip(mirrored)
        .position(|(&low, &high)| low == 0 || low != high.wrapping_neg())
    {
        Some(index) => Err(NoiseError::Asymmetric(index + 1)),
        None => Ok(()),
    }
}

/// One entry per value of the top `bits`, and one more that closes the last interval.
fn build_guide(thresholds: &[u64], bits: u32, shift: u32) -> Vec<u32> {
    let mut guide = Vec::with_capacity((1 << bits) + 1);
    let mut index = 0_u32;
    for place in 0..1_u64 << bits {
        let smallest = place << shift;
        while thresholds
            .get(index as usize + 1)
            .is_some_and(|&next| next <= smallest)
        {
            index += 1;
        }
        guide.push(index);
    }
    guide.push(u32::try_from(thresholds.len() - 1).unwrap_or(u32::MAX)); // `new` bounds the length
    guide
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: u64 = 1 << 62;

    fn small() -> Table {
        // -1, 0, 1 with probabilities 1/4, 1/2, 1/4
        Table::new(&[0, QUARTER, 3 * QUARTER]).unwrap()
    }

    #[test]
    fn each_interval_is_closed_below_and_open_above() {
        let cases = [
            (0, -1),
            (QUARTER - 1, -1),
            (QUARTER, 0),
            (3 * QUARTER - 1, 0),
            (3 * QUARTER, 1),
            (u64::MAX, 1),
        ];
        for (word, value) in cases {
            assert_eq!(small().value(word), value, "word {word:#x}");
        }
    }

    #[test]
    fn the_guide_agrees_with_plain_counting() {
        let half: Vec<u64> = vec![1, 1, 5, 1 << 20, 1 << 40, 1 << 61, (1 << 63) - 1];
        let mut thresholds = vec![0];
        thresholds.extend(&half);
        thresholds.extend(half.iter().rev().map(|low| low.wrapping_neg()));
        let table = Table::new(&thresholds).unwrap();
        let radius = i64::try_from(half.len()).unwrap();
        for &threshold in &thresholds {
            for word in [
                threshold.saturating_sub(1),
                threshold,
                threshold.saturating_add(1),
            ] {
                let counted = thresholds.iter().filter(|&&low| low <= word).count();
                assert_eq!(
                    table.value(word),
                    i64::try_from(counted).unwrap() - 1 - radius
                );
            }
        }
    }

    #[test]
    fn a_value_without_words_is_never_drawn() {
        let table = Table::new(&[0, 4, 4, 4_u64.wrapping_neg(), 4_u64.wrapping_neg()]).unwrap();
        assert_eq!(
            [3, 4, u64::MAX - 4, u64::MAX - 3].map(|word| table.value(word)),
            [-2, 0, 0, 2]
        );
    }

    #[test]
    fn bad_tables_are_refused() {
        let cases: [(&[u64], NoiseError); 8] = [
            (&[], NoiseError::TableLength(0)),
            (&[0], NoiseError::TableLength(1)),
            (&[0, QUARTER], NoiseError::TableLength(2)),
            (
                &[0, QUARTER, 2 * QUARTER, 3 * QUARTER],
                NoiseError::TableLength(4),
            ),
            (&[1, QUARTER, 3 * QUARTER], NoiseError::FirstThreshold),
            (&[0, 3 * QUARTER, QUARTER], NoiseError::Decreasing(2)),
            (&[0, QUARTER, 3 * QUARTER + 1], NoiseError::Asymmetric(1)),
            (&[0, 0, 0], NoiseError::Asymmetric(1)),
        ];
        for (thresholds, error) in cases {
            assert_eq!(Table::new(thresholds).unwrap_err(), error);
        }
    }
}
