//! Multiplying the rows of a matrix of small integers by the generators (docs/spec/commitment.md, step 4).
//!
//! Two methods give the same points; the one with fewer point additions is taken. The counts depend on the shape and on
//! the bit length that occurs, and were checked against the clock: an addition costs the same in both.

use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::traits::Identity;
use rayon::prelude::*;

use crate::entry::{Entry, signed_bits};
use crate::{buckets, planes};

/// Rows that share one pass: enough to pay for the tables of [`planes`], few enough to bound memory
/// (`BLOCK_ROWS * bits` points of 160 bytes for each thread).
const BLOCK_ROWS: usize = 2048;
/// Largest group of columns: its table of `2^11` points (320 KiB) still fits a core's cache.
const MAX_GROUP: usize = 11;
/// Largest bucket window; wider ones would only pay for rows longer than [`crate::MAX_WIDTH`].
const MAX_WINDOW: u32 = 13;

/// How the rows of one block are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Buckets { window: u32 },
    Planes { group: usize },
}

/// Return `sum_j values[r * width + j] * generators[j]` for every row `r`; a short last row counts as padded with zeros.
///
/// Variable time: the work and the memory touched depend on the values.
pub(crate) fn multiply_rows<E: Entry>(
    values: &[E],
    width: usize,
    generators: &[RistrettoPoint],
) -> Vec<RistrettoPoint> {
    values
        .chunks(width * BLOCK_ROWS)
        .flat_map(|block| multiply_block(block, width, generators))
        .collect()
}

fn multiply_block<E: Entry>(
    block: &[E],
    width: usize,
    generators: &[RistrettoPoint],
) -> Vec<RistrettoPoint> {
    // A row shorter than the width needs, and is given, no more generators than it has entries.
    let width = width.min(block.len());
    let rows = block.len().div_ceil(width);
    let bits = signed_bits(block);
    if bits == 0 {
        return vec![RistrettoPoint::identity(); rows];
    }
    match fewest_additions(rows, width, bits) {
        Method::Buckets { window } => block
            .par_chunks(width)
            .map(|row| buckets::multiply_row(row, generators, bits, window))
            .collect(),
        Method::Planes { group } => planes::multiply_rows(block, width, generators, bits, group),
    }
}

/// Choose the method and its parameter by counting point additions.
fn fewest_additions(rows: usize, width: usize, bits: u32) -> Method {
    let windows = (2..=MAX_WINDOW).map(|window| {
        let cost = rows * bits.div_ceil(window) as usize * (width + (1 << window));
        (cost, Method::Buckets { window })
    });
    let groups = (1..=MAX_GROUP).map(|group| {
        let cost = width.div_ceil(group) * ((1 << group) + rows * bits as usize);
        (cost, Method::Planes { group })
    });
    windows
        .chain(groups)
        .min_by_key(|(cost, _)| *cost)
        .map_or(Method::Planes { group: 1 }, |(_, method)| method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_row_needs_no_more_generators_than_entries() {
        let generators = crate::generators(14).unwrap();
        for bits in [1, 7, 16, 40] {
            let values: Vec<i64> = (1..=14).map(|entry| entry << bits).collect();
            let short = multiply_block(&values, 1024, &generators[..14]);
            assert_eq!(short, multiply_block(&values, 14, &generators[..14]));
        }
    }

    #[test]
    fn few_rows_take_buckets_and_many_rows_take_planes() {
        assert_eq!(fewest_additions(1, 1024, 16), Method::Buckets { window: 8 });
        assert_eq!(
            fewest_additions(1024, 1024, 16),
            Method::Planes { group: 11 }
        );
    }
}
