//! `cotrain._native.commitment`.

use pyo3::prelude::*;

/// Add the submodule `commitment` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "commitment")?;
    parent.add_submodule(&module)
}
