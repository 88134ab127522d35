//! Numbers that no agreement implies are refused as the caller's fault, before anything is proven.

// Helpers of tests may panic as tests do.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used
)]

mod support;

use cotrain_statements::{
    DatasetStatement, FeatureKind, GradientStatement, ModelKind, NoiseTerms, StatementError,
    UpdatePoints, UpdateStatement, UpdateWitness,
};
use curve25519_dalek::Scalar;
use support::{Owner, Shape, thresholds};

fn owner(kind: ModelKind) -> Owner {
    let classes = if kind == ModelKind::Softmax { 3 } else { 1 };
    Owner::new(Shape {
        rows: 3,
        kind,
        classes,
        ..Shape::mixed()
    })
}

fn shape<T: std::fmt::Debug>(verdict: Result<T, StatementError>, what: &str) {
    assert!(
        matches!(verdict, Err(StatementError::Shape(_))),
        "{what}: {verdict:?}"
    );
}

fn dataset(what: &str, edit: impl FnOnce(&mut DatasetStatement)) {
    let owner = owner(ModelKind::Logistic);
    let mut statement = owner.dataset(0);
    let (points, blindings) = owner.commit(&statement.segment);
    edit(&mut statement);
    shape(statement.proof_bytes(), what);
    shape(statement.reduce(&points, &[]), what);
    shape(
        statement.prove(&owner.rows, &points, &blindings, &[0; 32]),
        what,
    );
}

#[test]
fn datasets_that_cannot_be_are_refused() {
    dataset("one column", |s| s.segment.columns = 1);
    dataset("too many columns", |s| s.segment.columns = (1 << 16) + 1);
    dataset("no rows", |s| (s.segment.rows, s.segment.count) = (0, 0));
    dataset("too many rows", |s| s.segment.rows = (1 << 26) + 1);
    dataset("the first row too many", |s| {
        (s.segment.rows, s.segment.first, s.segment.count) = ((1 << 26) + 1, 1 << 26, 1);
    });
    dataset("a first row beyond the rows", |s| s.segment.first = 5);
    dataset("no rows after the last", |s| {
        (s.segment.first, s.segment.count) = (3, 0);
    });
    dataset("a row less", |s| s.segment.count = 2);
    dataset("a row more", |s| s.segment.count = 4);
    dataset("a first row within a segment", |s| {
        (s.segment.rows, s.segment.first, s.segment.count) = (8200, 100, 8092);
    });
    dataset("rows of two blocks", |s| {
        (s.segment.rows, s.segment.count) = (8200, 8200);
    });
    dataset("row bits 0", |s| s.row_bits = 0);
    dataset("row bits 15", |s| s.row_bits = 15);
    dataset("scale 0", |s| s.feature_scale = 0);
    dataset("a scale beyond 2^14", |s| s.feature_scale = (1 << 14) + 1);
    dataset("labels in the wrong order", |s| s.labels = (1, 0));
    dataset("labels below 16 bits", |s| s.labels.0 = -(1 << 15) - 1);
    dataset("labels beyond 16 bits", |s| s.labels.1 = 1 << 15);
    dataset("a kind less", |s| {
        s.kinds.pop();
    });
    dataset("a group less", |s| {
        s.groups.pop();
    });
    dataset("a kind and a group more", |s| {
        s.kinds.push(FeatureKind::Numeric);
        s.groups.push(0);
    });
    dataset("a numeric feature in a group", |s| s.groups[0] = 1);
    dataset("a flag in a group", |s| s.groups[3] = 1);
    dataset("a group left out", |s| {
        s.groups
            .iter_mut()
            .filter(|g| **g == 2)
            .for_each(|g| *g = 3);
    });
    dataset("a first group of 2", |s| {
        s.groups.iter_mut().filter(|g| **g > 0).for_each(|g| *g = 2);
    });
}

#[test]
fn the_largest_numbers_of_a_dataset_are_allowed() {
    let mut statement = owner(ModelKind::Logistic).dataset(0);
    statement.row_bits = 14;
    statement.feature_scale = 1 << 14;
    statement.labels = (-(1 << 15), (1 << 15) - 1);
    statement.proof_bytes().unwrap();
}

fn gradient(kind: ModelKind, what: &str, edit: impl FnOnce(&mut GradientStatement)) {
    let owner = owner(kind);
    let mut statement = owner.gradient(0);
    let (points, blindings) = owner.commit(&statement.segment);
    edit(&mut statement);
    shape(statement.proof_bytes(), what);
    shape(statement.reduce(&points, &[], &[]), what);
    let made = statement.prove(&owner.rows, &points, &blindings, &[Scalar::ONE], &[0; 32]);
    shape(made, what);
}

#[test]
fn gradients_that_cannot_be_are_refused() {
    use ModelKind::{Linear, Logistic, Softmax};
    for kind in [Linear, Logistic, Softmax] {
        gradient(kind, "a weight less", |s| {
            s.model.weights.pop();
        });
        gradient(kind, "a weight more", |s| s.model.weights.push(0));
        gradient(kind, "no features", |s| {
            s.model.features = 0;
            s.model.weights.clear();
            s.segment.columns = 1;
        });
        gradient(kind, "features of another table", |s| {
            s.segment.columns += 1;
        });
        gradient(kind, "row bits 15", |s| s.model.row_bits = 15);
        gradient(kind, "shift 39", |s| s.model.margin_shift = 39);
        gradient(kind, "residual bits 0", |s| s.model.residual_bits = 0);
        gradient(kind, "residual bits 15", |s| s.model.residual_bits = 15);
        gradient(kind, "index limit 0", |s| {
            s.model.index_limit = 0;
            s.model.table.truncate(1);
        });
        gradient(kind, "a negative index limit", |s| s.model.index_limit = -1);
        gradient(kind, "a first row", |s| s.segment.first = 1);
        gradient(kind, "rows", |s| s.segment.count = 1);
    }
    gradient(Linear, "an index limit beyond 2^24", |s| {
        s.model.index_limit = (1 << 24) + 1;
    });
    gradient(Logistic, "an index limit beyond 2^24", |s| {
        s.model.index_limit = (1 << 24) + 1;
        s.model.table = vec![0; (1 << 25) + 3];
    });
    gradient(Linear, "a table", |s| s.model.table.push(0));
    gradient(Linear, "a table name", |s| s.model.table_name = vec![0; 32]);
    gradient(Logistic, "a shorter table", |s| {
        s.model.table.pop();
    });
    gradient(Logistic, "a shorter name", |s| {
        s.model.table_name.pop();
    });
    gradient(Logistic, "no name", |s| s.model.table_name.clear());
    gradient(Softmax, "a longer table", |s| s.model.table.push(0));
    let classes = |count: usize| {
        move |s: &mut GradientStatement| {
            s.model.classes = count;
            s.model.weights = vec![0; count * s.model.features];
        }
    };
    gradient(Linear, "two classes", classes(2));
    gradient(Logistic, "two classes", classes(2));
    gradient(Logistic, "no class", classes(0));
    gradient(Softmax, "one class", classes(1));
    gradient(Softmax, "too many classes", classes((1 << 15) + 1));
}

#[test]
fn rows_and_blindings_of_another_number_are_refused() {
    let owner = owner(ModelKind::Logistic);
    let (registration, statement) = (owner.dataset(0), owner.gradient(0));
    let (points, blindings) = owner.commit(&statement.segment);
    let less = &owner.rows[1..];
    shape(
        registration.prove(less, &points, &blindings, &[0; 32]),
        "rows",
    );
    shape(
        registration.prove(&owner.rows, &points, &[], &[0; 32]),
        "blindings",
    );
    let one = [Scalar::ONE];
    shape(
        statement.prove(less, &points, &blindings, &one, &[0; 32]),
        "rows",
    );
    shape(
        statement.prove(&owner.rows, &points, &[], &one, &[0; 32]),
        "blindings",
    );
    shape(
        statement.prove(&owner.rows, &points, &blindings, &[], &[0; 32]),
        "blindings of the gradient",
    );
}

fn update(what: &str, edit: impl FnOnce(&mut UpdateStatement)) {
    let mut statement = owner(ModelKind::Logistic).update();
    edit(&mut statement);
    let points = UpdatePoints {
        gradient: &[],
        update: &[],
        words: &[],
    };
    shape(statement.proof_bytes(), what);
    shape(statement.reduce(points, &[]), what);
}

fn noise(thresholds: Vec<u64>) -> impl FnOnce(&mut UpdateStatement) {
    move |statement| {
        statement.noise = Some(NoiseTerms {
            thresholds,
            table_name: [5; 32],
            coins: [6; 32],
        });
    }
}

#[test]
fn updates_that_cannot_be_are_refused() {
    update("no entries", |s| s.entries = 0);
    update("too many entries", |s| s.entries = (1 << 20) + 1);
    update("shift 49", |s| s.shift = 49);
    update("bound bits 0", |s| s.bound_bits = 0);
    update("bound bits 64", |s| s.bound_bits = 64);
    update("a noise table of two", noise(vec![0, 1 << 63]));
    update(
        "a first threshold that is not 0",
        noise(vec![1, 1 << 62, 3 << 62]),
    );
    let mut falling = thresholds();
    falling.swap(1, 2);
    update("thresholds that fall", noise(falling));
    let mut crooked = thresholds();
    crooked[1] += 1;
    update("a table that is not symmetric", noise(crooked));
}

#[test]
fn values_of_another_number_are_refused() {
    let statement = owner(ModelKind::Logistic).update();
    let count = statement.entries;
    let (gradient, update, words) = (vec![0; count], vec![0; count], vec![0; count]);
    let one = [Scalar::ONE];
    let points = UpdatePoints {
        gradient: &[],
        update: &[],
        words: &[],
    };
    let made = |gradient: &[i64], update: &[i64], words: &[u64]| {
        let witness = UpdateWitness {
            gradient,
            gradient_blindings: &one,
            update,
            update_blindings: &one,
            words,
            word_blindings: &one,
        };
        statement.prove(points, &witness, &[0; 32])
    };
    shape(made(&gradient[1..], &update, &words), "gradient");
    shape(made(&gradient, &update[1..], &words), "update");
    shape(made(&gradient, &update, &words[1..]), "words");
}

/// Labels that the model does not know, and margins beyond its limit.
#[test]
fn rows_of_which_no_gradient_can_be_proven_are_named() {
    let refused = |kind: ModelKind, edit: &dyn Fn(&mut Owner)| {
        let mut owner = owner(kind);
        edit(&mut owner);
        let statement = owner.gradient(0);
        let (points, blindings) = owner.commit(&statement.segment);
        let one = [Scalar::ONE];
        let made = statement.prove(&owner.rows, &points, &blindings, &one, &[0; 32]);
        match made {
            Err(StatementError::Witness { place: 1, .. }) => {}
            other => panic!("{kind:?}: {other:?}"),
        }
    };
    let columns = owner(ModelKind::Linear).columns();
    let label = 2 * columns - 1;
    for (kind, labels) in [
        (ModelKind::Linear, [4097, -4097]),
        (ModelKind::Logistic, [2, -1]),
        (ModelKind::Softmax, [3, -1]),
    ] {
        for value in labels {
            refused(kind, &|owner| owner.rows[label] = value);
        }
        refused(kind, &|owner| {
            owner.weights.fill(0);
            owner.weights[0] = 1 << 30;
            owner.rows[0] = 0;
            owner.rows[columns] = 4096;
            owner.rows[2 * columns] = 0;
        });
    }
}

/// What the prover itself refuses to prove, with the place.
#[test]
fn numbers_that_do_not_satisfy_an_update_are_named() {
    let mut statement = owner(ModelKind::Logistic).update();
    statement.noise = None;
    statement.bound_bits = 8;
    let count = statement.entries;
    let one = [Scalar::ONE];
    let points = UpdatePoints {
        gradient: &[],
        update: &[],
        words: &[],
    };
    let made = |gradient: i64, update: i64| {
        let (mut gradients, mut updates) = (vec![0; count], vec![0; count]);
        (gradients[2], updates[2]) = (gradient, update);
        let witness = UpdateWitness {
            gradient: &gradients,
            gradient_blindings: &one,
            update: &updates,
            update_blindings: &one,
            words: &[],
            word_blindings: &[],
        };
        statement.prove(points, &witness, &[0; 32])
    };
    for (gradient, update) in [
        (0, 1),
        (512, 0),
        (511, 2),
        (i64::MAX, 0),
        ((127 << 9) + 256, 128),
        (-(128 << 9) - 257, -129),
        (512, i64::MIN),
    ] {
        match made(gradient, update) {
            Err(StatementError::Witness { place: 2, .. }) => {}
            other => panic!("{gradient} {update}: {other:?}"),
        }
    }
    for (gradient, update) in [
        (0, 0),
        (512, 1),
        ((127 << 9) + 255, 127),
        (-(128 << 9) - 256, -128),
    ] {
        made(gradient, update).unwrap();
    }
}
