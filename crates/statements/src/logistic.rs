//! The system of a logistic gradient.

use cotrain_argument::field::power_of_two;
use cotrain_argument::{Expression, Field, System, Values};

use crate::error::StatementError;
use crate::gradient::{GradientStatement, ModelPlan, ModelWitness, add_row, bad_row};
use crate::margin::{Margin, divide, push_witnesses};
use crate::ranges::Chunks;
use crate::table::{TableBuilder, Tag};

pub(crate) struct LogisticPlan {
    system: System,
    table: TableBuilder,
    remainder: Chunks,
}

impl LogisticPlan {
    pub(crate) fn new(statement: &GradientStatement) -> Self {
        let model = &statement.model;
        let mut margin = Margin::new(statement);
        let chunks = margin.remainder.sizes.len();
        let probability = margin.domain.columns.len();
        push_witnesses(&mut margin.domain, chunks, 1);
        let mut table = TableBuilder::new(3);
        let pairs = (-model.index_limit..).zip(&model.table);
        table.add(
            Tag::Table,
            pairs.map(|(q, &p)| [Field::from(q), Field::from(p)]),
        );
        table.add_ranges(margin.remainder.sizes.iter().copied());
        let probability = || Expression::Column(probability);
        margin.domain.lookups = vec![vec![
            Tag::Table.expression(),
            margin.quotient.clone(),
            probability(),
        ]];
        margin.domain.lookups.extend(margin.remainder.lookups(3));
        let label = Expression::Column(margin.label).scale(power_of_two(model.residual_bits));
        margin.multiply(statement, probability() - label);
        let places = 1 << margin.domain.variables();
        let system = System {
            inputs: vec![statement.segment.shape(), statement.result_shape()],
            witnesses: vec![places; chunks + 1],
            table: table.finish(),
            domains: vec![margin.domain],
        };
        Self {
            system,
            table,
            remainder: margin.remainder,
        }
    }
}

impl ModelPlan for LogisticPlan {
    fn system(&self) -> &System {
        &self.system
    }

    fn witness(
        &self,
        statement: &GradientStatement,
        rows: &[i16],
    ) -> Result<ModelWitness, StatementError> {
        let (model, segment) = (&statement.model, &statement.segment);
        let mut gradient = vec![0_i64; model.features];
        let (mut rests, mut values, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for (place, row) in rows.chunks(segment.columns).enumerate() {
            let (quotient, rest) = divide(model.margin(row, 0), model.margin_shift);
            let position = quotient + model.index_limit;
            let value = model.table_value(position).ok_or_else(|| bad_row(place))?;
            let label = row.last().copied().map_or(0, i64::from);
            if !(0..=1).contains(&label) {
                return Err(bad_row(place));
            }
            add_row(
                &mut gradient,
                value - (label << model.residual_bits),
                row,
                model.features,
                0,
            );
            rests.push(rest);
            values.push(value);
            positions.push(u32::try_from(position).unwrap_or(0));
        }
        let places = 1 << segment.row_variables();
        let middle = model.table_value(model.index_limit).unwrap_or(0);
        rests.resize(places, 0);
        values.resize(places, middle);
        positions.resize(places, u32::try_from(model.index_limit).unwrap_or(0));
        let (mut witnesses, ranges): (Vec<_>, Vec<_>) = self
            .remainder
            .witness(&rests, &self.table)
            .into_iter()
            .unzip();
        witnesses.push(Values::Small(values));
        let lookups = std::iter::once(positions).chain(ranges).collect();
        Ok(ModelWitness {
            witnesses,
            lookups,
            gradient,
        })
    }
}
