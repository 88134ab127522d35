//! The system of a linear gradient with clipped residual.

use cotrain_argument::field::power_of_two;
use cotrain_argument::{Constraint, Expression, System, Weight};

use crate::error::StatementError;
use crate::gradient::{GradientStatement, ModelPlan, ModelWitness, add_row, bad_row};
use crate::margin::{Margin, bit_length, divide, push_witnesses};
use crate::ranges::Chunks;
use crate::table::{TableBuilder, Tag};

pub(crate) struct LinearPlan {
    system: System,
    table: TableBuilder,
    remainder: Chunks,
    above: Chunks,
    below: Chunks,
    interval: u32,
}

impl LinearPlan {
    pub(crate) fn new(statement: &GradientStatement) -> Self {
        let model = &statement.model;
        let mut margin = Margin::new(statement);
        let bits = bit_length(model.index_limit);
        let above = Chunks::new(bits, margin.most, margin.domain.columns.len());
        let below = Chunks::new(
            bits,
            margin.most,
            margin.domain.columns.len() + above.sizes.len(),
        );
        let rests = margin.remainder.sizes.len();
        let witnesses = rests + above.sizes.len() + below.sizes.len();
        push_witnesses(&mut margin.domain, rests, witnesses - rests);
        let scale = 1_i64 << model.residual_bits;
        let mut table = TableBuilder::new(3);
        let interval = table.add_interval(Tag::Interval, 0, -scale, scale);
        let sizes = margin
            .remainder
            .sizes
            .iter()
            .chain(&above.sizes)
            .chain(&below.sizes);
        table.add_ranges(sizes.copied());
        let residual = margin.quotient.clone() - Expression::Column(margin.label) - above.value()
            + below.value();
        let bound = || Expression::Constant(power_of_two(model.residual_bits));
        for expression in [
            above.value() * (bound() - residual.clone()),
            below.value() * (bound() + residual.clone()),
        ] {
            margin.domain.constraints.push(Constraint {
                weight: Weight::Point,
                expression,
            });
        }
        let looked_up = vec![
            Tag::Interval.expression(),
            Expression::number(0),
            residual.clone(),
        ];
        margin.domain.lookups = std::iter::once(looked_up)
            .chain(margin.remainder.lookups(3))
            .chain(above.lookups(3))
            .chain(below.lookups(3))
            .collect();
        margin.multiply(statement, residual);
        let places = 1 << margin.domain.variables();
        let system = System {
            inputs: vec![statement.segment.shape(), statement.result_shape()],
            witnesses: vec![places; witnesses],
            table: table.finish(),
            domains: vec![margin.domain],
        };
        Self {
            system,
            table,
            remainder: margin.remainder,
            above,
            below,
            interval,
        }
    }
}

impl ModelPlan for LinearPlan {
    fn system(&self) -> &System {
        &self.system
    }

    fn witness(
        &self,
        statement: &GradientStatement,
        rows: &[i16],
    ) -> Result<ModelWitness, StatementError> {
        let (model, segment) = (&statement.model, &statement.segment);
        let scale = 1_i64 << model.residual_bits;
        let mut gradient = vec![0_i64; model.features];
        let (mut rests, mut above, mut below, mut positions) = (vec![], vec![], vec![], vec![]);
        for (place, row) in rows.chunks(segment.columns).enumerate() {
            let (quotient, rest) = divide(model.margin(row, 0), model.margin_shift);
            let label = row.last().copied().map_or(0, i64::from);
            if quotient.abs() > model.index_limit || label.abs() > scale {
                return Err(bad_row(place));
            }
            let difference = quotient - label;
            let residual = difference.clamp(-scale, scale);
            add_row(&mut gradient, residual, row, model.features, 0);
            rests.push(rest);
            above.push((difference - residual).max(0).unsigned_abs());
            below.push((difference - residual).min(0).unsigned_abs());
            positions.push(self.interval + u32::try_from(residual + scale).unwrap_or(0));
        }
        let places = 1 << segment.row_variables();
        for list in [&mut rests, &mut above, &mut below] {
            list.resize(places, 0);
        }
        positions.resize(places, self.interval + u32::try_from(scale).unwrap_or(0));
        let parts = [
            (&self.remainder, &rests),
            (&self.above, &above),
            (&self.below, &below),
        ];
        let columns = parts
            .iter()
            .flat_map(|(chunks, values)| chunks.witness(values, &self.table));
        let (witnesses, ranges): (Vec<_>, Vec<_>) = columns.unzip();
        let lookups = std::iter::once(positions).chain(ranges).collect();
        Ok(ModelWitness {
            witnesses,
            lookups,
            gradient,
        })
    }
}
