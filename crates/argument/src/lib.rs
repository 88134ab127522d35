//! A zero-knowledge argument for constraints over committed columns (docs/spec/argument.md).
//!
//! A [`System`] says what is to be proven: matrices under Pedersen commitments, domains whose columns are read off them,
//! polynomial constraints, lookups in a public table, matrix products. [`prove`] and [`verify`] are the two sides; they share nothing
//! but the system and arithmetic. Read `system.rs`, then `verifier.rs`, whose steps are numbered as in the specification.
//!
//! Soundness rests on discrete logarithms in ristretto255 and on merlin as a random oracle; zero knowledge is perfect for the
//! interactive argument. The crate knows nothing of training, does no I/O and draws no randomness of its own.

#[cfg(test)]
extern crate self as cotrain_argument;

mod committed;
mod equations;
mod error;
mod expansion;
mod expression;
pub mod field;
mod folding;
#[cfg(test)]
mod forging;
mod layout;
mod multilinear;
mod nodes;
mod openings;
mod points;
mod program;
mod prover;
mod reader;
mod rounds;
mod system;
mod tables;
mod values;
mod verifier;
mod writer;

pub use crate::equations::Equation;
pub use crate::error::{ProofError, WitnessError};
pub use crate::expression::Expression;
pub use crate::field::Field;
pub use crate::layout::proof_bytes;
pub use crate::multilinear::{dot, eq_table};
pub use crate::points::{VALUE_LABEL, value_generator};
pub use crate::prover::{Opening, Witness, prove};
pub use crate::system::{
    Column, Constraint, Domain, Functional, Matrix, MatrixProduct, MatrixShape, System, Table,
    WITNESS_WIDTH, Weight,
};
pub use crate::values::{Rows, Values};
pub use crate::verifier::{reduce, verify};
pub use crate::writer::FORMAT;
