//! The nodes of a program at the point where a sumcheck ended: public numbers and committed values.

use crate::committed::Committed;
use crate::field::Field;
use crate::program::{Node, NodeId, Program};
use crate::system::Weight;

/// A node's value: known to everybody, or committed.
#[derive(Clone)]
pub(crate) enum Operand<C> {
    Public(Field),
    Secret(C),
}

impl<C: Committed> Operand<C> {
    pub(crate) fn committed(&self) -> C {
        match self {
            Self::Public(value) => C::constant(*value),
            Self::Secret(value) => value.clone(),
        }
    }

    /// The operand, multiplied by a public number.
    fn scaled(&self, factor: Field) -> Self {
        match self {
            Self::Public(value) => Self::Public(*value * factor),
            Self::Secret(value) => {
                let mut scaled = value.clone();
                scaled.scale(factor);
                Self::Secret(scaled)
            }
        }
    }
}

/// A product of two committed values: the two, and the committed product.
pub(crate) struct ProvenProduct<C> {
    pub(crate) left: C,
    pub(crate) right: C,
    pub(crate) product: C,
}

/// Compute all nodes from the columns; `multiply` commits to (or reads) each product of two committed values.
pub(crate) fn evaluate_nodes<C: Committed, E>(
    program: &Program,
    columns: &[Operand<C>],
    products: &mut Vec<ProvenProduct<C>>,
    mut multiply: impl FnMut(&C, &C) -> Result<C, E>,
) -> Result<Vec<Operand<C>>, E> {
    let mut values: Vec<Operand<C>> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        let value = match node {
            Node::Affine(affine) => {
                let terms = affine.coefficients.iter();
                combine(
                    affine.constant,
                    terms.map(|(&column, &factor)| (factor, columns.get(column))),
                )
            }
            Node::Linear(parts) => {
                let terms = parts.iter();
                combine(
                    Field::default(),
                    terms.map(|&(factor, id)| (factor, values.get(id))),
                )
            }
            Node::Product(left, right) => match (operand(&values, *left), operand(&values, *right))
            {
                (Operand::Public(factor), other) | (other, Operand::Public(factor)) => {
                    other.scaled(factor)
                }
                (Operand::Secret(left), Operand::Secret(right)) => {
                    let product = multiply(&left, &right)?;
                    products.push(ProvenProduct {
                        left,
                        right,
                        product: product.clone(),
                    });
                    Operand::Secret(product)
                }
            },
        };
        values.push(value);
    }
    Ok(values)
}

fn operand<C: Committed>(values: &[Operand<C>], id: NodeId) -> Operand<C> {
    // Operands stand before the nodes that use them.
    values
        .get(id)
        .cloned()
        .unwrap_or(Operand::Public(Field::default()))
}

fn combine<'a, C: Committed + 'a>(
    constant: Field,
    terms: impl Iterator<Item = (Field, Option<&'a Operand<C>>)>,
) -> Operand<C> {
    let (mut public, mut secret): (Field, Option<C>) = (constant, None);
    for (factor, operand) in terms {
        match operand {
            Some(Operand::Public(value)) => public += factor * value,
            Some(Operand::Secret(value)) => {
                secret
                    .get_or_insert_with(|| C::constant(Field::default()))
                    .add_multiple(factor, value);
            }
            None => {}
        }
    }
    match secret {
        None => Operand::Public(public),
        Some(mut value) => {
            value.add_multiple(public, &C::constant(Field::from(1_u64)));
            Operand::Secret(value)
        }
    }
}

/// The weights of constraints at a point.
pub(crate) struct Weights {
    pub(crate) point: Field,
    pub(crate) row: Field,
}

impl Weights {
    pub(crate) fn of(&self, weight: Weight) -> Field {
        match weight {
            Weight::Point => self.point,
            Weight::Row => self.row,
            Weight::Total => Field::from(1_u64),
        }
    }
}

/// The polynomial at the point, minus the claim: a commitment to 0 (step 6.5).
pub(crate) fn identity<C: Committed>(
    program: &Program,
    values: &[Operand<C>],
    lambdas: &[Field],
    weights: &Weights,
    claim: &C,
) -> C {
    let mut sum = C::constant(Field::default());
    for ((weight, id), lambda) in program.constraints.iter().zip(lambdas) {
        sum.add_multiple(
            *lambda * weights.of(*weight),
            &operand(values, *id).committed(),
        );
    }
    sum.add_multiple(-Field::from(1_u64), claim);
    sum
}
