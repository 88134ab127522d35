//! Pedersen vector commitments over ristretto255 for small signed integers.
//!
//! A vector is cut into rows of `width` entries, and each row gets one commitment
//! `C_r = rho_r * H + sum_j v_(r,j) * G_j` (the Hyrax layout). Commitments hide perfectly, bind under the discrete
//! logarithm assumption, and add up: the sum of commitments opens to the sum of values and of blindings.
//!
//! Read `pedersen.rs` first; the numbered steps are those of `docs/spec/commitment.md`. This crate draws no
//! randomness: blindings come from the caller or from a seed of the caller's.

mod blinding;
mod buckets;
mod encoding;
mod entry;
mod error;
mod generators;
mod multiply;
mod pedersen;
mod planes;
mod raw;

pub use crate::blinding::{
    Blindings, DERIVATION_LABEL, SEED_BYTES, add_blindings, derive_blindings,
};
pub use crate::encoding::{
    ENCODED_BYTES, decode_blindings, decode_points, decode_scalar, encode_points, encode_scalars,
};
pub use crate::entry::Entry;
pub use crate::error::CommitmentError;
pub use crate::generators::{
    BLINDING_LABEL, GENERATOR_LABEL, MAX_WIDTH, blinding_generator, generator, generators,
};
pub use crate::pedersen::{
    check_commitments, commit_rows, commit_scalars, row_count, sum_commitments, verify_opening,
};
pub use crate::raw::{multiply_blinding, multiply_generators, sum_generators};
