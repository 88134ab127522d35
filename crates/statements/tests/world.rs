//! Honest parties of every size: what they register and submit is accepted.

mod support;

use cotrain_argument::{Equation, ProofError};
use cotrain_statements::{ModelKind, StatementError};
use support::{Owner, Shape};

#[test]
fn a_dataset_of_every_kind_of_column_is_accepted() {
    for rows in [1, 2, 3, 17, 64, 100] {
        let owner = Owner::new(Shape {
            rows,
            numeric: 3,
            ..Shape::mixed()
        });
        owner.register().unwrap();
    }
    Owner::new(Shape {
        rows: 5,
        numeric: 0,
        flags: 0,
        categories: 0,
        ..Shape::mixed()
    })
    .register()
    .unwrap();
    Owner::new(Shape {
        rows: 40,
        numeric: 2,
        flags: 0,
        categories: 0,
        ..Shape::mixed()
    })
    .register()
    .unwrap();
}

#[test]
fn gradients_of_every_model_are_accepted() {
    for kind in [ModelKind::Linear, ModelKind::Logistic, ModelKind::Softmax] {
        for rows in [1, 2, 5, 100] {
            let classes = if kind == ModelKind::Softmax { 3 } else { 1 };
            let owner = Owner::new(Shape {
                rows,
                kind,
                classes,
                ..Shape::mixed()
            });
            owner.submit().unwrap();
        }
    }
}

#[test]
fn a_full_block_and_one_row_more_are_accepted() {
    for kind in [ModelKind::Logistic, ModelKind::Linear] {
        let owner = Owner::new(Shape {
            rows: 8193,
            numeric: 2,
            kind,
            ..Shape::mixed()
        });
        owner.register().unwrap();
        owner.submit().unwrap();
    }
}

#[test]
fn extremes_are_accepted() {
    for kind in [ModelKind::Linear, ModelKind::Logistic, ModelKind::Softmax] {
        let classes = if kind == ModelKind::Softmax { 4 } else { 1 };
        let shape = Shape {
            rows: 33,
            kind,
            classes,
            ..Shape::mixed()
        };
        for change in [
            Owner::zero_rows,
            Owner::equal_rows,
            Owner::largest_weights,
            Owner::one_label,
        ] {
            let mut owner = Owner::new(shape);
            change(&mut owner);
            owner.register().unwrap();
            owner.submit().unwrap();
        }
    }
}

#[test]
fn updates_without_noise_or_rounding_are_accepted() {
    for (shift, noise) in [(0, false), (0, true), (7, false), (18, true)] {
        let owner = Owner::new(Shape {
            rows: 20,
            shift,
            noise,
            ..Shape::mixed()
        });
        owner.submit().unwrap();
    }
}

#[test]
fn many_proofs_are_checked_together_and_one_bad_proof_spoils_them() {
    let owner = Owner::new(Shape::mixed());
    let mut equations = owner.submission().equations(&owner).unwrap();
    Equation::check_all(&equations).unwrap();
    let mut submission = owner.submission();
    let last = submission.update_proof.len() - 1;
    submission.update_proof[last - 40] ^= 1;
    if let Ok(bad) = submission.equations(&owner) {
        equations.extend(bad);
        assert_eq!(Equation::check_all(&equations), Err(ProofError::False));
    }
}

#[test]
fn rows_that_break_the_schema_cannot_be_proven() {
    let shape = Shape {
        rows: 9,
        ..Shape::mixed()
    };
    let columns = Owner::new(shape).columns();
    let bias = columns - 2;
    for (row, column, value) in [
        (4, 0, i16::MAX),
        (4, columns - 1, 2),
        (8, bias, 3000),
        (2, 4, 1),
    ] {
        let mut owner = Owner::new(shape);
        owner.rows[row * columns + column] = value;
        match owner.register().unwrap_err() {
            StatementError::Witness { place, .. } => assert_eq!(place, row),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_row_of_two_categories_at_once_cannot_be_proven() {
    let shape = Shape {
        rows: 9,
        ..Shape::mixed()
    };
    let (columns, first) = (Owner::new(shape).columns(), shape.numeric + shape.flags);
    let mut owner = Owner::new(shape);
    let row = &mut owner.rows[5 * columns..6 * columns];
    let bias = row[columns - 2];
    row[first..first + 3].copy_from_slice(&[bias, 0, bias]);
    match owner.register().unwrap_err() {
        StatementError::Witness { place, column, .. } => {
            assert_eq!((place, column), (5, Some(first + 2)));
        }
        other => panic!("{other}"),
    }
}
