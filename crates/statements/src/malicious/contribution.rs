//! Lies about a score: its sum, its rounding and its noise (S8).

use super::{Case, Lies, Part, inverse, number};
use crate::contribution::{ContributionStatement, ContributionWitness, inner_product};
use crate::update::NoiseTerms;
use cotrain_argument::field::power_of_two;
use cotrain_argument::{Field, Matrix};
use cotrain_commitment::Blindings;
use curve25519_dalek::Scalar;

const SHIFT: u32 = 12;
/// Thresholds of -2, -1, 0, 1, 2.
const THRESHOLDS: [u64; 5] = [0, 1 << 60, 1 << 62, 3 << 62, 15 << 60];
const RADIUS: i64 = 2;
const WIDE: [u32; 8] = [8; 8];
const REST: [u32; 2] = [6, 6];
const GRADIENTS: [i32; 6] = [1000, -2000, 3000, -70_000, 5, 0];
const UPDATES: [[i64; 3]; 2] = [[20, -31, 7], [2, 1 << 20, -9]];
/// The update of the first round, and the words.
const UPDATE: Matrix = Matrix::Input(0);
const WORDS: Matrix = Matrix::Input(2);

fn statement(shift: u32, noise: bool) -> ContributionStatement {
    let updates = UPDATES.map(|update| update.to_vec());
    let half = (1 << shift) >> 1;
    let rounded = (inner_product(&GRADIENTS, &updates) + half) >> shift;
    ContributionStatement {
        context: b"malicious".to_vec(),
        rounds: 2,
        entries: 3,
        gradients: GRADIENTS.to_vec(),
        shift,
        noise: noise.then(|| NoiseTerms {
            thresholds: THRESHOLDS.to_vec(),
            table_name: [5; 32],
            coins: [6; 32],
        }),
        // The word draws -1.
        score: i64::try_from(rounded).unwrap() - i64::from(noise),
    }
}

fn honest(statement: &ContributionStatement) -> Case {
    let plan = statement.plan().unwrap();
    let updates = UPDATES.map(|update| update.to_vec());
    let blindings = [3_u64, 4].map(|secret| Blindings::new(vec![Scalar::from(secret)]));
    let drawn: u64 = (1 << 60) + 12_345;
    let words = [drawn.wrapping_sub(statement.coin().unwrap()), 17, 1 << 63];
    let words: &[u64] = if statement.noise.is_some() {
        &words
    } else {
        &[]
    };
    let secret = ContributionWitness {
        updates: &updates,
        update_blindings: &blindings,
        words,
        word_blindings: &[Scalar::from(5_u64)],
    };
    let witness = statement.witness(&plan, &secret).unwrap();
    Case::new(plan.system, witness, statement.transcript())
}

fn threshold(value: i64) -> Field {
    let place = usize::try_from(value + RADIUS).unwrap();
    THRESHOLDS
        .get(place)
        .map_or(power_of_two(64), |&threshold| Field::from(threshold))
}

/// Where the parts of a noisy score stand: numbers of witness matrices.
struct Layout {
    noise: usize,
    coin: u64,
    /// The lookup of the first chunk of `above`.
    above_lookup: usize,
}

impl Layout {
    fn of(statement: &ContributionStatement) -> Self {
        let rests = if statement.shift > 0 { REST.len() } else { 0 };
        Self {
            noise: rests,
            coin: statement.coin().unwrap(),
            above_lookup: 1 + rests,
        }
    }

    fn value(&self) -> Matrix {
        Matrix::Witness(self.noise)
    }

    fn carry(&self) -> Matrix {
        Matrix::Witness(self.noise + 1)
    }

    fn above(&self) -> usize {
        self.noise + 2
    }

    fn below(&self) -> usize {
        self.noise + 10
    }

    fn drawn(&self, case: &Case) -> Field {
        case.get(WORDS, 0) + power_of_two(63) + Field::from(self.coin)
            - power_of_two(64) * case.get(self.carry(), 0)
    }

    /// Write the distances of the drawn word from the ends of `value`, their low 64 bits, and the value itself.
    fn say(&self, case: &mut Case, value: i64) {
        let drawn = self.drawn(case);
        let distances = [
            (self.above(), drawn - threshold(value)),
            (self.below(), threshold(value + 1) - number(1) - drawn),
        ];
        for (first, distance) in distances {
            let bytes = cotrain_argument::field::to_bytes(&distance);
            for (chunk, byte) in bytes[..8].iter().enumerate() {
                let byte = number(i64::from(*byte));
                case.set(Matrix::Witness(first + chunk), 0, byte);
            }
        }
        self.set_value(case, value);
    }

    /// Change the noise, and the remainder so that the sum stays what the score says.
    fn set_value(&self, case: &mut Case, value: i64) {
        case.set(self.value(), 0, number(value));
    }
}

/// Let the sum follow a changed noise: the last entry of the first round has the gradient 3000.
fn balance(case: &mut Case, shift: u32, change: i64) {
    let by = number(change) * power_of_two(shift) * inverse(number(3000));
    case.set(UPDATE, 2, case.get(UPDATE, 2) - by);
}

fn tell_sums(lies: &mut Lies) {
    let sum = Part::Constraint(0, 0);
    lies.tell(sum, "another update of the first round", |case| {
        case.add(UPDATE, 0, 1);
    });
    lies.tell(sum, "another update of the last round", |case| {
        case.add(Matrix::Input(1), 1, -1);
    });
    lies.allow("an entry whose gradient is 0", |case| {
        case.add(Matrix::Input(1), 2, 1000);
    });
    lies.allow("an entry beyond the update, whose gradient is 0", |case| {
        case.add(UPDATE, 3, 1000);
    });
    lies.allow("two updates with the same score", |case| {
        case.add(UPDATE, 0, 2);
        case.add(UPDATE, 1, 1);
    });
}

fn tell_rounding(lies: &mut Lies, first_lookup: usize) {
    lies.tell(Part::Constraint(0, 0), "a remainder more by one", |case| {
        case.add(Matrix::Witness(0), 0, 1);
    });
    for chunk in 0..REST.len() {
        for (rest, name) in [(1 << SHIFT, "2^k"), (-1, "less than 0")] {
            lies.tell(Part::Lookup(1, first_lookup + chunk), name, |case| {
                let old = case.get(Matrix::Witness(0), 0)
                    + number(1 << REST[0]) * case.get(Matrix::Witness(1), 0);
                case.set_in_chunk((0, &REST), chunk, 0, number(rest));
                let by = (number(rest) - old) * inverse(number(3000));
                case.set(UPDATE, 2, case.get(UPDATE, 2) + by);
            });
        }
    }
}

fn tell_noise(lies: &mut Lies, layout: &Layout, shift: u32) {
    let pair = Part::Lookup(1, 0);
    for (name, value) in [("noise omitted", 0), ("less noise", -2), ("beyond", 1000)] {
        lies.tell(pair, name, |case| {
            layout.set_value(case, value);
            balance(case, shift, value + 1);
        });
    }
    lies.tell(pair, "another word under the commitment", |case| {
        case.add(WORDS, 0, 1 << 61);
    });
    lies.allow("the other words", |case| {
        case.add(WORDS, 1, 5);
        case.set(WORDS, 2, number(-1));
        case.set(WORDS, 3, number(9));
    });
    lies.tell(Part::Constraint(0, 0), "another noise in the sum", |case| {
        // The word draws 0, and the sum is left as it was.
        let word = threshold(0) + number(5) - layout.drawn(case);
        case.set(WORDS, 0, case.get(WORDS, 0) + word);
        layout.say(case, 0);
    });
}

fn tell_draws(lies: &mut Lies, layout: &Layout, shift: u32) {
    let binary = Part::Constraint(1, 0);
    lies.tell(binary, "a carry that makes any noise", |case| {
        let excess = layout.drawn(case) - threshold(2) - number(5);
        let carry = case.get(layout.carry(), 0) + excess * inverse(power_of_two(64));
        case.set(layout.carry(), 0, carry);
        layout.say(case, 2);
        balance(case, shift, 3);
    });
    for chunk in 0..WIDE.len() {
        let part = Part::Lookup(1, layout.above_lookup + chunk);
        lies.tell(part, "noise more by one", |case| {
            layout.say(case, 0);
            let above = layout.drawn(case) - threshold(0);
            case.set_in_chunk((layout.above(), &WIDE), chunk, 0, above);
            balance(case, shift, 1);
        });
        let part = Part::Lookup(1, layout.above_lookup + WIDE.len() + chunk);
        lies.tell(part, "noise less by one", |case| {
            layout.say(case, -2);
            let below = threshold(-1) - number(1) - layout.drawn(case);
            case.set_in_chunk((layout.below(), &WIDE), chunk, 0, below);
            balance(case, shift, -1);
        });
    }
}

#[test]
fn each_lie_about_a_noisy_score_is_refused_by_one_part_alone() {
    for shift in [SHIFT, 0] {
        let statement = statement(shift, true);
        let layout = Layout::of(&statement);
        let mut lies = Lies::about(honest(&statement));
        tell_sums(&mut lies);
        tell_noise(&mut lies, &layout, shift);
        tell_draws(&mut lies, &layout, shift);
        if shift > 0 {
            tell_rounding(&mut lies, 1);
        }
        lies.finish();
    }
}

#[test]
fn each_lie_about_a_score_without_noise_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(SHIFT, false)));
    tell_sums(&mut lies);
    tell_rounding(&mut lies, 0);
    lies.finish();
    let mut lies = Lies::about(honest(&statement(0, false)));
    tell_sums(&mut lies);
    lies.finish();
}
