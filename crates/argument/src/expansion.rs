//! A domain with the columns and constraints of its matrix products and lookups (spec, "Expansion").

use crate::expression::Expression;
use crate::field::{Field, powers};
use crate::multilinear::eq_table;
use crate::program::Program;
use crate::system::{Column, Constraint, Domain, Functional, Matrix, System, Weight};

/// The most lookups that share one helper column.
pub(crate) const LOOKUPS_PER_HELPER: usize = 6;

/// The challenges of step 4.
#[derive(Debug, Clone)]
pub(crate) struct EarlyChallenges {
    pub(crate) alpha: Field,
    pub(crate) beta: Field,
    /// For each domain, for each matrix product: the points `class` and `feature`.
    pub(crate) points: Vec<Vec<(Vec<Field>, Vec<Field>)>>,
}

/// A domain as the sumcheck sees it.
#[derive(Debug, Clone)]
pub(crate) struct Expanded {
    pub(crate) row_variables: usize,
    pub(crate) column_variables: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) program: Program,
    /// The numbers of its lookups, group by group.
    pub(crate) groups: Vec<std::ops::Range<usize>>,
}

impl Expanded {
    pub(crate) fn variables(&self) -> usize {
        self.row_variables + self.column_variables
    }

    /// The secret columns with their numbers, in order.
    pub(crate) fn secret_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !column.is_public())
    }
}

/// Cut `count` lookups into as few groups as possible, as equal as possible, the larger ones first.
pub(crate) fn lookup_groups(count: usize) -> Vec<std::ops::Range<usize>> {
    let groups = count.div_ceil(LOOKUPS_PER_HELPER);
    let mut start = 0;
    (0..groups)
        .map(|group| {
            let size = count / groups + usize::from(group < count % groups);
            start += size;
            start - size..start
        })
        .collect()
}

/// Expand every domain.
pub(crate) fn expand(system: &System, challenges: &EarlyChallenges) -> Vec<Expanded> {
    let domains = system.domains.iter().zip(&challenges.points).enumerate();
    domains
        .map(|(index, (domain, points))| expand_domain(system, index, domain, points, challenges))
        .collect()
}

fn expand_domain(
    system: &System,
    index: usize,
    domain: &Domain,
    points: &[(Vec<Field>, Vec<Field>)],
    challenges: &EarlyChallenges,
) -> Expanded {
    let mut columns = domain.columns.clone();
    let mut constraints = domain.constraints.clone();
    for (product, (class, feature)) in domain.products.iter().zip(points) {
        let mut classes = eq_table(class);
        classes.truncate(product.classes);
        let mut features = eq_table(feature);
        features.truncate(product.columns);
        let by_class = push(&mut columns, Column::ByColumn(classes));
        let dual = push(
            &mut columns,
            Column::Product {
                matrix: product.right,
                row: product.row,
                functional: Functional::Same(features),
            },
        );
        let expression =
            (Expression::Column(by_class) * product.left.clone()) * Expression::Column(dual);
        constraints.push(Constraint {
            weight: Weight::Total,
            expression,
        });
    }
    let groups = lookup_groups(domain.lookups.len());
    let betas = powers(challenges.beta, system.table.arity);
    let mut helpers = Vec::new();
    for (group, range) in groups.iter().enumerate() {
        let helper = push(&mut columns, Column::Full(Matrix::Helper(index, group)));
        helpers.push((Field::from(1_u64), Expression::Column(helper)));
        let lookups = domain.lookups.get(range.clone()).unwrap_or_default();
        let fingerprints = lookups
            .iter()
            .map(|lookup| fingerprint(lookup, challenges.alpha, &betas));
        constraints.push(Constraint {
            weight: Weight::Point,
            expression: fraction(fingerprints.collect(), Expression::Column(helper)),
        });
    }
    if !helpers.is_empty() {
        let expression = Expression::combine(helpers);
        constraints.push(Constraint {
            weight: Weight::Total,
            expression,
        });
    }
    Expanded {
        row_variables: domain.row_variables,
        column_variables: domain.column_variables,
        program: Program::compile(&columns, &constraints),
        columns,
        groups,
    }
}

fn push(columns: &mut Vec<Column>, column: Column) -> usize {
    columns.push(column);
    columns.len() - 1
}

fn fingerprint(lookup: &[Expression], alpha: Field, betas: &[Field]) -> Expression {
    let parts = betas.iter().copied().zip(lookup.iter().cloned());
    Expression::combine(
        [(Field::from(1_u64), Expression::Constant(alpha))]
            .into_iter()
            .chain(parts),
    )
}

/// `h D - N`, where N / D is the sum of the inverses of the fingerprints.
fn fraction(fingerprints: Vec<Expression>, helper: Expression) -> Expression {
    let mut sum: Option<(Expression, Expression)> = None;
    for (count, next) in fingerprints.into_iter().enumerate() {
        sum = Some(match sum {
            None => (Expression::number(1), next),
            Some((_, denominator)) if count == 1 => {
                (denominator.clone() + next.clone(), denominator * next)
            }
            Some((numerator, denominator)) => (
                numerator * next.clone() + denominator.clone(),
                denominator * next,
            ),
        });
    }
    let (numerator, denominator) = sum.unwrap_or((Expression::number(0), Expression::number(1)));
    denominator * helper - numerator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_few_and_equal() {
        assert_eq!(lookup_groups(0), []);
        for few in [1, 6] {
            assert_eq!(lookup_groups(few).first(), Some(&(0..few)));
            assert_eq!(lookup_groups(few).len(), 1);
        }
        assert_eq!(lookup_groups(7), [0..4, 4..7]);
        assert_eq!(lookup_groups(15), [0..5, 5..10, 10..15]);
    }
}
