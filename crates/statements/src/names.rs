//! The hashes by which statements name public tables (docs/spec/training.md, "Tables"; docs/spec/noise.md, section 2).

use sha2::{Digest, Sha256};

use crate::gradient::{Model, ModelKind};

/// The name of a model's table; no bytes for linear, which has none.
#[must_use]
pub fn model_table_name(model: &Model) -> Vec<u8> {
    let (name, bits, first) = match model.kind {
        ModelKind::Linear => return Vec::new(),
        ModelKind::Logistic => ("sigmoid", model.residual_bits, -model.index_limit),
        ModelKind::Softmax => ("exp", crate::softmax::EXP_BITS, 0),
    };
    let header = format!(
        "cotrain/table/1 {name} {bits} {first} {}\n",
        model.table.len()
    );
    let mut hash = Sha256::new().chain_update(header.as_bytes());
    for value in &model.table {
        hash.update(value.to_le_bytes());
    }
    hash.finalize().to_vec()
}

/// The name of a noise table.
#[must_use]
pub fn noise_table_name(thresholds: &[u64]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for threshold in thresholds {
        hash.update(threshold.to_le_bytes());
    }
    hash.finalize().into()
}
