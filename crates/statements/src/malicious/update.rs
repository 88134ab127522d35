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

/// Where the parts of an update with noise stand: first witness matrix and first lookup, which have the same number.
struct Layout {
    carry: usize,
    binary: Part,
    above: usize,
    below: usize,
    coins: Vec<u64>,
}

impl Layout {
    fn of(statement: &UpdateStatement) -> Self {
        let rounding = if statement.shift > 0 { 3 } else { 0 };
        Self {
            carry: rounding,
            binary: Part::Constraint(0, if statement.shift > 0 { 2 } else { 1 }),
            above: rounding + 1,
            below: rounding + 9,
            coins: statement.coins().unwrap(),
        }
    }

    fn carry(&self) -> Matrix {
        Matrix::Witness(self.carry)
    }

    /// The drawn word of a place, as words, coins and carry have it.
    fn drawn(&self, case: &Case, place: usize) -> Field {
        let coin = Field::from(self.coins.get(place).copied().unwrap_or(0));
        case.get(WORDS, place) + power_of_two(63) + coin
            - power_of_two(64) * case.get(self.carry(), place)
    }

    /// Write the distances of a drawn word from the ends of `value`, their low 64 bits.
    fn write(&self, case: &mut Case, place: usize, value: i64, drawn: Field) {
        let distances = [
            (self.above, drawn - threshold(value)),
            (self.below, threshold(value + 1) - number(1) - drawn),
        ];
        for (first, distance) in distances {
            let bytes = cotrain_argument::field::to_bytes(&distance);
            for (chunk, byte) in bytes[..8].iter().enumerate() {
                let byte = number(i64::from(*byte));
                case.set(Matrix::Witness(first + chunk), place, byte);
            }
        }
    }

    /// Say that the noise of a place is `value`, all numbers being what they have to be.
    fn say(&self, case: &mut Case, place: usize, value: i64) {
        let drawn = self.drawn(case, place);
        self.write(case, place, value, drawn);
    }
}

/// Updates that are not the rounded gradient plus what was drawn.
fn tell_noise(lies: &mut Lies, layout: &Layout) {
    let pair = Part::Lookup(0, 0);
    let changes = [
        ("more by one", 0, 1),
        ("less by one, or noise doubled", 0, -1),
        ("noise omitted", 1, -1),
        ("the noise of another entry", 2, -1),
        ("noise beyond the table", 0, 1000),
    ];
    for (name, place, by) in changes {
        lies.tell(pair, name, |case| case.add(UPDATE, place, by));
    }
    lies.tell(pair, "noise halved", |case| {
        case.set(UPDATE, 0, case.get(UPDATE, 0) + inverse(number(2)));
    });
    lies.tell(pair, "another word under the commitment", |case| {
        case.add(WORDS, 0, 1 << 61);
    });
    lies.tell(pair, "noise drawn from other coins", |case| {
        // In place 1 the other coin draws 2.
        let other = layout.coins[1].wrapping_add(1 << 60);
        let (_, over) = words(&layout.coins)[1].overflowing_add(other);
        let carry = number(i64::from(over));
        let sum = case.get(WORDS, 1) + power_of_two(63) + Field::from(other);
        case.set(layout.carry(), 1, carry);
        case.add(UPDATE, 1, 1);
        layout.write(case, 1, 2, sum - power_of_two(64) * carry);
    });
    lies.tell(
        Part::Constraint(0, 0),
        "an update beyond its entries",
        |case| {
            // The word there draws 1.
            case.set(UPDATE, 3, number(1));
            case.set(WORDS, 3, threshold(1) - power_of_two(63));
            layout.say(case, 3, 1);
        },
    );
}

fn tell_carries(lies: &mut Lies, layout: &Layout) {
    lies.tell(layout.binary, "a carry that makes any noise", |case| {
        let wanted = threshold(2) + number(5);
        let excess = layout.drawn(case, 0) - wanted;
        let carry = case.get(layout.carry(), 0) + excess * inverse(power_of_two(64));
        case.set(layout.carry(), 0, carry);
        case.add(UPDATE, 0, 3);
        layout.say(case, 0, 2);
    });
    for carry in [2, -1] {
        lies.tell(layout.binary, "carry 2 or -1, word of 65 bits", |case| {
            let excess = number(carry) - case.get(layout.carry(), 0);
            case.set(layout.carry(), 0, number(carry));
            let word = case.get(WORDS, 0) + power_of_two(64) * excess;
            case.set(WORDS, 0, word);
        });
    }
    lies.tell_all("carry 2", |case| case.set(layout.carry(), 0, number(2)));
}

/// Distances from the ends of an interval in which the drawn word is not.
fn tell_distances(lies: &mut Lies, layout: &Layout) {
    for chunk in 0..8 {
        let part = Part::Lookup(0, layout.above + chunk);
        lies.tell(part, "noise more by one", |case| {
            layout.say(case, 0, 0);
            let above = layout.drawn(case, 0) - threshold(0);
            case.set_in_chunk((layout.above, &WIDE), chunk, 0, above);
            case.add(UPDATE, 0, 1);
        });
        let part = Part::Lookup(0, layout.below + chunk);
        lies.tell(part, "noise less by one", |case| {
            layout.say(case, 0, -2);
            let below = threshold(-1) - number(1) - layout.drawn(case, 0);
            case.set_in_chunk((layout.below, &WIDE), chunk, 0, below);
            case.add(UPDATE, 0, -1);
        });
    }
}

fn tell_draws(lies: &mut Lies, statement: &UpdateStatement) {
    let layout = Layout::of(statement);
    tell_noise(lies, &layout);
    tell_carries(lies, &layout);
    tell_distances(lies, &layout);
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
    tell_draws(&mut lies, &statement);
    tell_rounding(&mut lies, 1);
    lies.finish();
}

#[test]
fn each_lie_about_a_noisy_update_is_refused_by_one_part_alone() {
    let statement = statement(0, true);
    let mut lies = Lies::about(honest(&statement));
    tell_draws(&mut lies, &statement);
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
