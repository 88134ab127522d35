//! `cotrain._native.lattice`: arrays and bytes in, arrays and bytes out; see docs/spec/encryption.md and
//! docs/spec/key-sharing.md.
use std::sync::{Mutex, PoisonError};

use cotrain_lattice as core;
use cotrain_lattice::{Error, Parameters};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// Add the submodule `lattice` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "lattice")?;
    module.add("DEGREE", core::DEGREE)?;
    module.add("MODULUS", core::MODULUS)?;
    module.add("COEFFICIENT_BITS", core::COEFFICIENT_BITS)?;
    module.add("NOISE_BOUND", core::NOISE_BOUND)?;
    module.add("MAX_PARTIES", core::MAX_PARTIES)?;
    module.add("MAX_HOLDERS", core::MAX_HOLDERS)?;
    module.add_class::<SecretKey>()?;
    module.add_function(wrap_pyfunction!(derive_parameters, &module)?)?;
    module.add_function(wrap_pyfunction!(ciphertext_bytes, &module)?)?;
    module.add_function(wrap_pyfunction!(check_ciphertext, &module)?)?;
    module.add_function(wrap_pyfunction!(sum_ciphertexts, &module)?)?;
    module.add_function(wrap_pyfunction!(open_total, &module)?)?;
    module.add_function(wrap_pyfunction!(verify_share, &module)?)?;
    module.add_function(wrap_pyfunction!(find_bad_shares, &module)?)?;
    module.add_function(wrap_pyfunction!(sum_commitments, &module)?)?;
    module.add_function(wrap_pyfunction!(sum_shares, &module)?)?;
    module.add_function(wrap_pyfunction!(recover, &module)?)?;
    parent.add_submodule(&module)
}

/// The arguments of the Python exception are the stable code and the sentence.
fn refuse(error: Error) -> PyErr {
    PyValueError::new_err((error.code(), error.to_string()))
}

/// Parties and largest field, from which all else is derived on each call.
type Bounds = (u32, u64);

fn parameters((parties, max_field): Bounds) -> PyResult<Parameters> {
    Parameters::derive(parties, max_field).map_err(refuse)
}

fn seed_of(bytes: &[u8]) -> PyResult<&[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| PyValueError::new_err(("seed-length", "a seed needs 32 bytes")))
}

/// The entries of a one-dimensional array, which must lie in one piece.
fn entries<'a, E: numpy::Element>(values: &'a PyReadonlyArray1<'_, E>) -> PyResult<&'a [E]> {
    values.as_slice().map_err(|_| {
        PyValueError::new_err((
            "array-not-contiguous",
            "the array is not contiguous in memory",
        ))
    })
}

#[pyclass(frozen, module = "cotrain._native.lattice")]
struct SecretKey {
    inner: Mutex<core::SecretKey>,
}

#[pymethods]
impl SecretKey {
    #[new]
    fn new(seed: &[u8]) -> PyResult<Self> {
        let inner = Mutex::new(core::SecretKey::generate(seed_of(seed)?));
        Ok(Self { inner })
    }

    fn encrypt<'py>(
        &self,
        py: Python<'py>,
        bounds: Bounds,
        fields: PyReadonlyArray1<'py, u64>,
        context: &[u8],
        seed: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (parameters, fields, seed) = (parameters(bounds)?, entries(&fields)?, seed_of(seed)?);
        let ciphertext = py.detach(|| {
            let mut key = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            core::encrypt(&parameters, fields, &mut key, context, seed)
        });
        Ok(PyBytes::new(py, &ciphertext.map_err(refuse)?))
    }

    fn deal<'py>(
        &self,
        py: Python<'py>,
        bounds: Bounds,
        threshold: u32,
        holders: u32,
        seed: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>)> {
        let (parameters, seed) = (parameters(bounds)?, seed_of(seed)?);
        let dealing = py
            .detach(|| {
                let key = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                core::deal(&parameters, threshold, holders, &key, seed)
            })
            .map_err(refuse)?;
        let shares = dealing
            .shares
            .iter()
            .map(|share| PyBytes::new(py, share))
            .collect();
        Ok((PyBytes::new(py, &dealing.commitments), shares))
    }

    #[getter]
    fn used(&self) -> bool {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_used()
    }

    fn __repr__(&self) -> String {
        format!(
            "SecretKey(used={})",
            if self.used() { "True" } else { "False" }
        )
    }
}

#[pyfunction]
fn derive_parameters(py: Python<'_>, parties: u32, max_field: u64) -> PyResult<Bound<'_, PyDict>> {
    let derived = parameters((parties, max_field))?;
    let numbers = PyDict::new(py);
    numbers.set_item("parties", derived.parties())?;
    numbers.set_item("max_field", derived.max_field())?;
    numbers.set_item("radix", derived.radix())?;
    numbers.set_item("fields_per_coefficient", derived.fields_per_coefficient())?;
    numbers.set_item("plaintext_modulus", derived.plaintext_modulus())?;
    numbers.set_item("limb_bits", derived.limb_bits())?;
    numbers.set_item("limbs_per_scalar", derived.limbs_per_scalar())?;
    numbers.set_item("key_scalars", derived.key_scalars())?;
    numbers.set_item("share_bytes", derived.share_bytes())?;
    Ok(numbers)
}

#[pyfunction]
fn ciphertext_bytes(bounds: Bounds, fields: usize) -> PyResult<usize> {
    Ok(parameters(bounds)?.ciphertext_bytes(fields))
}

#[pyfunction]
fn check_ciphertext(
    py: Python<'_>,
    bounds: Bounds,
    fields: usize,
    ciphertext: &[u8],
) -> PyResult<()> {
    let parameters = parameters(bounds)?;
    py.detach(|| core::check_ciphertext(&parameters, fields, ciphertext))
        .map_err(refuse)
}

#[pyfunction]
fn sum_ciphertexts<'py>(
    py: Python<'py>,
    bounds: Bounds,
    fields: usize,
    ciphertexts: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let parameters = parameters(bounds)?;
    let slices: Vec<&[u8]> = ciphertexts.iter().map(PyBytesMethods::as_bytes).collect();
    let total = py.detach(|| core::sum_ciphertexts(&parameters, fields, &slices));
    Ok(PyBytes::new(py, &total.map_err(refuse)?))
}

#[pyfunction]
fn open_total<'py>(
    py: Python<'py>,
    bounds: Bounds,
    fields: usize,
    total: (Bound<'py, PyBytes>, u32),
    key_sum: PyReadonlyArray1<'py, i32>,
    context: &[u8],
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let (parameters, key_sum) = (parameters(bounds)?, entries(&key_sum)?);
    let (total, summands) = (total.0.as_bytes(), total.1);
    let sums =
        py.detach(|| core::open_total(&parameters, fields, total, summands, key_sum, context));
    Ok(sums.map_err(refuse)?.into_pyarray(py))
}

#[pyfunction]
fn verify_share(
    py: Python<'_>,
    bounds: Bounds,
    commitments: &[u8],
    holder: u32,
    share: &[u8],
) -> PyResult<()> {
    let parameters = parameters(bounds)?;
    py.detach(|| core::verify_share(&parameters, commitments, holder, share))
        .map_err(refuse)
}

#[pyfunction]
fn find_bad_shares(
    py: Python<'_>,
    bounds: Bounds,
    holder: u32,
    dealings: Vec<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)>,
) -> PyResult<Vec<usize>> {
    let parameters = parameters(bounds)?;
    let slices: Vec<(&[u8], &[u8])> = dealings
        .iter()
        .map(|(commitments, share)| (commitments.as_bytes(), share.as_bytes()))
        .collect();
    py.detach(|| core::find_bad_shares(&parameters, holder, &slices))
        .map_err(refuse)
}

#[pyfunction]
fn sum_commitments<'py>(
    py: Python<'py>,
    commitments: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let slices: Vec<&[u8]> = commitments.iter().map(PyBytesMethods::as_bytes).collect();
    let sum = py.detach(|| core::sum_commitments(&slices));
    Ok(PyBytes::new(py, &sum.map_err(refuse)?))
}

#[pyfunction]
fn sum_shares<'py>(
    py: Python<'py>,
    bounds: Bounds,
    shares: Vec<Bound<'py, PyBytes>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let parameters = parameters(bounds)?;
    let slices: Vec<&[u8]> = shares.iter().map(PyBytesMethods::as_bytes).collect();
    let sum = py.detach(|| core::sum_shares(&parameters, &slices));
    Ok(PyBytes::new(py, &sum.map_err(refuse)?))
}

#[pyfunction]
fn recover<'py>(
    py: Python<'py>,
    bounds: Bounds,
    summands: u32,
    threshold: u32,
    shares: Vec<(u32, Bound<'py, PyBytes>)>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let parameters = parameters(bounds)?;
    let slices: Vec<(u32, &[u8])> = shares
        .iter()
        .map(|(holder, share)| (*holder, share.as_bytes()))
        .collect();
    let key_sum = py.detach(|| core::recover(&parameters, summands, threshold, &slices));
    Ok(key_sum.map_err(refuse)?.into_pyarray(py))
}
