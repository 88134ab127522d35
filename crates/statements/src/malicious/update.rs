//! Lies about an update: its rounding (S4) and its noise (S3).

use super::{Case, Lies, Part, inverse, number};
use crate::update::{NoiseTerms, UpdateStatement, UpdateWitness};
use cotrain_argument::field::power_of_two;
use cotrain_argument::{Field, Matrix};
use cotrain_noise::{Table, apply};
use curve25519_dalek::Scalar;

const GRADIENT: Matrix = Matrix::Input(0);
const UPDATE: Matrix = Matrix::Input(1);
const WORDS: Matrix = Matrix::Input(2);
const SHIFT: u32 = 5;
const BOUND_BITS: u32 = 12;
/// Thresholds of -2, -1, 0, 1, 2.
const THRESHOLDS: [u64; 5] = [0, 1 << 60, 1 << 62, 3 << 62, 15 << 60];
const RADIUS: i64 = 2;
const GRADIENTS: [i64; 3] = [100, -37, 2000];
const WIDE: [u32; 8] = [8; 8];
const ROUNDED: [u32; 2] = [6, 6];

fn statement(shift: u32, noise: bool) -> UpdateStatement {
    UpdateStatement {
        context: b"malicious".to_vec(),
        entries: 3,
        shift,
        bound_bits: BOUND_BITS,
        noise: noise.then(|| NoiseTerms {
            thresholds: THRESHOLDS.to_vec(),
            table_name: [5; 32],
            coins: [6; 32],
        }),
    }
}

/// Words that draw -1, 1, 0 with the coins of the statement.
fn words(coins: &[u64]) -> Vec<u64> {
    let drawn = [(1 << 60) + 12345, (3 << 62) + 1, 1 << 63];
    drawn
        .iter()
        .zip(coins)
        .map(|(drawn, coin): (&u64, &u64)| drawn.wrapping_sub(*coin))
        .collect()
}

fn noise(words: &[u64], coins: &[u64]) -> Vec<i64> {
    let drawn: Vec<u64> = words
        .iter()
        .zip(coins)
        .map(|(w, c)| w.wrapping_add(*c))
        .collect();
    apply(&Table::new(&THRESHOLDS).unwrap(), &drawn).unwrap()
}

fn honest(statement: &UpdateStatement) -> Case {
    let coins = statement.coins().unwrap();
    let plan = statement.plan(&coins).unwrap();
    let words = words(&coins);
    let mut update: Vec<i64> = GRADIENTS
        .iter()
        .map(|g| (g + ((1 << statement.shift) >> 1)) >> statement.shift)
        .collect();
    if statement.noise.is_some() {
        let drawn = noise(&words, &coins);
        assert_eq!(drawn, [-1, 1, 0]);
        update.iter_mut().zip(drawn).for_each(|(sum, x)| *sum += x);
    }
    let blindings = [Scalar::from(3_u64)];
    let secret = UpdateWitness {
        gradient: &GRADIENTS,
        gradient_blindings: &blindings,
        update: &update,
        update_blindings: &blindings,
        words: &words,
        word_blindings: &blindings,
    };
    let witness = statement.witness(&plan, &secret, &coins).unwrap();
    Case::new(plan.system, witness, statement.transcript())
}

fn threshold(value: i64) -> Field {
    let place = usize::try_from(value + RADIUS).unwrap();
    THRESHOLDS
        .get(place)
        .map_or(power_of_two(64), |&threshold| Field::from(threshold))
}

/// Where the parts of an update with noise stand: first witness matrix and first lookup.
struct Layout {
    carry: usize,
    first_constraint: usize,
    above: (usize, usize),
    below: (usize, usize),
}

impl Layout {
    fn of(shift: u32) -> Self {
        let rounding = if shift > 0 { 3 } else { 0 };
        Self {
            carry: rounding,
            first_constraint: if shift > 0 { 2 } else { 1 },
            above: (rounding + 1, rounding + 1),
            below: (rounding + 9, rounding + 9),
        }
    }

    fn carry(&self) -> Matrix {
        Matrix::Witness(self.carry)
    }

    /// The drawn word of a place, as words, coins and carry have it.
    fn drawn(&self, case: &Case, coins: &[u64], place: usize) -> Field {
        let coin = Field::from(coins.get(place).copied().unwrap_or(0));
        case.get(WORDS, place) + power_of_two(63) + coin
            - power_of_two(64) * case.get(self.carry(), place)
    }

    /// Say that the noise of a place is `value`, all numbers being what they have to be.
    fn say(&self, case: &mut Case, coins: &[u64], place: usize, value: i64) {
        let drawn = self.drawn(case, coins, place);
        let distances = [
            (self.above.0, drawn - threshold(value)),
            (self.below.0, threshold(value + 1) - number(1) - drawn),
        ];
        for (first, distance) in distances {
            let bytes = cotrain_argument::field::to_bytes(&distance);
            for (chunk, byte) in bytes[..8].iter().enumerate() {
                case.set(
                    Matrix::Witness(first + chunk),
                    place,
                    number(i64::from(*byte)),
                );
            }
        }
    }
}

fn tell_noise(lies: &mut Lies, statement: &UpdateStatement) {
    let layout = Layout::of(statement.shift);
    let coins = statement.coins().unwrap();
    let pair = Part::Lookup(0, 0);
    for by in [-1, 1] {
        lies.tell(pair, "an update off by one", |case| case.add(UPDATE, 0, by));
    }
    lies.tell(pair, "noise omitted", |case| {
        case.add(UPDATE, 0, 1);
        case.add(UPDATE, 1, -1);
    });
    lies.tell(pair, "noise doubled", |case| case.add(UPDATE, 0, -1));
    lies.tell(pair, "noise halved", |case| {
        case.set(UPDATE, 0, case.get(UPDATE, 0) + inverse(number(2)));
    });
    lies.tell(pair, "the noise of another entry", |case| {
        case.add(UPDATE, 2, -1)
    });
    lies.tell(pair, "noise beyond the table", |case| {
        case.add(UPDATE, 0, 1000)
    });
    lies.tell(pair, "another word under the commitment", |case| {
        case.add(WORDS, 0, 1 << 61)
    });
    lies.tell(pair, "noise drawn from other coins", |case| {
        // In place 1 the other coin draws 2.
        let other = coins[1].wrapping_add(1 << 60);
        let drawn = number(0) + case.get(WORDS, 1) + power_of_two(63) + Field::from(other);
        let carry = if u64::MAX - other < words(&coins)[1] {
            1
        } else {
            0
        };
        let drawn = drawn - power_of_two(64) * number(carry);
        case.set(layout.carry(), 1, number(carry));
        case.add(UPDATE, 1, 1);
        let distances = [
            (layout.above.0, drawn - threshold(2)),
            (layout.below.0, threshold(3) - number(1) - drawn),
        ];
        for (first, distance) in distances {
            let bytes = cotrain_argument::field::to_bytes(&distance);
            for (chunk, byte) in bytes[..8].iter().enumerate() {
                case.set(Matrix::Witness(first + chunk), 1, number(i64::from(*byte)));
            }
        }
    });
    let binary = Part::Constraint(0, layout.first_constraint);
    lies.tell(binary, "a carry that makes any noise", |case| {
        let wanted = threshold(2) + number(5);
        let excess = layout.drawn(case, &coins, 0) - wanted;
        let carry = case.get(layout.carry(), 0) + excess * inverse(power_of_two(64));
        case.set(layout.carry(), 0, carry);
        case.add(UPDATE, 0, 3);
        layout.say(case, &coins, 0, 2);
    });
    for carry in [2, -1] {
        lies.tell(binary, "carry 2 or -1, with a word of 65 bits", |case| {
            let excess = number(carry) - case.get(layout.carry(), 0);
            case.set(layout.carry(), 0, number(carry));
            case.set(WORDS, 0, case.get(WORDS, 0) + power_of_two(64) * excess);
        });
    }
    lies.tell_all("carry 2", |case| case.set(layout.carry(), 0, number(2)));
    for chunk in 0..8 {
        lies.tell(
            Part::Lookup(0, layout.above.1 + chunk),
            "noise more by one",
            |case| {
                layout.say(case, &coins, 0, 0);
                let above = layout.drawn(case, &coins, 0) - threshold(0);
                case.set_in_chunk((layout.above.0, &WIDE), chunk, 0, above);
                case.add(UPDATE, 0, 1);
            },
        );
        lies.tell(
            Part::Lookup(0, layout.below.1 + chunk),
            "noise less by one",
            |case| {
                layout.say(case, &coins, 0, -2);
                let below = threshold(-1) - number(1) - layout.drawn(case, &coins, 0);
                case.set_in_chunk((layout.below.0, &WIDE), chunk, 0, below);
                case.add(UPDATE, 0, -1);
            },
        );
    }
    lies.tell(
        Part::Constraint(0, 0),
        "an update beyond its entries",
        |case| {
            // The word there draws 1.
            case.set(UPDATE, 3, number(1));
            case.set(WORDS, 3, threshold(1) - power_of_two(63));
            layout.say(case, &coins, 3, 1);
        },
    );
}

fn tell_rounding(lies: &mut Lies, first_lookup: usize) {
    lies.tell(
        Part::Constraint(0, 1),
        "a gradient rounded off by one",
        |case| {
            case.add(Matrix::Witness(1), 0, 1);
            case.add(UPDATE, 0, 1);
        },
    );
    lies.tell(
        Part::Constraint(0, 1),
        "another gradient under the commitment",
        |case| {
            case.add(GRADIENT, 0, 1);
        },
    );
    for by in [-1, 1] {
        lies.tell(
            Part::Lookup(0, first_lookup),
            "a remainder of 2^k or less than 0",
            |case| {
                case.add(Matrix::Witness(0), 0, -by << SHIFT);
                case.add(Matrix::Witness(1), 0, by);
                case.add(UPDATE, 0, by);
            },
        );
    }
    for chunk in [0, 1] {
        for (rounded, name) in [
            (1_i64 << 11, "the bound"),
            (-(1 << 11) - 1, "minus the bound, and one more"),
        ] {
            lies.tell(Part::Lookup(0, first_lookup + 1 + chunk), name, |case| {
                let old =
                    number(64) * case.get(Matrix::Witness(2), 0) + case.get(Matrix::Witness(1), 0);
                let biased = number(rounded + (1 << 11));
                case.set_in_chunk((1, &ROUNDED), chunk, 0, biased);
                case.set(UPDATE, 0, case.get(UPDATE, 0) + biased - old);
                let difference = (biased - old) * number(1 << SHIFT);
                case.set(GRADIENT, 0, case.get(GRADIENT, 0) + difference);
            });
        }
    }
}

#[test]
fn each_lie_about_a_rounded_and_noisy_update_is_refused_by_one_part_alone() {
    let statement = statement(SHIFT, true);
    let mut lies = Lies::about(honest(&statement));
    tell_noise(&mut lies, &statement);
    tell_rounding(&mut lies, 1);
    lies.finish();
}

#[test]
fn each_lie_about_a_noisy_update_is_refused_by_one_part_alone() {
    let statement = statement(0, true);
    let mut lies = Lies::about(honest(&statement));
    tell_noise(&mut lies, &statement);
    lies.finish();
}

#[test]
fn each_lie_about_a_rounded_update_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(SHIFT, false)));
    tell_rounding(&mut lies, 0);
    for by in [-1, 1, 1 << 40] {
        lies.tell(
            Part::Constraint(0, 2),
            "an update that is not the rounded gradient",
            |case| {
                case.add(UPDATE, 0, by);
            },
        );
    }
    lies.tell(
        Part::Constraint(0, 0),
        "an update beyond its entries",
        |case| {
            case.set(GRADIENT, 3, number(1 << SHIFT));
            case.add(Matrix::Witness(1), 3, 1);
            case.set(UPDATE, 3, number(1));
        },
    );
    lies.finish();
}

#[test]
fn each_lie_about_a_plain_update_is_refused_by_one_part_alone() {
    let mut lies = Lies::about(honest(&statement(0, false)));
    lies.tell(
        Part::Constraint(0, 1),
        "an update that is not the gradient",
        |case| {
            case.add(UPDATE, 2, 1);
        },
    );
    lies.tell(
        Part::Constraint(0, 1),
        "another gradient under the commitment",
        |case| {
            case.add(GRADIENT, 0, -1);
        },
    );
    lies.tell(
        Part::Constraint(0, 0),
        "an update beyond its entries",
        |case| {
            case.set(GRADIENT, 3, number(1));
            case.set(UPDATE, 3, number(1));
        },
    );
    lies.finish();
}
