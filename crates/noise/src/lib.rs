//! Exact inverse-CDF sampling of integer noise.
//!
//! A sampling table (built by `cotrain.privacy.skellam`) is a list of 64-bit thresholds; a uniform 64-bit word
//! picks the value whose interval it falls into. The specification is `docs/spec/noise.md`; step numbers in
//! comments are its own.
//!
//! * [`Seed`] and [`words`]: the secret stream of uniform words, random access by index.
//! * [`Table`]: a validated table and its guide.
//! * [`apply`] and [`sample`]: words to noise.
//!
//! The same seed and table give the same samples on every machine and for any number of threads. Nothing here
//! draws randomness: the seed is an argument.
//!
//! # What this does not do
//!
//! Lookups are not constant-time: which part of the table is read, and how many comparisons the last step takes,
//! depend on the secret word. See section 5 of the specification. The generator's internal state is not erased
//! when it is dropped (its crate offers no way to); the seed is.

mod error;
mod sampling;
mod table;
mod words;

pub use error::NoiseError;
pub use sampling::{apply, sample};
pub use table::Table;
pub use words::{MAX_COUNT, Seed, words};
