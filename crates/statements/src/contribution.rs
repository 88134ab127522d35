//! S8: a score is the rounded inner product of committed updates with public gradients, plus noise of one committed word
//! (docs/spec/statements.md, "S8 contribution"; docs/proofs/contribution.md).

use cotrain_argument::field::{from_scalar, power_of_two};
use cotrain_argument::{
    Column, Constraint, Domain, Equation, Expression, Field, Functional, Matrix, MatrixShape,
    Opening, System, Values, Weight, Witness, proof_bytes, prove, reduce,
};
use cotrain_commitment::Blindings;
use cotrain_noise::Seed;
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::Scalar;
use sha2::{Digest, Sha256};

use crate::error::{StatementError, require};
use crate::gradient::UPDATE_WIDTH;
use crate::ranges::{Chunks, largest_chunk};
use crate::segment::{absorb, begin, unit};
use crate::table::{TableBuilder, Tag};
use crate::update::NoiseTerms;

/// Bits of a word.
const WORD_BITS: u32 = 64;
/// A committed word is the word minus 2^63.
const WORD_OFFSET: u64 = 1 << 63;
/// The most entries of all rounds together: with entries of 32 and of 64 bits a score stays below 2^121.
const MAX_PRODUCTS: usize = 1 << 26;
const MAX_ROUNDS: usize = 1 << 12;

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionStatement {
    /// Names run and owner.
    pub context: Vec<u8>,
    /// The rounds whose updates count, R.
    pub rounds: usize,
    /// K d.
    pub entries: usize,
    /// Validation gradients, round after round: R K d numbers.
    pub gradients: Vec<i32>,
    /// Bits that rounding removes from the score.
    pub shift: u32,
    /// None when the score is released without noise.
    pub noise: Option<NoiseTerms>,
    /// What is claimed.
    pub score: i64,
}

/// The secret numbers, and the blindings of their commitments.
#[derive(Debug)]
pub struct ContributionWitness<'a> {
    /// The update of each round.
    pub updates: &'a [Vec<i64>],
    /// Blindings of each update.
    pub update_blindings: &'a [Blindings],
    /// The words under the first commitment of a list: at most 1,024; without noise none.
    pub words: &'a [u64],
    /// Their blinding; without noise none.
    pub word_blindings: &'a [Scalar],
}

/// The public commitments.
#[derive(Debug, Clone, Copy)]
pub struct ContributionPoints<'a> {
    /// `C_U` of each round.
    pub updates: &'a [Vec<u8>],
    /// The first point of the commitment to the words; without noise no bytes.
    pub words: &'a [u8],
}

/// `<v, U>` over all rounds, as an integer.
#[must_use]
pub fn inner_product(gradients: &[i32], updates: &[Vec<i64>]) -> i128 {
    let pairs = gradients.iter().zip(updates.iter().flatten());
    pairs.map(|(&v, &u)| i128::from(v) * i128::from(u)).sum()
}

/// The system, and where its parts stand.
pub(crate) struct Plan {
    pub(crate) system: System,
    table: TableBuilder,
    remainder: Chunks,
    above: Chunks,
    below: Chunks,
    /// The row of the table of the least noise.
    noise_start: u32,
}

/// What a word and the coin draw.
struct Draw {
    noise: i64,
    carry: bool,
    above: u64,
    below: u64,
    row: u32,
}

impl ContributionStatement {
    /// The length of every proof.
    ///
    /// # Errors
    /// [`StatementError::Shape`].
    pub fn proof_bytes(&self) -> Result<usize, StatementError> {
        Ok(proof_bytes(&self.plan()?.system)?)
    }

    /// Prove it.
    ///
    /// # Errors
    /// [`StatementError::Witness`] when the score is not what updates and word make it.
    pub fn prove(
        &self,
        points: ContributionPoints<'_>,
        witness: &ContributionWitness<'_>,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<Vec<u8>, StatementError> {
        let plan = self.plan()?;
        let numbers = self.witness(&plan, witness)?;
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
        points: ContributionPoints<'_>,
        proof: &[u8],
    ) -> Result<Equation, StatementError> {
        Ok(reduce(
            &self.plan()?.system,
            self.transcript(),
            &self.inputs(points),
            proof,
        )?)
    }

    fn inputs<'a>(&self, points: ContributionPoints<'a>) -> Vec<&'a [u8]> {
        let updates = points.updates.iter().map(Vec::as_slice);
        updates
            .chain(self.noise.is_some().then_some(points.words))
            .collect()
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let mut transcript = begin("cotrain/statement/contribution/1", &self.context);
        absorb(&mut transcript, b"rounds", self.rounds);
        absorb(&mut transcript, b"entries", self.entries);
        let mut hash = Sha256::new();
        for value in &self.gradients {
            hash.update(value.to_le_bytes());
        }
        transcript.absorb(b"gradients", &hash.finalize());
        transcript.absorb_number(b"shift", u64::from(self.shift));
        let noise = self.noise.as_ref();
        transcript.absorb(b"noise-table", noise.map_or(&[], |noise| &noise.table_name));
        transcript.absorb(b"coins", noise.map_or(&[], |noise| &noise.coins));
        transcript.absorb_number(b"score", self.score.cast_unsigned());
        transcript
    }

    /// The first coin; 0 without noise.
    pub(crate) fn coin(&self) -> Result<u64, StatementError> {
        let wrong = |_| StatementError::Shape("the coins");
        let Some(noise) = &self.noise else {
            return Ok(0);
        };
        let seed = Seed::from_bytes(&noise.coins).map_err(wrong)?;
        let coins = cotrain_noise::words(&seed, 1).map_err(wrong)?;
        coins
            .first()
            .copied()
            .ok_or(StatementError::Shape("the coins"))
    }

    fn check(&self) -> Result<(), StatementError> {
        let rounds = (1..=MAX_ROUNDS).contains(&self.rounds);
        require(rounds, "the number of rounds")?;
        let entries = (1..=1 << 20).contains(&self.entries);
        require(entries, "the number of entries")?;
        let products = self.rounds * self.entries;
        require(products <= MAX_PRODUCTS, "the entries of all rounds")?;
        require(
            self.gradients.len() == products,
            "the number of validation gradients",
        )?;
        require(self.shift <= 48, "the shift")?;
        if let Some(noise) = &self.noise {
            cotrain_noise::Table::new(&noise.thresholds)
                .map_err(|_| StatementError::Shape("the noise table"))?;
        }
        Ok(())
    }

    /// Entries under the first commitment of a list of words, padded.
    fn word_row(&self) -> usize {
        self.entries.next_power_of_two().min(UPDATE_WIDTH)
    }

    pub(crate) fn plan(&self) -> Result<Plan, StatementError> {
        self.check()?;
        let most = largest_chunk(0);
        let remainder = Chunks::new(self.shift, most, 0);
        let none = Chunks::new(0, most, 0);
        let mut plan = Plan {
            system: self.matrices(remainder.sizes.len()),
            table: TableBuilder::new(4),
            remainder,
            above: none.clone(),
            below: none,
            noise_start: 0,
        };
        let sum = self.sum(&plan.remainder);
        plan.system.domains.push(sum);
        if self.shift > 0 || self.noise.is_some() {
            let draw = self.draw(&mut plan)?;
            plan.system.domains.push(draw);
        }
        plan.system.table = plan.table.finish();
        Ok(plan)
    }

    /// Inputs: the updates, then words. Witnesses: remainder, then noise, carry and two distances of a word.
    fn matrices(&self, remainders: usize) -> System {
        let update = MatrixShape {
            entries: self.entries,
            width: UPDATE_WIDTH,
        };
        let words = MatrixShape {
            entries: self.word_row(),
            width: UPDATE_WIDTH,
        };
        let mut inputs = vec![update; self.rounds];
        let mut witnesses = remainders;
        if self.noise.is_some() {
            inputs.push(words);
            witnesses += 2 + 2 * Chunks::new(WORD_BITS, largest_chunk(0), 0).sizes.len();
        }
        System {
            inputs,
            witnesses: vec![1; witnesses],
            ..System::default()
        }
    }

    /// The sum over rounds and entries is `2^shift (score - noise) + remainder - 2^(shift-1)`.
    fn sum(&self, remainder: &Chunks) -> Domain {
        let variables = self.entries.next_power_of_two().trailing_zeros() as usize;
        let mut domain = Domain {
            column_variables: variables,
            ..Domain::default()
        };
        for round in 0..self.rounds {
            domain.push(Column::Full(Matrix::Input(round)));
        }
        for gradient in self.gradients.chunks(self.entries) {
            let values = gradient.iter().map(|&value| Field::from(value));
            domain.push(Column::ByColumn(values.collect()));
        }
        let rests = Chunks::new(self.shift, largest_chunk(0), domain.columns.len());
        for chunk in 0..remainder.sizes.len() {
            domain.push(Column::Row(Matrix::Witness(chunk)));
        }
        let mut rounded = Expression::number(i128::from(self.score));
        if self.noise.is_some() {
            let noise = domain.push(Column::Row(Matrix::Witness(remainder.sizes.len())));
            rounded = rounded - Expression::Column(noise);
        }
        let mut whole = rounded.scale(power_of_two(self.shift));
        if self.shift > 0 {
            whole = whole + rests.value() - Expression::Constant(power_of_two(self.shift - 1));
        }
        let first = domain.push(Column::ByColumn(unit(0)));
        let products = (0..self.rounds).map(|round| {
            let product = Expression::Column(self.rounds + round) * Expression::Column(round);
            (Field::from(1_u64), product)
        });
        let claimed = (-Field::from(1_u64), Expression::Column(first) * whole);
        domain.constraints.push(Constraint {
            weight: Weight::Row,
            expression: Expression::combine(products.chain([claimed])),
        });
        domain
    }

    /// One place, in which noise is drawn and the remainder is a number of `shift` bits.
    fn draw(&self, plan: &mut Plan) -> Result<Domain, StatementError> {
        let mut domain = Domain::default();
        let mut sizes = plan.remainder.sizes.clone();
        for witness in 0..plan.system.witnesses.len() {
            domain.push(Column::Full(Matrix::Witness(witness)));
        }
        if let Some(noise) = &self.noise {
            let first = plan.remainder.sizes.len();
            let word = domain.push(Column::Product {
                matrix: Matrix::Input(self.rounds),
                row: self.word_row(),
                functional: Functional::Same(unit(0)),
            });
            let (value, carry) = (first, first + 1);
            plan.above = Chunks::new(WORD_BITS, largest_chunk(0), first + 2);
            let next = first + 2 + plan.above.sizes.len();
            plan.below = Chunks::new(WORD_BITS, largest_chunk(0), next);
            sizes.extend(plan.above.sizes.iter().chain(&plan.below.sizes));
            let carry = || Expression::Column(carry);
            let known = power_of_two(WORD_BITS - 1) + Field::from(self.coin()?);
            let drawn = Expression::Column(word) + Expression::Constant(known)
                - carry().scale(power_of_two(WORD_BITS));
            domain.constraints.push(Constraint {
                weight: Weight::Point,
                expression: carry() * (carry() - Expression::number(1)),
            });
            domain.lookups.push(vec![
                Tag::Noise.expression(),
                Expression::Column(value),
                drawn.clone() - plan.above.value(),
                drawn + plan.below.value() + Expression::number(1),
            ]);
            plan.noise_start = plan.table.add_noise(&noise.thresholds);
        }
        plan.table.add_ranges(sizes.into_iter());
        for chunks in [&plan.remainder, &plan.above, &plan.below] {
            domain.lookups.extend(chunks.lookups(4));
        }
        Ok(domain)
    }

    fn check_lengths(&self, secret: &ContributionWitness<'_>) -> Result<(), StatementError> {
        let words = if self.noise.is_some() {
            self.entries.min(UPDATE_WIDTH)
        } else {
            0
        };
        let whole = secret.updates.iter().all(|list| list.len() == self.entries);
        require(
            whole && secret.updates.len() == self.rounds && secret.words.len() == words,
            "the number of values",
        )?;
        require(
            secret.update_blindings.len() == self.rounds,
            "the number of blindings",
        )
    }

    /// The remainder of the sum, when the score minus the noise is what rounding leaves of it.
    fn remainder(&self, sum: i128, noise: i64) -> Result<u64, StatementError> {
        let half = (1_i128 << self.shift) >> 1;
        let rounded = i128::from(self.score) - i128::from(noise);
        let rest = sum + half - (rounded << self.shift);
        if (0..1_i128 << self.shift).contains(&rest) {
            return Ok(u64::try_from(rest).unwrap_or(0));
        }
        Err(StatementError::Witness {
            place: 0,
            column: None,
            what: "the score is not what updates, gradients and noise make it",
        })
    }

    pub(crate) fn witness(
        &self,
        plan: &Plan,
        secret: &ContributionWitness<'_>,
    ) -> Result<Witness, StatementError> {
        self.check_lengths(secret)?;
        let drawn = match (&self.noise, secret.words.first()) {
            (Some(terms), Some(&word)) => draw(terms, word, self.coin()?),
            _ => None,
        };
        let noise = drawn.as_ref().map_or(0, |drawn| drawn.noise);
        let sum = inner_product(&self.gradients, secret.updates);
        let rest = self.remainder(sum, noise)?;
        let (witnesses, lookups) = plan.draw_values(rest, drawn.as_ref());
        let mut inputs: Vec<Opening> = secret
            .updates
            .iter()
            .zip(secret.update_blindings)
            .map(|(update, blindings)| open(update.clone(), blindings))
            .collect();
        if self.noise.is_some() {
            let words = secret.words.iter();
            let mut words: Vec<i64> = words
                .map(|word| (word ^ WORD_OFFSET).cast_signed())
                .collect();
            words.resize(self.word_row(), 0);
            inputs.push(open(words, secret.word_blindings));
        }
        let mut lists = vec![Vec::new()];
        if plan.system.domains.len() > 1 {
            lists.push(lookups);
        }
        Ok(Witness {
            inputs,
            witnesses,
            lookups: lists,
        })
    }
}

fn open(values: Vec<i64>, blindings: &[Scalar]) -> Opening {
    Opening {
        values: Values::Small(values),
        blindings: blindings.iter().map(from_scalar).collect(),
    }
}

fn draw(terms: &NoiseTerms, word: u64, coin: u64) -> Option<Draw> {
    let (drawn, carry) = word.overflowing_add(coin);
    let above = |threshold: &u64| *threshold <= drawn;
    let row = terms.thresholds.partition_point(above).checked_sub(1)?;
    let radius = i64::try_from(terms.thresholds.len() / 2).ok()?;
    let next = terms.thresholds.get(row + 1);
    Some(Draw {
        noise: i64::try_from(row).ok()? - radius,
        carry,
        above: drawn - terms.thresholds.get(row)?,
        below: next.map_or(u64::MAX, |end| end - 1) - drawn,
        row: u32::try_from(row).ok()?,
    })
}

impl Plan {
    /// The witness matrices, of one entry each, and the rows of the table that the one place uses.
    fn draw_values(&self, rest: u64, drawn: Option<&Draw>) -> (Vec<Values>, Vec<Vec<u32>>) {
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        let (mut tail, mut ranges) = (Vec::new(), Vec::new());
        for (values, row) in self.remainder.witness(&[rest], &self.table) {
            columns.push(values);
            ranges.push(row);
        }
        if let Some(drawn) = drawn {
            columns.push(Values::Small(vec![drawn.noise]));
            columns.push(Values::Small(vec![i64::from(drawn.carry)]));
            for (chunks, value) in [(&self.above, drawn.above), (&self.below, drawn.below)] {
                tail.extend(chunks.witness(&[value], &self.table));
            }
            rows.push(vec![self.noise_start + drawn.row]);
        }
        for (values, row) in tail {
            columns.push(values);
            ranges.push(row);
        }
        rows.extend(ranges);
        (columns, rows)
    }
}
