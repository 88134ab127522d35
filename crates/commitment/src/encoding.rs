//! Bytes of points and scalars: 32 bytes each, concatenated, canonical or refused (docs/spec/commitment.md, "Format").
//!
//! Lengths come from the caller, never from the bytes.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::blinding::Blindings;
use crate::error::CommitmentError;

/// The encoded length of one point and of one scalar.
pub const ENCODED_BYTES: usize = 32;

/// Return the concatenated canonical encodings of `points`.
#[must_use]
pub fn encode_points(points: &[RistrettoPoint]) -> Vec<u8> {
    points
        .par_iter()
        .flat_map_iter(|point| point.compress().to_bytes())
        .collect()
}

/// Decode exactly `count` canonical points; the identity is a point like any other.
///
/// # Errors
/// [`CommitmentError::Length`] unless there are exactly `32 * count` bytes, [`CommitmentError::Point`] at the first
/// encoding that RFC 9496 refuses.
pub fn decode_points(bytes: &[u8], count: usize) -> Result<Vec<RistrettoPoint>, CommitmentError> {
    let encodings = split(bytes, count)?;
    let points: Vec<Option<RistrettoPoint>> = encodings
        .par_iter()
        .map(|encoding| CompressedRistretto(*encoding).decompress())
        .collect();
    let named = points.into_iter().enumerate();
    named
        .map(|(index, point)| point.ok_or(CommitmentError::Point { index }))
        .collect()
}

/// Return the concatenated encodings of secret `scalars`, in memory that is wiped when dropped.
#[must_use]
pub fn encode_scalars(scalars: &[Scalar]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(scalars.len() * ENCODED_BYTES));
    for scalar in scalars {
        bytes.extend_from_slice(scalar.as_bytes());
    }
    bytes
}

/// Decode exactly `count` scalars below the group order.
///
/// # Errors
/// [`CommitmentError::Length`] unless there are exactly `32 * count` bytes, [`CommitmentError::Scalar`] at the first
/// that is not reduced.
pub fn decode_blindings(bytes: &[u8], count: usize) -> Result<Blindings, CommitmentError> {
    let named = split(bytes, count)?.iter().enumerate();
    let scalars: Result<Vec<Scalar>, CommitmentError> = named
        .map(|(index, encoding)| decode_scalar(encoding, index))
        .collect();
    scalars.map(Blindings::new)
}

/// Decode one scalar; `index` is its position, for the error.
///
/// # Errors
/// [`CommitmentError::Scalar`] when it is not reduced modulo the group order.
pub fn decode_scalar(
    encoding: &[u8; ENCODED_BYTES],
    index: usize,
) -> Result<Scalar, CommitmentError> {
    Option::from(Scalar::from_canonical_bytes(*encoding)).ok_or(CommitmentError::Scalar { index })
}

/// Cut bytes into `count` encodings, without overflow and without a byte left over.
fn split(bytes: &[u8], count: usize) -> Result<&[[u8; ENCODED_BYTES]], CommitmentError> {
    let expected = count.saturating_mul(ENCODED_BYTES);
    match bytes.as_chunks() {
        (encodings, []) if encodings.len() == count => Ok(encodings),
        _ => Err(CommitmentError::Length {
            expected,
            got: bytes.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::traits::{Identity, IsIdentity};

    use super::*;
    use crate::generators::generator;

    /// The group order `l`, little endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn points_survive_the_round_trip_the_identity_included() {
        let points = [RistrettoPoint::identity(), generator(0).unwrap()];
        let bytes = encode_points(&points);
        assert_eq!(bytes[..32], [0; 32]);
        assert_eq!(decode_points(&bytes, 2).unwrap(), points);
        assert!(decode_points(&bytes, 2).unwrap()[0].is_identity());
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let bytes = encode_points(&[generator(0).unwrap()]);
        for (given, count) in [
            (&bytes[..31], 1),
            (&bytes[..], 0),
            (&bytes[..], 2),
            (&bytes[..0], 1),
            (&bytes, usize::MAX),
        ] {
            let expected = count.saturating_mul(32);
            assert_eq!(
                decode_points(given, count),
                Err(CommitmentError::Length {
                    expected,
                    got: given.len()
                })
            );
        }
    }

    #[test]
    fn non_canonical_points_are_refused() {
        let mut above_the_prime = [0xff; 32];
        above_the_prime[0] = 0xed;
        above_the_prime[31] = 0x7f;
        let mut negative = [0; 32];
        negative[0] = 1;
        for bad in [above_the_prime, negative, [0xff; 32]] {
            let bytes = [[0; 32], bad].concat();
            assert_eq!(
                decode_points(&bytes, 2),
                Err(CommitmentError::Point { index: 1 })
            );
        }
    }

    #[test]
    fn unreduced_scalars_are_refused() {
        let minus_one = (-Scalar::ONE).to_bytes();
        assert_eq!(decode_blindings(&minus_one, 1).unwrap()[..], [-Scalar::ONE]);
        let mut order_plus_one = ORDER;
        order_plus_one[0] += 1;
        for bad in [ORDER, order_plus_one, [0xff; 32]] {
            let bytes = [[0; 32], bad].concat();
            assert_eq!(
                decode_blindings(&bytes, 2),
                Err(CommitmentError::Scalar { index: 1 })
            );
        }
    }
}
