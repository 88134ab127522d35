//! `cotrain._native.training`.

use pyo3::prelude::*;

/// Add the submodule `training` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "training")?;
    parent.add_submodule(&module)
}
