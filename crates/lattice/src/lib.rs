//! Encryption of sums: one-round RLWE keys, and their verifiable shares.
//!
//! Read in this order: [`Parameters`] (the numbers), [`SecretKey`], [`encrypt`], [`sum_ciphertexts`],
//! [`open_total`]; then [`deal`], [`verify_share`], [`sum_shares`], [`recover`].
//! Every function is deterministic: randomness comes in as 32-byte seeds.
//! Specs: `docs/spec/encryption.md`, `docs/spec/key-sharing.md`.

mod dealing;
mod encryption;
mod error;
mod key;
mod limbs;
mod modular;
mod ntt;
mod packing;
mod parameters;
mod recovery;
mod sampling;
mod share_format;
mod verification;

pub use dealing::{Dealing, deal};
pub use encryption::{check_ciphertext, encrypt, open_total, sum_ciphertexts};
pub use error::Error;
pub use key::SecretKey;
pub use parameters::{COEFFICIENT_BITS, DEGREE, MAX_PARTIES, MODULUS, NOISE_BOUND, Parameters};
pub use recovery::{recover, sum_commitments, sum_shares};
pub use share_format::MAX_HOLDERS;
pub use verification::{find_bad_shares, verify_share};

#[cfg(test)]
mod sharing_tests;
