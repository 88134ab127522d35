//! What 64 proofs of one statement look like. Seeds are fixed; thresholds would be passed by chance with less than 1e-9.

// Helpers of tests may panic as tests do.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use cotrain_argument::field::{from_canonical, from_wide, to_bytes, to_scalar};
use cotrain_argument::{FORMAT, Field, Values, dot, eq_table, prove, value_generator};
use cotrain_commitment::generators;
use cotrain_transcript::testing::{Rules, Said, under};
use curve25519_dalek::RistrettoPoint;
use support::{Case, everything, four_small_entries, labels, transcript};

const PROOFS: u8 = 64;

/// A proof with entropy of its own, and what was said.
fn fresh(case: &Case, seed: u8) -> (Vec<u8>, Vec<Said>) {
    let entropy = [seed; 32];
    under(Rules::default(), || {
        prove(
            &case.system,
            transcript(),
            &case.inputs(),
            &case.witness,
            &entropy,
        )
        .unwrap()
    })
}

fn elements(proof: &[u8]) -> Vec<[u8; 32]> {
    let (elements, _) = proof[FORMAT.len()..].as_chunks();
    elements.to_vec()
}

fn proofs(case: &Case) -> Vec<Vec<[u8; 32]>> {
    (0..PROOFS)
        .map(|seed| elements(&fresh(case, seed).0))
        .collect()
}

fn scalar_places(case: &Case) -> Vec<usize> {
    let log = fresh(case, 0).1;
    let labels = labels(&log).into_iter().enumerate();
    labels
        .filter(|(_, label)| label.ends_with(b"response"))
        .map(|(place, _)| place)
        .collect()
}

fn chi_square(bytes: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.for_each(|byte| counts[usize::from(byte)] += 1);
    let expected = f64::from(counts.iter().sum::<u32>()) / 256.0;
    let squares = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2));
    squares.sum::<f64>() / expected
}

/// Of 255 degrees of freedom; passed by chance with about 1e-14, for each place.
const MOST: f64 = 470.0;

#[test]
fn bytes_are_uniform_in_every_place_and_no_element_comes_twice() {
    let case = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    let proofs = proofs(&case);
    let scalars = scalar_places(&case);
    let count = proofs[0].len();
    for place in 0..count {
        // The top bits of scalars and points are 0, the lowest bit of points too.
        let inner = proofs
            .iter()
            .flat_map(|proof| proof[place][1..31].iter().copied());
        let found = chi_square(inner);
        assert!(found < MOST, "element {place}: {found}");
    }
    for &place in &scalars {
        let low = proofs
            .iter()
            .flat_map(|proof| proof[place][..31].iter().copied());
        let found = chi_square(low);
        assert!(found < MOST, "scalar {place}: {found}");
        assert!(proofs.iter().all(|proof| proof[place][31] <= 0x10));
    }
    // The same over all scalars of a byte.
    for byte in 0..31 {
        let all = proofs
            .iter()
            .flat_map(|proof| scalars.iter().map(|&place| proof[place][byte]));
        let found = chi_square(all);
        assert!(found < MOST, "byte {byte}: {found}");
    }
    let all: HashSet<[u8; 32]> = proofs.iter().flatten().copied().collect();
    assert_eq!(all.len(), usize::from(PROOFS) * count);
}

/// A number of 0..l as a part of 1.
fn fraction(bytes: &[u8; 32]) -> f64 {
    let top = u32::from_le_bytes(bytes[28..].try_into().unwrap());
    f64::from(top) / f64::from(1_u32 << 28)
}

#[test]
fn two_datasets_with_one_statement_look_alike() {
    let means = |values, rows| {
        let case = four_small_entries(values, rows);
        let proofs = proofs(&case);
        let mean = |place: usize| {
            proofs
                .iter()
                .map(|proof| fraction(&proof[place]))
                .sum::<f64>()
                / f64::from(PROOFS)
        };
        scalar_places(&case)
            .into_iter()
            .map(mean)
            .collect::<Vec<f64>>()
    };
    let (ones, mixed) = (means([3; 4], [3; 4]), means([0, 1, 0, 2], [0, 1, 0, 2]));
    // One standard deviation of a mean is 0.036, of a difference 0.051: eight of them.
    for (place, (left, right)) in ones.iter().zip(&mixed).enumerate() {
        assert!((left - 0.5).abs() < 0.29, "scalar {place}: {left}");
        assert!(
            (left - right).abs() < 0.41,
            "scalar {place}: {left} {right}"
        );
    }
}

#[test]
fn one_entropy_for_two_statements_or_witnesses_shares_no_element() {
    let mut left = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    let right = four_small_entries([3, 0, 1, 2], [3, 0, 1, 2]);
    let mut seen: HashSet<[u8; 32]> = elements(&left.prove()).into_iter().collect();
    let mut count = seen.len();
    let mut add = |case: &Case| {
        seen.extend(elements(&case.prove()));
        count += elements(&case.prove()).len();
        assert_eq!(seen.len(), count);
    };
    add(&right);
    // Only a blinding, and so the point, differs.
    let opening = &mut left.witness.inputs[0];
    opening.blindings[0] += Field::from(1_u64);
    left.points = vec![commit(&left)];
    add(&left);
}

fn commit(case: &Case) -> Vec<u8> {
    let Values::Small(values) = &case.witness.inputs[0].values else {
        panic!("small values");
    };
    let blinding = to_scalar(&case.witness.inputs[0].blindings[0]);
    cotrain_commitment::encode_points(
        &cotrain_commitment::commit_rows(values, 4, &[blinding]).unwrap(),
    )
}

fn drawn(log: &[Said], label: &[u8]) -> Vec<Field> {
    let all = log.iter().filter_map(|said| match said {
        Said::Drawn(other, bytes) if *other == label => Some(from_wide(bytes)),
        _ => None,
    });
    all.collect()
}

fn small(values: &Values) -> Vec<i64> {
    match values {
        Values::Small(values) => values.clone(),
        Values::Rows(rows) => {
            let lines = rows.values.chunks(rows.columns);
            lines
                .flat_map(|line| line.iter().map(|&x| i64::from(x)).chain([0]))
                .collect()
        }
        Values::Field(_) => vec![],
    }
}

/// Every number that the proof must hide: entries, blindings, helpers, columns and matrices at points.
fn secrets(case: &Case, log: &[Said]) -> Vec<Field> {
    let mut list = Vec::new();
    for opening in &case.witness.inputs {
        list.extend(&opening.blindings);
    }
    let matrices = case.witness.inputs.iter().map(|input| &input.values);
    let matrices: Vec<Vec<Field>> = matrices
        .chain(&case.witness.witnesses)
        .map(|values| small(values).into_iter().map(Field::from).collect())
        .collect();
    list.extend(matrices.iter().flatten());
    let table = &case.system.table;
    let mut counts = vec![0_u64; table.rows()];
    for row in case.witness.lookups.iter().flatten().flatten() {
        counts[*row as usize] += 1;
    }
    let counts: Vec<Field> = counts.into_iter().map(Field::from).collect();
    list.extend(&counts);
    let challenges = drawn(log, b"r");
    let variables = case.system.domains[0].variables();
    let (point, rest) = challenges.split_at(variables);
    let logarithm = table.rows().next_power_of_two().trailing_zeros() as usize;
    let (table_point, end) = rest.split_at(logarithm);
    list.push(dot(&eq_table(table_point), &counts));
    let rows = &point[..case.system.domains[0].row_variables];
    for matrix in &matrices {
        for place in [point, rows, end] {
            // The matrix, and each of its columns when rows have 2 or 4 entries.
            list.push(dot(&eq_table(place), matrix));
            for (step, offset) in [(2, 0), (2, 1), (4, 0), (4, 1), (4, 2), (4, 3)] {
                let column: Vec<Field> =
                    matrix.iter().skip(offset).step_by(step).copied().collect();
                list.push(dot(&eq_table(place), &column));
            }
        }
    }
    // Helpers: the sum of inverses of fingerprints, in every place.
    let betas: Vec<Field> = cotrain_argument::field::powers(drawn(log, b"beta")[0], table.arity);
    let alpha = drawn(log, b"alpha")[0];
    let inverse = |row: &[Field]| {
        let number = alpha + dot(row, &betas);
        from_canonical(&to_scalar(&number).invert().to_bytes()).unwrap()
    };
    let inverses: Vec<Field> = table.values.chunks(table.arity).map(inverse).collect();
    for lookups in &case.witness.lookups[0] {
        let helper: Vec<Field> = lookups.iter().map(|row| inverses[*row as usize]).collect();
        list.push(helper.iter().sum());
        list.push(dot(&eq_table(point), &helper));
        list.extend(helper);
    }
    list
}

#[test]
fn no_element_is_a_secret_number_or_a_commitment_without_blinding() {
    for case in [
        four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]),
        everything(5, 16),
    ] {
        for seed in 0..4 {
            let (proof, log) = fresh(&case, seed);
            let elements: HashSet<[u8; 32]> = elements(&proof).into_iter().collect();
            let base = generators(1).unwrap()[0];
            for secret in secrets(&case, &log) {
                let scalar = to_scalar(&secret);
                let unblinded: [RistrettoPoint; 2] = [value_generator() * scalar, base * scalar];
                assert!(!elements.contains(&to_bytes(&secret)));
                assert!(!elements.contains(&to_bytes(&-secret)));
                for point in unblinded {
                    assert!(!elements.contains(&point.compress().to_bytes()));
                }
            }
        }
    }
}

#[test]
fn no_rows_are_found_in_a_proof() {
    let case = everything(5, 16);
    let Values::Rows(rows) = &case.witness.inputs[0].values else {
        panic!("rows");
    };
    let bytes: Vec<u8> = rows.values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let wide: Vec<u8> = rows
        .values
        .iter()
        .flat_map(|x| i64::from(*x).to_le_bytes())
        .collect();
    for seed in 0..8 {
        let (proof, _) = fresh(&case, seed);
        for text in [&bytes, &wide] {
            for part in text.windows(12) {
                assert!(!proof.windows(12).any(|window| window == part));
            }
        }
    }
}
