//! S9 from outside: a removed row is proven, and nothing else than exactly that row can be changed.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use cotrain_argument::Equation;
use cotrain_commitment::{Blindings, commit_rows, derive_blindings, encode_points};
use cotrain_statements::{RemovalPoints, RemovalStatement, RemovalWitness, StatementError};

const WIDTH: usize = 1024;
const FRESH: [u8; 32] = [9; 32];

fn statement(padded: usize, row: usize) -> RemovalStatement {
    RemovalStatement {
        context: b"run owner row".to_vec(),
        width: WIDTH,
        padded,
        row,
    }
}

fn rows(count: usize) -> Vec<i64> {
    let values = (0..count).map(|place| i64::try_from((place * 7919 + 13) % 2001).unwrap() - 1000);
    values.collect()
}

fn commit(values: &[i64], label: &[u8]) -> (Vec<u8>, Blindings) {
    let blindings = derive_blindings(&[7; 32], label, 1);
    (
        encode_points(&commit_rows(values, WIDTH, &blindings).unwrap()),
        blindings,
    )
}

/// Prove that `after` is `before` without a row, and verify.
fn judge(claim: &RemovalStatement, before: &[i64], after: &[i64]) -> Result<(), StatementError> {
    let (old, old_secret) = commit(before, b"before");
    let (new, new_secret) = commit(after, b"after");
    let points = RemovalPoints {
        before: &old,
        after: &new,
    };
    let witness = RemovalWitness {
        values: before,
        before: old_secret[0],
        after: new_secret[0],
    };
    let proof = claim.prove(points, &witness, &FRESH)?;
    assert_eq!(proof.len(), claim.proof_bytes()?);
    let equation = claim.reduce(points, &proof)?;
    Ok(Equation::check_all(&[equation])?)
}

fn without(values: &[i64], padded: usize, row: usize) -> Vec<i64> {
    let mut left = values.to_vec();
    let end = ((row + 1) * padded).min(left.len());
    left[row * padded..end].fill(0);
    left
}

#[test]
fn any_row_can_be_removed_whatever_its_place_and_width() {
    for (padded, row, count) in [
        (2, 0, WIDTH),
        (32, 31, WIDTH),
        (16, 3, 80),
        (WIDTH, 0, WIDTH),
    ] {
        let before = rows(count);
        judge(
            &statement(padded, row),
            &before,
            &without(&before, padded, row),
        )
        .unwrap();
    }
}

#[test]
fn nothing_else_can_be_changed() {
    let (padded, row) = (16, 3);
    let before = rows(160);
    let honest = without(&before, padded, row);
    for (place, value) in [(0, 1), (47, 1), (64, -1), (159, 1), (48, 5), (63, -2)] {
        let mut changed = honest.clone();
        changed[place] += value;
        assert!(
            judge(&statement(padded, row), &before, &changed).is_err(),
            "entry {place}"
        );
    }
    assert!(
        judge(&statement(padded, row), &before, &before).is_err(),
        "nothing removed"
    );
    let other = without(&before, padded, row + 1);
    assert!(
        judge(&statement(padded, row), &before, &other).is_err(),
        "another row"
    );
}

#[test]
fn an_entry_beyond_the_rows_cannot_be_smuggled_in() {
    let before = rows(80);
    let mut after = without(&before, 16, 0);
    after.push(1);
    assert!(judge(&statement(16, 0), &before, &after).is_err());
}

#[test]
fn a_proof_is_for_its_context_row_and_points() {
    let before = rows(160);
    let (old, old_secret) = commit(&before, b"before");
    let (new, new_secret) = commit(&without(&before, 16, 3), b"after");
    let points = RemovalPoints {
        before: &old,
        after: &new,
    };
    let witness = RemovalWitness {
        values: &before,
        before: old_secret[0],
        after: new_secret[0],
    };
    let claim = statement(16, 3);
    let proof = claim.prove(points, &witness, &FRESH).unwrap();
    let holds = |claim: &RemovalStatement, points| {
        claim
            .reduce(points, &proof)
            .is_ok_and(|equation| Equation::check_all(&[equation]).is_ok())
    };
    assert!(holds(&claim, points));
    assert!(!holds(
        &RemovalStatement {
            context: b"another".to_vec(),
            ..claim.clone()
        },
        points
    ));
    assert!(!holds(
        &RemovalStatement {
            row: 2,
            ..claim.clone()
        },
        points
    ));
    assert!(!holds(
        &RemovalStatement {
            padded: 8,
            ..claim.clone()
        },
        points
    ));
    assert!(!holds(
        &claim,
        RemovalPoints {
            before: &new,
            after: &old
        }
    ));
    assert!(!holds(
        &claim,
        RemovalPoints {
            before: &old,
            after: &old
        }
    ));
}

#[test]
fn shapes_that_no_dataset_has_are_refused() {
    let wrong = [
        (1000, 16, 0),
        (WIDTH, 12, 0),
        (WIDTH, 16, 64),
        (WIDTH, 2048, 0),
        (1 << 17, 16, 0),
        (WIDTH, 0, 0),
    ];
    for (width, padded, row) in wrong {
        let claim = RemovalStatement {
            width,
            padded,
            row,
            context: Vec::new(),
        };
        assert!(claim.proof_bytes().is_err(), "{width} {padded} {row}");
    }
    let long = rows(WIDTH + 1);
    let (old, secret) = commit(&rows(WIDTH), b"before");
    let witness = RemovalWitness {
        values: &long,
        before: secret[0],
        after: secret[0],
    };
    let points = RemovalPoints {
        before: &old,
        after: &old,
    };
    assert!(statement(16, 0).prove(points, &witness, &FRESH).is_err());
}
