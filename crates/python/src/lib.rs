//! The compiled half of `cotrain`: each submodule converts its arguments, calls one crate, and maps the error.
//!
//! No rule of the protocol lives here. Errors are raised as `ValueError`; the Python package turns them into
//! its own exception tree.

#![allow(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands over what it extracted"
)]

mod commitment;
mod contribution;
mod lattice;
mod noise;
mod proofs;
mod removal;
mod training;

use pyo3::prelude::*;

/// `cotrain._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    commitment::register(module)?;
    lattice::register(module)?;
    noise::register(module)?;
    proofs::register(module)?;
    training::register(module)?;
    make_importable(
        module,
        &["commitment", "lattice", "noise", "proofs", "training"],
    )
}

/// Enter the submodules into `sys.modules`, so that `from cotrain._native.lattice import ...` works.
fn make_importable(module: &Bound<'_, PyModule>, names: &[&str]) -> PyResult<()> {
    let modules = module.py().import("sys")?.getattr("modules")?;
    for name in names {
        modules.set_item(format!("cotrain._native.{name}"), module.getattr(*name)?)?;
    }
    Ok(())
}
