//! Exact integer gradients of the built-in models.
//!
//! Rows are `i16`: the features, then one label. Weights are `i32`, gradients `i64`. A [`Kernel`] is one model at one
//! set of weights; [`Kernel::add_rows`] adds the gradient of a block of rows to a running sum, so a dataset of any
//! length streams through. The result does not depend on the order of rows, the blocks or the number of threads, and
//! no intermediate value can overflow: every bound is checked when the kernel is built, and every row before it counts.
//!
//! The numbered steps in the comments are those of `docs/spec/training.md`.

mod dot;
mod error;
mod kernel;
mod layout;
mod residual;

pub use error::{ModelError, RowError, RowFault, TrainingError};
pub use kernel::{Kernel, ModelParameters};
pub use layout::{Kind, Layout};
