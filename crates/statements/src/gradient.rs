//! S2: a commitment opens to the exact gradient of the agreed model over the committed rows
//! (docs/spec/statements.md, "S2 gradient"; docs/proofs/gradient.md).

use cotrain_argument::field::from_scalar;
use cotrain_argument::{
    Equation, MatrixShape, Opening, Values, Witness, proof_bytes, prove, reduce,
};
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::Scalar;
use sha2::{Digest, Sha256};

use crate::error::{StatementError, require};
use crate::linear::LinearPlan;
use crate::logistic::LogisticPlan;
use crate::segment::{BLOCK_ROWS, Segment, absorb, begin};
use crate::softmax::SoftmaxPlan;

/// Entries under one commitment of a gradient or an update.
pub const UPDATE_WIDTH: usize = 1024;
/// Places of a softmax domain.
const SOFTMAX_PLACES: usize = 1 << 17;

/// The kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Least squares with clipped residual.
    Linear,
    /// Two classes.
    Logistic,
    /// K classes.
    Softmax,
}

impl ModelKind {
    /// Its name in statements.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Logistic => "logistic",
            Self::Softmax => "softmax",
        }
    }
}

/// A model at public weights (docs/spec/training.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its kind.
    pub kind: ModelKind,
    /// d.
    pub features: usize,
    /// K.
    pub classes: usize,
    /// log2 C.
    pub row_bits: u32,
    /// f.
    pub residual_bits: u32,
    /// s: bits between a margin and its quotient.
    pub margin_shift: u32,
    /// L: the largest quotient.
    pub index_limit: i64,
    /// The sigmoid or exp table; empty for linear.
    pub table: Vec<i32>,
    /// SHA-256 that names the table; no bytes for linear.
    pub table_name: Vec<u8>,
    /// K d numbers, class by class.
    pub weights: Vec<i32>,
}

impl Model {
    fn check(&self) -> Result<(), StatementError> {
        let entries = self
            .classes
            .checked_mul(self.features)
            .filter(|entries| *entries <= 1 << 20);
        require(
            self.features > 0 && entries == Some(self.weights.len()),
            "the number of weights",
        )?;
        let classes = if self.kind == ModelKind::Softmax {
            2..=1 << 15
        } else {
            1..=1
        };
        require(classes.contains(&self.classes), "the number of classes")?;
        require(self.row_bits <= 14 && self.margin_shift <= 38, "a scale")?;
        require((1..=14).contains(&self.residual_bits), "the residual bits")?;
        require(
            (1..=1 << 24).contains(&self.index_limit),
            "the largest quotient",
        )?;
        let entries = usize::try_from(2 * self.index_limit + 1).unwrap_or(0);
        let linear = self.kind == ModelKind::Linear;
        let (entries, name) = if linear { (0, 0) } else { (entries, 32) };
        require(
            self.table.len() == entries && self.table_name.len() == name,
            "the table",
        )
    }

    /// `sum_j x_j w_kj` for a row.
    pub(crate) fn margin(&self, row: &[i16], class: usize) -> i64 {
        let weights = self
            .weights
            .chunks(self.features)
            .nth(class)
            .unwrap_or_default();
        row.iter()
            .zip(weights)
            .map(|(&x, &w)| i64::from(x) * i64::from(w))
            .sum()
    }

    /// A table value by position.
    pub(crate) fn table_value(&self, position: i64) -> Option<i64> {
        let position = usize::try_from(position).ok()?;
        self.table.get(position).map(|value| i64::from(*value))
    }
}

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradientStatement {
    /// Names run, round and party.
    pub context: Vec<u8>,
    /// The rows in question.
    pub segment: Segment,
    /// The model.
    pub model: Model,
}

/// A gradient, the blindings of its commitment, and the proof.
#[derive(Debug)]
pub struct ProvenGradient {
    /// K d numbers.
    pub gradient: Vec<i64>,
    /// Points of its commitment, encoded.
    pub points: Vec<u8>,
    /// The proof.
    pub proof: Vec<u8>,
}

/// The system of one kind of model, and how its witness is made.
pub(crate) trait ModelPlan {
    fn system(&self) -> &cotrain_argument::System;
    /// Values of the witness matrices, rows of the table for each lookup, and the gradient.
    fn witness(
        &self,
        statement: &GradientStatement,
        rows: &[i16],
    ) -> Result<ModelWitness, StatementError>;
}

/// What [`ModelPlan::witness`] returns.
pub(crate) struct ModelWitness {
    pub(crate) witnesses: Vec<Values>,
    pub(crate) lookups: Vec<Vec<u32>>,
    pub(crate) gradient: Vec<i64>,
}

impl GradientStatement {
    /// Rows of one segment.
    #[must_use]
    pub fn segment_rows(kind: ModelKind, columns: usize, classes: usize) -> usize {
        if kind != ModelKind::Softmax {
            return BLOCK_ROWS;
        }
        let segment = Segment {
            rows: 1,
            columns,
            first: 0,
            count: 1,
        };
        let rows = SOFTMAX_PLACES / classes.next_power_of_two();
        rows.min(BLOCK_ROWS)
            .max(segment.rows_per_commitment())
            .max(1)
    }

    /// The length of every proof, without the points of the gradient.
    ///
    /// # Errors
    /// [`StatementError::Shape`].
    pub fn proof_bytes(&self) -> Result<usize, StatementError> {
        Ok(proof_bytes(self.plan()?.system())?)
    }

    /// The shape of the gradient's commitment.
    #[must_use]
    pub fn result_shape(&self) -> MatrixShape {
        MatrixShape {
            entries: self.model.classes * self.model.features,
            width: UPDATE_WIDTH,
        }
    }

    /// Compute the gradient, commit to it under `gradient_blindings`, and prove it.
    ///
    /// # Arguments
    /// * `rows`: the rows of the segment, `columns` numbers each.
    /// * `points`, `blindings`: of the segment's commitments.
    ///
    /// # Errors
    /// [`StatementError::Witness`] names the first row of which no gradient can be proven.
    pub fn prove(
        &self,
        rows: &[i16],
        points: &[u8],
        blindings: &[Scalar],
        gradient_blindings: &[Scalar],
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<ProvenGradient, StatementError> {
        let plan = self.plan()?;
        let table = self.segment.table(rows)?;
        let ModelWitness {
            witnesses,
            lookups,
            gradient,
        } = plan.witness(self, rows)?;
        let committed =
            cotrain_commitment::commit_rows(&gradient, UPDATE_WIDTH, gradient_blindings)
                .map_err(|_| StatementError::Shape("the blindings of the gradient"))?;
        let result = cotrain_commitment::encode_points(&committed);
        let open = |values, blindings: &[Scalar]| Opening {
            values,
            blindings: blindings.iter().map(from_scalar).collect(),
        };
        let inputs = vec![
            open(Values::Rows(table), blindings),
            open(Values::Small(gradient.clone()), gradient_blindings),
        ];
        let witness = Witness {
            inputs,
            witnesses,
            lookups: vec![lookups],
        };
        let proof = prove(
            plan.system(),
            self.transcript(),
            &[points, &result],
            &witness,
            entropy,
        )?;
        Ok(ProvenGradient {
            gradient,
            points: result,
            proof,
        })
    }

    /// Check a proof up to the last multiplication.
    ///
    /// # Errors
    /// [`StatementError::Proof`].
    pub fn reduce(
        &self,
        points: &[u8],
        gradient: &[u8],
        proof: &[u8],
    ) -> Result<Equation, StatementError> {
        Ok(reduce(
            self.plan()?.system(),
            self.transcript(),
            &[points, gradient],
            proof,
        )?)
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let model = &self.model;
        let mut transcript = begin("cotrain/statement/gradient/1", &self.context);
        transcript.absorb(b"kind", model.kind.name().as_bytes());
        absorb(&mut transcript, b"features", model.features);
        absorb(&mut transcript, b"classes", model.classes);
        transcript.absorb_number(b"row-bits", u64::from(model.row_bits));
        transcript.absorb_number(b"residual-bits", u64::from(model.residual_bits));
        transcript.absorb_number(b"margin-shift", u64::from(model.margin_shift));
        transcript.absorb_number(b"index-limit", model.index_limit.cast_unsigned());
        transcript.absorb(b"table", &model.table_name);
        let weights: Vec<u8> = model
            .weights
            .iter()
            .flat_map(|weight| weight.to_le_bytes())
            .collect();
        transcript.absorb(b"weights", &Sha256::digest(&weights));
        absorb(&mut transcript, b"rows", self.segment.rows);
        absorb(&mut transcript, b"first-row", self.segment.first);
        absorb(&mut transcript, b"segment", self.segment.count);
        transcript
    }

    pub(crate) fn plan(&self) -> Result<Box<dyn ModelPlan>, StatementError> {
        let model = &self.model;
        model.check()?;
        require(
            self.segment.columns == model.features + 1,
            "the number of columns",
        )?;
        self.segment.check(Self::segment_rows(
            model.kind,
            self.segment.columns,
            model.classes,
        ))?;
        Ok(match model.kind {
            ModelKind::Linear => Box::new(LinearPlan::new(self)),
            ModelKind::Logistic => Box::new(LogisticPlan::new(self)),
            ModelKind::Softmax => Box::new(SoftmaxPlan::new(self)),
        })
    }
}

/// The gradient as it is summed up: `g_kj += e x_j`.
pub(crate) fn add_row(
    gradient: &mut [i64],
    residual: i64,
    row: &[i16],
    features: usize,
    class: usize,
) {
    if let Some(line) = gradient.chunks_mut(features).nth(class) {
        line.iter_mut()
            .zip(row)
            .for_each(|(sum, &x)| *sum += residual * i64::from(x));
    }
}

/// The error for a row whose quotient or label lies outside what the model knows.
pub(crate) fn bad_row(place: usize) -> StatementError {
    StatementError::Witness {
        place,
        column: None,
        what: "the row is longer than the row bound, or its label is none of the model's",
    }
}
