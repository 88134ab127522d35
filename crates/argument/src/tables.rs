//! The prover's tables: the values of every affine node in every place, bound variable by variable.

#![allow(
    clippy::indexing_slicing,
    reason = "tables have 2^n places, scratch one cell for each node"
)]

use ark_ff::{One, Zero};
use rayon::prelude::*;
use zeroize::Zeroize;

use crate::field::Field;
use crate::multilinear::{PARALLEL, bind, eq_table};
use crate::program::{Node, NodeId, Program};
use crate::system::Weight;

/// Pairs of places that one task works on.
const TASK: usize = 256;

/// Values of the affine nodes of a domain.
pub(crate) struct DomainTables {
    /// Node and its values; only for affine nodes.
    slots: Vec<(NodeId, Vec<Field>)>,
    /// Column, slot, coefficient.
    uses: Vec<(usize, usize, Field)>,
    /// `eq(tau)`, and `eq(tau_row)` spread over the columns; the second is empty where no constraint has row weight.
    weights: [Vec<Field>; 2],
    /// Node and coefficient of each constraint, by weight: point, row, total.
    outputs: [Vec<(Field, NodeId)>; 3],
}

impl Drop for DomainTables {
    fn drop(&mut self) {
        self.slots
            .iter_mut()
            .for_each(|(_, values)| values.zeroize());
    }
}

impl DomainTables {
    pub(crate) fn new(program: &Program, variables: usize) -> Self {
        let (mut slots, mut uses) = (Vec::new(), Vec::new());
        for (id, node) in program.nodes.iter().enumerate() {
            if let Node::Affine(affine) = node {
                for (&column, &coefficient) in &affine.coefficients {
                    uses.push((column, slots.len(), coefficient));
                }
                slots.push((id, vec![affine.constant; 1 << variables]));
            }
        }
        Self {
            slots,
            uses,
            weights: [Vec::new(), Vec::new()],
            outputs: Default::default(),
        }
    }

    /// Whether any affine node has this column.
    pub(crate) fn uses(&self, column: usize) -> bool {
        self.uses.iter().any(|(used, _, _)| *used == column)
    }

    /// Add the values of a column to every affine node that has it.
    pub(crate) fn add_column(&mut self, column: usize, values: &[Field]) {
        for (_, slot, coefficient) in self.uses.iter().filter(|(used, _, _)| *used == column) {
            let coefficient = *coefficient;
            let target = self.slots[*slot]
                .1
                .par_iter_mut()
                .with_min_len(PARALLEL)
                .zip(values);
            if coefficient.is_one() {
                target.for_each(|(sum, value)| *sum += value);
            } else {
                target.for_each(|(sum, value)| *sum += coefficient * value);
            }
        }
    }

    /// Fix the weights of the constraints.
    pub(crate) fn weigh(
        &mut self,
        program: &Program,
        lambdas: &[Field],
        tau: &[Field],
        row_variables: usize,
    ) {
        for ((weight, id), lambda) in program.constraints.iter().zip(lambdas) {
            let list = match weight {
                Weight::Point => 0,
                Weight::Row => 1,
                Weight::Total => 2,
            };
            self.outputs[list].push((*lambda, *id));
        }
        if !self.outputs[0].is_empty() {
            self.weights[0] = eq_table(tau);
        }
        if !self.outputs[1].is_empty() {
            let places = 1 << (tau.len() - row_variables);
            let rows = eq_table(&tau[..row_variables]);
            self.weights[1] = rows
                .into_iter()
                .flat_map(|value| std::iter::repeat_n(value, places))
                .collect();
        }
    }

    /// Bind the first free variable of every table.
    pub(crate) fn bind(&mut self, r: Field) {
        for (_, values) in &mut self.slots {
            bind(values, r);
        }
        for values in self.weights.iter_mut().filter(|values| !values.is_empty()) {
            bind(values, r);
        }
    }

    fn half(&self) -> usize {
        self.slots.first().map_or(0, |(_, values)| values.len() / 2)
    }
}

/// Values of the round polynomial at 0, 1, ..., D; the one at 1 is what the claim leaves.
pub(crate) fn round_values(program: &Program, tables: &DomainTables, claim: Field) -> Vec<Field> {
    let half = tables.half();
    let places: Vec<usize> = (0..=program.degree).filter(|place| *place != 1).collect();
    let zero = || vec![Field::zero(); places.len()];
    let part = |task: usize| {
        let mut machine = Machine::new(program, tables);
        let mut sums = zero();
        for pair in task * TASK..((task + 1) * TASK).min(half) {
            machine.add_pair(pair, pair + half, &places, &mut sums);
        }
        sums
    };
    let add = |mut left: Vec<Field>, right: Vec<Field>| {
        left.iter_mut()
            .zip(right)
            .for_each(|(sum, value)| *sum += value);
        left
    };
    let mut values = (0..half.div_ceil(TASK))
        .into_par_iter()
        .map(part)
        .reduce(zero, add);
    values.insert(1, claim - values[0]);
    values
}

/// How a part of a linear node is added.
enum Part {
    Plus(NodeId),
    Minus(NodeId),
    Times(Field, NodeId),
}

enum Step {
    Product(NodeId, NodeId),
    Linear(Vec<Part>),
}

/// Computes the nodes at one pair of places after another.
struct Machine<'a> {
    tables: &'a DomainTables,
    steps: Vec<(NodeId, Step)>,
    cells: Vec<Field>,
    differences: Vec<Field>,
}

impl<'a> Machine<'a> {
    fn new(program: &Program, tables: &'a DomainTables) -> Self {
        let step = |(id, node): (usize, &Node)| match node {
            Node::Affine(_) => None,
            Node::Product(left, right) => Some((id, Step::Product(*left, *right))),
            Node::Linear(parts) => Some((id, Step::Linear(parts.iter().map(part).collect()))),
        };
        Self {
            tables,
            steps: program.nodes.iter().enumerate().filter_map(step).collect(),
            cells: vec![Field::zero(); program.nodes.len()],
            differences: vec![Field::zero(); tables.slots.len()],
        }
    }

    fn add_pair(&mut self, low: usize, high: usize, places: &[usize], sums: &mut [Field]) {
        for ((id, values), difference) in self.tables.slots.iter().zip(&mut self.differences) {
            self.cells[*id] = values[low];
            *difference = values[high] - values[low];
        }
        let mut weights = [Field::zero(); 2];
        let mut steps = [Field::zero(); 2];
        for ((weight, step), values) in weights.iter_mut().zip(&mut steps).zip(&self.tables.weights)
        {
            if let (Some(at_zero), Some(at_one)) = (values.get(low), values.get(high)) {
                *weight = *at_zero;
                *step = *at_one - at_zero;
            }
        }
        let mut at = 0;
        for (place, sum) in places.iter().zip(sums) {
            while at < *place {
                self.advance();
                weights
                    .iter_mut()
                    .zip(&steps)
                    .for_each(|(weight, step)| *weight += step);
                at += 1;
            }
            *sum += self.evaluate(&weights);
        }
    }

    fn advance(&mut self) {
        for ((id, _), difference) in self.tables.slots.iter().zip(&self.differences) {
            self.cells[*id] += difference;
        }
    }

    fn evaluate(&mut self, weights: &[Field; 2]) -> Field {
        for (id, step) in &self.steps {
            self.cells[*id] = match step {
                Step::Product(left, right) => self.cells[*left] * self.cells[*right],
                Step::Linear(parts) => parts.iter().fold(Field::zero(), |sum, part| match part {
                    Part::Plus(id) => sum + self.cells[*id],
                    Part::Minus(id) => sum - self.cells[*id],
                    Part::Times(factor, id) => sum + *factor * self.cells[*id],
                }),
            };
        }
        let [point, row, total] = &self.tables.outputs;
        let output = |list: &[(Field, NodeId)]| -> Field {
            list.iter()
                .map(|(lambda, id)| *lambda * self.cells[*id])
                .sum()
        };
        let mut sum = output(total);
        if !point.is_empty() {
            sum += weights[0] * output(point);
        }
        if !row.is_empty() {
            sum += weights[1] * output(row);
        }
        sum
    }
}

fn part((factor, id): &(Field, NodeId)) -> Part {
    if factor.is_one() {
        Part::Plus(*id)
    } else if (-*factor).is_one() {
        Part::Minus(*id)
    } else {
        Part::Times(*factor, *id)
    }
}
