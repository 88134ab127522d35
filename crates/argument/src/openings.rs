//! Which secret vectors are opened where: the claims and sources of step 9.

use crate::error::ProofError;
use crate::expansion::{EarlyChallenges, Expanded};
use crate::field::{Field, powers};
use crate::multilinear::{dot, eq_below, eq_table};
use crate::system::{Column, Functional, Matrix, MatrixShape, System};

/// Where a domain's sumcheck ended.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) row: Vec<Field>,
    pub(crate) column: Vec<Field>,
}

impl Point {
    pub(crate) fn new(challenges: &[Field], row_variables: usize) -> Self {
        let (row, column) = challenges.split_at(row_variables.min(challenges.len()));
        Self {
            row: row.to_vec(),
            column: column.to_vec(),
        }
    }

    fn all(&self) -> Vec<Field> {
        self.row.iter().chain(&self.column).copied().collect()
    }
}

/// The value of a public column at a point.
pub(crate) fn evaluate_public(column: &Column, point: &Point) -> Field {
    match column {
        Column::ByRow(values) => dot(&eq_table(&point.row), values),
        Column::ByColumn(values) => dot(&eq_table(&point.column), values),
        Column::Inside {
            rows,
            by_column,
            beyond,
        } => {
            let inside = dot(&eq_table(&point.column), by_column);
            *beyond + eq_below(&point.row, *rows) * (inside - beyond)
        }
        Column::Full(_) | Column::Row(_) | Column::Product { .. } => Field::default(),
    }
}

/// A secret column at a point, as `left^T M right`.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) matrix: Matrix,
    pub(crate) key: Key,
    pub(crate) width: usize,
    pub(crate) left: Vec<Field>,
    pub(crate) right: Vec<Field>,
}

/// Openings with the same key share a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Full(usize),
    Row(usize),
    Product(Matrix),
}

/// Return how the value of a secret column at a point is opened; None for a public one.
pub(crate) fn open_column(
    system: &System,
    column: &Column,
    point: &Point,
) -> Result<Option<Opening>, ProofError> {
    Ok(match column {
        Column::Full(matrix) => Some(open_vector(
            *matrix,
            system.shape(*matrix)?,
            &point.all(),
            Key::Full,
        )),
        Column::Row(matrix) => Some(open_vector(
            *matrix,
            system.shape(*matrix)?,
            &point.row,
            Key::Row,
        )),
        Column::Product {
            matrix,
            row,
            functional,
        } => Some(open_product(
            *matrix,
            system.shape(*matrix)?,
            *row,
            functional,
            point,
        )),
        Column::ByRow(_) | Column::ByColumn(_) | Column::Inside { .. } => None,
    })
}

fn open_vector(
    matrix: Matrix,
    shape: MatrixShape,
    point: &[Field],
    key: impl Fn(usize) -> Key,
) -> Opening {
    let width = shape.width.min(1 << point.len());
    let (high, low) = point.split_at(point.len() - log(width));
    Opening {
        matrix,
        key: key(width),
        width,
        left: eq_table(high),
        right: eq_table(low),
    }
}

fn open_product(
    matrix: Matrix,
    shape: MatrixShape,
    row: usize,
    functional: &Functional,
    point: &Point,
) -> Opening {
    let width = shape.width.min(row << point.row.len());
    let (high, low) = point.row.split_at(point.row.len() - log(width / row));
    let combination = combine_columns(functional, row, &point.column);
    let right = eq_table(low)
        .iter()
        .flat_map(|inside| combination.iter().map(move |value| *inside * value))
        .collect();
    Opening {
        matrix,
        key: Key::Product(matrix),
        width,
        left: eq_table(high),
        right,
    }
}

/// `f_j = sum_k eq(s)_k B_kj`, `row` numbers.
fn combine_columns(functional: &Functional, row: usize, point: &[Field]) -> Vec<Field> {
    let mut sums = vec![Field::default(); row];
    match functional {
        Functional::Same(values) => {
            sums.iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum = *value);
        }
        Functional::Each(lists) => {
            for (eq, list) in eq_table(point).iter().zip(lists) {
                for (sum, &value) in sums.iter_mut().zip(list) {
                    *sum += *eq * Field::from(value);
                }
            }
        }
        Functional::Stride { step, offset } => {
            let places = sums.iter_mut().skip(*offset).step_by((*step).max(1));
            places.zip(eq_table(point)).for_each(|(sum, eq)| *sum = eq);
        }
    }
    sums
}

/// log2 of a power of two.
pub(crate) fn log(number: usize) -> usize {
    number.trailing_zeros() as usize
}

/// A secret vector that is opened against a public one.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its length: whatever its commitments hold beyond must be zero.
    pub(crate) length: usize,
    /// Entries in a row of its matrices.
    pub(crate) width: usize,
    /// The vector is the sum of `coefficient times row` over the rows of these matrices.
    pub(crate) rows: Vec<(Matrix, Vec<Field>)>,
    /// The public vector, W entries once it is extended.
    pub(crate) functional: Vec<Field>,
    /// Claim and weight of each committed value that counts here.
    pub(crate) claims: Vec<(usize, Field)>,
}

/// The challenges of step 9.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimChallenges {
    /// Separates claims.
    pub(crate) gamma: Field,
    /// Separates the places beyond the sources.
    pub(crate) beyond: Field,
}

/// Return the sources in the order of step 9, extended to W places, and the number of claims.
pub(crate) fn sources(
    system: &System,
    domains: &[(Expanded, Point)],
    table_point: &[Field],
    early: &EarlyChallenges,
    challenges: ClaimChallenges,
) -> Result<(Vec<Source>, usize), ProofError> {
    let (mut list, count) = claimed_sources(system, domains, table_point, early, challenges.gamma)?;
    let width = list
        .iter()
        .map(|source| source.length)
        .max()
        .unwrap_or(1)
        .next_power_of_two();
    let mut powers = powers(challenges.beyond, list.len() * width).into_iter();
    for source in &mut list {
        // Source j gets beyond^(j W + t) in the places t from its length on.
        let own = powers.by_ref().take(width).skip(source.length);
        source.functional.truncate(source.length);
        source.functional.extend(own);
    }
    Ok((list, count))
}

fn claimed_sources(
    system: &System,
    domains: &[(Expanded, Point)],
    table_point: &[Field],
    early: &EarlyChallenges,
    gamma: Field,
) -> Result<(Vec<Source>, usize), ProofError> {
    let columns = domains
        .iter()
        .map(|(domain, _)| domain.secret_columns().count());
    let products = system.domains.iter().map(|domain| domain.products.len());
    let lookups = usize::from(system.has_lookups());
    let count = columns.sum::<usize>() + lookups + products.sum::<usize>();
    let mut weights = powers(gamma, count).into_iter().enumerate();
    let mut list = Vec::new();
    for (domain, point) in domains {
        list.extend(domain_sources(system, domain, point, &mut weights)?);
    }
    if system.has_lookups() {
        let shape = system.shape(Matrix::Multiplicities)?;
        let opening = open_vector(Matrix::Multiplicities, shape, table_point, Key::Full);
        let claim = next(&mut weights)?;
        list.push(Source {
            length: opening.width,
            width: opening.width,
            rows: vec![(Matrix::Multiplicities, scale(&opening.left, claim.1))],
            functional: opening.right,
            claims: vec![claim],
        });
    }
    for (domain, points) in system.domains.iter().zip(&early.points) {
        for (product, (class, feature)) in domain.products.iter().zip(points) {
            let claim = next(&mut weights)?;
            let mut features = eq_table(feature);
            features.truncate(product.columns);
            let mut classes = eq_table(class);
            classes.truncate(product.classes);
            let flat: Vec<Field> = classes
                .iter()
                .flat_map(|class| {
                    features
                        .iter()
                        .map(move |feature| claim.1 * class * feature)
                })
                .collect();
            list.extend(result_sources(
                product.result,
                system.shape(product.result)?,
                &flat,
                claim,
            ));
        }
    }
    Ok((list, count))
}

fn next(weights: &mut impl Iterator<Item = (usize, Field)>) -> Result<(usize, Field), ProofError> {
    weights
        .next()
        .ok_or(ProofError::System("more claims than were counted"))
}

fn scale(values: &[Field], factor: Field) -> Vec<Field> {
    values.iter().map(|value| factor * value).collect()
}

fn domain_sources(
    system: &System,
    domain: &Expanded,
    point: &Point,
    weights: &mut impl Iterator<Item = (usize, Field)>,
) -> Result<Vec<Source>, ProofError> {
    let mut vectors: Vec<(Key, Source)> = Vec::new();
    let mut products: Vec<(Key, Source)> = Vec::new();
    for (_, column) in domain.secret_columns() {
        let claim = next(weights)?;
        let Some(opening) = open_column(system, column, point)? else {
            continue;
        };
        let is_product = matches!(opening.key, Key::Product(_));
        let list = if is_product {
            &mut products
        } else {
            &mut vectors
        };
        let known = list.iter_mut().find(|(key, _)| *key == opening.key);
        match known {
            Some((_, source)) if is_product => {
                let added = source.functional.iter_mut().zip(&opening.right);
                added.for_each(|(sum, right)| *sum += claim.1 * right);
                source.claims.push(claim);
            }
            Some((_, source)) => {
                source
                    .rows
                    .push((opening.matrix, scale(&opening.left, claim.1)));
                source.claims.push(claim);
            }
            None => {
                let (left, right) = if is_product {
                    (opening.left, scale(&opening.right, claim.1))
                } else {
                    (scale(&opening.left, claim.1), opening.right)
                };
                let source = Source {
                    length: opening.width,
                    width: opening.width,
                    rows: vec![(opening.matrix, left)],
                    functional: right,
                    claims: vec![claim],
                };
                list.push((opening.key, source));
            }
        }
    }
    Ok(vectors
        .into_iter()
        .chain(products)
        .map(|(_, source)| source)
        .collect())
}

/// One source for each commitment of a result; the committed value counts in the first.
fn result_sources(
    matrix: Matrix,
    shape: MatrixShape,
    functional: &[Field],
    claim: (usize, Field),
) -> Vec<Source> {
    let width = shape.width.min(shape.entries.next_power_of_two());
    let one = Field::from(1_u64);
    let rows = functional.chunks(shape.width).enumerate();
    rows.map(|(row, part)| {
        let mut coefficients = vec![Field::default(); row];
        coefficients.push(one);
        let claims = if row == 0 { vec![claim] } else { Vec::new() };
        Source {
            length: part.len(),
            width,
            rows: vec![(matrix, coefficients)],
            functional: part.to_vec(),
            claims,
        }
    })
    .collect()
}
