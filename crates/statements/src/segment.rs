//! Layout of a committed dataset, and the segments that proofs are about (docs/spec/dataset.md, docs/spec/statements.md).

use cotrain_argument::{Field, MatrixShape, Rows};
use cotrain_transcript::Transcript;

use crate::error::{StatementError, require};

/// Rows of a block.
pub const BLOCK_ROWS: usize = 8192;
/// The least number of entries under one commitment of a dataset.
const DATASET_WIDTH: usize = 1024;
/// The most rows and columns of a dataset.
const MAX_ROWS: usize = 1 << 26;
const MAX_COLUMNS: usize = 1 << 16;

/// A run of rows of a committed dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Rows of the dataset.
    pub rows: usize,
    /// Columns: features, bias and label.
    pub columns: usize,
    /// First row of the segment.
    pub first: usize,
    /// Rows of the segment.
    pub count: usize,
}

impl Segment {
    pub(crate) fn check(&self, segment_rows: usize) -> Result<(), StatementError> {
        require(
            (2..=MAX_COLUMNS).contains(&self.columns),
            "the number of columns",
        )?;
        require((1..=MAX_ROWS).contains(&self.rows), "the number of rows")?;
        require(self.first < self.rows, "the first row")?;
        let end = (self.first / BLOCK_ROWS + 1) * BLOCK_ROWS;
        let whole = (self.first % BLOCK_ROWS).is_multiple_of(segment_rows);
        let expected = segment_rows.min(end.min(self.rows) - self.first);
        require(whole && self.count == expected, "the rows of the segment")
    }

    /// p: columns, padded.
    #[must_use]
    pub fn padded(&self) -> usize {
        self.columns.next_power_of_two()
    }

    /// d: features, the bias included.
    #[must_use]
    pub fn features(&self) -> usize {
        self.columns - 1
    }

    /// w: entries under one commitment.
    #[must_use]
    pub fn width(&self) -> usize {
        self.padded().max(DATASET_WIDTH)
    }

    /// Rows under one commitment.
    #[must_use]
    pub fn rows_per_commitment(&self) -> usize {
        self.width() / self.padded()
    }

    /// rho.
    pub(crate) fn row_variables(&self) -> usize {
        self.count.next_power_of_two().trailing_zeros() as usize
    }

    /// The shape of the input matrix.
    #[must_use]
    pub fn shape(&self) -> MatrixShape {
        MatrixShape {
            entries: self.count * self.padded(),
            width: self.width(),
        }
    }

    pub(crate) fn table(&self, values: &[i16]) -> Result<Rows, StatementError> {
        require(
            values.len() == self.count * self.columns,
            "the number of values",
        )?;
        Ok(Rows {
            values: values.to_vec(),
            columns: self.columns,
            padded: self.padded(),
        })
    }
}

/// 1 in column `index`, 0 before it.
pub(crate) fn unit(index: usize) -> Vec<Field> {
    let mut values = vec![Field::default(); index];
    values.push(Field::from(1_u64));
    values
}

/// Begin the transcript of a statement.
pub(crate) fn begin(name: &'static str, context: &[u8]) -> Transcript {
    let mut transcript = Transcript::new(b"cotrain/argument/1");
    transcript.absorb(b"statement", name.as_bytes());
    transcript.absorb(b"context", context);
    transcript
}

/// Absorb a number of the statement.
pub(crate) fn absorb(transcript: &mut Transcript, label: &'static [u8], number: usize) {
    transcript.absorb_number(label, number as u64);
}
