//! A proof is about one statement and these commitments: with any number or point changed it is refused.

// Helpers of tests may panic as tests do.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use cotrain_argument::ProofError;
use cotrain_statements::{
    DatasetStatement, FeatureKind, GradientStatement, ModelKind, Segment, StatementError,
    UpdatePoints, UpdateStatement,
};
use curve25519_dalek::ristretto::CompressedRistretto;
use support::{Owner, Shape, Submission, thresholds};

fn mixed(kind: ModelKind) -> Owner {
    let classes = if kind == ModelKind::Softmax { 3 } else { 1 };
    Owner::new(Shape {
        rows: 3,
        kind,
        classes,
        ..Shape::mixed()
    })
}

/// Points negated, one by one.
fn negated(points: &[u8]) -> Vec<u8> {
    let negate = |encoding: &[u8]| {
        let point = CompressedRistretto::from_slice(encoding).unwrap();
        (-point.decompress().unwrap()).compress().to_bytes()
    };
    points.chunks(32).flat_map(negate).collect()
}

/// Other points in the place of these: another party's, their inverses, the identity, one of them moved.
fn replacements(points: &[u8], foreign: &[u8]) -> Vec<Vec<u8>> {
    let mut list = vec![negated(points), vec![0; points.len()]];
    if foreign.len() == points.len() && foreign != points {
        list.extend([foreign.to_vec(), negated(foreign)]);
    }
    let mut moved = points.to_vec();
    let first = CompressedRistretto::from_slice(&points[..32]).unwrap();
    let first = first.decompress().unwrap() + cotrain_commitment::blinding_generator();
    moved[..32].copy_from_slice(first.compress().as_bytes());
    list.push(moved);
    list
}

/// Refused by the argument, not for the shape of the statement.
fn refused<T: std::fmt::Debug>(verdict: Result<T, StatementError>, what: &str) {
    match verdict {
        Err(StatementError::Proof(ProofError::False | ProofError::Length { .. })) => {}
        other => panic!("{what}: {other:?}"),
    }
}

fn check_dataset(
    statement: &DatasetStatement,
    points: &[u8],
    proof: &[u8],
) -> Result<(), StatementError> {
    Ok(statement.reduce(points, proof)?.check()?)
}

type DatasetChange = (&'static str, fn(&mut DatasetStatement));

#[test]
fn every_number_of_a_dataset_statement_is_bound() {
    let owner = mixed(ModelKind::Logistic);
    let mut statement = owner.dataset(0);
    // The last segment of a larger dataset, so that it can be moved.
    statement.segment.rows += 8192;
    statement.segment.first = 8192;
    let (points, blindings) = owner.commit(&owner.dataset(0).segment);
    let proof = statement
        .prove(&owner.rows, &points, &blindings, &[1; 32])
        .unwrap();
    assert_eq!(check_dataset(&statement, &points, &proof), Ok(()));
    let changes: [DatasetChange; 12] = [
        ("context", |s| s.context[0] ^= 1),
        ("context longer", |s| s.context.push(0)),
        ("context empty", |s| s.context.clear()),
        ("a segment of another dataset", |s| {
            (s.segment.rows, s.segment.first) = (3, 0);
        }),
        ("a later segment", |s| {
            (s.segment.rows, s.segment.first) = (16387, 16384);
        }),
        ("row bits", |s| s.row_bits += 1),
        ("scale", |s| s.feature_scale += 1),
        ("least label", |s| s.labels.0 -= 1),
        ("largest label", |s| s.labels.1 += 1),
        ("kinds", |s| s.kinds[0] = FeatureKind::Flag),
        ("groups", |s| s.groups.fill(0)),
        ("groups swapped", |s| {
            let end = s.groups.len();
            s.groups[end - 3] = 1;
            s.groups[end - 4] = 2;
            s.groups[end - 6] = 0;
        }),
    ];
    for (what, change) in changes {
        let mut other = statement.clone();
        change(&mut other);
        assert_ne!(other, statement);
        refused(check_dataset(&other, &points, &proof), what);
    }
    let mut narrower = statement.clone();
    narrower.segment.columns -= 1;
    narrower.kinds.pop();
    narrower.groups.pop();
    refused(check_dataset(&narrower, &points, &proof), "columns");
    let foreign = mixed(ModelKind::Linear).commit(&owner.dataset(0).segment).0;
    for other in replacements(&points, &foreign) {
        refused(check_dataset(&statement, &other, &proof), "points");
    }
}

#[test]
fn rows_and_commitments_have_an_order() {
    let owner = Owner::new(Shape {
        rows: 128,
        ..Shape::mixed()
    });
    let statement = owner.dataset(0);
    let (points, blindings) = owner.commit(&statement.segment);
    assert_eq!(points.len(), 64);
    let proof = statement
        .prove(&owner.rows, &points, &blindings, &[1; 32])
        .unwrap();
    assert_eq!(check_dataset(&statement, &points, &proof), Ok(()));
    let swapped = [&points[32..], &points[..32]].concat();
    refused(
        check_dataset(&statement, &swapped, &proof),
        "commitments swapped",
    );
    let mut other = Owner::new(owner.shape);
    let columns = other.columns();
    (0..columns).for_each(|column| other.rows.swap(column, columns + column));
    let (points, _) = other.commit(&statement.segment);
    refused(check_dataset(&statement, &points, &proof), "rows swapped");
}

struct Made {
    statement: GradientStatement,
    points: Vec<u8>,
    result: Vec<u8>,
    proof: Vec<u8>,
}

impl Made {
    /// Of the last rows of a larger dataset.
    fn of(owner: &Owner) -> Self {
        let mut statement = owner.gradient(0);
        let (points, blindings) = owner.commit(&statement.segment);
        statement.segment.rows += 8192;
        statement.segment.first = 8192;
        let rows = statement.result_shape().rows();
        let fresh = cotrain_commitment::derive_blindings(&[4; 32], b"gradient", rows);
        let made = statement.prove(&owner.rows, &points, &blindings, &fresh, &[2; 32]);
        let made = made.unwrap();
        Self {
            statement,
            points,
            result: made.points,
            proof: made.proof,
        }
    }

    fn check(&self, statement: &GradientStatement) -> Result<(), StatementError> {
        Ok(statement
            .reduce(&self.points, &self.result, &self.proof)?
            .check()?)
    }
}

type GradientChange = (&'static str, fn(&mut GradientStatement));

const GRADIENT_CHANGES: [GradientChange; 10] = [
    ("context", |s| s.context[3] ^= 1),
    ("another round", |s| s.context.push(1)),
    ("a segment of another dataset", |s| {
        (s.segment.rows, s.segment.first) = (3, 0);
    }),
    ("row bits", |s| s.model.row_bits -= 1),
    ("residual bits", |s| s.model.residual_bits -= 1),
    ("margin shift", |s| s.model.margin_shift += 1),
    ("first weight", |s| s.model.weights[0] += 1),
    ("last weight", |s| {
        *s.model.weights.last_mut().unwrap() -= 1;
    }),
    ("no weights", |s| s.model.weights.fill(0)),
    ("fewer features", |s| {
        // Another column of padding; weights are cut class by class.
        let (features, classes) = (s.model.features, s.model.classes);
        s.segment.columns -= 1;
        s.model.features -= 1;
        let lines = s.model.weights.chunks(features).take(classes);
        s.model.weights = lines
            .flat_map(|line| line[..features - 1].to_vec())
            .collect();
    }),
];

#[test]
fn every_number_of_a_gradient_statement_is_bound() {
    for kind in [ModelKind::Linear, ModelKind::Logistic, ModelKind::Softmax] {
        let made = Made::of(&mixed(kind));
        assert_eq!(made.check(&made.statement), Ok(()));
        let changed = |what: &str, change: &dyn Fn(&mut GradientStatement)| {
            let mut other = made.statement.clone();
            change(&mut other);
            assert_ne!(other, made.statement, "{what}");
            refused(made.check(&other), what);
        };
        for (what, change) in GRADIENT_CHANGES {
            changed(what, &change);
        }
        if kind == ModelKind::Linear {
            changed("index limit", &|s| s.model.index_limit -= 1);
        } else {
            changed("index limit and table", &|s| {
                s.model.index_limit -= 1;
                s.model.table.truncate(s.model.table.len() - 2);
            });
            for place in [0, 2048, 4096] {
                changed("a number of the table", &|s| s.model.table[place] += 1);
            }
            changed("the name of the table", &|s| s.model.table_name[31] ^= 1);
        }
        if kind == ModelKind::Softmax {
            changed("classes", &|s| {
                s.model.classes += 1;
                s.model.weights.extend(vec![0; s.model.features]);
            });
        }
    }
}

#[test]
fn a_gradient_of_another_model_kind_is_refused() {
    let made = Made::of(&mixed(ModelKind::Logistic));
    let mut other = made.statement.clone();
    other.model.kind = ModelKind::Linear;
    other.model.table.clear();
    other.model.table_name.clear();
    refused(made.check(&other), "kind");
}

#[test]
fn every_point_of_a_gradient_statement_is_bound() {
    let owner = mixed(ModelKind::Logistic);
    let made = Made::of(&owner);
    let mut rows = mixed(ModelKind::Logistic);
    rows.rows[0] += 1;
    let foreign = Made::of(&rows);
    for points in replacements(&made.points, &foreign.points) {
        refused(
            Made {
                points,
                ..clone(&made)
            }
            .check(&made.statement),
            "rows",
        );
    }
    for result in replacements(&made.result, &foreign.result) {
        refused(
            Made {
                result,
                ..clone(&made)
            }
            .check(&made.statement),
            "gradient",
        );
    }
    let proof = foreign.proof.clone();
    refused(
        Made {
            proof,
            ..clone(&made)
        }
        .check(&made.statement),
        "another party's proof",
    );
}

fn clone(made: &Made) -> Made {
    Made {
        statement: made.statement.clone(),
        points: made.points.clone(),
        result: made.result.clone(),
        proof: made.proof.clone(),
    }
}

fn gradient_sum(submission: &Submission) -> Vec<u8> {
    let lists: Vec<&[u8]> = submission
        .gradients
        .iter()
        .map(|(points, _)| points.as_slice())
        .collect();
    cotrain_commitment::sum_commitments(&lists, 1).unwrap()
}

fn check_update(
    statement: &UpdateStatement,
    submission: &Submission,
    points: [&[u8]; 3],
) -> Result<(), StatementError> {
    let [gradient, update, words] = points;
    let points = UpdatePoints {
        gradient,
        update,
        words,
    };
    Ok(statement
        .reduce(points, &submission.update_proof)?
        .check()?)
}

type UpdateChange = (&'static str, fn(&mut UpdateStatement));

const UPDATE_CHANGES: [UpdateChange; 6] = [
    ("context", |s| s.context[0] ^= 0x80),
    ("entries", |s| s.entries -= 1),
    ("one entry more", |s| s.entries += 1),
    ("shift", |s| s.shift += 1),
    ("a larger bound", |s| s.bound_bits += 1),
    ("a smaller bound", |s| s.bound_bits -= 8),
];

const NOISE_CHANGES: [UpdateChange; 4] = [
    ("coins", |s| s.noise.as_mut().unwrap().coins[31] ^= 1),
    ("the name of the noise table", |s| {
        s.noise.as_mut().unwrap().table_name[0] ^= 1;
    }),
    ("the noise table", |s| {
        let table = &mut s.noise.as_mut().unwrap().thresholds;
        let last = table.len() - 1;
        table[1] += 1;
        table[last] -= 1;
    }),
    ("no noise", |s| s.noise = None),
];

#[test]
fn every_number_and_point_of_an_update_statement_is_bound() {
    for (shift, noise) in [(9, true), (0, true), (9, false), (0, false)] {
        let shape = Shape {
            rows: 2,
            shift,
            noise,
            ..Shape::mixed()
        };
        let owner = Owner::new(shape);
        let submission = owner.submission();
        let gradient = gradient_sum(&submission);
        let points: [&[u8]; 3] = [&gradient, &submission.update, &submission.words];
        let statement = owner.update();
        assert_eq!(check_update(&statement, &submission, points), Ok(()));
        let noise_changes = NOISE_CHANGES.iter().filter(|_| noise);
        for (what, change) in UPDATE_CHANGES.iter().chain(noise_changes) {
            if shift == 0 && what.contains("bound") {
                continue; // absorbed, see `malicious::fields`, and it bounds nothing
            }
            let mut other = statement.clone();
            change(&mut other);
            refused(check_update(&other, &submission, points), what);
        }
        let mut rows = Owner::new(shape);
        rows.rows[1] += 1;
        let foreign = rows.submission();
        let theirs = gradient_sum(&foreign);
        let theirs: [&[u8]; 3] = [&theirs, &foreign.update, &foreign.words];
        for input in 0..if noise { 3 } else { 2 } {
            for other in replacements(points[input], theirs[input]) {
                let mut changed = points;
                changed[input] = &other;
                refused(check_update(&statement, &submission, changed), "points");
            }
        }
        let [gradient, update, words] = points;
        refused(
            check_update(&statement, &submission, [update, gradient, words]),
            "points swapped",
        );
        refused(
            check_update(&statement, &foreign, points),
            "another party's proof",
        );
        assert_eq!(thresholds().len(), 7);
    }
}

#[test]
fn proofs_of_other_statements_are_refused() {
    let owner = mixed(ModelKind::Logistic);
    let dataset = owner.dataset(0);
    let (points, blindings) = owner.commit(&dataset.segment);
    let registered = dataset
        .prove(&owner.rows, &points, &blindings, &[1; 32])
        .unwrap();
    let made = Made::of(&owner);
    refused(
        check_dataset(&dataset, &points, &made.proof),
        "a gradient's proof",
    );
    let proof = registered;
    refused(
        Made {
            proof,
            ..clone(&made)
        }
        .check(&made.statement),
        "a dataset's proof",
    );
    let segment = Segment {
        ..made.statement.segment
    };
    assert_eq!(segment.count, dataset.segment.count);
}
