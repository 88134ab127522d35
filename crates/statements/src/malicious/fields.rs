//! Every field of a statement is absorbed under its own label: leave the label out, and a statement that differs only there
//! has the same challenges; with the real transcript it has others.

use std::collections::BTreeSet;

use cotrain_transcript::Transcript;
use cotrain_transcript::testing::{Rules, Said, under};

use crate::contribution::ContributionStatement;
use crate::dataset::{DatasetStatement, FeatureKind};
use crate::gradient::{GradientStatement, Model, ModelKind};
use crate::removal::RemovalStatement;
use crate::segment::Segment;
use crate::update::{NoiseTerms, UpdateStatement};

fn challenge(transcript: impl FnOnce() -> Transcript, rules: Rules) -> [u8; 64] {
    under(rules, || transcript().challenge(b"alpha")).0
}

fn labels(transcript: impl FnOnce() -> Transcript) -> BTreeSet<&'static [u8]> {
    let log = under(Rules::default(), transcript).1;
    assert!(log.iter().all(|said| matches!(said, Said::Absorbed(..))));
    let all: BTreeSet<_> = log.iter().map(Said::label).collect();
    assert_eq!(all.len(), log.len(), "a label for each field");
    all
}

/// Changes what is absorbed under one label alone.
type Change<S> = (&'static str, fn(&mut S));

/// A change for each label; `statement`, the name, is changed by taking another statement.
fn isolate<S: Clone>(statement: &S, transcript: fn(&S) -> Transcript, changes: &[Change<S>]) {
    let mut isolated = BTreeSet::from([b"statement".as_slice()]);
    for (name, change) in changes {
        let label = name.as_bytes();
        let mut other = statement.clone();
        change(&mut other);
        let both = |rules: fn(&'static [u8]) -> Rules| {
            [statement, &other].map(|s| challenge(|| transcript(s), rules(label)))
        };
        let [mine, theirs] = both(|label| Rules::default().ignoring(label));
        assert_eq!(mine, theirs, "{name}");
        let [mine, theirs] = both(|_| Rules::default());
        assert_ne!(mine, theirs, "{name}");
        isolated.insert(label);
    }
    assert_eq!(
        isolated,
        labels(|| transcript(statement)),
        "a field without a change"
    );
}

const SEGMENT: Segment = Segment {
    rows: 3,
    columns: 4,
    first: 0,
    count: 3,
};

fn dataset() -> DatasetStatement {
    DatasetStatement {
        context: b"context".to_vec(),
        segment: SEGMENT,
        row_bits: 4,
        feature_scale: 5,
        labels: (0, 1),
        kinds: vec![FeatureKind::Numeric, FeatureKind::OneOf],
        groups: vec![0, 0],
    }
}

fn gradient() -> GradientStatement {
    GradientStatement {
        context: b"context".to_vec(),
        segment: SEGMENT,
        model: Model {
            kind: ModelKind::Linear,
            features: 3,
            classes: 1,
            row_bits: 4,
            residual_bits: 4,
            margin_shift: 10,
            index_limit: 8,
            table: vec![],
            table_name: vec![],
            weights: vec![1, 2, 3],
        },
    }
}

fn update() -> UpdateStatement {
    UpdateStatement {
        context: b"context".to_vec(),
        entries: 3,
        shift: 5,
        bound_bits: 12,
        noise: Some(NoiseTerms {
            thresholds: vec![0, 1 << 62, 3 << 62],
            table_name: [5; 32],
            coins: [6; 32],
        }),
    }
}

fn contribution() -> ContributionStatement {
    ContributionStatement {
        context: b"context".to_vec(),
        rounds: 2,
        entries: 3,
        gradients: vec![1, -2, 3, 4, -5, 6],
        shift: 5,
        noise: update().noise,
        score: -7,
    }
}

fn removal() -> RemovalStatement {
    RemovalStatement {
        context: b"context".to_vec(),
        width: 16,
        padded: 4,
        row: 1,
    }
}

#[test]
fn each_field_of_a_dataset_statement_counts() {
    isolate(
        &dataset(),
        DatasetStatement::transcript,
        &[
            ("context", |s| s.context.push(0)),
            ("rows", |s| s.segment.rows += 1),
            ("columns", |s| s.segment.columns += 1),
            ("first-row", |s| s.segment.first += 1),
            ("segment", |s| s.segment.count -= 1),
            ("row-bits", |s| s.row_bits += 1),
            ("feature-scale", |s| s.feature_scale += 1),
            ("label-low", |s| s.labels.0 -= 1),
            ("label-high", |s| s.labels.1 += 1),
            ("kinds", |s| s.kinds[0] = FeatureKind::Flag),
            ("groups", |s| s.groups[1] = 1),
        ],
    );
}

#[test]
fn each_field_of_a_gradient_statement_counts() {
    isolate(
        &gradient(),
        GradientStatement::transcript,
        &[
            ("context", |s| s.context[0] ^= 1),
            ("kind", |s| s.model.kind = ModelKind::Logistic),
            ("features", |s| s.model.features += 1),
            ("classes", |s| s.model.classes += 1),
            ("row-bits", |s| s.model.row_bits += 1),
            ("residual-bits", |s| s.model.residual_bits += 1),
            ("margin-shift", |s| s.model.margin_shift += 1),
            ("index-limit", |s| s.model.index_limit += 1),
            ("table", |s| s.model.table_name.push(0)),
            ("weights", |s| s.model.weights[2] += 1),
            ("rows", |s| s.segment.rows += 1),
            ("first-row", |s| s.segment.first += 1),
            ("segment", |s| s.segment.count -= 1),
        ],
    );
}

#[test]
fn each_field_of_an_update_statement_counts() {
    isolate(
        &update(),
        UpdateStatement::transcript,
        &[
            ("context", |s| s.context.clear()),
            ("entries", |s| s.entries += 1),
            ("shift", |s| s.shift += 1),
            ("bound-bits", |s| s.bound_bits += 1),
            ("noise-table", |s| {
                s.noise.as_mut().unwrap().table_name[0] ^= 1;
            }),
            ("coins", |s| s.noise.as_mut().unwrap().coins[0] ^= 1),
        ],
    );
}

#[test]
fn each_field_of_a_contribution_statement_counts() {
    isolate(
        &contribution(),
        ContributionStatement::transcript,
        &[
            ("context", |s| s.context.clear()),
            ("rounds", |s| s.rounds += 1),
            ("entries", |s| s.entries += 1),
            ("gradients", |s| s.gradients[5] = -6),
            ("shift", |s| s.shift += 1),
            ("noise-table", |s| {
                s.noise.as_mut().unwrap().table_name[0] ^= 1;
            }),
            ("coins", |s| s.noise.as_mut().unwrap().coins[0] ^= 1),
            ("score", |s| s.score = 7),
        ],
    );
}

#[test]
fn each_field_of_a_removal_statement_counts() {
    isolate(
        &removal(),
        RemovalStatement::transcript,
        &[
            ("context", |s| s.context.clear()),
            ("width", |s| s.width *= 2),
            ("columns", |s| s.padded /= 2),
            ("row", |s| s.row += 1),
        ],
    );
}

#[test]
fn the_five_statements_have_different_names() {
    let names = |transcript: &dyn Fn() -> Transcript| {
        let log = under(Rules::default(), transcript).1;
        match &log[0] {
            Said::Absorbed(b"statement", name) => String::from_utf8(name.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        names(&|| dataset().transcript()),
        "cotrain/statement/dataset/1"
    );
    assert_eq!(
        names(&|| gradient().transcript()),
        "cotrain/statement/gradient/1"
    );
    assert_eq!(
        names(&|| update().transcript()),
        "cotrain/statement/update/1"
    );
    assert_eq!(
        names(&|| contribution().transcript()),
        "cotrain/statement/contribution/1"
    );
    assert_eq!(
        names(&|| removal().transcript()),
        "cotrain/statement/removal/1"
    );
}

/// Where the system stays the same, the proof itself carries over if the label is left out.
#[test]
fn a_proof_carries_over_to_another_field_that_is_left_out() {
    use curve25519_dalek::Scalar;
    let statement = dataset();
    let rows: Vec<i16> = vec![1, 0, 0, 1, 2, 3, 3, 0, 0, 0, 4, 1];
    let blindings = [Scalar::from(77_u64)];
    let padded: Vec<i16> = rows.clone();
    let points = cotrain_commitment::commit_rows(&padded, 1024, &blindings).unwrap();
    let points = cotrain_commitment::encode_points(&points);
    let carries =
        |label: &'static [u8], other: &DatasetStatement, rules: fn(&'static [u8]) -> Rules| {
            let prove = || {
                statement
                    .prove(&rows, &points, &blindings, &[1; 32])
                    .unwrap()
            };
            let proof = under(rules(label), prove).0;
            let verify = || other.reduce(&points, &proof).unwrap().check();
            under(rules(label), verify).0.is_ok()
        };
    let mut elsewhere = statement.clone();
    elsewhere.context = b"another party".to_vec();
    let mut category = statement.clone();
    category.groups = vec![0, 1];
    assert!(carries(b"context", &elsewhere, |label| Rules::default()
        .ignoring(label)));
    assert!(!carries(b"context", &elsewhere, |_| Rules::default()));
    // Another group gives another system and another length: refused whatever was absorbed.
    assert!(
        category
            .reduce(
                &points,
                &statement
                    .prove(&rows, &points, &blindings, &[1; 32])
                    .unwrap()
            )
            .is_err()
    );
}
