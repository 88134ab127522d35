//! `cotrain._native.proofs`: statements with their numbers, proofs as bytes; errors are `ValueError(code, sentence)`.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cotrain_argument::{Equation as CoreEquation, ProofError};
use cotrain_commitment::{Blindings, decode_blindings};
use cotrain_statements as core;
use cotrain_statements::{FeatureKind, ModelKind, StatementError};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Add the submodule `proofs` to `parent`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "proofs")?;
    module.add("BLOCK_ROWS", core::BLOCK_ROWS)?;
    module.add("UPDATE_WIDTH", core::UPDATE_WIDTH)?;
    module.add_class::<Equation>()?;
    module.add_class::<DatasetStatement>()?;
    module.add_class::<GradientStatement>()?;
    module.add_class::<UpdateStatement>()?;
    crate::contribution::add(&module)?;
    crate::removal::add(&module)?;
    module.add_function(wrap_pyfunction!(dataset_segment_rows, &module)?)?;
    module.add_function(wrap_pyfunction!(gradient_segment_rows, &module)?)?;
    module.add_function(wrap_pyfunction!(check_all, &module)?)?;
    parent.add_submodule(&module)
}

/// The arguments of the Python exception are the stable code, the sentence, and for a witness its place and column.
pub(crate) fn refuse(error: StatementError) -> PyErr {
    let sentence = error.to_string();
    let code = match error {
        StatementError::Shape(_) | StatementError::Proof(ProofError::System(_)) => {
            "statement-shape"
        }
        StatementError::Witness { place, column, .. } => {
            return PyValueError::new_err(("proof-witness", sentence, place, column));
        }
        StatementError::Proof(ProofError::Length { .. }) => "proof-length",
        StatementError::Proof(ProofError::Format) => "proof-format",
        StatementError::Proof(ProofError::Encoding { .. }) => "proof-encoding",
        StatementError::Proof(ProofError::Input { .. }) => "proof-input",
        StatementError::Proof(ProofError::Challenge) => "proof-challenge",
        StatementError::Proof(ProofError::False) => "proof-false",
    };
    PyValueError::new_err((code, sentence))
}

/// Run a verifier; a fault of ours in it refuses the proof instead of ending the process.
pub(crate) fn guarded<T>(
    py: Python<'_>,
    verify: impl FnOnce() -> Result<T, StatementError> + Send,
) -> PyResult<T>
where
    T: Send,
{
    let verdict = py.detach(|| catch_unwind(AssertUnwindSafe(verify)));
    let fault = || PyValueError::new_err(("proof-fault", "the verifier failed on this proof"));
    verdict.map_err(|_| fault())?.map_err(refuse)
}

pub(crate) fn entropy(bytes: &[u8]) -> PyResult<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| refuse(StatementError::Shape("entropy has 32 bytes")))
}

pub(crate) fn blindings(bytes: &[u8]) -> PyResult<Blindings> {
    decode_blindings(bytes, bytes.len().div_ceil(32))
        .map_err(|_| refuse(StatementError::Shape("a blinding is not a reduced scalar")))
}

/// The rows in row-major order: as they lie in memory, or copied if they lie otherwise.
fn row_values<'a>(rows: &'a PyReadonlyArray2<'_, i16>) -> Cow<'a, [i16]> {
    let rows = rows.as_array();
    rows.to_slice()
        .map_or_else(|| Cow::Owned(rows.iter().copied().collect()), Cow::Borrowed)
}

pub(crate) fn values<T: numpy::Element + Copy>(list: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    list.as_array().iter().copied().collect()
}

fn model_kind(kind: &str) -> PyResult<ModelKind> {
    match kind {
        "linear" => Ok(ModelKind::Linear),
        "logistic" => Ok(ModelKind::Logistic),
        "softmax" => Ok(ModelKind::Softmax),
        _ => Err(refuse(StatementError::Shape("the kind of the model"))),
    }
}

fn segment((rows, columns, first, count): (usize, usize, usize, usize)) -> core::Segment {
    core::Segment {
        rows,
        columns,
        first,
        count,
    }
}

/// What remains of a proof to be checked: a sum of points that must be the identity.
#[pyclass(frozen, module = "cotrain._native.proofs")]
pub(crate) struct Equation(pub(crate) CoreEquation);

/// Check many proofs by one multiplication.
#[pyfunction]
fn check_all(py: Python<'_>, equations: Vec<PyRef<'_, Equation>>) -> PyResult<()> {
    let list: Vec<CoreEquation> = equations
        .iter()
        .map(|equation| equation.0.clone())
        .collect();
    guarded(py, || Ok(CoreEquation::check_all(&list)?))
}

#[pyfunction]
fn dataset_segment_rows(columns: usize) -> usize {
    core::DatasetStatement::segment_rows(columns)
}

#[pyfunction]
fn gradient_segment_rows(kind: &str, columns: usize, classes: usize) -> PyResult<usize> {
    Ok(core::GradientStatement::segment_rows(
        model_kind(kind)?,
        columns,
        classes,
    ))
}

/// S1 for one segment.
#[pyclass(frozen, module = "cotrain._native.proofs")]
struct DatasetStatement(core::DatasetStatement);

#[pymethods]
impl DatasetStatement {
    #[new]
    fn new(
        context: &[u8],
        place: (usize, usize, usize, usize),
        scales: (u32, i64),
        labels: (i64, i64),
        kinds: &[u8],
        groups: Vec<usize>,
    ) -> PyResult<Self> {
        let kind = |kind: &u8| match kind {
            0 => Ok(FeatureKind::Numeric),
            1 => Ok(FeatureKind::Flag),
            2 => Ok(FeatureKind::OneOf),
            _ => Err(refuse(StatementError::Shape("the kind of a feature"))),
        };
        Ok(Self(core::DatasetStatement {
            context: context.to_vec(),
            segment: segment(place),
            row_bits: scales.0,
            feature_scale: scales.1,
            labels,
            kinds: kinds.iter().map(kind).collect::<PyResult<_>>()?,
            groups,
        }))
    }

    fn proof_bytes(&self) -> PyResult<usize> {
        self.0.proof_bytes().map_err(refuse)
    }

    fn prove<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, i16>,
        points: &[u8],
        secrets: &[u8],
        fresh: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (rows, secrets, fresh) = (row_values(&rows), blindings(secrets)?, entropy(fresh)?);
        let proof = py
            .detach(|| self.0.prove(&rows, points, &secrets, &fresh))
            .map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }

    fn reduce(&self, py: Python<'_>, points: &[u8], proof: &[u8]) -> PyResult<Equation> {
        guarded(py, || self.0.reduce(points, proof)).map(Equation)
    }
}

/// S2 for one segment.
#[pyclass(frozen, module = "cotrain._native.proofs")]
struct GradientStatement(core::GradientStatement);

#[pymethods]
impl GradientStatement {
    #[expect(
        clippy::too_many_arguments,
        reason = "context, place, and the model in five parts"
    )]
    #[new]
    fn new(
        context: &[u8],
        place: (usize, usize, usize, usize),
        kind: &str,
        shape: (usize, usize),
        scales: (u32, u32, u32, i64),
        table: (PyReadonlyArray1<'_, i32>, Vec<u8>),
        weights: PyReadonlyArray1<'_, i32>,
    ) -> PyResult<Self> {
        let (row_bits, residual_bits, margin_shift, index_limit) = scales;
        let model = core::Model {
            kind: model_kind(kind)?,
            features: shape.0,
            classes: shape.1,
            row_bits,
            residual_bits,
            margin_shift,
            index_limit,
            table: values(&table.0),
            table_name: table.1,
            weights: values(&weights),
        };
        if core::model_table_name(&model) != model.table_name {
            return Err(refuse(StatementError::Shape("the name of the table")));
        }
        let (context, segment) = (context.to_vec(), segment(place));
        Ok(Self(core::GradientStatement {
            context,
            segment,
            model,
        }))
    }

    fn proof_bytes(&self) -> PyResult<usize> {
        self.0.proof_bytes().map_err(refuse)
    }

    #[expect(clippy::type_complexity, reason = "gradient, its points, the proof")]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, i16>,
        points: &[u8],
        secrets: (&[u8], &[u8]),
        fresh: &[u8],
    ) -> PyResult<(
        Bound<'py, PyArray1<i64>>,
        Bound<'py, PyBytes>,
        Bound<'py, PyBytes>,
    )> {
        let (rows, fresh) = (row_values(&rows), entropy(fresh)?);
        let (of_rows, of_gradient) = (blindings(secrets.0)?, blindings(secrets.1)?);
        let proven = py
            .detach(|| self.0.prove(&rows, points, &of_rows, &of_gradient, &fresh))
            .map_err(refuse)?;
        let points = PyBytes::new(py, &proven.points);
        Ok((
            proven.gradient.into_pyarray(py),
            points,
            PyBytes::new(py, &proven.proof),
        ))
    }

    fn reduce(
        &self,
        py: Python<'_>,
        points: &[u8],
        gradient: &[u8],
        proof: &[u8],
    ) -> PyResult<Equation> {
        guarded(py, || self.0.reduce(points, gradient, proof)).map(Equation)
    }
}

/// S3 and S4.
#[pyclass(frozen, module = "cotrain._native.proofs")]
struct UpdateStatement(core::UpdateStatement);

#[pymethods]
impl UpdateStatement {
    #[new]
    fn new(
        context: &[u8],
        entries: usize,
        scales: (u32, u32),
        noise: Option<(PyReadonlyArray1<'_, u64>, [u8; 32], [u8; 32])>,
    ) -> PyResult<Self> {
        let terms = noise.map(|(thresholds, table_name, coins)| core::NoiseTerms {
            thresholds: values(&thresholds),
            table_name,
            coins,
        });
        let named = |terms: &core::NoiseTerms| {
            core::noise_table_name(&terms.thresholds) == terms.table_name
        };
        if !terms.as_ref().is_none_or(named) {
            return Err(refuse(StatementError::Shape("the name of the noise table")));
        }
        Ok(Self(core::UpdateStatement {
            context: context.to_vec(),
            entries,
            shift: scales.0,
            bound_bits: scales.1,
            noise: terms,
        }))
    }

    fn proof_bytes(&self) -> PyResult<usize> {
        self.0.proof_bytes().map_err(refuse)
    }

    /// `points`: gradient, update, words; `numbers`: gradient, update; `secrets`: blindings of the three.
    #[expect(
        clippy::too_many_arguments,
        reason = "three commitments with values and blindings"
    )]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        points: (Vec<u8>, Vec<u8>, Vec<u8>),
        gradient: PyReadonlyArray1<'_, i64>,
        update: PyReadonlyArray1<'_, i64>,
        words: PyReadonlyArray1<'_, u64>,
        secrets: (&[u8], &[u8], &[u8]),
        fresh: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let fresh = entropy(fresh)?;
        let (gradient, update, words) = (values(&gradient), values(&update), values(&words));
        let secrets = (
            blindings(secrets.0)?,
            blindings(secrets.1)?,
            blindings(secrets.2)?,
        );
        let witness = core::UpdateWitness {
            gradient: &gradient,
            gradient_blindings: &secrets.0,
            update: &update,
            update_blindings: &secrets.1,
            words: &words,
            word_blindings: &secrets.2,
        };
        let proof = py
            .detach(|| self.0.prove(update_points(&points), &witness, &fresh))
            .map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }

    fn reduce(
        &self,
        py: Python<'_>,
        points: (Vec<u8>, Vec<u8>, Vec<u8>),
        proof: &[u8],
    ) -> PyResult<Equation> {
        guarded(py, || self.0.reduce(update_points(&points), proof)).map(Equation)
    }
}

fn update_points(points: &(Vec<u8>, Vec<u8>, Vec<u8>)) -> core::UpdatePoints<'_> {
    core::UpdatePoints {
        gradient: &points.0,
        update: &points.1,
        words: &points.2,
    }
}
