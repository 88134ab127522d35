//! Lies about a linear gradient (S2).

use super::logistic::{SHIFT, honest, shift_quotient, statement, tell_products};
use super::{Lies, Part, number};
use crate::gradient::{Model, ModelKind};
use cotrain_argument::Matrix;

/// Chunks of what clipping takes away above and below.
const SIZES: [u32; 2] = [5, 5];
const ABOVE: usize = 2;
const BELOW: usize = 4;
/// Quotients 27, -23, 3, 3 and residuals before clipping 26, -23, 2, 17.
const ROWS: [[i16; 4]; 4] = [[5, -3, 4, 1], [-7, 2, 4, 0], [0, 0, 4, 1], [0, 0, 4, -14]];

fn model() -> Model {
    Model {
        kind: ModelKind::Linear,
        features: 3,
        classes: 1,
        row_bits: 5,
        residual_bits: 4,
        margin_shift: SHIFT,
        index_limit: 1000,
        table: vec![],
        table_name: vec![],
        weights: vec![3000, -3000, 1000],
    }
}

#[test]
fn each_lie_about_a_linear_gradient_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(model(), 4), &ROWS.concat()));
    for (part, first, place) in [(0, ABOVE, 2), (1, BELOW, 2), (0, ABOVE, 0), (1, BELOW, 1)] {
        lies.tell(
            Part::Constraint(0, part),
            "clipped where nothing was to clip",
            |case| {
                case.add(Matrix::Witness(first), place, 1);
                case.multiply();
            },
        );
    }
    let residual = Part::Lookup(0, 0);
    lies.tell(residual, "a residual that is not clipped", |case| {
        case.set_chunks(ABOVE, &SIZES, 3, 0);
        case.multiply();
    });
    lies.tell(
        residual,
        "a quotient that is no integer: less by l / 2^k",
        |case| {
            case.add(Matrix::Witness(0), 2, 1);
            case.multiply();
        },
    );
    for chunk in [0, 1] {
        lies.tell(
            Part::Lookup(0, 1 + chunk),
            "a quotient larger by one",
            |case| {
                shift_quotient(case, chunk, 2, 1);
                case.multiply();
            },
        );
        lies.tell(
            Part::Lookup(0, 3 + chunk),
            "clipped from above, to the bound",
            |case| {
                case.set_in_chunk((ABOVE, &SIZES), chunk, 2, number(2 - 16));
                case.multiply();
            },
        );
        lies.tell(
            Part::Lookup(0, 5 + chunk),
            "clipped from below, to the bound",
            |case| {
                case.set_in_chunk((BELOW, &SIZES), chunk, 2, number(-16 - 2));
                case.multiply();
            },
        );
    }
    tell_products(&mut lies);
    lies.finish();
}
