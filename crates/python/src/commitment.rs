//! `cotrain._native.commitment`: arrays and bytes in, bytes out; see docs/spec/commitment.md.

use cotrain_commitment as core;
use cotrain_commitment::{Blindings, CommitmentError, Entry};
use numpy::{Element, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Add the submodule `commitment` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "commitment")?;
    module.add("MAX_WIDTH", core::MAX_WIDTH)?;
    module.add_function(wrap_pyfunction!(generator, &module)?)?;
    module.add_function(wrap_pyfunction!(blinding_generator, &module)?)?;
    module.add_function(wrap_pyfunction!(row_count, &module)?)?;
    module.add_function(wrap_pyfunction!(commit_i16, &module)?)?;
    module.add_function(wrap_pyfunction!(commit_i64, &module)?)?;
    module.add_function(wrap_pyfunction!(derive_blindings, &module)?)?;
    module.add_function(wrap_pyfunction!(check_commitments, &module)?)?;
    module.add_function(wrap_pyfunction!(sum_commitments, &module)?)?;
    module.add_function(wrap_pyfunction!(add_blindings, &module)?)?;
    module.add_function(wrap_pyfunction!(verify_opening, &module)?)?;
    parent.add_submodule(&module)
}

/// The arguments of the Python exception are the stable code and the sentence.
fn refuse(error: CommitmentError) -> PyErr {
    PyValueError::new_err((error.code(), error.to_string()))
}

/// The entries of a one-dimensional array, which must lie in one piece.
fn entries<'a, E: Element>(values: &'a PyReadonlyArray1<'_, E>) -> PyResult<&'a [E]> {
    values.as_slice().map_err(|_| {
        PyValueError::new_err((
            "commitment-entries",
            "the array is not contiguous in memory",
        ))
    })
}

/// The blindings of a list whose length the bytes give; the core compares it with the number of rows.
fn blindings_of(bytes: &[u8]) -> PyResult<Blindings> {
    core::decode_blindings(bytes, bytes.len().div_ceil(core::ENCODED_BYTES)).map_err(refuse)
}

#[pyfunction]
fn generator(py: Python<'_>, index: usize) -> PyResult<Bound<'_, PyBytes>> {
    let point = core::generator(index).map_err(refuse)?;
    Ok(PyBytes::new(py, &core::encode_points(&[point])))
}

#[pyfunction]
fn blinding_generator(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &core::encode_points(&[core::blinding_generator()]))
}

#[pyfunction]
fn row_count(entries: usize, width: usize) -> PyResult<usize> {
    core::row_count(entries, width).map_err(refuse)
}

#[pyfunction]
fn commit_i16<'py>(
    py: Python<'py>,
    values: PyReadonlyArray1<'py, i16>,
    width: usize,
    blindings: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    commit(py, entries(&values)?, width, blindings)
}

#[pyfunction]
fn commit_i64<'py>(
    py: Python<'py>,
    values: PyReadonlyArray1<'py, i64>,
    width: usize,
    blindings: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    commit(py, entries(&values)?, width, blindings)
}

fn commit<'py, E: Entry>(
    py: Python<'py>,
    values: &[E],
    width: usize,
    blindings: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let blindings = blindings_of(blindings)?;
    let rows = py.detach(|| {
        Ok(core::encode_points(&core::commit_rows(
            values, width, &blindings,
        )?))
    });
    Ok(PyBytes::new(py, &rows.map_err(refuse)?))
}

#[pyfunction]
fn derive_blindings<'py>(
    py: Python<'py>,
    seed: &[u8],
    label: &[u8],
    count: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let (expected, got) = (core::SEED_BYTES, seed.len());
    let seed = seed
        .try_into()
        .map_err(|_| refuse(CommitmentError::Length { expected, got }))?;
    let scalars = py.detach(|| core::encode_scalars(&core::derive_blindings(seed, label, count)));
    Ok(PyBytes::new(py, &scalars))
}

#[pyfunction]
fn check_commitments(
    py: Python<'_>,
    commitments: &[u8],
    entries: usize,
    width: usize,
) -> PyResult<()> {
    py.detach(|| core::check_commitments(commitments, entries, width))
        .map_err(refuse)
}

#[pyfunction]
fn sum_commitments<'py>(
    py: Python<'py>,
    lists: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let lists: Vec<&[u8]> = lists.iter().map(PyBytesMethods::as_bytes).collect();
    let rows = lists
        .first()
        .map_or(0, |list| list.len().div_ceil(core::ENCODED_BYTES));
    let sums = py
        .detach(|| core::sum_commitments(&lists, rows))
        .map_err(refuse)?;
    Ok(PyBytes::new(py, &sums))
}

#[pyfunction]
fn add_blindings<'py>(
    py: Python<'py>,
    lists: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let lists: PyResult<Vec<Blindings>> = lists
        .iter()
        .map(|list| blindings_of(list.as_bytes()))
        .collect();
    let lists = lists?;
    let scalars: Vec<_> = lists.iter().map(|list| &**list).collect();
    let sums = core::add_blindings(&scalars).map_err(refuse)?;
    Ok(PyBytes::new(py, &core::encode_scalars(&sums)))
}

#[pyfunction]
fn verify_opening<'py>(
    py: Python<'py>,
    commitments: &[u8],
    values: &Bound<'py, PyAny>,
    width: usize,
    blindings: &[u8],
) -> PyResult<()> {
    let blindings = blindings_of(blindings)?;
    if let Ok(narrow) = values.extract::<PyReadonlyArray1<'py, i16>>() {
        let values = entries(&narrow)?;
        return py
            .detach(|| core::verify_opening(commitments, values, width, &blindings))
            .map_err(refuse);
    }
    let wide = values.extract::<PyReadonlyArray1<'py, i64>>()?;
    let values = entries(&wide)?;
    py.detach(|| core::verify_opening(commitments, values, width, &blindings))
        .map_err(refuse)
}
