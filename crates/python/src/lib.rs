//! The compiled half of `cotrain`: each submodule converts its arguments, calls one crate, and maps the error.
//!
//! No rule of the protocol lives here. Errors are raised as `ValueError`; the Python package turns them into
//! its own exception tree.

mod commitment;
mod lattice;
mod noise;
mod training;

use pyo3::prelude::*;

/// `cotrain._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    commitment::register(module)?;
    lattice::register(module)?;
    noise::register(module)?;
    training::register(module)
}
