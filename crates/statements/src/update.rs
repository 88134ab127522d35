//! S3 and S4: `C_U` opens to the rounded gradient plus noise drawn by words committed before the coins were known
//! (docs/spec/statements.md, "S3 and S4 update"; docs/proofs/update.md).

use cotrain_argument::field::{from_scalar, power_of_two};
use cotrain_argument::{
    Column, Constraint, Domain, Equation, Expression, Field, Matrix, MatrixShape, Opening, System,
    Values, Weight, Witness, proof_bytes, prove, reduce,
};
use cotrain_noise::Seed;
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::Scalar;

use crate::error::{StatementError, require};
use crate::gradient::UPDATE_WIDTH;
use crate::ranges::{Chunks, largest_chunk};
use crate::segment::{absorb, begin};
use crate::table::{TableBuilder, Tag};

/// Bits of a word.
const WORD_BITS: u32 = 64;
/// A committed word is the word minus 2^63.
const WORD_OFFSET: u64 = 1 << 63;

/// Noise: its table and the coins of the round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoiseTerms {
    /// Thresholds `t_-K = 0 .. t_K` (docs/spec/noise.md).
    pub thresholds: Vec<u64>,
    /// SHA-256 that names the table.
    pub table_name: [u8; 32],
    /// What the coins are drawn from.
    pub coins: [u8; 32],
}

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStatement {
    /// Names run, round and party.
    pub context: Vec<u8>,
    /// K d.
    pub entries: usize,
    /// Bits that rounding removes.
    pub shift: u32,
    /// B: rounded gradients lie in [-2^(B-1), 2^(B-1)).
    pub bound_bits: u32,
    /// None when the agreement asks for no noise.
    pub noise: Option<NoiseTerms>,
}

/// The secret numbers, and the blindings of their commitments.
#[derive(Debug)]
pub struct UpdateWitness<'a> {
    /// The sum of the gradients of all segments.
    pub gradient: &'a [i64],
    /// Blindings of its commitment.
    pub gradient_blindings: &'a [Scalar],
    /// What `C_U` commits to.
    pub update: &'a [i64],
    /// Blindings of `C_U`.
    pub update_blindings: &'a [Scalar],
    /// The words, without noise none.
    pub words: &'a [u64],
    /// Blindings of their commitment.
    pub word_blindings: &'a [Scalar],
}

/// The public commitments.
#[derive(Debug, Clone, Copy)]
pub struct UpdatePoints<'a> {
    /// To the gradient.
    pub gradient: &'a [u8],
    /// `C_U`.
    pub update: &'a [u8],
    /// To the words; without noise no bytes.
    pub words: &'a [u8],
}

/// Columns and chunks.
pub(crate) struct Plan {
    pub(crate) system: System,
    table: TableBuilder,
    remainder: Chunks,
    rounded: Chunks,
    above: Chunks,
    below: Chunks,
    /// The row of the table of the noise 0 minus its radius.
    noise_start: u32,
}

impl UpdateStatement {
    /// The length of every proof.
    ///
    /// # Errors
    /// [`StatementError::Shape`].
    pub fn proof_bytes(&self) -> Result<usize, StatementError> {
        Ok(proof_bytes(&self.plan(&[])?.system)?)
    }

    /// Prove it.
    ///
    /// # Errors
    /// [`StatementError::Witness`] names the first entry of the update that is not the rounded gradient plus the drawn noise.
    pub fn prove(
        &self,
        points: UpdatePoints<'_>,
        witness: &UpdateWitness<'_>,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<Vec<u8>, StatementError> {
        let coins = self.coins()?;
        let plan = self.plan(&coins)?;
        let numbers = self.witness(&plan, witness, &coins)?;
        Ok(prove(
            &plan.system,
            self.transcript(),
            &self.inputs(points),
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
        points: UpdatePoints<'_>,
        proof: &[u8],
    ) -> Result<Equation, StatementError> {
        let coins = self.coins()?;
        Ok(reduce(
            &self.plan(&coins)?.system,
            self.transcript(),
            &self.inputs(points),
            proof,
        )?)
    }

    fn inputs<'a>(&self, points: UpdatePoints<'a>) -> Vec<&'a [u8]> {
        let mut inputs = vec![points.gradient, points.update];
        inputs.extend(self.noise.is_some().then_some(points.words));
        inputs
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let mut transcript = begin("cotrain/statement/update/1", &self.context);
        absorb(&mut transcript, b"entries", self.entries);
        transcript.absorb_number(b"shift", u64::from(self.shift));
        transcript.absorb_number(b"bound-bits", u64::from(self.bound_bits));
        let noise = self.noise.as_ref();
        transcript.absorb(b"noise-table", noise.map_or(&[], |noise| &noise.table_name));
        transcript.absorb(b"coins", noise.map_or(&[], |noise| &noise.coins));
        transcript
    }

    pub(crate) fn coins(&self) -> Result<Vec<u64>, StatementError> {
        self.check()?;
        let Some(noise) = &self.noise else {
            return Ok(Vec::new());
        };
        let wrong = |_| StatementError::Shape("the coins");
        let seed = Seed::from_bytes(&noise.coins).map_err(wrong)?;
        cotrain_noise::words(&seed, self.entries).map_err(wrong)
    }

    fn check(&self) -> Result<(), StatementError> {
        require(
            (1..=1 << 20).contains(&self.entries),
            "the number of entries",
        )?;
        require(
            self.shift <= 48 && (1..=63).contains(&self.bound_bits),
            "the shift or the bound",
        )?;
        if let Some(noise) = &self.noise {
            cotrain_noise::Table::new(&noise.thresholds)
                .map_err(|_| StatementError::Shape("the noise table"))?;
        }
        Ok(())
    }

    /// The system; for its shape alone, coins may be left out.
    pub(crate) fn plan(&self, coins: &[u64]) -> Result<Plan, StatementError> {
        self.check()?;
        let mut builder = Builder::new(self);
        let update = || Expression::Column(1);
        let rounded = builder.round(self);
        if let Some(noise) = &self.noise {
            builder.draw(noise, coins, update() - rounded);
        } else {
            builder.zero(update() - rounded);
        }
        builder.close_padding(self.entries);
        Ok(builder.finish(self))
    }

    pub(crate) fn witness(
        &self,
        plan: &Plan,
        secret: &UpdateWitness<'_>,
        coins: &[u64],
    ) -> Result<Witness, StatementError> {
        let words = if self.noise.is_some() {
            self.entries
        } else {
            0
        };
        let lengths = [secret.gradient.len(), secret.update.len()];
        require(
            lengths == [self.entries; 2] && secret.words.len() == words,
            "the number of values",
        )?;
        let mut lists = Lists::default();
        for place in 0..1 << padded_variables(self.entries) {
            let get = |list: &[i64]| list.get(place).copied().unwrap_or(0);
            let gradient = get(secret.gradient);
            let noise = self.add_rounding(&mut lists, place, gradient, get(secret.update))?;
            if let Some(terms) = &self.noise {
                let word = secret.words.get(place).copied().unwrap_or(WORD_OFFSET);
                let coin = coins.get(place).copied().unwrap_or(0);
                lists
                    .draw(terms, word, coin, noise)
                    .ok_or(StatementError::Witness {
                        place,
                        column: None,
                        what: "the noise is not what word and coin draw",
                    })?;
            } else if noise != 0 {
                return Err(no_noise(place));
            }
        }
        Ok(plan.witness(secret, lists, self.noise.is_some()))
    }

    /// Note the rounding of an entry, and return update minus rounded gradient.
    fn add_rounding(
        &self,
        lists: &mut Lists,
        place: usize,
        gradient: i64,
        update: i64,
    ) -> Result<i64, StatementError> {
        let wide = |what| StatementError::Witness {
            place,
            column: None,
            what,
        };
        let half = (1_i64 << self.shift) >> 1;
        let shifted = gradient
            .checked_add(half)
            .ok_or(wide("the gradient exceeds 64 bits"))?;
        let rounded = shifted >> self.shift;
        let bound = 1_i64 << (self.bound_bits - 1);
        if !(-bound..bound).contains(&rounded) {
            return Err(wide("the rounded gradient exceeds the agreed bound"));
        }
        lists
            .remainder
            .push((shifted - (rounded << self.shift)).unsigned_abs());
        lists.rounded.push((rounded + bound).unsigned_abs());
        update
            .checked_sub(rounded)
            .ok_or(wide("the update exceeds 64 bits"))
    }
}

fn no_noise(place: usize) -> StatementError {
    StatementError::Witness {
        place,
        column: None,
        what: "the update is not the rounded gradient",
    }
}

fn padded_variables(entries: usize) -> usize {
    entries.next_power_of_two().trailing_zeros() as usize
}

/// The domain being put together.
struct Builder {
    domain: Domain,
    table: TableBuilder,
    most: u32,
    witnesses: usize,
    remainder: Chunks,
    rounded: Chunks,
    above: Chunks,
    below: Chunks,
    noise_start: u32,
}

impl Builder {
    fn new(statement: &UpdateStatement) -> Self {
        let variables = padded_variables(statement.entries);
        let mut domain = Domain {
            row_variables: variables,
            ..Domain::default()
        };
        for input in 0..2 + usize::from(statement.noise.is_some()) {
            domain.push(Column::Full(Matrix::Input(input)));
        }
        let none = Chunks::new(0, 8, 0);
        Self {
            domain,
            table: TableBuilder::new(4),
            most: largest_chunk(variables),
            witnesses: 0,
            remainder: none.clone(),
            rounded: none.clone(),
            above: none.clone(),
            below: none,
            noise_start: 0,
        }
    }

    fn push_witness(&mut self) -> usize {
        self.witnesses += 1;
        self.domain
            .push(Column::Full(Matrix::Witness(self.witnesses - 1)))
    }

    fn push_chunks(&mut self, bits: u32) -> Chunks {
        let chunks = Chunks::new(bits, self.most, self.domain.columns.len());
        for _ in &chunks.sizes {
            self.push_witness();
        }
        chunks
    }

    fn zero(&mut self, expression: Expression) {
        self.domain.constraints.push(Constraint {
            weight: Weight::Point,
            expression,
        });
    }

    /// Return the rounded gradient; its constraint is declared in `finish`, after `beyond`.
    fn round(&mut self, statement: &UpdateStatement) -> Expression {
        if statement.shift == 0 {
            return Expression::Column(0);
        }
        self.remainder = self.push_chunks(statement.shift);
        self.rounded = self.push_chunks(statement.bound_bits);
        let rounded =
            self.rounded.value() - Expression::Constant(power_of_two(statement.bound_bits - 1));
        let whole = rounded.clone().scale(power_of_two(statement.shift));
        let half = Expression::Constant(power_of_two(statement.shift - 1));
        let expression = whole + self.remainder.value() - half - Expression::Column(0);
        self.zero(expression);
        rounded
    }

    fn draw(&mut self, noise: &NoiseTerms, coins: &[u64], value: Expression) {
        let carry = self.push_witness();
        self.above = self.push_chunks(WORD_BITS);
        self.below = self.push_chunks(WORD_BITS);
        let coins = self.domain.push(Column::ByRow(
            coins.iter().map(|&coin| Field::from(coin)).collect(),
        ));
        let carry = || Expression::Column(carry);
        let drawn = Expression::Column(2)
            + Expression::Constant(power_of_two(WORD_BITS - 1))
            + Expression::Column(coins)
            - carry().scale(power_of_two(WORD_BITS));
        self.zero(carry() * (carry() - Expression::number(1)));
        let low = drawn.clone() - self.above.value();
        let high = drawn + self.below.value() + Expression::number(1);
        self.domain
            .lookups
            .push(vec![Tag::Noise.expression(), value, low, high]);
        self.noise_start = self.table.add_noise(&noise.thresholds);
    }

    /// The update is zero beyond its entries.
    fn close_padding(&mut self, entries: usize) {
        let places = 1_usize << self.domain.row_variables;
        let beyond = (0..places)
            .map(|place| Field::from(u64::from(place >= entries)))
            .collect();
        let beyond = self.domain.push(Column::ByRow(beyond));
        let expression = Expression::Column(beyond) * Expression::Column(1);
        self.domain.constraints.insert(
            0,
            Constraint {
                weight: Weight::Point,
                expression,
            },
        );
    }

    fn finish(mut self, statement: &UpdateStatement) -> Plan {
        let all = [&self.remainder, &self.rounded, &self.above, &self.below];
        let sizes: Vec<u32> = all
            .iter()
            .flat_map(|chunks| chunks.sizes.iter().copied())
            .collect();
        let ranges: Vec<_> = all.iter().flat_map(|chunks| chunks.lookups(4)).collect();
        self.table.add_ranges(sizes.into_iter());
        self.domain.lookups.extend(ranges);
        let inputs = 2 + usize::from(statement.noise.is_some());
        let shape = MatrixShape {
            entries: statement.entries,
            width: UPDATE_WIDTH,
        };
        let system = System {
            inputs: vec![shape; inputs],
            witnesses: vec![1 << self.domain.row_variables; self.witnesses],
            table: self.table.finish(),
            domains: vec![self.domain],
        };
        Plan {
            system,
            table: self.table,
            remainder: self.remainder,
            rounded: self.rounded,
            above: self.above,
            below: self.below,
            noise_start: self.noise_start,
        }
    }
}

/// What the chunk columns hold, place by place.
#[derive(Default)]
struct Lists {
    remainder: Vec<u64>,
    rounded: Vec<u64>,
    carry: Vec<i64>,
    above: Vec<u64>,
    below: Vec<u64>,
    rows: Vec<u32>,
}

impl Lists {
    /// Note what a word and a coin draw; None when it is not `noise`.
    fn draw(&mut self, terms: &NoiseTerms, word: u64, coin: u64, noise: i64) -> Option<()> {
        let (drawn, carry) = word.overflowing_add(coin);
        let row = terms
            .thresholds
            .partition_point(|&threshold| threshold <= drawn)
            .checked_sub(1)?;
        let radius = i64::try_from(terms.thresholds.len() / 2).ok()?;
        if i64::try_from(row).ok()? - radius != noise {
            return None;
        }
        let start = terms.thresholds.get(row)?;
        let last = terms
            .thresholds
            .get(row + 1)
            .map_or(u64::MAX, |end| end - 1);
        self.carry.push(i64::from(carry));
        self.above.push(drawn - start);
        self.below.push(last - drawn);
        self.rows.push(u32::try_from(row).ok()?);
        Some(())
    }
}

impl Plan {
    fn witness(&self, secret: &UpdateWitness<'_>, lists: Lists, noise: bool) -> Witness {
        let (mut witnesses, mut ranges) = (Vec::new(), Vec::new());
        let mut add = |chunks: &Chunks, values: &[u64]| -> Vec<Values> {
            let (columns, rows): (Vec<_>, Vec<_>) =
                chunks.witness(values, &self.table).into_iter().unzip();
            ranges.extend(rows);
            columns
        };
        witnesses.extend(add(&self.remainder, &lists.remainder));
        witnesses.extend(add(&self.rounded, &lists.rounded));
        let mut lookups: Vec<Vec<u32>> = Vec::new();
        if noise {
            witnesses.push(Values::Small(lists.carry));
            witnesses.extend(add(&self.above, &lists.above));
            witnesses.extend(add(&self.below, &lists.below));
            lookups.push(
                lists
                    .rows
                    .iter()
                    .map(|row| self.noise_start + row)
                    .collect(),
            );
        }
        lookups.extend(ranges);
        let open = |values: Vec<i64>, blindings: &[Scalar]| Opening {
            values: Values::Small(values),
            blindings: blindings.iter().map(from_scalar).collect(),
        };
        let mut inputs = vec![
            open(secret.gradient.to_vec(), secret.gradient_blindings),
            open(secret.update.to_vec(), secret.update_blindings),
        ];
        if noise {
            let words = secret
                .words
                .iter()
                .map(|word| (word ^ WORD_OFFSET).cast_signed());
            inputs.push(open(words.collect(), secret.word_blindings));
        }
        Witness {
            inputs,
            witnesses,
            lookups: vec![lookups],
        }
    }
}
