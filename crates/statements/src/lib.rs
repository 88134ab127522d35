//! What is proven about a dataset and about each submission, as systems of the argument (docs/spec/statements.md).
//!
//! * [`DatasetStatement`] (S1): the committed rows satisfy the schema.
//! * [`GradientStatement`] (S2): a commitment opens to the exact gradient over the committed rows.
//! * [`UpdateStatement`] (S3, S4): `C_U` opens to the rounded gradient plus noise that its owner could not choose.
//! * [`ContributionStatement`] (S8): a score is the rounded inner product of many `C_U` with public gradients, plus such noise.
//! * [`RemovalStatement`] (S9): a commitment to rows opens to what another one does, with one row set to zero.
//!
//! Each statement knows its system, its transcript and how its witness is made; the argument does the rest. Notes with
//! relations and proofs are in `docs/proofs`. This crate draws no randomness: entropy is an argument.

mod contribution;
mod dataset;
mod error;
mod gradient;
mod linear;
mod logistic;
#[cfg(test)]
mod malicious;
mod margin;
mod names;
mod ranges;
mod removal;
mod segment;
mod softmax;
mod table;
mod update;

pub use crate::contribution::{
    ContributionPoints, ContributionStatement, ContributionWitness, inner_product,
};
pub use crate::dataset::{DatasetStatement, FeatureKind};
pub use crate::error::StatementError;
pub use crate::gradient::{GradientStatement, Model, ModelKind, ProvenGradient, UPDATE_WIDTH};
pub use crate::names::{model_table_name, noise_table_name};
pub use crate::removal::{RemovalPoints, RemovalStatement, RemovalWitness};
pub use crate::segment::{BLOCK_ROWS, Segment};
pub use crate::update::{NoiseTerms, UpdatePoints, UpdateStatement, UpdateWitness};
