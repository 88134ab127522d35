//! S9 in `cotrain._native.proofs`.

use cotrain_statements as core;
use cotrain_statements::StatementError;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::proofs::{Equation, blindings, entropy, guarded, refuse, values};

/// Add what this file has to the submodule `proofs`.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RemovalStatement>()
}

/// S9.
#[pyclass(frozen, module = "cotrain._native.proofs")]
struct RemovalStatement(core::RemovalStatement);

#[pymethods]
impl RemovalStatement {
    #[new]
    fn new(context: &[u8], width: usize, padded: usize, row: usize) -> Self {
        Self(core::RemovalStatement {
            context: context.to_vec(),
            width,
            padded,
            row,
        })
    }

    fn proof_bytes(&self) -> PyResult<usize> {
        self.0.proof_bytes().map_err(refuse)
    }

    fn prove<'py>(
        &self,
        py: Python<'py>,
        points: (Vec<u8>, Vec<u8>),
        rows: PyReadonlyArray1<'_, i64>,
        secrets: (Vec<u8>, Vec<u8>),
        fresh: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let fresh = entropy(fresh)?;
        let rows = values(&rows);
        let (before, after) = (blindings(&secrets.0)?, blindings(&secrets.1)?);
        let single = |list: &[_]| match list {
            [one] => Ok(*one),
            _ => Err(refuse(StatementError::Shape("the number of blindings"))),
        };
        let witness = core::RemovalWitness {
            values: &rows,
            before: single(&before)?,
            after: single(&after)?,
        };
        let proof = py
            .detach(|| self.0.prove(removal_points(&points), &witness, &fresh))
            .map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }

    fn reduce(
        &self,
        py: Python<'_>,
        points: (Vec<u8>, Vec<u8>),
        proof: &[u8],
    ) -> PyResult<Equation> {
        guarded(py, || self.0.reduce(removal_points(&points), proof)).map(Equation)
    }
}

fn removal_points(points: &(Vec<u8>, Vec<u8>)) -> core::RemovalPoints<'_> {
    core::RemovalPoints {
        before: &points.0,
        after: &points.1,
    }
}
