//! S8 in `cotrain._native.proofs`.

use cotrain_commitment::Blindings;
use cotrain_statements as core;
use cotrain_statements::StatementError;
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::proofs::{Equation, blindings, entropy, guarded, refuse, values};

/// Add what this file has to the submodule `proofs`.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ContributionStatement>()?;
    module.add_function(wrap_pyfunction!(inner_product, module)?)
}

fn lines(updates: &PyReadonlyArray2<'_, i64>) -> Vec<Vec<i64>> {
    let rows = updates.as_array();
    rows.outer_iter()
        .map(|row| row.iter().copied().collect())
        .collect()
}

#[pyfunction]
fn inner_product(
    gradients: PyReadonlyArray2<'_, i32>,
    updates: PyReadonlyArray2<'_, i64>,
) -> PyResult<i128> {
    if gradients.as_array().dim() != updates.as_array().dim() {
        return Err(refuse(StatementError::Shape("gradients and updates")));
    }
    let list: Vec<i32> = gradients.as_array().iter().copied().collect();
    Ok(core::inner_product(&list, &lines(&updates)))
}

/// S8.
#[pyclass(frozen, module = "cotrain._native.proofs")]
struct ContributionStatement(core::ContributionStatement);

#[pymethods]
impl ContributionStatement {
    #[new]
    fn new(
        context: &[u8],
        gradients: PyReadonlyArray2<'_, i32>,
        shift: u32,
        noise: Option<(PyReadonlyArray1<'_, u64>, [u8; 32], [u8; 32])>,
        score: i64,
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
        let (rounds, entries) = gradients.as_array().dim();
        Ok(Self(core::ContributionStatement {
            context: context.to_vec(),
            rounds,
            entries,
            gradients: gradients.as_array().iter().copied().collect(),
            shift,
            noise: terms,
            score,
        }))
    }

    fn proof_bytes(&self) -> PyResult<usize> {
        self.0.proof_bytes().map_err(refuse)
    }

    /// `points` and `secrets`: of each update, and of the first words.
    #[expect(
        clippy::too_many_arguments,
        reason = "two kinds of commitments with values and blindings"
    )]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        points: (Vec<Vec<u8>>, Vec<u8>),
        updates: PyReadonlyArray2<'_, i64>,
        words: PyReadonlyArray1<'_, u64>,
        secrets: (Vec<Vec<u8>>, Vec<u8>),
        fresh: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let fresh = entropy(fresh)?;
        let (updates, words) = (lines(&updates), values(&words));
        let of_updates: Vec<Blindings> = secrets
            .0
            .iter()
            .map(|one| blindings(one))
            .collect::<PyResult<_>>()?;
        let of_words = blindings(&secrets.1)?;
        let witness = core::ContributionWitness {
            updates: &updates,
            update_blindings: &of_updates,
            words: &words,
            word_blindings: &of_words,
        };
        let proof = py
            .detach(|| self.0.prove(contribution_points(&points), &witness, &fresh))
            .map_err(refuse)?;
        Ok(PyBytes::new(py, &proof))
    }

    fn reduce(
        &self,
        py: Python<'_>,
        points: (Vec<Vec<u8>>, Vec<u8>),
        proof: &[u8],
    ) -> PyResult<Equation> {
        guarded(py, || self.0.reduce(contribution_points(&points), proof)).map(Equation)
    }
}

fn contribution_points(points: &(Vec<Vec<u8>>, Vec<u8>)) -> core::ContributionPoints<'_> {
    core::ContributionPoints {
        updates: &points.0,
        words: &points.1,
    }
}
