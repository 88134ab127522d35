//! Lies about a softmax gradient (S2).

use super::logistic::{SHIFT, honest, shift_quotient, statement, tell_products};
use super::{Case, Lies, Part, inverse, number};
use crate::gradient::{Model, ModelKind};
use cotrain_argument::{Field, Matrix};

const CLASSES: usize = 3;
/// Places of a row.
const PLACES: usize = 4;
const SCALE: i64 = 16;
/// Chunks of the rest r and its complement v.
const SIZES: [u32; 2] = [8, 8];
const EXP: Matrix = Matrix::Witness(2);
const PROBABILITY: Matrix = Matrix::Witness(3);
const REST: usize = 4;
const COMPLEMENT: usize = 6;
const HOT: Matrix = Matrix::Witness(8);
const TOP: Matrix = Matrix::Witness(9);
const LARGEST: Matrix = Matrix::Witness(10);
const SUM: Matrix = Matrix::Witness(11);
/// Two features, the bias, the label.
const ROWS: [[i16; 4]; 3] = [[5, -3, 4, 1], [-7, 2, 4, 0], [3, 9, 0, 2]];

fn exp(distance: i64) -> i64 {
    const TABLE: [i64; 17] = [
        16384, 9937, 6027, 3656, 2217, 1345, 816, 495, 300, 182, 110, 67, 41, 25, 15, 9, 5,
    ];
    TABLE[usize::try_from(distance).unwrap()]
}

fn model() -> Model {
    Model {
        kind: ModelKind::Softmax,
        features: 3,
        classes: CLASSES,
        row_bits: 5,
        residual_bits: 4,
        margin_shift: SHIFT,
        index_limit: 8,
        table: (0..=16).map(|t| i32::try_from(exp(t)).unwrap()).collect(),
        table_name: vec![9; 32],
        weights: vec![200, -100, 33, -150, 80, 70, 10, 20, 30],
    }
}

/// The numbers of row 0, class by class: small enough to be found by their values.
struct Row {
    quotients: Vec<i64>,
    exp: Vec<i64>,
    largest: i64,
    sum: i64,
}

fn small(value: Field) -> i64 {
    (-70_000..70_000)
        .find(|small| number(*small) == value)
        .unwrap()
}

impl Row {
    fn of(case: &Case) -> Self {
        let margin = |k: usize| {
            let weights = model().weights;
            let weights = &weights[if k < CLASSES { k * 3 } else { 0 }..];
            let row = ROWS[0].iter().take(3);
            row.zip(weights)
                .map(|(&x, &w)| i64::from(x) * i64::from(w))
                .sum::<i64>()
        };
        Self {
            quotients: (0..PLACES).map(|k| margin(k) >> SHIFT).collect(),
            exp: (0..PLACES).map(|k| small(case.get(EXP, k))).collect(),
            largest: small(case.get(LARGEST, 0)),
            sum: small(case.get(SUM, 0)),
        }
    }

    fn top(&self) -> usize {
        self.quotients
            .iter()
            .position(|q| *q == self.largest)
            .unwrap()
    }

    /// Look the distances up again.
    fn look_up(&mut self) {
        self.exp = self
            .quotients
            .iter()
            .map(|q| exp(self.largest - q))
            .collect();
        self.sum = self.exp[..CLASSES].iter().sum();
    }

    /// Write all that follows from exponentials and sum.
    fn write(&self, case: &mut Case) {
        case.set(LARGEST, 0, number(self.largest));
        case.set(SUM, 0, number(self.sum));
        for (place, &exp) in self.exp.iter().enumerate() {
            let probability = SCALE * exp / self.sum;
            let rest = SCALE * exp - self.sum * probability;
            case.set(EXP, place, number(exp));
            case.set(PROBABILITY, place, number(probability));
            case.set_chunks(REST, &SIZES, place, rest);
            case.set_chunks(COMPLEMENT, &SIZES, place, self.sum - 1 - rest);
        }
        case.multiply();
    }
}

fn rest(case: &Case, place: usize) -> i64 {
    let high = number(256) * case.get(Matrix::Witness(REST + 1), place);
    small(case.get(Matrix::Witness(REST), place) + high)
}

fn set_class(case: &mut Case, matrix: Matrix, values: [Field; CLASSES]) {
    for (place, value) in values.into_iter().enumerate() {
        case.set(matrix, place, value);
    }
    case.multiply();
}

fn tell_quotients_and_exponentials(lies: &mut Lies) {
    lies.tell(Part::Lookup(0, 0), "an exponential off by one", |case| {
        let mut row = Row::of(case);
        row.exp[0] += 1;
        row.sum += 1;
        row.write(case);
    });
    lies.tell(
        Part::Lookup(0, 2),
        "all quotients no integers, nor the largest",
        |case| {
            for place in 0..PLACES {
                case.add(Matrix::Witness(0), place, 1);
            }
            let less = inverse(number(1 << SHIFT));
            case.set(LARGEST, 0, case.get(LARGEST, 0) - less);
        },
    );
    lies.tell(
        Part::Lookup(0, 0),
        "one quotient that is no integer",
        |case| {
            let place = (Row::of(case).top() + 1) % CLASSES;
            case.add(Matrix::Witness(0), place, 1);
        },
    );
    for chunk in [0, 1] {
        lies.tell(
            Part::Lookup(0, 3 + chunk),
            "a quotient larger by one",
            |case| {
                let mut row = Row::of(case);
                let place = (row.top() + 1) % CLASSES;
                shift_quotient(case, chunk, place, 1);
                row.quotients[place] += 1;
                row.look_up();
                row.write(case);
            },
        );
    }
}

fn tell_largest(lies: &mut Lies) {
    lies.tell(Part::Constraint(0, 3), "m too large", |case| {
        let mut row = Row::of(case);
        row.largest += 1;
        row.look_up();
        row.write(case);
    });
    lies.tell(
        Part::Constraint(0, 3),
        "top on a class that is not the largest",
        |case| {
            let top = Row::of(case).top();
            let wrong = |k| number(i64::from(k == (top + 1) % CLASSES));
            set_class(case, TOP, [0, 1, 2].map(wrong));
        },
    );
    lies.tell(Part::Constraint(0, 6), "no top, m too large", |case| {
        let mut row = Row::of(case);
        row.largest += 1;
        row.look_up();
        row.write(case);
        set_class(case, TOP, [number(0); CLASSES]);
    });
    lies.tell(
        Part::Constraint(0, 6),
        "top in a place of padding alone",
        |case| {
            let mut row = Row::of(case);
            assert_eq!(row.top(), 0, "place 3 repeats class 0");
            row.look_up();
            set_class(case, TOP, [number(0); CLASSES]);
            case.set(TOP, 3, number(1));
        },
    );
}

fn tell_probabilities(lies: &mut Lies) {
    lies.tell(Part::Constraint(0, 0), "a probability off by one", |case| {
        case.add(PROBABILITY, 0, -1);
        case.multiply();
    });
    lies.tell(
        Part::Constraint(0, 1),
        "a probability less by one, the rest as large as the sum",
        |case| {
            let more = rest(case, 0) + Row::of(case).sum;
            case.add(PROBABILITY, 0, -1);
            case.set_chunks(REST, &SIZES, 0, more);
            case.multiply();
        },
    );
    lies.tell(Part::Constraint(0, 4), "the sum off by one", |case| {
        let mut row = Row::of(case);
        row.sum += 1;
        row.write(case);
    });
    lies.tell(
        Part::Lookup(0, 1),
        "a probability that is no integer",
        |case| {
            let row = Row::of(case);
            let more = rest(case, 0) + 1;
            case.set_chunks(REST, &SIZES, 0, more);
            case.set_chunks(COMPLEMENT, &SIZES, 0, row.sum - 1 - more);
            let exact = number(SCALE * row.exp[0] - more) * inverse(number(row.sum));
            case.set(PROBABILITY, 0, exact);
            case.multiply();
        },
    );
    for chunk in [0, 1] {
        lies.tell(
            Part::Lookup(0, 5 + chunk),
            "a probability more by one, the rest negative",
            |case| {
                let (less, sum) = (rest(case, 1) - Row::of(case).sum, Row::of(case).sum);
                case.add(PROBABILITY, 1, 1);
                case.set_in_chunk((REST, &SIZES), chunk, 1, number(less));
                case.set_chunks(COMPLEMENT, &SIZES, 1, sum - 1 - less);
                case.multiply();
            },
        );
        lies.tell(
            Part::Lookup(0, 7 + chunk),
            "a probability less by one, the complement negative",
            |case| {
                let (more, sum) = (rest(case, 0) + Row::of(case).sum, Row::of(case).sum);
                case.add(PROBABILITY, 0, -1);
                case.set_chunks(REST, &SIZES, 0, more);
                case.set_in_chunk((COMPLEMENT, &SIZES), chunk, 0, number(sum - 1 - more));
                case.multiply();
            },
        );
    }
}

fn tell_labels(lies: &mut Lies) {
    let (none, one) = (number(0), number(1));
    let half = inverse(number(2));
    lies.tell(Part::Constraint(0, 2), "hot on another class", |case| {
        set_class(case, HOT, [none, none, one]);
    });
    lies.tell(Part::Constraint(0, 2), "two hot halves", |case| {
        set_class(case, HOT, [half, half, none]);
    });
    lies.tell(Part::Constraint(0, 5), "nothing hot", |case| {
        set_class(case, HOT, [none; 3]);
    });
    lies.tell(Part::Constraint(0, 5), "half hot", |case| {
        set_class(case, HOT, [none, half, none]);
    });
    lies.tell_all("hot twice", |case| set_class(case, HOT, [one, one, none]));
}

#[test]
fn each_lie_about_a_softmax_gradient_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(model(), 3), &ROWS.concat()));
    tell_quotients_and_exponentials(&mut lies);
    tell_largest(&mut lies);
    tell_probabilities(&mut lies);
    tell_labels(&mut lies);
    tell_products(&mut lies);
    lies.finish();
}
