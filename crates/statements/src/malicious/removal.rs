//! Lies about a removal: what is left of the row, and what else is changed (S9).

use super::{Case, Lies, Part, number};
use crate::removal::{RemovalStatement, RemovalWitness};
use cotrain_argument::Matrix;
use curve25519_dalek::Scalar;

const WIDTH: usize = 16;
/// The first entries under the commitment; what is beyond them is zero.
const ROWS: [i64; 12] = [3, -2, 7, 1, -4, 5, 6, -8, 9, 0, 2, 1];
const BEFORE: Matrix = Matrix::Input(0);
const AFTER: Matrix = Matrix::Input(1);
/// The one constraint.
const ONE: Part = Part::Constraint(0, 0);

fn honest(padded: usize, row: usize) -> Case {
    let statement = RemovalStatement {
        context: b"malicious".to_vec(),
        width: WIDTH,
        padded,
        row,
    };
    let secret = RemovalWitness {
        values: &ROWS,
        before: Scalar::from(3_u64),
        after: Scalar::from(4_u64),
    };
    Case::new(
        statement.system().unwrap(),
        statement.witness(&secret).unwrap(),
        statement.transcript(),
    )
}

fn tell_inside(lies: &mut Lies, (start, end): (usize, usize)) {
    for place in start..end {
        lies.tell(ONE, "an entry in the row that is not zero", |case| {
            case.add(AFTER, place, 1);
        });
    }
    lies.tell(ONE, "nothing removed", |case| {
        for place in start..end {
            case.set(AFTER, place, case.get(BEFORE, place));
        }
    });
    lies.tell(ONE, "two entries in the row that cancel", |case| {
        case.add(AFTER, start, 5);
        case.add(AFTER, end - 1, -5);
    });
}

fn tell_outside(lies: &mut Lies, (start, end): (usize, usize)) {
    for place in (0..WIDTH).filter(|place| !(start..end).contains(place)) {
        lies.tell(ONE, "an entry elsewhere that is another one", |case| {
            case.add(AFTER, place, -1);
        });
        lies.tell(ONE, "an entry elsewhere that was another one", |case| {
            case.add(BEFORE, place, 1);
        });
    }
    let place = if start == 0 { end } else { 0 };
    lies.tell(ONE, "another sign", |case| {
        case.set(AFTER, place, -case.get(AFTER, place));
    });
}

fn tell_sums(lies: &mut Lies, (start, end): (usize, usize)) {
    let elsewhere = [start.wrapping_sub(1), end];
    for place in elsewhere.into_iter().filter(|&place| place < WIDTH) {
        lies.tell(ONE, "the row and its neighbour cancel", |case| {
            case.add(AFTER, place, 1);
            case.add(AFTER, start, -1);
        });
        lies.tell(ONE, "an entry of the row is moved out of it", |case| {
            let moved = case.get(AFTER, place) + case.get(BEFORE, start);
            case.set(AFTER, place, moved);
        });
    }
    lies.tell(ONE, "another row removed", |case| {
        let padded = end - start;
        let other = if start == 0 { end } else { 0 };
        for place in 0..padded {
            case.set(AFTER, start + place, case.get(BEFORE, start + place));
            case.set(AFTER, other + place, number(0));
        }
    });
}

fn allow(lies: &Lies, (start, end): (usize, usize)) {
    lies.allow("another row before", |case| {
        for place in start..end {
            case.add(BEFORE, place, 1000);
        }
    });
    lies.allow("a row that was zero before", |case| {
        for place in start..end {
            case.set(BEFORE, place, number(0));
        }
    });
}

#[test]
fn each_lie_about_a_removal_is_refused() {
    for (padded, row) in [(4, 0), (4, 1), (2, 5)] {
        let place = (row * padded, (row + 1) * padded);
        let mut lies = Lies::about(honest(padded, row));
        tell_inside(&mut lies, place);
        tell_outside(&mut lies, place);
        tell_sums(&mut lies, place);
        allow(&lies, place);
        lies.finish();
    }
}

#[test]
fn what_stands_elsewhere_is_free_if_it_stands_in_both() {
    let lies = Lies::about(honest(4, 1));
    lies.allow("the same change in both", |case| {
        for matrix in [BEFORE, AFTER] {
            case.add(matrix, 0, 77);
            case.add(matrix, WIDTH - 1, 9);
        }
    });
}

#[test]
fn nothing_may_be_left_of_a_row_that_is_the_whole_commitment() {
    let mut lies = Lies::about(honest(WIDTH, 0));
    tell_inside(&mut lies, (0, WIDTH));
    allow(&lies, (0, WIDTH));
    lies.finish();
}

#[test]
fn a_row_beyond_the_rows_cannot_be_filled() {
    let mut lies = Lies::about(honest(4, 3));
    for place in 12..WIDTH {
        lies.tell(ONE, "a row where none was", |case| {
            case.add(AFTER, place, 1);
        });
    }
    lies.finish();
}
