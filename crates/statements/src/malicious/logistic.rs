//! Lies about a logistic gradient (S2), and about what all gradients share: the remainder and the matrix product.

use super::{Case, Lies, Part, number};
use crate::gradient::{GradientStatement, Model, ModelKind};
use crate::segment::Segment;
use cotrain_argument::{Matrix, Opening, Values, Witness};

pub(super) const GRADIENT: Matrix = Matrix::Input(1);
/// Bits of the remainder, and its chunks: the first two witness matrices.
pub(super) const SHIFT: u32 = 10;
pub(super) const SIZES: [u32; 2] = [5, 5];
const PROBABILITY: Matrix = Matrix::Witness(2);
const TABLE: [i32; 9] = [1, 2, 4, 6, 9, 11, 13, 14, 15];
/// Two features, the bias, the label. Margins 812, -556, 1024, 1023.
const ROWS: [[i16; 4]; 4] = [[5, -3, 4, 1], [-7, 2, 4, 0], [16, 0, 0, 1], [16, 5, 18, 0]];

/// A segment of rows of three features and a label.
pub(super) fn statement(model: Model, rows: usize) -> GradientStatement {
    GradientStatement {
        context: b"malicious".to_vec(),
        segment: Segment {
            rows,
            columns: 4,
            first: 0,
            count: rows,
        },
        model,
    }
}

/// The honest witness of a gradient.
pub(super) fn honest(statement: &GradientStatement, rows: &[i16]) -> Case {
    let plan = statement.plan().unwrap();
    let made = plan.witness(statement, rows).unwrap();
    let open = |values, blinding: u64| Opening {
        values,
        blindings: vec![cotrain_argument::Field::from(blinding)],
    };
    let table = Values::Rows(statement.segment.table(rows).unwrap());
    let witness = Witness {
        inputs: vec![open(table, 7), open(Values::Small(made.gradient), 8)],
        witnesses: made.witnesses,
        lookups: vec![made.lookups],
    };
    Case::new(plan.system().clone(), witness, statement.transcript())
}

fn model() -> Model {
    Model {
        kind: ModelKind::Logistic,
        features: 3,
        classes: 1,
        row_bits: 5,
        residual_bits: 4,
        margin_shift: SHIFT,
        index_limit: 4,
        table: TABLE.to_vec(),
        table_name: vec![9; 32],
        weights: vec![64, -119, 33],
    }
}

/// The remainder in a place.
pub(super) fn remainder(case: &Case, place: usize) -> i64 {
    let value =
        case.get(Matrix::Witness(0), place) + number(32) * case.get(Matrix::Witness(1), place);
    (0..1024).find(|small| number(*small) == value).unwrap()
}

/// Let the quotient be one more or less, the remainder 2^10 less or more, standing in one chunk.
pub(super) fn shift_quotient(case: &mut Case, chunk: usize, place: usize, by: i64) {
    let value = number(remainder(case, place) - (by << SHIFT));
    case.set_in_chunk((0, &SIZES), chunk, place, value);
}

/// Lies about the gradient itself.
pub(super) fn tell_products(lies: &mut Lies) {
    let entries = lies.honest.values(GRADIENT).len();
    for place in [0, entries - 1] {
        lies.tell(Part::Product(0, 0), "a gradient off by one", |case| {
            case.add(GRADIENT, place, 1);
        });
    }
    lies.tell(Part::Product(0, 0), "a gradient scaled", |case| {
        for place in 0..entries {
            case.set(GRADIENT, place, number(2) * case.get(GRADIENT, place));
        }
    });
    lies.tell(Part::Product(0, 0), "a gradient negated", |case| {
        for place in 0..entries {
            case.set(GRADIENT, place, -case.get(GRADIENT, place));
        }
    });
    lies.tell(Part::Product(0, 0), "no gradient", |case| {
        (0..entries).for_each(|place| case.set(GRADIENT, place, number(0)));
    });
}

#[test]
fn each_lie_about_a_logistic_gradient_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(model(), 4), &ROWS.concat()));
    let pair = Part::Lookup(0, 0);
    let follow = |case: &mut Case, place: usize, quotient: usize| {
        case.set(PROBABILITY, place, number(i64::from(TABLE[quotient + 4])));
        case.multiply();
    };
    for by in [-1, 1] {
        lies.tell(pair, "a pair of the table off by one", |case| {
            case.add(PROBABILITY, 0, by);
            case.multiply();
        });
    }
    lies.tell(pair, "the value of another quotient", |case| {
        follow(case, 0, 1);
    });
    lies.tell(
        pair,
        "a quotient that is no integer: less by l / 2^k",
        |case| {
            case.add(Matrix::Witness(0), 0, 1);
        },
    );
    for chunk in [0, 1] {
        lies.tell(
            Part::Lookup(0, 1 + chunk),
            "a quotient larger by one",
            |case| {
                shift_quotient(case, chunk, 0, 1);
                follow(case, 0, 1);
            },
        );
    }
    lies.tell(Part::Lookup(0, 2), "remainder 2^k", |case| {
        assert_eq!(remainder(case, 2), 0);
        let value = number(1 << SHIFT);
        case.set_in_chunk((0, &SIZES), 1, 2, value);
        follow(case, 2, 0);
    });
    lies.tell(Part::Lookup(0, 1), "remainder -1", |case| {
        assert_eq!(remainder(case, 3), (1 << SHIFT) - 1);
        case.set_in_chunk((0, &SIZES), 0, 3, -number(1));
        follow(case, 3, 1);
    });
    lies.tell(
        Part::Lookup(0, 1),
        "a chunk that is too large, the other one less",
        |case| {
            case.add(Matrix::Witness(0), 0, 32);
            case.add(Matrix::Witness(1), 0, -1);
        },
    );
    tell_products(&mut lies);
    lies.finish();
}
