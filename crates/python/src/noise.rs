//! `cotrain._native.noise`.

use pyo3::prelude::*;

/// Add the submodule `noise` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "noise")?;
    parent.add_submodule(&module)
}
