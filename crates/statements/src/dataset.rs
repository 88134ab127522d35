//! S1: the committed rows satisfy the schema (docs/spec/statements.md, "S1 dataset"; docs/proofs/dataset.md).

use cotrain_argument::field::from_scalar;
use cotrain_argument::{
    Column, Constraint, Domain, Equation, Expression, Field, Functional, Matrix, Opening, System,
    Values, Weight, Witness, proof_bytes, prove, reduce,
};
use cotrain_transcript::{ENTROPY_BYTES, Transcript};
use curve25519_dalek::Scalar;

use crate::error::{StatementError, require};
use crate::ranges::{Chunks, largest_chunk};
use crate::segment::{BLOCK_ROWS, Segment, absorb, begin, unit};
use crate::table::{TableBuilder, Tag};

/// Entries of a segment, padding included, that one proof is about.
const SEGMENT_ENTRIES: usize = 1 << 20;
/// Columns of the table that share a place.
const SUB_COLUMNS: usize = 4;

/// What a feature column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// Any number in [-C, C].
    Numeric = 0,
    /// The bias times -1, 0 or 1.
    Flag = 1,
    /// The bias times 0 or 1: an indicator, or one column of a category.
    OneOf = 2,
}

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetStatement {
    /// Names run and party.
    pub context: Vec<u8>,
    /// The rows in question.
    pub segment: Segment,
    /// log2 of the row bound C.
    pub row_bits: u32,
    /// S, the largest bias.
    pub feature_scale: i64,
    /// The least and the largest label.
    pub labels: (i64, i64),
    /// One for each feature but the bias.
    pub kinds: Vec<FeatureKind>,
    /// One for each feature but the bias: 0, or the number of its category column, from 1 in order.
    pub groups: Vec<usize>,
}

/// Rows of the table where a kind of entry begins.
struct Starts {
    feature: u32,
    label: u32,
    zero: u32,
    bias: u32,
}

/// How the domains are laid out.
pub(crate) struct Plan {
    pub(crate) system: System,
    table: TableBuilder,
    starts: Starts,
    slack: Chunks,
    sub: usize,
}

impl DatasetStatement {
    /// Rows of one segment of a dataset of so many columns.
    #[must_use]
    pub fn segment_rows(columns: usize) -> usize {
        let segment = Segment {
            rows: 1,
            columns,
            first: 0,
            count: 1,
        };
        (SEGMENT_ENTRIES / segment.padded())
            .min(BLOCK_ROWS)
            .max(segment.rows_per_commitment())
    }

    /// The length of every proof.
    ///
    /// # Errors
    /// [`StatementError::Shape`].
    pub fn proof_bytes(&self) -> Result<usize, StatementError> {
        Ok(proof_bytes(&self.plan()?.system)?)
    }

    /// Prove it.
    ///
    /// # Arguments
    /// * `rows`: the rows of the segment, `columns` numbers each.
    /// * `points`, `blindings`: of the segment's commitments.
    ///
    /// # Errors
    /// [`StatementError::Witness`] names the first row that does not satisfy the statement.
    pub fn prove(
        &self,
        rows: &[i16],
        points: &[u8],
        blindings: &[Scalar],
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<Vec<u8>, StatementError> {
        let plan = self.plan()?;
        self.check_rows(rows)?;
        let witness = self.witness(&plan, rows, blindings)?;
        Ok(prove(
            &plan.system,
            self.transcript(),
            &[points],
            &witness,
            entropy,
        )?)
    }

    /// Check a proof up to the last multiplication.
    ///
    /// # Errors
    /// [`StatementError::Proof`].
    pub fn reduce(&self, points: &[u8], proof: &[u8]) -> Result<Equation, StatementError> {
        Ok(reduce(
            &self.plan()?.system,
            self.transcript(),
            &[points],
            proof,
        )?)
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let mut transcript = begin("cotrain/statement/dataset/1", &self.context);
        absorb(&mut transcript, b"rows", self.segment.rows);
        absorb(&mut transcript, b"columns", self.segment.columns);
        absorb(&mut transcript, b"first-row", self.segment.first);
        absorb(&mut transcript, b"segment", self.segment.count);
        transcript.absorb_number(b"row-bits", u64::from(self.row_bits));
        transcript.absorb_number(b"feature-scale", self.feature_scale.cast_unsigned());
        transcript.absorb_number(b"label-low", self.labels.0.cast_unsigned());
        transcript.absorb_number(b"label-high", self.labels.1.cast_unsigned());
        let kinds: Vec<u8> = self.kinds.iter().map(|kind| *kind as u8).collect();
        transcript.absorb(b"kinds", &kinds);
        let groups: Vec<u8> = self
            .groups
            .iter()
            .flat_map(|group| (*group as u64).to_le_bytes())
            .collect();
        transcript.absorb(b"groups", &groups);
        transcript
    }

    fn check(&self) -> Result<(), StatementError> {
        self.segment
            .check(Self::segment_rows(self.segment.columns))?;
        require((1..=14).contains(&self.row_bits), "the row bound")?;
        require(
            (1..=1 << 14).contains(&self.feature_scale),
            "the feature scale",
        )?;
        let (low, high) = self.labels;
        require(
            low <= high && low >= -(1 << 15) && high < 1 << 15,
            "the labels",
        )?;
        let others = self.segment.features() - 1;
        require(
            self.kinds.len() == others && self.groups.len() == others,
            "the kinds of the features",
        )?;
        let mut last = 0;
        for (kind, &group) in self.kinds.iter().zip(&self.groups) {
            require(
                group == 0 || *kind == FeatureKind::OneOf,
                "a group of features that are no category",
            )?;
            require(group <= last + 1, "the numbers of the groups")?;
            last = last.max(group);
        }
        Ok(())
    }

    pub(crate) fn plan(&self) -> Result<Plan, StatementError> {
        self.check()?;
        let rho = self.segment.row_variables();
        let sub = SUB_COLUMNS.min(self.segment.padded());
        let most = largest_chunk(rho);
        let bits = 2 * self.row_bits + 1;
        let mut table = TableBuilder::new(3);
        let bound = 1_i64 << self.row_bits;
        let starts = Starts {
            feature: table.add_interval(Tag::Feature, 0, -bound, bound),
            label: table.add_interval(Tag::Label, 0, self.labels.0, self.labels.1),
            zero: table.add_interval(Tag::Zero, 0, 0, 0),
            bias: table.add_interval(Tag::Bias, 0, 0, self.feature_scale),
        };
        table.add_ranges(Chunks::new(bits, most, 0).sizes.into_iter());
        let (cells, slack) = self.cells(rho, sub, bits, most);
        let mut domains = vec![cells, slack_domain(rho, bits, most)];
        domains.extend(self.groups_domain(rho));
        let system = System {
            inputs: vec![self.segment.shape()],
            witnesses: vec![1 << rho; slack.sizes.len()],
            table: table.finish(),
            domains,
        };
        Ok(Plan {
            system,
            table,
            starts,
            slack,
            sub,
        })
    }

    /// Values by k of what `value` says about column `sub k + b`.
    fn by_column(&self, sub: usize, b: usize, value: impl Fn(usize) -> Field) -> Vec<Field> {
        (0..self.segment.padded() / sub)
            .map(|k| value(sub * k + b))
            .collect()
    }

    fn tag(&self, column: usize) -> Tag {
        let bias = self.segment.features() - 1;
        match column {
            _ if column < bias => Tag::Feature,
            _ if column == bias => Tag::Bias,
            _ if column == bias + 1 => Tag::Label,
            _ => Tag::Zero,
        }
    }

    fn bias(&self) -> Column {
        let functional = Functional::Same(unit(self.segment.features() - 1));
        Column::Product {
            matrix: Matrix::Input(0),
            row: self.segment.padded(),
            functional,
        }
    }

    fn cells(&self, rho: usize, sub: usize, slack_bits: u32, most: u32) -> (Domain, Chunks) {
        let (padded, features) = (self.segment.padded(), self.segment.features());
        let kappa = (padded / sub).trailing_zeros() as usize;
        let mut domain = Domain {
            row_variables: rho,
            column_variables: kappa,
            ..Domain::default()
        };
        let x = push_strides(&mut domain, padded, sub);
        let bias = domain.push(self.bias());
        let slack = Chunks::new(slack_bits, most, domain.columns.len());
        for index in 0..slack.sizes.len() {
            domain.push(Column::Row(Matrix::Witness(index)));
        }
        let tags: Vec<usize> = (0..sub)
            .map(|b| {
                domain.push(Column::Inside {
                    rows: self.segment.count,
                    by_column: self.by_column(sub, b, |column| self.tag(column).number()),
                    beyond: Tag::Zero.number(),
                })
            })
            .collect();
        let indicator = |condition: bool| Field::from(u64::from(condition));
        let selected: Vec<usize> = (0..sub)
            .map(|b| {
                domain.push(Column::ByColumn(
                    self.by_column(sub, b, |j| indicator(j < features)),
                ))
            })
            .collect();
        let first = Expression::Column(domain.push(Column::ByColumn(vec![Field::from(1_u64)])));
        let cell = |b: usize| Expression::Column(x.get(b).copied().unwrap_or(0));
        let square = selected.iter().enumerate().map(|(b, feature)| {
            (
                Field::from(1_u64),
                Expression::Column(*feature) * (cell(b) * cell(b)),
            )
        });
        let most_square = Expression::number(1 << (2 * self.row_bits));
        let rest = (Field::from(1_u64), first * (slack.value() - most_square));
        domain.constraints.push(Constraint {
            weight: Weight::Row,
            expression: Expression::combine(square.chain([rest])),
        });
        self.add_kinds(&mut domain, sub, &x, bias);
        for (tag, x) in tags.iter().zip(&x) {
            domain.lookups.push(vec![
                Expression::Column(*tag),
                Expression::number(0),
                Expression::Column(*x),
            ]);
        }
        (domain, slack)
    }

    fn add_kinds(&self, domain: &mut Domain, sub: usize, x: &[usize], bias: usize) {
        let bias = || Expression::Column(bias);
        for kind in [FeatureKind::Flag, FeatureKind::OneOf] {
            for (b, x) in x.iter().enumerate() {
                let is = |j: usize| Field::from(u64::from(self.kinds.get(j) == Some(&kind)));
                let selector = self.by_column(sub, b, is);
                if selector.iter().all(|value| *value == Field::default()) {
                    continue;
                }
                let selector = Expression::Column(domain.push(Column::ByColumn(selector)));
                let x = || Expression::Column(*x);
                let allowed = match kind {
                    FeatureKind::Flag => (x() - bias()) * (x() + bias()),
                    _ => x() - bias(),
                };
                domain.constraints.push(Constraint {
                    weight: Weight::Point,
                    expression: selector * (x() * allowed),
                });
            }
        }
    }

    fn groups_domain(&self, rho: usize) -> Option<Domain> {
        let count = self
            .groups
            .iter()
            .copied()
            .max()
            .filter(|count| *count > 0)?;
        let places = count.next_power_of_two();
        let lists = (1..=places)
            .map(|group| {
                self.groups
                    .iter()
                    .map(|member| i64::from(*member == group))
                    .collect()
            })
            .collect();
        let mut domain = Domain {
            row_variables: rho,
            column_variables: places.trailing_zeros() as usize,
            ..Domain::default()
        };
        let (matrix, row) = (Matrix::Input(0), self.segment.padded());
        let sum = domain.push(Column::Product {
            matrix,
            row,
            functional: Functional::Each(lists),
        });
        let bias = domain.push(self.bias());
        let sum = || Expression::Column(sum);
        let expression = sum() * (sum() - Expression::Column(bias));
        domain.constraints.push(Constraint {
            weight: Weight::Point,
            expression,
        });
        Some(domain)
    }

    fn check_rows(&self, rows: &[i16]) -> Result<(), StatementError> {
        require(
            rows.len() == self.segment.count * self.segment.columns,
            "the number of values",
        )?;
        for (place, row) in rows.chunks(self.segment.columns).enumerate() {
            let wrong = |column, what| {
                Err(StatementError::Witness {
                    place,
                    column: Some(column),
                    what,
                })
            };
            for (column, &value) in row.iter().enumerate() {
                let (value, bound) = (i64::from(value), 1_i64 << self.row_bits);
                let (low, high) = match self.tag(column) {
                    Tag::Feature => (-bound, bound),
                    Tag::Bias => (0, self.feature_scale),
                    _ => self.labels,
                };
                if !(low..=high).contains(&value) {
                    return wrong(column, "the entry is outside its range");
                }
            }
            self.check_kinds(place, row)?;
            let square: i64 = row
                .iter()
                .take(self.segment.features())
                .map(|&x| i64::from(x).pow(2))
                .sum();
            if square > 1 << (2 * self.row_bits) {
                return wrong(0, "the row is longer than the row bound");
            }
        }
        Ok(())
    }

    fn check_kinds(&self, place: usize, row: &[i16]) -> Result<(), StatementError> {
        let bias = row
            .get(self.segment.features() - 1)
            .copied()
            .map_or(0, i64::from);
        let mut sums = vec![0_i64; self.groups.iter().max().map_or(0, |most| most + 1)];
        let features = row
            .iter()
            .zip(self.kinds.iter().zip(&self.groups))
            .enumerate();
        for (column, (&x, (kind, &group))) in features {
            let x = i64::from(x);
            let allowed = match kind {
                FeatureKind::Numeric => true,
                FeatureKind::Flag => x == 0 || x.abs() == bias,
                FeatureKind::OneOf => x == 0 || x == bias,
            };
            let sum = sums.get_mut(group).map(|sum| {
                *sum += x;
                *sum
            });
            let single = group == 0 || sum.is_none_or(|sum| sum == 0 || sum == bias);
            if !allowed || !single {
                let what = "the entry is not one that its flag, indicator or category allows";
                return Err(StatementError::Witness {
                    place,
                    column: Some(column),
                    what,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn witness(
        &self,
        plan: &Plan,
        rows: &[i16],
        blindings: &[Scalar],
    ) -> Result<Witness, StatementError> {
        let segment = &self.segment;
        let places = 1_usize << segment.row_variables();
        let most = 1_u64 << (2 * self.row_bits);
        let square = |row: &[i16]| -> u64 {
            row.iter()
                .take(segment.features())
                .map(|&x| u64::from(x.unsigned_abs()).pow(2))
                .sum()
        };
        let mut slack: Vec<u64> = rows
            .chunks(segment.columns)
            .map(|row| most - square(row))
            .collect();
        slack.resize(places, most);
        let (witnesses, slack_rows): (Vec<Values>, Vec<Vec<u32>>) =
            plan.slack.witness(&slack, &plan.table).into_iter().unzip();
        let cells = (0..plan.sub)
            .map(|b| self.cell_rows(plan, rows, b))
            .collect();
        let mut lookups = vec![cells, slack_rows];
        lookups.resize(plan.system.domains.len(), Vec::new());
        let opening = Opening {
            values: Values::Rows(segment.table(rows)?),
            blindings: blindings.iter().map(from_scalar).collect(),
        };
        Ok(Witness {
            inputs: vec![opening],
            witnesses,
            lookups,
        })
    }

    /// The rows of the table that the entries of columns `sub k + b` are.
    fn cell_rows(&self, plan: &Plan, rows: &[i16], b: usize) -> Vec<u32> {
        let segment = &self.segment;
        let (per_row, places) = (
            segment.padded() / plan.sub,
            1_usize << segment.row_variables(),
        );
        let offset = |start: u32, value: i64| start + u32::try_from(value).unwrap_or(0);
        let mut found = Vec::with_capacity(places * per_row);
        for row in rows.chunks(segment.columns) {
            for k in 0..per_row {
                let column = plan.sub * k + b;
                let value = row.get(column).copied().map_or(0, i64::from);
                found.push(match self.tag(column) {
                    Tag::Feature => offset(plan.starts.feature, value + (1 << self.row_bits)),
                    Tag::Bias => offset(plan.starts.bias, value),
                    Tag::Label => offset(plan.starts.label, value - self.labels.0),
                    _ => plan.starts.zero,
                });
            }
        }
        found.resize(places * per_row, plan.starts.zero);
        found
    }
}

/// Append the columns `sub k + b` of the table, b = 0, 1, ...
fn push_strides(domain: &mut Domain, row: usize, sub: usize) -> Vec<usize> {
    let columns = (0..sub).map(|offset| Column::Product {
        matrix: Matrix::Input(0),
        row,
        functional: Functional::Stride { step: sub, offset },
    });
    columns.map(|column| domain.push(column)).collect()
}

fn slack_domain(rho: usize, bits: u32, most: u32) -> Domain {
    let mut domain = Domain {
        row_variables: rho,
        ..Domain::default()
    };
    let slack = Chunks::new(bits, most, 0);
    for index in 0..slack.sizes.len() {
        domain.push(Column::Full(Matrix::Witness(index)));
    }
    domain.lookups = slack.lookups(3).collect();
    domain
}
