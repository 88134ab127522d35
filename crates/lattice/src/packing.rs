//! Fields as digits of coefficients, and coefficients as canonical bits.
//!
//! Spec: `docs/spec/encryption.md`, sections Packing and Format.

use crate::parameters::{COEFFICIENT_BITS, MODULUS, Parameters, block_bytes};
use crate::{DEGREE, Error};

/// Bytes of a whole block on the wire.
pub(crate) const BLOCK_BYTES: usize = DEGREE * COEFFICIENT_BITS / 8;

/// The coefficient whose digits are `fields`, first field lowest. Fields are below the radix.
#[inline]
pub(crate) fn join(parameters: &Parameters, fields: &[u64]) -> u64 {
    let radix = parameters.radix();
    fields.iter().rev().fold(0, |sum: u64, &field| {
        sum.wrapping_mul(radix).wrapping_add(field)
    })
}

/// Write the digits of `coefficient` to `fields`; true if none is above `largest`.
#[inline]
pub(crate) fn split(
    parameters: &Parameters,
    mut coefficient: u64,
    largest: u64,
    fields: &mut [u64],
) -> bool {
    let (radix, mut good) = (parameters.radix(), true);
    for field in fields {
        let rest = coefficient / radix;
        *field = coefficient - rest * radix;
        good &= *field <= largest;
        coefficient = rest;
    }
    // What is left belongs to fields that the message does not have.
    good && coefficient == 0
}

/// Write reduced coefficients as 53 bits each, little-endian, the last byte filled with zero bits.
pub(crate) fn write(coefficients: impl Iterator<Item = u64>, bytes: &mut [u8]) {
    let (mut pending, mut bits) = (0_u128, 0);
    let mut out = bytes.chunks_mut(8);
    for coefficient in coefficients {
        pending |= u128::from(coefficient) << bits;
        bits += COEFFICIENT_BITS;
        if bits >= 64 {
            flush(&mut out, pending);
            pending >>= 64;
            bits -= 64;
        }
    }
    if bits > 0 {
        flush(&mut out, pending);
    }
}

/// Write the low 64 bits, or as many as the last chunk takes.
#[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
#[inline]
fn flush(out: &mut std::slice::ChunksMut<'_, u8>, pending: u128) {
    if let Some(chunk) = out.next() {
        for (to, from) in chunk.iter_mut().zip((pending as u64).to_le_bytes()) {
            *to = from;
        }
    }
}

/// Call `take` with each of `count` coefficients of a block.
///
/// # Errors
/// [`Error::CoefficientNotCanonical`] (position within the block), [`Error::PaddingNotZero`],
/// [`Error::CiphertextLength`].
pub(crate) fn read(
    bytes: &[u8],
    values: &mut [u64],
    mut take: impl FnMut(&mut u64, u64),
) -> Result<(), Error> {
    let expected = block_bytes(values.len());
    if bytes.len() != expected {
        return Err(Error::CiphertextLength {
            expected,
            got: bytes.len(),
        });
    }
    let (mut pending, mut bits) = (0_u128, 0);
    let mut words = bytes.chunks(8).map(word);
    for (coefficient, value) in values.iter_mut().enumerate() {
        if bits < COEFFICIENT_BITS {
            pending |= u128::from(words.next().unwrap_or(0)) << bits;
            bits += 64;
        }
        let residue = low(pending) & ((1 << COEFFICIENT_BITS) - 1);
        pending >>= COEFFICIENT_BITS;
        bits -= COEFFICIENT_BITS;
        if residue >= MODULUS {
            return Err(Error::CoefficientNotCanonical { coefficient });
        }
        take(value, residue);
    }
    if pending != 0 || words.any(|word| word != 0) {
        return Err(Error::PaddingNotZero);
    }
    Ok(())
}

/// Up to eight little-endian bytes.
#[inline]
fn word(chunk: &[u8]) -> u64 {
    match chunk.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => chunk
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// The low 64 bits.
#[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
#[inline]
fn low(wide: u128) -> u64 {
    wide as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_survive_the_wire() {
        for count in [1, 2, 7, 8, 9, 64, 65, 2047, 2048] {
            let values: Vec<u64> = (0..count as u64)
                .map(|i| MODULUS - 1 - i * i * 7_777_777)
                .collect();
            let mut bytes = vec![0; block_bytes(count)];
            write(values.iter().copied(), &mut bytes);
            let mut back = vec![0; count];
            read(&bytes, &mut back, |value, residue| *value = residue).unwrap();
            assert_eq!(back, values);
        }
    }

    #[test]
    fn only_one_encoding_is_read() {
        let keep = |value: &mut u64, residue| *value = residue;
        let mut bytes = vec![0; block_bytes(3)];
        write([1, MODULUS, 2].into_iter(), &mut bytes);
        assert_eq!(
            read(&bytes, &mut [0; 3], keep),
            Err(Error::CoefficientNotCanonical { coefficient: 1 })
        );
        write([1, 2, 3].into_iter(), &mut bytes);
        assert_eq!(read(&bytes, &mut [0; 3], keep), Ok(()));
        bytes[19] |= 0x80;
        assert_eq!(read(&bytes, &mut [0; 3], keep), Err(Error::PaddingNotZero));
        assert!(matches!(
            read(&bytes, &mut [0; 4], keep),
            Err(Error::CiphertextLength { .. })
        ));
        assert!(matches!(
            read(&bytes[..19], &mut [0; 3], keep),
            Err(Error::CiphertextLength { .. })
        ));
    }

    #[test]
    fn digits_survive_and_leftovers_are_seen() {
        let parameters = Parameters::derive(3, 9).unwrap();
        let digits = [27, 0, 13, 5];
        let coefficient = join(&parameters, &digits);
        let mut back = [0; 4];
        assert!(split(&parameters, coefficient, 27, &mut back));
        assert_eq!(back, digits);
        assert!(!split(&parameters, coefficient, 26, &mut back));
        assert!(!split(&parameters, coefficient, 27, &mut back[..3]));
    }
}
