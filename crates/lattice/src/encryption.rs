//! Encrypt one message, add ciphertexts, open the sum.
//!
//! `c = a s + T e + m` over `Z_q[X]/(X^N + 1)`, block by block. Spec: `docs/spec/encryption.md`; the step
//! numbers in the comments are its.

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::modular::{add, reduce_once, subtract};
use crate::ntt::{Multiplier, scratch};
use crate::packing::{BLOCK_BYTES, join, read, split, write};
use crate::parameters::{DEGREE, NOISE_BOUND, Parameters};
use crate::sampling::{Streams, shifted_binomial, uniform};
use crate::{Error, SecretKey};

/// Encrypt `fields` under `key`, which must not have encrypted before.
///
/// `context` names the agreement and the round: everyone who encrypts for one sum passes the same bytes, and no
/// two sums share them. `seed` is 32 secret uniform bytes; the same inputs give the same ciphertext.
///
/// # Errors
/// [`Error::NoFields`], [`Error::FieldOutOfRange`], [`Error::KeyAlreadyUsed`].
pub fn encrypt(
    parameters: &Parameters,
    fields: &[u64],
    key: &mut SecretKey,
    context: &[u8],
    seed: &[u8; 32],
) -> Result<Vec<u8>, Error> {
    // E1. The message fits and the key is fresh.
    if fields.is_empty() {
        return Err(Error::NoFields);
    }
    if let Some(field) = fields
        .iter()
        .position(|&field| field > parameters.max_field())
    {
        return Err(Error::FieldOutOfRange { field });
    }
    if !key.claim() {
        return Err(Error::KeyAlreadyUsed);
    }
    // E2. Streams: the public a, and the error e, bound to key and context so that no seed reuse repeats it.
    let masks = mask_streams(context);
    let errors = Streams::new(
        "cotrain/sum-encryption/v1/error",
        &[seed, key.limbs(), context],
    );
    let multiplier = key.multiplier();
    let mut ciphertext = vec![0; parameters.ciphertext_bytes(fields.len())];
    let blocks = fields.par_chunks(DEGREE * parameters.fields_per_coefficient());
    ciphertext
        .par_chunks_mut(BLOCK_BYTES)
        .zip(blocks)
        .enumerate()
        .for_each(|(block, (bytes, fields))| {
            // E3. The product a s.
            let masked = mask_product(&masks, block, &multiplier);
            // E4. The error, as the number of ones among 2k coins.
            let mut error = Zeroizing::new(vec![0; parameters.coefficients(fields.len())]);
            shifted_binomial(&mut errors.stream(block as u64), &mut error);
            // E5. Add T e + m, and write only the coefficients that carry fields.
            let messages = fields.chunks(parameters.fields_per_coefficient());
            let coefficients = masked.iter().zip(error.iter()).zip(messages).map(
                |((&product, &error), fields)| {
                    mask(parameters, product, error, join(parameters, fields))
                },
            );
            write(coefficients, bytes);
        });
    Ok(ciphertext)
}

/// The streams of the public ring elements a of one sum, one stream a block.
fn mask_streams(context: &[u8]) -> Streams {
    Streams::new("cotrain/sum-encryption/v1/mask", &[context])
}

/// `a s` for one block.
fn mask_product(masks: &Streams, block: usize, multiplier: &Multiplier) -> Zeroizing<Vec<u64>> {
    let mut product = scratch();
    uniform(&mut masks.stream(block as u64), &mut product);
    multiplier.multiply(&mut product);
    product
}

/// `product + T (error - k) + message mod q`.
#[inline]
fn mask(parameters: &Parameters, product: u64, error: u8, message: u64) -> u64 {
    let modulus = parameters.plaintext_modulus();
    // T error + message < T (2k + 1) <= q by the choice of T.
    let noisy = modulus.wrapping_mul(u64::from(error)).wrapping_add(message);
    subtract(add(product, noisy), u64::from(NOISE_BOUND) * modulus)
}

/// Check that `ciphertext` is the canonical encoding of some ciphertext of `fields` fields.
///
/// # Errors
/// [`Error::NoFields`], [`Error::CiphertextLength`], [`Error::CoefficientNotCanonical`],
/// [`Error::PaddingNotZero`].
pub fn check_ciphertext(
    parameters: &Parameters,
    fields: usize,
    ciphertext: &[u8],
) -> Result<(), Error> {
    check_length(parameters, fields, ciphertext)?;
    ciphertext
        .par_chunks(BLOCK_BYTES)
        .enumerate()
        .try_for_each(|(block, bytes)| {
            let mut residues = vec![0; block_coefficients(parameters, fields, block)];
            read_block(bytes, block, &mut residues, |_, _| ())
        })
}

/// Add ciphertexts, or sums of them, coefficient by coefficient mod q.
///
/// The result is a ciphertext of the same length, so a long list can be added piece by piece.
///
/// # Errors
/// [`Error::SummandsOutOfRange`] for an empty list, and the errors of [`check_ciphertext`] for each.
pub fn sum_ciphertexts(
    parameters: &Parameters,
    fields: usize,
    ciphertexts: &[&[u8]],
) -> Result<Vec<u8>, Error> {
    if ciphertexts.is_empty() {
        return Err(Error::SummandsOutOfRange);
    }
    for ciphertext in ciphertexts {
        check_length(parameters, fields, ciphertext)?;
    }
    let mut total = vec![0; parameters.ciphertext_bytes(fields)];
    total
        .par_chunks_mut(BLOCK_BYTES)
        .enumerate()
        .try_for_each(|(block, out)| {
            let mut sums = vec![0; block_coefficients(parameters, fields, block)];
            for ciphertext in ciphertexts {
                let bytes = ciphertext
                    .chunks(BLOCK_BYTES)
                    .nth(block)
                    .unwrap_or_default();
                read_block(bytes, block, &mut sums, |sum, residue| {
                    *sum = add(*sum, residue);
                })?;
            }
            write(sums.into_iter(), out);
            Ok(())
        })?;
    Ok(total)
}

/// Open the sum `total` of `summands` ciphertexts with the sum of their keys.
///
/// Returns each field's sum over the parties.
///
/// # Errors
/// [`Error::SummandsOutOfRange`], [`Error::KeySumOutOfRange`], [`Error::ErrorTooLarge`],
/// [`Error::SumTooLarge`], and the errors of [`check_ciphertext`].
pub fn open_total(
    parameters: &Parameters,
    fields: usize,
    total: &[u8],
    summands: u32,
    key_sum: &[i32],
    context: &[u8],
) -> Result<Vec<u64>, Error> {
    // O1. Shapes and bounds.
    check_length(parameters, fields, total)?;
    check_key_sum(parameters, summands, key_sum)?;
    let masks = mask_streams(context);
    let multiplier = Multiplier::new(key_sum.iter().map(|&coefficient| i64::from(coefficient)));
    let mut sums = vec![0; fields];
    let bytes = total.par_chunks(BLOCK_BYTES);
    let blocks = sums.par_chunks_mut(DEGREE * parameters.fields_per_coefficient());
    blocks
        .zip(bytes)
        .enumerate()
        .try_for_each(|(block, (sums, bytes))| {
            let mut residues = vec![0; parameters.coefficients(sums.len())];
            read_block(bytes, block, &mut residues, |value, residue| {
                *value = residue;
            })?;
            let product = mask_product(&masks, block, &multiplier);
            let digits = sums.chunks_mut(parameters.fields_per_coefficient());
            for (index, ((residue, product), digits)) in
                residues.iter().zip(product.iter()).zip(digits).enumerate()
            {
                let coefficient = block * DEGREE + index;
                // O2. Subtract a S.
                let noisy = subtract(*residue, *product);
                // O3. Remove the error, which must be one that the summands can have added.
                let message = remove_error(parameters, summands, noisy)
                    .ok_or(Error::ErrorTooLarge { coefficient })?;
                // O4. Split into digits, none above the sum of the maxima.
                let largest = parameters.max_field() * u64::from(summands);
                if !split(parameters, message, largest, digits) {
                    return Err(Error::SumTooLarge { coefficient });
                }
            }
            Ok(())
        })?;
    Ok(sums)
}

/// The message part of `T e + m mod q` if `|e|` is at most k for each summand.
#[inline]
fn remove_error(parameters: &Parameters, summands: u32, noisy: u64) -> Option<u64> {
    let modulus = parameters.plaintext_modulus();
    let bound = u64::from(NOISE_BOUND * summands);
    let shifted = reduce_once(noisy + bound * modulus);
    (shifted < (2 * bound + 1) * modulus).then_some(shifted % modulus)
}

/// One entry for each coefficient, none beyond k for each summand.
fn check_key_sum(parameters: &Parameters, summands: u32, key_sum: &[i32]) -> Result<(), Error> {
    if summands == 0 || summands > parameters.parties() {
        return Err(Error::SummandsOutOfRange);
    }
    if key_sum.len() != DEGREE {
        return Err(Error::KeySumOutOfRange {
            coefficient: DEGREE,
        });
    }
    match key_sum
        .iter()
        .position(|entry| entry.unsigned_abs() > NOISE_BOUND * summands)
    {
        Some(coefficient) => Err(Error::KeySumOutOfRange { coefficient }),
        None => Ok(()),
    }
}

/// The length follows from the parameters, never from the bytes.
fn check_length(parameters: &Parameters, fields: usize, ciphertext: &[u8]) -> Result<(), Error> {
    if fields == 0 {
        return Err(Error::NoFields);
    }
    let expected = parameters.ciphertext_bytes(fields);
    if ciphertext.len() == expected {
        Ok(())
    } else {
        Err(Error::CiphertextLength {
            expected,
            got: ciphertext.len(),
        })
    }
}

/// Coefficients in block number `block`.
fn block_coefficients(parameters: &Parameters, fields: usize, block: usize) -> usize {
    (parameters.coefficients(fields) - block * DEGREE).min(DEGREE)
}

/// Read a block, with errors that count coefficients from the start of the ciphertext.
fn read_block(
    bytes: &[u8],
    block: usize,
    values: &mut [u64],
    take: impl FnMut(&mut u64, u64),
) -> Result<(), Error> {
    read(bytes, values, take).map_err(|error| match error {
        Error::CoefficientNotCanonical { coefficient } => Error::CoefficientNotCanonical {
            coefficient: block * DEGREE + coefficient,
        },
        other => other,
    })
}

#[cfg(test)]
mod tests;
