//! The commitment itself: make, check, add, open (docs/spec/commitment.md, steps 4 to 8).

use curve25519_dalek::traits::{Identity, MultiscalarMul};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;

use crate::encoding::{ENCODED_BYTES, decode_points, encode_points};
use crate::entry::Entry;
use crate::error::CommitmentError;
use crate::generators::{MAX_WIDTH, blinding_table, generators};
use crate::multiply::multiply_rows;

/// Return the number of rows that `entries` need: the last one may be short.
///
/// # Errors
/// [`CommitmentError::Width`] unless `1 <= width <= MAX_WIDTH`.
pub fn row_count(entries: usize, width: usize) -> Result<usize, CommitmentError> {
    if width == 0 || width > MAX_WIDTH {
        return Err(CommitmentError::Width { width });
    }
    Ok(entries.div_ceil(width))
}

/// Step 4: commit to `values` in rows of `width`, one blinding for each row.
///
/// Variable time in the values (see "Security" in the spec), constant time in the blindings.
///
/// # Errors
/// [`CommitmentError::Width`], or [`CommitmentError::BlindingCount`] unless there is one blinding for each row.
pub fn commit_rows<E: Entry>(
    values: &[E],
    width: usize,
    blindings: &[Scalar],
) -> Result<Vec<RistrettoPoint>, CommitmentError> {
    let expected = row_count(values.len(), width)?;
    if blindings.len() != expected {
        return Err(CommitmentError::BlindingCount {
            expected,
            got: blindings.len(),
        });
    }
    let generators = generators(width.min(values.len()))?;
    let table = blinding_table();
    let mut rows = multiply_rows(values, width, &generators);
    rows.par_iter_mut()
        .zip(blindings)
        .for_each(|(row, blinding)| *row += table * blinding);
    Ok(rows)
}

/// Step 5: commit to full scalars in one row, in constant time; for secrets such as key shares.
///
/// # Errors
/// [`CommitmentError::Width`] for more than [`MAX_WIDTH`] scalars.
pub fn commit_scalars(
    scalars: &[Scalar],
    blinding: &Scalar,
) -> Result<RistrettoPoint, CommitmentError> {
    let generators = generators(scalars.len())?;
    let sum = RistrettoPoint::multiscalar_mul(scalars, generators.iter().take(scalars.len()));
    Ok(sum + blinding_table() * blinding)
}

/// Step 6: check that bytes are well-formed commitments to `entries` values in rows of `width`.
///
/// # Errors
/// [`CommitmentError::Width`], [`CommitmentError::Length`] or [`CommitmentError::Point`].
pub fn check_commitments(
    commitments: &[u8],
    entries: usize,
    width: usize,
) -> Result<(), CommitmentError> {
    decode_points(commitments, row_count(entries, width)?).map(|_| ())
}

/// Step 7: add lists of commitments of `rows` rows each, row by row.
///
/// # Errors
/// [`CommitmentError::NothingToSum`], [`CommitmentError::Length`] or [`CommitmentError::Point`].
pub fn sum_commitments(lists: &[&[u8]], rows: usize) -> Result<Vec<u8>, CommitmentError> {
    if lists.is_empty() {
        return Err(CommitmentError::NothingToSum);
    }
    let mut sums = vec![RistrettoPoint::identity(); rows];
    for list in lists {
        let points = decode_points(list, rows)?;
        sums.iter_mut()
            .zip(points)
            .for_each(|(sum, point)| *sum += point);
    }
    Ok(encode_points(&sums))
}

/// Step 8: check that `commitments` are exactly the commitments to `values` under `blindings`.
///
/// The shape comes from `values` and `width`. Equal bytes are equal points because encodings are canonical.
///
/// # Errors
/// [`CommitmentError::Width`], [`CommitmentError::BlindingCount`], [`CommitmentError::Length`] or
/// [`CommitmentError::Point`] for malformed input; [`CommitmentError::DoesNotOpen`] for a false opening.
pub fn verify_opening<E: Entry>(
    commitments: &[u8],
    values: &[E],
    width: usize,
    blindings: &[Scalar],
) -> Result<(), CommitmentError> {
    check_commitments(commitments, values.len(), width)?;
    let honest = encode_points(&commit_rows(values, width, blindings)?);
    let mut pairs = honest
        .chunks(ENCODED_BYTES)
        .zip(commitments.chunks(ENCODED_BYTES));
    match pairs.position(|(honest, claimed)| honest != claimed) {
        Some(row) => Err(CommitmentError::DoesNotOpen { row }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::traits::IsIdentity;

    use super::*;
    use crate::blinding::{add_blindings, derive_blindings};
    use crate::generators::{blinding_generator, generator};

    /// A small deterministic generator of test values (xorshift64).
    struct Draw(u64);

    impl Draw {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn signed(&mut self, bits: u32) -> i64 {
            self.next().cast_signed() >> (64 - bits)
        }

        fn values(&mut self, count: usize, bits: u32) -> Vec<i64> {
            (0..count).map(|_| self.signed(bits)).collect()
        }
    }

    fn scalar(value: i64) -> Scalar {
        let magnitude = Scalar::from(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    /// The definition, term by term.
    fn naive(values: &[i64], width: usize, blindings: &[Scalar]) -> Vec<RistrettoPoint> {
        let generators = generators(width).unwrap();
        let rows = values.chunks(width).zip(blindings);
        rows.map(|(row, blinding)| {
            let terms = row
                .iter()
                .zip(generators.iter())
                .map(|(value, point)| point * scalar(*value));
            terms.fold(blinding_generator() * blinding, |sum, term| sum + term)
        })
        .collect()
    }

    fn blindings(count: usize) -> crate::Blindings {
        derive_blindings(&[9; 32], b"test", count)
    }

    #[test]
    fn commitments_agree_with_the_definition_for_every_shape_and_bit_length() {
        let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
        for (count, width) in [
            (1, 1),
            (5, 1),
            (7, 8),
            (8, 8),
            (9, 8),
            (40, 13),
            (64, 3),
            (130, 2),
            (300, 100),
        ] {
            for bits in [1, 2, 3, 8, 13, 16, 17, 24, 32, 63, 64] {
                let values = draw.values(count, bits);
                let rho = blindings(row_count(count, width).unwrap());
                assert_eq!(
                    commit_rows(&values, width, &rho).unwrap(),
                    naive(&values, width, &rho),
                    "{count} {width} {bits}"
                );
            }
        }
    }

    #[test]
    fn every_method_agrees_with_the_definition_at_the_extremes() {
        let mut draw = Draw(1);
        let mut values = draw.values(60, 64);
        values.extend([i64::MIN, i64::MAX, i64::MIN + 1, -1, 0, 1, i64::MAX - 1]);
        let zeros = vec![Scalar::ZERO; 7];
        let generators = generators(11).unwrap();
        let expected = naive(&values, 11, &zeros);
        for window in 1..=13 {
            let rows: Vec<_> = values
                .chunks(11)
                .map(|row| crate::buckets::multiply_row(row, &generators, 64, window))
                .collect();
            assert_eq!(rows, expected, "window {window}");
        }
        for group in 1..=11 {
            assert_eq!(
                crate::planes::multiply_rows(&values, 11, &generators, 64, group),
                expected,
                "group {group}"
            );
        }
    }

    #[test]
    fn buckets_carry_into_the_last_window_for_every_small_value() {
        let generators = generators(1).unwrap();
        for value in i64::from(i8::MIN)..=i64::from(i8::MAX) {
            for window in 1..=9 {
                let row = crate::buckets::multiply_row(&[value], &generators, 8, window);
                assert_eq!(row, generators[0] * scalar(value), "{value} {window}");
            }
        }
    }

    #[test]
    fn sixteen_bit_entries_commit_like_the_same_numbers_in_64_bits() {
        let narrow = [i16::MIN, i16::MAX, -1, 0, 1];
        let wide = narrow.map(i64::from);
        let rho = blindings(2);
        assert_eq!(commit_rows(&narrow, 3, &rho), commit_rows(&wide, 3, &rho));
    }

    #[test]
    fn blocks_of_rows_join_up() {
        let mut draw = Draw(3);
        let values = draw.values(2 * 2048 + 3, 9);
        let rho = vec![Scalar::ZERO; 2050];
        assert_eq!(
            commit_rows(&values, 2, &rho).unwrap(),
            naive(&values, 2, &rho)
        );
    }

    #[test]
    fn nothing_commits_to_nothing_and_zero_to_the_identity() {
        assert_eq!(commit_rows::<i64>(&[], 4, &[]), Ok(vec![]));
        let zero = commit_rows(&[0_i64; 4], 4, &[Scalar::ZERO]).unwrap();
        assert!(zero[0].is_identity());
        assert_eq!(
            verify_opening(&[0; 32], &[0_i64; 4], 4, &[Scalar::ZERO]),
            Ok(())
        );
        let refused = Err(CommitmentError::DoesNotOpen { row: 0 });
        assert_eq!(
            verify_opening(&[0; 32], &[0_i64, 1], 4, &[Scalar::ZERO]),
            refused
        );
    }

    #[test]
    fn sums_of_commitments_open_to_sums() {
        let (left, right) = ([5_i64, -6, 7], [i64::from(i32::MAX), 6, -8]);
        let (rho, sigma) = (blindings(2), derive_blindings(&[1; 32], b"other", 2));
        let lists = [(&left, &rho), (&right, &sigma)]
            .map(|(v, r)| encode_points(&commit_rows(v, 2, r).unwrap()));
        let sum = sum_commitments(&[&lists[0], &lists[1]], 2).unwrap();
        let total = add_blindings(&[&rho, &sigma]).unwrap();
        let values = [5 + i64::from(i32::MAX), 0, -1];
        assert_eq!(verify_opening(&sum, &values, 2, &total), Ok(()));
        let off = [values[0], 0, 0];
        assert_eq!(
            verify_opening(&sum, &off, 2, &total),
            Err(CommitmentError::DoesNotOpen { row: 1 })
        );
        assert_eq!(sum_commitments(&[], 2), Err(CommitmentError::NothingToSum));
        let short = CommitmentError::Length {
            expected: 64,
            got: 32,
        };
        assert_eq!(
            sum_commitments(&[&lists[0], &lists[1][..32]], 2),
            Err(short)
        );
    }

    #[test]
    fn false_openings_are_refused() {
        let (values, rho) = ([1_i64, -2, 3], blindings(2));
        let bytes = encode_points(&commit_rows(&values, 2, &rho).unwrap());
        assert_eq!(verify_opening(&bytes, &values, 2, &rho), Ok(()));
        assert_eq!(
            verify_opening(&bytes, &[1_i64, -2, 4], 2, &rho),
            Err(CommitmentError::DoesNotOpen { row: 1 })
        );
        let swapped = [rho[1], rho[0]];
        assert_eq!(
            verify_opening(&bytes, &values, 2, &swapped),
            Err(CommitmentError::DoesNotOpen { row: 0 })
        );
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert!(
                verify_opening(&flipped, &values, 2, &rho).is_err(),
                "byte {index}"
            );
        }
    }

    #[test]
    fn shapes_come_from_the_caller() {
        let (values, rho) = ([1_i64, 2, 3], blindings(2));
        let bytes = encode_points(&commit_rows(&values, 2, &rho).unwrap());
        let long = [&bytes[..], &[0; 32]].concat();
        assert_eq!(
            verify_opening(&long, &values, 2, &rho),
            Err(CommitmentError::Length {
                expected: 64,
                got: 96
            })
        );
        assert_eq!(
            verify_opening(&bytes[..32], &values, 2, &rho),
            Err(CommitmentError::Length {
                expected: 64,
                got: 32
            })
        );
        assert_eq!(
            verify_opening(&bytes, &values, 2, &rho[..1]),
            Err(CommitmentError::BlindingCount {
                expected: 2,
                got: 1
            })
        );
        assert_eq!(
            commit_rows(&values, 0, &rho),
            Err(CommitmentError::Width { width: 0 })
        );
        let wide = MAX_WIDTH + 1;
        assert_eq!(
            commit_rows(&values, wide, &rho[..1]),
            Err(CommitmentError::Width { width: wide })
        );
        assert_eq!(row_count(usize::MAX, 1), Ok(usize::MAX));
    }

    #[test]
    fn full_scalars_commit_like_entries_and_beyond() {
        let rho = blindings(1);
        let values = [3_i64, -4, i64::MIN];
        let small = commit_rows(&values, 3, &rho).unwrap();
        assert_eq!(
            commit_scalars(&values.map(scalar), &rho[0]).unwrap(),
            small[0]
        );
        let full = commit_scalars(&rho, &Scalar::ONE).unwrap();
        assert_eq!(full, generator(0).unwrap() * rho[0] + blinding_generator());
        assert!(commit_scalars(&[], &Scalar::ZERO).unwrap().is_identity());
        let long = vec![Scalar::ONE; MAX_WIDTH + 1];
        assert_eq!(
            commit_scalars(&long, &Scalar::ONE),
            Err(CommitmentError::Width {
                width: MAX_WIDTH + 1
            })
        );
    }

    #[test]
    fn the_list_of_generators_does_not_depend_on_how_it_grew() {
        let few = generators(3).unwrap();
        let many = generators(500).unwrap();
        assert!(
            few.iter()
                .zip(many.iter())
                .all(|(left, right)| left == right)
        );
        assert_eq!(many[499], generator(499).unwrap());
        assert_eq!(
            generator(MAX_WIDTH),
            Err(CommitmentError::Width { width: MAX_WIDTH })
        );
        assert_ne!(blinding_generator(), generator(0).unwrap());
    }

    #[test]
    fn parallel_callers_grow_the_list_without_waiting_for_each_other() {
        let widths = [2000, 700, 3000, 1500, 2500, 900, 4000, 3500];
        let lists: Vec<_> = widths
            .par_iter()
            .map(|width| generators(*width).unwrap())
            .collect();
        assert!(
            lists
                .iter()
                .zip(widths)
                .all(|(list, width)| list.len() >= width)
        );
        assert!(lists.iter().all(|list| list[699] == lists[0][699]));
    }
}
