//! How many points and scalars a proof of a system has: lengths come from the system, never from the proof.

use crate::error::ProofError;
use crate::expansion::{EarlyChallenges, Expanded, expand};
use crate::field::Field;
use crate::folding::{DISTANCES, PARTS, UNFOLDED};
use crate::openings::{ClaimChallenges, Point, log, sources};
use crate::system::{Matrix, MatrixShape, System};
use crate::writer::FORMAT;

/// Return the number of bytes of every proof of `system`.
///
/// # Errors
/// The system contradicts itself.
pub fn proof_bytes(system: &System) -> Result<usize, ProofError> {
    system.check()?;
    Ok(FORMAT.len() + 32 * element_count(system)?)
}

/// Count the points and scalars in the order of the steps.
pub(crate) fn element_count(system: &System) -> Result<usize, ProofError> {
    let early = stand_ins(system);
    let expanded = expand(system, &early);
    let mut count = matrix_points(system)?;
    for (domain, declared) in expanded.iter().zip(&system.domains) {
        count += usize::from(!domain.groups.is_empty()) + declared.products.len();
        count += domain.variables() * domain.program.degree + domain.secret_columns().count();
        let products = domain.program.secret_products().count();
        count += products * (1 + 2 + 3); // the product, its two masks, three responses
    }
    if system.has_lookups() {
        count += 2 * log(system.table.rows().next_power_of_two()) + 1;
    }
    let (sources, width) = opened_sources(system, expanded, &early)?;
    count += 2 * log(width) + sources;
    count += if width > UNFOLDED {
        DISTANCES.len() + 1 + width / PARTS + 1
    } else {
        1 + width + 1
    };
    Ok(count)
}

fn matrix_points(system: &System) -> Result<usize, ProofError> {
    let mut count: usize = system
        .witnesses
        .iter()
        .map(|&entries| MatrixShape::witness(entries).rows())
        .sum();
    if system.has_lookups() {
        count += system.shape(Matrix::Multiplicities)?.rows();
    }
    for (index, domain) in system.domains.iter().enumerate() {
        let groups = crate::expansion::lookup_groups(domain.lookups.len()).len();
        count += groups * system.shape(Matrix::Helper(index, 0))?.rows();
    }
    Ok(count)
}

/// The number of sources, and the length of the longest.
fn opened_sources(
    system: &System,
    expanded: Vec<Expanded>,
    early: &EarlyChallenges,
) -> Result<(usize, usize), ProofError> {
    let ended: Vec<(Expanded, Point)> = expanded
        .into_iter()
        .map(|domain| {
            let point = Point::new(&numbers(domain.variables()), domain.row_variables);
            (domain, point)
        })
        .collect();
    let table = numbers(log(system.table.rows().max(1).next_power_of_two()));
    let challenges = ClaimChallenges {
        gamma: Field::from(3_u64),
        beyond: Field::from(5_u64),
    };
    let (list, _) = sources(system, &ended, &table, early, challenges)?;
    let width = list.first().map_or(1, |source| source.functional.len());
    Ok((list.len(), width))
}

/// Numbers without a pattern in the place of challenges: the shape does not depend on them.
fn stand_ins(system: &System) -> EarlyChallenges {
    let points = system.domains.iter().map(|domain| {
        let products = domain.products.iter();
        products
            .map(|product| (numbers(domain.column_variables), numbers(log(product.row))))
            .collect()
    });
    let [alpha, beta] = [0, 1].map(|index| numbers(2).get(index).copied().unwrap_or_default());
    EarlyChallenges {
        alpha,
        beta,
        points: points.collect(),
    }
}

fn numbers(count: usize) -> Vec<Field> {
    let start = crate::field::from_wide(&[0x5a; 64]);
    std::iter::successors(Some(start), |number| Some(*number * start))
        .take(count)
        .collect()
}
