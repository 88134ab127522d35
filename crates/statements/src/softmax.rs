//! The system of a softmax gradient: places are pairs of a row and a class.

use cotrain_argument::field::power_of_two;
use cotrain_argument::{Column, Constraint, Expression, Field, Matrix, System, Values, Weight};

use crate::error::StatementError;
use crate::gradient::{GradientStatement, Model, ModelPlan, ModelWitness, add_row, bad_row};
use crate::margin::{Margin, bit_length, divide, push_witnesses};
use crate::ranges::Chunks;
use crate::table::{TableBuilder, Tag};

/// X(0) = 2^14.
pub(crate) const EXP_BITS: u32 = 14;

pub(crate) struct SoftmaxPlan {
    system: System,
    table: TableBuilder,
    remainder: Chunks,
    rest: Chunks,
    complement: Chunks,
    starts: Starts,
}

/// Rows of the table where each part begins.
struct Starts {
    exp: u32,
    probability: u32,
    quotient: u32,
}

/// The columns besides those of the margin.
struct Columns {
    exp: usize,
    probability: usize,
    hot: usize,
    top: usize,
    largest: usize,
    sum: usize,
    first: usize,
    real: usize,
    class: usize,
}

impl SoftmaxPlan {
    pub(crate) fn new(statement: &GradientStatement) -> Self {
        let model = &statement.model;
        let mut margin = Margin::new(statement);
        let bits = bit_length(i64::try_from(model.classes << EXP_BITS).unwrap_or(i64::MAX));
        let rests = margin.remainder.sizes.len();
        let first = margin.domain.columns.len();
        let rest = Chunks::new(bits, margin.most, first + 2);
        let complement = Chunks::new(bits, margin.most, first + 2 + rest.sizes.len());
        let full = 2 + 2 * rest.sizes.len() + 2; // exp, probability, the chunks, hot, top
        push_witnesses(&mut margin.domain, rests, full);
        let columns = push_others(&mut margin, first, full, rests + full, model.classes);
        let (table, starts) = build_table(&margin, model, [&rest, &complement]);
        margin.domain.constraints =
            constraints(&margin, &columns, &rest, &complement, model.residual_bits);
        margin.domain.lookups = lookups(&margin, &columns, [&rest, &complement]);
        let column = |index: usize| Expression::Column(index);
        let hot = column(columns.hot).scale(power_of_two(model.residual_bits));
        margin.multiply(statement, column(columns.probability) - hot);
        let (places, rows) = (
            1 << margin.domain.variables(),
            1 << margin.domain.row_variables,
        );
        let mut witnesses = vec![places; rests + full];
        witnesses.extend([rows; 2]);
        let system = System {
            inputs: vec![statement.segment.shape(), statement.result_shape()],
            witnesses,
            table: table.finish(),
            domains: vec![margin.domain],
        };
        Self {
            system,
            table,
            remainder: margin.remainder,
            rest,
            complement,
            starts,
        }
    }
}

fn build_table(margin: &Margin, model: &Model, chunks: [&Chunks; 2]) -> (TableBuilder, Starts) {
    let mut table = TableBuilder::new(3);
    let exp = (0_u64..)
        .zip(&model.table)
        .map(|(t, &x)| [Field::from(t), Field::from(x)]);
    let starts = Starts {
        exp: table.add(Tag::Table, exp),
        probability: table.add_interval(Tag::Interval, 1, 0, 1 << model.residual_bits),
        quotient: table.add_interval(Tag::Interval, 2, -model.index_limit, model.index_limit),
    };
    let sizes = chunks.iter().flat_map(|chunks| &chunks.sizes);
    table.add_ranges(margin.remainder.sizes.iter().chain(sizes).copied());
    (table, starts)
}

fn lookups(margin: &Margin, columns: &Columns, chunks: [&Chunks; 2]) -> Vec<Vec<Expression>> {
    let column = |index: usize| Expression::Column(index);
    let tagged = |second, value| {
        vec![
            Tag::Interval.expression(),
            Expression::number(second),
            value,
        ]
    };
    let distance = column(columns.largest) - margin.quotient.clone();
    let mut list = vec![
        vec![Tag::Table.expression(), distance, column(columns.exp)],
        tagged(1, column(columns.probability)),
        tagged(2, column(columns.largest)),
    ];
    list.extend(margin.remainder.lookups(3));
    list.extend(chunks.iter().flat_map(|chunks| chunks.lookups(3)));
    list
}

fn push_others(
    margin: &mut Margin,
    first: usize,
    full: usize,
    row: usize,
    classes: usize,
) -> Columns {
    let domain = &mut margin.domain;
    let one = Field::from(1_u64);
    let largest = domain.push(Column::Row(Matrix::Witness(row)));
    let sum = domain.push(Column::Row(Matrix::Witness(row + 1)));
    let places = 1_u64 << domain.column_variables;
    Columns {
        exp: first,
        probability: first + 1,
        hot: first + full - 2,
        top: first + full - 1,
        largest,
        sum,
        first: domain.push(Column::ByColumn(vec![one])),
        real: domain.push(Column::ByColumn(vec![one; classes])),
        class: domain.push(Column::ByColumn((0..places).map(Field::from).collect())),
    }
}

fn constraints(
    margin: &Margin,
    columns: &Columns,
    rest: &Chunks,
    complement: &Chunks,
    residual_bits: u32,
) -> Vec<Constraint> {
    let column = |index: usize| Expression::Column(index);
    let point = |expression| Constraint {
        weight: Weight::Point,
        expression,
    };
    let row = |expression| Constraint {
        weight: Weight::Row,
        expression,
    };
    let real = || column(columns.real);
    let (sum, first) = (|| column(columns.sum), || column(columns.first));
    let scaled = column(columns.exp).scale(power_of_two(residual_bits));
    let distance = column(columns.largest) - margin.quotient.clone();
    vec![
        point(sum() * column(columns.probability) + rest.value() - scaled),
        point(sum() - Expression::number(1) - rest.value() - complement.value()),
        point(column(columns.hot) * (column(margin.label) - column(columns.class))),
        point(column(columns.top) * distance),
        row(real() * column(columns.exp) - first() * sum()),
        row(real() * column(columns.hot) - first()),
        row(real() * column(columns.top) - first()),
    ]
}

/// The witness of one row, class by class; places beyond the classes repeat class 0.
#[derive(Default)]
struct Lists {
    rests: Vec<u64>,
    exp: Vec<i64>,
    probability: Vec<i64>,
    remainder: Vec<u64>,
    complement: Vec<u64>,
    hot: Vec<i64>,
    top: Vec<i64>,
    largest: Vec<i64>,
    sum: Vec<i64>,
    distances: Vec<i64>,
}

impl Lists {
    fn add_row(
        &mut self,
        statement: &GradientStatement,
        row: &[i16],
        label: i64,
        places: usize,
    ) -> Option<()> {
        let model = &statement.model;
        let scale = 1_i64 << model.residual_bits;
        let divided: Vec<(i64, u64)> = (0..model.classes)
            .map(|class| divide(model.margin(row, class), model.margin_shift))
            .collect();
        let (winner, largest) = divided
            .iter()
            .map(|(quotient, _)| *quotient)
            .enumerate()
            .fold(
                (0, i64::MIN),
                |best, (class, q)| if q > best.1 { (class, q) } else { best },
            );
        let exps: Option<Vec<i64>> = divided
            .iter()
            .map(|(q, _)| model.table_value(largest - q))
            .collect();
        let exps = exps?;
        let sum: i64 = exps.iter().sum();
        if largest.abs() > model.index_limit {
            return None;
        }
        for place in 0..places {
            let class = if place < model.classes { place } else { 0 };
            let ((quotient, rest), exp) = (divided.get(class)?, exps.get(class)?);
            let probability = scale * exp / sum;
            let remainder = scale * exp - sum * probability;
            self.rests.push(*rest);
            self.exp.push(*exp);
            self.probability.push(probability);
            self.remainder.push(remainder.unsigned_abs());
            self.complement.push((sum - 1 - remainder).unsigned_abs());
            self.hot.push(i64::from(
                place < model.classes && usize::try_from(label) == Ok(place),
            ));
            self.top.push(i64::from(place == winner));
            self.distances.push(largest - quotient);
        }
        self.largest.push(largest);
        self.sum.push(sum);
        Some(())
    }
}

impl ModelPlan for SoftmaxPlan {
    fn system(&self) -> &System {
        &self.system
    }

    fn witness(
        &self,
        statement: &GradientStatement,
        rows: &[i16],
    ) -> Result<ModelWitness, StatementError> {
        let (model, segment) = (&statement.model, &statement.segment);
        let places = model.classes.next_power_of_two();
        let classes = i64::try_from(model.classes).unwrap_or(i64::MAX);
        let mut gradient = vec![0_i64; model.classes * model.features];
        let mut lists = Lists::default();
        for (place, row) in rows.chunks(segment.columns).enumerate() {
            let label = row.last().copied().map_or(0, i64::from);
            if !(0..classes).contains(&label) {
                return Err(bad_row(place));
            }
            lists
                .add_row(statement, row, label, places)
                .ok_or_else(|| bad_row(place))?;
            for class in 0..model.classes {
                let index = place * places + class;
                let hot = lists.hot.get(index).copied().unwrap_or(0) << model.residual_bits;
                let residual = lists.probability.get(index).copied().unwrap_or(0) - hot;
                add_row(&mut gradient, residual, row, model.features, class);
            }
        }
        let padding = vec![0_i16; segment.columns];
        for _ in segment.count..1 << segment.row_variables() {
            lists
                .add_row(statement, &padding, 0, places)
                .ok_or_else(|| bad_row(segment.count))?;
        }
        Ok(self.assemble(statement, lists, gradient))
    }
}

impl SoftmaxPlan {
    fn assemble(
        &self,
        statement: &GradientStatement,
        lists: Lists,
        gradient: Vec<i64>,
    ) -> ModelWitness {
        let places = statement.model.classes.next_power_of_two();
        let at = |start: u32, value: i64| start + u32::try_from(value).unwrap_or(0);
        let limit = statement.model.index_limit;
        let largest = lists
            .largest
            .iter()
            .flat_map(|m| std::iter::repeat_n(at(self.starts.quotient, m + limit), places));
        let mut lookups = vec![
            lists
                .distances
                .iter()
                .map(|t| at(self.starts.exp, *t))
                .collect(),
            lists
                .probability
                .iter()
                .map(|p| at(self.starts.probability, *p))
                .collect(),
            largest.collect::<Vec<u32>>(),
        ];
        let mut add = |chunks: &Chunks, values: &[u64]| -> Vec<Values> {
            let (columns, rows): (Vec<_>, Vec<_>) =
                chunks.witness(values, &self.table).into_iter().unzip();
            lookups.extend(rows);
            columns
        };
        let mut witnesses = add(&self.remainder, &lists.rests);
        witnesses.extend([Values::Small(lists.exp), Values::Small(lists.probability)]);
        witnesses.extend(add(&self.rest, &lists.remainder));
        witnesses.extend(add(&self.complement, &lists.complement));
        witnesses.extend([lists.hot, lists.top, lists.largest, lists.sum].map(Values::Small));
        ModelWitness {
            witnesses,
            lookups,
            gradient,
        }
    }
}
