//! `cotrain._native.lattice`.

use pyo3::prelude::*;

/// Add the submodule `lattice` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "lattice")?;
    parent.add_submodule(&module)
}
