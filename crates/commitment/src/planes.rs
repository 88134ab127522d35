//! All rows at once: bit planes and subset sums shared by the rows (the "four Russians" method).
//!
//! Take `k` neighbouring generators and tabulate all `2^k` sums of subsets of them. Bit plane `p` of the `k` entries of a
//! row selects one subset, so one addition carries `k` bits into the accumulator of (row, plane). The table serves
//! every row, then is dropped; it is never larger than the cache. At the end
//! `row = sum_p 2^p plane_p`, where the highest plane counts negative (two's complement). About
//! `width / k * (2^k + rows * bits)` additions for the whole matrix.

#![allow(
    clippy::indexing_slicing,
    reason = "patterns have `group` bits, tables 2^group points, rows `bits` planes"
)]

use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::traits::Identity;
use rayon::prelude::*;

use crate::entry::Entry;

/// Return `sum_j values[r * width + j] * generators[j]` for every row `r` (a short last row is padded with zeros).
///
/// Variable time: branches and memory addresses follow the entries.
pub(crate) fn multiply_rows<E: Entry>(
    values: &[E],
    width: usize,
    generators: &[RistrettoPoint],
    bits: u32,
    group: usize,
) -> Vec<RistrettoPoint> {
    let bits = bits as usize;
    let rows = values.len().div_ceil(width);
    let groups = width.div_ceil(group);
    let share = groups.div_ceil(rayon::current_num_threads()).max(1);
    let planes = (0..groups)
        .into_par_iter()
        .step_by(share)
        .map(|first| {
            let mut planes = vec![RistrettoPoint::identity(); rows * bits];
            for index in first..groups.min(first + share) {
                let start = index * group;
                let end = width.min(start + group);
                add_columns(
                    &mut planes,
                    values,
                    width,
                    start..end,
                    &generators[start..end],
                    bits,
                );
            }
            planes
        })
        .reduce_with(add_all)
        .unwrap_or_default();
    planes.par_chunks(bits).map(join_planes).collect()
}

/// Add the entries of the columns `range` to the planes of every row.
fn add_columns<E: Entry>(
    planes: &mut [RistrettoPoint],
    values: &[E],
    width: usize,
    range: std::ops::Range<usize>,
    generators: &[RistrettoPoint],
    bits: usize,
) {
    let table = subset_sums(generators);
    for (row, sums) in values.chunks(width).zip(planes.chunks_mut(bits)) {
        let entries = &row[range.start.min(row.len())..range.end.min(row.len())];
        let patterns = transpose(entries, bits);
        for (sum, &pattern) in sums.iter_mut().zip(&patterns) {
            if pattern != 0 {
                *sum += &table[usize::from(pattern)];
            }
        }
    }
}

/// Return the sums of all subsets: entry `s` is the sum of the points whose bit is set in `s`.
fn subset_sums(points: &[RistrettoPoint]) -> Vec<RistrettoPoint> {
    let mut table = Vec::with_capacity(1 << points.len());
    table.push(RistrettoPoint::identity());
    for point in points {
        for subset in 0..table.len() {
            table.push(table[subset] + point);
        }
    }
    table
}

/// Return the bit planes of the entries: bit `c` of pattern `p` is bit `p` of entry `c`.
///
/// Works on 16 bits at a time, so that the compiler turns the inner loop into vector instructions.
fn transpose<E: Entry>(entries: &[E], bits: usize) -> [u16; 64] {
    let mut patterns = [0; 64];
    for (limb, lanes) in patterns
        .chunks_exact_mut(16)
        .enumerate()
        .take(bits.div_ceil(16))
    {
        for (column, entry) in entries.iter().enumerate() {
            let word = limb_of(entry.widen(), limb);
            for (plane, lane) in lanes.iter_mut().enumerate() {
                let chosen = word & (1 << plane) != 0;
                *lane |= if chosen { 1 << column } else { 0 };
            }
        }
    }
    patterns
}

/// Return bits `16 * limb ..` of a two's complement number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "one limb is what is wanted"
)]
const fn limb_of(value: i64, limb: usize) -> u16 {
    (value >> (16 * limb)) as u16
}

/// Add one list of planes to another.
fn add_all(mut left: Vec<RistrettoPoint>, right: Vec<RistrettoPoint>) -> Vec<RistrettoPoint> {
    left.par_iter_mut()
        .zip(right)
        .for_each(|(sum, other)| *sum += other);
    left
}

/// Return `-2^(b-1) * planes[b-1] + sum_(p < b-1) 2^p * planes[p]`.
fn join_planes(planes: &[RistrettoPoint]) -> RistrettoPoint {
    let Some((sign, magnitudes)) = planes.split_last() else {
        return RistrettoPoint::identity();
    };
    magnitudes
        .iter()
        .rev()
        .fold(-sign, |high, low| high + high + low)
}
