//! `cotrain._native.noise`.

use cotrain_noise::{NoiseError, Seed, Table};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

fn refused(error: NoiseError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pyfunction]
fn words<'py>(py: Python<'py>, seed: &[u8], count: usize) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let seed = Seed::from_bytes(seed).map_err(refused)?;
    let words = py
        .detach(|| cotrain_noise::words(&seed, count))
        .map_err(refused)?;
    Ok(words.into_pyarray(py))
}

#[pyfunction]
fn apply<'py>(
    py: Python<'py>,
    thresholds: PyReadonlyArray1<'py, u64>,
    words: PyReadonlyArray1<'py, u64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let table = Table::new(thresholds.as_slice()?).map_err(refused)?;
    // A copy: another Python thread may write to the array while this one works on it.
    let words = words.as_slice()?.to_vec();
    let samples = py
        .detach(|| cotrain_noise::apply(&table, &words))
        .map_err(refused)?;
    Ok(samples.into_pyarray(py))
}

#[pyfunction]
fn sample<'py>(
    py: Python<'py>,
    thresholds: PyReadonlyArray1<'py, u64>,
    seed: &[u8],
    count: usize,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let table = Table::new(thresholds.as_slice()?).map_err(refused)?;
    let seed = Seed::from_bytes(seed).map_err(refused)?;
    let samples = py
        .detach(|| cotrain_noise::sample(&table, &seed, count))
        .map_err(refused)?;
    Ok(samples.into_pyarray(py))
}

/// Add the submodule `noise` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "noise")?;
    module.add_function(wrap_pyfunction!(words, &module)?)?;
    module.add_function(wrap_pyfunction!(apply, &module)?)?;
    module.add_function(wrap_pyfunction!(sample, &module)?)?;
    parent.add_submodule(&module)
}
