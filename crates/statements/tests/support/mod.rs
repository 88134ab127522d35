//! Owners with small made-up tables, for tests.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small numbers; and helpers of tests may panic as tests do"
)]

use cotrain_argument::Equation;
use cotrain_commitment::{
    Blindings, commit_rows, derive_blindings, encode_points, sum_commitments,
};
use cotrain_noise::{Seed, Table};
use cotrain_statements::{
    BLOCK_ROWS, DatasetStatement, FeatureKind, GradientStatement, Model, ModelKind, NoiseTerms,
    Segment, StatementError, UPDATE_WIDTH, UpdatePoints, UpdateStatement, UpdateWitness,
};

#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub rows: usize,
    pub numeric: usize,
    pub flags: usize,
    /// Category columns of three values each.
    pub categories: usize,
    pub kind: ModelKind,
    pub classes: usize,
    pub shift: u32,
    pub noise: bool,
}

impl Shape {
    pub fn mixed() -> Self {
        Self {
            rows: 12,
            numeric: 3,
            flags: 2,
            categories: 2,
            kind: ModelKind::Logistic,
            classes: 1,
            shift: 9,
            noise: true,
        }
    }
}

pub struct Owner {
    pub shape: Shape,
    pub rows: Vec<i16>,
    pub weights: Vec<i32>,
    pub labels: (i64, i64),
}

pub struct Submission {
    pub gradients: Vec<(Vec<u8>, Vec<u8>)>,
    pub update: Vec<u8>,
    pub words: Vec<u8>,
    pub update_proof: Vec<u8>,
    pub update_values: Vec<i64>,
}

/// A small deterministic generator (xorshift64).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> i64 {
        i64::try_from(self.next() % bound).unwrap()
    }
}

pub const ROW_BITS: u32 = 12;
pub const SCALE: i64 = 2048;
pub const CONTEXT: &[u8] = b"test context";

impl Owner {
    pub fn new(shape: Shape) -> Self {
        let mut draw = Draw(shape.rows as u64 * 77 + 5);
        let labels = match shape.kind {
            ModelKind::Linear => (-4096, 4096),
            ModelKind::Logistic => (0, 1),
            ModelKind::Softmax => (0, shape.classes as i64 - 1),
        };
        let mut rows = Vec::new();
        for _ in 0..shape.rows {
            let bias = if draw.below(2) == 0 { 300 } else { 211 };
            let mut row: Vec<i64> = (0..shape.numeric).map(|_| draw.below(1500) - 700).collect();
            row.extend((0..shape.flags).map(|_| bias * (draw.below(3) - 1)));
            for _ in 0..shape.categories {
                let chosen = draw.below(4);
                row.extend((0..3).map(|value| if value == chosen { bias } else { 0 }));
            }
            row.push(bias);
            row.push(labels.0 + draw.below((labels.1 - labels.0 + 1) as u64));
            rows.extend(row.into_iter().map(|x| i16::try_from(x).unwrap()));
        }
        let features = shape.numeric + shape.flags + 3 * shape.categories + 1;
        let weights = (0..features * shape.classes)
            .map(|_| i32::try_from(draw.below(20_000) - 10_000).unwrap());
        let weights = weights.collect();
        Self {
            shape,
            rows,
            weights,
            labels,
        }
    }

    pub fn columns(&self) -> usize {
        self.rows.len() / self.shape.rows
    }

    pub fn features(&self) -> usize {
        self.columns() - 1
    }

    pub fn zero_rows(&mut self) {
        let columns = self.columns();
        for row in self.rows.chunks_mut(columns) {
            row[..columns - 1].fill(0);
        }
    }

    pub fn equal_rows(&mut self) {
        let first = self.rows[..self.columns()].to_vec();
        self.rows = first.repeat(self.shape.rows);
    }

    pub fn largest_weights(&mut self) {
        self.weights.fill(0);
        let features = self.features();
        for (class, line) in self.weights.chunks_mut(features).enumerate() {
            line[0] = if class % 2 == 0 { 32 << 12 } else { -32 << 12 };
        }
        let columns = self.columns();
        for (i, row) in self.rows.chunks_mut(columns).enumerate() {
            row[..columns - 1].fill(0);
            row[0] = if i % 2 == 0 { 4096 } else { -4096 };
        }
    }

    pub fn one_label(&mut self) {
        let (columns, label) = (self.columns(), i16::try_from(self.labels.1).unwrap());
        self.rows
            .chunks_mut(columns)
            .for_each(|row| row[columns - 1] = label);
    }

    pub fn segment(&self, first: usize, segment_rows: usize) -> Segment {
        let count = segment_rows.min(self.shape.rows - first);
        Segment {
            rows: self.shape.rows,
            columns: self.columns(),
            first,
            count,
        }
    }

    pub fn segment_rows(&self, segment: &Segment) -> &[i16] {
        &self.rows[segment.first * segment.columns..][..segment.count * segment.columns]
    }

    /// Points and blindings of the commitments to a segment.
    pub fn commit(&self, segment: &Segment) -> (Vec<u8>, Blindings) {
        let padded = segment.padded();
        let entries: Vec<i16> = self
            .segment_rows(segment)
            .chunks(segment.columns)
            .flat_map(|row| {
                row.iter()
                    .copied()
                    .chain(std::iter::repeat_n(0, padded - segment.columns))
            })
            .collect();
        let label = format!("rows/{}", segment.first);
        let blindings = derive_blindings(&[3; 32], label.as_bytes(), segment.shape().rows());
        let points = commit_rows(&entries, segment.width(), &blindings).unwrap();
        (encode_points(&points), blindings)
    }

    pub fn dataset(&self, first: usize) -> DatasetStatement {
        let shape = self.shape;
        let mut kinds = vec![FeatureKind::Numeric; shape.numeric];
        kinds.extend(vec![FeatureKind::Flag; shape.flags]);
        kinds.extend(vec![FeatureKind::OneOf; 3 * shape.categories]);
        let mut groups = vec![0; shape.numeric + shape.flags];
        groups.extend((0..shape.categories).flat_map(|group| [group + 1; 3]));
        DatasetStatement {
            context: CONTEXT.to_vec(),
            segment: self.segment(first, DatasetStatement::segment_rows(self.columns())),
            row_bits: ROW_BITS,
            feature_scale: SCALE,
            labels: self.labels,
            kinds,
            groups,
        }
    }

    pub fn register(&self) -> Result<(), StatementError> {
        let step = DatasetStatement::segment_rows(self.columns());
        for first in (0..self.shape.rows).step_by(step) {
            let statement = self.dataset(first);
            let (points, blindings) = self.commit(&statement.segment);
            let rows = self.segment_rows(&statement.segment);
            let proof = statement.prove(rows, &points, &blindings, &[1; 32])?;
            assert_eq!(proof.len(), statement.proof_bytes()?);
            statement.reduce(&points, &proof)?.check()?;
        }
        Ok(())
    }

    pub fn model(&self) -> Model {
        let (kind, shape) = (self.shape.kind, self.shape);
        let margin_shift = if kind == ModelKind::Linear { 12 } else { 18 };
        let index_limit = if kind == ModelKind::Linear {
            32 << 12
        } else {
            2048
        };
        let table = match kind {
            ModelKind::Linear => vec![],
            ModelKind::Logistic => (-index_limit..=index_limit)
                .map(|q| (4096.0 / (1.0 + (-(2.0 * q as f64 + 1.0) / 128.0).exp())).round() as i32)
                .collect(),
            ModelKind::Softmax => (0..=2 * index_limit)
                .map(|t| (16384.0 * (-(t as f64) / 64.0).exp()).round() as i32)
                .collect(),
        };
        Model {
            kind,
            features: self.features(),
            classes: shape.classes,
            row_bits: ROW_BITS,
            residual_bits: 12,
            margin_shift,
            index_limit,
            table_name: if table.is_empty() {
                vec![]
            } else {
                vec![9; 32]
            },
            table,
            weights: self.weights.clone(),
        }
    }

    pub fn gradient(&self, first: usize) -> GradientStatement {
        let step =
            GradientStatement::segment_rows(self.shape.kind, self.columns(), self.shape.classes);
        GradientStatement {
            context: CONTEXT.to_vec(),
            segment: self.segment(first, step),
            model: self.model(),
        }
    }

    pub fn starts(&self) -> impl Iterator<Item = usize> + use<> {
        let step =
            GradientStatement::segment_rows(self.shape.kind, self.columns(), self.shape.classes);
        (0..self.shape.rows).step_by(step.min(BLOCK_ROWS))
    }

    pub fn update(&self) -> UpdateStatement {
        UpdateStatement {
            context: CONTEXT.to_vec(),
            entries: self.features() * self.shape.classes,
            shift: self.shape.shift,
            bound_bits: 40,
            noise: self.shape.noise.then(|| NoiseTerms {
                thresholds: thresholds(),
                table_name: [5; 32],
                coins: [6; 32],
            }),
        }
    }

    pub fn submission(&self) -> Submission {
        let update = self.update();
        let mut sum = vec![0_i64; update.entries];
        let mut blindings =
            vec![curve25519_dalek::Scalar::ZERO; update.entries.div_ceil(UPDATE_WIDTH)];
        let mut gradients = Vec::new();
        for first in self.starts() {
            let statement = self.gradient(first);
            let (points, secrets) = self.commit(&statement.segment);
            let fresh = derive_blindings(&[4; 32], format!("{first}").as_bytes(), blindings.len());
            let rows = self.segment_rows(&statement.segment);
            let proven = statement
                .prove(rows, &points, &secrets, &fresh, &[2; 32])
                .unwrap();
            assert_eq!(proven.proof.len(), statement.proof_bytes().unwrap());
            sum.iter_mut()
                .zip(&proven.gradient)
                .for_each(|(sum, value)| *sum += value);
            blindings
                .iter_mut()
                .zip(fresh.iter())
                .for_each(|(sum, value)| *sum += value);
            gradients.push((proven.points, proven.proof));
        }
        let mut draw = Draw(99);
        let words: Vec<u64> = (0..update.entries).map(|_| draw.next()).collect();
        let noise = self.noise(&words);
        let half = (1_i64 << self.shape.shift) >> 1;
        let values: Vec<i64> = sum
            .iter()
            .zip(&noise)
            .map(|(g, x)| ((g + half) >> self.shape.shift) + x)
            .collect();
        self.submission_of(gradients, &sum, &blindings, &values, &words)
    }

    pub fn noise(&self, words: &[u64]) -> Vec<i64> {
        if !self.shape.noise {
            return vec![0; words.len()];
        }
        let coins =
            cotrain_noise::words(&Seed::from_bytes(&[6; 32]).unwrap(), words.len()).unwrap();
        let drawn: Vec<u64> = words
            .iter()
            .zip(coins)
            .map(|(word, coin)| word.wrapping_add(coin))
            .collect();
        cotrain_noise::apply(&Table::new(&thresholds()).unwrap(), &drawn).unwrap()
    }

    pub fn submission_of(
        &self,
        gradients: Vec<(Vec<u8>, Vec<u8>)>,
        sum: &[i64],
        sum_blindings: &[curve25519_dalek::Scalar],
        values: &[i64],
        words: &[u64],
    ) -> Submission {
        let statement = self.update();
        let rows = sum_blindings.len();
        let update_blindings = derive_blindings(&[8; 32], b"update", rows);
        let word_blindings = derive_blindings(&[8; 32], b"words", rows);
        let points = encode_points(&commit_rows(values, UPDATE_WIDTH, &update_blindings).unwrap());
        let shifted: Vec<i64> = words
            .iter()
            .map(|word| (word ^ (1 << 63)).cast_signed())
            .collect();
        let word_points =
            encode_points(&commit_rows(&shifted, UPDATE_WIDTH, &word_blindings).unwrap());
        let lists: Vec<&[u8]> = gradients
            .iter()
            .map(|(points, _)| points.as_slice())
            .collect();
        let gradient = sum_commitments(&lists, rows).unwrap();
        let noise = self.shape.noise;
        let witness = UpdateWitness {
            gradient: sum,
            gradient_blindings: sum_blindings,
            update: values,
            update_blindings: &update_blindings,
            words: if noise { words } else { &[] },
            word_blindings: if noise { &word_blindings } else { &[] },
        };
        let public = UpdatePoints {
            gradient: &gradient,
            update: &points,
            words: &word_points,
        };
        let proof = statement.prove(public, &witness, &[3; 32]).unwrap();
        assert_eq!(proof.len(), statement.proof_bytes().unwrap());
        Submission {
            gradients,
            update: points,
            words: word_points,
            update_proof: proof,
            update_values: values.to_vec(),
        }
    }

    pub fn submit(&self) -> Result<(), StatementError> {
        let equations = self.submission().equations(self)?;
        Ok(Equation::check_all(&equations)?)
    }
}

impl Submission {
    pub fn equations(&self, owner: &Owner) -> Result<Vec<Equation>, StatementError> {
        let mut equations = Vec::new();
        for (first, (gradient, proof)) in owner.starts().zip(&self.gradients) {
            let statement = owner.gradient(first);
            let (points, _) = owner.commit(&statement.segment);
            equations.push(statement.reduce(&points, gradient, proof)?);
        }
        let lists: Vec<&[u8]> = self
            .gradients
            .iter()
            .map(|(points, _)| points.as_slice())
            .collect();
        let rows = owner.update().entries.div_ceil(UPDATE_WIDTH);
        let gradient = sum_commitments(&lists, rows).unwrap();
        let points = UpdatePoints {
            gradient: &gradient,
            update: &self.update,
            words: &self.words,
        };
        equations.push(owner.update().reduce(points, &self.update_proof)?);
        Ok(equations)
    }
}

/// A symmetric noise table of radius 3.
pub fn thresholds() -> Vec<u64> {
    let upper = [1_u64 << 63, 1 << 61, 1 << 55, 1 << 40]; // P(X >= 0) is not used; then of 1, 2, 3
    let mut list = vec![0];
    list.extend(upper[1..].iter().rev());
    list.extend(upper[1..].iter().map(|low| low.wrapping_neg()));
    list
}
