//! S9: a commitment to some rows opens to what another one opens to, with one row set to zero
//! (docs/spec/statements.md, "S9 removal"; docs/proofs/removal.md).

use cotrain_argument::{
    Column, Constraint, Domain, Equation, Expression, Field, Matrix, MatrixShape, Opening, System,
    Values, Weight, Witness, proof_bytes, prove, reduce,
};
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::Scalar;

use cotrain_argument::field::from_scalar;

use crate::error::{StatementError, require};
use crate::segment::{absorb, begin};

/// The most entries under one commitment.
const MAX_WIDTH: usize = 1 << 16;

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalStatement {
    /// Names run, owner, dataset and row.
    pub context: Vec<u8>,
    /// Entries under each commitment, w: a power of two.
    pub width: usize,
    /// Entries of a row, p: a power of two.
    pub padded: usize,
    /// The row that is set to zero, counted within the commitment.
    pub row: usize,
}

/// The two commitments, one point each.
#[derive(Debug, Clone, Copy)]
pub struct RemovalPoints<'a> {
    /// With the row.
    pub before: &'a [u8],
    /// Without it.
    pub after: &'a [u8],
}

/// The secret rows as they were, and the blindings of the two commitments.
#[derive(Debug)]
pub struct RemovalWitness<'a> {
    /// At most w numbers; what is missing is zero.
    pub values: &'a [i64],
    /// Of the commitment before.
    pub before: Scalar,
    /// Of the commitment after; fresh, or the difference of the two would show the row.
    pub after: Scalar,
}

impl RemovalStatement {
    /// The length of every proof.
    ///
    /// # Errors
    /// [`StatementError::Shape`].
    pub fn proof_bytes(&self) -> Result<usize, StatementError> {
        Ok(proof_bytes(&self.system()?)?)
    }

    /// Prove it.
    ///
    /// # Errors
    /// [`StatementError::Shape`]; commitments that are not of these rows give a proof that does not hold.
    pub fn prove(
        &self,
        points: RemovalPoints<'_>,
        witness: &RemovalWitness<'_>,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<Vec<u8>, StatementError> {
        let (system, numbers) = (self.system()?, self.witness(witness)?);
        let inputs = [points.before, points.after];
        Ok(prove(
            &system,
            self.transcript(),
            &inputs,
            &numbers,
            entropy,
        )?)
    }

    /// Check a proof up to the last multiplication.
    ///
    /// # Errors
    /// [`StatementError::Proof`].
    pub fn reduce(
        &self,
        points: RemovalPoints<'_>,
        proof: &[u8],
    ) -> Result<Equation, StatementError> {
        let inputs = [points.before, points.after];
        Ok(reduce(&self.system()?, self.transcript(), &inputs, proof)?)
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let mut transcript = begin("cotrain/statement/removal/1", &self.context);
        absorb(&mut transcript, b"width", self.width);
        absorb(&mut transcript, b"columns", self.padded);
        absorb(&mut transcript, b"row", self.row);
        transcript
    }

    /// One place for each entry: outside the row both are equal, in the row the second one is zero.
    pub(crate) fn system(&self) -> Result<System, StatementError> {
        self.check()?;
        let shape = MatrixShape {
            entries: self.width,
            width: self.width,
        };
        let mut domain = Domain {
            column_variables: self.width.trailing_zeros() as usize,
            ..Domain::default()
        };
        let before = domain.push(Column::Full(Matrix::Input(0)));
        let after = domain.push(Column::Full(Matrix::Input(1)));
        let kept = domain.push(Column::ByColumn(self.kept()));
        domain.constraints.push(Constraint {
            weight: Weight::Point,
            expression: Expression::Column(after)
                - Expression::Column(kept) * Expression::Column(before),
        });
        Ok(System {
            inputs: vec![shape; 2],
            domains: vec![domain],
            ..System::default()
        })
    }

    pub(crate) fn witness(&self, secret: &RemovalWitness<'_>) -> Result<Witness, StatementError> {
        require(secret.values.len() <= self.width, "the number of values")?;
        let mut before = secret.values.to_vec();
        before.resize(self.width, 0);
        let row = self.row * self.padded..(self.row + 1) * self.padded;
        let after = before.iter().enumerate();
        let after = after.map(|(place, &value)| if row.contains(&place) { 0 } else { value });
        Ok(Witness {
            inputs: vec![
                open(before.clone(), &secret.before),
                open(after.collect(), &secret.after),
            ],
            witnesses: Vec::new(),
            lookups: vec![Vec::new()],
        })
    }

    /// 0 in the row, 1 elsewhere.
    fn kept(&self) -> Vec<Field> {
        (0..self.width)
            .map(|place| Field::from(u64::from(place / self.padded != self.row)))
            .collect()
    }

    fn check(&self) -> Result<(), StatementError> {
        let powers = self.width.is_power_of_two() && self.padded.is_power_of_two();
        let sizes = self.width <= MAX_WIDTH && (1..=self.width).contains(&self.padded);
        require(powers && sizes, "the entries of a commitment")?;
        require(self.row < self.width / self.padded, "the row")
    }
}

fn open(values: Vec<i64>, blinding: &Scalar) -> Opening {
    Opening {
        values: Values::Small(values),
        blindings: vec![from_scalar(blinding)],
    }
}
