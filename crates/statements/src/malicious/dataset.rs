//! Lies about a dataset (S1).

use super::{Case, Lies, Part, inverse, number};
use crate::dataset::{DatasetStatement, FeatureKind};
use crate::segment::Segment;
use cotrain_argument::{Field, Matrix};
use curve25519_dalek::Scalar;

/// Indicator, flag, a category of two values, a numeric feature, the bias, the label; one column of padding.
const COLUMNS: usize = 7;
const PADDED: usize = 8;
const NUMERIC: usize = 4;
const BIAS: usize = 5;
const LABEL: usize = 6;
const ROWS: [[i16; COLUMNS]; 3] = [
    [4, -4, 4, 0, 3, 4, 1],
    [0, 4, 0, 4, -5, 4, 0],
    [0, 0, 0, 0, 2, 0, 1],
];
/// C^2; its slack has chunks of these sizes.
const MOST: i64 = 256;
const SIZES: [u32; 2] = [5, 4];

fn statement() -> DatasetStatement {
    use FeatureKind::{Flag, Numeric, OneOf};
    DatasetStatement {
        context: b"malicious".to_vec(),
        segment: Segment {
            rows: 3,
            columns: COLUMNS,
            first: 0,
            count: 3,
        },
        row_bits: 4,
        feature_scale: 5,
        labels: (0, 1),
        kinds: vec![OneOf, Flag, OneOf, OneOf, Numeric],
        groups: vec![0, 0, 1, 1, 0],
    }
}

fn honest() -> Case {
    let statement = statement();
    let plan = statement.plan().unwrap();
    let rows = ROWS.concat();
    let witness = statement.witness(&plan, &rows, &[Scalar::from(77_u64)]);
    Case::new(plan.system, witness.unwrap(), statement.transcript())
}

const ENTRIES: Matrix = Matrix::Input(0);

/// Change entries of a row, and let the slack follow the squares of the features.
fn change(case: &mut Case, row: usize, entries: &[(usize, i64)]) {
    for &(column, value) in entries {
        case.set(ENTRIES, row * PADDED + column, number(value));
    }
    let last = row * PADDED + PADDED - 1;
    case.set(ENTRIES, last, case.get(ENTRIES, last)); // a whole row
    let small = |column: usize| {
        let value = case.get(ENTRIES, row * PADDED + column);
        (-40_000..=40_000)
            .find(|small| number(*small) == value)
            .unwrap()
    };
    let squares: i64 = (0..=BIAS).map(|column| small(column).pow(2)).sum();
    case.set_chunks(0, &SIZES, row, MOST - squares);
}

/// A square root of -1 modulo the group order: 2^((l - 1) / 4).
fn root_of_minus_one() -> Field {
    let quarter = -number(1) * inverse(number(4)); // (l - 1) / 4, an integer
    let exponent = cotrain_argument::field::to_bytes(&quarter);
    let bits = exponent
        .iter()
        .rev()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let root = bits.fold(number(1), |power, bit| {
        let square = power * power;
        if bit == 1 { square + square } else { square }
    });
    assert_eq!(root * root, -number(1));
    root
}

fn cells(index: usize) -> Part {
    Part::Constraint(0, index)
}

fn tell_lengths(lies: &mut Lies) {
    lies.allow("a row as long as the bound", |case| {
        change(case, 2, &[(NUMERIC, 16)]);
    });
    lies.tell(cells(0), "a row longer than the bound", |case| {
        change(case, 2, &[(NUMERIC, 16), (BIAS, 1)]);
        case.set_chunks(0, &SIZES, 2, 0);
    });
    lies.tell(
        Part::Lookup(1, 0),
        "a row longer by one, slack -1",
        |case| {
            change(case, 2, &[(NUMERIC, 16), (BIAS, 1)]);
            case.set_in_chunk((0, &SIZES), 0, 2, -number(1));
        },
    );
    lies.tell(Part::Lookup(1, 1), "a longer row, slack -32", |case| {
        change(
            case,
            0,
            &[(0, 4), (1, 4), (2, 0), (3, 0), (NUMERIC, 16), (BIAS, 0)],
        );
        change(case, 0, &[(0, 0), (1, 4), (BIAS, 4)]);
    });
}

fn tell_kinds(lies: &mut Lies) {
    lies.tell(cells(1), "a flag that is half the bias", |case| {
        change(case, 0, &[(1, 2)]);
    });
    lies.tell(cells(2), "an indicator that is half the bias", |case| {
        change(case, 0, &[(0, 2)]);
    });
    lies.tell(cells(2), "a negative indicator", |case| {
        change(case, 0, &[(0, -4)]);
    });
    lies.tell(cells(3), "a negative first value of a category", |case| {
        change(case, 0, &[(2, -4), (3, 4)]);
    });
    lies.tell(cells(4), "a negative second value of a category", |case| {
        change(case, 0, &[(2, 4), (3, -4)]);
    });
    lies.tell(Part::Constraint(2, 0), "two values of a category", |case| {
        change(case, 0, &[(2, 4), (3, 4)]);
    });
    lies.tell_all("halves of a category", |case| {
        change(case, 0, &[(2, 2), (3, 2)]);
    });
    lies.tell_all("a category without a bias", |case| {
        change(case, 2, &[(2, 4)]);
    });
}

fn tell_ranges(lies: &mut Lies) {
    lies.tell(Part::Lookup(0, 0), "a feature that is no integer", |case| {
        // Its square is -4, so that the row seems short.
        change(case, 2, &[(NUMERIC, 0)]);
        case.set(
            ENTRIES,
            2 * PADDED + NUMERIC,
            root_of_minus_one() * number(2),
        );
        case.set_chunks(0, &SIZES, 2, MOST + 4);
    });
    lies.tell(
        Part::Lookup(0, 0),
        "a feature in a row of padding",
        |case| {
            change(case, 3, &[(NUMERIC, 1)]);
        },
    );
    lies.tell(Part::Lookup(0, 1), "a bias above the scale", |case| {
        change(case, 2, &[(BIAS, 6)]);
    });
    lies.tell(Part::Lookup(0, 1), "a negative bias", |case| {
        change(case, 2, &[(BIAS, -1)]);
    });
    lies.tell(Part::Lookup(0, 2), "label 2", |case| {
        change(case, 1, &[(LABEL, 2)]);
    });
    lies.tell(Part::Lookup(0, 2), "label -1", |case| {
        change(case, 1, &[(LABEL, -1)]);
    });
    lies.tell(Part::Lookup(0, 2), "a label in a row of padding", |case| {
        change(case, 3, &[(LABEL, 1)]);
    });
    lies.tell(
        Part::Lookup(0, 3),
        "a column of padding that is not 0",
        |case| {
            change(case, 1, &[(7, 1)]);
        },
    );
    lies.tell_all("an entry of 2^15", |case| {
        change(case, 2, &[(NUMERIC, 1 << 15)]);
    });
    lies.tell_all("an entry of -2^15", |case| {
        change(case, 2, &[(NUMERIC, -(1 << 15))]);
    });
}

#[test]
fn each_lie_about_a_dataset_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest());
    tell_lengths(&mut lies);
    tell_kinds(&mut lies);
    tell_ranges(&mut lies);
    lies.finish();
}
