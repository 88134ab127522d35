//! One row at a time: Pippenger's buckets with signed windows, for matrices of few rows.
//!
//! A `b`-bit entry is cut into `ceil(b / c)` digits in `[-2^(c-1), 2^(c-1)]`. In each window every generator is added
//! to (or subtracted from) the bucket of its digit, and the buckets are then summed with their weights:
//! about `ceil(b / c) * (width + 2^c)` point additions a row.

#![allow(
    clippy::indexing_slicing,
    reason = "the digit bound below keeps every bucket index in range"
)]

use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::traits::Identity;

use crate::entry::Entry;

/// Return `sum_j row[j] * generators[j]` for entries of at most `bits` signed bits.
///
/// Variable time: branches and memory addresses follow the entries.
pub(crate) fn multiply_row<E: Entry>(
    row: &[E],
    generators: &[RistrettoPoint],
    bits: u32,
    window: u32,
) -> RistrettoPoint {
    let mut rest: Vec<i64> = row.iter().map(|entry| entry.widen()).collect();
    let mut buckets = vec![RistrettoPoint::identity(); 1 << (window - 1)];
    let windows = bits.div_ceil(window).max(1);
    let sums: Vec<RistrettoPoint> = (0..windows)
        .map(|index| {
            let last = index + 1 == windows;
            fill(&mut buckets, &mut rest, generators, window, last);
            weigh(&mut buckets)
        })
        .collect();
    sums.iter()
        .rev()
        .fold(RistrettoPoint::identity(), |high, low| {
            shift(high, window) + low
        })
}

/// Add every generator to the bucket of its next digit; `rest` keeps what the later windows need.
fn fill(
    buckets: &mut [RistrettoPoint],
    rest: &mut [i64],
    generators: &[RistrettoPoint],
    window: u32,
    last: bool,
) {
    for (value, point) in rest.iter_mut().zip(generators) {
        let digit = if last {
            *value
        } else {
            split_digit(value, window)
        };
        // |digit| <= 2^(window-1): by sign extension, or in the last window because what is left of a
        // `bits`-bit entry, carry included, is at most 2^(window-1).
        if digit > 0 {
            buckets[usize::try_from(digit - 1).unwrap_or(usize::MAX)] += point;
        } else if digit < 0 {
            buckets[usize::try_from(-digit - 1).unwrap_or(usize::MAX)] -= point;
        }
    }
}

/// Take the lowest `window` bits as a signed digit and carry one when it is negative.
fn split_digit(value: &mut i64, window: u32) -> i64 {
    let spare = i64::BITS - window;
    let digit = (*value << spare) >> spare;
    *value = (*value >> window) + i64::from(digit < 0);
    digit
}

/// Return `sum_d (d + 1) * buckets[d]` by suffix sums, and empty the buckets.
fn weigh(buckets: &mut [RistrettoPoint]) -> RistrettoPoint {
    let mut suffix = RistrettoPoint::identity();
    let mut total = RistrettoPoint::identity();
    for bucket in buckets.iter_mut().rev() {
        suffix += &*bucket;
        total += suffix;
        *bucket = RistrettoPoint::identity();
    }
    total
}

/// Return `2^window * point`.
fn shift(point: RistrettoPoint, window: u32) -> RistrettoPoint {
    (0..window).fold(point, |doubled, _| doubled + doubled)
}
