//! `cotrain._native.training`: errors are `ValueError(code, message)`.

use cotrain_training::{Kernel, Kind, Layout, ModelParameters, RowFault, TrainingError};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Add the submodule `training` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "training")?;
    module.add_class::<GradientKernel>()?;
    module.add_function(wrap_pyfunction!(check_rows, &module)?)?;
    parent.add_submodule(&module)
}

/// One model at one set of weights.
#[pyclass(frozen, module = "cotrain._native.training")]
struct GradientKernel {
    layout: Layout,
    kernel: Kernel,
}

#[pymethods]
impl GradientKernel {
    #[new]
    fn new(
        kind: &str,
        shape: (usize, usize),
        scales: (u32, u32, u32),
        table: PyReadonlyArray1<'_, i32>,
        weight_bound: i64,
        weights: PyReadonlyArray1<'_, i32>,
    ) -> PyResult<Self> {
        let (row_bits, residual_bits, margin_shift) = scales;
        let layout = layout(kind, shape, (row_bits, residual_bits))?;
        let parameters = ModelParameters {
            margin_shift,
            weight_bound,
            table: table.as_array().to_vec(),
            weights: weights.as_array().to_vec(),
        };
        let kernel = Kernel::new(layout, parameters).map_err(|error| refuse(error.into()))?;
        Ok(Self { layout, kernel })
    }

    /// The sum so far plus the gradient of `rows`.
    fn add_rows<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, i16>,
        total: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let mut sum = total.as_array().to_vec();
        let block = block(&self.layout, &rows)?;
        py.detach(|| self.kernel.add_rows(block, &mut sum))
            .map_err(refuse)?;
        Ok(sum.into_pyarray(py))
    }
}

#[pyfunction]
fn check_rows(
    py: Python<'_>,
    kind: &str,
    shape: (usize, usize),
    scales: (u32, u32),
    rows: PyReadonlyArray2<'_, i16>,
) -> PyResult<()> {
    let layout = layout(kind, shape, scales)?;
    let block = block(&layout, &rows)?;
    py.detach(|| layout.check_rows(block)).map_err(refuse)
}

fn layout(kind: &str, shape: (usize, usize), scales: (u32, u32)) -> PyResult<Layout> {
    let kind = match kind {
        "linear" => Kind::Linear,
        "logistic" => Kind::Logistic,
        "softmax" => Kind::Softmax,
        _ => {
            return Err(PyValueError::new_err((
                "training-bad-model",
                "unknown kind of model",
            )));
        }
    };
    Layout::new(kind, shape, scales).map_err(|error| refuse(error.into()))
}

fn block<'a>(layout: &Layout, rows: &'a PyReadonlyArray2<'_, i16>) -> PyResult<&'a [i16]> {
    let rows = rows.as_array();
    let fits = rows.ncols() == layout.columns();
    // `to_slice` yields row-major memory only; `PyReadonlyArray::as_slice` would take column-major too.
    let data = rows.to_slice().filter(|_| fits);
    data.ok_or_else(|| refuse(TrainingError::BlockLength))
}

fn refuse(error: TrainingError) -> PyErr {
    let code = match error {
        TrainingError::Row(row) if row.fault == RowFault::Norm => "training-row-above-bound",
        TrainingError::Row(_) => "training-bad-label",
        TrainingError::BlockLength => "training-bad-shape",
        TrainingError::SumLength | TrainingError::SumRange => "training-too-many-rows",
        TrainingError::Model(_) => "training-bad-model",
    };
    PyValueError::new_err((code, error.to_string()))
}
